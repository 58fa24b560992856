"""A disk that takes nothing more, or a state that is in the way, ends in a sentence, and nothing is sent on credit."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_stage import Siege, besieged
from world import Theatre

_PROGRAM = Path(__file__).parent / "bounded_program.py"


@pytest.fixture
def siege(project_folder: Path, theatre: Theatre) -> Iterator[Siege]:
    with besieged(project_folder, theatre, "didomi") as siege:
        siege.write(siege.target.manifests)
        yield siege


@pytest.fixture
def small_disk(siege: Siege) -> Iterator[Path]:
    """The folder of the state on a disk of its own, with room for hardly anything."""
    folder = siege.folder / ".reconciler"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting takes more rights than we have")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _apply(siege: Siege) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(_PROGRAM), "3000", str(siege.folder), "apply", "-y"],
        env=siege.environ,
        capture_output=True,
        text=True,
        check=False,
    )


def _is_a_sentence(ended: subprocess.CompletedProcess[str]) -> bool:
    return ended.returncode in (1, 4, 6) and "Traceback" not in ended.stderr and "error: " in ended.stderr


def test_a_full_disk_is_told_and_nothing_is_sent(siege: Siege, small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(b"x" * 65_536)
    ended = _apply(siege)

    assert _is_a_sentence(ended), ended.stderr
    assert siege.vendor.writes() == ()
    (small_disk / "ballast").unlink()
    siege.converges()


@pytest.mark.parametrize("pages", [2, pytest.param(5, marks=pytest.mark.slow), pytest.param(8, marks=pytest.mark.slow)])
def test_a_disk_that_fills_up_meanwhile_loses_nothing(siege: Siege, small_disk: Path, pages: int) -> None:
    (small_disk / "ballast").write_bytes(b"x" * (65_536 - 4096 * pages))
    ended = _apply(siege)

    assert _is_a_sentence(ended), ended.stderr
    (small_disk / "ballast").unlink()
    siege.converges()


@pytest.mark.parametrize("place", [".reconciler", ".reconciler/state", ".reconciler/state/shop"])
def test_a_file_where_the_state_should_be_is_told(siege: Siege, place: str) -> None:
    path = siege.folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("in the way", encoding="utf-8")
    ended = _apply(siege)

    assert _is_a_sentence(ended), ended.stderr
    assert siege.vendor.writes() == ()
    path.unlink()
    siege.converges()


def test_folders_where_files_of_the_state_should_be_are_told(siege: Siege) -> None:
    siege.apply()
    siege.vendor.forget_requests()
    state = siege.folder / ".reconciler" / "state"
    kept = state.with_name("kept")
    shutil.copytree(state, kept)
    for path in [each for each in state.rglob("*") if each.is_file()]:
        path.unlink()
        path.mkdir()
    ended = _apply(siege)

    assert _is_a_sentence(ended), ended.stderr
    assert siege.vendor.writes() == ()
    shutil.rmtree(state)
    kept.rename(state)
    siege.converges()


def test_a_disk_that_may_only_be_read_is_told(siege: Siege, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    ended = _apply(siege)

    assert _is_a_sentence(ended), ended.stderr
    assert siege.vendor.writes() == ()
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    siege.converges()
