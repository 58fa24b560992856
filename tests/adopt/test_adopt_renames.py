"""Manifests with a new name, against the vendors' stand-ins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from test_adopt_vendors import ADOBE, DIDOMI
from world import Status, World

from reconciler.operations.apply import apply
from reconciler.operations.plan import make_plan
from reconciler.operations.saved import save
from reconciler.operations.state import rebuild
from reconciler.values import Action, Address, Options

LAKE, SEA = (Address("didomi", "Destination", name) for name in ("lake", "sea"))
DAILY = Address("didomi", "ExportConfig", "daily")
RENAMED = DIDOMI.replace("{name: lake}", "{name: sea, renamedFrom: lake}").replace("- lake", "- sea")


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    world = world_of("didomi")
    world.vendor.switch(rate_limit="off")
    world.apply(DIDOMI)
    world.vendor.forget_requests()
    return world


def test_a_new_name_sends_nothing_and_keeps_the_id(world: World) -> None:
    before = world.state.records
    run = world.apply(RENAMED)
    after = world.state.records

    assert run.action(SEA) is Action.RECORD
    assert run.action(DAILY) is Action.NOOP
    assert world.vendor.writes() == ()
    assert after[SEA].id == before[LAKE].id
    assert LAKE not in after
    assert after[DAILY].needs == (Address("didomi", "Destination", "archive"), SEA) or SEA in after[DAILY].needs
    assert world.plan().changes_to_make == ()


def test_the_mark_follows_with_the_next_update(world: World) -> None:
    world.apply(RENAMED)
    world.apply(RENAMED.replace("Consent lake", "Consent sea"))
    (marked,) = (each for each in world.vendor.objects("destinations") if each["name"] == "Consent sea")

    assert "/Destination/sea#" in str(marked["description"])


def test_one_name_after_another(world: World) -> None:
    id = world.state.records[LAKE].id
    world.apply(RENAMED)
    world.apply(
        RENAMED.replace("name: sea, renamedFrom: lake", "name: pond, renamedFrom: sea").replace("- sea", "- pond")
    )

    assert world.state.records[Address("didomi", "Destination", "pond")].id == id
    assert world.vendor.writes() == ()


def test_a_saved_plan_renames(world: World, tmp_path: Path) -> None:
    world.write(RENAMED)
    with world.workspace() as workspace:
        save(make_plan(workspace), tmp_path / "plan.json")
    with world.workspace() as workspace:
        apply(workspace, saved=tmp_path / "plan.json")

    assert SEA in world.state.records
    assert world.plan().changes_to_make == ()


def test_a_target_renames_that_alone(world: World) -> None:
    world.apply(RENAMED, options=Options(targets=frozenset({LAKE})))

    assert {SEA, DAILY} <= world.state.records.keys()


def test_a_lost_state_is_rebuilt_by_the_old_marks(world: World) -> None:
    id = world.state.records[LAKE].id
    for each in sorted((world.folder / ".reconciler").rglob("*"), reverse=True):
        each.unlink() if each.is_file() else each.rmdir()
    world.write(RENAMED)
    with world.workspace() as workspace:
        rebuild(workspace, confirm=lambda _plan: True)

    assert world.state.records[SEA].id == id
    assert len(world.vendor.objects("destinations")) == 2


def test_destroying_takes_the_object_of_the_old_name_away(world: World) -> None:
    world.write(RENAMED)
    world.destroy()

    assert world.vendor.objects("destinations") == []


def test_a_lost_reply_under_the_old_name_is_found_under_the_new_one(world_of: Callable[..., World]) -> None:
    world = world_of("didomi")
    world.vendor.switch(rate_limit="off")
    lake = DIDOMI.split("---\n")[0]
    world.vendor.cut_after_write("POST /destinations")
    world.apply(lake, expect=None)
    world.apply(lake.replace("{name: lake}", "{name: sea, renamedFrom: lake}"))

    assert len(world.vendor.objects("destinations")) == 1
    assert world.state.records.keys() == {SEA}


def test_all_parts_of_a_composite_move(world_of: Callable[..., World]) -> None:
    world = world_of("adobe")
    world.apply(ADOBE)
    before = {record.id for record in world.state.records.values()}
    world.vendor.forget_requests()
    world.apply(ADOBE.replace("{name: orders}", "{name: sales, renamedFrom: orders}") + "  name: orders\n")
    after = world.state.records.values()

    assert {record.id for record in after} == before
    assert {record.address.name for record in after} == {"sales"}
    assert world.vendor.writes() == ()
    assert world.plan().changes_to_make == ()


def test_a_name_that_two_manifests_claim_is_invalid(world: World) -> None:
    run = world.apply(DIDOMI + "---\n" + RENAMED.split("---\n")[0], expect=Status.INVALID)

    assert [each.code for each in run.problems] == ["rename-clash"]


def test_what_is_ignored_stays_at_the_vendor_when_something_else_is_updated(world: World) -> None:
    id = world.state.records[LAKE].id
    ignoring = DIDOMI.replace(
        "metadata: {name: lake}", "lifecycle: {ignoreChanges: [spec.name]}\nmetadata: {name: lake}"
    )
    world.vendor.emulator.edit("destinations", str(id), {"name": "Theirs"})
    world.apply(ignoring.replace("typeId: aws-s3-didomi\n", "typeId: aws-s3-didomi\n  description: ours\n", 1))
    (lake,) = (each for each in world.vendor.objects("destinations") if each["id"] == id)

    assert lake["name"] == "Theirs"
    assert world.plan().changes_to_make == ()
