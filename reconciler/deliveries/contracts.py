"""What delivered content must be: format, schema, rules and columns, as one value that travels between processes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from reconciler.deliveries.content import Flaw, Format, Limits
from reconciler.deliveries.findings import Level
from reconciler.deliveries.rules import Rule

ColumnType = Literal["string", "integer", "number", "boolean", "date", "datetime", "array", "object", "any"]

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}\Z")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table. In CSV everything is text, and `type` says what it must read as."""

    name: str
    type: ColumnType = "any"
    nullable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique:
    """
    No two records have the same value at `path`; null counts never. `over` one object, or all objects of a check.

    Values are compared by fingerprints of 128 bits. Over a delivery, every value costs 24 bytes on its way from the
    worker: on disk, or, from a worker on another machine, in memory.
    """

    name: str
    path: str
    over: Literal["object", "delivery"] = "object"
    level: Level = Level.WARNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """
    What every object of a delivery must hold. Everything may be left out; an empty contract says "can be read".

    `schema` is the text of a JSON Schema for one record. `columns`, where there are any, are all columns of the table,
    in this order when `ordered`. `header`, `bom`, `delimiter` and `nulls` (the texts that mean null) are for CSV;
    `header` and `bom` None means "either". `levels` changes how bad a rule is by its name, None silences it; a rule of
    the schema is called `schema.<keyword>:<path>`, and `schema.<keyword>` names all of that keyword.

    At most `examples` findings of each rule are kept; `show_values` prints what stands in the file, which may be
    personal data.
    """

    name: str
    format: Format | None = None
    schema: str | None = None
    rules: tuple[Rule, ...] = ()
    unique: tuple[Unique, ...] = ()
    unknown_keys: Level | None = None
    columns: tuple[Column, ...] = ()
    ordered: bool = True
    header: bool | None = None
    bom: bool | None = None
    delimiter: str = ","
    nulls: tuple[str, ...] = ("",)
    empty_files: bool = False
    levels: tuple[tuple[str, Level | None], ...] = ()
    examples: int = 5
    show_values: bool = False
    limits: Limits = field(default_factory=Limits)

    def level_of(self, rule: str, default: Level) -> Level | None:
        """How bad a breach of this rule is here; None when it does not matter."""
        for name, level in self.levels:
            if name in (rule, rule.partition(":")[0]):
                return level
        return default


class Mistyped(ValueError):
    """A text that does not read as its column's type."""


def reader_of(column: Column) -> Callable[[str], Any] | None:
    """How a column's text becomes a value; raises `Mistyped`. None when it stays text."""
    return _READERS.get(column.type)


def _integer(text: str) -> int:
    if not _INTEGER.match(text):
        raise Mistyped
    return int(text)


def _number(text: str) -> int | float:
    if _INTEGER.match(text):
        return int(text)
    if not _NUMBER.match(text):
        raise Mistyped
    return float(text)


def _boolean(text: str) -> bool:
    match text.lower():
        case "true":
            return True
        case "false":
            return False
        case _:
            raise Mistyped


def _day(text: str) -> str:
    if not _DATE.match(text):
        raise Mistyped
    try:
        date.fromisoformat(text)
    except ValueError:
        raise Mistyped from None
    return text


def _moment(text: str) -> str:
    # `YYYY-MM-DDTHH:MM:SS`, as query results have it; a blank instead of the T is as common.
    if not _DATE.match(text[:10]) or text[10:11] not in ("T", " "):
        raise Mistyped
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise Mistyped from None
    return text


_READERS: dict[str, Callable[[str], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _day,
    "datetime": _moment,
}

_WHOLE = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
)
_FAMILIES: dict[str, tuple[str, ...]] = {
    "string": ("VARCHAR", "UUID", "ENUM"),
    "integer": _WHOLE,
    "number": (*_WHOLE, "FLOAT", "DOUBLE", "DECIMAL"),
    "boolean": ("BOOLEAN",),
    "date": ("DATE",),
}


def fits(column: Column, type: str) -> bool:
    """Whether a Parquet column of this type, in DuckDB's words, may be this column."""
    if type.endswith("]"):
        return column.type in ("array", "any")
    if type.startswith(("STRUCT", "MAP")):
        return column.type in ("object", "any")
    base = type.partition("(")[0].partition(" ")[0]
    if column.type == "datetime":
        return base.startswith("TIMESTAMP")  # TIMESTAMP_NS and the like
    return column.type == "any" or base in _FAMILIES.get(column.type, ())


def column_flaws(contract: Contract, names: tuple[str, ...], types: tuple[str, ...] | None) -> list[Flaw]:
    """How a table's columns differ from the contract's; types only where the file has them."""
    if not contract.columns:
        return []
    expected = {each.name: each for each in contract.columns}
    flaws = [Flaw("columns", None, f"column `{each}` is missing") for each in expected if each not in names]
    for at, each in enumerate(names, 1):
        if each not in expected:
            # Without a header, the first row of CSV stands where the names should: it may be somebody's.
            shown = f"column `{each}`" if types is not None or contract.show_values else f"column {at}"
            flaws.append(Flaw("columns", None, f"{shown} is not expected"))
    if not flaws and contract.ordered and names != tuple(expected):
        flaws.append(Flaw("columns", None, "the columns stand in another order"))
    for name, type in zip(names, types or (), strict=False):
        if name in expected and not fits(expected[name], type):
            flaws.append(Flaw("column-type", None, f"column `{name}` is {type}, not `{expected[name].type}`"))
    return flaws
