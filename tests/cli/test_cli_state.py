"""`state`: looking, moving, copying, putting back; what is refused, and what becomes of damage."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from world import World

from reconciler.values import Address

LAKE, POND = (
    {
        "apiVersion": "didomi.reconciler/v1",
        "kind": "Destination",
        "metadata": {"name": name},
        "spec": {"typeId": "aws-s3-didomi", "config": {"accountId": "210987654321"}},
    }
    for name in ("lake", "pond")
)
DAILY = {
    "apiVersion": "didomi.reconciler/v1",
    "kind": "ExportConfig",
    "metadata": {"name": "daily"},
    "spec": {"data": {"users": {"enabled": True}, "proofs": {"enabled": False}}, "destinations": ["lake"]},
}


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    world = world_of("didomi")
    world.apply([LAKE, DAILY])
    return world


def folder(world: World, kind: str = "state") -> Path:
    return world.folder / ".reconciler/state/shop/default" / kind


def newest(world: World, kind: str = "state") -> Path:
    return max(folder(world, kind).iterdir())


def names(world: World) -> list[str]:
    return sorted(address.name for address in world.state.records)


# ------------------------------------------------------------------------------------------------ mv


def test_a_record_moves_to_the_new_name_of_its_manifest_and_nothing_is_made_anew(world: World) -> None:
    moved = world.command("state", "mv", "didomi/Destination/lake", "didomi/Destination/sea")
    renamed = {**LAKE, "metadata": {"name": "sea"}, "spec": {**LAKE["spec"], "name": "lake"}}  # type: ignore[dict-item]
    plan = world.plan([renamed, {**DAILY, "spec": {**DAILY["spec"], "destinations": ["sea"]}}])  # type: ignore[dict-item]

    assert moved.stdout.startswith("didomi/Destination/lake is didomi/Destination/sea now; it is `")
    assert names(world) == ["daily", "sea"]
    assert world.state.records[Address("didomi", "ExportConfig", "daily")].needs == (
        Address("didomi", "Destination", "sea"),
    )
    assert [each for each in plan.changes_to_make if each.action.name in ("CREATE", "DELETE", "REPLACE")] == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("didomi/Destination/sea", "didomi/Destination/x", "the state has no record of `didomi/Destination/sea`"),
        ("didomi/Destination/lake", "didomi/ExportConfig/lake", "are of different kinds"),
        ("didomi/Destination/lake", "didomi/Destination/lake", "`didomi/Destination/lake` is managed already: it is"),
    ],
)
def test_what_cannot_be_moved_stays(world: World, old: str, new: str, complaint: str) -> None:
    before = world.stored

    assert complaint in world.command("state", "mv", old, new, expect=1).stderr
    assert world.stored == before


# ------------------------------------------------------------------------------------- pull and push


def test_a_pulled_state_can_be_pushed_to_another_place(world: World) -> None:
    pulled = world.command("state", "pull").stdout
    (world.folder / "copy.json").write_text(pulled, encoding="utf-8")
    before = world.state
    world.settings["state"] = "file://elsewhere"
    world.write()

    said = world.command("state", "push", "copy.json").stdout

    assert said == f"pushed 2 records, serial {before.serial}\n"
    assert world.state == before
    assert world.plan().changes_to_make == ()


def test_where_nothing_is_stored_there_is_nothing_to_pull(world_of: Callable[..., World]) -> None:
    world = world_of("didomi")
    world.write([LAKE])

    assert "there is no state yet at file://.reconciler/state" in world.command("state", "pull", expect=1).stderr


def test_an_older_state_is_not_pushed_over_a_newer_one(world: World) -> None:
    (world.folder / "old.json").write_text(world.command("state", "pull").stdout, encoding="utf-8")
    old = world.state.serial
    world.apply([LAKE, POND, DAILY])
    now = world.state.serial

    refused = world.command("state", "push", "old.json", expect=5)
    forced = world.command("state", "push", "--force", "old.json")

    assert f"the state there is newer: its serial is {now}, this one's {old}" in refused.stderr
    assert "`--force` puts it there anyway" in refused.stderr
    assert forced.stdout == f"pushed 2 records, serial {now + 1}\n"
    assert names(world) == ["daily", "lake"]


def test_a_state_of_another_lineage_is_pushed_by_force_alone(world: World) -> None:
    (world.folder / "copy.json").write_text(world.command("state", "pull").stdout, encoding="utf-8")
    world.vendor.emulator.reset()
    world.settings["state"] = "file://elsewhere"
    world.apply([POND])
    lineage = world.state.lineage

    refused = world.command("state", "push", "copy.json", expect=5)
    world.command("state", "push", "copy.json", "--force")

    assert f"the state there has another lineage (`{lineage}`, not `" in refused.stderr
    assert (names(world), world.state.lineage) == (["daily", "lake"], lineage)


def test_a_newer_state_of_the_same_lineage_is_pushed_and_its_serial_is_not_used_again(world: World) -> None:
    old = world.command("state", "pull").stdout
    for account in ("111111111111", "222222222222"):
        world.apply([{**LAKE, "spec": {"typeId": "aws-s3-didomi", "config": {"accountId": account}}}, DAILY])
    new = world.command("state", "pull").stdout
    serial = world.state.serial
    world.settings["state"] = "file://elsewhere"
    world.write()
    (world.folder / "old.json").write_text(old, encoding="utf-8")
    (world.folder / "new.json").write_text(new, encoding="utf-8")
    world.command("state", "push", "old.json")

    world.command("state", "push", "new.json")

    assert world.state.serial >= serial
    assert world.plan().changes_to_make == ()


@pytest.mark.parametrize("content", ["", "{}", '{"kind":"state"}', "\x00\x01"])
def test_what_is_no_state_is_not_pushed(world: World, content: str) -> None:
    (world.folder / "copy.json").write_text(content, encoding="utf-8")
    before = world.stored

    assert "this is no state that can be used: " in world.command("state", "push", "copy.json", expect=1).stderr
    assert world.stored == before


def test_the_state_of_another_project_is_never_pushed(world: World) -> None:
    pulled = world.command("state", "pull").stdout
    (world.folder / "copy.json").write_text(pulled, encoding="utf-8")
    file = world.folder / "reconciler.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace('"shop"', '"bank"'), encoding="utf-8")

    refused = world.command("state", "push", "--force", "copy.json", expect=1)

    assert "the state belongs to project `shop`, environment `default`" in refused.stderr


# ----------------------------------------------------------------------------------- backup and restore


def test_a_backup_is_a_new_file_for_its_owner_alone(world: World) -> None:
    said = world.command("state", "backup", "copy.json").stdout
    again = world.command("state", "backup", "copy.json", expect=1).stderr

    assert said == f"wrote 2 records, serial {world.state.serial}, to copy.json\n"
    assert stat.S_IMODE((world.folder / "copy.json").stat().st_mode) == 0o600
    assert (world.folder / "copy.json").read_text(encoding="utf-8") == world.command("state", "pull").stdout
    assert "`copy.json` exists already" in again


def test_kept_states_are_listed_and_one_is_put_back_by_force_alone(world: World) -> None:
    world.apply([LAKE, POND, DAILY])
    listed = [line.split()[:3] for line in world.command("state", "backup").stdout.splitlines()[1:]]
    number = listed[1][0]

    refused = world.command("state", "restore", number, expect=5)
    restored = world.command("state", "restore", number, "--force")

    assert [each[2] for each in listed] == ["0", "2", "3"]
    assert "the state there is newer" in refused.stderr
    assert restored.stdout.startswith("restored 2 records, serial ")
    assert names(world) == ["daily", "lake"]


def test_a_number_under_which_nothing_is_kept_is_named(world: World) -> None:
    assert "no state is kept under the number 77" in world.command("state", "restore", "77", expect=1).stderr


def test_a_file_that_cannot_be_read_is_wrong_usage(world: World) -> None:
    assert "`gone.json` cannot be read" in world.command("state", "restore", "gone.json", expect=64).stderr


def test_over_a_damaged_state_the_journal_is_followed_from_the_copy_and_nothing_is_lost(world: World) -> None:
    world.apply([LAKE, POND, DAILY])
    before = world.state
    first = min(folder(world).iterdir())
    newest(world).write_bytes(b"")

    assert "cannot be used" in world.command("plan", expect=1).stderr
    said = world.command("state", "restore", str(int(first.stem))).stdout

    assert world.state == before
    assert said.endswith("; 0 were lost\n")
    assert world.plan().changes_to_make == ()
    assert "damaged" not in world.command("state", "backup").stdout


def test_where_the_journal_breaks_off_only_force_puts_a_copy_back(world: World) -> None:
    world.command("state", "backup", "copy.json")
    world.apply([LAKE, POND, DAILY])
    newest(world).write_bytes(b"")
    newest(world, "journal").write_bytes(b"")

    refused = world.command("state", "restore", "copy.json", expect=5)
    world.command("state", "restore", "copy.json", "--force")

    assert "the journal cannot be followed from the copy to its end" in refused.stderr
    assert {"daily", "lake"} <= set(names(world))
    world.apply()
    assert len(world.vendor.objects("destinations")) == 2
    assert world.plan().changes_to_make == ()


def test_a_lost_state_is_put_back_from_a_backup(world: World) -> None:
    world.command("state", "backup", "copy.json")
    before = world.state
    for file in folder(world).iterdir():
        file.unlink()

    assert "the state was lost" in world.command("plan", expect=1).stderr
    world.command("state", "restore", "copy.json")

    assert world.state == before
    assert world.plan().changes_to_make == ()


def test_a_copy_of_another_lineage_is_put_over_a_damaged_state_by_force_alone(world: World) -> None:
    (world.folder / "copy.json").write_text(world.command("state", "pull").stdout, encoding="utf-8")
    world.vendor.emulator.reset()
    world.settings["state"] = "file://elsewhere"
    world.apply([POND])
    world.apply([POND, {**POND, "metadata": {"name": "lagoon"}}])
    newest_there = max((world.folder / "elsewhere/shop/default/state").iterdir())
    newest_there.write_bytes(b"{")

    refused = world.command("state", "restore", "copy.json", expect=5)
    world.command("state", "restore", "copy.json", "--force")

    assert "another lineage than the copy" in refused.stderr
    assert names(world) == ["daily", "lake"]
    assert json.loads(world.command("state", "pull").stdout)["kind"] == "state"
