"""Scripted faults, seen from the other end of a real socket."""

import http.client
import json
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
from emulator_stage import ORGANIZATION, S3, Stage, staged

from reconciler.emulator import Effect, Fault

PATH = "/v1/exports/destinations"
CREATE = "POST /exports/destinations"
LIST = "GET /exports/destinations"


def held(stage: Stage) -> int:
    return len(stage.emulator.objects("destinations"))


def test_a_status_is_answered_before_anything_is_written() -> None:
    with staged() as stage:
        stage.emulator.world.faults.answer(CREATE, 503)
        reply = stage.call("POST", PATH, S3)

        assert (reply.status, held(stage)) == (503, 0)


def test_the_answer_of_a_fault_is_the_vendors_own_error() -> None:
    with staged() as stage:
        stage.emulator.world.faults.answer(CREATE, 500)

        assert stage.call("POST", PATH, S3).body["name"] == "GeneralError"


def test_a_fault_may_bring_its_own_body_and_headers() -> None:
    with staged() as stage:
        stage.emulator.world.faults.answer(CREATE, 418, body={"tea": True}, headers={"X-Pot": "short"})
        reply = stage.call("POST", PATH, S3)

        assert (reply.status, reply.body, reply.headers["x-pot"]) == (418, {"tea": True}, "short")


def test_a_fault_strikes_once_unless_told_otherwise() -> None:
    with staged() as stage:
        stage.emulator.world.faults.answer(CREATE, 500)

        assert [stage.call("POST", PATH, S3).status for _ in range(2)] == [500, 201]


def test_a_fault_strikes_the_nth_request_and_as_often_as_told() -> None:
    with staged() as stage:
        stage.emulator.world.faults.answer(CREATE, 500, nth=2, times=2)

        assert [stage.call("POST", PATH, S3).status for _ in range(4)] == [201, 500, 500, 201]


def test_a_fault_can_strike_for_ever() -> None:
    with staged() as stage:
        stage.emulator.world.faults.answer(CREATE, 500, times=None)

        assert [stage.call("POST", PATH, S3).status for _ in range(3)] == [500, 500, 500]


def test_a_fault_strikes_only_its_route() -> None:
    with staged() as stage:
        stage.emulator.world.faults.answer(CREATE, 500)

        assert stage.call("GET", PATH).status == 200


def test_stars_in_a_route_stand_for_anything() -> None:
    with staged() as stage:
        stage.emulator.world.faults.answer("* /exports/*", 500, times=2)

        assert [stage.call("GET", PATH).status, stage.call("DELETE", f"{PATH}/x").status] == [500, 500]


def test_retry_after_comes_in_seconds() -> None:
    with staged() as stage:
        stage.emulator.world.faults.answer(LIST, 429, retry_after=7)

        assert stage.call("GET", PATH).headers["retry-after"] == "7"


def test_retry_after_comes_as_a_date() -> None:
    with staged() as stage:
        stage.emulator.world.faults.answer(LIST, 429, retry_after=datetime(2026, 1, 5, 8, 0, 7, tzinfo=UTC))

        assert stage.call("GET", PATH).headers["retry-after"] == "Mon, 05 Jan 2026 08:00:07 GMT"


def test_a_429_may_come_without_retry_after() -> None:
    with staged() as stage:
        stage.emulator.world.faults.answer(LIST, 429)
        reply = stage.call("GET", PATH)

        assert reply.status == 429
        assert "retry-after" not in reply.headers


def test_a_status_is_answered_after_the_write() -> None:
    with staged() as stage:
        stage.emulator.world.faults.answer_after_write(CREATE, 500)
        reply = stage.call("POST", PATH, S3)

        assert (reply.status, held(stage)) == (500, 1)


def test_a_connection_cut_before_the_write_leaves_nothing_behind() -> None:
    with staged() as stage:
        stage.emulator.world.faults.cut_before_write(CREATE)
        with pytest.raises(http.client.RemoteDisconnected):
            stage.call("POST", PATH, S3)

        assert held(stage) == 0


def test_a_connection_cut_after_the_write_leaves_an_object_behind() -> None:
    with staged() as stage:
        stage.emulator.world.faults.cut_after_write(CREATE)
        with pytest.raises(http.client.RemoteDisconnected):
            stage.call("POST", PATH, S3)

        assert held(stage) == 1


def test_a_cut_sends_not_a_single_byte() -> None:
    with staged() as stage:
        stage.emulator.world.faults.cut_after_write("GET /quotas")
        request = f"GET /quotas HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {stage.token()}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", stage.server.port), timeout=10) as raw:
            raw.sendall(request.encode())
            received = raw.recv(4096)

        assert received == b""


def test_a_connection_cut_in_the_reply_gives_half_of_it() -> None:
    with staged() as stage:
        stage.emulator.world.faults.cut_in_reply(CREATE)
        with pytest.raises(http.client.IncompleteRead) as half:
            stage.call("POST", PATH, S3)

        assert len(half.value.partial) > 10
        assert held(stage) == 1


def test_a_cut_connection_harms_no_other() -> None:
    with staged() as stage:
        stage.call("GET", PATH)
        stage.emulator.world.faults.cut_before_write("POST /sessions")
        other = http.client.HTTPConnection("127.0.0.1", stage.server.port, timeout=10)
        other.request("POST", "/sessions", b"{}")
        with pytest.raises(http.client.RemoteDisconnected):
            other.getresponse()
        other.close()

        assert stage.call("GET", PATH).status == 200


def test_a_delay_outlasts_an_impatient_client() -> None:
    with staged() as stage:
        stage.emulator.world.faults.delay(CREATE, 0.5, after_write=True)
        impatient = http.client.HTTPConnection("127.0.0.1", stage.server.port, timeout=0.1)
        impatient.request("POST", PATH, json.dumps(S3).encode(), {"Authorization": f"Bearer {stage.token()}"})
        with pytest.raises(TimeoutError):
            impatient.getresponse()
        impatient.close()

        assert held(stage) == 1


def test_a_delay_holds_up_nobody_else() -> None:
    with staged() as stage:
        stage.emulator.world.faults.delay(CREATE, 5.0)
        slow = http.client.HTTPConnection("127.0.0.1", stage.server.port, timeout=10)
        slow.request("POST", PATH, json.dumps(S3).encode(), {"Authorization": f"Bearer {stage.token()}"})
        start = time.monotonic()
        status = stage.call("GET", PATH).status
        slow.close()

        assert status == 200
        assert time.monotonic() - start < 2


def test_a_web_page_comes_instead_of_json() -> None:
    with staged() as stage:
        stage.emulator.world.faults.html(LIST)
        reply = stage.call("GET", PATH)

        assert reply.status == 200
        assert reply.headers["content-type"].startswith("text/html")
        assert reply.raw.startswith(b"<!DOCTYPE html>")


def test_json_ends_in_the_middle() -> None:
    with staged() as stage:
        stage.emulator.world.faults.broken_json(LIST)
        reply = stage.call("GET", PATH)

        assert reply.status == 200
        assert reply.raw.startswith(b'{"total"')
        assert reply.body is None


def test_a_short_page_keeps_the_true_total() -> None:
    with staged() as stage:
        for _ in range(3):
            stage.destination()
        stage.emulator.world.faults.short_page(LIST, drop=2)
        body = stage.call("GET", PATH).body

        assert (len(body["data"]), body["total"]) == (1, 3)


def test_a_consistent_short_page_lies_about_the_total_too() -> None:
    with staged() as stage:
        for _ in range(3):
            stage.destination()
        stage.emulator.world.faults.short_page(LIST, drop=2, consistent=True)
        body = stage.call("GET", PATH).body

        assert (len(body["data"]), body["total"]) == (1, 1)


def test_a_short_page_works_without_an_envelope() -> None:
    with staged(bare_array="true") as stage:
        stage.destination()
        stage.emulator.world.faults.short_page(LIST)

        assert stage.call("GET", PATH).body == []


def test_every_token_expires_at_once() -> None:
    with staged() as stage:
        stage.emulator.world.faults.expire_tokens(LIST)
        old = stage.call("GET", PATH).status
        fresh = stage.login().body["access_token"]

        assert old == 401
        assert stage.call("GET", PATH, headers={"Authorization": f"Bearer {fresh}"}).status == 200


def test_a_redirect_leads_to_another_host_and_writes_nothing() -> None:
    with staged() as stage:
        stage.emulator.world.faults.redirect(CREATE, "http://elsewhere.example")
        reply = stage.call("POST", PATH, S3)

        assert (reply.status, held(stage)) == (307, 0)
        assert reply.headers["location"] == f"http://elsewhere.example{PATH}"


def test_a_function_is_called_before_the_write() -> None:
    with staged() as stage:
        seen: list[int] = []
        stage.emulator.world.faults.call(CREATE, lambda: seen.append(held(stage)))
        stage.call("POST", PATH, S3)

        assert seen == [0]


def test_a_function_is_called_after_the_write_and_before_the_reply() -> None:
    with staged() as stage:
        seen: list[object] = []
        world = stage.emulator.world
        world.faults.call(CREATE, lambda: seen.append((held(stage), world.log.writes()[0].status)), after_write=True)
        reply = stage.call("POST", PATH, S3)

        assert seen == [(1, None)]
        assert reply.status == 201


def test_a_function_may_talk_to_the_same_emulator() -> None:
    with staged() as stage:
        other = Stage(stage.emulator, stage.server)
        seen: list[int] = []
        stage.emulator.world.faults.call(CREATE, lambda: seen.append(other.call("GET", PATH).status))
        stage.call("POST", PATH, S3)
        other.close()

        assert seen == [200]


def test_a_function_that_fails_becomes_an_error_of_the_vendor() -> None:
    def fail() -> None:
        raise RuntimeError("on purpose")

    with staged() as stage:
        stage.emulator.world.faults.call(CREATE, fail)

        assert stage.call("POST", PATH, S3).status == 500


CLIENT = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
connection.request("POST", sys.argv[2], sys.argv[3].encode(), {"Authorization": "Bearer " + sys.argv[4]})
print(connection.getresponse().status)
"""


def test_a_client_can_be_killed_between_the_write_and_the_reply() -> None:
    with staged() as stage:
        started: list[subprocess.Popen[bytes]] = []

        def kill() -> None:
            started[0].kill()

        stage.emulator.world.faults.call(CREATE, kill, after_write=True)
        arguments = [str(stage.server.port), PATH, json.dumps(S3), stage.token()]
        client = subprocess.Popen([sys.executable, "-c", CLIENT, *arguments], stdout=subprocess.PIPE)
        started.append(client)
        printed, _ = client.communicate(timeout=20)

        assert (client.returncode, printed) == (-9, b"")
        assert held(stage) == 1
        assert stage.call("GET", PATH).status == 200


def test_several_faults_strike_together() -> None:
    with staged() as stage:
        stage.destination()
        stage.emulator.world.faults.delay(LIST, 0.05)
        stage.emulator.world.faults.short_page(LIST)
        start = time.monotonic()
        body = stage.call("GET", PATH).body

        assert body["data"] == []
        assert time.monotonic() - start >= 0.05


def test_the_log_names_the_faults_that_struck() -> None:
    with staged() as stage:
        stage.emulator.world.faults.cut_after_write(CREATE)
        with pytest.raises(http.client.RemoteDisconnected):
            stage.call("POST", PATH, S3)
        entry = stage.emulator.world.log.entries("POST", "*/exports/destinations")[0]

        assert entry.faults == ("cut_after_write POST /exports/destinations",)
        assert (entry.status, entry.wrote) == (None, True)


def test_spent_faults_are_no_longer_scripted() -> None:
    with staged() as stage:
        stage.emulator.world.faults.answer(CREATE, 500)
        before = len(stage.emulator.world.faults.scripted())
        stage.call("POST", PATH, S3)

        assert (before, len(stage.emulator.world.faults.scripted())) == (1, 0)


def test_cleared_faults_do_not_strike() -> None:
    with staged() as stage:
        stage.emulator.world.faults.answer(CREATE, 500)
        stage.emulator.world.faults.clear()

        assert stage.call("POST", PATH, S3).status == 201


def test_a_fault_survives_a_trip_through_json() -> None:
    fault = Fault(effect=Effect.SHORT_PAGE, method="GET", path="/x", nth=2, times=None, drop=3, consistent=True)

    assert Fault.of(json.loads(json.dumps(fault.document()))) == fault


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"effect": "explode"}, "must be one of"),
        ({"effect": "answer", "colour": "red"}, "no `colour`"),
        ({"effect": "answer", "route": "POST"}, "is no route"),
        ({"effect": "answer", "nth": 0}, "count from 1"),
        ({"effect": "call"}, "only Python"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(document: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Fault.of(document)


def test_every_effect_can_be_scripted_by_a_method() -> None:
    with staged() as stage:
        faults = stage.emulator.world.faults
        scripted = {
            faults.answer("* /x", 500).effect,
            faults.answer_after_write("* /x").effect,
            faults.cut_before_write("* /x").effect,
            faults.cut_after_write("* /x").effect,
            faults.cut_in_reply("* /x").effect,
            faults.delay("* /x", 1).effect,
            faults.delay("* /x", 1, after_write=True).effect,
            faults.html("* /x").effect,
            faults.broken_json("* /x").effect,
            faults.short_page("* /x").effect,
            faults.expire_tokens("* /x").effect,
            faults.redirect("* /x", "http://elsewhere.example").effect,
            faults.call("* /x", dict).effect,
            faults.call("* /x", dict, after_write=True).effect,
        }

        assert scripted == set(Effect)


def test_organization_names_do_not_matter_to_faults() -> None:
    with staged() as stage:
        stage.emulator.world.faults.answer(LIST, 500)

        assert stage.call("GET", PATH, query={"organization_id": ORGANIZATION}).status == 500
