"""Problems for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from reconciler.reports.escape import ELLIPSIS, columns, head, plain, plural, tail
from reconciler.reports.paint import Style, paint
from reconciler.values import Mark, Problem, Severity, dotted

_TAB = "    "


def render_problem(problem: Problem, line: str | None, *, colour: bool, width: int = 80) -> str:
    """
    One problem: what is wrong, where, the source line with a caret, and what to do.

    `line` is the text of the marked line, `None` when it is not at hand. A line that is wider than `width` is cut
    around the caret.
    """
    style = Style.BAD if problem.severity is Severity.ERROR else Style.CHANGED
    title = paint(f"{problem.severity.value}[{plain(problem.code)}]", style, colour=colour)
    lines = [f"{title}: {plain(problem.message)}"]
    place = place_of(problem)
    if place:
        lines.append(paint("  -->", Style.FAINT, colour=colour) + f" {place}")
    if problem.mark and line is not None:
        lines += _excerpt(problem.mark, line, style, colour=colour, width=width)
    if problem.help:
        lines.append(f"  help: {plain(problem.help)}")
    return "\n".join(lines)


def place_of(problem: Problem) -> str:
    """`specs/orders.yaml:7:11  adobe/Dataflow/orders · spec.source`, as much of it as is known."""
    within = dotted(("spec", *problem.path)) if problem.path else ""
    subject = " · ".join(plain(each) for each in (str(problem.address or ""), within) if each)
    return "  ".join(each for each in (plain(str(problem.mark or "")), subject) if each)


def render_problems(
    problems: Iterable[Problem],
    line_of: Callable[[Mark], str | None] = lambda _mark: None,
    *,
    colour: bool,
    width: int = 80,
) -> str:
    """All problems in the order of their places, and a last line that counts them; empty when there is none."""
    found = in_order(problems)
    if not found:
        return ""
    texts = [
        render_problem(each, line_of(each.mark) if each.mark else None, colour=colour, width=width) for each in found
    ]
    return "\n\n".join([*texts, tally(found)])


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """By place, then by what they are about; what has no place comes last."""
    return sorted(
        problems,
        key=lambda each: (
            (0, each.mark.file, each.mark.line, each.mark.column) if each.mark else (1, "", 0, 0),
            str(each.address or ""),
            each.code,
            dotted(each.path),
            each.message,
            each.help or "",
            each.severity.value,
        ),
    )


def tally(problems: Iterable[Problem]) -> str:
    """`2 errors, 1 warning`."""
    severities = [each.severity for each in problems]
    numbers = ((severities.count(Severity.ERROR), "error"), (severities.count(Severity.WARNING), "warning"))
    return ", ".join(plural(number, word) for number, word in numbers if number) or "no problems"


def problem_object(problem: Problem) -> dict[str, Any]:
    """The problem as JSON data."""
    return {
        "severity": problem.severity.value,
        "code": problem.code,
        "message": problem.message,
        "help": problem.help,
        "file": problem.mark.file if problem.mark else None,
        "line": problem.mark.line if problem.mark else None,
        "column": problem.mark.column if problem.mark else None,
        "address": str(problem.address) if problem.address else None,
        "path": list(problem.path),
    }


def problems_json(problems: Iterable[Problem]) -> str:
    """All problems as one JSON document, in the order of their places."""
    found = in_order(problems)
    document = {
        "format_version": "1.0",
        "errors": sum(each.severity is Severity.ERROR for each in found),
        "warnings": sum(each.severity is Severity.WARNING for each in found),
        "problems": [problem_object(each) for each in found],
    }
    return ascii_json(document)


def ascii_json(document: object) -> str:
    """JSON that any terminal may be shown: indented, ASCII, control characters escaped."""
    text = json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)
    return text.replace("\x7f", "\\u007f")


def _excerpt(mark: Mark, line: str, style: Style, *, colour: bool, width: int) -> list[str]:
    number = str(mark.line)
    gutter = " " * (len(number) + 2)
    bar = paint("|", Style.FAINT, colour=colour)
    text, before = _window(line.rstrip("\r\n"), mark.column, max(20, width - len(gutter) - 2))
    return [
        f"{gutter}{bar}",
        f" {paint(number, Style.FAINT, colour=colour)} {bar} {text}".rstrip(),
        f"{gutter}{bar} {' ' * before}{paint('^', style, colour=colour)}",
    ]


def _window(line: str, column: int, room: int) -> tuple[str, int]:
    """The line, cut around the column when it is wider than `room`, and how many columns stand before the caret."""
    at = min(max(column - 1, 0), len(line))
    left, right = _shown(line[:at]), _shown(line[at:])
    if columns(left) + max(columns(right), 1) <= room:
        return left + right, columns(left)
    before = max(room // 2, room - 1 - columns(right))
    if columns(left) > before:
        left = ELLIPSIS + tail(left, before - 1)
    after = room - columns(left)
    if columns(right) > after:
        right = head(right, after - 1) + ELLIPSIS
    return left + right, columns(left)


def _shown(text: str) -> str:
    return _TAB.join(plain(each) for each in text.split("\t"))
