"""Scripted misfortune at the Flow Service emulator, in the vendor's own words."""

import http.client
from concurrent.futures import ThreadPoolExecutor

import pytest
from adobe_stage import HOUR, Stage, schedule, staged


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "FLOW-1100-400"),
        (403, "FLOW-2118-403"),
        (500, "FLOW-1400-500"),
        (503, "FLOW-1103-503"),
        (504, "FLOW-1104-504"),
    ],
)
def test_a_scripted_error_has_the_envelope_of_the_service(status: int, code: str) -> None:
    with staged() as stage:
        stage.emulator.world.faults.answer("GET /flows", status)
        reply = stage.get("/flows")

        assert [reply.status, reply.code] == [status, code]
        assert stage.get("/flows").status == 200


def test_a_scripted_401_and_429_come_from_the_gateway() -> None:
    with staged() as stage:
        stage.emulator.world.faults.answer("GET /flows", 401)
        stage.emulator.world.faults.answer("GET /flows", 429, retry_after=7, nth=2)
        replies = [stage.get("/flows"), stage.get("/flows")]

        assert [reply.body["error_code"] for reply in replies] == ["401013", "429050"]
        assert replies[1].headers["retry-after"] == "7"


def test_a_login_can_fail_too() -> None:
    with staged() as stage:
        stage.emulator.world.faults.answer("POST /ims/token/v3", 503)

        assert [stage.login().status, stage.login().status] == [503, 200]


def test_a_lost_reply_leaves_the_object_behind() -> None:
    with staged() as stage:
        stage.emulator.world.faults.cut_after_write("POST /connections")
        with pytest.raises((http.client.HTTPException, OSError)):
            stage.connection()

        assert len(stage.get("/connections").body["items"]) == 1


def test_a_request_that_was_cut_before_it_was_done_leaves_nothing() -> None:
    with staged() as stage:
        stage.emulator.world.faults.cut_before_write("POST /connections")
        with pytest.raises((http.client.HTTPException, OSError)):
            stage.connection()

        assert stage.get("/connections").body["items"] == []


def test_somebody_else_can_be_faster_than_a_patch() -> None:
    with staged() as stage:
        flow = stage.flow()
        faults = stage.emulator.world.faults
        faults.call("PATCH /flows/*", lambda: stage.emulator.edit("flows", flow, {"name": "faster"}))

        assert stage.replace(f"/flows/{flow}", "/name", "slower").code == "FLOW-1404-412"
        assert stage.get(f"/flows/{flow}").item["name"] == "faster"


def test_a_list_can_be_short() -> None:
    with staged() as stage:
        stage.connection()
        stage.connection()
        stage.emulator.world.faults.short_page("GET /connections")

        assert [len(stage.get("/connections").body["items"]) for _ in range(2)] == [1, 2]


def test_tokens_can_expire_in_the_middle() -> None:
    with staged() as stage:
        stage.emulator.world.faults.expire_tokens("GET /flows", nth=2)

        assert [stage.get("/flows").status for _ in range(2)] == [200, 401]


def test_the_log_knows_which_requests_wrote() -> None:
    with staged() as stage:
        id = stage.connection()
        stage.get(f"/connections/{id}")
        stage.post("/connections", {"name": "refused"})
        stage.replace(f"/connections/{id}", "/name", "renamed")
        stage.post("/connections/search", {})
        stage.delete(f"/connections/{id}")
        stage.login()
        entries = [entry for entry in stage.emulator.world.log.entries() if "/connections" in entry.path]

        assert [entry.method for entry in entries if entry.wrote] == ["POST", "PATCH", "DELETE"]
        assert len(stage.emulator.world.log.writes()) == 3


def test_a_schedule_can_be_changed_in_part_in_the_ui() -> None:
    with staged() as stage:
        flow = stage.flow()
        stage.emulator.edit("flows", flow, {"scheduleParams": {"interval": 12}})
        made = stage.emulator.insert("flows", {"scheduleParams": {"interval": 1}})
        stage.emulator.advance(14 * HOUR)

        assert stage.get(f"/flows/{flow}").item["scheduleParams"] == schedule(interval=12)
        assert len(stage.runs(flow)) == 2
        assert stage.get(f"/flows/{made['id']}").item["scheduleParams"]["timeUnit"] == "day"


def test_many_clients_at_once_get_an_object_each() -> None:
    with staged() as stage:

        def make(number: int) -> str:
            own = Stage(stage.emulator, stage.server, "prod")
            try:
                return own.connection(name=f"account {number}")
            finally:
                own.close()

        with ThreadPoolExecutor(8) as pool:
            ids = list(pool.map(make, range(40)))

        assert len(set(ids)) == 40
        assert len(stage.all("/connections")) == 40
