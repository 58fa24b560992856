"""What a plain YAML scalar means: the core types of YAML 1.2, and no guess where 1.1 and 1.2 disagree."""

from __future__ import annotations

import re
from math import isfinite
from typing import Final

_WORDS: Final[dict[str, None | bool]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBERS_BEGIN: Final = frozenset("-+.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_BASED = re.compile(r"0(?:o[0-7]+|x[0-9a-fA-F]+)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_LIMITLESS = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1


class Ambiguous(Exception):
    """A plain scalar that is not taken for anything; `sentence` says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def plain_value(text: str) -> None | bool | int | float | str:
    """
    The value of an unquoted scalar.

    `no`, `on`, `12:30:00`, `1_000` and dates are text. Raises `Ambiguous` for what two readers of YAML would take for
    two values (`010`, `0o17`) and for numbers that JSON cannot hold.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBERS_BEGIN:
        return text
    if _INTEGER.match(text):
        digits = text.lstrip("+-")
        if len(digits) > 1 and digits[0] == "0":
            raise Ambiguous(f"`{_short(text)}` is a different number to different readers of YAML")
        return _bounded(text, 10)
    if _BASED.match(text):
        if text[1] == "o":
            raise Ambiguous(f"`{_short(text)}` is a number to some readers of YAML and text to others")
        return _bounded(text, 16)
    if _FLOAT.match(text):
        number = float(text)
        if not isfinite(number):
            raise Ambiguous(f"`{_short(text)}` is a number too large to be kept")
        return number
    if _LIMITLESS.match(text):
        raise Ambiguous(f"`{text}` is a number that JSON does not know")
    return text


def _bounded(text: str, base: int) -> int:
    # Twenty digits hold every number of 64 bits; a longer text is not even turned into one.
    if len(text.lstrip("+-0x")) > 20 or not _SMALLEST <= (number := int(text, base)) <= _LARGEST:
        raise Ambiguous(f"`{_short(text)}` is a number too large to be kept")
    return number


def _short(text: str) -> str:
    return text if len(text) <= 24 else text[:20] + "…"
