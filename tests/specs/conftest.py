"""Fixtures of this room."""

from __future__ import annotations

from pathlib import Path

import pytest
from specs_stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """An empty project."""
    return Stage(tmp_path)
