"""
Events cut into parts, and parts into requests: a pure function of the files, so that a second run cuts alike.

A part is what is written down at once before it is sent. Within it the events of one user stand in one chain of
requests, which are sent one after the other; different chains may be sent at the same time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from reconciler.deliveries.content import Flaw
from reconciler.providers.didomi.imports.events import Body, Judge, is_same, prepared, users_of, with_id
from reconciler.providers.didomi.imports.files import MILD, Input, Lines, Measured
from reconciler.providers.didomi.imports.quarantine import Reject

MOST_EVENTS = 100
"""Events of one request (Batch import; documented)."""
MOST_BYTES = 1_000_000
"""Bytes of one request: the real limit is not documented, so we stay far below any that is usual (recommended)."""
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_PART_EVENTS = 3_200
_PART_BYTES = 16_000_000


class Position(NamedTuple):
    """The line of the file that has been dealt with last; files count from 0, lines from 1."""

    file: int
    line: int


class Item(NamedTuple):
    """One line that should be an event: `body` as it would be sent, unless there are reasons against it."""

    at: Position
    body: Body | None
    reasons: tuple[str, ...]
    raw: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event to send."""

    at: Position
    id: str
    body: Body = field(repr=False)
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """The events of one request, in the order of the files; `digest` is that of their ids."""

    events: tuple[Event, ...]

    @property
    def digest(self) -> str:
        """The same in every run, and nobody's name."""
        ids = "\n".join(each.id for each in self.events)
        return hashlib.sha256(ids.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some lines in a row; `repeated` counts those that say again what an earlier line of the part says."""

    begin: Position
    end: Position
    chains: tuple[tuple[Chunk, ...], ...]
    rejects: tuple[Reject, ...] = ()
    repeated: int = 0
    lines: int = 0

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """Every request, in order."""
        return tuple(chunk for chain in self.chains for chunk in chain)


class Damaged(Exception):
    """A file cannot be read to its end: nothing of what follows is known. The message says which, where, and why."""

    def __init__(self, file: str, flaw: Flaw) -> None:
        where = f", line {flaw.line}" if flaw.line else ""
        super().__init__(f"`{file}`{where}: {flaw.message}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How lines become events: `batch` marks them; `source` derives the ids that are missing, `None` refuses them."""

    judge: Judge
    batch: str | None = None
    source: str | None = None

    def items(self, files: Sequence[Input], after: Position, measures: list[Measured] | None = None) -> Iterator[Item]:
        """
        Every line after a position. `measures` is given each file's digest and size once it has been read.

        Raises `SourceError` and `Damaged`.
        """
        for number, file in enumerate(files):
            if number < after.file:
                continue
            lines = Lines(file)
            for each in lines:
                if isinstance(each, Flaw):
                    if each.ends or each.line is None:
                        raise Damaged(file.name, each)
                    at = Position(number, each.line)
                    if at > after and each.rule not in MILD:
                        yield Item(at, None, (f"{each.rule}: {each.message}",), None)
                elif (at := Position(number, each.line)) > after:
                    yield self._item(at, each.value)
            if measures is not None:
                measures.append(lines.measured)

    def _item(self, at: Position, value: object) -> Item:
        body = with_id(value, self.source) if self.source is not None and isinstance(value, dict) else value
        found = self.judge.reasons(body)
        if found:
            reasons = tuple(f"{each.path}: {each.message}" if each.path else each.message for each in found)
            return Item(at, None, reasons, value)
        assert isinstance(body, dict), "the schema says so"
        return Item(at, prepared(body, self.batch) if self.batch is not None else body, (), value)


def parts(
    items: Iterator[Item],
    files: Sequence[Input],
    after: Position,
    *,
    most_lines: int = _PART_EVENTS,
    most_bytes: int = _PART_BYTES,
) -> Generator[Part, None, None]:
    """The items as parts, each with so many lines and bytes at most; an event that is larger is a part of its own."""
    held: list[tuple[Item, int]] = []
    begin, size = after, 0
    for item in items:
        own = _size(item.body) if item.body is not None else 0
        if held and (len(held) >= most_lines or size + own > most_bytes):
            yield _part(held, files, begin)
            begin, held, size = held[-1][0].at, [], 0
        held.append((item, own))
        size += own
    if held:
        yield _part(held, files, begin)


def _size(body: Body) -> int:
    return len(_encode(body)) + 1


def _part(held: Sequence[tuple[Item, int]], files: Sequence[Input], begin: Position) -> Part:
    rejects: list[Reject] = []
    events: dict[str, Event] = {}
    repeated = 0
    for item, size in held:
        name = files[item.at.file].name
        if item.body is None:
            rejects.append(Reject(file=name, line=item.at.line, reasons=item.reasons, event=item.raw))
            continue
        event = Event(at=item.at, id=item.body["id"], body=item.body, size=size)
        before = events.get(event.id)
        if before is None:
            events[event.id] = event
        elif is_same(before.body, event.body) and is_same(event.body, before.body):
            repeated += 1
        else:
            reason = f"id: has the id of line {before.at.line}, which is another event"
            rejects.append(Reject(file=name, line=item.at.line, reasons=(reason,), event=item.raw))
    return Part(
        begin=begin,
        end=held[-1][0].at,
        chains=tuple(_chains(_by_user(tuple(events.values())))),
        rejects=tuple(rejects),
        repeated=repeated,
        lines=len(held),
    )


def _by_user(events: Sequence[Event]) -> list[list[Event]]:
    """
    The events of each user, in their order, users as they first come.

    Whoever shares a name with another, Didomi's id or the organization's, counts as the same user.
    """
    group_of: dict[str, int] = {}
    groups: list[list[Event]] = []
    for event in events:
        names = users_of(event.body)
        known = sorted({group_of[name] for name in names if name in group_of})
        if not known:
            known = [len(groups)]
            groups.append([])
        first, *others = known
        for other in others:
            groups[first] += groups[other]
            groups[other] = []
            group_of.update({name: first for name, group in group_of.items() if group == other})
        groups[first].append(event)
        group_of.update(dict.fromkeys(names, first))
    return [sorted(group, key=lambda event: event.at) for group in groups if group]


def _chains(users: Sequence[Sequence[Event]]) -> Iterator[tuple[Chunk, ...]]:
    """Requests filled with whole users; a user that needs several has a chain of its own."""
    held: list[Event] = []
    size = 0
    for events in users:
        own = sum(each.size for each in events)
        if len(events) > MOST_EVENTS or own > MOST_BYTES:
            yield tuple(_cut(events))
            continue
        if held and (len(held) + len(events) > MOST_EVENTS or size + own > MOST_BYTES):
            yield (Chunk(events=tuple(held)),)
            held, size = [], 0
        held += events
        size += own
    if held:
        yield (Chunk(events=tuple(held)),)


def _cut(events: Sequence[Event]) -> Iterator[Chunk]:
    held: list[Event] = []
    size = 0
    for event in events:
        if held and (len(held) == MOST_EVENTS or size + event.size > MOST_BYTES):
            yield Chunk(events=tuple(held))
            held, size = [], 0
        held.append(event)
        size += event.size
    yield Chunk(events=tuple(held))
