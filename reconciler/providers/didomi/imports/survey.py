"""What an import would do, from a reading of its files in constant memory; nothing is sent and nothing is written."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from struct import Struct
from tempfile import TemporaryFile
from typing import IO, Self

from reconciler.deliveries.unique import Repeated, fingerprint
from reconciler.providers.didomi.imports.events import instant, purposes_of, users_of
from reconciler.providers.didomi.imports.files import Input, Measured
from reconciler.providers.didomi.imports.parts import Position, Reading

EXAMPLES = 3

_START = Position(0, 0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ENTRY = Struct(">16sIQq")
_SHARES = 64
_HELD = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """
    What the files hold.

    `events` can be imported, `users` they are about, each counted once by the name that the organization gives it;
    `rejects` cannot, and `repeated` have the id of an earlier one. `unordered` are older than an earlier line about the
    same user. The examples say where, and nothing of what stands there.
    """

    events: int
    users: int
    first: datetime | None
    last: datetime | None
    rejects: int
    examples: tuple[str, ...]
    repeated: int
    repeated_examples: tuple[str, ...]
    unordered: int
    unordered_examples: tuple[str, ...]
    purposes: Counter[str]
    measures: tuple[Measured, ...]

    @property
    def size(self) -> int:
        """Bytes of all files as they lie there."""
        return sum(each.size for each in self.measures)


def survey(reading: Reading, files: Sequence[Input]) -> Survey:
    """Read every file to its end. Raises `SourceError` and `Damaged`."""
    measures: list[Measured] = []
    purposes: Counter[str] = Counter()
    examples: list[str] = []
    events = rejects = 0
    first: datetime | None = None
    last: datetime | None = None
    with Repeated() as ids, _Timeline() as timeline:
        for item in reading.items(files, _START, measures):
            body = item.body
            if body is None:
                rejects += 1
                if len(examples) < EXAMPLES:
                    examples.append(f"{_place(files, item.at)}: {item.reasons[0]}")
                continue
            events += 1
            purposes.update(purposes_of(body))
            moment = instant(body["created_at"])
            assert moment is not None, "the schema says so"
            first = moment if first is None or moment < first else first
            last = moment if last is None or moment > last else last
            print_ = fingerprint(body["id"])
            assert print_ is not None
            ids.add(print_, item.at.file, item.at.line)
            timeline.add(users_of(body)[0], item.at, moment)
        repeated, repeats = ids.found(EXAMPLES)
        users, unordered, earlier = timeline.found()
    return Survey(
        events=events,
        users=users,
        first=first,
        last=last,
        rejects=rejects,
        examples=tuple(examples),
        repeated=repeated,
        repeated_examples=tuple(_place(files, Position(*place)) for place, _ in repeats),
        unordered=unordered,
        unordered_examples=tuple(_place(files, each) for each in earlier),
        purposes=purposes,
        measures=tuple(measures),
    )


def _place(files: Sequence[Input], at: Position) -> str:
    return f"`{files[at.file].name}` line {at.line}"


class _Timeline:
    """How many users there are, and which events are older than an earlier line about the same user."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._files: dict[int, IO[bytes]] = {}
        self._held = [bytearray() for _ in range(_SHARES)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, user: str, at: Position, moment: datetime) -> None:
        print_ = fingerprint(user)
        assert print_ is not None
        share = print_[0] % _SHARES
        held = self._held[share]
        held += _ENTRY.pack(print_, at.file, at.line, (moment - _EPOCH) // _MICROSECOND)
        if len(held) >= _HELD:
            if share not in self._files:
                file = TemporaryFile(prefix="reconciler-users-")  # noqa: SIM115 - the stack closes it
                self._files[share] = self._stack.enter_context(file)
            self._files[share].write(held)
            held.clear()

    def found(self) -> tuple[int, int, tuple[Position, ...]]:
        users = unordered = 0
        kept: list[Position] = []
        for share in range(_SHARES):
            late = list(self._late(share))
            users += sum(each is None for each in late)
            places = [each for each in late if each is not None]
            unordered += len(places)
            kept = heapq.nsmallest(EXAMPLES, [*kept, *places])
        return users, unordered, tuple(kept)

    def _late(self, share: int) -> Iterator[Position | None]:
        """`None` for every user, and the place of every event that comes too late."""
        before: tuple[bytes, int] | None = None
        for print_, file, line, moment in sorted(_ENTRY.iter_unpack(self._all(share))):
            if before is None or before[0] != print_:
                yield None
                before = (print_, moment)
            elif moment < before[1]:
                yield Position(file, line)
            else:
                before = (print_, moment)

    def _all(self, share: int) -> bytes:
        if share not in self._files:
            return bytes(self._held[share])
        file = self._files[share]
        file.seek(0)
        return file.read() + bytes(self._held[share])
