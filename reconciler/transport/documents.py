"""JSON as it is sent, and as it is believed."""

from __future__ import annotations

import json as jsonlib
import math

_DEEPEST = 100
"""Levels of nesting in a document that anybody means; what walks through documents later may rely on it."""
_MOST_VALUES = 2_000_000
"""Commas and brackets in a document: a value of two bytes takes sixty in memory."""


def encoded(document: object) -> bytes:
    """The bytes that a JSON document is sent as, for whoever signs them."""
    # ASCII: a text with half a surrogate pair must not fail with an error that holds the whole document.
    return jsonlib.dumps(document, allow_nan=False, separators=(",", ":")).encode("ascii")


def decode(body: bytes, text: str) -> object:
    """
    The document, if it can only be read in one way and by anybody.

    Raises `ValueError` for what is no JSON, for keys that come twice in one object, for numbers that no other program
    holds, and for documents too deep or too full to be meant; `RecursionError` for the deepest.
    """
    if body.count(b",") + body.count(b"[") + body.count(b"{") > _MOST_VALUES:
        raise ValueError("there are too many values in it")
    document = jsonlib.loads(
        text,
        object_pairs_hook=_object,
        parse_int=_whole_number,
        parse_float=_number,
        parse_constant=_no_such_number,
    )
    _check_depth(document)
    return document


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key comes twice")  # and nobody knows which one is meant
    return found


def _whole_number(digits: str) -> int:
    if len(digits) > 20 or not -(2**63) <= (found := int(digits)) < 2**64:
        raise ValueError("a number has too many digits")
    return found


def _number(digits: str) -> float:
    found = float(digits)
    if math.isinf(found):
        raise ValueError("a number is too large")
    return found


def _no_such_number(text: str) -> object:
    raise ValueError(f"`{text}` is no number in JSON")


def _check_depth(document: object) -> None:
    level = [document]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise ValueError("it is nested too deep")
