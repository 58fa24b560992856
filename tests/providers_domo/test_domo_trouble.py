"""Trouble with one dataset, one file or one name stays where it is."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from domo_scene import CUSTOMERS, NAME, ORDERS, Scene, codes, elsewhere, manifest, only

from reconciler.providers.domo.aws import Cloud
from reconciler.providers.domo.claim import at
from reconciler.providers.domo.client import digest
from reconciler.providers.domo.exports import place_of
from reconciler.providers.domo.handler import Exports
from reconciler.providers.domo.known import Known
from reconciler.sdk import CredentialsRefused, Order, PermissionRefused, Unreachable, VendorError
from reconciler.values import Action, Address, Document, Observed, Severity

pytest_plugins = ("domo_fixtures",)

ROUTE = f"/api/query/v1/export/{ORDERS}"
OTHER = Address("domo", "DatasetExport", "customers")
FORBIDDEN = [
    f"GET /api/query/v1/export/{CUSTOMERS}",
    f"GET /api/query/v1/datasources/{CUSTOMERS}/schema/indexed",
]


def customers() -> dict[str, Any]:
    destination = elsewhere(path="domo/customers")
    return manifest("customers", dataset={"id": CUSTOMERS}, destination=destination, query={"columns": "all"})


def broken(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Nobody can look at a file any more."""

    def head(*_: object) -> None:
        raise error

    monkeypatch.setattr(Cloud, "head", head)


# --- files that nobody can look at ---


@pytest.mark.parametrize("error", [Unreachable("AWS cannot be reached"), RuntimeError("no secret")])
def test_an_export_that_ends_at_once_is_recorded_although_its_files_cannot_be_looked_at(
    plain: Scene, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    id = "6b0f2d5e-1c1b-4a58-9d39-0a2f4f6c7e11"
    url = f"s3://example-lake/domo/orders/{id}/export/data.csv.gz"
    row = {"dataSourceId": ORDERS, "bucket": "example-lake", "path": "domo/orders", "id": id}
    begin = plain.vendor.faults.call
    begin(f"POST {ROUTE}", lambda: plain.domo.insert("exports", row))
    done = {"exportId": id, "exportStatus": "success", "bucket": "example-lake", "urlRowCountMap": {url: 3}}
    plain.vendor.faults.answer(f"POST {ROUTE}", 200, body=done)
    with monkeypatch.context() as patch:
        broken(patch, error)
        plain.apply(manifest(checkObjects=True))

    assert plain.id == id
    assert plain.record.memo["objects"] == {}


@pytest.mark.parametrize(
    "error",
    [CredentialsRefused("there are no AWS credentials"), PermissionRefused("no (403)"), Unreachable("not reached")],
)
def test_files_that_cannot_be_looked_at_are_said_and_stop_nobody(
    plain: Scene, monkeypatch: pytest.MonkeyPatch, error: VendorError
) -> None:
    plain.apply(manifest(), customers())
    broken(monkeypatch, error)
    run = plain.plan(manifest(checkObjects=True), customers())

    (problem,) = run.problems
    assert (problem.code, problem.address, problem.severity) == ("bucket-unread", NAME, Severity.WARNING)
    assert problem.message == f"files not checked: {error.message}"
    assert [each.action for each in run.changes_to_make] == [Action.RECORD]


@pytest.mark.parametrize(("weight", "found"), [("off", set()), ("refuse", {Severity.ERROR})])
def test_files_that_cannot_be_looked_at_weigh_what_the_project_says(
    plain: Scene, monkeypatch: pytest.MonkeyPatch, weight: str, found: set[Severity]
) -> None:
    plain.vendor.words["checks"] = {"bucketUnread": weight}
    plain.apply(manifest())
    broken(monkeypatch, Unreachable("not reached"))

    assert {each.severity for each in plain.plan(manifest(checkObjects=True)).problems} == found


# --- a dataset that may not be read any more ---


@pytest.mark.parametrize("route", FORBIDDEN)
def test_a_dataset_that_may_not_be_read_stops_its_own_manifest_alone(plain: Scene, route: str) -> None:
    plain.apply(manifest(), customers())
    plain.vendor.faults.answer(route, 403, times=None)
    plain.new_data()
    run = plain.plan()

    assert [(each.code, each.address) for each in run.problems] == [("cannot-read", OTHER)]
    assert "Domo refuses" in run.messages
    assert [each.address for each in run.changes_to_make] == [NAME]


def test_an_export_of_a_dataset_that_may_not_be_read_can_be_forgotten(plain: Scene) -> None:
    plain.apply(manifest(), customers())
    plain.vendor.faults.answer(FORBIDDEN[0], 403, times=None)
    run = plain.apply(manifest())

    assert only(run).action is Action.FORGET
    assert list(plain.world.state.records) == [NAME]


def test_a_dataset_that_may_be_read_again_is_read_again(plain: Scene) -> None:
    plain.apply(manifest(), customers())
    plain.vendor.faults.answer(FORBIDDEN[0], 403)
    with plain.world.workspace() as workspace:
        handler = workspace.session("domo").handler("DatasetExport")
        handler.concern([each.applied for each in plain.world.state.records.values()])
        lists = [{each.id for each in handler.list()} for _ in range(2)]

    ids = {each.id for each in plain.world.state.records.values()}
    assert lists == [{plain.id}, ids]


# --- strange answers ---


@pytest.mark.parametrize("url", ["https://[bad/x", "s3://[bad/x", "https://[::1]bad/x"])
def test_the_address_of_a_file_that_nobody_understands_stops_nothing(plain: Scene, url: str) -> None:
    row = {"exportId": "x1", "exportStatus": "success", "bucket": "example-lake", "urlRowCountMap": {url: 3}}
    plain.vendor.faults.answer(f"GET {ROUTE}", 200, body=[row], times=None)

    assert place_of(url, "example-lake") is None
    assert only(plain.plan(manifest())).action is Action.RUN


def test_half_a_pair_of_surrogates_has_a_name_like_everything_else() -> None:
    assert digest(["\ud800"]) != digest(["\ud801"])


def _policy(**changes: object) -> dict[str, Any]:
    rule = {"name": "region", "values": ["North", "West"], "type": "COLUMN", "operator": "EQUALS", "not": False}
    until = {"name": "amount", "values": ["1", "5"], "type": "COLUMN", "operator": "BETWEEN", "not": False}
    resources = {"USER": ["1001", "1002"]}
    row = {"filterGroupId": 12, "name": "North", "type": "user", "userIds": [1001, 1002], "order": 1}
    return {**row, "resources": resources, "parameters": [rule, until], **changes}


PARAMETERS = _policy()["parameters"]


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"order": 2}, True),
        ({"name": "Northern"}, True),
        ({"userIds": [1002, 1001]}, True),
        ({"resources": {"USER": ["1002", "1001"]}}, True),
        ({"parameters": PARAMETERS[::-1]}, True),
        ({"parameters": [{**PARAMETERS[0], "values": ["West", "North"]}, PARAMETERS[1]]}, True),
        ({"parameters": [{**PARAMETERS[0], "values": ["West"]}, PARAMETERS[1]]}, False),
        ({"parameters": [{**PARAMETERS[0], "not": True}, PARAMETERS[1]]}, False),
        ({"parameters": [PARAMETERS[0], {**PARAMETERS[1], "values": ["5", "1"]}]}, False),
        ({"userIds": [1001]}, False),
        ({"virtualUserIds": [5]}, False),
    ],
)
def test_only_what_decides_rows_makes_other_policies(plain: Scene, changes: dict[str, object], same: bool) -> None:
    plain.vendor.words["checks"] = {"rowPolicies": "off"}
    plain.domo.set_pdp(ORDERS)
    route = f"GET /api/query/v1/data-control/{ORDERS}/filter-groups"
    everybody = {"filterGroupId": 11, "name": "All Rows", "type": "open"}
    plain.vendor.faults.answer(route, 200, body=[everybody, _policy()], times=None)
    plain.apply(manifest())
    plain.vendor.faults.clear()
    plain.vendor.faults.answer(route, 200, body=[_policy(**changes), everybody], times=None)

    assert (plain.plan().changes_to_make == ()) is same


# --- several at once ---


def test_an_export_that_begins_while_others_are_looked_at_disturbs_nobody(plain: Scene) -> None:
    plain.apply(manifest())
    with plain.world.workspace() as workspace:
        handler = workspace.session("domo").handler("DatasetExport")
        assert isinstance(handler, Exports)
        waiting = threading.Thread(target=handler._after_our_own, args=(CUSTOMERS,))
        with handler._lock:
            waiting.start()
            waiting.join(0.2)
            held = waiting.is_alive()
        waiting.join()

    assert held


def test_a_preparation_that_fails_leaves_nothing_begun(plain: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: list[Exports] = []
    prepare = Exports.prepare

    def remembering(self: Exports, order: Order) -> Document:
        handlers.append(self)
        plain.vendor.faults.answer(f"GET /api/data/v3/datasources/{ORDERS}", 403)
        return prepare(self, order)

    monkeypatch.setattr(Exports, "prepare", remembering)
    plain.apply(manifest(), expect=None)

    assert plain.started == 0
    assert [each._starting for each in handlers] == [set()]


# --- another path ---


def _document(path: str) -> Document:
    return {"dataset": {"id": ORDERS}, "destination": {"bucket": "example-lake", "path": path}}


def test_an_export_that_began_after_ours_was_intended_goes_where_ours_goes() -> None:
    known = Known()
    known.add([_document("domo/new"), _document("domo/old")])
    unknown = known.path(ORDERS, "example-lake", "new")
    known.intend(_document("domo/new"), ["old"])

    assert unknown is None
    assert known.path(ORDERS, "example-lake", "new") == "domo/new"
    assert known.path(ORDERS, "example-lake", "old") is None
    assert known.path(ORDERS, "elsewhere", "new") is None
    known.intend(_document("domo/newer"), ["old"])
    assert known.path(ORDERS, "example-lake", "new") is None


def test_an_export_to_another_path_whose_answer_was_lost_is_found_and_not_made_twice(
    plain: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths: list[dict[str, object]] = []
    create = Exports.create

    def listing(self: Exports, order: Order) -> Observed:
        try:
            return create(self, order)
        finally:
            paths.append({each.id: at(each.attributes, ("destination", "path")) for each in self.list()})

    plain.apply(manifest())
    plain.new_data()
    plain.vendor.switch(start_delay_s="5", run_delay_s="30")
    plain.vendor.cut_after_write(f"POST {ROUTE}")
    monkeypatch.setattr(Exports, "create", listing)
    plain.apply(manifest(destination=elsewhere(path="domo/new")), expect=None)
    plain.world.later()
    plain.apply()

    assert [each[plain.exports[-1]["id"]] for each in paths] == ["domo/new"]
    assert plain.started == 2
    assert plain.id == plain.exports[-1]["id"]
    assert codes(plain.plan()) == set()
