"""When a dataflow owes deliveries: its schedule, what is known of its past, and the runs that Adobe lists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reconciler.providers.adobe.places import Lies
from reconciler.providers.adobe.slots import Export, Ran, Slot, slots
from reconciler.sdk import Run

_START = datetime(2026, 11, 1, 6, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_EXPORT = Export(
    id="flow",
    created=_START - _HOUR,
    settled=_START - _HOUR,
    enabled=True,
    start=_START,
    end=_START + 100 * _DAY,
    step=3 * _HOUR,
    template="%DATASET_ID%/%EXPORT_TIME%",
    datasets=("64b0c1d2e3f4a5b6c7d8e9f0",),
    lies=Lies(url="s3://example-exports/"),
    format="ndjson",
    target="target",
    sandbox="prod",
    manifests=False,
    encrypted=False,
)


def ran(at: datetime, id: str = "run") -> Ran:
    return Ran(
        run=Run(id=id, status="completed", started=at, finished=at + timedelta(minutes=5)), counts={}, empty=False
    )


def found(export: Export, runs: Iterable[Ran], *, now: datetime, since: datetime = _START) -> list[Slot]:
    return list(slots(export, sorted(runs, key=lambda each: each.run.started or _START), since, now))


@given(lags=st.lists(st.integers(0, 170), min_size=1, max_size=20))
def test_every_run_is_the_one_of_its_time_however_late_it_begins(lags: list[int]) -> None:
    ticks = [_START + n * 3 * _HOUR for n in range(len(lags))]
    runs = [ran(tick + timedelta(minutes=lag), str(n)) for n, (tick, lag) in enumerate(zip(ticks, lags, strict=True))]
    seen = found(_EXPORT, runs, now=ticks[-1] + 2.9 * _HOUR)

    assert [(each.due, each.ran and each.ran.run.id) for each in seen] == [(t, str(n)) for n, t in enumerate(ticks)]
    assert all(each.certain for each in seen)


def test_a_run_between_two_times_is_a_delivery_of_its_own() -> None:
    runs = [ran(_START, "first"), ran(_START + _HOUR, "second")]
    seen = found(_EXPORT, runs, now=_START + 2 * _HOUR)

    assert [each.name for each in seen] == ["2026-11-01T06:00Z", "run second"]
    assert seen[0].following == _START + _HOUR


def test_a_time_without_a_run_is_owed_while_runs_are_surely_listed() -> None:
    (slot,) = found(_EXPORT, [], now=_START + _HOUR)

    assert slot.certain
    assert slot.ran is None


def test_a_time_so_old_that_its_run_may_be_forgotten_is_not_surely_owed_unless_an_older_run_is_listed() -> None:
    now = _START + 20 * _DAY
    forgotten = found(_EXPORT, [], now=now, since=_START + _DAY)
    proven = found(_EXPORT, [ran(_START)], now=now, since=_START + _DAY)

    assert not forgotten[0].certain
    assert forgotten[-1].certain
    assert proven[0].certain


def test_the_very_first_time_is_owed_however_old_it_is() -> None:
    assert found(_EXPORT, [], now=_START + 20 * _DAY)[0].certain


def test_nothing_is_owed_before_the_dataflow_was_made_nor_after_its_end() -> None:
    late = replace(_EXPORT, created=_START + 4 * _HOUR, end=_START + 12 * _HOUR)

    assert [each.due for each in found(late, [], now=_START + _DAY)] == [_START + 6 * _HOUR, _START + 9 * _HOUR]


def test_what_was_owed_before_the_last_change_is_not_certain() -> None:
    changed = replace(_EXPORT, settled=_START + 4 * _HOUR)

    assert [each.certain for each in found(changed, [], now=_START + 7 * _HOUR)] == [False, False, True]


def test_a_disabled_dataflow_owes_nothing_since_it_was_disabled_but_for_runs_that_there_were() -> None:
    stopped = replace(_EXPORT, enabled=False, settled=_START + 4 * _HOUR)
    seen = found(stopped, [ran(_START + 6 * _HOUR)], now=_START + _DAY)

    assert [(each.due, each.ran is not None) for each in seen] == [
        (_START, False),
        (_START + 3 * _HOUR, False),
        (_START + 6 * _HOUR, True),
    ]


def test_one_export_is_owed_once() -> None:
    once = replace(_EXPORT, step=None)

    assert [each.due for each in found(once, [], now=_START + _HOUR)] == [_START]
    assert found(once, [], now=_START + 9 * _DAY, since=_START + 5 * _DAY) == []


def test_one_export_whose_start_was_past_when_it_was_made_may_never_come() -> None:
    once = replace(_EXPORT, step=None, created=_START + _HOUR)
    (slot,) = found(once, [], now=_START + 2 * _HOUR)
    (begun,) = found(once, [ran(_START + _HOUR)], now=_START + 2 * _HOUR)

    assert not slot.certain
    assert begun.name == "run run"


@given(
    runs=st.lists(st.integers(0, 20_000), max_size=12),
    step=st.sampled_from([None, 3, 6, 12, 24]),
    settled=st.integers(-100, 20_000),
    enabled=st.booleans(),
    now=st.integers(0, 20_000),
)
def test_names_never_repeat_and_every_run_is_told_of_once(
    runs: list[int],
    step: int | None,
    settled: int,
    enabled: bool,
    now: int,
) -> None:
    export = replace(
        _EXPORT,
        step=step * _HOUR if step else None,
        settled=_START + timedelta(minutes=settled),
        enabled=enabled,
    )
    began = [ran(_START + timedelta(minutes=each), f"r{n}") for n, each in enumerate(sorted(runs)) if each <= now]
    seen = found(export, began, now=_START + timedelta(minutes=now))
    names = [each.name for each in seen]

    assert len(set(names)) == len(names)
    assert sorted(each.ran.run.id for each in seen if each.ran) == sorted(each.run.id for each in began)
    assert [each.at for each in seen] == sorted(each.at for each in seen)
