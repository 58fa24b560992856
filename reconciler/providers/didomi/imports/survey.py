"""What an import would do, from a reading of its files in constant memory; nothing is sent and nothing is written."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from struct import Struct
from types import TracebackType
from typing import Self

from reconciler.deliveries.unique import Repeated, Spilled, fingerprint
from reconciler.providers.didomi.imports.events import instant, purposes_of, users_of
from reconciler.providers.didomi.imports.files import Input, Measured
from reconciler.providers.didomi.imports.parts import Position, Reading

EXAMPLES = 3

_START = Position(0, 0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ENTRY = Struct(">16sIQq")


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
        self._entries = Spilled(_ENTRY.size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entries.__exit__(kind, error, trace)

    def add(self, user: str, at: Position, moment: datetime) -> None:
        print_ = fingerprint(user)
        assert print_ is not None
        self._entries.add(_ENTRY.pack(print_, at.file, at.line, (moment - _EPOCH) // _MICROSECOND))

    def found(self) -> tuple[int, int, tuple[Position, ...]]:
        users = unordered = 0
        kept: list[Position] = []
        user, latest = b"", 0
        for print_, file, line, moment in map(_ENTRY.unpack, self._entries.in_order()):
            if print_ != user:
                users += 1
                user, latest = print_, moment
            elif moment < latest:
                unordered += 1
                insort(kept, Position(file, line))
                del kept[EXAMPLES:]
            else:
                latest = moment
        return users, unordered, tuple(kept)
