"""Every example of Adobe is valid, applied once, proven and removed, by the program as people start it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.emulator import Server
from reconciler.providers.adobe.destinations import DESTINATIONS
from reconciler.providers.adobe.emulator import create

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(each.name for each in (ROOT / "examples").glob("adobe-*"))


def secrets(folder: Path) -> dict[str, str]:
    """The variables that the example's page sets."""
    page = (folder / "README.md").read_text(encoding="utf-8").replace("\\\n> ", "")
    return {name: value.strip("'") for name, value in re.findall(r"^\$ export (\w+)=(.+)$", page, re.MULTILINE)}


def test_there_is_one_world_for_each_destination() -> None:
    manifests = {
        name: "".join(each.read_text(encoding="utf-8") for each in (ROOT / "examples" / name / "specs").glob("*.yaml"))
        for name in FOLDERS
    }
    shown = {name: set(re.findall(r"^  destination: (\w+)$", text, re.MULTILINE)) for name, text in manifests.items()}

    assert all(len(each) == 1 for each in shown.values()), shown
    assert {destination for each in shown.values() for destination in each} == set(DESTINATIONS)


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=[] if each == "adobe-sftp" else pytest.mark.slow) for each in FOLDERS]
)
def test_an_example_is_valid_applied_once_and_removed(name: str, tmp_path: Path) -> None:
    source = ROOT / "examples" / name
    shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns(".reconciler"))
    emulator = create()
    with Server(emulator.app) as server:
        environ = {"PATH": os.environ["PATH"], "ADOBE_URL": server.url, **secrets(source)}

        def run(*words: str) -> str:
            ended = subprocess.run(
                [sys.executable, "-m", "reconciler", *words],
                cwd=tmp_path / name,
                env={**environ, **{key: os.environ[key] for key in ("PYTHONPATH",) if key in os.environ}},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=100,
            )
            assert ended.returncode == 0, f"{words}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
            return ended.stdout + ended.stderr

        run("validate")
        planned = run("plan")
        run("apply", "-y")
        flows = emulator.objects("flows")
        run("plan", "--detailed-exitcode")
        run("runs")
        run("destroy", "-y")

        (count,) = re.findall(r"Plan: (\d+) to add, 0 to change, 0 to replace, 0 to destroy\.", planned)
        page = (source / "README.md").read_text(encoding="utf-8")
        assert f"Plan: {count} to add" in page
        assert len(flows) >= 1
        assert not any(
            emulator.objects(each) for each in ("connections", "sourceConnections", "targetConnections", "flows")
        )
