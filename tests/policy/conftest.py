"""A project with rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from policy_stage import DAILY, LAKE, Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A project that says `policies: {}`, with two manifests; the second exports users."""
    stage = Stage(tmp_path)
    stage.project()
    stage.manifests(LAKE, DAILY)
    return stage
