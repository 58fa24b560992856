"""Rules over plans: nothing is sent of what they refuse, and no secret is in what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from policy_stage import DAILY, LAKE, rule
from world import CANARY, Status, Theatre, World

from reconciler.operations.apply import apply
from reconciler.operations.failures import NotSafe
from reconciler.operations.plan import make_plan
from reconciler.operations.saved import save
from reconciler.values import Options, Severity

PROOFS = DAILY.replace(
    "users: {enabled: true}, proofs: {enabled: false}", "users: {enabled: false}, proofs: {enabled: true}"
)
BUCKET = """\
apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {name: lake}
spec:
  typeId: gcp-storage
  config: {projectId: example, bucketName: example-lake, key: {env: RECONCILER_SECRET_CANARY}}
"""


@pytest.fixture
def world(tmp_path: Path, theatre: Theatre) -> World:
    """A project with Didomi that says `policies: {}`."""
    world = World(tmp_path, theatre, ["didomi"])
    world.settings["policies"] = {}
    return world


def rules(world: World, *written: dict[str, object]) -> None:
    folder = world.folder / "policies"
    folder.mkdir(exist_ok=True)
    (folder / "own.yaml").write_text(yaml.safe_dump({"rules": list(written)}), encoding="utf-8")


def test_a_plan_with_a_broken_rule_is_refused_and_nothing_is_sent(world: World) -> None:
    planned = world.plan(f"{LAKE}---\n{DAILY}")
    applied = world.apply(expect=Status.REFUSED)

    assert [each.code for each in planned.problems] == ["policy/unapproved-users"]
    assert [each.code for each in applied.problems] == ["policy/unapproved-users"]
    assert world.vendor.writes() == ()


def test_the_commands_end_with_five(world: World) -> None:
    world.write(f"{LAKE}---\n{DAILY}")
    validated = world.command("validate", expect=5)
    planned = world.command("plan", expect=5)
    applied = world.command("apply", "-y", expect=5)

    assert "error[policy/unapproved-users]" in validated.stderr
    assert "policy/unapproved-users" in planned.stdout
    assert "policy/unapproved-users" in applied.stdout + applied.stderr


def test_a_warning_is_said_and_stops_nothing(world: World) -> None:
    rules(world, rule(severity="warning"))
    run = world.apply(f"{LAKE}---\n{PROOFS}")

    assert run.plan is not None
    assert {(each.code, each.severity) for each in run.plan.problems} == {("policy/own-rule", Severity.WARNING)}
    assert run.report.problems == ()
    assert world.plan().changes_to_make == ()


def test_a_rule_about_changes_sees_what_is_deleted(world: World) -> None:
    world.apply(f"{LAKE}---\n{PROOFS}")
    deny = "change.action in ['delete', 'forget', 'retire'] && resource.spec.data.proofs.enabled"
    rules(world, rule(on="change", deny=deny, match={"kind": "didomi/ExportConfig"}, message="{change.action}"))
    run = world.plan(LAKE)

    assert [(each.code, str(each.address)) for each in run.problems] == [
        ("policy/own-rule", "didomi/ExportConfig/daily")
    ]


def test_a_rule_about_changes_sees_the_fields(world: World) -> None:
    world.apply(LAKE)
    message = "{change.fields[0].path}: {change.fields[0].before} to {change.fields[0].after}"
    rules(world, rule(on="change", deny="change.action == 'update' || change.action == 'replace'", message=message))
    run = world.plan(LAKE.replace("210987654321", "111122223333"))

    assert [each.message for each in run.problems] == ["config.accountId: 210987654321 to 111122223333"]


def test_a_rule_about_the_plan_counts_its_changes(world: World) -> None:
    rules(world, rule(on="plan", deny="plan.counts['create'] > 1", message="{plan.counts['create']} of {plan.changes}"))
    few = world.plan(LAKE)
    many = world.plan(f"{LAKE}---\n{PROOFS}")

    assert few.problems == ()
    assert [each.message for each in many.problems] == ["2 of 2"]


def test_a_plan_without_changes_asks_no_rule_about_changes(world: World) -> None:
    world.apply(LAKE)
    rules(world, rule(on="change"))

    assert world.plan().problems == ()


def test_a_saved_plan_is_held_to_the_rules_of_the_day_it_is_applied(world: World) -> None:
    world.write(LAKE)
    path = world.folder / "plan.json"
    with world.workspace() as workspace:
        save(make_plan(workspace, Options()), path)
    rules(world, rule())
    with world.workspace() as workspace, pytest.raises(NotSafe) as refused:
        apply(workspace, saved=path)

    assert [each.code for each in refused.value.problems] == ["policy/own-rule"]
    assert world.vendor.writes() == ()


def test_what_a_manifest_sets_aside_is_not_in_the_plan(world: World) -> None:
    entry = json.dumps([{"ignore": "unapproved-users", "reason": "test data"}])
    run = world.apply(f"{LAKE}---\n{DAILY.replace('spec:', f'policy: {entry}{chr(10)}spec:')}")

    assert run.plan is not None
    assert run.plan.problems == ()
    assert world.plan().changes_to_make == ()


def test_no_secret_is_in_what_a_rule_says(world: World) -> None:
    world.apply(BUCKET)
    everything = "{resource.spec} {resource.spec.config.key}"
    rules(
        world,
        rule(message=everything, severity="warning"),
        rule("of-changes", on="change", message=f"{everything} {{change.fields}}", severity="warning"),
    )
    world.write(BUCKET.replace("example-lake", "other-lake"))
    said = [world.command(*words) for words in (("validate",), ("plan",), ("plan", "--format", "json"))]
    printed = "\n".join(each.stdout + each.stderr for each in said)

    assert "policy/of-changes" in printed
    assert "RECONCILER_SECRET_CANARY" in printed
    assert CANARY not in printed


def test_the_rules_of_the_command_line_judge_a_plan_of_a_project_without_any(world: World) -> None:
    world.settings.clear()
    rules(world, rule())
    world.write(LAKE)
    world.command("plan")
    judged = world.command("plan", "--policies", "policies", expect=5)

    assert "policy/own-rule" in judged.stdout


def test_list_and_test_say_what_there_is(world: World) -> None:
    rules(world, rule(message="own words"))
    world.write(LAKE)
    listed = json.loads(world.command("policies", "list", "--format", "json").stdout)
    text = world.command("policies", "list").stdout
    tested = world.command("policies", "test")

    assert [each["id"] for each in listed if not each["builtin"]] == ["own-rule"]
    assert "own-rule            error    manifest  every kind\n    own words\n" in text
    assert tested.stdout.endswith("all as expected.\n")
    assert "without an example: own-rule" in tested.stderr


def test_a_wrong_example_ends_with_one(world: World) -> None:
    rules(world, rule(on="plan", deny="plan.partial", examples=[{"plan": {}, "expect": "deny"}]))
    world.write(LAKE)

    assert "error[policy-example]" in world.command("policies", "test", expect=1).stderr


def test_without_the_library_nothing_passes_and_the_help_says_what_to_install(world: World) -> None:
    world.write(LAKE)
    script = "import sys; sys.modules['cel_expr_python'] = None; from reconciler.cli import main; main(['validate'])"
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=world.folder, env=world.environ, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 8
    assert "error[policy-unavailable]" in ended.stderr
    assert "install `reconciler[policy]`" in ended.stderr
