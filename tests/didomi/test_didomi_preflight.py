"""What is asked of Didomi before a plan is carried out, and by `doctor`."""

from __future__ import annotations

from typing import Any

import pytest
from didomi_stage import ORGANIZATION, S3, Stage, config, stage

from reconciler.values import (
    Action,
    Address,
    Change,
    Document,
    FieldChange,
    Mark,
    Plan,
    Problem,
    Resource,
    Severity,
    Snapshot,
)

WHERE = Mark("specs/a.yaml", 1, 1)


def change(action: Action, kind: str, name: str, wanted: Document | None = None, **more: Any) -> Change:  # noqa: ANN401
    address = Address("didomi", kind, name)
    resource = None if wanted is None else Resource(address=address, attributes=wanted, mark=WHERE)
    return Change(address=address, action=action, resource=resource, **more)


def preflight(it: Stage, *changes: Change) -> list[Problem]:
    kinds = ("Destination", "ExportConfig")
    objects = {f"didomi/{kind}": tuple(it.handler(kind).list()) for kind in kinds}
    it.emulator.world.log.clear()
    plan = Plan(
        project="example", environment="prod", lineage="l", serial=1, taken=it.clock.now(), changes=tuple(changes)
    )
    return list(it.session.preflight(plan, Snapshot(taken=it.clock.now(), objects=objects, scopes={})))


def create(name: str, **more: Any) -> Change:  # noqa: ANN401
    return change(Action.CREATE, "ExportConfig", name, config("d1", **more))


def codes(problems: list[Problem]) -> list[tuple[str, Severity]]:
    return [(each.code, each.severity) for each in problems]


def test_a_plan_that_makes_nothing_asks_nothing() -> None:
    with stage() as it:
        changes = (
            change(Action.NOOP, "ExportConfig", "a", config("d1"), id="1"),
            change(Action.DELETE, "ExportConfig", "b", id="2"),
            change(
                Action.UPDATE,
                "Destination",
                "c",
                S3,
                id="3",
                fields=(FieldChange(path=("name",), before="a", after="b"),),
            ),
        )

        assert preflight(it, *changes) == []
        assert it.requests() == []


def test_a_plan_within_the_quotas_is_well() -> None:
    with stage() as it:
        assert preflight(it, create("a"), create("b"), create("c")) == []
        assert it.requests() == ["GET /premium-features", "GET /quotas"]


def test_a_product_that_is_not_enabled_is_an_error() -> None:
    with stage() as it:
        it.emulator.world.faults.answer("GET /premium-features", 200, body={"data": [{"batch_exports": False}]})
        (problem,) = preflight(it, change(Action.CREATE, "Destination", "lake", S3))

        assert problem.code == "product-not-enabled"
        assert problem.message == "batch exports are not enabled for this organization"
        assert problem.address == Address("didomi", "Destination", "lake")
        assert problem.help is not None


def test_one_configuration_too_many_is_an_error() -> None:
    with stage() as it:
        (problem,) = preflight(it, *(create(name) for name in "abcd"))

        assert (problem.code, problem.severity) == ("quota-exceeded", Severity.ERROR)
        assert problem.message == "4 export configurations would be enabled and Didomi allows 3"
        assert problem.address == Address("didomi", "ExportConfig", "d")
        assert problem.path == ("enabled",)


def test_configurations_made_elsewhere_count() -> None:
    with stage({"quota_exports_configs": "1"}) as it:
        it.emulator.insert("configs", {"name": "x", "data": {}, "destinations_id": [], "enabled": True})

        assert codes(preflight(it, create("a"))) == [("quota-exceeded", Severity.ERROR)]


def test_disabled_configurations_do_not_count() -> None:
    with stage({"quota_exports_configs": "1"}) as it:
        it.emulator.insert("configs", {"name": "x", "data": {}, "destinations_id": [], "enabled": False})

        assert preflight(it, create("a"), create("b", enabled=False)) == []


def test_switching_on_counts_and_renaming_does_not() -> None:
    with stage({"quota_exports_configs": "1"}) as it:
        for each, enabled in (("1", True), ("2", False)):
            it.emulator.insert(
                "configs", {"id": each, "name": each, "data": {}, "destinations_id": [], "enabled": enabled}
            )
        on = FieldChange(path=("enabled",), before=False, after=True)
        rename = FieldChange(path=("name",), before="1", after="a")

        switched = change(Action.UPDATE, "ExportConfig", "b", config("d1"), id="2", fields=(on,))
        renamed = change(Action.UPDATE, "ExportConfig", "a", config("d1"), id="1", fields=(rename,))
        assert codes(preflight(it, switched)) == [("quota-exceeded", Severity.ERROR)]
        assert preflight(it, renamed) == []


@pytest.mark.parametrize("action", [Action.DELETE, Action.DISABLE])
def test_room_that_is_made_later_is_a_warning(action: Action) -> None:
    with stage({"quota_exports_configs": "1"}) as it:
        row = it.emulator.insert("configs", {"name": "x", "data": {}, "destinations_id": [], "enabled": True})
        found = preflight(it, create("a"), change(action, "ExportConfig", "old", id=row["id"]))

        assert codes(found) == [("quota-reached", Severity.WARNING)]


@pytest.mark.parametrize(("delete_first", "expected"), [(True, []), (False, [("quota-reached", Severity.WARNING)])])
def test_a_replacement_needs_room_for_two_unless_the_old_goes_first(delete_first: bool, expected: list[object]) -> None:
    with stage({"quota_exports_configs": "1"}) as it:
        row = it.emulator.insert("configs", {"name": "x", "data": {}, "destinations_id": [], "enabled": True})
        replaced = change(Action.REPLACE, "ExportConfig", "a", config("d1"), id=row["id"], delete_first=delete_first)

        assert codes(preflight(it, replaced)) == expected


def test_too_many_destinations_of_one_configuration_are_an_error() -> None:
    with stage() as it:
        (problem,) = preflight(it, change(Action.CREATE, "ExportConfig", "a", config("d1", "d2", "d3")))

        assert problem.message == "3 destinations are listed and Didomi allows 2 for one configuration"
        assert problem.path == ("destinations",)


def test_what_cannot_be_asked_is_a_warning() -> None:
    with stage() as it:
        for route in ("GET /quotas", "GET /premium-features"):
            it.emulator.world.faults.answer(route, 404, times=None)

        assert codes(preflight(it, create("a"))) == [("preflight-unread", Severity.WARNING)] * 2


def test_changes_of_other_vendors_are_none_of_our_business() -> None:
    with stage() as it:
        other = Change(address=Address("domo", "DatasetExport", "a"), action=Action.CREATE)

        assert preflight(it, other) == []
        assert it.requests() == []


# doctor


def told(it: Stage) -> dict[str, tuple[bool, str]]:
    return {check.subject: (check.well, check.detail) for check in it.session.doctor()}


def test_a_healthy_connection_is_told() -> None:
    with stage(opened=False) as it:
        assert told(it) == {
            "API key": (True, "accepted for organization example-org"),
            "clock": (True, "agrees with Didomi's"),
            "organization": (True, "`example-org` is visible with this key"),
            "batch exports": (True, "enabled"),
            "consents API": (True, "enabled"),
            "quotas": (True, "3 enabled configurations, 2 destinations for each"),
            "older export API": (True, "readable"),
            "current export API": (True, "readable"),
        }


def test_a_wrong_key_is_told_alone() -> None:
    with stage() as it:
        it.emulator.world.faults.answer("POST /sessions", 400, times=None)
        (check,) = it.session.doctor()

        assert (check.subject, check.well) == ("API key", False)
        assert check.help is not None


def test_products_that_are_missing_are_told() -> None:
    with stage({"premium_batch_exports": "false", "premium_consents_api": "false"}) as it:
        found = told(it)

        assert found["batch exports"] == (False, "not enabled")
        assert found["consents API"] == (False, "not enabled")


def test_one_generation_of_the_export_api_is_enough() -> None:
    with stage() as it:
        it.emulator.world.faults.answer("GET /exports/destinations", 404, times=None)
        found = told(it)

        assert found["older export API"][0]
        assert "no route" in found["older export API"][1]


def test_no_generation_of_the_export_api_is_not() -> None:
    with stage({"list": "404"}) as it:
        found = told(it)

        assert not found["older export API"][0]
        assert not found["current export API"][0]


def test_a_clock_that_is_wrong_is_told() -> None:
    with stage() as it:
        it.emulator.world.faults.answer(
            "POST /sessions",
            200,
            body={"access_token": "t"},
            headers={"Date": "Mon, 05 Jan 2026 08:10:00 GMT"},
        )
        it.emulator.world.faults.answer("GET *", 200, body={"data": [{"organization_id": ORGANIZATION}]}, times=None)

        assert told(it)["clock"] == (False, "600 s behind Didomi's")


def test_an_organization_that_the_key_cannot_see_is_told() -> None:
    with stage() as it:
        it.emulator.world.faults.answer("GET /premium-features", 200, body={"total": 0, "data": []})
        assert not told(it)["organization"][0]

        it.emulator.world.faults.answer("GET /premium-features", 403)
        assert not told(it)["organization"][0]
