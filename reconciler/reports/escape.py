"""Foreign text made harmless and measured: what a terminal, a diff or a picture may be given."""

from __future__ import annotations

import unicodedata

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
ELLIPSIS = "…"


def plain(text: str) -> str:
    r"""
    The text on one line with everything invisible written out: `\n`, `\x1b`, `\u202e`.

    Terminal escapes, bidirectional controls, zero-width characters, lone surrogates and spaces that only look
    like spaces cannot reach the reader's screen; letters of every script stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(sign) for sign in text)


def quoted(text: str) -> str:
    """The text as people read it in a document: in double quotes, quotes and backslashes within it escaped."""
    return '"' + plain(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _visible(sign: str) -> str:
    if sign in _NAMED:
        return _NAMED[sign]
    category = unicodedata.category(sign)
    if category not in _INVISIBLE and not (category == "Zs" and sign not in " \u3000"):
        return sign
    number = ord(sign)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def columns(text: str) -> int:
    """How many columns of a terminal the text takes: East Asian wide characters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(_width(sign) for sign in text)


def _width(sign: str) -> int:
    if unicodedata.combining(sign) or unicodedata.category(sign) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(sign) in {"W", "F"} else 1


def pad(text: str, width: int) -> str:
    """The text followed by spaces up to `width` columns."""
    return text + " " * max(0, width - columns(text))


def head(text: str, width: int) -> str:
    """As much of the beginning as fits into `width` columns."""
    taken = 0
    for position, sign in enumerate(text):
        taken += _width(sign)
        if taken > width or position >= 4 * width:  # a pile of combining marks has no width and no end
            return text[:position]
    return text


def tail(text: str, width: int) -> str:
    """As much of the end as fits into `width` columns."""
    taken = 0
    for position, sign in enumerate(reversed(text)):
        taken += _width(sign)
        if taken > width or position >= 4 * width:
            return text[len(text) - position :]
    return text


def clip(text: str, width: int) -> str:
    """The text, or its beginning and an ellipsis when it is wider than `width`."""
    return text if _fits(text, width) else head(text, max(0, width - 1)).rstrip() + ELLIPSIS


def shorten(text: str, width: int) -> str:
    """The text, or both of its ends around an ellipsis when it is wider than `width`."""
    if _fits(text, width):
        return text
    back = max(1, (width - 1) // 3)
    front = max(1, width - 1 - back)
    return head(text, front) + ELLIPSIS + tail(text, back)


def shorten_pair(before: str, after: str, width: int) -> tuple[str, str]:
    """
    Two texts cut to `width` so that the place where they differ stays visible.

    What they share at the beginning and at the end is what goes first.
    """
    if _fits(before, width) and _fits(after, width):
        return before, after
    shortest = min(len(before), len(after))
    start = next((each for each in range(shortest) if before[each] != after[each]), shortest)
    room = shortest - start
    end = next((each for each in range(room) if before[-1 - each] != after[-1 - each]), room)
    middle = max(len(before), len(after)) - start - end
    context = max(2, (width - 2 - middle) // 2)
    return (
        shorten(_window(before, start, end, context), width),
        shorten(_window(after, start, end, context), width),
    )


def _window(text: str, start: int, end: int, context: int) -> str:
    left = max(0, start - context)
    right = min(len(text), len(text) - end + context)
    front = text[left:right] if left <= 1 else ELLIPSIS + text[left:right]
    if left == 1:
        front = text[:1] + front
    return front if right == len(text) else front + ELLIPSIS


def _fits(text: str, width: int) -> bool:
    return columns(text) <= width and len(text) <= 4 * max(width, 1)


def wrap(text: str, width: int, *, first: str = "", rest: str = "") -> list[str]:
    """
    The text broken between words into lines of at most `width` columns.

    `first` begins the first line and `rest` the others. A word that is wider than a line stays whole.
    """
    lines: list[str] = []
    line, empty = first, True
    for word in text.split(" "):
        if not empty and columns(line) + 1 + columns(word) > width:
            lines.append(line)
            line, empty = rest, True
        line = line + word if empty else f"{line} {word}"
        empty = False
    return [*lines, line.rstrip()]


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 object`, `2 objects`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
