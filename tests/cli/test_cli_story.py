"""The program as people start it, against a vendor on a real socket: exit codes, streams, whole texts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from world import World

from reconciler.values import Address, Deposed, Settlement, SettlementStatus

EXPECTED = Path(__file__).parent / "expected"

LAKE = """
apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {name: lake, labels: {team: data}}
spec:
  name: Consent lake
  typeId: aws-s3-didomi
  config: {accountId: "210987654321"}
"""
ARCHIVE = """
apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {name: archive}
spec:
  name: Consent archive
  typeId: gcp-storage
  config:
    projectId: example-archive
    bucketName: example-consent-archive
    key: {env: RECONCILER_SECRET_CANARY, version: "1"}
"""
DAILY = """
apiVersion: didomi.reconciler/v1
kind: ExportConfig
metadata: {name: daily}
spec:
  name: Daily consents
  data: {users: {enabled: true}, proofs: {enabled: false}}
  destinations: [lake, archive]
"""
ALL = f"{LAKE}---{ARCHIVE}---{DAILY}"


@pytest.fixture
def didomi(world_of: Callable[..., World]) -> World:
    world = world_of("didomi")
    world.vendor.switch(rate_limit="off")
    world.settings = {"limits": {}}
    return world


def normal(world: World, text: str) -> str:
    """The text without what every run draws anew: ids, moments, digests, durations."""
    for collection in ("destinations", "configs", "logs"):
        for number, each in enumerate(world.vendor.objects(collection), 1):
            text = text.replace(str(each["id"]), f"<{collection}-{number}>")
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?: UTC|Z)?", "<moment>", text)
    text = re.sub(r"sha256:[0-9a-f]{64}", "<digest>", text)
    text = re.sub(r"example-org-[0-9a-f]{6}", "example-org-<random>", text)
    text = re.sub(r"in \d+\.\d s", "in <seconds> s", text)
    return re.sub(r"\[\d/", "[n/", text)


def expect(world: World, name: str, text: str) -> None:
    path = EXPECTED / name
    found = normal(world, text)
    if os.environ.get("UPDATE_EXPECTED"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


def applied(world: World, manifests: str = ALL) -> None:
    world.write(manifests)
    world.command("apply", "-y", "--parallelism", "1")


def test_a_plan_of_something_new_reads_like_its_file(didomi: World) -> None:
    didomi.write(ALL)

    expect(didomi, "plan-new.txt", didomi.command("plan").stdout)


def test_a_plan_of_something_new_reads_like_its_file_in_markdown(didomi: World) -> None:
    didomi.write(ALL)

    expect(didomi, "plan-new.md", didomi.command("plan", "--format", "markdown").stdout)


def test_an_apply_prints_plan_and_outputs_on_stdout_and_steps_on_stderr(didomi: World) -> None:
    didomi.write(LAKE)
    ended = didomi.command("apply", "-y")

    expect(didomi, "apply-new.txt", ended.stdout)
    expect(didomi, "apply-new.stderr.txt", ended.stderr)


def test_a_replacement_is_planned_with_its_reason_order_and_cost(didomi: World) -> None:
    applied(didomi)
    didomi.write(ALL.replace("210987654321", "999988887777"))

    expect(didomi, "plan-replace.txt", didomi.command("plan").stdout)
    expect(didomi, "plan-replace.md", didomi.command("plan", "--format", "markdown").stdout)


def test_all_problems_are_said_at_once_with_their_places(didomi: World) -> None:
    didomi.write(
        ALL.replace("destinations: [lake, archive]", "destinations: [lake, archve]")
        .replace("accountId", "acountId")
        .replace('{env: RECONCILER_SECRET_CANARY, version: "1"}', "not-a-reference-at-all")
    )
    ended = didomi.command("validate", expect=8)

    expect(didomi, "problems.txt", ended.stderr)
    assert ended.stdout == ""
    assert "not-a-reference-at-all" not in ended.stderr


def test_problems_are_printed_as_data_when_asked(didomi: World) -> None:
    didomi.write(ALL.replace("destinations: [lake, archive]", "destinations: [lake, archve]"))
    ended = didomi.command("validate", "--format", "json", expect=8)

    assert [each["code"] for each in json.loads(ended.stdout)["problems"]] == ["unknown-reference"]


def test_a_plan_with_changes_exits_with_2_only_when_asked(didomi: World) -> None:
    didomi.write(ALL)

    didomi.command("plan", expect=0)
    didomi.command("plan", "--detailed-exitcode", expect=2)
    didomi.command("apply", "-y")
    didomi.command("plan", "--detailed-exitcode", expect=0)


def test_a_plan_as_json_is_one_document(didomi: World) -> None:
    didomi.write(ALL)
    found = json.loads(didomi.command("plan", "--format", "json").stdout)

    assert [each["action"] for each in found["changes"]] == ["create", "create", "create"]


def test_a_saved_plan_is_shown_and_applied(didomi: World) -> None:
    didomi.write(ALL)
    planned = didomi.command("plan", "-o", "plan.json")
    shown = didomi.command("show", "plan.json")
    didomi.command("apply", "plan.json", "-y")

    assert shown.stdout == planned.stdout
    assert len(didomi.vendor.objects("destinations")) == 2


def test_a_saved_plan_that_reality_has_left_behind_exits_with_3_naming_object_and_field(didomi: World) -> None:
    applied(didomi)
    didomi.write(ALL.replace("users: {enabled: true}", "users: {enabled: false}"))
    didomi.command("plan", "-o", "plan.json")
    config = didomi.vendor.objects("configs")[0]
    didomi.vendor.emulator.edit("configs", str(config["id"]), {"name": "Renamed in the console"})
    ended = didomi.command("apply", "plan.json", "-y", expect=3)

    assert "error[stale-plan]" in ended.stderr
    assert "didomi/ExportConfig/daily · spec.name" in ended.stderr
    assert didomi.vendor.objects("configs")[0]["data"] == {"users": {"enabled": True}, "proofs": {"enabled": False}}


def test_an_edited_plan_file_is_refused(didomi: World) -> None:
    didomi.write(ALL)
    didomi.command("plan", "-o", "plan.json")
    path = didomi.folder / "plan.json"
    path.write_bytes(path.read_bytes().replace(b"210987654321", b"999988887777"))
    ended = didomi.command("apply", "plan.json", "-y", expect=3)

    assert "damaged" in ended.stderr or "digest" in ended.stderr
    assert didomi.vendor.objects("destinations") == []


def test_a_partly_applied_plan_exits_with_4_and_names_what_is_left(didomi: World) -> None:
    didomi.write(ALL)
    didomi.vendor.faults.answer("POST /exports/configs", 422, times=None)
    ended = didomi.command("apply", "-y", expect=4)

    assert "didomi/ExportConfig/daily" in ended.stdout
    assert len(didomi.vendor.objects("destinations")) == 2


def test_too_many_deletions_exit_with_5_and_say_how_to_approve(didomi: World) -> None:
    manifests = [LAKE.replace("lake", f"lake-{number}") for number in range(3)]
    applied(
        didomi, "---".join(each.replace("metadata:", "lifecycle: {onRemoval: delete}\nmetadata:") for each in manifests)
    )
    didomi.write(ARCHIVE)
    refused = didomi.command("apply", "-y", expect=5)
    didomi.command("apply", "-y", "--max-deletes", "3", "--max-delete-percent", "100")

    assert "and at most 1 may (`maxDeletePercent` is 20)" in " ".join(refused.stdout.split())
    assert "`reconciler apply --approve sha256:" in refused.stdout
    assert [each["name"] for each in didomi.vendor.objects("destinations")] == ["Consent archive"]


def test_wrong_credentials_exit_with_7(didomi: World) -> None:
    didomi.write(ALL)
    didomi.environ["DIDOMI_SECRET"] = "wrong"
    for name in didomi.vendor.environ():
        didomi.environ[name] = "wrong"

    didomi.command("plan", expect=7)


def test_a_secret_that_is_missing_exits_with_7_before_anything_is_sent(didomi: World) -> None:
    didomi.write(ALL)
    del didomi.environ["RECONCILER_SECRET_CANARY"]
    ended = didomi.command("apply", "-y", expect=7)

    assert "RECONCILER_SECRET_CANARY" in ended.stderr
    assert didomi.vendor.writes() == ()


def test_applying_without_a_terminal_and_without_y_is_wrong_usage(didomi: World) -> None:
    didomi.write(ALL)
    ended = didomi.command("apply", expect=64)

    assert "add `-y`" in ended.stderr


def test_in_ci_a_new_state_on_the_machines_disk_is_refused(didomi: World) -> None:
    didomi.write(ALL)
    didomi.environ["CI"] = "true"
    refused = didomi.command("apply", "-y", expect=5)
    didomi.command("apply", "-y", "--allow-local-state")

    assert "--allow-local-state" in refused.stderr
    assert len(didomi.vendor.objects("configs")) == 1


def test_a_lost_state_is_refused_and_rebuilt_from_the_marks(didomi: World) -> None:
    applied(didomi)
    before = didomi.vendor.objects("destinations")
    for path in sorted((didomi.folder / ".reconciler").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    refused = didomi.command("plan", expect=5)
    didomi.command("state", "rebuild", "-y")
    didomi.command("plan", "--detailed-exitcode")

    assert "state-lost" in refused.stdout + refused.stderr
    assert [each["id"] for each in didomi.vendor.objects("destinations")] == [each["id"] for each in before]


def test_outside_a_project_the_program_says_where_it_looked(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "reconciler", "plan"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 8
    assert "there is no `reconciler.yaml`" in ended.stderr


def test_state_is_listed_shown_and_forgotten(didomi: World) -> None:
    applied(didomi)
    listed = didomi.command("state", "list").stdout
    shown = json.loads(didomi.command("state", "show", "didomi/Destination/lake").stdout)
    didomi.command("state", "rm", "didomi/Destination/lake")
    didomi.command("state", "rm", "didomi/Destination/lake", expect=1)

    assert [line.split()[0] for line in listed.splitlines()[1:]] == [
        "didomi/Destination/archive",
        "didomi/Destination/lake",
        "didomi/ExportConfig/daily",
    ]
    assert shown["applied"]["config"] == {"accountId": "210987654321"}
    assert len(didomi.vendor.objects("destinations")) == 2


def test_a_state_says_what_is_gone_and_what_is_left_over(didomi: World) -> None:
    applied(didomi)
    daily = Address("didomi", "ExportConfig", "daily")
    left = tuple(Deposed(id=id, reason="it was replaced") for id in ("old-1", "old-2"))
    with didomi.workspace() as workspace, workspace.backend.lock(workspace.holder("test"), timeout=0.0) as journal:
        record = replace(journal.state.records[daily], id=None, deposed=left)
        journal.settle(
            Settlement(intent="", status=SettlementStatus.DONE, at=didomi.clock.now(), address=daily, record=record)
        )
    listed = didomi.command("state", "list").stdout
    refused = didomi.command("import", str(daily), "other", expect=1).stderr
    forgotten = didomi.command("state", "rm", str(daily)).stdout

    assert listed.splitlines()[-1].split() == [str(daily), "gone", "specs/all.yaml"]
    assert "it is `old-1` and `old-2`" in refused
    assert "`old-1` and `old-2` are still at the vendor" in forgotten


def test_an_existing_object_is_imported_and_nothing_is_sent(didomi: World) -> None:
    made = didomi.vendor.emulator.insert(
        "destinations",
        {
            "organization_id": "example-org",
            "name": "Consent lake",
            "type_id": "aws-s3-didomi",
            "config": {"account_id": "210987654321"},
        },
    )
    didomi.write(LAKE)
    refused = didomi.command("plan", expect=5)
    didomi.vendor.forget_requests()
    didomi.command("import", "didomi/Destination/lake", str(made["id"]))
    didomi.command("plan", "--detailed-exitcode")

    assert f"reconciler import didomi/Destination/lake {made['id']}" in refused.stdout
    assert didomi.vendor.writes() == ()


def test_runs_are_listed_from_the_vendors_log(didomi: World) -> None:
    applied(didomi)
    didomi.later(25 * 3600)
    ended = didomi.command("runs", "didomi/ExportConfig/daily")

    assert "completed" in ended.stdout
    assert "5 users" in ended.stdout


def test_runs_are_watched_as_they_begin_and_end(didomi: World) -> None:
    applied(didomi)
    didomi.later(25 * 3600)
    words = [str(Path(sys.executable).parent / "reconciler"), "runs", "--watch", "--interval", "1"]
    watching = subprocess.Popen(words, cwd=didomi.folder, env=didomi.environ, stdout=subprocess.PIPE, text=True)
    assert watching.stdout is not None
    first = watching.stdout.readline()
    didomi.vendor.faults.answer("GET /exports/logs", 503, times=None)
    didomi.later(25 * 3600)
    didomi.vendor.faults.clear()
    second = watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    rest, _ = watching.communicate(timeout=20)

    assert "didomi/ExportConfig/daily" in first
    assert "completed" in first
    assert "didomi/ExportConfig/daily" in second
    assert first != second
    assert rest == ""
    assert watching.returncode == 130


def test_explain_names_every_field_with_its_verdict(didomi: World) -> None:
    applied(didomi)

    expect(didomi, "explain.txt", didomi.command("explain", "didomi/Destination/archive").stdout)


@pytest.mark.parametrize("form", ["dot", "mermaid", "svg"])
def test_graphs_are_drawn_without_a_connection(didomi: World, form: str) -> None:
    didomi.write(ALL)
    drawn = didomi.command("graph", "--format", form).stdout

    assert "ExportConfig/daily" in drawn
    assert didomi.vendor.requests() == ()


def test_the_schema_is_json_and_knows_every_kind(didomi: World) -> None:
    text = didomi.command("schema").stdout

    assert {"Destination", "ExportConfig", "Integration"} <= set(re.findall(r'"(?:const|title)": "(\w+)"', text))
    assert json.loads(text)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_doctor_finds_everything_well_and_says_what_is_not(didomi: World) -> None:
    didomi.write(ALL)
    well = didomi.command("doctor", expect=1).stdout

    assert "ok   manifests: 3 resources" in well
    assert "BAD  clock" in well  # the stand-in world's clock stands still in another month


def test_a_selection_says_that_the_plan_is_partial_and_takes_along_what_is_needed(didomi: World) -> None:
    didomi.write(ALL)
    only = didomi.command("plan", "--target", "didomi/Destination/lake").stdout
    labelled = didomi.command("plan", "-l", "team=data").stdout
    whole = didomi.command("plan", "--target", "didomi/ExportConfig/daily").stdout

    assert only.splitlines()[-1] == "Plan: 1 to add, 0 to change, 0 to replace, 0 to destroy."
    assert "partial" in only.lower()
    assert normal(didomi, labelled) == normal(didomi, only)
    assert whole.splitlines()[-1] == "Plan: 3 to add, 0 to change, 0 to replace, 0 to destroy."


def test_destroy_removes_everything_in_the_right_order(didomi: World) -> None:
    applied(didomi)
    didomi.vendor.forget_requests()
    didomi.command("destroy", "-y")

    assert [each.method for each in didomi.vendor.writes()] == ["DELETE"] * 3
    assert "configs" in didomi.vendor.writes()[0].path
    assert didomi.vendor.objects("destinations") == []
    assert didomi.state.records == {}


def test_an_option_of_the_program_behind_the_command_is_told_its_place(didomi: World) -> None:
    didomi.write(LAKE)
    ended = didomi.command("plan", "--no-colour", expect=64)

    assert "Error: `--no-colour` stands before the command: `reconciler --no-colour … plan`" in ended.stderr


def test_a_target_that_is_none_is_answered_with_the_one_that_was_meant(didomi: World) -> None:
    didomi.write(ALL)
    planned = didomi.command("plan", "--target", "didomi/ExportConfig/dayly", expect=5)
    explained = didomi.command("explain", "didomi/Destination/lakes", expect=1)

    assert "help: did you mean `didomi/ExportConfig/daily`?" in planned.stdout
    assert "help: did you mean `didomi/Destination/lake`?" in explained.stderr


def test_a_vendor_that_cannot_be_reached_is_said_with_what_to_do(didomi: World) -> None:
    didomi.write(LAKE)
    path = didomi.folder / "reconciler.yaml"
    project = yaml.safe_load(path.read_text(encoding="utf-8"))
    project["vendors"]["didomi"]["baseUrl"] = "http://127.0.0.1:9/v1"
    project["deadline"] = 0.01
    path.write_text(yaml.safe_dump(project), encoding="utf-8")
    ended = didomi.command("plan", expect=1)

    assert "error: `POST /sessions` got no usable answer: no connection to `127.0.0.1:9`" in ended.stderr
    assert "help: check the network and the vendor's URLs in the project file" in ended.stderr


def test_credentials_that_end_before_the_proof_have_an_exit_code_of_their_own(didomi: World) -> None:
    didomi.write(LAKE)

    def nobody_is_let_in() -> None:
        didomi.vendor.faults.answer("* *", 401, times=None)

    didomi.vendor.faults.call("POST /exports/destinations", nobody_is_let_in, after_write=True)
    ended = didomi.command("apply", "-y", expect=7)

    assert "what was applied could not be read again" in ended.stderr + ended.stdout
    assert len(didomi.vendor.objects("destinations")) == 1


def test_drift_says_what_moved_and_who_moved_it(didomi: World) -> None:
    applied(didomi)
    quiet = didomi.command("drift", "--detailed-exitcode")
    config, lake = didomi.vendor.objects("configs")[0], didomi.vendor.objects("destinations")[0]
    didomi.vendor.emulator.edit("configs", config["id"], {"data": {"users": {"enabled": False}}})
    didomi.vendor.emulator.edit("destinations", lake["id"], {"name": "Somebody's"})
    didomi.write(ALL.replace("Consent archive", "Another name").replace('version: "1"', 'version: "2"'))
    didomi.vendor.forget_requests()
    moved = didomi.command("drift", "--detailed-exitcode", expect=2)
    plain = didomi.command("drift")
    as_json = didomi.command("drift", "--format", "json")

    assert quiet.stdout.splitlines()[-1] == "Drift: none in 3 objects."
    expect(didomi, "drift.txt", moved.stdout)
    assert plain.stdout == moved.stdout
    expect(didomi, "drift.json", as_json.stdout)
    assert didomi.vendor.writes() == ()


def test_an_ignored_field_stays_as_it_is_when_its_neighbour_is_changed(didomi: World) -> None:
    ignoring = f"{LAKE}---{DAILY}".replace(
        "metadata: {name: daily}", ("metadata: {name: daily}\nlifecycle: {ignoreChanges: [spec.data.users.enabled]}")
    ).replace("[lake, archive]", "[lake]")
    applied(didomi, ignoring)
    (config,) = didomi.vendor.objects("configs")
    theirs = {"users": {"enabled": False}, "proofs": {"enabled": False}}
    didomi.vendor.emulator.edit("configs", config["id"], {"data": theirs})
    applied(didomi, ignoring.replace("proofs: {enabled: false}", "proofs: {enabled: true}"))
    (config,) = didomi.vendor.objects("configs")

    assert config["data"] == {"users": {"enabled": False}, "proofs": {"enabled": True}}
    didomi.command("plan", "--detailed-exitcode")


def test_drift_is_told_apart_from_what_is_gone_and_from_wrong_manifests(didomi: World) -> None:
    applied(didomi)
    didomi.vendor.emulator.remove("configs", didomi.vendor.objects("configs")[0]["id"])
    didomi.vendor.words["settleSeconds"] = 600
    didomi.write(ALL)
    young = didomi.command("drift")
    didomi.vendor.words["settleSeconds"] = 0
    didomi.write(ALL.replace("accountId", "acountId"))
    ended = didomi.command("drift", "--detailed-exitcode", expect=2)

    assert "1 object written a moment ago and not listed yet: look again later." in young.stdout
    assert "didomi/ExportConfig/daily: gone at the vendor" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "Drift: 1 of 3 objects moved, 0 fields, 1 gone."
    assert "error[unknown-key]" in ended.stderr


def test_drift_that_cannot_be_read_is_a_failure_and_no_quiet(didomi: World) -> None:
    applied(didomi)
    didomi.vendor.switch(list="404")
    ended = didomi.command("drift", "--detailed-exitcode", expect=1)

    assert "error[cannot-read]" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "Drift: none in 0 objects that could be read."


def test_what_exists_is_dumped_and_imported_and_the_plan_is_empty(didomi: World) -> None:
    applied(didomi)
    for each in ("lake", "archive"):
        didomi.command("state", "rm", f"didomi/Destination/{each}")
    didomi.command("state", "rm", "didomi/ExportConfig/daily")
    for collection in ("destinations", "configs"):
        for row in didomi.vendor.objects(collection):
            didomi.vendor.emulator.edit(collection, row["id"], {"description": "Made by hand"})
    didomi.write([])
    written = didomi.command("dump", "--out-dir", "specs")
    didomi.environ["RECONCILER_SECRET_CONSENT_ARCHIVE_KEY"] = "{}"
    validated = didomi.command("validate")
    didomi.vendor.forget_requests()
    adopted = didomi.command("import", "--all")
    planned = didomi.command("plan", "--detailed-exitcode")

    expect(didomi, "dump.txt", written.stdout + written.stderr)
    expect(didomi, "dump-destinations.yaml", (didomi.folder / "specs/didomi/Destination.yaml").read_text("utf-8"))
    expect(didomi, "import-all.txt", adopted.stdout + adopted.stderr)
    assert validated.returncode == planned.returncode == 0
    assert didomi.vendor.writes() == ()


def test_an_import_that_leaves_something_says_what_and_exits_with_4(didomi: World) -> None:
    didomi.write(LAKE)
    ended = didomi.command("import", "--all", expect=4)
    misused = didomi.command("import", "--all", "didomi/Destination/lake", expect=64)

    assert ended.stderr.startswith(
        "didomi/Destination/lake: nothing at the vendor fits; `reconciler plan` would make it"
    )
    assert ended.stdout == "Import: 0 objects now managed, 1 manifest left.\n"
    assert "write `import ADDRESS ID`, or `import --all`" in misused.stderr


def test_of_a_stale_plan_the_unrelated_rest_is_applied_when_that_is_allowed(didomi: World) -> None:
    applied(didomi)
    other = LAKE.replace("name: lake", "name: other").replace("Consent lake", "Other lake")
    changed = ALL.replace("Consent archive", "New archive").replace("Daily consents", "Every day")
    didomi.write(f"{changed}---{other}")
    didomi.command("plan", "-o", "plan.json")
    archive = next(each for each in didomi.vendor.objects("destinations") if each["type_id"] == "gcp-storage")
    didomi.vendor.emulator.edit("destinations", archive["id"], {"name": "Somebody's"})
    didomi.vendor.forget_requests()
    refused = didomi.command("apply", "plan.json", "-y", expect=3)
    untouched = didomi.vendor.writes()
    ended = didomi.command("apply", "plan.json", "-y", "--allow-partial", expect=4)
    misused = didomi.command("apply", "-y", "--allow-partial", expect=64)

    assert untouched == ()
    expect(didomi, "apply-stale.stderr.txt", refused.stderr)
    expect(didomi, "apply-partial.stderr.txt", ended.stderr)
    assert [each.method for each in didomi.vendor.writes()] == ["POST"]
    assert sorted(each["name"] for each in didomi.vendor.objects("destinations")) == [
        "Consent lake",
        "Other lake",
        "Somebody's",
    ]
    assert [each["name"] for each in didomi.vendor.objects("configs")] == ["Daily consents"]  # it needs the archive
    assert "name its file" in misused.stderr
