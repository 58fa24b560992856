"""Filters and orders of lists (§4.2)."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.emulator import JsonObject
from reconciler.providers.adobe.emulator.errors import bad

# A known operator first, so that a value may begin with the sign of another.
_EXPRESSION = re.compile(r"([\w.\[\]-]*)(==|>=|<=|!>|!=|[=<>!~]*)(.*)", re.DOTALL)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
}
_FIELD = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One `property=<path><op><value>`; several values mean any of them."""

    path: str
    operator: str
    values: tuple[str, ...]

    @classmethod
    def of(cls, expression: str) -> "Filter":
        """Read one expression; what is wrong with it has a code of its own (§4.2, §10.4)."""
        if not expression:
            raise bad("the property parameter is empty", 1453)
        found = _EXPRESSION.fullmatch(expression)
        assert found is not None
        path, operator, value = found.groups()
        if not path or not operator or "~" in operator:
            raise bad(f"{expression} is no filter", 1440)
        if operator != "==" and operator not in _COMPARE:
            raise bad(f"{operator} is not supported", 1450)
        if not value:
            raise bad(f"{path} has no value", 1453)
        if operator == "==":
            return cls(path=path, operator=operator, values=tuple(value.split(",")))
        if path == "id":
            raise bad("id cannot be compared", 1448)
        if "," in value:
            raise bad(f"{operator} takes one value", 1443)
        if _number(value) is None:
            raise bad(f"{value} is not a number", 1452)
        return cls(path=path, operator=operator, values=(value,))

    def fits(self, row: JsonObject) -> bool:
        """Whether any value at the path is wanted."""
        found = _walk(row, self.path.split("."))
        if self.operator == "==":
            return any(_text(value) in self.values for value in found)
        compare, wanted = _COMPARE[self.operator], float(self.values[0])
        return any(number is not None and compare(number, wanted) for number in map(_number, found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One field of `orderby`."""

    path: str
    descending: bool

    def key(self, row: JsonObject) -> tuple[int, float, str]:
        """What a row is sorted by: rows without the field first, numbers before texts."""
        value = next(_walk(row, self.path.split(".")), None)
        if value is None:
            return (0, 0.0, "")
        if isinstance(value, bool | int | float):
            return (1, float(value), "")
        return (2, 0.0, str(value))

    def key_of_pair(self, pair: tuple[JsonObject, JsonObject]) -> tuple[int, float, str]:
        """As `key`, for a view that comes with its row."""
        return self.key(pair[0])


def orders_of(text: str | None) -> tuple[Order, ...]:
    """`name`, `+name` (a space once decoded), `-name`, several with commas."""
    if text is None:
        return ()
    orders = []
    for part in text.split(","):
        field = part.lstrip("+- ") if part[:1] in ("+", "-", " ") else part
        if not field:
            raise bad("orderby names no field", 1432)
        if not _FIELD.fullmatch(field):
            raise bad(f"{field} cannot be ordered by", 1433)
        orders.append(Order(path=field, descending=part.startswith("-")))
    return tuple(orders)


def sort(seen: list[tuple[JsonObject, JsonObject]], orders: tuple[Order, ...]) -> None:
    """Sort views and their rows, the first order being the most important; equal ones stay as they were."""
    for order in reversed(orders):
        seen.sort(key=order.key_of_pair, reverse=order.descending)


def _walk(value: object, path: Sequence[str]) -> Iterator[object]:
    """Every value at a path; the elements of a list only through `[]` (§4.2)."""
    if not path:
        yield value
        return
    if not isinstance(value, dict):
        return
    name, rest = path[0], path[1:]
    inner = value.get(name.removesuffix("[]"))
    if name.endswith("[]"):
        for one in inner if isinstance(inner, list) else ():
            yield from _walk(one, rest)
    elif inner is not None:
        yield from _walk(inner, rest)


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
