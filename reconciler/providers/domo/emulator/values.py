"""How values of columns compare: numbers as numbers, dates and texts as texts, null with nothing."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

NUMERIC = frozenset({"LONG", "DOUBLE", "DECIMAL"})

# Digits before or after the point that a number may have; more is no number of a table.
_LONGEST = 300
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d(?:\.\d+)?)Z?)?")


def number(value: Any) -> Decimal | None:  # noqa: ANN401 - a cell of any column, or a value of any query
    """The number a value is or spells, None when it is none."""
    if value is None or isinstance(value, bool | list | dict):
        return None
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found.adjusted()) < _LONGEST else None


def cell(value: Any, type: str) -> Any:  # noqa: ANN401 - as above
    """A cell as its column's type has it: a decimal that was written as text is a number, and keeps its digits."""
    return number(value) if type in NUMERIC and isinstance(value, str) else value


def moment(text: str) -> str:
    """
    A date or datetime in one form, any other text as it is.

    Queries write `YYYY-MM-DD HH:mm:ss` and cells have a `T` (5.3, 7.5); a date alone is its midnight.
    """
    found = _MOMENT.fullmatch(text)
    return text if found is None else f"{found[1]} {found[2] or '00:00:00'}"


def ordered(left: Any, right: Any) -> int | None:  # noqa: ANN401 - as above
    """-1, 0 or 1 as the left value is smaller, equal or greater; None when one is null or they do not compare."""
    if left is None or right is None:
        return None
    if isinstance(left, int | float | Decimal) or isinstance(right, int | float | Decimal):
        one, other = number(left), number(right)
        if one is None or other is None:
            return None
        return (one > other) - (one < other)
    first, second = moment(str(left)), moment(str(right))
    return (first > second) - (first < second)
