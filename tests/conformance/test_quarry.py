"""What a vendor that knows only jobs asks of the product beyond the common suite."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from vendors.quarry.emulator import Quarry
from world import Run, Stage, Status, World

from reconciler.values import Action, Address, Change, OutcomeStatus, ReasonCode

ADDRESS = Address("quarry", "Extract", "granite")
SPEC: dict[str, object] = {
    "table": "granite",
    "bucket": "example-stones",
    "path": "daily/granite",
    "columns": ["id", "tons"],
    "key": {"env": "RECONCILER_SECRET_CANARY"},
}
FOREIGN = {"table": "granite", "bucket": "example-other", "path": "elsewhere"}


def extract(**changes: object) -> list[dict[str, object]]:
    metadata = {"name": "granite"}
    spec = {**SPEC, **changes}
    return [{"apiVersion": "quarry.reconciler/v1", "kind": "Extract", "metadata": metadata, "spec": spec}]


@pytest.fixture
def quarry(world_of: Callable[..., World]) -> World:
    return world_of("quarry")


@pytest.fixture
def vendor(quarry: World) -> Stage:
    return quarry.vendors["quarry"]


def new_data(vendor: Stage) -> None:
    assert isinstance(vendor.emulator, Quarry)
    vendor.emulator.touch("granite")


def only_change(run: Run) -> Change:
    (change,) = run.changes_to_make
    return change


@pytest.mark.parametrize("versions", ["number", "absent"])
def test_newer_data_makes_a_job_stale(quarry: World, vendor: Stage, versions: str) -> None:
    vendor.switch(versions=versions)
    quarry.apply(extract())
    quarry.later()
    new_data(vendor)
    change = only_change(quarry.plan())

    assert change.action is Action.RUN
    assert {each.code for each in change.reasons} == {ReasonCode.STALE}


def test_data_that_changes_while_a_job_runs_does_not_fail_the_run(quarry: World, vendor: Stage) -> None:
    vendor.faults.call("POST /extracts", lambda: new_data(vendor), after_write=True)
    quarry.apply(extract())

    assert only_change(quarry.plan()).action is Action.RUN


@pytest.mark.parametrize("versions", ["number", "absent"])
def test_a_job_whose_reply_was_lost_goes_stale_like_any_other(quarry: World, vendor: Stage, versions: str) -> None:
    vendor.switch(versions=versions)
    vendor.cut_after_write("POST /extracts")
    quarry.apply(extract())
    fresh = quarry.plan().changes_to_make
    quarry.later()
    new_data(vendor)

    assert fresh == ()
    assert only_change(quarry.plan()).action is Action.RUN


def test_what_prepare_remembered_is_recorded_though_the_reply_was_lost(quarry: World, vendor: Stage) -> None:
    vendor.cut_after_write("POST /extracts")
    quarry.apply(extract())

    assert quarry.state.records[ADDRESS].memo.get("version") == "1"


def test_nothing_is_started_while_a_job_of_somebody_else_runs(quarry: World, vendor: Stage) -> None:
    vendor.emulator.insert("extracts", {**FOREIGN, "status": "running"})
    run = quarry.apply(extract(), expect=None)

    assert only_change(run).action is Action.WAIT
    assert vendor.writes() == ()
    quarry.later()
    quarry.apply()
    assert ADDRESS in quarry.state.records


@pytest.mark.parametrize("busy", ["returns", "409"])
def test_a_job_that_somebody_else_started_meanwhile_is_not_taken_for_ours(
    quarry: World, vendor: Stage, busy: str
) -> None:
    vendor.switch(busy=busy)
    running = {**FOREIGN, "status": "running", "seconds": 60}
    # After the plan has looked, and before the start: when the jobs are listed for the last time.
    vendor.faults.call("GET /tables/granite", lambda: vendor.emulator.insert("extracts", running), nth=2)
    run = quarry.apply(extract(), expect=Status.FAILED)

    assert [each.status for each in run.report.outcomes] == [OutcomeStatus.WAIT]
    assert quarry.state.records == {}
    assert quarry.open_intents == ()


def test_a_job_like_ours_that_appeared_meanwhile_is_not_taken_for_a_lost_one(quarry: World, vendor: Stage) -> None:
    alike = {name: SPEC[name] for name in ("table", "bucket", "path")}
    vendor.faults.call("GET /tables/granite", lambda: vendor.emulator.insert("extracts", alike), nth=2)
    vendor.faults.cut_before_write("POST /extracts")
    quarry.apply(extract(), expect=None)

    theirs, *ours = vendor.objects("extracts")
    assert quarry.state.records[ADDRESS].id != theirs["id"]
    assert len(ours) == 1


def test_a_blocked_job_runs_once_the_data_has_changed(quarry: World, vendor: Stage) -> None:
    vendor.switch(dedupe="same_version")
    quarry.apply(extract())
    quarry.later()
    quarry.apply(extract(columns=["id"]), expect=Status.FAILED)
    new_data(vendor)
    quarry.apply()

    assert len(vendor.objects("extracts")) == 2
    assert quarry.plan().changes_to_make == ()


def test_a_job_that_fails_is_a_step_that_failed(quarry: World, vendor: Stage) -> None:
    vendor.switch(job_result="failed")
    run = quarry.apply(extract(), expect=Status.FAILED)

    assert [(each.status, each.message) for each in run.report.outcomes] == [(OutcomeStatus.FAILED, "the job failed")]


def test_what_is_forgotten_and_wanted_again_is_simply_run_again(quarry: World, vendor: Stage) -> None:
    quarry.apply(extract())
    quarry.apply([])
    quarry.later()
    quarry.apply(extract())

    assert len(vendor.objects("extracts")) == 2


def test_a_column_that_the_table_lacks_is_found_before_anything_runs(quarry: World, vendor: Stage) -> None:
    run = quarry.apply(extract(columns=["id", "carats"]), expect=Status.REFUSED)

    assert [(each.path, each.message) for each in run.problems] == [(("columns",), "there is no column carats")]
    assert vendor.writes() == ()


def test_an_earlier_job_is_no_loss_when_it_leaves_the_list(quarry: World, vendor: Stage) -> None:
    quarry.apply(extract())
    (first,) = quarry.state.records[ADDRESS].ids
    quarry.apply(extract(columns=["id"]))
    vendor.emulator.remove("extracts", first)
    quarry.later()

    assert quarry.plan().changes_to_make == ()


def test_a_job_is_run_once_more_for_a_secret_with_a_new_version(quarry: World, vendor: Stage) -> None:
    quarry.apply(extract())
    run = quarry.apply(extract(key={"env": "RECONCILER_SECRET_CANARY", "version": "2"}))

    assert only_change(run).action is Action.RUN
    assert len(vendor.objects("extracts")) == 2
