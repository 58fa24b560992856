"""The rows use the stages of the suites that they extend."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tally import Tally

_TESTS = Path(__file__).parent.parent
for suite in ("kills", "conformance", "locks"):
    if str(_TESTS / suite) not in sys.path:
        sys.path.append(str(_TESTS / suite))


def pytest_configure(config: pytest.Config) -> None:
    """Know the mark of what is tried every day."""
    config.addinivalue_line("markers", "sample: a row's attempts that run in `make test` too")


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Tally:
    """Counts the attempts of one test."""
    from tally import Tally  # noqa: PLC0415 - this folder is on the path only now

    return Tally(record_property)
