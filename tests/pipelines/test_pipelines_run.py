"""The shell of the action and of the templates, run as CI runs it, against stand-ins for the vendor and the forges."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from forge_stage import ForgeStage
from pipeline_stage import ACTION, Ended, Runner, workflows
from program import Held, Project, RealTime, lake, until
from world import CANARY, World

LAKE = """apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {name: lake}
spec:
  name: Consent lake
  typeId: aws-s3-didomi
  config:
    accountId: "210987654321"
"""
ARCHIVE = """apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {name: archive}
lifecycle: {onRemoval: delete}
spec:
  name: Consent archive
  typeId: gcp-storage
  config:
    projectId: example-archive
    bucketName: example-consent-archive
    key: {env: RECONCILER_SECRET_CANARY, version: "1"}
"""
MARKED = "<!-- reconciler comment "


@pytest.fixture
def forge() -> Iterator[ForgeStage]:
    with ForgeStage() as stage:
        yield stage


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    world = world_of("didomi")
    world.vendor.switch(rate_limit="off")
    world.settings = {"environments": {"prod": {}}}
    return world


@pytest.fixture
def runner(world: World, forge: ForgeStage, tmp_path: Path) -> Runner:
    return Runner(world.folder, tmp_path / "runner", {**world.environ, **forge.github(), "GITHUB_TOKEN": ""})


def act(runner: Runner, command: str, **inputs: str) -> Ended:
    named = {name.replace("_", "-"): each for name, each in inputs.items()}
    return runner.action({"command": command, "environment": "prod", **named})


def everything(ended: Ended, forge: ForgeStage) -> str:
    """All that a run shows or leaves."""
    assert ended.folder is not None
    files = [path.read_text(encoding="utf-8") for path in ended.folder.iterdir()]
    return "\n".join([ended.log, ended.summary, *ended.outputs.values(), *files, *forge.by("github-actions[bot]")])


def test_a_plan_on_a_pull_request_is_told_in_comment_summary_and_outputs(
    world: World, runner: Runner, forge: ForgeStage
) -> None:
    world.write(f"{LAKE}---\n{ARCHIVE}")
    runner.pull_request()
    ended = runner.job(workflows()["plan-on-pull-request.yml"]["jobs"]["plan"])

    assert ended.code == 0
    assert "Plan: 2 to add, 0 to change, 0 to replace, 0 to destroy." in ended.log
    assert "2 to add" in ended.summary
    assert [each.startswith(MARKED) and "2 to add" in each for each in forge.by("github-actions[bot]")] == [True]
    assert any(each.startswith("::notice title=Plan for shop/prod::Plan: 2 to add") for each in ended.commands())
    assert ended.folder is not None
    assert "<html" in (ended.folder / "plan.html").read_text(encoding="utf-8")
    assert CANARY not in everything(ended, forge)


def test_a_merge_is_planned_and_exactly_that_plan_is_applied(world: World, runner: Runner) -> None:
    world.settings = {**world.settings, "state": f"file://{world.folder}/state"}
    world.write(LAKE)
    jobs = workflows()["apply-on-merge.yml"]["jobs"]
    planned = runner.job(jobs["plan"])
    needs = {f"needs.plan.outputs.{name}": each for name, each in planned.outputs.items()}
    refused = runner.job(jobs["apply"], also={**needs, "needs.plan.outputs.digest": f"sha256:{'0' * 64}"})
    world.environ = {**world.environ, "RECONCILER_APPLY_ALLOW_LOCAL_STATE": "1"}
    runner.environ = {**runner.environ, "RECONCILER_APPLY_ALLOW_LOCAL_STATE": "1"}
    other = runner.job(jobs["apply"], also={**needs, "needs.plan.outputs.digest": f"sha256:{'0' * 64}"})
    before = world.vendor.objects("destinations")
    applied = runner.job(jobs["apply"], also=needs)

    assert planned.outputs["has-changes"] == "true"
    assert (refused.code, other.code, applied.code) == (5, 3, 0)
    assert before == []
    assert [each["name"] for each in world.vendor.objects("destinations")] == ["Consent lake"]
    assert "Planned again: nothing is left to do." in applied.summary


@pytest.mark.slow
def test_a_plan_that_a_limit_refuses_is_shown_with_its_digest_and_can_be_approved(
    world: World, runner: Runner, forge: ForgeStage
) -> None:
    world.settings = {**world.settings, "limits": {"maxDeletes": 1, "maxDeletePercent": 100}}
    world.write(f"{ARCHIVE}---\n{ARCHIVE.replace('archive', 'attic')}")
    world.command("apply", "-y")
    world.write(LAKE)
    runner.pull_request()
    refused = act(runner, "plan", comment="true")
    applied = act(runner, "apply", approve=refused.outputs["digest"])

    assert refused.code == 5
    assert "has-changes" not in refused.outputs
    assert "plan-file" not in refused.outputs
    assert "too-many-deletes" in refused.summary
    assert ["too-many-deletes" in each for each in forge.by("github-actions[bot]")] == [True]
    assert applied.code == 0


def test_what_a_manifest_says_is_no_command_to_github(world: World, runner: Runner) -> None:
    world.write(
        LAKE.replace("name: Consent lake", r'name: "::error::forged\n::add-mask::e\n  ::set-output name=digest::x"')
    )
    ended = act(runner, "plan")

    assert "forged" in ended.log
    assert [each.partition(" ")[0] for each in ended.commands()] == ["::group::plan", "::endgroup::", "::notice"]
    assert ended.outputs["digest"].startswith("sha256:")


@pytest.mark.parametrize(
    ("name", "code"),
    [("environment", 8), ("directory", 64), ("arguments", 64), ("approve", 64), ("plan-file", 64), ("command", 64)],
)
def test_an_input_is_one_word_whatever_stands_in_it(world: World, runner: Runner, name: str, code: int) -> None:
    world.write(LAKE)
    given = {
        "command": "apply",
        "environment": "prod",
        "approve": "any",
        name: "$(touch owned)\"; touch owned; ' `touch owned`",
    }
    ended = runner.action(given)

    assert ended.code == code
    assert not (world.folder / "owned").exists()


@pytest.mark.slow
def test_manifests_that_are_wrong_are_told_on_their_lines(world: World, runner: Runner) -> None:
    world.write(LAKE.replace("typeId", "typeid"))
    ended = act(runner, "plan")

    assert ended.code == 8
    assert ended.outputs["exit-code"] == "8"
    assert any(each.startswith("::error file=specs/all.yaml,line=") for each in ended.commands())


@pytest.mark.slow
def test_a_fork_is_planned_from_what_main_has_published_without_credentials_and_without_a_comment(
    world: World, runner: Runner, forge: ForgeStage, tmp_path: Path
) -> None:
    world.write(LAKE)
    world.command("apply", "-y")
    snapshot = runner.job(workflows()["publish-snapshot.yml"]["jobs"]["snapshot"])
    world.write(LAKE.replace("Consent lake", "Lake of consents"))
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "gh").write_text('#!/bin/sh\necho "$*" > "$0.asked"\necho 42\n', encoding="utf-8")
    (tools / "gh").chmod(0o755)
    runner.environ = {name: each for name, each in runner.environ.items() if not name.startswith("DIDOMI_")}
    runner.environ["PATH"] = f"{tools}:{runner.environ['PATH']}"
    assert snapshot.folder is not None
    shutil.copytree(snapshot.folder, runner.temporary / "published")
    runner.pull_request(head="somebody/exports")
    world.vendor.forget_requests()
    ended = runner.job(workflows()["plan-on-pull-request.yml"]["jobs"]["fork"])
    commented = act(runner, "validate", comment="true")

    assert (snapshot.code, ended.code, commented.code) == (0, 0, 0)
    assert "Plan: 0 to add, 1 to change, 0 to replace, 0 to destroy." in ended.log
    assert "planned from a snapshot of" in ended.summary
    assert "--workflow publish-snapshot.yml --status success" in (tools / "gh.asked").read_text(encoding="utf-8")
    assert any("from a fork" in each for each in commented.commands())
    assert (forge.asked, world.vendor.requests()) == ([], ())


def test_apply_wants_to_know_what_was_reviewed(world: World, runner: Runner) -> None:
    world.write(LAKE)
    ended = act(runner, "apply")

    assert ended.code == 64
    assert any("what was reviewed" in each for each in ended.commands())


def test_a_truth_that_is_none_is_refused_before_anything_runs(world: World, runner: Runner) -> None:
    ended = act(runner, "plan", comment="yes")

    assert ended.code == 64
    assert ended.commands() == ["::error title=reconciler::the input comment is true or false"]


@pytest.mark.slow
def test_a_saved_plan_is_applied_where_one_job_makes_it(world: World, runner: Runner) -> None:
    world.write(LAKE)
    planned = act(runner, "plan")
    applied = act(runner, "apply", plan_file=planned.outputs["plan-file"], arguments="--allow-local-state\n")

    assert applied.code == 0
    assert len(world.vendor.objects("destinations")) == 1


@pytest.mark.slow
def test_a_night_without_drift_is_green_and_one_with_it_red(world: World, runner: Runner) -> None:
    world.write(LAKE)
    world.command("apply", "-y")
    job = workflows()["nightly-drift.yml"]["jobs"]["drift"]
    quiet = runner.job(job)
    (there,) = world.vendor.objects("destinations")
    world.vendor.emulator.edit("destinations", there["id"], {"name": "Renamed"})
    loud = runner.job(job)
    told = act(runner, "drift", fail_on_changes="false")

    assert (quiet.code, loud.code, told.code) == (0, 2, 0)
    assert told.outputs["has-changes"] == "true"
    assert "Renamed" in loud.summary
    assert any(each.startswith("::warning") for each in loud.commands())


@pytest.mark.slow
def test_a_morning_with_nothing_owed_is_green(world: World, runner: Runner) -> None:
    world.write(LAKE)
    world.command("apply", "-y")
    ended = runner.job(workflows()["nightly-verify.yml"]["jobs"]["verify"])

    assert ended.code == 0
    assert ended.folder is not None
    assert (ended.folder / "verify.html").is_file()


@pytest.mark.slow
def test_a_cancelled_apply_ends_what_is_under_way_and_the_next_one_goes_on(
    tmp_path: Path, project_folder: Path
) -> None:
    theatre = RealTime()
    try:
        project = Project(project_folder, theatre, "didomi")
        project.begin([lake()])
        held = Held(project.vendor, "POST /exports/destinations", after_write=True)
        runner = Runner(project.folder, tmp_path / "runner", project.environ)
        running = subprocess.Popen(
            [ACTION / "run.sh"],
            cwd=project.folder,
            env={
                **runner.variables(),
                "ACTION_COMMAND": "apply",
                "ACTION_APPROVE": "any",
                "ACTION_ARGUMENTS": "--allow-local-state",
                "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        held.arrives()
        running.send_signal(signal.SIGTERM)
        log = tmp_path / "runner"
        until(lambda: any("stopping" in each.read_text() for each in log.glob("reconciler.*/log")), "it stops")
        held.let_go()
        said, _ = running.communicate(timeout=60)
        project.run("apply", "-y")

        assert running.returncode == 143, said
        assert len(project.vendor.objects("destinations")) == 1
    finally:
        theatre.close()


@pytest.mark.slow
def test_a_runner_without_the_program_installs_it(world: World, tmp_path: Path) -> None:
    wheel = tmp_path / "example_program-1.0-py3-none-any.whl"
    about = "example_program-1.0.dist-info"
    files = {
        "example_program.py": "def main():\n    print('here I am')\n",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: example-program\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: example\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": "[console_scripts]\nreconciler = example_program:main\n",
    }
    with zipfile.ZipFile(wheel, "w") as packed:
        for name, text in files.items():
            packed.writestr(name, text)
        packed.writestr(f"{about}/RECORD", "".join(f"{name},,\n" for name in files))
    runner = Runner(world.folder, tmp_path / "runner", {"PATH": "/usr/local/bin:/usr/bin:/bin", "PIP_NO_INDEX": "1"})
    ended = runner.step('"$GITHUB_ACTION_PATH/run.sh" install', {"ACTION_REQUIREMENT": str(wheel)})
    folder = (tmp_path / "runner" / "path").read_text(encoding="utf-8").strip()
    said = subprocess.run([f"{folder}/reconciler"], capture_output=True, text=True, check=True, env=dict(os.environ))

    assert ended.code == 0
    assert said.stdout == "here I am\n"


# --- GitLab ---


@pytest.fixture
def gitlab(world: World, forge: ForgeStage, tmp_path: Path) -> Callable[..., Ended]:
    runner = Runner(world.folder, tmp_path / "runner", {**world.environ, **forge.gitlab()})
    inputs = {"image": "registry.example.com/reconciler", "environment": "prod", "directory": "."}
    return lambda name, **environ: runner.gitlab_job(name, inputs, environ)


@pytest.mark.slow
def test_a_merge_request_at_gitlab_is_planned_with_a_comment(
    world: World, forge: ForgeStage, gitlab: Callable[..., Ended]
) -> None:
    world.write(LAKE)
    ended = gitlab("plan")

    assert ended.code == 0, ended.log
    assert [each.startswith(MARKED) and "1 to add" in each for each in forge.by("robot")] == [True]
    assert {"manifests.xml", "plan.xml", "plan.html"} <= {path.name for path in world.folder.iterdir()}


@pytest.mark.slow
def test_gitlab_applies_the_digest_that_it_has_shown(world: World, gitlab: Callable[..., Ended]) -> None:
    world.write(LAKE)
    shown = gitlab("approve")
    name, _, digest = (world.folder / "digest.env").read_text(encoding="utf-8").strip().partition("=")
    other = gitlab("apply", DIGEST=f"sha256:{'0' * 64}", RECONCILER_APPLY_ALLOW_LOCAL_STATE="1")
    applied = gitlab("apply", DIGEST=digest, RECONCILER_APPLY_ALLOW_LOCAL_STATE="1")
    again = gitlab("approve")

    assert (shown.code, name, other.code, applied.code, again.code) == (0, "DIGEST", 3, 0, 0)
    assert (world.folder / "digest.env").read_text(encoding="utf-8") == "DIGEST=\n"
    assert gitlab("apply", DIGEST="").log == "nothing to apply\n"
    assert len(world.vendor.objects("destinations")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["drift", "verify"])
def test_a_scheduled_pipeline_at_gitlab_looks_without_touching(
    world: World, gitlab: Callable[..., Ended], name: str
) -> None:
    world.write(LAKE)
    world.command("apply", "-y")
    world.vendor.forget_requests()
    ended = gitlab(name)

    assert ended.code == 0, ended.log
    assert world.vendor.writes() == ()
