"""
A little of the scorecard every day: some attempts of each row that no other suite makes, and that the rest is there.

What `make test` runs anyway is not run again: it is enough that the scorecard would find it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from broken import BROKEN, is_in
from report import render
from rows import ROWS, Row
from scorecard import FIGURES, REPORT, TESTS, Figures, run

pytestmark = pytest.mark.timeout(600)

OWN = tuple(
    dict.fromkeys(path for row in ROWS for part in row.parts if part.is_own for path in part.paths if part.is_sampled)
)


@pytest.fixture(scope="module")
def sample() -> Figures:
    """The attempts of every day, made in one process."""
    return run(OWN, more=("-m", "sample"), is_sample=True)


def test_a_sample_of_what_only_the_scorecard_runs_loses_nothing(sample: Figures) -> None:
    assert sample.lost == []
    assert sample.attempts > len(OWN)


@pytest.mark.parametrize("path", OWN)
def test_everything_that_only_the_scorecard_runs_is_in_the_sample(sample: Figures, path: str) -> None:
    assert sample.files[f"tests/{path}"]["attempts"] > 0


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.number)
def test_every_part_of_a_row_has_tests(row: Row) -> None:
    for path in (TESTS / path for part in row.parts for path in part.paths):
        files = [path] if path.is_file() else sorted(path.glob("test_*.py"))

        assert any("\ndef test_" in each.read_text(encoding="utf-8") for each in files), path


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name.replace(" ", "-"))
def test_what_a_broken_build_changes_is_still_in_the_program(broken: Any) -> None:  # noqa: ANN401 - of another module
    assert is_in(broken), f"write `{broken.file}` anew in tests/reliability/broken.py"


def test_the_report_says_what_the_figures_say() -> None:
    known = json.loads(FIGURES.read_text(encoding="utf-8"))

    assert REPORT.read_text(encoding="utf-8") == render(known, ROWS, BROKEN)


def test_a_loss_turns_a_row_red(tmp_path: Path) -> None:
    lost = tmp_path / "lost.py"
    lost.write_text(
        "def test_lost(record_property):\n"
        "    record_property('attempts', 7)\n"
        "    record_property('losses', 2)\n"
        "    assert False, 'two of seven'\n"
        "def test_kept(): pass\n",
        encoding="utf-8",
    )

    figures = run([str(lost)])

    assert (figures.attempts, figures.losses) == (8, 2)
    assert not figures.is_green
    assert "two of seven" in figures.lost[0]


def test_where_nothing_is_attempted_a_row_is_red(tmp_path: Path) -> None:
    assert not run([str(tmp_path / "not_there.py")]).is_green
