"""Ten thousand generated worlds, lived through by the commands' own operations; `tests/worlds` says how."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent.parent / "worlds"))

from world_runs import run_worlds

WORLDS = int(os.environ.get("RECONCILER_WORLDS", "10000"))
_AT_ONCE = 50


@pytest.mark.timeout(3600)  # it gives way to whatever else runs
@pytest.mark.parametrize("first", range(0, WORLDS, _AT_ONCE))
def test_in_these_worlds_every_promise_holds(first: int, record_property: Callable[[str, object], None]) -> None:
    figures = run_worlds(first, min(_AT_ONCE, WORLDS - first))
    record_property("attempts", figures.attempts)
    if figures.losses:
        record_property("losses", figures.losses)

    assert figures.attempts
    assert figures.losses == 0, "\n".join(figures.details)
