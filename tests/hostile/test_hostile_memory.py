"""However much a vendor's server sends, a command takes no more memory than it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hostile_stage import TARGETS, besieged
from tricks import TRICKS, Trick
from world import Theatre

_HEAVY = [each for each in TRICKS if each.heavy]
_PROGRAM = Path(__file__).parent / "bounded_program.py"

_ADDRESSES = 3000
"""Megabytes that may be asked of the system, threads and libraries included."""
_MOST = 700
"""Megabytes that are really used: four answers of 32 at once, as bytes and as text, and what the largest unfolds to."""


@pytest.mark.slow
@pytest.mark.parametrize("trick", _HEAVY, ids=str)
@pytest.mark.parametrize("vendor", TARGETS)
def test_memory_is_bounded_whatever_is_sent(vendor: str, trick: Trick, project_folder: Path, theatre: Theatre) -> None:
    with besieged(project_folder, theatre, vendor) as siege:
        siege.settled()
        siege.server.spoil(trick.act, siege.target.lists[0])
        ended = subprocess.run(
            [sys.executable, str(_PROGRAM), str(_ADDRESSES), str(project_folder), "plan"],
            env=siege.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        struck = siege.server.heal()
        used = int(ended.stderr.split()[-1])

        assert struck
        assert ended.returncode in (1, 5), ended.stderr
        assert "Traceback" not in ended.stderr
        assert used < _MOST
        assert siege.vendor.writes() == ()
        siege.converges(siege.target.manifests)
