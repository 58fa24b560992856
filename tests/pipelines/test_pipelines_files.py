"""The files that users copy: pinned, with no right too many, and with no input inside a shell's text."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pipeline_stage import ACTION, EXAMPLES, OURS, gitlab, read, steps_of, tool, workflows

PINNED = {
    "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683",
    "actions/download-artifact@d3f86a106a0bac45b974a628896c90dbdf5c8093",
    "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02",
    f"{OURS}0123456789abcdef0123456789abcdef01234567",
}
RIGHTS: dict[str, dict[str, dict[str, str]]] = {
    "apply-on-merge.yml": {"plan": {"contents": "read"}, "apply": {"contents": "read"}},
    "nightly-drift.yml": {"drift": {"contents": "read"}},
    "nightly-verify.yml": {"verify": {"contents": "read"}},
    "plan-changed-projects.yml": {
        "projects": {"contents": "read"},
        "plan": {"contents": "read", "pull-requests": "write"},
    },
    "plan-on-pull-request.yml": {
        "plan": {"contents": "read", "pull-requests": "write"},
        "fork": {"contents": "read", "actions": "read"},
    },
    "publish-snapshot.yml": {"snapshot": {"contents": "read"}},
}
WORKFLOWS = workflows()
NAMES = sorted(WORKFLOWS)


def test_github_would_accept_the_action_and_the_workflows() -> None:
    schemas = {
        "vendor.github-actions": [ACTION / "action.yml"],
        "vendor.github-workflows": [EXAMPLES / n for n in NAMES],
    }
    for schema, files in schemas.items():
        subprocess.run([*tool("check-jsonschema"), "--builtin-schema", schema, *files], check=True, capture_output=True)


def test_gitlab_would_accept_the_template(tmp_path: Path) -> None:
    jobs = tmp_path / "jobs.json"
    jobs.write_text(json.dumps(gitlab()), encoding="utf-8")

    subprocess.run(
        [*tool("check-jsonschema"), "--builtin-schema", "vendor.gitlab-ci", jobs], check=True, capture_output=True
    )


def test_the_script_is_clean() -> None:
    said = subprocess.run(
        [*tool("shellcheck"), "-o", "all", "-e", "SC2250,SC2310,SC2312", ACTION / "run.sh"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert said.stdout == ""


@pytest.mark.parametrize("name", NAMES)
def test_every_action_is_pinned_to_a_commit(name: str) -> None:
    used = {step["uses"] for step in steps_of(WORKFLOWS[name]) if "uses" in step}

    assert used
    assert used <= PINNED


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_has_no_right_and_each_job_only_its_own(name: str) -> None:
    assert WORKFLOWS[name]["permissions"] == {}
    assert {job: each["permissions"] for job, each in WORKFLOWS[name]["jobs"].items()} == RIGHTS[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_checkout_keeps_no_token_and_no_event_gives_a_fork_secrets(name: str) -> None:
    checkouts = [step for step in steps_of(WORKFLOWS[name]) if step.get("uses", "").startswith("actions/checkout@")]

    assert all(each["with"]["persist-credentials"] is False for each in checkouts)
    assert "pull_request_target" not in WORKFLOWS[name][True]


@pytest.mark.parametrize("name", NAMES)
def test_our_action_is_given_only_inputs_that_it_has(name: str) -> None:
    known = read(ACTION / "action.yml")["inputs"].keys()

    assert all(
        step.get("with", {}).keys() <= known for step in steps_of(WORKFLOWS[name]) if OURS in step.get("uses", "")
    )


def test_no_expression_stands_in_a_shell() -> None:
    scripts = [step["run"] for each in WORKFLOWS.values() for step in steps_of(each) if "run" in step]
    scripts += [step["run"] for step in read(ACTION / "action.yml")["runs"]["steps"]]
    scripts += [line for job in gitlab().values() for line in job.get("script", ())]

    assert scripts
    assert [each for each in scripts if "${{" in each or "$[[" in each] == []


def test_every_input_of_the_action_reaches_the_script_in_a_variable_of_its_own() -> None:
    action: dict[str, Any] = read(ACTION / "action.yml")
    handed = {name: each for step in action["runs"]["steps"] for name, each in step["env"].items()}
    script = (ACTION / "run.sh").read_text(encoding="utf-8")

    assert {f"${{{{ inputs.{name} }}}}" for name in action["inputs"]} <= set(handed.values())
    assert set(handed) == set(re.findall(r"\$\{(ACTION_[A-Z_]+)", script))


def test_the_page_beside_the_examples_names_each_of_them() -> None:
    named = re.findall(r"\[`([\w.-]+)`\]", (EXAMPLES / "README.md").read_text(encoding="utf-8"))

    assert sorted(named) == sorted(path.name for path in EXAMPLES.glob("*.yml"))


def test_an_apply_is_never_cut_short_and_waits_for_a_person() -> None:
    workflow = WORKFLOWS["apply-on-merge.yml"]

    assert workflow["concurrency"] == {"group": "apply", "cancel-in-progress": False}
    assert workflow["jobs"]["apply"]["environment"] == "production"
    assert gitlab()["apply"]["rules"][0]["when"] == "manual"
