"""Optional colour: the same words with and without it."""

from __future__ import annotations

import enum


class Style(enum.Enum):
    """What a colour means; the value is the terminal's code."""

    BAD = "31"
    GOOD = "32"
    CHANGED = "33"
    ACTIVE = "36"
    STRONG = "1"
    FAINT = "2"


def paint(text: str, style: Style | None, *, colour: bool) -> str:
    """The text in the style's colour when colour is wanted, else unchanged."""
    return f"\x1b[{style.value}m{text}\x1b[0m" if colour and style and text else text
