"""Scheduled runs of the Didomi emulator: when they come, what they log, what they leave."""

import gzip
import json
from pathlib import Path

import jsonschema
import pytest
from emulator_stage import DAY, GCP, INTEGRATION, ORGANIZATION, Stage, event, staged

from reconciler.emulator import Clock, JsonObject, Server
from reconciler.providers.didomi.emulator import create

SCHEMA = json.loads((Path(__file__).parents[1] / "facts/didomi/export-record.schema.json").read_text())


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def records(root: Path) -> list[JsonObject]:
    return [
        json.loads(line)
        for path in sorted(root.rglob("users/*.json.gz"))
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]


def test_the_first_run_comes_a_day_after_the_creation_and_then_one_every_day() -> None:
    with staged() as stage:
        config = stage.config()
        counts = []
        for seconds in (DAY - 1, 1, DAY - 1, 1):
            stage.emulator.advance(seconds)
            counts.append(len(stage.logs(config["id"])))

        assert counts == [0, 1, 1, 2]


def test_runs_that_time_skipped_all_happened() -> None:
    with staged() as stage:
        config = stage.config()
        stage.emulator.advance(5 * DAY + 600)
        rows = stage.logs(config["id"])

        assert [row["created_at"][:10] for row in rows] == [f"2026-01-{day:02d}" for day in (10, 9, 8, 7, 6)]
        assert {row["status"] for row in rows} == {"completed"}


def test_a_disabled_config_does_not_run_until_it_is_enabled_again() -> None:
    with staged() as stage:
        config = stage.config()
        path = f"/exports/configs/{config['id']}"
        stage.call("PATCH", path, {"enabled": False})
        stage.emulator.advance(2 * DAY)
        asleep = len(stage.logs(config["id"]))
        stage.call("PATCH", path, {"enabled": True})
        stage.emulator.advance(DAY)

        assert (asleep, len(stage.logs(config["id"]))) == (0, 1)


def test_a_deleted_config_does_not_run() -> None:
    with staged() as stage:
        config = stage.config()
        stage.call("DELETE", f"/exports/configs/{config['id']}")
        stage.emulator.advance(2 * DAY)

        assert stage.logs(config["id"]) == []


def test_a_log_row_has_the_documented_shape() -> None:
    with staged() as stage:
        config = stage.config()
        stage.emulator.advance(DAY + 600)
        row = stage.logs(config["id"])[0]

        assert row == {
            "id": row["id"],
            "export_id": config["id"],
            "organization_id": ORGANIZATION,
            "status": "completed",
            "config": {"frequency": "1 day"},
            "metrics": {"users": 5},
            "result": None,
            "created_at": "2026-01-06T08:00:00.000Z",
        }


def test_logs_are_those_of_the_export_that_is_asked_for() -> None:
    with staged() as stage:
        one, two = stage.config(), stage.config()
        stage.emulator.advance(DAY)

        assert [row["export_id"] for row in stage.logs(two["id"])] == [two["id"]]
        assert len(stage.call("GET", "/marketplace/exports/logs").body["data"]) == 2
        assert one["id"] != two["id"]


def test_the_next_run_of_one_export_can_be_made_to_fail() -> None:
    with staged() as stage:
        one, two = stage.config(), stage.config()
        stage.emulator.fail_next_run(one["id"], "the bucket is gone")
        stage.emulator.advance(2 * DAY + 600)

        assert [(row["status"], row["result"]) for row in stage.logs(one["id"])] == [
            ("completed", None),
            ("failed", "the bucket is gone"),
        ]
        assert {row["status"] for row in stage.logs(two["id"])} == {"completed"}


def test_a_run_can_be_started_by_hand() -> None:
    with staged() as stage:
        config = stage.config()
        row = stage.emulator.run_now(config["id"])

        assert row["status"] == "pending"
        assert stage.logs(config["id"])[0]["id"] == row["id"]
        with pytest.raises(KeyError):
            stage.emulator.run_now("nobody")


def test_files_lie_where_the_documents_say(tmp_path: Path) -> None:
    with staged(folder=tmp_path) as stage:
        config = stage.config()
        bucket = stage.listed()[0]["config"]["bucket_name"]
        stage.emulator.advance(DAY + 600)
        found = files(tmp_path)

        folder = f"{bucket}/data/export-id={config['id']}/date=2026-01-06/users"
        assert [name.rpartition("/")[0] for name in found] == [folder, folder]
        assert found[0].endswith("/_SUCCESS")
        assert found[1].endswith(".json.gz")


def test_the_success_marker_comes_last(tmp_path: Path) -> None:
    with staged(folder=tmp_path) as stage:
        stage.config()
        stage.emulator.advance(DAY)
        during = [name.rpartition("/")[2] for name in files(tmp_path)]
        stage.emulator.advance(600)

        assert len(during) == 1
        assert during[0].endswith(".json.gz")
        assert any(name.endswith("/_SUCCESS") for name in files(tmp_path))


@pytest.mark.parametrize("shape", ["v1", "v2"])
@pytest.mark.parametrize("guests", ["false", "true"])
@pytest.mark.parametrize("events", ["period", "history"])
@pytest.mark.parametrize("source", ["string", "object", "null"])
def test_records_are_valid(tmp_path: Path, shape: str, guests: str, events: str, source: str) -> None:
    clock = Clock.frozen()
    switches = {"shape": shape, "guests": guests, "events": events, "source_shape": source, "token_ttl": "999999999"}
    emulator = create(switches=switches, clock=clock, folder=tmp_path)
    with Server(emulator.app) as server:
        stage = Stage(emulator, server)
        stage.config(data={"users": {"enabled": True}, "proofs": {"enabled": True}})
        stage.events(event(), event("e-2", user={}))
        emulator.advance(DAY)
        stage.close()
    found = records(tmp_path)

    assert len(found) == (7 if guests == "true" else 6)
    for record in found:
        jsonschema.validate(record, SCHEMA)
        assert record["user"]["id"] == record["events"][-1]["user"]["id"]


def test_imported_users_are_exported_with_their_events(tmp_path: Path) -> None:
    with staged(folder=tmp_path, users_per_run="0") as stage:
        stage.config()
        stage.events(event("e-1"), event("e-2"))
        stage.emulator.advance(DAY)
        found = records(tmp_path)

        assert [record["user"]["organization_user_id"] for record in found] == ["user-1"]
        assert [one["id"] for one in found[0]["events"]] == ["e-1", "e-2"]
        assert (found[0]["user"]["proofs_id"], found[0]["user"]["source"], found[0]["user"]["status"]) == (None,) * 3


def test_a_run_delivers_only_what_changed_since_the_last(tmp_path: Path) -> None:
    with staged(folder=tmp_path, users_per_run="0") as stage:
        stage.config()
        stage.events(event("e-1"))
        stage.emulator.advance(2 * DAY + 600)

        assert len(records(tmp_path)) == 1


def test_proofs_lie_beside_users_and_an_event_names_them(tmp_path: Path) -> None:
    with staged(folder=tmp_path) as stage:
        stage.config(data={"users": {"enabled": True}, "proofs": {"enabled": True}})
        stage.emulator.advance(DAY)
        proofs = [Path(name).name for name in files(tmp_path) if "/proofs/" in name]
        named = [id for record in records(tmp_path) for one in record["events"] for id in one["proofs_id"]]

        assert len(proofs) == 1
        assert named == proofs


def test_a_config_without_users_delivers_none(tmp_path: Path) -> None:
    with staged(folder=tmp_path) as stage:
        stage.config(data={"users": {"enabled": False}, "proofs": {"enabled": True}})
        stage.emulator.advance(DAY + 600)

        assert not [name for name in files(tmp_path) if "/users/" in name]


def test_every_destination_of_a_config_receives_the_same_files(tmp_path: Path) -> None:
    with staged(folder=tmp_path) as stage:
        ids = [stage.destination()["id"], stage.destination(**GCP)["id"]]
        stage.call("POST", "/exports/configs", stage.config_body(*ids))
        stage.emulator.advance(DAY + 600)
        found = files(tmp_path)
        relative = [name.partition("/")[2] for name in found]

        assert len(found) == 4
        assert len(set(relative)) == 2


def test_a_customers_own_bucket_keeps_its_files(tmp_path: Path) -> None:
    with staged(folder=tmp_path) as stage:
        id = stage.destination(**GCP)["id"]
        config = stage.call("POST", "/exports/configs", stage.config_body(id)).body
        stage.emulator.advance(DAY + 600)
        stage.emulator.edit("configs", config["id"], {"enabled": False})
        stage.emulator.advance(8 * DAY)

        assert len(files(tmp_path)) == 2


def test_an_integration_runs_and_logs_too(tmp_path: Path) -> None:
    with staged(folder=tmp_path) as stage:
        query = {"organization_id": ORGANIZATION}
        made = stage.call("POST", "/marketplace/integrations", INTEGRATION, query=query).body
        stage.emulator.advance(DAY + 600)
        query["export_id"] = made["id"]
        rows = stage.call("GET", "/v1/marketplace/exports/logs", query=query).body["data"]

        assert [row["status"] for row in rows] == ["completed"]
        assert files(tmp_path)[0].startswith(f"{made['properties']['bucket_name']}/data/export-id={made['id']}/")


def test_an_analytics_integration_delivers_hourly_metrics(tmp_path: Path) -> None:
    with staged(folder=tmp_path) as stage:
        body = {**INTEGRATION, "type_id": "analytics-exports-s3"}
        stage.call("POST", "/marketplace/integrations", body, query={"organization_id": ORGANIZATION})
        stage.emulator.advance(DAY + 600)

        assert {name.split("/")[-2] for name in files(tmp_path)} == {"cmp_hourly_metrics"}


def test_the_same_seed_delivers_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        emulator = create(clock=Clock.frozen(), folder=tmp_path / name, seed=3)
        emulator.insert("destinations", {**GCP, "id": "d"})
        emulator.insert(
            "configs",
            {"id": "c", "name": "c", "data": {"users": {"enabled": True}}, "destinations_id": ["d"]},
        )
        emulator.advance(DAY)
        root = tmp_path / name
        contents.append({path: (root / path).read_bytes() for path in files(root)})

    assert contents[0] == contents[1]
    assert contents[0]


def test_without_a_folder_runs_are_only_logged() -> None:
    with staged() as stage:
        config = stage.config()
        stage.emulator.advance(DAY + 600)

        assert stage.logs(config["id"])[0]["metrics"] == {"users": 5}


def test_a_clock_that_follows_real_time_makes_runs_happen_too() -> None:
    emulator = create(clock=Clock())
    emulator.insert("configs", {"id": "c", "name": "c", "data": {}, "destinations_id": []})
    emulator.advance(DAY)

    assert len(emulator.objects("logs")) == 1
