"""What tests of events share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from event_stage import Shell


@pytest.fixture(scope="session")
def shell() -> Iterator[Shell]:
    """Runs the program, quickly."""
    from event_stage import Shell  # noqa: PLC0415 - most tests need none

    shell = Shell()
    yield shell
    shell.mortal.close()
