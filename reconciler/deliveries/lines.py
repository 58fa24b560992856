"""Records of text: NDJSON and CSV, line by line in constant memory."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import NamedTuple

from reconciler.deliveries.content import Bytes, Columns, Flaw, Items, Limits, Record

_BOM = b"\xef\xbb\xbf"
_BYTE = re.compile(r"\(byte (\d+)\)")


class Line(NamedTuple):
    """One line without its end; `ended` is false where the file stops before one."""

    number: int
    text: bytes
    ended: bool


def lines(pieces: Bytes, limits: Limits) -> Iterator[Line | Flaw]:
    """
    The lines of a stream, counted from 1. One longer than allowed is a flaw, and reading goes on after it.

    After a flaw that ends the stream, what stands of the last line is dropped: it would only be wrong a second time.
    """
    rest: list[bytes] = []
    number, held, skipping = 1, 0, False
    for piece in pieces:
        if isinstance(piece, Flaw):
            yield piece
            if piece.ends:
                return
            continue
        *whole, tail = piece.split(b"\n")
        for text in whole:
            if rest:
                text = b"".join([*rest, text])  # noqa: PLW2901 - the line that began in earlier pieces
                rest, held = [], 0
            if skipping or len(text) > limits.line:
                yield Flaw("line-too-long", number, f"the line is longer than {limits.line} bytes")
                skipping = False
            else:
                yield Line(number, text, ended=True)
            number += 1
        if tail and not skipping:
            rest.append(tail)
            held += len(tail)
            if held > limits.line:
                rest, held, skipping = [], 0, True
    if skipping:
        yield Flaw("line-too-long", number, f"the line is longer than {limits.line} bytes")
    elif rest:
        yield Line(number, b"".join(rest), ended=False)


def ndjson(pieces: Bytes, limits: Limits) -> Items:
    """One JSON document a line. Lines that are none are flaws; what follows them is read."""
    import msgspec  # noqa: PLC0415 - only who checks content pays

    decode = msgspec.json.Decoder().decode
    for line in lines(pieces, limits):
        if isinstance(line, Flaw):
            yield line
            continue
        text = line.text
        if line.number == 1 and text.startswith(_BOM):
            yield Flaw("byte-order-mark", 1, "the file begins with a byte order mark, which JSON does not have")
            text = text[3:]
        try:
            yield Record(line.number, decode(text))
        except UnicodeDecodeError:
            yield Flaw("encoding", line.number, "the line is not UTF-8")
        except RecursionError:
            yield Flaw("bad-json", line.number, "the line is nested too deeply")
        except msgspec.MsgspecError as error:
            yield _malformed(line, text, str(error))


def _malformed(line: Line, text: bytes, said: str) -> Flaw:
    """What is wrong with a line, without a word of it."""
    if not text.strip():
        return Flaw("blank-line", line.number, "the line is empty")
    try:
        text.decode()
    except UnicodeDecodeError:
        return Flaw("encoding", line.number, "the line is not UTF-8")
    if not line.ended and "truncated" in said:
        return Flaw("truncated", line.number, "the file ends within a record", ends=True)
    place = _BYTE.search(said)
    where = f" (at byte {int(place[1]) + 1} of the line)" if place else ""
    why = "a number is out of range" if "out of range" in said else "the line is no JSON"
    return Flaw("bad-json", line.number, why + where)


def delimited(
    pieces: Bytes,
    limits: Limits,
    *,
    delimiter: str = ",",
    header: bool | None = None,
    columns: tuple[str, ...] = (),
    bom: bool | None = None,
) -> Items:
    """
    Rows of CSV as dictionaries of text. Quoted fields may hold line ends; a record's line is the one it begins on.

    `header` None takes the first row for one when it equals `columns`. Without names, columns are called `1`, `2`, ….
    A row with too many or too few fields is a flaw and no record.
    """
    # The library's bound is one for the whole process; nothing else of this program reads CSV.
    csv.field_size_limit(max(csv.field_size_limit(), limits.line))
    flaws: list[Flaw] = []
    reader = csv.reader(_texts(pieces, limits, bom, flaws), delimiter=delimiter, strict=True)
    names: tuple[str, ...] = ()
    begun = False
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield from _drained(flaws)
            yield Flaw("bad-csv", line, _csv_reason(str(error)))
            continue
        yield from _drained(flaws)
        if row is None:
            return
        if not row:
            yield Flaw("blank-line", line, "the line is empty")
            continue
        if not begun:
            begun = True
            named = header is True or (header is None and bool(columns) and tuple(row) == columns)
            names = tuple(row) if named else columns or tuple(str(each + 1) for each in range(len(row)))
            if len(set(names)) != len(names):
                yield Flaw("columns", line, "two columns have the same name", ends=True)
                return
            yield Columns(names, None)
            if named:
                continue
        if len(row) != len(names):
            yield Flaw("field-count", line, f"the row has {len(row)} fields instead of {len(names)}")
            continue
        yield Record(line, dict(zip(names, row, strict=True)))


def _texts(pieces: Bytes, limits: Limits, bom: bool | None, flaws: list[Flaw]) -> Iterator[str]:  # noqa: FBT001 - three-valued
    """Lines as text, for a library that takes nothing else; what is wrong with them is laid aside."""
    for line in lines(pieces, limits):
        if isinstance(line, Flaw):
            flaws.append(line)
            if line.rule == "line-too-long":
                yield "\n"  # so that the library's count of lines stays right
            continue
        text = line.text
        if line.number == 1:
            has = text.startswith(_BOM)
            if bom is not None and has is not bom:
                flaws.append(
                    Flaw("byte-order-mark", 1, "a byte order mark is " + ("missing" if bom else "not expected"))
                )
            text = text[3:] if has else text
        try:
            decoded = text.decode()
        except UnicodeDecodeError:
            flaws.append(Flaw("encoding", line.number, "the line is not UTF-8"))
            decoded = text.decode(errors="replace")
        yield decoded + "\n" * line.ended


def _drained(flaws: list[Flaw]) -> Iterator[Flaw]:
    found, flaws[:] = flaws[:], []
    yield from found


def _csv_reason(said: str) -> str:
    """The library's few reasons, in words that name no content."""
    if "unexpected end" in said:
        return "a quoted field is never closed"
    if "expected after" in said:
        return "text follows a closing quote"
    if "new-line" in said:
        return "a carriage return stands alone in a field"
    if "field limit" in said:
        return "a field is too long; is a quote never closed?"
    return "the row is malformed"
