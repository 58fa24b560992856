"""What CI systems read: plans, problems and drift, told on the lines that cause them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from world import CANARY, World

from reconciler.operations.repository import folder_within_repository

LAKE = """apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {name: lake}
spec:
  name: Consent lake
  typeId: aws-s3-didomi
  config:
    accountId: "210987654321"
"""
ARCHIVE = """
apiVersion: didomi.reconciler/v1
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


@pytest.fixture
def didomi(world_of: Callable[..., World]) -> World:
    world = world_of("didomi")
    world.vendor.switch(rate_limit="off")
    world.environ = {**world.environ, "GITHUB_WORKSPACE": str(world.folder)}
    return world


@pytest.fixture
def dangerous(didomi: World) -> World:
    """A destination must be made anew, and another one goes."""
    didomi.write(f"{LAKE}---{ARCHIVE}")
    didomi.command("apply", "-y")
    didomi.write(LAKE.replace("210987654321", "999988887777"))
    return didomi


def test_a_plan_tells_github_the_line_of_each_danger(dangerous: World) -> None:
    lines = dangerous.command("plan", "--format", "github").stdout.splitlines()

    assert [each.partition("::gone")[0].partition("::made")[0] for each in lines[:2]] == [
        "::warning title=Delete didomi/Destination/archive",
        "::warning file=specs/all.yaml,line=8,col=16,title=Replace didomi/Destination/lake",
    ]
    assert lines[2].startswith("::notice title=Plan for shop/default::Plan: 0 to add, 0 to change, 1 to replace, 1 to ")
    assert len(lines) == 3


def test_files_are_named_from_the_top_of_the_repository(dangerous: World) -> None:
    dangerous.environ = {**dangerous.environ, "GITHUB_WORKSPACE": str(dangerous.folder.parent)}
    below = f"{dangerous.folder.name}/specs/all.yaml"

    assert f"file={below},line=8," in dangerous.command("plan", "--format", "github").stdout
    assert f'"uri": "{below}"' in dangerous.command("plan", "--format", "sarif").stdout


@pytest.mark.parametrize(
    ("named", "folder"),
    [({}, "teams/crm"), ({"GITHUB_WORKSPACE": "teams"}, "crm"), ({"CI_PROJECT_DIR": "b"}, "teams/crm")],
)
def test_the_top_of_the_repository_is_where_ci_put_it_or_where_git_is(
    tmp_path: Path, named: dict[str, str], folder: str
) -> None:
    (tmp_path / ".git").mkdir()
    project = tmp_path / "teams" / "crm"
    project.mkdir(parents=True)

    assert folder_within_repository(project, {name: str(tmp_path / each) for name, each in named.items()}) == folder
    assert folder_within_repository(tmp_path, {}) == ""


@pytest.mark.slow
def test_a_saved_plan_is_shown_in_every_form_without_a_connection(dangerous: World) -> None:
    dangerous.command("plan", "-o", "plan.json")
    dangerous.vendor.forget_requests()
    shown = {
        form: dangerous.command("show", "plan.json", "--format", form).stdout
        for form in ("text", "json", "markdown", "github", "sarif", "junit", "html")
    }

    assert dangerous.vendor.requests() == ()
    assert [form for form, text in shown.items() if "didomi/Destination" not in text] == []
    assert [form for form, text in shown.items() if CANARY in text] == []
    assert "file=specs/all.yaml,line=1," in shown["github"]
    assert json.loads(shown["sarif"])["runs"][0]["automationDetails"] == {"id": "reconciler/shop/default/"}
    assert ET.fromstring(shown["junit"]).get("failures") == "2"  # noqa: S314 - our own


def test_a_state_is_not_shown_in_the_forms_of_plans(didomi: World) -> None:
    didomi.write(LAKE)
    ended = didomi.command("show", "--format", "sarif", expect=64)

    assert "needs a PLANFILE" in ended.stderr


def test_wrong_manifests_are_told_on_their_lines(didomi: World) -> None:
    didomi.write(LAKE.replace("accountId", "acountId"))
    command = ("validate", "--format", "github")
    lines = didomi.command(*command, expect=8).stdout.splitlines()
    sarif = json.loads(didomi.command("validate", "--format", "sarif", expect=8).stdout)
    junit = ET.fromstring(  # noqa: S314 - our own
        didomi.command("validate", "--format", "junit", expect=8).stdout
    )

    assert [each.partition("title=")[0] for each in lines] == [
        "::error file=specs/all.yaml,line=8,col=5,",
        "::notice ",
    ]
    assert sarif["runs"][0]["results"][0]["level"] == "error"
    assert junit.get("errors") == str(len(lines) - 1)


def test_good_manifests_are_one_notice(didomi: World) -> None:
    didomi.write(LAKE)

    assert didomi.command("validate", "--format", "github").stdout == (
        "::notice title=Manifests of shop::1 resource in 1 file: no problems\n"
    )


def test_drift_is_told_on_the_field_that_moved(didomi: World) -> None:
    didomi.write(LAKE)
    didomi.command("apply", "-y")
    (lake,) = didomi.vendor.objects("destinations")
    didomi.vendor.emulator.edit("destinations", str(lake["id"]), {"name": "Renamed by hand"})
    github = didomi.command("drift", "--format", "github").stdout.splitlines()
    markdown = didomi.command("drift", "--format", "markdown").stdout
    sarif = json.loads(didomi.command("drift", "--format", "sarif").stdout)

    assert github[0].startswith("::warning file=specs/all.yaml,line=5,col=9,title=Moved at the vendor%3A didomi/")
    assert github[1].startswith("::notice title=Drift of shop/default::Drift: 1 of 1 object moved")
    assert "Renamed by hand" in markdown
    assert [each["ruleId"] for each in sarif["runs"][0]["results"]] == ["drift-moved"]
