"""Functions that worker processes import."""

from __future__ import annotations

import os
import time


def doubled(number: int) -> int:
    """Slower for the first, so that results come out of order."""
    time.sleep(0.05 if number % 5 == 0 else 0)
    return number * 2


def process_of(_: int) -> int:
    return os.getpid()


def failing(number: int) -> int:
    if number == 3:
        raise ValueError("three")
    return number
