"""The friendly query of a manifest and the `queryRequest` that Domo is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce

from reconciler.values import Document, Path, Value

COMPARISONS: Mapping[str, tuple[str, bool]] = {
    "eq": ("EQUALS", False),
    "ne": ("EQUALS", True),
    "gt": ("GREATER_THAN", False),
    "gte": ("GREATER_THAN_OR_EQUAL_TO", False),
    "lt": ("LESS_THAN", False),
    "lte": ("LESS_THAN_OR_EQUAL_TO", False),
    "in": ("IN", False),
    "notIn": ("IN", True),
    "between": ("BETWEEN", False),
}
"""Our words, Domo's expression, and whether it is negated: a flag and no expression (seen in public clients)."""

_ORDERS = {"ascending": "ASCENDING", "descending": "DESCENDING"}
_NUMBERS = frozenset({"LONG", "DOUBLE", "DECIMAL"})
_TEXTS = {
    # Dates and times are sent as text (seen in public clients), a time with a space where ISO 8601 has a `T`.
    "DATE": (re.compile(r"\d{4}-\d\d-\d\d"), "`YYYY-MM-DD`"),
    "DATETIME": (re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?"), "`YYYY-MM-DD HH:mm:ss`"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column as the query engine knows it; `id` is what an expression names."""

    id: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong at a place within `spec`."""

    code: str
    message: str
    path: Path
    help: str | None = None


def request(attributes: Document, *, in_list: str) -> dict[str, object]:
    """
    The `queryRequest` for a manifest whose columns are listed.

    Exactly the documented shape: what is not wanted is left out, but for the two lists that are always there.
    """
    query = mapping(attributes.get("query"))
    inner: dict[str, object] = {
        "columns": [_column(each) for each in names(query.get("columns"))],
        "groupByColumns": [_column(each) for each in names(query.get("groupBy"))],
        "orderByColumns": [
            {"expression": _column(str(each["column"])), "order": _ORDERS[str(each.get("direction", "ascending"))]}
            for each in _items(query.get("orderBy"))
        ],
    }
    where = _where(query, in_list)
    if where is not None:
        inner["where"] = where
    limit = query.get("limit")
    if isinstance(limit, Mapping):
        offset = {"offset": limit["offset"]} if "offset" in limit else {}
        inner["limit"] = {"limit": limit["rows"], **offset}
    return {
        "includeBOM": attributes.get("includeBom", False),
        "useCache": attributes.get("useCache", True),
        "query": inner,
    }


def faults(query: Document, columns: Sequence[Column]) -> Iterator[Fault]:
    """Columns that the dataset lacks, with near matches, and values that do not fit their column's type."""
    known = {each.id: each.type for each in columns}
    for path, name in mentioned(query):
        if name not in known:
            yield Fault(
                code="unknown-column",
                message=f"the dataset has no column `{name}`",
                path=("query", *path),
                help=_near(name, known),
            )
    for index, each in enumerate(_items(mapping(query.get("filter")).get("all"))):
        kind = known.get(str(each.get("column")), "")
        for word in COMPARISONS:
            for value in _values(each.get(word)):
                wrong = misfit(value, kind)
                if wrong is not None:
                    yield Fault(
                        code="wrong-value-type",
                        message=f"`{each.get('column')}` is of type {kind}: {wrong}",
                        path=("query", "filter", "all", index, word),
                    )


def mentioned(query: Document) -> Iterator[tuple[Path, str]]:
    """Every column that a query names, with its place."""
    for word in ("columns", "groupBy"):
        for index, name in enumerate(names(query.get(word))):
            yield (word, index), name
    for index, each in enumerate(_items(query.get("orderBy"))):
        yield ("orderBy", index, "column"), str(each.get("column"))
    for index, each in enumerate(_items(mapping(query.get("filter")).get("all"))):
        yield ("filter", "all", index, "column"), str(each.get("column"))
    for name in _raw_columns(query.get("rawWhere")):
        yield ("rawWhere",), name


def misfit(value: Value, kind: str) -> str | None:
    """Why the value cannot be compared with a column of this type, or `None` when it can."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in _NUMBERS:
        return None if is_number else f"write a number instead of `{value}`"
    if kind == "STRING":
        return f'write `"{value}"`, a text' if is_number else None
    if kind in _TEXTS:
        pattern, form = _TEXTS[kind]
        fits = isinstance(value, str) and pattern.fullmatch(value)
        return None if fits else f"write it as text like {form}"
    return None


def mapping(value: Value) -> Document:
    """The mapping, or an empty one where there is none."""
    return value if isinstance(value, Mapping) else {}


def names(value: Value) -> tuple[str, ...]:
    """A list of names; none where there is no list."""
    return tuple(str(each) for each in value) if isinstance(value, tuple) else ()


def _items(value: Value) -> tuple[Document, ...]:
    return tuple(each for each in value if isinstance(each, Mapping)) if isinstance(value, tuple) else ()


def _values(value: Value) -> tuple[Value, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _column(name: str) -> dict[str, object]:
    return {"column": name, "exprType": "COLUMN"}


def _value(value: Value) -> dict[str, object]:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"value": value, "exprType": "NUMERIC_VALUE" if is_number else "STRING_VALUE"}


def _where(query: Document, in_list: str) -> object:
    raw = query.get("rawWhere")
    if raw is not None:
        return json_of(raw)
    each = [_comparison(item, in_list) for item in _items(mapping(query.get("filter")).get("all"))]
    if not each:
        return None
    # Binary, nested for more than two (seen in public clients).
    return reduce(lambda left, right: {"exprType": "AND", "leftExpr": left, "rightExpr": right}, each)


def _comparison(item: Document, in_list: str) -> dict[str, object]:
    (word,) = (each for each in item if each in COMPARISONS)
    kind, negated = COMPARISONS[word]
    node: dict[str, object] = {"exprType": kind, "leftExpr": _column(str(item["column"]))}
    values = _values(item[word])
    if kind == "IN":
        node["selectSet"] = [_value(each) for each in values] if in_list == "expressions" else list(values)
    elif kind == "BETWEEN":
        node["betweenStart"], node["betweenEnd"] = (_value(each) for each in values)
    else:
        node["rightExpr"] = _value(values[0])
    return {**node, "not": True} if negated else node


def json_of(value: Value) -> object:
    """A value of a document as JSON."""
    if isinstance(value, Mapping):
        return {key: json_of(each) for key, each in value.items()}
    return [json_of(each) for each in value] if isinstance(value, tuple) else value


def _raw_columns(node: Value) -> Iterator[str]:
    if isinstance(node, Mapping):
        if node.get("exprType") == "COLUMN" and isinstance(node.get("column"), str):
            yield str(node["column"])
        for each in node.values():
            yield from _raw_columns(each)
    elif isinstance(node, tuple):
        for each in node:
            yield from _raw_columns(each)


def _near(name: str, known: Mapping[str, str]) -> str | None:
    """Case counts (undocumented, so an exact match is asked for), and is the likeliest mistake."""
    same = [each for each in known if each.lower() == name.lower()]
    found = same or get_close_matches(name, known, n=3, cutoff=0.6)
    if not found:
        return f"its columns are {', '.join(f'`{each}`' for each in list(known)[:20])}" if known else None
    return f"did you mean {' or '.join(f'`{each}`' for each in found)}?"
