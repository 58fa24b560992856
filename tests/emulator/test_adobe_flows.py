"""Flows, their schedules, states and swaps at the Flow Service emulator."""

from datetime import UTC, datetime

import pytest
from adobe_stage import DAY, DESTINATIONS, HOUR, LAKE, NOW, Stage, once, schedule, staged

from reconciler.emulator import Clock, JsonObject


def create(stage: Stage, **changes: object) -> str:
    """The code of the refusal, or nothing."""
    reply = stage.post("/flows", stage.flow_body(**changes))  # type: ignore[arg-type]
    return "" if reply.status == 201 else str(reply.code)


def test_a_flow_reads_as_documented() -> None:
    with staged() as stage:
        base = stage.connection()
        source, target = stage.source(), stage.target(base)
        flow = stage.flow(source, target)
        item = stage.get(f"/flows/{flow}").item
        s3 = DESTINATIONS["s3"].reference()

        assert item["state"] == "enabled"
        assert [item["sourceConnectionIds"], item["targetConnectionIds"]] == [[source], [target]]
        assert item["inheritedAttributes"] == {
            "properties": {"isDestinationFlow": True},
            "sourceConnections": [{"id": source, "connectionSpec": LAKE}],
            "targetConnections": [
                {"id": target, "connectionSpec": s3, "baseConnection": {"id": base, "connectionSpec": s3}}
            ],
        }
        assert item["scheduleParams"] == schedule()
        assert item["transformations"] == []
        assert item["runs"] == f"/runs?property=flowId=={flow}"
        assert item["lastOperation"]["operation"] == "create"
        assert item["lastOperation"]["status"] == {"value": "completed", "properties": None, "errors": []}
        assert "lastRunDetails" not in item


def test_a_flow_without_an_end_ends_after_six_months() -> None:
    with staged() as stage:
        sent = {name: value for name, value in schedule().items() if name != "endTime"}
        end = stage.get(f"/flows/{stage.flow(scheduleParams=sent)}").item["scheduleParams"]["endTime"]

        assert datetime.fromtimestamp(end, UTC) == datetime(2026, 7, 5, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "end"), [((2026, 8, 31), (2027, 2, 28)), ((2027, 8, 31), (2028, 2, 29)), ((2026, 12, 1), (2027, 6, 1))]
)
def test_six_months_end_with_the_month(day: tuple[int, int, int], end: tuple[int, int, int]) -> None:
    now = datetime(*day, 8, tzinfo=UTC)
    with staged(clock=Clock.frozen(now)) as stage:
        sent = {"exportMode": "DAILY_FULL_EXPORT", "timeUnit": "day", "interval": 0, "startTime": int(now.timestamp())}
        found = stage.get(f"/flows/{stage.flow(scheduleParams=sent)}").item["scheduleParams"]["endTime"]

        assert datetime.fromtimestamp(found, UTC) == datetime(*end, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"interval": 6},
        {"interval": 9},
        {"interval": 12},
        {"interval": "12"},
        {"startTime": str(NOW + HOUR)},
        {"timeUnit": "day", "interval": 1},
        {"timeUnit": "day", "interval": 0, "exportMode": "DAILY_FULL_EXPORT"},
        {"startTime": NOW - DAY},
        {"foldernameTemplate": "/"},
        {"folderNameTemplate": "%DATASET_ID%"},
    ],
)
def test_a_documented_schedule_is_accepted(changes: dict[str, object]) -> None:
    with staged() as stage:
        assert create(stage, scheduleParams=schedule(**changes)) == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"interval": 1},
        {"interval": 24},
        {"interval": 0},
        {"interval": None},
        {"interval": 3.0},
        {"interval": True},
        {"interval": "3h"},
        {"interval": 10**30},
        {"timeUnit": "day"},
        {"timeUnit": "week"},
        {"timeUnit": ["hour"]},
        {"timeUnit": None},
        {"timeUnit": "day", "interval": 1, "exportMode": "DAILY_FULL_EXPORT"},
        {"timeUnit": "day", "interval": 0},
        {"exportMode": "WEEKLY"},
        {"exportMode": ["DAILY_FULL_EXPORT"]},
        {"startTime": None},
        {"startTime": -5},
        {"startTime": NOW * 1000},
        {"startTime": "tomorrow"},
        {"endTime": NOW},
        {"endTime": 10**400},
        {"endTime": None},
        {"foldernameTemplate": ""},
        {"foldernameTemplate": 5},
    ],
)
def test_any_other_schedule_is_refused(changes: dict[str, object]) -> None:
    with staged() as stage:
        assert create(stage, scheduleParams=schedule(**changes)) == "FLOW-1100-400"


@pytest.mark.parametrize("value", [None, [], "x", {}])
def test_a_flow_needs_a_schedule(value: object) -> None:
    with staged() as stage:
        assert create(stage, scheduleParams=value) == "FLOW-1100-400"


def test_a_mode_that_is_left_out_is_incremental() -> None:
    with staged() as stage:
        sent = {name: value for name, value in schedule().items() if name != "exportMode"}
        shown = stage.get(f"/flows/{stage.flow(scheduleParams=sent)}").item["scheduleParams"]

        assert shown["exportMode"] == "FIRST_FULL_THEN_INCREMENTAL"


@pytest.mark.parametrize("field", ["sourceConnectionIds", "targetConnectionIds"])
@pytest.mark.parametrize("value", [None, [], ["none"], "x", [5], [["x"]]])
def test_a_flow_needs_one_source_and_one_target_that_exist(field: str, value: object) -> None:
    with staged() as stage:
        assert stage.post("/flows", {**stage.flow_body(), field: value}).code == "FLOW-1100-400"


def test_a_flow_takes_no_second_source() -> None:
    with staged() as stage:
        body = {**stage.flow_body(), "sourceConnectionIds": [stage.source(), stage.source()]}

        assert stage.post("/flows", body).status == 400


def test_a_flow_cannot_be_made_in_a_state() -> None:
    with staged() as stage:
        assert create(stage, state="disabled") == "FLOW-1410-400"
        assert create(stage, transformations=[{"name": "x"}]) == "FLOW-1100-400"


def test_an_operation_is_written_down_with_what_it_did() -> None:
    with staged() as stage:
        path = f"/flows/{stage.flow()}"
        stage.emulator.advance(60)
        ops: list[JsonObject] = [
            {"op": "replace", "path": "/sourceConnectionIds", "value": [stage.source()]},
            {"op": "replace", "path": "/scheduleParams", "value": schedule(interval=12)},
        ]
        stage.patch(path, *ops)
        record = stage.get(path).item["lastOperation"]

        assert record["ops"] == ops
        assert [record["operation"], record["percentCompleted"]] == ["update", 100]
        assert record["started"] == (NOW + 60) * 1000


def test_a_swap_needs_no_second_flow() -> None:
    with staged() as stage:
        old, new = stage.source(), stage.source(stage.dataset(1))
        flow = stage.flow(old)
        swapped = stage.replace(f"/flows/{flow}", "/sourceConnectionIds", [new])
        deleted = stage.delete(f"/sourceConnections/{old}")

        assert [swapped.status, deleted.status] == [200, 204]
        assert stage.get(f"/flows/{flow}").item["sourceConnectionIds"] == [new]
        assert stage.emulator.trouble == ()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/sourceConnectionIds", []),
        ("/sourceConnectionIds", ["none"]),
        ("/sourceConnectionIds", "x"),
        ("/sourceConnectionIds/0", "x"),
        ("/targetConnectionIds", ["none"]),
        ("/flowSpec", {"id": DESTINATIONS["sftp"].flow_spec, "version": "1.0"}),
        ("/state", "disabled"),
        ("/scheduleParams", None),
        ("/scheduleParams", {"interval": 6}),
        ("/scheduleParams/interval", 5),
        ("/transformations", [{}]),
        ("/labels", "core/C12"),
        ("/inheritedAttributes", {}),
        ("/lastOperation", {}),
    ],
)
def test_what_a_flow_cannot_change(path: str, value: object) -> None:
    with staged() as stage:
        flow = f"/flows/{stage.flow()}"
        before = stage.get(flow).item
        reply = stage.patch(flow, {"op": "add", "path": path, "value": value})

        assert reply.status == 400
        assert stage.get(flow).item == before


def test_labels_are_a_list() -> None:
    with staged() as stage:
        flow = f"/flows/{stage.flow()}"

        assert stage.patch(flow, {"op": "add", "path": "/labels", "value": ["core/C12"]}).status == 200
        assert stage.get(flow).item["labels"] == ["core/C12"]


def test_the_end_of_a_schedule_stays_when_it_is_left_out() -> None:
    with staged() as stage:
        flow = f"/flows/{stage.flow()}"
        sent = {name: value for name, value in schedule(interval=6).items() if name != "endTime"}

        assert stage.replace(flow, "/scheduleParams", sent).status == 200
        assert stage.get(flow).item["scheduleParams"] == schedule(interval=6)


# States.


@pytest.mark.parametrize("spelling", ["{}", "{}".upper()])
def test_a_flow_can_be_disabled_and_enabled(spelling: str) -> None:
    with staged() as stage:
        flow = stage.flow()
        etag = stage.get(f"/flows/{flow}").item["etag"]
        states = []
        for op in ("disable", "enable"):
            op = op.upper() if spelling.isupper() else op  # noqa: PLW2901
            reply = stage.action(flow, op)
            assert reply.status == 200
            assert sorted(reply.body) == ["etag", "id"]
            item = stage.get(f"/flows/{flow}").item
            states.append((item["state"], item["lastOperation"]["operation"]))

        assert states == [("disabled", "disable"), ("enabled", "enable")]
        assert stage.get(f"/flows/{flow}").item["etag"] != etag


def test_the_older_documents_upper_case_and_sub_operation_work() -> None:
    with staged() as stage:
        flow = stage.flow()
        reply = stage.call("POST", f"/flows/{flow}/action", query={"op": "DISABLE", "subOp": "APPLY"})

        assert reply.status == 200
        assert stage.get(f"/flows/{flow}").item["state"] == "disabled"


@pytest.mark.parametrize(("op", "code"), [("enable", 1422), ("explode", 1435), ("", 1435), ("publish", 1435)])
def test_an_action_that_does_not_fit_is_refused(op: str, code: int) -> None:
    with staged() as stage:
        assert stage.action(stage.flow(), op).code == f"FLOW-{code}-400"


def test_an_action_respects_an_etag_if_it_gets_one() -> None:
    with staged() as stage:
        flow = stage.flow()
        etag = stage.get(f"/flows/{flow}").item["etag"]
        path = f"/flows/{flow}/action"
        old = stage.call("POST", path, query={"op": "disable"}, headers={"If-Match": '"old"'})
        new = stage.call("POST", path, query={"op": "disable"}, headers={"If-Match": etag})

        assert [old.status, new.status] == [412, 200]


def test_a_disabled_flow_stays_disabled_through_a_change() -> None:
    with staged(settle="5") as stage:
        flow = stage.flow()
        stage.emulator.advance(5)
        stage.action(flow, "disable")
        stage.emulator.advance(5)
        stage.replace(f"/flows/{flow}", "/name", "renamed")
        updating = stage.get(f"/flows/{flow}").item["state"]
        stage.emulator.advance(5)

        assert [updating, stage.get(f"/flows/{flow}").item["state"]] == ["updating", "disabled"]


def test_a_flow_in_transition_refuses_changes() -> None:
    with staged(settle="5") as stage:
        flow = stage.flow()
        path = f"/flows/{flow}"
        seen = [stage.replace(path, "/name", "x").code, stage.action(flow, "disable").code, stage.delete(path).code]
        creating = stage.get(path).item
        stage.emulator.advance(5)
        stage.replace(path, "/name", "x")
        seen.append(stage.action(flow, "disable").code)
        stage.emulator.advance(5)
        stage.action(flow, "disable")
        disabling = stage.get(path).item["state"]
        seen.append(stage.replace(path, "/name", "y").code)

        assert seen == ["FLOW-1420-400"] * 3 + ["FLOW-1421-400", "FLOW-1420-400"]
        assert [creating["state"], disabling] == ["initializing", "disabling"]
        assert creating["lastOperation"]["percentCompleted"] == 0
        assert creating["lastOperation"]["status"]["value"] == "inProgress"


def test_a_change_in_the_ui_meanwhile_is_kept() -> None:
    with staged(settle="5") as stage:
        flow = stage.flow()
        stage.emulator.edit("flows", flow, {"state": "disabled"})
        stage.emulator.advance(5)

        assert stage.get(f"/flows/{flow}").item["state"] == "disabled"


# Deleting.


def test_a_deleted_flow_answers_with_nothing_and_is_gone() -> None:
    with staged() as stage:
        flow = stage.flow()
        reply = stage.delete(f"/flows/{flow}")

        assert [reply.status, reply.raw] == [202, b""]
        assert stage.get(f"/flows/{flow}").status == 404
        assert stage.delete(f"/flows/{flow}").status == 404


def test_a_flow_that_is_being_deleted_still_holds_its_connections() -> None:
    with staged(delete_lag="60") as stage:
        base = stage.connection()
        flow = stage.flow(target=stage.target(base))
        stage.delete(f"/flows/{flow}")
        early = stage.delete(f"/connections/{base}")
        stage.emulator.advance(60)

        assert early.code == "FLOW-1418-400"
        assert stage.delete(f"/connections/{base}").status == 204


def test_a_flow_whose_connections_are_gone_can_still_be_read() -> None:
    with staged() as stage:
        flow = stage.flow()
        for kind in ("sourceConnections", "targetConnections", "connections"):
            (row,) = stage.emulator.objects(kind)
            stage.emulator.remove(kind, row["id"])
        inherited = stage.get(f"/flows/{flow}").item["inheritedAttributes"]

        assert [len(inherited["sourceConnections"]), len(inherited["targetConnections"])] == [1, 1]
        assert len(stage.get("/flows").body["items"]) == 1


def test_a_one_time_flow_takes_no_interval() -> None:
    with staged() as stage:
        assert create(stage, scheduleParams=once(interval=3)) == "FLOW-1100-400"
