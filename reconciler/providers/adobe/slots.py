"""The times at which a dataflow owes deliveries, each with the run that made it: pure functions of what Adobe tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from reconciler.providers.adobe.places import Lies
from reconciler.sdk import Run

DAY = timedelta(days=1)
# How long runs are listed is not documented: at least for so long (assumed). Before that, an older run proves it.
_LISTED = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """
    What decides about the deliveries of a dataflow, as Adobe has it now.

    `settled` is when the dataflow, its source or its target were changed last: what held before that nobody tells.
    """

    id: str
    created: datetime | None
    settled: datetime | None
    enabled: bool
    start: datetime | None
    end: datetime | None
    step: timedelta | None
    template: str
    datasets: tuple[str, ...]
    lies: Lies
    format: Literal["ndjson", "parquet"] | None
    target: str
    sandbox: str | None
    manifests: bool
    encrypted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A run and how many records it read of each dataset, as far as it says so; `empty` says that it wrote none."""

    run: Run
    counts: Mapping[str, int]
    empty: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One delivery of every dataset: the time it is due, if a schedule says so, its run, and that of the next one."""

    name: str
    due: datetime | None
    ran: Ran | None
    certain: bool
    following: datetime | None = None

    @property
    def at(self) -> datetime:
        """The time by which it is sorted."""
        found = self.due or (self.ran.run.started if self.ran is not None else None)
        assert found is not None, "it is due, or has run"
        return found


def slots(export: Export, runs: Sequence[Ran], since: datetime, now: datetime) -> Iterator[Slot]:
    """Every time that the schedule names with the run that began then, and all other runs, in order."""
    step = export.step or DAY
    ticks = [each for each in _ticks(export, since - step, now) if export.created is None or each >= export.created]
    taken: dict[datetime, Ran] = {}
    others: list[Ran] = []
    for each in runs:
        begun = began(each)
        tick = max((one for one in ticks if one <= begun + timedelta(minutes=1)), default=None)
        if tick is None or tick in taken or begun >= tick + step:
            others.append(each)
        else:
            taken[tick] = each
    oldest = began(runs[0]) if runs else None
    found = [
        Slot(
            name=f"{tick.astimezone(UTC):%Y-%m-%dT%H:%MZ}",
            due=tick,
            ran=taken.get(tick),
            certain=_is_certain(export, tick) and (tick in taken or _is_listed(export, tick, oldest, now)),
        )
        for tick in ticks
        if tick in taken or _may_have_run(export, tick)
    ]
    found += [Slot(name=f"run {each.run.id}", due=None, ran=each, certain=False) for each in others]
    if export.step is None and export.start is not None and not runs and not ticks and export.start <= now:
        # Whether one export whose start was past when it was made begins at once is not documented.
        found.append(
            Slot(name=f"{export.start.astimezone(UTC):%Y-%m-%dT%H:%MZ}", due=export.start, ran=None, certain=False)
        )
    found.sort(key=lambda each: each.at)
    for position, slot in enumerate(found):
        following = found[position + 1].at if position + 1 < len(found) else None
        if slot.at >= since:
            yield replace(slot, following=following)


def _ticks(export: Export, first: datetime, now: datetime) -> Iterator[datetime]:
    """The times from `first` to now at which exports begin; whether one begins at the very end is undocumented."""
    start, step = export.start, export.step
    if start is None:
        return
    tick = start
    if step is not None and first > start:
        tick = start + step * -(-(first - start) // step)
    while tick <= now and (export.end is None or tick < export.end):
        if tick >= first:
            yield tick
        if step is None:
            return
        tick += step


def _may_have_run(export: Export, tick: datetime) -> bool:
    """Whether anything is owed for a time without a run: not since exports were stopped."""
    return export.enabled or export.settled is None or tick < export.settled


def _is_certain(export: Export, tick: datetime) -> bool:
    """Whether schedule and state were then what they are now."""
    return export.enabled and export.settled is not None and tick >= export.settled


def _is_listed(export: Export, tick: datetime, oldest: datetime | None, now: datetime) -> bool:
    """Whether a run of that time would be listed now: it is recent, an older one is, or none can be older."""
    is_first = tick == export.start or (export.created is not None and tick - (export.step or DAY) < export.created)
    return is_first or now - tick <= _LISTED or (oldest is not None and oldest < tick)


def began(ran: Ran) -> datetime:
    """When it began."""
    assert ran.run.started is not None, "runs without a time are left out"
    return ran.run.started
