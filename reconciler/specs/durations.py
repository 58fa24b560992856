"""Lengths of time as people write them: `90m`, `2h`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta

_DURATION = re.compile(r"([0-9]{1,5})(s|m|h|d|w)\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: str) -> timedelta:
    """The length of time that `text` writes. Raises `ValueError` with a sentence for people."""
    match = _DURATION.match(text)
    if match is None:
        raise ValueError("is no length of time: write a number and `s`, `m`, `h`, `d` or `w`, such as `2h`")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
