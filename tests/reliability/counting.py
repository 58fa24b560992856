"""
A plugin for pytest that counts attempts and losses, and writes them to the file that `--figures` names.

One test is one attempt, unless it says more with `record_property("attempts", n)`; a failed test is one loss, unless it
says more with `record_property("losses", n)`. What could not be collected is a loss too. With `--collect-only` what
would be attempted is counted.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

import reconciler


@dataclass(slots=True)
class Count:
    """What became of the tests of one file."""

    attempts: int = 0
    losses: int = 0
    skipped: int = 0
    lost: list[str] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)
    """Why something was skipped, and how often."""


class Counting:
    """Hears how every test ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: dict[str, Count] = {}

    def _count(self, name: str) -> Count:
        return self._files.setdefault(name.partition("::")[0], Count())

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Count what would be attempted."""
        if session.config.option.collectonly:
            for item in session.items:
                self._count(item.nodeid).attempts += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be read is a loss."""
        if report.failed:
            self._lose(report.nodeid, str(report.longrepr))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count one test, or one that could not begin or end properly."""
        if report.skipped:
            count = self._count(report.nodeid)
            count.skipped += 1
            reason = _reason(report)
            count.reasons[reason] = count.reasons.get(reason, 0) + 1
        elif report.failed:
            self._lose(report.nodeid, report.longreprtext, dict(report.user_properties))
        elif report.when == "call":
            self._count(report.nodeid).attempts += int(str(dict(report.user_properties).get("attempts", 1)))

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write it down."""
        files = {name: asdict(count) for name, count in sorted(self._files.items())}
        found = {"version": reconciler.__version__, "exit": int(exitstatus), "files": files}
        self._path.write_text(json.dumps(found), encoding="utf-8")

    def _lose(self, name: str, text: str, said: dict[str, object] | None = None) -> None:
        said = said or {}
        count = self._count(name)
        count.attempts += int(str(said.get("attempts", 1)))
        count.losses += int(str(said.get("losses", 1)))
        why = next((line[1:].strip() for line in text.splitlines() if line.startswith("E ")), text.strip()[-200:])
        count.lost.append(f"{name}: {why}")


def _reason(report: pytest.TestReport) -> str:
    expected: Any = getattr(report, "wasxfail", None)
    if expected is not None:
        return f"expected to fail: {expected}"
    return str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--figures`."""
    parser.addoption("--figures", type=Path, default=None, help="where to write attempts and losses")


def pytest_configure(config: pytest.Config) -> None:
    """Count in the process that hears of all tests."""
    path = config.getoption("figures")
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Counting(path))
