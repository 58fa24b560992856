"""The bytes of an object as a stream of records: what it is, told by its first bytes, and unpacked within limits."""

from __future__ import annotations

import enum
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from reconciler.deliveries.source import SourceError

_MIB = 1024 * 1024
_PIECE = 256 * 1024
_BLOCK = 64 * 1024
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_HEAD = 1024


class Format(enum.Enum):
    """What records are written in."""

    NDJSON = "ndjson"
    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    How much is read before an object is called a bomb; sizes in bytes.

    Deflate packs at most 1,032 to 1; exports of records reach 5 to 50. `ratio` counts from `ratio_after` on, so that
    small files of repeated lines pass. `temporary` is what a Parquet file may take on the disk.
    """

    unpacked: int = 1024 * 1024 * _MIB
    ratio: int = 400
    ratio_after: int = 16 * _MIB
    line: int = 16 * _MIB
    temporary: int = 64 * 1024 * _MIB


class Flaw(NamedTuple):
    """What is wrong with the file itself; `ends` means that nothing after it can be read."""

    rule: str
    line: int | None
    message: str
    ends: bool = False


class Columns(NamedTuple):
    """The columns that a table says it has, with the file's own names of their types where it knows them."""

    names: tuple[str, ...]
    types: tuple[str, ...] | None


class Record(NamedTuple):
    """One record and the line on which it begins, or the row."""

    line: int
    value: Any


Bytes = Iterator[bytes | Flaw]
Items = Iterator[Record | Columns | Flaw]


# First bytes of formats that are not read, so that a finding can name them.
_OTHERS = (
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ\x00", "compressed with xz"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
    (b"-----BEGIN PGP MESSAGE", "encrypted with PGP"),
)


def packing_of(head: bytes) -> str:
    """Whether the bytes are packed, by their magic number and not by the object's name."""
    return "gzip" if head.startswith(_GZIP) else "none"


def format_of(head: bytes, expected: Format | None) -> Format | Flaw:
    """
    What unpacked bytes are, by their beginning; a flaw when that is something else than `expected`, or unreadable.

    Text is what the contract expects; without one `{` begins NDJSON, and anything else is CSV.
    """

    def wrong(what: str) -> Flaw:
        reads = f"expected {expected.value}" if expected else "NDJSON, CSV and Parquet are read"
        return Flaw("unexpected-format", None, f"the content is {what}; {reads}", ends=True)

    if head.startswith(b"PAR1"):
        return Format.PARQUET if expected in (None, Format.PARQUET) else wrong("a Parquet file")
    if head.startswith(_GZIP):
        return Flaw("compressed-twice", None, "the content is compressed once more within its compression", ends=True)
    for magic, what in _OTHERS:
        if head.startswith(magic):
            return Flaw("encoding", None, "the text is UTF-16, not UTF-8", ends=True) if "UTF" in what else wrong(what)
    if expected is Format.PARQUET:
        return wrong("no Parquet file")
    if b"\0" in head[:4]:
        return Flaw(
            "encoding", None, "the content holds zero bytes: it is UTF-16 without a mark, or no text", ends=True
        )
    text = head.removeprefix(_BOM).lstrip()
    if text.startswith(b"<"):
        return wrong("HTML or XML, perhaps a saved error page")
    if expected is Format.NDJSON or (expected is None and text.startswith((b"{", b"["))):
        return wrong("one JSON array, not one record a line") if text.startswith(b"[") else Format.NDJSON
    if expected is Format.CSV and text.startswith(b'{"'):
        return wrong("JSON")
    return Format.CSV


class Unpacked:
    """
    The bytes of an object after decompression, in constant memory, with what is wrong in between.

    `size` and `unpacked` count what has gone in and out so far. Several members of gzip in a row are one file.
    """

    def __init__(self, pieces: Iterator[bytes], limits: Limits) -> None:
        self._limits = limits
        self._pieces = self._counted(pieces)
        self.size = 0
        self.unpacked = 0
        self._first = self._beginning(self._pieces)
        self.packing = packing_of(self._first)

    @property
    def is_empty(self) -> bool:
        """Whether there is not one byte."""
        return not self._first

    def __iter__(self) -> Bytes:
        pieces = chain([self._first] if self._first else [], self._pieces)
        found = self._gunzipped(pieces) if self.packing == "gzip" else pieces
        for each in found:
            if isinstance(each, Flaw):
                yield each
                return
            self.unpacked += len(each)
            if flaw := self._bomb():
                yield flaw
                return
            yield each

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.size += len(piece)
            yield piece

    def _beginning(self, pieces: Iterator[bytes]) -> bytes:
        first = b""
        while len(first) < 2 and (piece := next(pieces, None)) is not None:
            first += piece
        return first

    def _bomb(self) -> Flaw | None:
        limits = self._limits
        if self.unpacked > limits.unpacked:
            return Flaw("bomb", None, f"more than {limits.unpacked} bytes come out of it", ends=True)
        if self.unpacked > limits.ratio_after and self.unpacked > limits.ratio * max(self.size, 1):
            return Flaw("bomb", None, f"it unpacks to more than {limits.ratio} times its size", ends=True)
        return None

    def _gunzipped(self, pieces: Iterator[bytes]) -> Bytes:
        member, members, produced = None, 0, 0
        for block in _blocks(pieces):
            data, more = block, False
            while data or more:
                if member is None:
                    if members:
                        data = data.lstrip(b"\0")  # padding, as tapes had it
                        if not data:
                            break
                    member, produced = zlib.decompressobj(31), 0
                try:
                    out = member.decompress(data, _PIECE)
                except zlib.error:
                    trailing = members and not produced
                    yield _TRAILING if trailing else _DAMAGED
                    return
                produced += len(out)
                if out:
                    yield out
                if member.eof:
                    data, more, member, members = member.unused_data, False, None, members + 1
                else:
                    data, more = member.unconsumed_tail, len(out) == _PIECE
        if member is not None:
            yield _TRUNCATED


_TRAILING = Flaw("trailing-bytes", None, "bytes follow the compressed content that are no part of it", ends=True)
_DAMAGED = Flaw("damaged", None, "the compressed content is damaged", ends=True)
_TRUNCATED = Flaw("truncated", None, "the compressed file ends before its content does", ends=True)


def _blocks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in equal blocks, so that what is found before a damage does not hang on the network's pieces."""
    rest = bytearray()
    for piece in pieces:
        rest += piece
        while len(rest) >= _BLOCK:
            yield bytes(rest[:_BLOCK])
            del rest[:_BLOCK]
    if rest:
        yield bytes(rest)


def peeked(pieces: Bytes) -> tuple[bytes, Bytes]:
    """The first kilobyte, as far as there is one before a flaw, and the whole stream with it."""
    taken: list[bytes | Flaw] = []
    size = 0
    rest = pieces
    try:
        for piece in pieces:
            taken.append(piece)
            if isinstance(piece, Flaw):
                break
            size += len(piece)
            if size >= _HEAD:
                break
    except SourceError as error:  # which comes after what was read, however little that is
        rest = _lost(error)
    return b"".join(each for each in taken if isinstance(each, bytes)), chain(taken, rest)


def _lost(error: SourceError) -> Bytes:
    yield from ()  # a generator, so that it is raised by whoever gets there
    raise error
