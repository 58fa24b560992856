"""Values that repeat among millions: fingerprints in a temporary file, so that memory stays what it is."""

from __future__ import annotations

import hashlib
import json
from bisect import insort
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from struct import Struct
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, Self

_SHARES = 256
_HELD = 4 * 1024
_ENTRY = Struct(">16sIQ")
_SENT = Struct(">16sQ")
_PIECE = _SENT.size * 4096


def fingerprint(value: Any) -> bytes | None:  # noqa: ANN401 - JSON
    """16 bytes that stand for a value; null has none."""
    if value is None:
        return None
    text = json.dumps(value, sort_keys=True, ensure_ascii=False) if not isinstance(value, str) else f'"{value}'
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Entries:
    """Fingerprints with their lines, on their way from a worker; most may lie in `file`. In no order."""

    held: bytes
    file: Path | None = None

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        yield from _SENT.iter_unpack(self.held)
        if self.file is not None:
            with self.file.open("rb") as file:
                while piece := file.read(_PIECE):
                    yield from _SENT.iter_unpack(piece)


class Outgoing:
    """
    Collects fingerprints with their lines for another process.

    In memory, 24 bytes each; with a `folder` that both processes see, in a file there as soon as there are many.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._held = bytearray()
        self._file: Path | None = None

    def add(self, print_: bytes, line: int) -> None:
        """One more value, found on this line."""
        self._held += _SENT.pack(print_, line)
        if self._folder is not None and len(self._held) >= _PIECE:
            if self._file is None:
                self._file = self._folder / token_hex(16)
            with self._file.open("ab") as file:
                file.write(self._held)
            self._held.clear()

    @property
    def entries(self) -> Entries:
        """All of them."""
        return Entries(bytes(self._held), self._file)


class Spilled:
    """
    Entries of `size` bytes, each begun by a fingerprint, that are given back in order.

    Holds a megabyte, and one part in 256 of all entries at the end; the rest lies in a file that vanishes with the
    `with` statement.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._stack = ExitStack()
        self._file: IO[bytes] | None = None
        self._held = [bytearray() for _ in range(_SHARES)]
        self._pieces: list[list[tuple[int, int]]] = [[] for _ in range(_SHARES)]
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, entry: bytes) -> None:
        """One more."""
        share = entry[0]
        held = self._held[share]
        held += entry
        if len(held) >= _HELD:
            if self._file is None:
                file = TemporaryFile(prefix="reconciler-unique-")  # noqa: SIM115 - the stack closes it
                self._file = self._stack.enter_context(file)
            self._file.write(held)
            self._pieces[share].append((self._end, len(held)))
            self._end += len(held)
            held.clear()

    def in_order(self) -> Iterator[bytes]:
        """Every entry, by its bytes."""
        for share in range(_SHARES):
            found = self._all(share)
            yield from sorted(found[at : at + self._size] for at in range(0, len(found), self._size))

    def _all(self, share: int) -> bytes:
        found = bytearray()
        for at, length in self._pieces[share]:
            assert self._file is not None, "only a file has pieces"
            self._file.seek(at)
            found += self._file.read(length)
        return bytes(found + self._held[share])


class Repeated:
    """
    Finds fingerprints that come more than once, in the memory that `Spilled` takes.

    Places are numbers of objects and lines in them. Used in a `with` statement: its file vanishes at the end.
    """

    def __init__(self) -> None:
        self._entries = Spilled(_ENTRY.size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entries.__exit__(kind, error, trace)

    def add(self, print_: bytes, number: int, line: int) -> None:
        """One more value, found in the object of this number, on this line."""
        self._entries.add(_ENTRY.pack(print_, number, line))

    def found(self, examples: int) -> tuple[int, list[tuple[tuple[int, int], tuple[int, int]]]]:
        """
        How many values repeat an earlier one, and the first such places, each with the place of the earlier.

        Earlier is by number of the object and then by line, whatever the order in which they were added.
        """
        total = 0
        kept: list[tuple[tuple[int, int], tuple[int, int]]] = []
        for places in self._repeats():
            total += 1
            insort(kept, places)
            del kept[examples:]
        return total, kept

    def _repeats(self) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        first = (b"", 0, 0)
        for print_, number, line in map(_ENTRY.unpack, self._entries.in_order()):
            if print_ == first[0]:
                yield (number, line), first[1:]
            else:
                first = (print_, number, line)
