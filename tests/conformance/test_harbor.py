"""What an asynchronous vendor with etags, actions and a composite asks of the product beyond the common suite."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from vendors.harbor.emulator import Harbor
from world import Stage, Status, World

from reconciler.operations.adopt import adopt
from reconciler.values import Action, Address, Options, OutcomeStatus, ReasonCode

SECRET = {"env": "RECONCILER_SECRET_CANARY"}
ACCOUNT: dict[str, object] = {"endpoint": "quay.example.com", "accessKey": "NORTH", "secretKey": SECRET}
ROUTE: dict[str, object] = {"account": "north", "cargo": "north", "schedule": {"everyHours": 6}}


def manifest(kind: str, spec: dict[str, object], name: str = "north") -> dict[str, object]:
    return {"apiVersion": "harbor.reconciler/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


SHIPMENT = [manifest("Shipment", {**ACCOUNT, "datasets": ["wheat"], "schedule": {"everyHours": 6}})]
PARTS = [manifest("Account", ACCOUNT), manifest("Cargo", {"datasets": ["wheat"]}), manifest("Route", ROUTE)]


@pytest.fixture
def harbor(world_of: Callable[..., World]) -> World:
    return world_of("harbor")


@pytest.fixture
def vendor(harbor: World) -> Stage:
    return harbor.vendors["harbor"]


def address(kind: str) -> Address:
    return Address("harbor", kind, "north")


def test_a_composite_is_made_of_its_parts(harbor: World) -> None:
    harbor.apply(SHIPMENT)

    records = harbor.state.records
    assert set(records) == {address("Account"), address("Cargo"), address("Route")}
    assert {each.origin for each in records.values()} == {address("Shipment")}


def test_a_composite_and_its_parts_are_the_same_to_the_vendor(harbor: World, vendor: Stage) -> None:
    harbor.apply(SHIPMENT)
    vendor.forget_requests()
    run = harbor.apply(PARTS)

    assert vendor.writes() == ()
    assert {each.action for each in run.changes_to_make} <= {Action.RECORD}
    assert harbor.plan().changes_to_make == ()


def test_a_target_that_is_a_composite_means_its_parts(harbor: World) -> None:
    alone = manifest("Cargo", {"datasets": ["sand"]}, name="alone")
    run = harbor.plan([*SHIPMENT, alone], Options(targets=frozenset({address("Shipment")})))

    assert {each.address for each in run.changes_to_make} == {address("Account"), address("Cargo"), address("Route")}


def test_nothing_is_built_on_an_object_that_is_not_ready(harbor: World, vendor: Stage) -> None:
    vendor.switch(settle="30")
    harbor.apply(SHIPMENT)

    created = {each.path.removeprefix("/v2"): each.time for each in vendor.writes() if each.method == "POST"}
    assert (created["/routes"] - created["/accounts"]).total_seconds() >= 30
    assert harbor.plan().changes_to_make == ()


def test_an_object_that_never_becomes_ready_is_waited_for_by_the_next_run(harbor: World, vendor: Stage) -> None:
    vendor.switch(settle="1000")
    run = harbor.apply(SHIPMENT, expect=Status.FAILED)
    harbor.later()
    vendor.switch(settle="2")
    harbor.apply()

    assert OutcomeStatus.WAIT in {each.status for each in run.report.outcomes}
    assert [len(vendor.objects(each)) for each in ("accounts", "cargoes", "routes")] == [1, 1, 1]


def test_a_new_route_that_is_wanted_disabled_is_disabled_in_the_same_run(harbor: World, vendor: Stage) -> None:
    harbor.apply([*PARTS[:2], manifest("Route", {**ROUTE, "enabled": False})])

    assert [each["enabled"] for each in vendor.objects("routes")] == [False]
    assert harbor.plan().changes_to_make == ()


def test_an_object_that_moved_since_it_was_read_is_not_overwritten(harbor: World, vendor: Stage) -> None:
    harbor.apply(PARTS)
    (id,) = harbor.state.records[address("Account")].ids
    vendor.faults.call("PATCH /accounts/*", lambda: vendor.emulator.edit("accounts", id, {"name": "Somebody's"}))
    changed = [manifest("Account", {**ACCOUNT, "accessKey": "SOUTH"}), *PARTS[1:]]
    run = harbor.apply(changed, expect=Status.FAILED)

    assert [each.status for each in run.report.outcomes] == [OutcomeStatus.FAILED]
    assert "412" in run.messages
    assert vendor.objects("accounts")[0]["name"] == "Somebody's"
    harbor.apply(changed)
    assert vendor.objects("accounts")[0]["name"] == "north"


def test_an_etag_that_moved_alone_hinders_nobody(harbor: World, vendor: Stage) -> None:
    harbor.apply(PARTS)
    (id,) = harbor.state.records[address("Account")].ids
    vendor.faults.call("GET /accounts/*", lambda: vendor.emulator.edit("accounts", id, {"novelty": 1}))
    harbor.apply([manifest("Account", {**ACCOUNT, "accessKey": "SOUTH"}), *PARTS[1:]])

    assert harbor.plan().changes_to_make == ()


def test_a_secret_with_a_new_version_is_sent_again(harbor: World, vendor: Stage) -> None:
    harbor.apply(PARTS)
    harbor.environ["RECONCILER_SECRET_CANARY"] = "canary-rotated"
    harbor.apply([manifest("Account", {**ACCOUNT, "secretKey": {**SECRET, "version": "2"}}), *PARTS[1:]])

    assert vendor.emulator.collections()["accounts"].rows()[0]["secretKey"] == "canary-rotated"
    assert harbor.plan().changes_to_make == ()


def test_the_dataset_swap_leaves_no_moment_without_a_cargo(harbor: World, vendor: Stage) -> None:
    harbor.apply(PARTS)
    vendor.forget_requests()
    harbor.apply([PARTS[0], manifest("Cargo", {"datasets": ["wheat", "oats"]}), PARTS[2]])

    steps = [(each.method, each.path.split("/")[2]) for each in vendor.writes()]
    assert steps == [("POST", "cargoes"), ("PATCH", "routes"), ("DELETE", "cargoes")]


def test_a_lost_deletion_that_cannot_be_proven_is_said(harbor: World, vendor: Stage) -> None:
    vendor.switch(read="405")
    kept = {**manifest("Cargo", {"datasets": ["wheat"]}), "lifecycle": {"onRemoval": "delete"}}
    harbor.apply([kept, PARTS[0]])
    vendor.cut_after_write("DELETE /cargoes/*")
    harbor.apply([PARTS[0]], expect=Status.FAILED)
    harbor.later()
    run = harbor.apply(expect=Status.REFUSED)

    assert {each.code for each in run.problems} == {"cannot-read"}
    assert address("Cargo") in harbor.state.records


def test_what_an_interrupted_creation_sent_is_not_sent_again(harbor: World, vendor: Stage) -> None:
    def nobody_answers_any_more() -> None:
        vendor.faults.answer("GET *", 503, times=None)

    vendor.faults.call("POST /accounts", nobody_answers_any_more, after_write=True)
    vendor.cut_after_write("POST /accounts")
    harbor.apply([PARTS[0]], expect=Status.FAILED)
    vendor.faults.clear()
    harbor.later()
    run = harbor.plan()

    # The object's mark names the very request that made it, and a request is carried out whole.
    assert [each.action for each in run.changes_to_make] == [Action.RECOVER]
    assert {each.code for change in run.changes_to_make for each in change.reasons} == {ReasonCode.RECOVERED}


BY_TITLE = manifest("Cargo", {"datasets": ["Winter wheat", "rye"]})
BY_CODE = manifest("Cargo", {"datasets": ["wheat", "rye"]})


def test_what_only_the_vendor_knows_is_filled_in_before_anything_is_compared_or_sent(
    harbor: World, vendor: Stage
) -> None:
    planned = harbor.plan([BY_TITLE])
    harbor.apply()

    [change] = planned.changes_to_make
    assert change.resource is not None
    assert change.resource.attributes["datasets"] == ("wheat", "rye")
    assert vendor.objects("cargoes")[0]["datasets"] == ["wheat", "rye"]
    assert harbor.state.records[address("Cargo")].applied["datasets"] == ("wheat", "rye")
    assert harbor.plan().changes_to_make == ()
    assert harbor.plan([BY_CODE]).changes_to_make == ()


def test_what_cannot_be_filled_in_refuses_the_plan(harbor: World) -> None:
    run = harbor.plan([manifest("Cargo", {"datasets": ["Moon dust"]})])

    assert [each.message for each in run.problems] == ["Harbor knows no `Moon dust`"]


def test_a_title_that_means_something_else_by_now_is_a_change(harbor: World, vendor: Stage) -> None:
    harbor.apply([BY_TITLE])
    assert isinstance(vendor.emulator, Harbor)
    vendor.emulator.goods = {"spelt": "Winter wheat", "rye": "Rye"}
    run = harbor.plan()

    assert run.action(address("Cargo")) is Action.REPLACE


def test_an_object_is_adopted_under_a_manifest_that_names_titles(harbor: World, vendor: Stage) -> None:
    row = vendor.emulator.insert("cargoes", {"name": "north", "datasets": ["rye", "wheat"]})
    harbor.write([BY_TITLE])
    with harbor.workspace() as workspace:
        adopted = adopt(workspace, address("Cargo"), str(row["id"]))

    assert adopted.record.applied["datasets"] == ("wheat", "rye")
    assert harbor.plan().changes_to_make == ()


def test_a_kind_is_shown_the_object_that_an_interrupted_run_has_made(harbor: World, vendor: Stage) -> None:
    def nobody_answers_any_more() -> None:
        vendor.faults.answer("GET *", 503, times=None)

    vendor.faults.call("POST /cargoes", nobody_answers_any_more, after_write=True)
    vendor.cut_after_write("POST /cargoes")
    harbor.apply([BY_TITLE], expect=Status.FAILED)
    vendor.faults.clear()
    harbor.later()
    run = harbor.plan()

    assert [each.action for each in run.changes_to_make] == [Action.RECOVER]
