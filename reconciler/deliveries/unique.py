"""Values that repeat among millions: fingerprints in temporary files, so that memory stays what it is."""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Iterator
from contextlib import ExitStack
from struct import Struct
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, Self

_SHARES = 64
_HELD = 64 * 1024
_ENTRY = Struct(">16sIQ")
_SENT = Struct(">16sQ")


def fingerprint(value: Any) -> bytes | None:  # noqa: ANN401 - JSON
    """16 bytes that stand for a value; null has none."""
    if value is None:
        return None
    text = json.dumps(value, sort_keys=True, ensure_ascii=False) if not isinstance(value, str) else f'"{value}'
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def sent(print_: bytes, line: int) -> bytes:
    """One entry on its way from a worker."""
    return _SENT.pack(print_, line)


def received(entries: bytes) -> Iterator[tuple[bytes, int]]:
    """The entries of one worker's result."""
    return _SENT.iter_unpack(entries)


class Repeated:
    """
    Finds fingerprints that come more than once. Holds a few megabytes, and one part in 64 of all entries at the end.

    Places are numbers of objects and lines in them. Used in a `with` statement: its files vanish at the end.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._files: dict[int, IO[bytes]] = {}
        self._held: list[bytearray] = [bytearray() for _ in range(_SHARES)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, print_: bytes, number: int, line: int) -> None:
        """One more value, found in the object of this number, on this line."""
        share = print_[0] % _SHARES
        held = self._held[share]
        held += _ENTRY.pack(print_, number, line)
        if len(held) >= _HELD:
            if share not in self._files:
                file = TemporaryFile(prefix="reconciler-unique-")  # noqa: SIM115 - the stack closes it
                self._files[share] = self._stack.enter_context(file)
            self._files[share].write(held)
            held.clear()

    def found(self, examples: int) -> tuple[int, list[tuple[tuple[int, int], tuple[int, int]]]]:
        """
        How many values repeat an earlier one, and the first such places, each with the place of the earlier.

        Earlier is by number of the object and then by line, whatever the order in which they were added.
        """
        total = 0
        kept: list[tuple[tuple[int, int], tuple[int, int]]] = []
        for share in range(_SHARES):
            entries = sorted(_ENTRY.iter_unpack(self._all(share)))
            first: tuple[bytes, int, int] | None = None
            repeats: list[tuple[tuple[int, int], tuple[int, int]]] = []
            for print_, number, line in entries:
                if first is None or print_ != first[0]:
                    first = (print_, number, line)
                    continue
                total += 1
                repeats.append(((number, line), first[1:]))
            kept = heapq.nsmallest(examples, [*kept, *repeats])
        return total, kept

    def _all(self, share: int) -> bytes:
        if share not in self._files:
            return bytes(self._held[share])
        file = self._files[share]
        file.seek(0)
        return file.read() + bytes(self._held[share])
