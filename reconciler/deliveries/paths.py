"""Where a field stands in a record: `user.consents.purposes[].id`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

EACH = "[]"
ANY = "{}"
HIDDEN = "*"
"""Stands in a place for a key that is data."""


@lru_cache(maxsize=1024)
def parts_of(path: str) -> tuple[str, ...]:
    """
    The steps of a path: keys, `[]` for every item of a list, `{}` for every value of a map.

    The empty path is the record itself.
    """
    steps: list[str] = []
    for word in path.split(".") if path else ():
        key = word
        marks: list[str] = []
        while key.endswith((EACH, ANY)):
            marks.insert(0, key[-2:])
            key = key[:-2]
        if key:
            steps.append(key)
        elif not marks:
            raise ValueError(f"`{path}` is no path: a step is empty")
        steps.extend(marks)
    return tuple(steps)


Place = tuple[str | int, ...]


def select(value: Any, steps: tuple[str, ...], at: Place = ()) -> Iterator[tuple[Place, Any]]:  # noqa: ANN401 - JSON
    """Everything that a path leads to, with its place; what is not there, or is of another shape, gives nothing."""
    for index, step in enumerate(steps):
        if step == EACH:
            if isinstance(value, list):
                rest = steps[index + 1 :]
                for number, each in enumerate(value):
                    yield from select(each, rest, (*at, number))
            return
        if step == ANY:
            if isinstance(value, dict):
                rest = steps[index + 1 :]
                for each in value.values():
                    # The map's own keys are data, and may be somebody's.
                    yield from select(each, rest, (*at, HIDDEN))
            return
        if not isinstance(value, dict) or step not in value:
            return
        value = value[step]
        at = (*at, step)
    yield at, value


def written(place: Place) -> str:
    """The place as people read it: `events[3].user.id`."""
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def general(place: Place) -> str:
    """The same without the numbers of items: `events[].user.id`."""
    text = ""
    for step in place:
        text += EACH if isinstance(step, int) else f".{step}" if text else step
    return text
