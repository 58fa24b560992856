"""Annotations as the workflow commands that GitHub Actions reads from a job's output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reconciler.reports.annotations import Annotation, Level
from reconciler.reports.escape import plain, plural

MOST = 10
"""Of each level GitHub shows so many of one step ("Problem matchers", limitations; not tried), the rest vanish."""

_LONGEST = 4_000
"""Characters of one message: GitHub cuts longer ones at a place that it does not document."""


def render_github(annotations: Iterable[Annotation], *, title: str, summary: str) -> str:
    """
    One command for each annotation, of each level at most ten, and a notice with the `summary`.

    Where there are more, the last of the ten counts the rest and names as many as there is room for, so that nothing
    vanishes unsaid.
    """
    found = list(annotations)
    lines = [line for level in Level for line in _commands(level, [each for each in found if each.level is level])]
    return "\n".join([*lines, _command("notice", {"title": title}, [summary])])


def _commands(level: Level, annotations: Sequence[Annotation]) -> Iterator[str]:
    shown = annotations if len(annotations) <= MOST else annotations[: MOST - 1]
    for each in shown:
        yield _command(level.value, _properties(each), each.lines)
    rest = annotations[len(shown) :]
    if rest:
        yield _command(level.value, {"title": f"{plural(len(rest), level.value)} more"}, list(_named(rest)))


def _named(rest: Sequence[Annotation]) -> Iterator[str]:
    room = _LONGEST - 100
    for number, each in enumerate(rest):
        room -= len(each.title) + 1
        if room < 0:
            yield f"… and {len(rest) - number} more, which only the whole report names"
            return
        yield each.title


def _properties(annotation: Annotation) -> dict[str, str]:
    if annotation.mark is None:
        return {"title": annotation.title}
    place = {"file": annotation.mark.file, "line": str(annotation.mark.line), "col": str(annotation.mark.column)}
    return {**place, "title": annotation.title}


def _command(name: str, properties: dict[str, str], lines: Sequence[str]) -> str:
    written = ",".join(f"{key}={_property(plain(value))}" for key, value in properties.items())
    text = "\n".join(plain(each) for each in lines)
    return f"::{name} {written}::{_message(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + '…')}"


def _message(text: str) -> str:
    """As GitHub's own toolkit escapes what follows the second `::` (`@actions/core`, `escapeData`)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """As the toolkit escapes the value of a property (`escapeProperty`)."""
    return _message(text).replace(":", "%3A").replace(",", "%2C")
