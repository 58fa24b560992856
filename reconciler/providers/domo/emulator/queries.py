"""The query request as a whole: what is refused, and the rows it gives (reference 5.1, 5.2, 5.4)."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from reconciler.emulator import JsonObject
from reconciler.providers.domo.emulator.errors import Refused
from reconciler.providers.domo.emulator.expressions import (
    Column,
    Columns,
    QueryFailed,
    Values,
    aggregate,
    check_condition,
    check_scalar,
    holds,
    is_aggregate,
    names_of,
)

_DEEPEST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a query gives: columns in the order asked for, rows as lists."""

    columns: tuple[Column, ...]
    rows: tuple[Values, ...]


def check_request(request: object, *, unverified: bool) -> JsonObject:
    """The query of a query request; 400 for anything that is not understood."""
    if not isinstance(request, dict):
        raise Refused(400, "queryRequest must be an object")
    if request.get("query") is None and request.get("sql") is not None:
        # `sql` is an alternative on `execute`; for exports undocumented (5.1). This stand-in has no SQL.
        raise Refused(400, "sql is not understood here: send `query`")
    for name in ("includeBOM", "useCache"):
        if not isinstance(request.get(name, False), bool):
            raise Refused(400, f"{name} must be true or false")
    limited_to(request)
    query = request.get("query")
    _check_query(query, unverified=unverified, depth=0)
    assert isinstance(query, dict)
    return query


def limited_to(request: JsonObject) -> list[Any] | None:
    """The policies a query wants to be limited to (`context.dataControlContext`, observed), None for no wish."""
    context = request.get("context") or {}
    wish = context.get("dataControlContext") if isinstance(context, dict) else context
    if wish is None:
        return None
    groups = wish.get("filterGroupIds", []) if isinstance(wish, dict) else None
    if not isinstance(groups, list):
        raise Refused(400, "context.dataControlContext.filterGroupIds must be an array")
    assert isinstance(wish, dict)
    return groups if wish.get("previewPdp") else None


def run(
    query: JsonObject,
    columns: list[Column],
    rows: list[Values],
    *,
    ignore_case: bool = False,
    limited: bool = True,
    backwards: bool = False,
) -> Result:
    """
    The result of a checked query over a table. Raises `QueryFailed`.

    `limited` says whether `limit` and `orderByColumns` count, `backwards` that unordered rows come in another
    order than they are stored in.
    """
    inner = query.get("fromQuery")
    if inner:
        table = run(inner, columns, rows, ignore_case=ignore_case)
        columns, rows = list(table.columns), list(table.rows)
    known = Columns(columns, ignore_case=ignore_case)
    # Names are checked before any row is looked at: an unknown one fails over an empty table too.
    named = {name: value for name, value in query.items() if name != "fromQuery" and value}
    for name in names_of(named):
        known.place(name)
    where = query.get("where")
    if where:
        rows = [row for row in rows if holds(where, known, [row])]
    groups = _groups(query, known, rows)
    having = query.get("having")
    if having:
        groups = [group for group in groups if holds(having, known, group)]
    if backwards:
        groups.reverse()
    if limited:
        groups = _cut(query.get("limit"), _sorted(query.get("orderByColumns") or [], known, groups))
    return Result(
        columns=tuple(_result_column(one, known) for one in query["columns"]),
        rows=tuple([aggregate(one, known, group) for one in query["columns"]] for group in groups),
    )


def _check_query(query: object, *, unverified: bool, depth: int) -> None:
    if depth > _DEEPEST:
        raise Refused(400, "The query is nested too deeply")
    if not isinstance(query, dict):
        raise Refused(400, "query must be an object")
    columns = query.get("columns")
    if not isinstance(columns, list) or not columns:
        raise Refused(400, "query.columns must be an array with at least one expression")
    for column in columns:
        check_scalar(column, aggregates=True)
    if query.get("where") is not None:
        check_condition(query["where"], unverified=unverified)
    for column in _array(query, "groupByColumns"):
        check_scalar(column)
    if query.get("having") is not None:
        # Null in every public query (5.2).
        if not unverified:
            raise Refused(400, "query.having must be null")
        check_condition(query["having"], unverified=True, aggregates=True)
    for order in _array(query, "orderByColumns"):
        if not isinstance(order, dict) or order.get("order", "ASCENDING") not in ("ASCENDING", "DESCENDING"):
            raise Refused(400, "query.orderByColumns holds objects with `expression` and `order`")
        check_scalar(order.get("expression"), aggregates=True)
    _check_limit(query.get("limit"))
    if query.get("fromQuery") is not None:
        _check_query(query["fromQuery"], unverified=unverified, depth=depth + 1)


def _array(query: JsonObject, name: str) -> list[Any]:
    value = query.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused(400, f"query.{name} must be an array")
    return value


def _check_limit(limit: object) -> None:
    if limit is None:
        return
    if not isinstance(limit, dict) or "limit" not in limit:
        raise Refused(400, "query.limit must be an object with `limit`")
    for name in ("limit", "offset"):
        value = limit.get(name, 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise Refused(400, f"query.limit.{name} must be a whole number")


def _groups(query: JsonObject, columns: Columns, rows: list[Values]) -> list[list[Values]]:
    """The rows as groups of one, or the groups that the query makes."""
    keys = query.get("groupByColumns") or []
    asked = query["columns"]
    if not keys and not any(is_aggregate(one) for one in asked):
        return [[row] for row in rows]
    allowed = {name for key in keys for name in names_of(key)}
    for one in asked:
        if one["exprType"] == "COLUMN" and one["column"] not in allowed:
            raise QueryFailed("NOT_GROUPED", f"Column '{one['column']}' is neither grouped nor aggregated")
    if not keys:
        return [rows]
    groups: dict[tuple[str, ...], list[Values]] = {}
    for row in rows:
        groups.setdefault(tuple(repr(aggregate(key, columns, [row])) for key in keys), []).append(row)
    return list(groups.values())


def _sorted(orders: list[JsonObject], columns: Columns, groups: list[list[Values]]) -> list[list[Values]]:
    for order in reversed(orders):
        groups = sorted(groups, key=_sorter(order, columns), reverse=order.get("order") == "DESCENDING")
    return groups


def _sorter(order: JsonObject, columns: Columns) -> Callable[[list[Values]], tuple[int, Decimal, str]]:
    def key(group: list[Values]) -> tuple[int, Decimal, str]:
        value = aggregate(order["expression"], columns, group)
        if value is None:
            return 0, Decimal(0), ""
        if isinstance(value, int | float | Decimal):
            return 1, Decimal(str(value)), ""
        return 2, Decimal(0), str(value)

    return key


def _cut(limit: JsonObject | None, groups: list[list[Values]]) -> list[list[Values]]:
    if not limit:
        return groups
    first = limit.get("offset", 0)
    return groups[first : first + limit["limit"]]


def _result_column(expression: JsonObject, columns: Columns) -> Column:
    if expression["exprType"] == "COLUMN":
        return columns.all[columns.place(expression["column"])]
    if is_aggregate(expression):
        argument = expression["arguments"][0]
        inner = argument["column"] if argument["exprType"] == "COLUMN" else argument["value"]
        name = f"{expression['name']}({'DISTINCT ' if expression.get('distinct') else ''}{inner})"
        kind = "DOUBLE"
        if expression["name"] == "COUNT":
            kind = "LONG"
        elif expression["name"] in ("MIN", "MAX") and argument["exprType"] == "COLUMN":
            kind = columns.all[columns.place(argument["column"])].type
        return Column(id=name, name=name, type=kind)
    text = str(expression["value"])
    return Column(id=text, name=text, type="STRING" if expression["exprType"] == "STRING_VALUE" else "DOUBLE")
