"""The swap of a source connection while time goes on: no run is missed, and no dataflow ever lacks its source."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from test_adobe_story import export, nothing_left
from world import Status, World

from reconciler.providers.adobe.emulator import Emulator

ONE = [{"name": "Customers"}]
TWO = [{"name": "Customers"}, {"name": "Stores"}]
HOUR = 3600.0

Hourly = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    return world_of("adobe")


def adobe(world: World) -> Emulator:
    emulator = world.vendor.emulator
    assert isinstance(emulator, Emulator)
    return emulator


@pytest.fixture
def hourly(world: World) -> Hourly:
    """An export that begins within the next hour or two."""
    start = (world.clock.now() + timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)

    def manifests(datasets: list[dict[str, str]], every: str = "3h") -> list[dict[str, Any]]:
        schedule = {"every": every, "start": start.strftime("%Y-%m-%dT%H:%M:%SZ"), "end": "2090-01-01T00:00:00Z"}
        return [export(datasets=datasets, schedule=schedule)]

    return manifests


def ticks(world: World) -> list[datetime]:
    """When runs began, oldest first."""
    adobe(world).catch_up()
    found = [each["metrics"]["durationSummary"]["startedAtUTC"] for each in world.vendor.objects("runs")]
    return sorted(datetime.fromtimestamp(each / 1000).astimezone() for each in found)


def time_flies(world: World, seconds: float = 1200.0) -> None:
    """With every reading so much time passes, so that runs begin between any two calls."""
    world.vendor.faults.call("GET *", lambda: world.clock.advance(seconds), times=None)


def no_gap(world: World) -> bool:
    """Whether a run began every three hours, give or take a minute, with none missing and none failed."""
    began = ticks(world)
    statuses = {each["metrics"]["statusSummary"]["status"] for each in world.vendor.objects("runs")} - {"processing"}
    steady = all(abs(later - one - timedelta(hours=3)) < timedelta(minutes=1) for one, later in pairwise(began))
    return len(began) > 3 and steady and statuses == {"success"} and adobe(world).trouble == ()


@pytest.mark.parametrize("settle", ["0", "5", "300"])
def test_runs_go_on_while_the_source_is_swapped(settle: str, world: World, hourly: Hourly) -> None:
    world.vendor.switch(settle=settle)
    world.apply(hourly(ONE))
    world.later(12 * HOUR)
    before = len(ticks(world))
    [flow] = world.vendor.objects("flows")
    time_flies(world)
    world.apply(hourly(TWO))
    world.vendor.faults.clear()
    during = len(ticks(world))
    world.later(12 * HOUR)

    assert during > before, "runs began while the swap was under way"
    assert no_gap(world)
    [after] = world.vendor.objects("flows")
    assert after["id"] == flow["id"]
    assert after["scheduleParams"] == flow["scheduleParams"]
    assert nothing_left(world)


def test_source_and_schedule_change_in_one_request(world: World, hourly: Hourly) -> None:
    world.apply(hourly(ONE))
    world.vendor.forget_requests()
    world.apply(hourly(TWO, every="6h"))

    [patch] = [each.body for each in world.vendor.writes() if each.method == "PATCH"]
    assert isinstance(patch, list)
    assert {each["path"] for each in patch} == {"/sourceConnectionIds", "/scheduleParams", "/description"}


WRITES = ("POST /sourceConnections", "PATCH /flows/*", "DELETE /sourceConnections/*")


@pytest.mark.parametrize("route", WRITES)
@pytest.mark.parametrize("moment", ["refused", "lost before", "lost after", "nobody answers"])
def test_a_swap_that_breaks_off_anywhere_leaves_no_gap_and_is_finished_by_the_next_apply(
    route: str, moment: str, world: World, hourly: Hourly
) -> None:
    world.vendor.switch(settle="5")
    world.apply(hourly(ONE))
    world.later(12 * HOUR)
    faults = world.vendor.faults
    match moment:
        case "refused":
            faults.answer(route, 403, times=None)
        case "lost before":
            faults.cut_before_write(route)
        case "lost after":
            world.vendor.cut_after_write(route)
        case _:
            # The request arrives, and from then on the vendor is not there.
            faults.call(route, lambda: faults.answer("* *", 503, times=None), after_write=True)
            world.vendor.cut_after_write(route)
    time_flies(world, 600.0)
    world.apply(hourly(TWO), expect=None)
    faults.clear()
    world.later(5 * HOUR)
    first = no_gap(world)
    world.apply(expect=Status.DONE)
    world.later(12 * HOUR)

    assert first
    assert no_gap(world)
    assert len(world.vendor.objects("sourceConnections")) == len(world.vendor.objects("flows")) == 1
    assert nothing_left(world)


def test_a_gap_would_be_noticed(world: World, hourly: Hourly) -> None:
    world.apply(hourly(ONE))
    world.later(12 * HOUR)
    assert no_gap(world)
    [flow] = world.vendor.objects("flows")
    adobe(world).remove("sourceConnections", flow["sourceConnectionIds"][0])
    world.later(4 * HOUR)

    assert not no_gap(world)
