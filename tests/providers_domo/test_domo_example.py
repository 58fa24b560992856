"""The example is valid for its real vendor and runs against the stand-in; its README is run by tests/docs."""

from __future__ import annotations

import shutil
from pathlib import Path

from domo_scene import Scene

pytest_plugins = ("domo_fixtures",)

EXAMPLE = Path(__file__).parents[2] / "examples" / "domo-nightly"


def test_the_example_is_valid_and_plans_two_exports(plain: Scene) -> None:
    world = plain.world
    shutil.copytree(EXAMPLE, world.folder, dirs_exist_ok=True)
    world.environ["DOMO_URL"] = plain.vendor.server.url
    world.command("-e", "prod", "validate")
    planned = world.command("-e", "rehearsal", "plan").stdout

    assert "2 to run." in planned.splitlines()[-1]
    assert plain.started == 0


def test_the_example_sends_no_credentials_of_its_own_where_a_role_is_assumed() -> None:
    text = (EXAMPLE / "specs" / "exports.yaml").read_text(encoding="utf-8")

    assert text.count("assumeRole") == text.count("kind: DatasetExport") == 2
    assert "static" not in text
