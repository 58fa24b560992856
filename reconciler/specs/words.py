"""Sentences shared by all checks: near misses, lists of choices, and what a field is called."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from reconciler.values import Path, dotted

_FEW = 12


def near_miss(word: str, choices: Iterable[str]) -> str | None:
    """The choice that was probably meant, if one is close; upper and lower case count little."""
    if len(word) > 100:
        return None
    lower: dict[str, str] = {}
    for each in sorted(choices):
        lower.setdefault(each.lower(), each)
    found = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    return lower[found[0]] if found else None


def did_you_mean(word: str, choices: Collection[str], *, what: str) -> str | None:
    """The help for a word that is none of `choices`; without a near miss a few are listed as `what`: `known kinds`."""
    near = near_miss(word, choices)
    if near is not None:
        return f"did you mean `{near}`?"
    if 0 < len(choices) <= _FEW:
        return f"{what}: {listed(sorted(choices))}"
    return None


def listed(words: Iterable[object]) -> str:
    """The words in backticks, separated by commas."""
    return ", ".join(f"`{each}`" for each in words)


def called(path: Path, root: str = "spec") -> str:
    """What a field is called in a sentence: its key, with the positions in lists behind it."""
    tail: list[str | int] = []
    for step in reversed(path):
        tail.insert(0, step)
        if isinstance(step, str):
            break
    else:
        return root + dotted(tuple(tail))
    return dotted(tuple(tail))


def shown(word: str) -> str:
    """A user's word for use in a sentence, cut when it is long."""
    return word if len(word) <= 60 else word[:59] + "…"
