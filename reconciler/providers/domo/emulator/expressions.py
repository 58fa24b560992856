"""
The expressions of a query request: what is understood, and what it means for a row (reference 5.3).

Understood is what public queries were seen to send. `OR` and `having` stand behind a switch; anything else is a
400. Comparison with null is neither true nor false, as in SQL.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from reconciler.emulator import JsonObject
from reconciler.providers.domo.emulator.errors import Refused
from reconciler.providers.domo.emulator.values import number, ordered

AGGREGATES = ("COUNT", "SUM", "MIN", "MAX", "AVG")
_COMPARISONS = {
    "EQUALS": (0,),
    "GREATER_THAN": (1,),
    "LESS_THAN": (-1,),
    "GREATER_THAN_OR_EQUAL_TO": (0, 1),
    "LESS_THAN_OR_EQUAL_TO": (-1, 0),
}
_DEEPEST = 60

Values = list[Any]


class QueryFailed(Exception):
    """A query that is well formed and cannot be answered; `code` is invented and says so by its prefix."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = f"EMU_QUERY_{code}"
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table or of a result."""

    id: str
    name: str
    type: str


class Columns:
    """The columns of a table, to be found by id."""

    def __init__(self, columns: list[Column], *, ignore_case: bool = False) -> None:
        self.all = columns
        self._fold = str.casefold if ignore_case else str
        self._places = {self._fold(column.id): place for place, column in enumerate(columns)}

    def place(self, id: str) -> int:
        """Where a column stands. Raises `QueryFailed` for one that does not exist."""
        place = self._places.get(self._fold(id))
        if place is None:
            raise QueryFailed("UNKNOWN_COLUMN", f"Unknown column '{id}'")
        return place


# What is understood.


def check_scalar(expression: object, *, aggregates: bool = False, depth: int = 0) -> None:
    """Refuse with 400 what is no value; `aggregates` says whether `FUNCTION` may stand here."""
    node = _node(expression, depth)
    match node["exprType"]:
        case "COLUMN":
            if not isinstance(node.get("column"), str):
                raise Refused(400, "A COLUMN expression needs `column`")
        case "STRING_VALUE":
            if not isinstance(node.get("value"), str):
                raise Refused(400, "A STRING_VALUE expression needs a text as `value`")
        case "NUMERIC_VALUE":
            if number(node.get("value")) is None:
                raise Refused(400, "A NUMERIC_VALUE expression needs a number as `value`")
        case "FUNCTION" if aggregates:
            _check_function(node, depth)
        case other:
            raise Refused(400, f"Unknown exprType '{other}' for a value")


def check_condition(expression: object, *, unverified: bool, aggregates: bool = False, depth: int = 0) -> None:
    """Refuse with 400 what is no condition."""
    node = _node(expression, depth)
    if not isinstance(node.get("not", False), bool):
        raise Refused(400, "`not` must be true or false")
    kind = node["exprType"]
    if kind in ("AND", "OR") and (kind == "AND" or unverified):
        for side in ("leftExpr", "rightExpr"):
            check_condition(node.get(side), unverified=unverified, aggregates=aggregates, depth=depth + 1)
        return
    names = {"IN": ("leftExpr",), "BETWEEN": ("leftExpr", "betweenStart", "betweenEnd")}.get(kind)
    if names is None:
        if kind not in _COMPARISONS:
            raise Refused(400, f"Unknown exprType '{kind}' for a condition")
        names = ("leftExpr", "rightExpr")
    for name in names:
        check_scalar(node.get(name), aggregates=aggregates, depth=depth + 1)
    if kind == "IN":
        _check_set(node.get("selectSet"), depth)


def is_aggregate(expression: JsonObject) -> bool:
    """Whether an expression is computed over many rows."""
    return bool(expression["exprType"] == "FUNCTION")


def _node(expression: object, depth: int) -> JsonObject:
    if depth > _DEEPEST:
        raise Refused(400, "The query is nested too deeply")
    if not isinstance(expression, dict) or not isinstance(expression.get("exprType"), str):
        raise Refused(400, "An expression must be an object with an `exprType`")
    return expression


def _check_function(node: JsonObject, depth: int) -> None:
    if node.get("name") not in AGGREGATES:
        raise Refused(400, f"Unknown function '{node.get('name')}'")
    if not isinstance(node.get("distinct", False), bool):
        raise Refused(400, "`distinct` must be true or false")
    arguments = node.get("arguments")
    if not isinstance(arguments, list) or len(arguments) != 1:
        raise Refused(400, f"{node['name']} needs one argument")
    check_scalar(arguments[0], depth=depth + 1)


def _check_set(values: object, depth: int) -> None:
    if not isinstance(values, list):
        raise Refused(400, "IN needs `selectSet`, an array of values")
    for value in values:
        if isinstance(value, dict):
            check_scalar(value, depth=depth + 1)
        elif isinstance(value, list):
            raise Refused(400, "`selectSet` holds values, not arrays")


# What it means.


def scalar(expression: JsonObject, columns: Columns, row: Values) -> Any:  # noqa: ANN401 - a cell of any column
    """The value of an expression for one row."""
    if expression["exprType"] == "COLUMN":
        return row[columns.place(expression["column"])]
    return literal(expression)


def literal(expression: JsonObject) -> Any:  # noqa: ANN401 - a text or a number
    """The value a literal stands for."""
    value = expression["value"]
    if expression["exprType"] == "STRING_VALUE":
        return value
    found = number(value)
    assert found is not None
    return int(found) if found == found.to_integral_value() and abs(found) < 10**18 else float(found)


def aggregate(expression: JsonObject, columns: Columns, rows: list[Values]) -> Any:  # noqa: ANN401 - as above
    """The value of an expression for a group of rows; a plain column is the same in all of them."""
    if not is_aggregate(expression):
        if not rows:
            return None if expression["exprType"] == "COLUMN" else literal(expression)
        return scalar(expression, columns, rows[0])
    argument = expression["arguments"][0]
    values = [value for value in (scalar(argument, columns, row) for row in rows) if value is not None]
    if expression.get("distinct"):
        values = list({str(value): value for value in values}.values())
    match expression["name"]:
        case "COUNT":
            return len(values)
        case "MIN" | "MAX" as name:
            return _extreme(values, 1 if name == "MAX" else -1)
        case name:
            return _sum(values, average=name == "AVG")


def names_of(expression: JsonObject) -> list[str]:
    """The columns an expression names, itself included."""
    found = []
    for name, value in expression.items():
        if name == "column" and expression.get("exprType") == "COLUMN":
            found.append(value)
        parts = value if isinstance(value, list) else [value]
        for part in parts:
            if isinstance(part, dict):
                found.extend(names_of(part))
    return found


def holds(condition: JsonObject, columns: Columns, rows: list[Values]) -> bool | None:
    """Whether a condition is true for a row (or a group of rows); None where null makes it neither."""
    kind = condition["exprType"]
    if kind in ("AND", "OR"):
        left = holds(condition["leftExpr"], columns, rows)
        right = holds(condition["rightExpr"], columns, rows)
        return _negated(condition, _both(left, right) if kind == "AND" else _either(left, right))
    value = aggregate(condition["leftExpr"], columns, rows)
    if kind == "IN":
        answers = [_same(value, _member(member, columns, rows)) for member in condition["selectSet"]]
        found = True if True in answers else None if None in answers else False
        return _negated(condition, None if value is None else found)
    if kind == "BETWEEN":
        low = ordered(value, aggregate(condition["betweenStart"], columns, rows))
        high = ordered(value, aggregate(condition["betweenEnd"], columns, rows))
        return _negated(condition, None if low is None or high is None else low >= 0 >= high)
    order = ordered(value, aggregate(condition["rightExpr"], columns, rows))
    return _negated(condition, None if order is None else order in _COMPARISONS[kind])


def _negated(condition: JsonObject, result: bool | None) -> bool | None:  # noqa: FBT001 - the third value is null
    return result if result is None or not condition.get("not") else not result


def _both(left: bool | None, right: bool | None) -> bool | None:  # noqa: FBT001 - as above
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def _either(left: bool | None, right: bool | None) -> bool | None:  # noqa: FBT001 - as above
    if left or right:
        return True
    return None if left is None or right is None else False


def _member(member: Any, columns: Columns, rows: list[Values]) -> Any:  # noqa: ANN401 - a bare value or a literal
    return aggregate(member, columns, rows) if isinstance(member, dict) else member


def _same(left: Any, right: Any) -> bool | None:  # noqa: ANN401 - as above
    order = ordered(left, right)
    return None if order is None and (left is None or right is None) else order == 0


def _extreme(values: list[Any], direction: int) -> Any:  # noqa: ANN401 - as above
    best = None
    for value in values:
        if best is None or ordered(value, best) == direction:
            best = value
    return best


def _sum(values: list[Any], *, average: bool) -> Any:  # noqa: ANN401 - as above
    numbers = [number(value) for value in values]
    if any(found is None for found in numbers):
        raise QueryFailed("NOT_A_NUMBER", "SUM and AVG need a column of numbers")
    if not numbers:
        return None
    total = sum((found for found in numbers if found is not None), Decimal(0))
    result = total / len(numbers) if average else total
    return int(result) if result == result.to_integral_value() else float(result)
