"""What each kind sends and how it reads what comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from didomi_stage import GCP, INTEGRATION, KEY, ORGANIZATION, S3, SECRETS, config, record, stage

from reconciler.sdk import Gone, Refused, Uncertain, Unreachable, Unreadable
from reconciler.values import Document, LastChange, Observed, Secret

NEXT: Document = {
    **GCP,
    "config": {
        "projectId": "example-data",
        "bucketName": "example-drop",
        "key": Secret(source="env", name="RECONCILER_SECRET_NEXT"),
    },
}


def mark(kind: str, number: int) -> str:
    return f"[reconciler:example/prod/{kind}/lake#i{number}]"


# Creating


def test_a_destination_at_s3_is_sent_as_documented_with_the_mark() -> None:
    with stage() as it:
        made = it.create("Destination", S3)
        (row,) = it.emulator.objects("destinations")

        assert it.bodies("POST", "/exports/destinations") == [
            {
                "organization_id": ORGANIZATION,
                "name": "Consent lake",
                "description": f"Daily consents {mark('Destination', 1)}",
                "type_id": "aws-s3-didomi",
                "config": {"account_id": "210987654321"},
            }
        ]
        assert made == Observed(
            id=row["id"],
            attributes=S3,
            revision="0",
            owner=made.owner,
            last_change=LastChange(at=datetime.fromisoformat(row["updated_at"])),
            outputs={
                "bucketName": row["config"]["bucket_name"],
                "bucketAccessRoleArn": row["config"]["bucket_access_role_arn"],
            },
        )
        assert it.handler("Destination").list() == [made]
        assert it.handler("Destination").read(made.id) == made


@pytest.mark.parametrize("echo", ["omit", "mask", "plain"])
def test_the_key_of_a_destination_is_sent_as_text_and_never_read(echo: str) -> None:
    with stage({"secret_echo": echo}) as it:
        made = it.create("Destination", GCP)
        (row,) = it.emulator.objects("destinations")

        assert row["config"] == {"project_id": "example-data", "bucket_name": "example-drop", "key": KEY}
        assert row["description"] == mark("Destination", 1)
        for seen in (made, *it.handler("Destination").list(), it.handler("Destination").read(made.id)):
            assert seen is not None
            assert seen.attributes == {
                "typeId": "gcp-storage",
                "name": "Consent drop",
                "config": {"projectId": "example-data", "bucketName": "example-drop"},
            }


def test_a_configuration_is_sent_as_documented_with_the_mark() -> None:
    with stage() as it:
        lake = it.create("Destination", S3)
        made = it.create("ExportConfig", config(lake.id))

        assert it.bodies("POST", "/exports/configs") == [
            {
                "organization_id": ORGANIZATION,
                "name": "Daily consents",
                "description": f"What changed yesterday {mark('ExportConfig', 2)}",
                "data": {"users": {"enabled": True}, "proofs": {"enabled": False}},
                "destinations_id": [lake.id],
            }
        ]
        # What the server adds, such as `frequency`, is not ours to see; `enabled` has a place in manifests.
        assert made.attributes == config(lake.id, enabled=True)
        assert made.outputs == {"exportId": made.id}


def test_a_reference_to_an_unmanaged_object_is_its_id() -> None:
    with stage() as it:
        lake = it.create("Destination", S3)
        it.create("ExportConfig", {**config(), "destinations": ({"id": lake.id},), "enabled": False})

        (body,) = it.bodies("POST", "/exports/configs")
        assert (body["destinations_id"], body["enabled"]) == ([lake.id], False)


def test_an_integration_names_its_organization_twice_and_carries_no_mark() -> None:
    with stage() as it:
        made = it.create("Integration", INTEGRATION)

        (entry,) = it.emulator.world.log.writes()
        assert entry.body == {
            "organization_id": ORGANIZATION,
            "type_id": "batch-exports-s3",
            "authentication": {"account_id": "210987654321"},
            "properties": {"frequency": 1, "data": ["users"]},
            "mappings": [],
        }
        assert dict(entry.query) == {"organization_id": ORGANIZATION}
        assert made.owner is None
        assert made.attributes == INTEGRATION
        assert set(made.outputs) == {"bucketName", "bucketAccessRoleArn", "exportId"}


GCP_INTEGRATION: Document = {
    "typeId": "batch-exports-gcp",
    "authentication": {
        "projectId": "example-data",
        "bucketName": "example-drop",
        "key": Secret(source="env", name="RECONCILER_SECRET_GCP"),
    },
    "properties": {"frequency": 1, "data": ("users",)},
}


@pytest.mark.parametrize("place", ["authentication", "properties"])
@pytest.mark.parametrize("echo", ["omit", "mask", "plain"])
def test_an_integration_with_google_cloud_keeps_its_credentials_where_didomi_wants_them(place: str, echo: str) -> None:
    with stage({"gcp_fields_in": place, "secret_echo": echo}, gcpFieldsIn=place) as it:
        made = it.create("Integration", GCP_INTEGRATION)
        changed: dict[str, Any] = {
            **GCP_INTEGRATION,
            "authentication": {
                "projectId": "example-data",
                "bucketName": "example-drop",
                "key": Secret(source="env", name="RECONCILER_SECRET_NEXT"),
            },
        }
        it.update("Integration", made.id, changed, ("authentication", "key"))

        (row,) = it.emulator.objects("integrations")
        assert row[place]["key"] == SECRETS["RECONCILER_SECRET_NEXT"]
        assert made.attributes == {
            "typeId": "batch-exports-gcp",
            "authentication": {"projectId": "example-data", "bucketName": "example-drop"},
            "properties": {"frequency": 1, "data": ("users",)},
        }
        assert it.handler("Integration").list()[0].attributes == made.attributes


def test_the_schedule_is_sent_although_the_manifest_leaves_it_out() -> None:
    with stage() as it:
        it.create("Integration", {**INTEGRATION, "properties": {"data": ("users",)}})

        assert it.bodies("POST", "/marketplace/integrations")[0]["properties"] == {"frequency": 1, "data": ["users"]}


def test_webhooks_are_no_integrations_of_ours() -> None:
    with stage() as it:
        it.emulator.insert("integrations", {"type_id": "webhook-http", "properties": {"url": "https://example.com"}})

        assert it.handler("Integration").list() == []


def test_without_a_name_the_manifests_name_is_sent() -> None:
    with stage() as it:
        it.create("Destination", {key: each for key, each in S3.items() if key not in ("name", "description")})

        (body,) = it.bodies("POST", "/exports/destinations")
        assert (body["name"], body["description"]) == ("lake", mark("Destination", 1))


def test_a_bucket_that_comes_later_is_waited_for() -> None:
    with stage({"provision_delay": "2"}) as it:
        made = it.create("Destination", S3)
        assert made.settling == "waiting for its bucket"
        assert made.outputs == {}
        looks = []
        while (seen := it.handler("Destination").read(made.id)) is not None and seen.settling:
            looks.append(seen)

        assert seen is not None
        assert set(seen.outputs) == {"bucketName", "bucketAccessRoleArn"}
        assert len(looks) <= 2


def test_a_bucket_that_never_comes_is_not_waited_for_for_ever() -> None:
    with stage({"provision_delay": "1000"}) as it:
        made = it.create("Destination", S3)
        it.clock.advance(3600)
        (seen,) = it.handler("Destination").list()

        assert made.settling is not None
        assert seen.settling is None


# An answer that is not the whole object


@pytest.mark.parametrize("read", ["ok", "404", "405"])
def test_what_the_answer_lacks_is_read(read: str) -> None:
    with stage({"read": read}) as it:
        lake = it.create("Destination", S3)
        it.emulator.world.faults.answer(f"PATCH /exports/destinations/{lake.id}", 200, body={}, after_write=True)
        changed = it.update("Destination", lake.id, {**S3, "name": "Lake"}, ("name",))

        assert changed.id == lake.id
        assert changed.attributes == {**S3, "name": "Lake"}
        assert changed.outputs == lake.outputs


def test_what_was_made_exists_whatever_a_further_reading_says() -> None:
    with stage() as it:
        it.emulator.world.faults.answer("POST /exports/destinations", 201, body={"id": "new-1"}, after_write=True)
        for route in ("GET /exports/destinations/*", "GET /exports/destinations"):
            it.emulator.world.faults.answer(route, 503, times=None)
        made = it.create("Destination", GCP)

        assert made.id == "new-1"
        assert made.attributes == {
            "typeId": "gcp-storage",
            "name": "Consent drop",
            "config": {"projectId": "example-data", "bucketName": "example-drop"},
        }
        assert made.owner is not None


# Reading


def test_only_a_404_on_the_object_says_that_it_is_gone() -> None:
    with stage() as it:
        assert it.handler("Destination").read("nobody") is None


@pytest.mark.parametrize("status", [400, 405, 500])
def test_any_other_answer_does_not(status: int) -> None:
    with stage() as it:
        it.emulator.world.faults.answer("GET /exports/destinations/*", status, times=None)
        with pytest.raises((Unreadable, Unreachable)):
            it.handler("Destination").read("nobody")


@pytest.mark.parametrize("switches", [{"read": "404"}, {"read": "405"}, {"hidden": "404"}])
def test_what_was_made_a_moment_ago_is_not_gone(switches: dict[str, str]) -> None:
    with stage(switches) as it:
        made = it.create("Destination", S3)

        assert it.handler("Destination").read(made.id) == made


def test_without_a_route_for_one_object_the_list_tells_what_it_can() -> None:
    with stage({"read": "405"}) as it:
        row = it.emulator.insert("destinations", {"name": "x", "type_id": "aws-s3-didomi", "config": {}})

        assert it.handler("Destination").read(row["id"]) is not None
        with pytest.raises(Unreadable, match="no route"):
            it.handler("Destination").read("nobody")


@pytest.mark.parametrize("row", [{"id": "other"}, {"id": "asked", "organization_id": "other-org"}, ["asked"], "asked"])
def test_an_answer_about_something_else_cannot_be_read(row: object) -> None:
    with stage() as it:
        it.emulator.world.faults.answer("GET /exports/destinations/asked", 200, body=row)
        with pytest.raises(Unreadable):
            it.handler("Destination").read("asked")


@pytest.mark.parametrize("description", [None, "", "made by hand", "[reconciler:other/prod/Destination/lake#i1]"])
def test_descriptions_are_read_without_marks(description: str | None) -> None:
    with stage() as it:
        it.emulator.insert(
            "destinations", {"name": "x", "description": description, "type_id": "gcp-storage", "config": {}}
        )
        (seen,) = it.handler("Destination").list()

        assert seen.attributes.get("description") == ("made by hand" if description == "made by hand" else None)
        assert (seen.owner is not None) == (description is not None and description.startswith("["))


@pytest.mark.parametrize("switches", [{"extra_fields": "true"}, {"unknown_stored": "true"}, {"bookkeeping": "false"}])
def test_fields_that_nobody_knows_are_not_seen(switches: dict[str, str]) -> None:
    with stage(switches) as it:
        lake = it.create("Destination", S3)
        daily = it.create("ExportConfig", config(lake.id))
        both = it.create("Integration", INTEGRATION)

        assert lake.attributes == S3
        assert daily.attributes == config(lake.id, enabled=True)
        assert both.attributes == INTEGRATION


def test_a_type_that_nobody_knows_is_listed() -> None:
    with stage() as it:
        it.emulator.insert("destinations", {"name": "x", "type_id": "azure-storage", "config": {"secret": "s"}})
        (seen,) = it.handler("Destination").list()

        assert seen.attributes == {"typeId": "azure-storage", "name": "x"}


# Updating


def test_only_what_differs_is_sent_and_the_mark_is_refreshed() -> None:
    with stage() as it:
        lake = it.create("Destination", S3)
        changed = it.update("Destination", lake.id, {**S3, "name": "Lake"}, ("name",))

        assert it.bodies("PATCH", lake.id) == [
            {"name": "Lake", "description": f"Daily consents {mark('Destination', 2)}"}
        ]
        assert changed.attributes == {**S3, "name": "Lake"}
        assert changed.owner is not None
        assert changed.owner.intent == "i2"


def test_a_description_that_was_removed_leaves_the_mark() -> None:
    with stage() as it:
        lake = it.create("Destination", S3)
        plain = {key: each for key, each in S3.items() if key != "description"}
        changed = it.update("Destination", lake.id, plain, ("description",))

        assert it.bodies("PATCH", lake.id) == [{"description": mark("Destination", 2)}]
        assert changed.attributes == plain


@pytest.mark.parametrize("merge", ["shallow", "deep"])
@pytest.mark.parametrize("echo", ["omit", "mask", "plain"])
def test_a_rotated_key_is_sent_with_the_whole_configuration(merge: str, echo: str) -> None:
    with stage({"patch_merge": merge, "secret_echo": echo}) as it:
        drop = it.create("Destination", GCP)
        it.update("Destination", drop.id, NEXT, ("config", "key"))

        (row,) = it.emulator.objects("destinations")
        assert row["config"] == {
            "project_id": "example-data",
            "bucket_name": "example-drop",
            "key": SECRETS["RECONCILER_SECRET_NEXT"],
        }


@pytest.mark.parametrize("merge", ["shallow", "deep"])
def test_what_the_server_put_into_a_nested_object_survives_an_update(merge: str) -> None:
    with stage({"patch_merge": merge}) as it:
        made = it.create("Integration", INTEGRATION)
        wanted: Document = {**INTEGRATION, "properties": {"frequency": 1, "data": ("users", "proofs")}}
        changed = it.update("Integration", made.id, wanted, ("properties", "data"))

        (row,) = it.emulator.objects("integrations")
        assert set(row["properties"]) == {"frequency", "data", "bucket_name", "bucket_access_role_arn"}
        assert changed.outputs == made.outputs
        assert "organization_id" not in it.bodies("PATCH", made.id)[0]


def test_a_configuration_is_changed_in_its_parts() -> None:
    with stage() as it:
        lake, drop = it.create("Destination", S3), it.create("Destination", GCP)
        daily = it.create("ExportConfig", config(lake.id, enabled=False))
        wanted: Document = {
            **config(lake.id, drop.id),
            "data": {"users": {"enabled": True}, "proofs": {"enabled": True}},
        }
        changed = it.update(
            "ExportConfig", daily.id, wanted, ("data", "proofs", "enabled"), ("destinations",), ("enabled",)
        )

        (body,) = it.bodies("PATCH", daily.id)
        assert body == {
            "data": {"users": {"enabled": True}, "proofs": {"enabled": True}},
            "destinations_id": [lake.id, drop.id],
            "enabled": True,
            "description": f"What changed yesterday {mark('ExportConfig', 4)}",
        }
        assert changed.attributes == {**wanted, "enabled": True}


def test_an_update_without_differences_sends_everything_that_can_change() -> None:
    with stage() as it:
        drop = it.create("Destination", GCP)
        it.update("Destination", drop.id, NEXT)

        assert set(it.bodies("PATCH", drop.id)[0]) == {"name", "description", "config"}
        assert it.emulator.objects("destinations")[0]["config"]["key"] == SECRETS["RECONCILER_SECRET_NEXT"]


def test_an_update_of_what_is_gone_says_so() -> None:
    with stage() as it, pytest.raises(Gone):
        it.update("Destination", "nobody", S3, ("name",))


@pytest.mark.parametrize("status", ["404", "405"])
def test_an_update_without_a_route_is_refused(status: str) -> None:
    with stage({"update": status}) as it:
        lake = it.create("Destination", S3)
        with pytest.raises(Refused, match="cannot be changed through Didomi's API") as caught:
            it.update("Destination", lake.id, {**S3, "name": "Lake"}, ("name",))

    assert not isinstance(caught.value, Gone)


def test_an_update_whose_answer_is_lost_is_sent_again() -> None:
    with stage() as it:
        lake = it.create("Destination", S3)
        it.emulator.world.faults.cut_after_write(f"PATCH /exports/destinations/{lake.id}")
        changed = it.update("Destination", lake.id, {**S3, "name": "Lake"}, ("name",))

        assert changed.attributes["name"] == "Lake"
        assert len(it.bodies("PATCH", lake.id)) == 2


def test_an_update_that_is_never_answered_is_uncertain() -> None:
    with stage() as it:
        lake = it.create("Destination", S3)
        it.emulator.world.faults.cut_after_write(f"PATCH /exports/destinations/{lake.id}", times=None)
        with pytest.raises(Uncertain):
            it.update("Destination", lake.id, {**S3, "name": "Lake"}, ("name",))


def test_disabling_sends_one_switch() -> None:
    with stage() as it:
        lake = it.create("Destination", S3)
        daily = it.create("ExportConfig", config(lake.id))
        stopped = it.handler("ExportConfig").disable(daily.id)

        assert it.bodies("PATCH", daily.id) == [{"enabled": False}]
        assert stopped.attributes == config(lake.id, enabled=False)
        assert stopped.owner == daily.owner


# Deleting


def test_deleting_is_done_once_and_may_be_asked_again() -> None:
    with stage() as it:
        lake = it.create("Destination", S3)
        it.handler("Destination").delete(lake.id)
        it.handler("Destination").delete(lake.id)

        assert it.emulator.objects("destinations") == []
        assert it.handler("Destination").read(lake.id) is None


def test_deleting_survives_a_lost_answer() -> None:
    with stage() as it:
        lake = it.create("Destination", S3)
        it.emulator.world.faults.cut_after_write(f"DELETE /exports/destinations/{lake.id}")
        it.handler("Destination").delete(lake.id)

        assert it.emulator.objects("destinations") == []


@pytest.mark.parametrize(("status", "body"), [(200, {}), (202, {}), (200, {"id": "another"})])
def test_an_answer_without_the_deleted_object_is_not_believed(status: int, body: object) -> None:
    with stage() as it:
        lake = it.create("Destination", S3)
        it.emulator.world.faults.answer(f"DELETE /exports/destinations/{lake.id}", status, body=body)
        with pytest.raises(Uncertain, match=r"without the deleted object .* is still there"):
            it.handler("Destination").delete(lake.id)


@pytest.mark.parametrize("status", [200, 202])
def test_an_answer_without_the_deleted_object_does_when_it_is_gone(status: int) -> None:
    with stage() as it:
        lake = it.create("Destination", S3)
        it.emulator.world.faults.answer(f"DELETE /exports/destinations/{lake.id}", status, body={}, after_write=True)
        it.handler("Destination").delete(lake.id)

        assert it.emulator.objects("destinations") == []


@pytest.mark.parametrize("status", ["404", "405"])
def test_deleting_without_a_route_is_refused_and_not_taken_for_gone(status: str) -> None:
    with stage({"delete": status}) as it:
        lake = it.create("Destination", S3)
        with pytest.raises(Refused, match="cannot be deleted through Didomi's API") as caught:
            it.handler("Destination").delete(lake.id)

    assert not isinstance(caught.value, Gone)


def test_a_404_is_no_proof_when_the_list_cannot_be_read() -> None:
    with stage({"delete": "404", "list": "405"}) as it:
        lake = it.create("Destination", S3)
        with pytest.raises(Unreadable):
            it.handler("Destination").delete(lake.id)


def test_what_is_in_use_is_not_deleted() -> None:
    with stage() as it:
        lake = it.create("Destination", S3)
        it.create("ExportConfig", config(lake.id))
        with pytest.raises(Refused, match="409"):
            it.handler("Destination").delete(lake.id)


# Runs


@pytest.mark.parametrize("switches", [{}, {"log_order": "oldest"}, {"log_times": "false"}])
def test_runs_are_told_with_their_figures(switches: dict[str, str]) -> None:
    with stage(switches) as it:
        lake = it.create("Destination", S3)
        daily = it.create("ExportConfig", config(lake.id))
        both = it.create("Integration", INTEGRATION)
        it.clock.advance(3 * 86_400 + 3600)

        for kind, id in (("ExportConfig", daily.id), ("Integration", both.id)):
            runs = list(it.session.runs(record(kind, id)))
            assert [run.status for run in runs] == ["completed"] * 3
            assert [run.figures for run in runs] == [{"users": 5}] * 3
            if switches.get("log_times") != "false":
                assert runs == sorted(runs, key=lambda run: str(run.started), reverse=True)
        assert list(it.session.runs(record("Destination", lake.id))) == []
        assert list(it.session.runs(replace(record("ExportConfig", daily.id), id=None))) == []


def test_a_failed_run_says_why() -> None:
    with stage({"runs": "failed", "run_result": "access denied"}) as it:
        lake = it.create("Destination", S3)
        daily = it.create("ExportConfig", config(lake.id))
        it.clock.advance(86_400 + 3600)
        (run,) = it.session.runs(record("ExportConfig", daily.id))

        assert (run.status, run.message) == ("failed", "access denied")


def test_a_run_that_goes_on_is_pending() -> None:
    with stage({"runs": "stuck"}) as it:
        lake = it.create("Destination", S3)
        daily = it.create("ExportConfig", config(lake.id))
        it.clock.advance(86_400 + 3600)
        (run,) = it.session.runs(record("ExportConfig", daily.id))

        assert (run.status, run.finished) == ("pending", None)


def test_a_status_that_nobody_knows_is_told_in_didomis_words() -> None:
    rows = [{"id": "l1", "export_id": "c1", "status": "queued", "metrics": None, "result": {"why": "busy"}}]
    with stage() as it:
        it.emulator.world.faults.answer("GET /exports/logs", 200, body={"data": rows})
        (run,) = it.session.runs(record("ExportConfig", "c1"))

        assert (run.status, run.message) == ("pending", 'Didomi says `queued`: {"why": "busy"}')
