from __future__ import annotations

import json
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_samples import PROBLEMS, address, expect

from reconciler.reports.escape import columns
from reconciler.reports.problems import problems_json, render_problem, render_problems, tally
from reconciler.values import Mark, Problem, Severity

REFERENCE = Problem(
    code="unknown-reference",
    message="`source` names `order`, but no `adobe/SourceConnection` has that name",
    mark=Mark("specs/exports/orders.yaml", 7, 11),
    address=address("adobe/Dataflow/orders"),
    path=("source",),
    help="did you mean `orders`? To use an object that is not managed here, write `{id: …}`",
)


def caret(shown: str) -> tuple[str, int]:
    """The source line as shown and the columns before the caret, both without the gutter."""
    lines = shown.splitlines()
    at = next(number for number, line in enumerate(lines) if line.rstrip().endswith("| ^") or line.strip(" |") == "^")
    return lines[at - 1].split("| ", 1)[1], columns(lines[at].split("| ", 1)[1]) - 1


def test_a_problem_shows_its_line_and_a_caret() -> None:
    expect("problem.txt", render_problem(REFERENCE, "  source: order", colour=False))


def test_a_problem_without_its_line_shows_the_place_only() -> None:
    assert render_problem(REFERENCE, None, colour=False).splitlines()[1:2] == [
        "  --> specs/exports/orders.yaml:7:11  adobe/Dataflow/orders · spec.source"
    ]


def test_a_problem_without_a_place_is_one_line() -> None:
    assert render_problem(Problem(code="quota", message="too many"), None, colour=False) == "error[quota]: too many"


def test_problems_are_sorted_by_place_and_counted() -> None:
    later = replace(REFERENCE, mark=Mark("specs/exports/orders.yaml", 12, 3), severity=Severity.WARNING, help=None)
    lines = {7: "  source: order", 12: "  sorce: orders"}
    shown = render_problems(
        (*PROBLEMS, later, REFERENCE),
        lambda mark: lines.get(mark.line) if "orders" in mark.file else None,
        colour=False,
    )

    expect("problems.txt", shown)


def test_no_problem_is_no_text() -> None:
    assert render_problems((), colour=False) == ""
    assert tally(()) == "no problems"


@pytest.mark.parametrize("column", [1, 250, 600])
def test_a_long_line_is_cut_around_the_caret(column: int) -> None:
    line = "".join(str(number % 10) for number in range(1, 601))
    shown = render_problem(replace(REFERENCE, mark=Mark("a.yaml", 7, column)), line, colour=False)
    source, before = caret(shown)

    assert source[before] == line[column - 1]
    assert max(columns(each) for each in shown.splitlines()[2:5]) <= 80


@pytest.mark.parametrize("line", ["\t\tX", "名前: X", "a\u0301\u0308 X", "\x1b[31m X", "\u202e\tX"])
def test_tabs_and_wide_and_hidden_letters_keep_the_caret_under_the_place(line: str) -> None:
    column = line.index("X") + 1
    source, before = caret(render_problem(replace(REFERENCE, mark=Mark("a", 1, column)), line, colour=False))

    assert columns(source[: source.index("X")]) == before


def test_a_column_behind_the_end_puts_the_caret_behind_the_end() -> None:
    source, before = caret(render_problem(replace(REFERENCE, mark=Mark("a", 1, 99)), "short", colour=False))

    assert (source, before) == ("short", 5)


@settings(deadline=None)
@given(line=st.text(max_size=300), column=st.integers(1, 320), width=st.integers(30, 120))
def test_any_line_is_harmless_and_fits(line: str, column: int, width: int) -> None:
    line = line.replace("\n", "").replace("\r", "")
    shown = render_problem(Problem(code="x", message="y", mark=Mark("a", 3, column)), line, colour=False, width=width)

    assert all(sign == "\n" or unicodedata.category(sign) not in {"Cc", "Cf", "Cs"} for sign in shown)
    assert all(columns(each) <= width for each in shown.splitlines()[2:])


def test_problems_as_json() -> None:
    expect("problems.json", problems_json((REFERENCE, *PROBLEMS)))
    assert json.loads(problems_json(()))["problems"] == []
