"""
Which keys the files of one run can have: a folder template, read backwards.

The folder is named after a time of the run, and which one (when it was due, began or ended) is not documented: every
minute in between is allowed. What a macro stands for is not always documented either: then anything is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

_MACRO = re.compile(r"%([^%]*)%")
_DATETIME = re.compile(r"DATETIME\((.*)\)")
_LETTERS = re.compile(r"YYYY|yyyy|MM|dd|HH|hh|mm|SSS|ss|(?:([A-Za-z])\1*)|[^A-Za-z]+")
_NUMBERS = {"ss": r"\d\d", "SSS": r"\d{3}"}
_FORMATS = {"MM": "%m", "dd": "%d", "HH": "%H", "hh": "%I", "mm": "%M"}
_MINUTE = timedelta(minutes=1)
# A run that takes longer names its folder after a minute near its beginning or its end.
_LONGEST = timedelta(hours=24)

FILES = r"(?!manifest-)[^/_.][^/]*\.(?:json|json\.gz|gz\.parquet|parquet)"
"""
The name of a file with records.

Names are random, extensions are documented (Export datasets); what begins with `_` or `.` is a marker of Spark's.
"""

MANIFEST = r"(?:.*/)?manifest-[^/]*{run}\.json"
"""A list of files is called after destination and run (Amazon S3, file manifests; documented), its folder is not."""


@dataclass(frozen=True, slots=True)
class Span:
    """The minutes from one to another, both included."""

    first: datetime
    last: datetime

    def minutes(self) -> Iterator[datetime]:
        """Each of them, in UTC: the time zone of folders is not documented, all other times of Adobe are in UTC."""
        first, last = (each.astimezone(UTC).replace(second=0, microsecond=0) for each in (self.first, self.last))
        yield first
        yield from _steps(first + _MINUTE, min(last, first + _LONGEST))
        yield from _steps(max(first + _LONGEST + _MINUTE, last - timedelta(hours=1)), last)


@dataclass(frozen=True, slots=True)
class _Anything:
    """A part of a name of which nothing but its signs is known."""

    pattern: str


_Part: TypeAlias = tuple[str, ...] | _Anything
"""What a part of a folder's name can be: one of some texts, or anything of a kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """What the keys of a run's files begin with, and an expression for the rest of them."""

    prefix: str
    pattern: str


def folder_of(template: str, values: Mapping[str, Sequence[str]], span: Span) -> Folder:
    """
    Where the files of a run lie below the target's path.

    `values` are what macros can stand for; those that are neither there nor times can stand for anything.
    """
    parts = _parts(_tidy(template), values, span)
    prefix, rest = "", FILES
    at = 0
    while at < len(parts):
        part = parts[at]
        if isinstance(part, _Anything):
            break
        common = _common(part)
        prefix += common
        at += 1
        if len(part) > 1:
            rest = _one_of([each.removeprefix(common) for each in part]) + "".join(map(_written, parts[at:])) + FILES
            return Folder(prefix=prefix, pattern=rest)
    return Folder(prefix=prefix, pattern="".join(map(_written, parts[at:])) + rest)


def tells_apart(template: str, span: Span, others: Sequence[datetime]) -> bool:
    """Whether the folders of these other runs cannot be taken for that of the span: by at least one macro."""
    times = [each for each in _MACRO.findall(template) if _format_of(each) is not None]
    return all(
        any(
            not set(_times(str(_format_of(macro)), span)) & set(_times(str(_format_of(macro)), Span(other, other)))
            for macro in times
        )
        for other in others
    )


def _tidy(template: str) -> str:
    """Folders one below the other, without empty ones (assumed: `/` alone means none)."""
    inner = "/".join(part for part in template.split("/") if part)
    return f"{inner}/" if inner else ""


def _parts(template: str, values: Mapping[str, Sequence[str]], span: Span) -> list[_Part]:
    found: list[_Part] = []
    for position, text in enumerate(_MACRO.split(template)):
        if position % 2 == 0:
            found += [(text,)] if text else []
        elif (format := _format_of(text)) is not None:
            found += _dated(format, span)
        elif values.get(text):
            found.append(tuple(dict.fromkeys(values[text])))
        else:
            found.append(_Anything("[^/]+"))
    return found


def _format_of(macro: str) -> str | None:
    if macro == "EXPORT_TIME":
        return "'exportTime='YYYYMMddHHmm"
    found = _DATETIME.fullmatch(macro)
    return found[1] if found else None


def _dated(format: str, span: Span) -> Iterator[_Part]:
    """A time in a format of Java's: what is finer than a minute, or unknown, can be anything."""
    known = ""
    for piece in _pieces(format):
        if piece.startswith("'") or piece in _FORMATS or piece in ("YYYY", "yyyy") or not piece[0].isalpha():
            known += piece
            continue
        if known:
            yield _times(known, span)
        known = ""
        yield _Anything(_NUMBERS.get(piece, "[^/]+"))
    if known:
        yield _times(known, span)


def _pieces(format: str) -> Iterator[str]:
    for position, text in enumerate(format.split("'")):
        if position % 2:
            yield f"'{text}'"
        else:
            yield from (found[0] for found in _LETTERS.finditer(text))


def _times(format: str, span: Span) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for minute in span.minutes():
        for year in _years(minute):
            found[
                "".join(
                    minute.strftime(_FORMATS[each])
                    if each in _FORMATS
                    else str(year)
                    if each == "YYYY"
                    else str(minute.year)
                    if each == "yyyy"
                    else each.strip("'")
                    for each in _pieces(format)
                )
            ] = None
    return tuple(found)


def _years(day: datetime) -> tuple[int, ...]:
    """
    The years of a day: `YYYY` is in Java the year of the week, which around New Year is another one.

    Whether Adobe means that is not documented.
    """
    if day.month == 12 and day.day > 25:
        return (day.year, day.year + 1)
    return (day.year, day.year - 1) if day.month == 1 and day.day < 4 else (day.year,)


def _steps(first: datetime, last: datetime) -> Iterator[datetime]:
    while first <= last:
        yield first
        first += _MINUTE


def _common(texts: Sequence[str]) -> str:
    """What all of them begin with."""
    least, most = min(texts), max(texts)
    return least[: next((at for at, sign in enumerate(least) if not most.startswith(sign, at)), len(least))]


def _written(part: _Part) -> str:
    return part.pattern if isinstance(part, _Anything) else _one_of(part)


def _one_of(texts: Sequence[str]) -> str:
    return f"(?:{'|'.join(map(re.escape, texts))})" if len(texts) > 1 else re.escape(texts[0])
