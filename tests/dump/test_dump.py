"""Bringing what exists under git: dump, fill in, import; afterwards the plan is empty, and nothing was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from world import Stage, World

from reconciler.operations.adopt import adopt_all
from reconciler.operations.dump import Dumped, dump
from reconciler.operations.failures import Failure, Misused
from reconciler.specs.writer import write_manifest
from reconciler.values import Action, Address, Ref, Secret, Value

OWN = {"env": "RECONCILER_SECRET_CANARY"}


@pytest.fixture
def harbor(world_of: Callable[..., World]) -> World:
    return world_of("harbor")


@pytest.fixture
def vendor(harbor: World) -> Stage:
    """A vendor at which somebody has been at work by hand."""
    stage = harbor.vendors["harbor"]
    account = stage.emulator.insert(
        "accounts", {"name": "North Quay", "endpoint": "quay.example.com", "accessKey": "NORTH", "secretKey": "s3cr3t"}
    )
    wheat = stage.emulator.insert("cargoes", {"name": "Grain", "datasets": ["wheat", "rye"], "description": "no: 1"})
    stage.emulator.insert("cargoes", {"name": "Grain", "datasets": ["oats"]})
    stage.emulator.insert(
        "routes",
        {
            "name": "Daily grain",
            "accountId": account["id"],
            "cargoId": wheat["id"],
            "schedule": {"everyHours": 6, "startHour": 0},
            "stops": [{"name": "a", "path": "x", "compressed": True}],
            "enabled": True,
        },
    )
    return stage


def dumped(world: World, *kinds: str, into: str = "specs") -> Dumped:
    world.write([])
    with world.workspace() as workspace:
        return dump(workspace, world.folder / into, kinds)


def grain_of(vendor: Stage) -> str:
    """The name that the cargo of the route gets: of two that are called alike, the one with the smaller id is first."""
    ids = sorted(str(each["id"]) for each in vendor.objects("cargoes"))
    return "grain" if vendor.objects("routes")[0]["cargoId"] == ids[0] else "grain-2"


def text_of(world: World, kind: str) -> str:
    return (world.folder / "specs" / "harbor" / f"{kind}.yaml").read_text(encoding="utf-8")


def imported(world: World, *kinds: str) -> tuple[set[str], dict[str, str]]:
    with world.workspace() as workspace:
        result = adopt_all(workspace, kinds)
    return (
        {str(each.record.address) for each in result.adopted},
        {str(address): why for address, why in result.left.items()},
    )


def test_manifests_read_as_if_a_person_had_written_them(harbor: World, vendor: Stage) -> None:
    found = dumped(harbor)
    ids = {each["name"]: each["id"] for kind in ("accounts", "cargoes", "routes") for each in vendor.objects(kind)}

    assert {path.name: number for path, number in found.files.items()} == {
        "Account.yaml": 1,
        "Cargo.yaml": 2,
        "Route.yaml": 1,
    }
    assert text_of(harbor, "Route") == (
        f"# {ids['Daily grain']} at Harbor\n"
        "apiVersion: harbor.reconciler/v1\n"
        "kind: Route\n"
        "metadata:\n"
        "  name: daily-grain\n"
        "spec:\n"
        "  name: Daily grain\n"
        "  account: north-quay\n"
        f"  cargo: {grain_of(vendor)}\n"
        "  schedule:\n"
        "    everyHours: 6\n"
        "    startHour: 0\n"
        "  stops:\n"
        "    - name: a\n"
        "      path: x\n"
        "      compressed: true\n"
    )
    assert "secretKey: {env: RECONCILER_SECRET_NORTH_QUAY_SECRET_KEY}\n" in text_of(harbor, "Account")
    assert "# `secretKey` is not given back; fill it in\n" in text_of(harbor, "Account")
    assert found.to_fill_in == {Address("harbor", "Account", "north-quay"): ("secretKey",)}
    assert 'description: "no: 1"' in text_of(harbor, "Cargo").replace("'", '"')
    assert "datasets: [wheat, rye]\n" in text_of(harbor, "Cargo")


def test_after_dump_and_import_the_plan_is_empty_and_nothing_was_written(harbor: World, vendor: Stage) -> None:
    dumped(harbor)
    harbor.environ["RECONCILER_SECRET_NORTH_QUAY_SECRET_KEY"] = "whatever"
    vendor.forget_requests()
    adopted, left = imported(harbor)

    assert adopted == {
        "harbor/Account/north-quay",
        "harbor/Cargo/grain",
        "harbor/Cargo/grain-2",
        "harbor/Route/daily-grain",
    }
    assert left == {}
    assert vendor.writes() == ()
    assert harbor.plan().changes_to_make == ()
    assert imported(harbor) == (set(), {})


def test_what_is_managed_or_carries_a_mark_is_passed_over(harbor: World, vendor: Stage) -> None:
    manifest = {
        "apiVersion": "harbor.reconciler/v1",
        "kind": "Cargo",
        "metadata": {"name": "grain"},
        "spec": {"datasets": ["sand"], "name": "Sand"},
    }
    harbor.apply([manifest])
    foreign = {"name": "Theirs", "datasets": ["rye"], "description": "x [reconciler:other/prod/Cargo/theirs#1]"}
    vendor.emulator.insert("cargoes", foreign)
    with harbor.workspace() as workspace:
        found = dump(workspace, harbor.folder / "more", ("harbor/Cargo",))

    assert [path.name for path in found.files] == ["Cargo.yaml"]
    names = [each["metadata"]["name"] for each in yaml.safe_load_all(next(iter(found.files)).read_text("utf-8"))]
    assert names == ["grain-2", "grain-3"]  # `grain` is a manifest's name already
    assert sorted(why.split(",")[0] for why in found.passed_over.values()) == [
        "managed already",
        "managed by project other/prod",
    ]


def test_an_object_that_points_at_a_managed_one_names_its_manifest(harbor: World, vendor: Stage) -> None:
    dumped(harbor, "harbor/Account", "harbor/Cargo")
    harbor.environ["RECONCILER_SECRET_NORTH_QUAY_SECRET_KEY"] = "whatever"
    imported(harbor)
    with harbor.workspace() as workspace:
        found = dump(workspace, harbor.folder / "more", ("harbor/Route",))
    [spec] = [each["spec"] for path in found.files for each in yaml.safe_load_all(path.read_text("utf-8"))]

    assert (spec["account"], spec["cargo"]) == ("north-quay", grain_of(vendor))


def test_an_object_that_points_at_nothing_known_keeps_the_id(harbor: World, vendor: Stage) -> None:
    dumped(harbor, "harbor/Route")
    account = vendor.objects("accounts")[0]["id"]

    assert f"account: {{id: {account}}}\n" in text_of(harbor, "Route")


def test_no_file_is_written_over(harbor: World, vendor: Stage) -> None:
    dumped(harbor)
    with pytest.raises(Failure, match="exists already"), harbor.workspace() as workspace:
        dump(workspace, harbor.folder / "specs", ())

    with pytest.raises(Misused, match="`harbor/Ship` is no kind that could be written"), harbor.workspace() as again:
        dump(again, harbor.folder / "specs", ("harbor/Ship",))


def test_a_list_that_cannot_be_read_is_said_and_the_rest_is_written(harbor: World, vendor: Stage) -> None:
    vendor.switch(list="405")
    found = dumped(harbor)

    assert found.files == {}
    assert set(found.passed_over) == {"harbor/Account", "harbor/Cargo", "harbor/Route"}


def test_what_only_its_natural_key_matches_is_taken_too_and_the_plan_shows_the_rest(
    harbor: World, vendor: Stage
) -> None:
    account = {"endpoint": "quay.example.com", "accessKey": "SOUTH", "secretKey": OWN, "name": "North Quay"}
    harbor.write(
        [{"apiVersion": "harbor.reconciler/v1", "kind": "Account", "metadata": {"name": "north"}, "spec": account}]
    )
    adopted, _ = imported(harbor)
    plan = harbor.plan()

    assert adopted == {"harbor/Account/north"}
    assert plan.action(Address("harbor", "Account", "north")) is Action.UPDATE
    assert [each.path for change in plan.changes_to_make for each in change.fields] == [("accessKey",)]


def test_of_several_that_fit_none_is_taken(harbor: World, vendor: Stage) -> None:
    cargo = {"datasets": ["sand"], "name": "Grain"}
    nothing = {"datasets": ["sand"], "name": "Sand"}
    harbor.write(
        [
            {"apiVersion": "harbor.reconciler/v1", "kind": "Cargo", "metadata": {"name": name}, "spec": spec}
            for name, spec in (("grain", cargo), ("sand", nothing))
        ]
    )
    adopted, left = imported(harbor, "harbor/Cargo")
    ids = sorted(str(each["id"]) for each in vendor.objects("cargoes"))

    assert adopted == set()
    assert left == {
        "harbor/Cargo/grain": f"`{ids[0]}`, `{ids[1]}` all fit; choose one with "
        "`reconciler import harbor/Cargo/grain ID`",
        "harbor/Cargo/sand": "nothing at the vendor fits; `reconciler plan` would make it",
    }
    with pytest.raises(Misused, match="there is no kind"):
        imported(harbor, "harbor/Ship")


TEXT = st.text(max_size=30)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXT,
        lambda inner: st.lists(inner, max_size=4).map(tuple) | st.dictionaries(TEXT, inner, max_size=4),
        max_leaves=12,
    )
)
@settings(max_examples=200)
def test_whatever_is_written_is_read_back_the_same(value: object) -> None:
    address = Address("example", "Thing", "a")
    text = write_manifest(address, {"value": value}, comments=["x\ny: [\u202e"])  # type: ignore[dict-item]  # any value

    def listed(each: object) -> object:
        if isinstance(each, dict):
            return {key: listed(inner) for key, inner in each.items()}
        return [listed(inner) for inner in each] if isinstance(each, tuple) else each

    assert yaml.safe_load(text)["spec"] == {"value": listed(value)}


def test_references_and_secrets_are_written_as_people_do(tmp_path: Path) -> None:
    spec: dict[str, Value] = {
        "to": Ref(Address("example", "Thing", "b")),
        "key": Secret(source="file", name="/run/secrets/x", version="2"),
    }
    text = write_manifest(Address("example", "Thing", "a"), spec)

    assert text.endswith('spec:\n  to: b\n  key: {file: /run/secrets/x, version: "2"}\n'.replace('"', "'"))
