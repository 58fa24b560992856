"""What each kind reads, sends and waits for, over a real socket."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from adobe_client_stage import (
    CUSTOMERS,
    ORDERS,
    S3,
    SCHEDULE,
    SECRETS,
    SOURCE,
    ZONE,
    Sent,
    Stage,
    flow,
    record,
    stage,
    target,
)

from reconciler.providers.adobe.base_connection import ssh_key
from reconciler.sdk import Conflict, Gone, Refused, StillRunning, Uncertain, Unreadable
from reconciler.values import HIDDEN, Address, Document, HoldKind, Mark, Problem, Resource, Secret, Severity

ASYNC = {"settle": "5"}
HMAC: Document = {
    "specName": "Google Cloud Storage authentication credentials",
    "accessKeyId": "GOOG1E" + "A" * 55,
    "secretAccessKey": Secret(source="env", name="RECONCILER_SECRET_SFTP"),
}


def writes(it: Stage) -> list[Sent]:
    return [each for each in it.sent if each.method != "GET" and "/ims/" not in each.path]


def changed(attributes: Document, **more: Any) -> Document:  # noqa: ANN401
    return {key: each for key, each in {**attributes, **more}.items() if each is not None}


# --- creating ---


def test_a_new_object_is_named_marked_and_ready_later() -> None:
    with stage(ASYNC) as it:
        handler = it.handler("BaseConnection")
        order = it.order("BaseConnection", {"destination": "dataLandingZone"}, name="zone")
        made = handler.create(order)
        first = handler.read(made.id)
        it.clock.advance(10)
        then = handler.read(made.id)

        assert made.settling is not None
        assert first is not None
        assert first.settling is not None
        assert first.hold is not None
        assert first.hold.kind is HoldKind.WAIT
        assert then is not None
        assert (then.settling, then.hold) == (None, None)
        assert then.attributes == {"destination": "dataLandingZone", "name": "zone"}
        assert then.owner == order.owner


def test_an_account_without_credentials_sends_none() -> None:
    with stage() as it:
        it.create("BaseConnection", ZONE)

        (post,) = writes(it)
        assert set(post.json) == {"name", "description", "connectionSpec"}


@pytest.mark.parametrize("position", ["masked", "absent", "null", "clear"])
def test_no_secret_is_believed_or_kept_however_it_is_echoed(position: str) -> None:
    with stage({"secrets_on_read": position}) as it:
        found = it.create("BaseConnection", S3)

        assert found.attributes["auth"] == {"specName": "Access Key", "s3AccessKey": "EXAMPLEKEY234567ABCD"}
        assert SECRETS["RECONCILER_SECRET_S3"] not in repr(found)


@pytest.mark.parametrize("given", [None, "xxxx", "********"])
def test_what_should_be_given_back_and_is_not_counts_as_hidden(given: str | None) -> None:
    with stage() as it:
        made = it.create("BaseConnection", S3)
        params = {"s3AccessKey": given} if given else {}
        it.emulator.edit("connections", made.id, {"auth": {"specName": "Access Key", "params": params}})
        found = it.handler("BaseConnection").read(made.id)

        assert found is not None
        assert found.attributes["auth"] == {"specName": "Access Key", "s3AccessKey": HIDDEN}


def test_an_account_that_does_not_say_how_it_authenticates_is_not_taken_for_another() -> None:
    with stage() as it:
        made = it.create("BaseConnection", S3)
        (row,) = it.emulator.objects("connections")
        it.emulator.world.faults.answer("GET /connections/*", 200, body={"items": [{**row, "auth": None}]})
        found = it.handler("BaseConnection").read(made.id)

        assert found is not None
        assert found.attributes["auth"] == {"specName": HIDDEN}


def test_a_public_key_is_sent_in_the_shape_of_the_migration_guide() -> None:
    with stage() as it:
        found = it.create("BaseConnection", {**S3, "encryption": {"publicKey": "RVhBTVBMRQ=="}})

        (post,) = writes(it)
        assert post.json["encryption"] == {
            "specName": "File Encryption",
            "params": {"encryptionAlgo": "PGP/GPG", "publicKey": "RVhBTVBMRQ=="},
        }
        assert found.attributes["encryption"] == {"publicKey": "RVhBTVBMRQ=="}


def test_a_secret_that_cannot_be_right_is_not_sent() -> None:
    with stage() as it:
        auth: Document = {"specName": "Access Key", "s3AccessKey": "EXAMPLEKEY234567ABCD"}
        wrong: Document = {**S3, "auth": {**auth, "s3SecretKey": Secret(source="env", name="RECONCILER_SECRET_SFTP")}}
        with pytest.raises(Refused, match="nothing was sent") as caught:
            it.handler("BaseConnection").create(it.order("BaseConnection", wrong))

        assert SECRETS["RECONCILER_SECRET_SFTP"] not in str(caught.value)
        assert writes(it) == []


KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nZXhhbXBsZQ==\n-----END OPENSSH PRIVATE KEY-----\n"


def test_a_private_key_is_sent_as_base64_of_the_file() -> None:
    encoded = base64.b64encode(KEY.encode()).decode()

    assert ssh_key(KEY) == encoded
    assert ssh_key(f"{encoded[:10]}\n{encoded[10:]}\n") == encoded


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not a key!", "neither a private key nor base64"),
        ("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X\n\nAA\n", "has a passphrase"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "has a passphrase"),
    ],
)
def test_a_private_key_that_adobe_does_not_take_is_refused(text: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        ssh_key(text)


def test_nothing_is_made_on_an_account_whose_credentials_do_not_work() -> None:
    with stage({"connection_test": "false"}) as it:
        base = it.create("BaseConnection", S3, name="lake")
        wanted = target(base.id, destination="amazonS3", bucketName="example-exports")
        with pytest.raises(Refused, match="--resend-secrets adobe/BaseConnection/lake"):
            it.handler("TargetConnection").prepare(it.order("TargetConnection", wanted))

        assert it.emulator.objects("targetConnections") == []


@pytest.mark.parametrize("status", [400, 403, 404, 405])
def test_a_test_that_cannot_be_made_forbids_nothing(status: int, caplog: pytest.LogCaptureFixture) -> None:
    with stage() as it:
        base = it.create("BaseConnection", S3)
        it.emulator.world.faults.answer(
            "GET /connections/*/test", status, body={"errorMessage": "not today"}, times=None
        )
        found = it.update("BaseConnection", base, {**S3, "name": "Second"}, "name", "auth")
        it.create("TargetConnection", target(base.id, destination="amazonS3", bucketName="example-exports"))

        assert found.attributes["name"] == "Second"
        assert "are not tried" in caplog.text
        assert it.requests().count(f"GET /connections/{base.id}/test") == 1


@pytest.mark.parametrize(("status", "kept"), [(400, True), (404, False)])
def test_what_a_new_account_replaces_is_kept_when_adobe_refuses_to_try_it(status: int, kept: bool) -> None:
    with stage() as it:
        base = it.create("BaseConnection", S3)
        it.emulator.world.faults.answer("GET /connections/*/test", status, body={"errorMessage": "no"}, times=None)
        with pytest.raises(Refused, match="what it replaces is kept") if kept else nullcontext():
            it.handler("BaseConnection").test(base.id)


def test_new_credentials_stay_although_no_test_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    with stage() as it:
        base = it.create("BaseConnection", S3)
        it.emulator.world.faults.answer("GET /connections/*/test", 401, times=None)
        found = it.update("BaseConnection", base, {**S3, "name": "Second"}, "name", "auth")

        assert found.attributes["name"] == "Second"
        assert "the new credentials of" in caplog.text


def test_credentials_are_tried_once_for_all_targets_of_a_run() -> None:
    with stage() as it:
        base = it.create("BaseConnection", S3)
        for path in ("a", "b"):
            it.create(
                "TargetConnection", target(base.id, destination="amazonS3", bucketName="example-exports", path=path)
            )

        assert it.requests().count(f"GET /connections/{base.id}/test") == 1


def test_a_landing_zone_has_no_credentials_to_try() -> None:
    with stage() as it:
        it.export()

        assert [each for each in it.requests() if each.endswith("/test")] == []


def test_a_dataflow_takes_the_flow_spec_of_its_target() -> None:
    with stage() as it:
        base, source, out, made = it.export()

        body = writes(it)[-1].json
        assert body["flowSpec"] == {"id": "cd2fc47e-e838-4f38-a581-8fff2f99b63a", "version": "1.0"}
        assert body["transformations"] == []
        assert "state" not in body
        assert body["scheduleParams"] == {
            "exportMode": "FIRST_FULL_THEN_INCREMENTAL",
            "timeUnit": "hour",
            "interval": 6,
            "startTime": 1769904000,
            "endTime": 1801440000,
        }
        assert made.attributes == {
            "name": "Orders",
            "source": source.id,
            "target": out.id,
            "schedule": SCHEDULE,
            "enabled": True,
        }
        assert base.id == out.attributes["baseConnection"]


@pytest.mark.parametrize(
    ("rhythm", "sent"),
    [
        ({"once": True}, ("DAILY_FULL_EXPORT", "day", 0)),
        ({"every": "1d"}, ("FIRST_FULL_THEN_INCREMENTAL", "day", 1)),
        ({"every": "3h"}, ("FIRST_FULL_THEN_INCREMENTAL", "hour", 3)),
        ({"every": "12h"}, ("FIRST_FULL_THEN_INCREMENTAL", "hour", 12)),
    ],
)
@pytest.mark.parametrize("numbers", ["ints", "strings"])
def test_every_rhythm_is_read_as_it_was_written(rhythm: dict[str, Any], sent: tuple[Any, ...], numbers: str) -> None:
    with stage({"numbers": numbers}) as it:
        _, source, out, _ = it.export()
        schedule = {**rhythm, "start": SCHEDULE["start"], "end": SCHEDULE["end"]}
        made = it.create("Dataflow", flow(source.id, out.id, schedule=schedule))

        params = writes(it)[-1].json["scheduleParams"]
        assert (params["exportMode"], params["timeUnit"], params["interval"]) == sent
        assert made.attributes["schedule"] == schedule


def test_a_schedule_that_we_have_no_words_for_is_shown_as_it_is() -> None:
    with stage() as it:
        *_, made = it.export()
        strange = {"timeUnit": "week", "interval": 2, "startTime": 1769904000, "endTime": "1801440000"}
        (row,) = it.emulator.objects("flows")
        it.emulator.world.faults.answer("GET /flows/*", 200, body={"items": [{**row, "scheduleParams": strange}]})
        found = it.handler("Dataflow").read(made.id)

        assert found is not None
        assert found.attributes["schedule"] == {**SCHEDULE, "every": "2 week"}


@pytest.mark.parametrize("time", ["999999999999", 10**15, -1, "1e3"])
def test_a_time_that_no_calendar_has_is_not_read(time: object) -> None:
    with stage() as it:
        *_, made = it.export()
        (row,) = it.emulator.objects("flows")
        strange = {**row["scheduleParams"], "startTime": time}
        it.emulator.world.faults.answer("GET /flows/*", 200, body={"items": [{**row, "scheduleParams": strange}]})
        found = it.handler("Dataflow").read(made.id)

        assert found is not None
        assert found.attributes["schedule"] == {"every": "6h", "end": SCHEDULE["end"]}


# --- updating ---


@pytest.mark.parametrize("switches", [{}, ASYNC, {**ASYNC, "etag_bump": "false"}, {"operation_status": "SUCCESS"}])
def test_a_change_of_datasets_points_the_dataflow_at_another_source_in_one_request(switches: dict[str, str]) -> None:
    with stage(switches) as it:
        _, source, out, made = it.export()
        other = it.create("SourceConnection", {**SOURCE, "datasets": ({"id": ORDERS}, {"id": CUSTOMERS})})
        before = len(writes(it))
        wanted = flow(other.id, out.id, schedule={**SCHEDULE, "every": "12h"})
        found = it.update("Dataflow", made, wanted, "source", "schedule")

        (patch,) = writes(it)[before:]
        paths = {each["path"] for each in patch.json}
        assert paths == {"/description", "/sourceConnectionIds", "/scheduleParams"}
        assert patch.headers["If-Match"].startswith('"')
        assert patch.headers["If-Match"].endswith('"')
        assert found.attributes["source"] == other.id != source.id
        assert found.settling is None


def test_a_change_waits_for_what_is_under_way() -> None:
    with stage(ASYNC) as it:
        base = it.create("BaseConnection", ZONE)
        handler = it.handler("BaseConnection")
        it.update("BaseConnection", base, {**ZONE, "name": "Second"}, "name")
        it.emulator.edit("connections", base.id, {"description": "by hand"})
        seen = handler.read(base.id)
        assert seen is not None
        found = it.update("BaseConnection", seen, {**ZONE, "name": "Third"}, "name")

        assert found.attributes["name"] == "Third"


def test_an_etag_that_moved_alone_is_no_obstacle() -> None:
    with stage() as it:
        base = it.create("BaseConnection", ZONE)
        etag = base.revision

        def move() -> None:
            it.emulator.edit("connections", base.id, {"anything": "else"})

        it.emulator.world.faults.call("PATCH /connections/*", move)
        found = it.update("BaseConnection", base, {**ZONE, "name": "Second"}, "name")

        assert found.attributes["name"] == "Second"
        assert found.revision != etag
        assert it.requests().count(f"PATCH /connections/{base.id}") == 2


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_change_of_what_is_compared_is_a_conflict(when: str) -> None:
    with stage() as it:
        base = it.create("BaseConnection", ZONE)

        def rename() -> None:
            it.emulator.edit("connections", base.id, {"name": "Somebody's"})

        if when == "before":
            rename()
        else:
            it.emulator.world.faults.call("PATCH /connections/*", rename)
        with pytest.raises(Conflict, match=r"`name` of .* has changed since it was read"):
            it.update("BaseConnection", base, {**ZONE, "name": "Second"}, "name")

        assert it.emulator.objects("connections")[0]["name"] == "Somebody's"


def test_an_etag_that_never_rests_is_a_conflict() -> None:
    with stage() as it:
        base = it.create("BaseConnection", ZONE)
        it.emulator.world.faults.answer("PATCH /connections/*", 412, times=None)
        with pytest.raises(Conflict, match="kept moving"):
            it.update("BaseConnection", base, {**ZONE, "name": "Second"}, "name")


def test_a_change_whose_answer_was_lost_is_made_once() -> None:
    with stage() as it:
        base = it.create("BaseConnection", ZONE)
        it.emulator.world.faults.cut_after_write("PATCH /connections/*")
        found = it.update("BaseConnection", base, {**ZONE, "name": "Second"}, "name")

        assert found.attributes["name"] == "Second"


def test_new_credentials_are_sent_whole_and_tried() -> None:
    with stage() as it:
        base = it.create("BaseConnection", S3)
        auth: Document = {
            "specName": "Access Key",
            "s3AccessKey": "EXAMPLEKEY765432DCBA",
            "s3SecretKey": Secret(source="env", name="RECONCILER_SECRET_NEXT"),
        }
        found = it.update("BaseConnection", base, {**S3, "auth": auth}, "auth")

        patch = writes(it)[-1]
        assert [each for each in patch.json if each["path"] == "/auth/params"] == [
            {
                "op": "replace",
                "path": "/auth/params",
                "value": {"s3AccessKey": "EXAMPLEKEY765432DCBA", "s3SecretKey": SECRETS["RECONCILER_SECRET_NEXT"]},
            }
        ]
        assert it.requests()[-1] == f"GET /connections/{base.id}/test"
        assert found.attributes["auth"] == {"specName": "Access Key", "s3AccessKey": "EXAMPLEKEY765432DCBA"}


def test_new_credentials_that_do_not_work_stay_unsure() -> None:
    with stage() as it:
        base = it.create("BaseConnection", S3)
        it.switch(connection_test="false")
        with pytest.raises(Uncertain, match=r"the credentials of .* do not work"):
            it.update("BaseConnection", base, S3, "auth")


def test_parameters_of_a_target_are_sent_whole_with_what_others_set() -> None:
    with stage() as it:
        _, _, out, _ = it.export()
        row = it.emulator.objects("targetConnections")[0]
        it.emulator.edit("targetConnections", out.id, {"params": {**row["params"], "includeFileManifest": True}})
        found = it.update("TargetConnection", out, {**out.attributes, "path": "elsewhere"}, "path")

        (operation,) = [each for each in writes(it)[-1].json if each["path"] == "/params"]
        assert operation["value"] == {
            "mode": "Server-to-server",
            "path": "elsewhere",
            "datasetFileType": "PARQUET",
            "compression": "GZIP",
            "includeFileManifest": True,
        }
        assert found.attributes["path"] == "elsewhere"


@pytest.mark.parametrize(
    ("spelling", "merge"),
    [
        ("foldernameTemplate", "replace"),
        ("foldernameTemplate", "merge"),
        ("folderNameTemplate", "replace"),
        ("only_folderNameTemplate", "replace"),
        ("only_folderNameTemplate", "merge"),
    ],
)
def test_a_folder_template_comes_and_goes_whatever_it_is_called(spelling: str, merge: str) -> None:
    with stage({"schedule_merge": merge, "folder_template_key": spelling}) as it:
        _, _, _, made = it.export()
        with_one = {**made.attributes, "folderTemplate": "%DATASET_ID%"}
        found = it.update("Dataflow", made, with_one, "folderTemplate")
        if "folderTemplate" not in found.attributes:
            # The proof after an apply finds it missing, and the next apply spells it the other way.
            it.clock.advance(60)
            known = record("Dataflow", made.id, with_one)
            found = it.update("Dataflow", found, with_one, "folderTemplate", record=known)
        assert found.attributes["folderTemplate"] == "%DATASET_ID%"

        known = record("Dataflow", made.id, with_one)
        found = it.update("Dataflow", found, made.attributes, "folderTemplate", record=known)

        assert found.attributes["folderTemplate"] == "%DATASET_ID%/%EXPORT_TIME%"
        assert found.attributes["schedule"] == SCHEDULE


def test_a_folder_template_that_no_manifest_ever_had_is_left_alone() -> None:
    with stage() as it:
        _, _, _, made = it.export()
        params = it.emulator.objects("flows")[0]["scheduleParams"]
        it.emulator.edit("flows", made.id, {"scheduleParams": {**params, "foldernameTemplate": "/"}})
        wanted = {**made.attributes, "schedule": {**SCHEDULE, "every": "12h"}}
        found = it.update("Dataflow", made, wanted, "schedule")

        assert found.attributes["folderTemplate"] == "/"


def test_a_change_that_adobe_accepts_and_does_not_make_is_said() -> None:
    with stage() as it:
        _, _, _, made = it.export()
        failed = {
            "operation": "update",
            "status": {"value": "FAILED", "errors": [{"code": "X-1", "message": "no such source"}]},
        }

        def fail() -> None:
            it.emulator.edit("flows", made.id, {"lastOperation": failed})

        it.emulator.world.faults.call("PATCH /flows/*", fail, after_write=True)
        with pytest.raises(Refused, match="failed to make it: no such source"):
            it.update("Dataflow", made, {**made.attributes, "name": "Second"}, "name")
        with pytest.raises(Refused, match="failed to make it: no such source"):
            it.handler("Dataflow").test(made.id)


def test_what_never_comes_to_rest_is_not_changed() -> None:
    with stage(waitMinutes=0.5) as it:
        base = it.create("BaseConnection", ZONE)
        it.emulator.edit("connections", base.id, {"state": "updating"})
        with pytest.raises(StillRunning, match="is still updating"):
            it.update("BaseConnection", base, {**ZONE, "name": "Second"}, "name")

        assert sum(it.naps) >= 30
        assert [each.method for each in writes(it)] == ["POST"]


def test_what_is_gone_cannot_be_changed() -> None:
    with stage() as it:
        base = it.create("BaseConnection", ZONE)
        it.emulator.remove("connections", base.id)
        with pytest.raises(Gone):
            it.update("BaseConnection", base, {**ZONE, "name": "Second"}, "name")


# --- enabling and disabling ---


@pytest.mark.parametrize("switches", [{}, ASYNC, {"action_again": "ok"}])
def test_a_dataflow_is_disabled_and_enabled_by_an_action(switches: dict[str, str]) -> None:
    with stage(switches) as it:
        *_, made = it.export()
        before = len(writes(it))
        off = it.update("Dataflow", made, {**made.attributes, "enabled": False}, "enabled")
        on = it.update("Dataflow", off, made.attributes, "enabled")

        actions = [(each.method, each.path.rpartition("/")[2], each.query, each.json) for each in writes(it)[before:]]
        assert (off.attributes["enabled"], on.attributes["enabled"]) == (False, True)
        assert actions == [
            ("POST", "action", (("op", "disable"),), None),
            ("POST", "action", (("op", "enable"),), None),
        ]


def test_an_action_that_was_carried_out_already_is_no_error() -> None:
    with stage() as it:
        *_, made = it.export()
        handler = it.handler("Dataflow")
        it.emulator.world.faults.cut_after_write("POST /flows/*/action")
        first = handler.disable(made.id)
        again = handler.disable(made.id)

        assert first.attributes["enabled"] is False
        assert again.attributes["enabled"] is False


def test_an_action_that_does_not_take_is_said() -> None:
    with stage() as it:
        *_, made = it.export()
        it.emulator.world.faults.answer("POST /flows/*/action", 200, body={"id": made.id}, times=None)
        with pytest.raises(Refused, match="leaves it `enabled`"):
            it.handler("Dataflow").disable(made.id)


@pytest.mark.parametrize(
    ("state", "enabled"),
    [
        ("enabled", True),
        ("disabled", False),
        ("enabling", True),
        ("disabling", False),
        ("updating", HIDDEN),
        ("error", HIDDEN),
    ],
)
def test_a_state_on_the_way_is_not_taken_for_the_end(state: str, enabled: object) -> None:
    with stage() as it:
        *_, made = it.export()
        it.emulator.edit("flows", made.id, {"state": state})
        found = it.handler("Dataflow").read(made.id)

        assert found is not None
        assert found.attributes["enabled"] is enabled


# --- deleting ---


@pytest.mark.parametrize(
    "switches",
    [{}, ASYNC, {"delete_lag": "60"}, {"list_ghosts": "30"}, {"delete_status": "200"}, {"delete_status": "202"}],
)
def test_a_deletion_is_over_when_the_object_is_gone(switches: dict[str, str]) -> None:
    with stage(switches) as it:
        base, source, out, made = it.export()
        for kind, each in (
            ("Dataflow", made),
            ("TargetConnection", out),
            ("SourceConnection", source),
            ("BaseConnection", base),
        ):
            it.handler(kind).delete(each.id)
            assert it.handler(kind).read(each.id) is None

        assert all(
            it.emulator.objects(each) == []
            for each in ("flows", "targetConnections", "sourceConnections", "connections")
        )


def test_deleting_what_is_gone_is_no_error() -> None:
    with stage() as it:
        it.handler("Dataflow").delete("11111111-2222-4333-8444-555555555555")

        assert writes(it) == []


@pytest.mark.parametrize("position", ["404", "405"])
def test_without_a_route_for_single_objects_the_list_says_when_one_is_gone(position: str) -> None:
    with stage({"read": position}) as it:
        handler = it.handler("BaseConnection")
        made = handler.create(it.order("BaseConnection", ZONE))
        handler.delete(made.id)

        assert it.emulator.objects("connections") == []


def test_what_is_being_deleted_already_is_waited_for() -> None:
    with stage({"delete_lag": "60"}) as it:
        *_, made = it.export()
        handler = it.handler("Dataflow")
        handler._client.change("DELETE", f"/flows/{made.id}")  # type: ignore[attr-defined] # as somebody else would
        before = len(writes(it))
        handler.delete(made.id)

        assert writes(it)[before:] == []
        assert it.emulator.objects("flows") == []


def test_a_deletion_that_comes_too_early_is_made_again() -> None:
    with stage() as it:
        base = it.create("BaseConnection", ZONE)
        error = {"type": "https://ns.adobe.com/aep/errors/FLOW-1416-400", "errorMessage": "not now"}
        it.emulator.world.faults.answer("DELETE /connections/*", 400, body=error)
        it.handler("BaseConnection").delete(base.id)

        assert it.emulator.objects("connections") == []


def test_a_route_that_deletes_nothing_is_said() -> None:
    with stage() as it:
        base = it.create("BaseConnection", ZONE)
        it.emulator.world.faults.answer("DELETE /connections/*", 404, body={"errorMessage": "no"})
        with pytest.raises(Refused, match="cannot be deleted through Adobe's API"):
            it.handler("BaseConnection").delete(base.id)


@pytest.mark.parametrize("position", ["404", "405"])
def test_without_a_list_nothing_counts_as_deleted(position: str) -> None:
    with stage() as it:
        base = it.create("BaseConnection", ZONE)
        it.switch(read=position, list="405")
        with pytest.raises(Unreadable):
            it.handler("BaseConnection").delete(base.id)

        assert len(it.emulator.objects("connections")) == 1


def test_a_deletion_whose_answer_was_lost_waits_for_the_list_to_let_go() -> None:
    with stage({"list_ghosts": "30"}) as it:
        base = it.create("BaseConnection", ZONE)
        it.emulator.world.faults.cut_after_write("DELETE /connections/*")
        it.handler("BaseConnection").delete(base.id)

        assert [each.method for each in writes(it)] == ["POST", "DELETE"]
        assert it.requests().count(f"DELETE /connections/{base.id}") == 2
        assert 20 <= sum(it.naps) <= 60


def test_what_is_leaving_when_a_deletion_finds_nothing_is_gone() -> None:
    with stage() as it:
        base = it.create("BaseConnection", ZONE)

        def leave() -> None:
            it.emulator.edit("connections", base.id, {"state": "deleting"})

        it.emulator.world.faults.call("DELETE /connections/*", leave)
        it.emulator.world.faults.answer("DELETE /connections/*", 404, body={"errorMessage": "no"})
        it.handler("BaseConnection").delete(base.id)


def test_a_change_that_comes_too_early_is_made_again() -> None:
    with stage() as it:
        base = it.create("BaseConnection", ZONE)
        error = {"type": "https://ns.adobe.com/aep/errors/FLOW-1420-400", "errorMessage": "not now"}
        it.emulator.world.faults.answer("PATCH /connections/*", 400, body=error)
        found = it.update("BaseConnection", base, {**ZONE, "name": "Second"}, "name")

        assert found.attributes["name"] == "Second"


def test_what_is_still_used_is_not_deleted() -> None:
    with stage() as it:
        base, source, out, made = it.export()
        for kind, each in (("TargetConnection", out), ("SourceConnection", source), ("BaseConnection", base)):
            with pytest.raises(Refused, match=r"\(400, 14(18|47)\)"):
                it.handler(kind).delete(each.id)

        assert it.handler("Dataflow").read(made.id) is not None


def test_a_deletion_that_takes_too_long_is_still_running() -> None:
    with stage({"delete_lag": "60"}, waitMinutes=0.5) as it:
        *_, made = it.export()
        with pytest.raises(StillRunning):
            it.handler("Dataflow").delete(made.id)


def test_what_is_on_its_way_out_is_not_there_any_more() -> None:
    with stage() as it:
        *_, made = it.export()
        it.emulator.edit("flows", made.id, {"state": "delete-finalizing"})

        assert it.handler("Dataflow").read(made.id) is None
        assert it.handler("Dataflow").list() == []


# --- whose objects they are ---


def test_only_exports_of_datasets_can_be_taken_over() -> None:
    with stage() as it:
        base, _, out, made = it.export()
        it.emulator.edit(
            "flows", made.id, {"flowSpec": {"id": "1a0514a6-33d4-4c7f-aff8-594799c47549", "version": "1.0"}}
        )
        it.emulator.edit("targetConnections", out.id, {"params": {"path": "a", "fileType": "CSV"}})
        it.emulator.edit("connections", base.id, {"connectionSpec": {"id": "4890fc95-5a1f-4983-94bb-e060c08e3f81"}})

        for kind, id, words in (
            ("Dataflow", made.id, "is no export of datasets"),
            ("TargetConnection", out.id, "is no target of datasets"),
            ("BaseConnection", base.id, "is no account at one of the six"),
        ):
            with pytest.raises(Refused, match=words):
                it.handler(kind).read(id)
        assert it.handler("Dataflow").list() == it.handler("BaseConnection").list() == []


def test_a_source_of_profiles_is_none_of_ours() -> None:
    with stage() as it:
        source = it.create("SourceConnection", SOURCE)
        it.emulator.edit(
            "sourceConnections", source.id, {"connectionSpec": {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1"}}
        )

        assert it.handler("SourceConnection").list() == []
        with pytest.raises(Refused, match="does not read from the data lake"):
            it.handler("SourceConnection").read(source.id)


# --- looking at plan time ---


def assessed(it: Stage, kind: str, attributes: Document, observed: Any = None) -> Any:  # noqa: ANN401
    resource = Resource(address=Address("adobe", kind, "orders"), attributes=attributes, mark=Mark("a.yaml", 1, 1))
    return it.handler(kind).assess(resource, None, observed, it.clock.now())


def codes(problems: tuple[Problem, ...]) -> list[tuple[str, Severity]]:
    return [(each.code, each.severity) for each in problems]


def test_names_of_datasets_become_ids_and_are_asked_for_once() -> None:
    with stage() as it:
        wanted = {**SOURCE, "datasets": ({"name": "Customers"}, {"id": ORDERS}, {"name": "Stores"})}
        found = assessed(it, "SourceConnection", wanted)
        assessed(it, "SourceConnection", wanted)

        pages = [each for each in it.requests() if each.endswith("/configs")]
        assert found.attributes["datasets"] == ({"id": CUSTOMERS}, {"id": ORDERS}, {"id": "9b78c229a00f9d70ce05bef7"})
        assert found.problems == ()
        assert len(pages) == 3


def test_ids_alone_ask_nothing() -> None:
    with stage() as it:
        found = assessed(it, "SourceConnection", SOURCE)

        assert (found.attributes, found.problems) == (None, ())
        assert it.requests() == []


def test_a_name_that_no_dataset_or_several_bear_is_a_problem() -> None:
    with stage() as it:
        found = assessed(it, "SourceConnection", {**SOURCE, "datasets": ({"name": "Costumers"}, {"name": "Orders"})})

        unknown, ambiguous = found.problems
        assert (unknown.code, unknown.path, unknown.help) == (
            "unknown-dataset",
            ("datasets", 0),
            "did you mean `Customers`?",
        )
        assert (ambiguous.code, ambiguous.path) == ("ambiguous-dataset", ("datasets", 1))
        assert ORDERS in ambiguous.message


def test_a_dataset_by_its_id_and_by_its_name_is_listed_twice() -> None:
    with stage() as it:
        found = assessed(it, "SourceConnection", {**SOURCE, "datasets": ({"id": CUSTOMERS}, {"name": "Customers"})})

        assert [(each.code, each.path) for each in found.problems] == [("repeated-dataset", ("datasets", 1))]


def test_moments_are_written_in_one_way() -> None:
    with stage() as it:
        schedule = {"every": "6h", "start": "2026-02-01T01:00:00+01:00", "end": "2027-02-01T00:00Z"}
        found = assessed(it, "Dataflow", flow("a", "b", schedule=schedule))

        assert found.attributes["schedule"] == SCHEDULE


def at(**changes: str) -> Callable[[Document], Document]:
    return lambda attributes: {**attributes, "schedule": {**SCHEDULE, **changes}}


@pytest.mark.parametrize(
    ("now", "wanted", "kept"),
    [
        ("2026-01-10", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("2026-02-10", "2026-03-01T00:00:00Z", "2026-02-01T00:00:00Z"),
        ("2026-02-10", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
        ("2026-01-10", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
    ],
)
def test_a_start_stays_as_it_is_once_it_has_passed(now: str, wanted: str, kept: str) -> None:
    with stage() as it:
        *_, made = it.export()
        it.clock.advance_to(datetime.fromisoformat(now).replace(tzinfo=UTC))
        found = assessed(it, "Dataflow", at(start=wanted)(made.attributes), made)

        expected = [] if kept == wanted else [("start-has-passed", Severity.WARNING)]
        assert found.attributes["schedule"]["start"] == kept
        assert codes(found.problems) == expected


@pytest.mark.parametrize(
    ("now", "more", "exists", "expected"),
    [
        ("2026-02-10", {}, True, []),
        ("2027-01-10", {}, True, [("export-ends-soon", Severity.WARNING)]),
        ("2027-02-10", {}, True, [("export-ended", Severity.WARNING)]),
        ("2027-02-10", {}, False, [("export-ended", Severity.ERROR)]),
        ("2027-02-10", {"enabled": False}, True, []),
        ("2026-02-10", {"enabled": False}, False, [("begins-enabled", Severity.WARNING)]),
        ("2026-01-10", {"enabled": False}, False, []),
        ("2027-02-10", {"schedule": {"once": True, "start": SCHEDULE["start"], "end": SCHEDULE["end"]}}, True, []),
    ],
)
def test_an_end_that_is_near_or_past_is_said(
    now: str, more: dict[str, Any], exists: bool, expected: list[tuple[str, Severity]]
) -> None:
    with stage() as it:
        *_, made = it.export()
        it.clock.advance_to(datetime.fromisoformat(now).replace(tzinfo=UTC))
        found = assessed(it, "Dataflow", {**made.attributes, **more}, made if exists else None)

        assert codes(found.problems) == expected


@pytest.mark.parametrize("allowed", [False, True])
def test_every_eight_hours_is_an_option(allowed: bool) -> None:
    with stage({"hourly": "8"}, allowEveryEightHours=allowed) as it:
        _, source, out, _ = it.export()
        wanted = flow(source.id, out.id, schedule={**SCHEDULE, "every": "8h"})
        found = assessed(it, "Dataflow", wanted)

        assert codes(found.problems) == ([] if allowed else [("every-eight-hours", Severity.ERROR)])
        assert it.create("Dataflow", wanted).attributes["schedule"] == wanted["schedule"]


def test_a_change_that_failed_at_adobe_is_remembered_until_one_succeeds() -> None:
    with stage() as it:
        *_, made = it.export()
        status = {"value": "FAILED", "errors": [{"message": "no such source"}]}
        it.emulator.edit("flows", made.id, {"lastOperation": {"operation": "update", "status": status}})
        (found,) = it.handler("Dataflow").list()
        result = assessed(it, "Dataflow", made.attributes, found)

        assert codes(result.problems) == [("operation-failed", Severity.WARNING)]
        assert "no such source" in result.problems[0].message
        assert replace(result.problems[0], address=None).path == ()


# --- datasets ---


@pytest.mark.parametrize(
    ("pages", "found"),
    [
        ([{"items": [{"id": "a"}, {"id": "b"}], "pageInfo": {"hasNext": True}}, {"items": [{"id": "c"}]}], 3),
        ([{"items": [{"id": "a"}], "pageInfo": {"hasNext": True}}, {"items": []}], 1),
        ([{"items": []}], 0),
    ],
)
def test_datasets_are_counted_by_what_came(pages: list[Any], found: int) -> None:
    with stage() as it:
        for number, body in enumerate(pages, 1):
            it.emulator.world.faults.answer("GET /connectionSpecs/*/configs", 200, body=body, nth=number)
        known = it.session._datasets.by_id()  # type: ignore[attr-defined] # of this session alone

        starts = [dict(each.query)["start"] for each in it.sent if each.path.endswith("/configs")]
        assert len(known) == found
        assert starts == ["0", "2"][: len(pages)] or starts == ["0", "1"][: len(pages)]


@pytest.mark.parametrize(
    ("page", "why"),
    [
        ({"items": [], "pageInfo": {"hasNext": True}}, "does not come to an end"),
        ({"items": [{"id": "a"}], "pageInfo": {"hasNext": False, "total": 2}}, "says 2 datasets and gives only 1"),
        ({"items": [{"id": "a", "name": "A"}, {"id": "a", "name": "B"}]}, "lists `a` twice, and differently"),
        ({"items": [{"id": "../a"}]}, "is no list of datasets"),
    ],
)
def test_datasets_that_cannot_be_all_or_true_are_not_believed(page: object, why: str) -> None:
    with stage() as it:
        it.emulator.world.faults.answer("GET /connectionSpecs/*/configs", 200, body=page, times=None)
        with pytest.raises(Unreadable, match=why):
            it.session._datasets.by_id()  # type: ignore[attr-defined] # of this session alone


@pytest.mark.parametrize("body", [{"data": []}, {"items": [{"name": "nameless"}]}, {"items": ["a"]}])
def test_datasets_of_another_shape_are_not_believed(body: object) -> None:
    with stage() as it:
        it.emulator.world.faults.answer("GET /connectionSpecs/*/configs", 200, body=body)
        with pytest.raises(Unreadable, match="is no list of datasets"):
            it.session._datasets.by_id()  # type: ignore[attr-defined] # of this session alone


def test_a_source_is_made_although_the_names_of_datasets_cannot_be_read() -> None:
    with stage() as it:
        it.emulator.world.faults.answer("GET /connectionSpecs/*/configs", 400, body={"errorMessage": "not today"})
        it.handler("SourceConnection").create(it.order("SourceConnection", SOURCE))

        (post,) = writes(it)
        assert post.json["params"] == {"datasets": [{"dataSetId": ORDERS}]}


# --- runs ---


def runs_of(it: Stage, *rows: Any) -> list[Any]:  # noqa: ANN401
    it.emulator.world.faults.answer("GET /runs", 200, body={"items": list(rows), "_links": {}})
    return list(it.session.runs(record("Dataflow", "f")))


def test_a_run_is_read_in_every_spelling() -> None:
    with stage() as it:
        first = {
            "id": "1",
            "metrics": {
                "durationSummary": {"startedAtUTC": 1722405601888, "stoppedAtUTC": "1722405906906"},
                "recordSummary": {
                    "inputRecordCount": 3,
                    "outputRecordCount": True,
                    "failedInfo": [{"code": "A-0000", "message": "lost", "count": 2}],
                },
                "statusSummary": {"status": "Failed", "errors": [{"message": "full"}, {"message": "full"}]},
            },
        }
        second = {"id": "2", "state": "inProgress", "createdAt": 1722405700000}
        third = {"id": "3", "createdAt": 1, "metrics": {"statusSummary": {"status": "Dreaming"}}}
        other = {"id": "4", "flowId": "another"}
        newest, failed, strange = runs_of(it, first, second, third, other)

        assert (newest.id, newest.status, newest.finished) == ("2", "pending", None)
        assert (failed.id, failed.status, failed.message) == ("1", "failed", "full; A-0000: lost")
        assert failed.finished == datetime(2024, 7, 31, 6, 5, 6, 906000, UTC)
        assert failed.figures == {"recordsRead": 3}
        assert (strange.status, strange.message) == ("pending", "Adobe says `Dreaming`")


def test_connections_have_no_runs() -> None:
    with stage() as it:
        assert list(it.session.runs(record("TargetConnection", "t"))) == []
        assert it.requests() == []
