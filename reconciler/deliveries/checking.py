"""One object against a contract: a pure function of both, which may run in any process on any machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from reconciler.deliveries.access import Place as Where
from reconciler.deliveries.content import Columns, Flaw, Format, Items, Record, Unpacked, format_of, peeked
from reconciler.deliveries.contracts import Contract, Mistyped, column_flaws, reader_of
from reconciler.deliveries.findings import Checked, Finding, Level, Tally
from reconciler.deliveries.lines import delimited, ndjson
from reconciler.deliveries.opening import open_place
from reconciler.deliveries.parquet import parquet
from reconciler.deliveries.paths import Place, general, parts_of, select, written
from reconciler.deliveries.quick import quick
from reconciler.deliveries.rules import Breach
from reconciler.deliveries.schemas import ABSENT, Compiled, compiled, unknown_keys
from reconciler.deliveries.source import Source, SourceError
from reconciler.deliveries.unique import Entries, Outgoing, Repeated, fingerprint

_MILD = {"byte-order-mark": Level.WARNING, "blank-line": Level.WARNING}
_SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One object to check; `records` is how many it must hold, where the vendor says so."""

    place: Where
    key: str
    records: int | None = None


_here = threading.local()


def check_object(item: Item, contract: Contract, *, spill: Path | None = None) -> Checked:
    """
    Read one object to its end and say what is wrong with it; nothing about the object or its place is an exception.

    What the place says (not there, not allowed, unreachable) is a finding too. `spill` is a folder for what must be
    unique over all objects, seen by whoever gets the result; without one the result holds it all. Raises `BadSchema`
    for a contract that cannot be used, and `LibraryMissing` where the program lacks a part.
    """
    name = f"{str(item.place.location).rstrip('/')}/{item.key}"
    try:
        source = _opened(item.place)
        name = source.where(item.key)
        return check_pieces(source.stream(item.key), name, contract, item.records, spill=spill)
    except SourceError as error:
        if error.code == "library-missing":
            raise
        return _unread(name, error, contract)


def close_sources() -> None:
    """Let go of the connections that `check_object` keeps for this thread's next object."""
    for source in getattr(_here, "sources", {}).values():
        source.close()
    _here.sources = {}


def check_pieces(
    pieces: Iterator[bytes], name: str, contract: Contract, records: int | None = None, *, spill: Path | None = None
) -> Checked:
    """The same for bytes that are at hand; a `SourceError` of theirs is a finding, as far as they were read."""
    return _Check(name, contract, spill).run(pieces, records)


def described(value: Any, *, show: bool) -> str:  # noqa: ANN401 - JSON
    """What stands there, without saying it."""
    if value is ABSENT:
        return "nothing"
    if show:
        text = json.dumps(value, ensure_ascii=False, default=str)
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return f"text of {len(value)} character{'s' * (len(value) != 1)}"
        case list():
            return f"list of {len(value)} item{'s' * (len(value) != 1)}"
        case dict():
            return f"object of {len(value)} key{'s' * (len(value) != 1)}"
        case _:
            return "value"


class _Check:
    """The state of one run: the contract in a form that is fast to apply, and what was found so far."""

    def __init__(self, name: str, contract: Contract, spill: Path | None) -> None:
        self._name = name
        self._contract = contract
        self._spill = spill
        self._tally = Tally(contract.examples)
        self._schema: Compiled | None = compiled(contract.schema) if contract.schema is not None else None
        self._unknown = _unknown(contract.schema) if contract.schema is not None and contract.unknown_keys else None
        self._quick = quick(contract.rules)
        self._steps = [(each, parts_of(each.path)) for each in contract.unique]
        self._readable = True
        self._names: tuple[str, ...] = ()

    def run(self, pieces: Iterator[bytes], expected: int | None) -> Checked:
        contract = self._contract
        found: Format | None = None
        records = 0
        packing: str | None = None
        size = unpacked = 0
        sets = [Repeated() if each.over == "object" else Outgoing(self._spill) for each in contract.unique]
        try:
            stream = Unpacked(pieces, contract.limits)
            packing = stream.packing
            try:
                if stream.is_empty:
                    if not contract.empty_files:
                        self._flaw(Flaw("empty-file", None, "the object has no bytes"))
                else:
                    found, items = self._items(stream)
                    for item in items:
                        if isinstance(item, Record):
                            records += 1
                            self._record(item, sets)
                        elif isinstance(item, Columns):
                            self._columns(item)
                        else:
                            self._flaw(item)
            finally:
                size, unpacked = stream.size, stream.unpacked
        except SourceError as error:
            if error.code == "library-missing":
                raise
            self._readable = False
            self._add(error.code, Level.ERROR, None, Breach((), f"{error.reason}; {error.help}", ABSENT))
        if expected is not None and self._readable and records != expected:
            self._flaw(Flaw("record-count", None, f"the object holds {records} records instead of {expected}"))
        prints = self._repeats(sets)
        return Checked(
            object=self._name,
            format=found.value if found else None,
            packing=packing,
            size=size,
            unpacked=unpacked,
            records=records,
            readable=self._readable,
            counts=self._tally.counts,
            findings=self._tally.findings,
            fingerprints=prints,
        )

    def _items(self, stream: Unpacked) -> tuple[Format | None, Items]:
        contract = self._contract
        head, pieces = peeked(iter(stream))
        found = format_of(head, contract.format) if head else contract.format
        match found:
            case Flaw():
                return None, iter((found,))
            case None:
                # Nothing comes out of it, and what is wrong with the packing, if anything, is all there is to say.
                return None, (each for each in pieces if isinstance(each, Flaw))
            case Format.NDJSON:
                return found, ndjson(pieces, contract.limits)
            case Format.PARQUET:
                return found, parquet(pieces, contract.limits)
            case Format.CSV:
                names = tuple(each.name for each in contract.columns)
                rows = delimited(
                    pieces,
                    contract.limits,
                    delimiter=contract.delimiter,
                    header=contract.header,
                    columns=names,
                    bom=contract.bom,
                )
                return found, self._typed(rows)

    def _typed(self, rows: Items) -> Items:
        """CSV rows whose texts have become what their columns say."""
        nulls = frozenset(self._contract.nulls)
        readers = {each.name: reader for each in self._contract.columns if (reader := reader_of(each)) is not None}
        types = {each.name: each.type for each in self._contract.columns}
        for row in rows:
            if not isinstance(row, Record):
                yield row
                continue
            value = row.value
            for name, text in value.items():
                if text in nulls:
                    value[name] = None
                elif name in readers:
                    try:
                        value[name] = readers[name](text)
                    except Mistyped:
                        message = f"does not read as `{types[name]}`"
                        self._add("column-type", Level.ERROR, row.line, Breach((name,), message, text))
            yield row

    def _columns(self, columns: Columns) -> None:
        self._names = columns.names
        for flaw in column_flaws(self._contract, columns.names, columns.types):
            self._flaw(flaw)

    def _record(self, record: Record, sets: list[Repeated | Outgoing]) -> None:
        try:
            self._judged(record, sets)
        except RecursionError:
            self._flaw(Flaw("too-deep", record.line, "the record is nested too deeply to be checked"))

    def _judged(self, record: Record, sets: list[Repeated | Outgoing]) -> None:
        line, value = record
        contract = self._contract
        if self._schema is not None and not self._schema.is_valid(value):
            for keyword, breach in self._schema.broken(value):
                rule = f"schema.{keyword}:{general(breach.place)}"
                self._add(rule, Level.ERROR, line, breach)
        if self._quick is None or not self._quick(value):
            for rule_ in contract.rules:
                for breach in rule_.breaches(value):
                    self._add(rule_.name, rule_.level, line, breach)
        if self._unknown is not None and contract.unknown_keys is not None:
            for place in self._unknown(value):
                self._add(
                    "unknown-key",
                    contract.unknown_keys,
                    line,
                    Breach(place[:-1], "has a key that nobody has described", ABSENT),
                )
        for column in contract.columns:
            if not column.nullable and isinstance(value, dict) and value.get(column.name, ABSENT) is None:
                self._add("column-null", Level.ERROR, line, Breach((column.name,), "is null", None))
        for (_, steps), found in zip(self._steps, sets, strict=True):
            for _, each in select(value, steps):
                print_ = fingerprint(each)
                if print_ is None:
                    continue
                if isinstance(found, Repeated):
                    found.add(print_, 0, line)
                else:
                    found.add(print_, line)

    def _repeats(self, sets: list[Repeated | Outgoing]) -> dict[str, Entries]:
        prints: dict[str, Entries] = {}
        for (unique, _), found in zip(self._steps, sets, strict=True):
            if isinstance(found, Outgoing):
                prints[unique.name] = found.entries
                continue
            with found:
                total, examples = found.found(self._contract.examples)
            repeats = [
                self._repeat(unique.name, unique.level, unique.path, line, f"line {first}")
                for (_, line), (_, first) in examples
            ]
            level = self._contract.level_of(unique.name, unique.level)
            if total and level is not None:
                self._tally.count(unique.name, level, total)
                self._tally.keep(each for each in repeats if each is not None)
        return prints

    def _repeat(self, rule: str, level: Level, path: str, line: int, first: str) -> Finding | None:
        actual = self._contract.level_of(rule, level)
        return actual and Finding(
            rule=rule, level=actual, object=self._name, line=line, path=path, message=f"has the same value as {first}"
        )

    def _flaw(self, flaw: Flaw) -> None:
        if flaw.ends:
            self._readable = False
        self._add(flaw.rule, _MILD.get(flaw.rule, Level.ERROR), flaw.line, Breach((), flaw.message, ABSENT))

    def _add(self, rule: str, level: Level, line: int | None, breach: Breach) -> None:
        actual = self._contract.level_of(rule, level)
        if actual is None:
            return
        if not self._tally.wants(rule):
            self._tally.count(rule, actual)
            return
        self._tally.add(
            Finding(
                rule=rule,
                level=actual,
                object=self._name,
                line=line,
                path=written(breach.place),
                message=breach.message,
                value="" if breach.value is ABSENT else described(breach.value, show=self._contract.show_values),
            )
        )


@lru_cache(maxsize=32)
def _unknown(schema: str) -> Callable[[Any], Iterable[Place]]:
    return unknown_keys(json.loads(schema))


def _opened(place: Where) -> Source:
    """The source of a place, kept for this thread's next object there."""
    sources: dict[Where, Source] = _here.__dict__.setdefault("sources", {})
    if place not in sources:
        if len(sources) >= 8:
            close_sources()
            sources = _here.sources
        sources[place] = open_place(place)
    return sources[place]


def _unread(name: str, error: SourceError, contract: Contract) -> Checked:
    tally = Tally(contract.examples)
    level = contract.level_of(error.code, Level.ERROR)
    if level is not None:
        tally.add(Finding(rule=error.code, level=level, object=name, message=f"{error.reason}; {error.help}"))
    return Checked(object=name, readable=False, counts=tally.counts, findings=tally.findings)
