"""Every example can be validated, planned, applied and removed, and leaves nothing to do and nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from example_stage import ROOT, TUTORIAL, example

PROJECTS = [
    # folder, environment, objects at the vendor
    (".", "staging", 4),
    (".", "prod", 4),
    ("examples/didomi-tutorial", None, 3),
    ("examples/environments", "staging", 2),
    ("examples/environments", "prod", 2),
    ("examples/replace-without-gap", None, 2),
    ("examples/marketplace", None, 2),
]


@pytest.mark.parametrize(("name", "environment", "count"), PROJECTS)
def test_an_example_is_valid_applied_once_and_removed(
    name: str, environment: str | None, count: int, tmp_path: Path
) -> None:
    organization = TUTORIAL if name.endswith("tutorial") else "example-org"
    chosen = ("-e", environment) if environment else ()
    with example(name, tmp_path, organization=organization) as world:
        world.run(*chosen, "validate")
        planned = world.run(*chosen, "plan")
        world.run(*chosen, "apply", "-y")
        made = world.objects()
        world.run(*chosen, "plan", "--detailed-exitcode")
        protected = name == "." and environment == "prod"
        world.run(*chosen, "destroy", "-y", expect=5 if protected else 0)

        assert f"Plan: {count} to add, 0 to change, 0 to replace, 0 to destroy." in planned
        assert len(made) == count
        assert len(world.objects()) == (count if protected else 0)


def test_every_example_is_among_these() -> None:
    """Examples of other vendors are run beside these vendors' own tests."""
    folders = {
        str(path.parent.relative_to(ROOT))
        for path in (ROOT / "examples").rglob("reconciler.yaml")
        if "didomi:" in path.read_text(encoding="utf-8")
    }

    # An import makes no object of its own: `tests/events` runs that example.
    assert folders == {name for name, _, _ in PROJECTS} - {"."} | {"examples/event-import"}


def test_environments_of_one_organization_leave_each_other_alone(tmp_path: Path) -> None:
    with example("examples/environments", tmp_path) as world:
        world.run("-e", "staging", "apply", "-y")
        world.run("-e", "prod", "apply", "-y")
        world.run("-e", "staging", "plan", "--detailed-exitcode")
        world.run("-e", "staging", "destroy", "-y")
        world.run("-e", "prod", "plan", "--detailed-exitcode")

        names = sorted(each["name"] for each in world.objects())
        assert names == ["Consent lake", "Daily consents"]


def test_the_overlay_of_staging_renames_and_switches_off(tmp_path: Path) -> None:
    with example("examples/environments", tmp_path) as world:
        world.run("-e", "staging", "apply", "-y")

        (config,) = world.emulator.objects("configs")
        assert config["name"] == "Daily consents (staging)"
        assert config["enabled"] is False


def test_an_account_is_replaced_while_the_export_always_has_a_destination(tmp_path: Path) -> None:
    with example("examples/replace-without-gap", tmp_path) as world:
        world.run("apply", "-y")
        (before,) = world.emulator.objects("configs")
        manifest = tmp_path / "specs" / "consents.yaml"
        text = manifest.read_text(encoding="utf-8").replace("111122223333", "210987654321")
        manifest.write_text(text, encoding="utf-8")
        world.emulator.world.log.clear()
        world.run("apply", "-y")
        (after,) = world.emulator.objects("configs")
        (lake,) = world.emulator.objects("destinations")

        writes = [f"{each.method} {each.path.split('/')[3]}" for each in world.emulator.world.log.writes()]
        assert writes == ["POST destinations", "PATCH configs", "DELETE destinations"]
        assert (after["id"], after["destinations_id"]) == (before["id"], [lake["id"]])
        assert lake["config"]["account_id"] == "210987654321"
