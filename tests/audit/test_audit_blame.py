"""`blame` where the repository, the clone or the resource is not the usual one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from audit_stage import ANA, BEN, DAILY, LAKE, PLAIN, Repository
from world import Status, Theatre, World

from reconciler.engine.drift import Cause, FieldDrift
from reconciler.engine.shape import Shape
from reconciler.history.blame import Blamed
from reconciler.history.fields import Key, Leaf, leaves
from reconciler.history.trail import Trail
from reconciler.operations.adopt import adopt
from reconciler.operations.blame import find_blame
from reconciler.operations.blame_facts import Facts, Reality
from reconciler.operations.failures import Failure, Invalid
from reconciler.operations.state import move, remove
from reconciler.reports.blame_text import Blame, FieldBlame, Vendor, render_blame, verdict
from reconciler.reports.shown import reading_of
from reconciler.values import MISSING, Address, Document, Ref

HERE = Address("didomi", "Destination", "lake")
SEA = Address("didomi", "Destination", "sea")
EXPORT = Address("didomi", "ExportConfig", "daily")
PROJECT = """\
project: shop
vendors:
  didomi:
    baseUrl: ${DIDOMI_URL}
    settleSeconds: 2
    organizationId: example-org
    credentials: {key: {env: DIDOMI_KEY}, secret: {env: DIDOMI_SECRET}}
limits: {maxDeletes: 100, maxDeletePercent: 100}
"""


@pytest.fixture(scope="module")
def vendors() -> Iterator[Theatre]:
    """Vendors with a clock of their own."""
    theatre = Theatre()
    yield theatre
    theatre.close()


@pytest.fixture
def there(tmp_path: Path, vendors: Theatre) -> Repository:
    """A lake, committed twice and not applied."""
    it = Repository(tmp_path / "repository", vendors)
    it.write("reconciler.yaml", PROJECT)
    it.write("specs/lake.yaml", LAKE)
    it.commit(ANA, "Begin with a lake")
    it.write("specs/lake.yaml", LAKE.replace("  config:", "  name: Lake\n  config:"))
    it.commit(BEN, "Name the lake")
    return it


def blamed(
    world: World, address: Address = HERE, *, git_dir: Path | None = None, offline: bool = True
) -> tuple[Blame, ...]:
    with world.workspace() as workspace:
        return find_blame(workspace, address, git_dir=git_dir, offline=offline)[0]


def subjects(found: Blame) -> dict[str, str | None]:
    return {".".join(map(str, each.path)): each.set_by.subject if each.set_by else None for each in found.fields}


def text(world: World, found: Blame) -> str:
    with world.workspace() as workspace:
        return render_blame(found, reading_of(found.address.type, workspace.catalog.traits))


TWICE = {"config.accountId": "Begin with a lake", "name": "Name the lake", "typeId": "Begin with a lake"}


# --------------------------------------------------------------------------------------------------- repositories


def test_what_is_not_applied_has_its_commits_all_the_same(there: Repository) -> None:
    (found,) = blamed(there.world)

    assert subjects(found) == TWICE
    assert verdict(found) == "3 fields: 3 not applied."


def test_a_bare_clone_beside_an_unpacked_copy_will_do(there: Repository, tmp_path: Path) -> None:
    there.git("clone", "-q", "--bare", str(there.folder), str(tmp_path / "bare.git"))
    shutil.move(there.folder / ".git", tmp_path / "away")
    (named,) = blamed(there.world, git_dir=tmp_path / "bare.git")
    there.world.environ["GIT_DIR"] = str(tmp_path / "bare.git")
    (chosen,) = blamed(there.world)

    assert subjects(named) == TWICE
    assert chosen == named


def test_a_project_in_a_folder_of_a_larger_repository_is_found(there: Repository, tmp_path: Path) -> None:
    for name in ("exports/store", "exports/other"):
        for file in ("reconciler.yaml", "specs/lake.yaml"):
            content = (there.folder / file).read_text(encoding="utf-8")
            there.write(f"{name}/{file}", content.replace("project: shop", f"project: {Path(name).name}"))
    there.commit(BEN, "Keep the store with the others")
    there.replace("exports/store/specs/lake.yaml", "name: Lake", "name: Blue lake")
    there.commit(ANA, "Call the lake blue")
    there.git("clone", "-q", "--bare", str(there.folder), str(tmp_path / "bare.git"))
    top, there.world.folder = there.folder, there.folder / "exports" / "store"
    (within,) = blamed(there.world)
    there.world.folder = tmp_path / "copy"
    shutil.copytree(top / "exports" / "store", there.world.folder)
    (beside,) = blamed(there.world, git_dir=tmp_path / "bare.git")

    assert subjects(within)["name"] == "Call the lake blue"
    assert subjects(within)["typeId"] == "Keep the store with the others"
    assert subjects(beside) == {**subjects(within), "name": "Call the lake blue"}


def test_a_shallow_clone_says_where_its_history_ends(there: Repository, tmp_path: Path) -> None:
    there.git("clone", "-q", "--depth", "1", there.folder.as_uri(), str(tmp_path / "shallow"))
    there.world.folder = tmp_path / "shallow"
    (found,) = blamed(there.world)
    said = text(there.world, found)

    assert {each.set_by.ends for each in found.fields if each.set_by} == {True}
    assert "    or earlier: the history of this clone ends there\n" in said
    assert "note: this clone is shallow" in said


def test_files_that_a_partial_clone_lacks_are_not_fetched(there: Repository, tmp_path: Path) -> None:
    there.git("config", "uploadpack.allowFilter", "true")
    there.git("clone", "-q", "--no-checkout", "--filter=blob:none", there.folder.as_uri(), str(tmp_path / "partial"))
    shutil.copytree(there.folder / "specs", tmp_path / "partial" / "specs")
    shutil.copy(there.folder / "reconciler.yaml", tmp_path / "partial")
    there.world.folder = tmp_path / "partial"
    with pytest.raises(Failure, match="the clone does not hold `"):
        blamed(there.world)


def test_without_the_program_there_is_a_sentence(there: Repository) -> None:
    there.world.environ["PATH"] = "/nonexistent"
    with pytest.raises(Failure, match="the `git` program is not installed"):
        blamed(there.world)


def test_without_a_repository_there_is_a_sentence(there: Repository, tmp_path: Path) -> None:
    shutil.rmtree(there.folder / ".git")
    with pytest.raises(Failure, match="git cannot read the history: not a git repository"):
        blamed(there.world)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_repository_of_another_user_is_refused_with_the_way_out(there: Repository) -> None:
    for path in (there.folder, there.folder / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(Failure, match="dubious ownership") as caught:
        blamed(there.world)

    assert caught.value.help is not None
    assert "safe.directory" in caught.value.help


def test_a_repository_of_something_else_is_refused(there: Repository, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "other")], check=True, env=PLAIN)
    other = tmp_path / "other"
    (other / "README.md").write_text("Nothing of ours.\n", encoding="utf-8")
    there.git("-C", str(other), "add", "README.md")
    there.git("-C", str(other), "commit", "-q", "-m", "Begin")
    with pytest.raises(Failure, match=r"has no `reconciler.yaml` like the one here"):
        blamed(there.world, git_dir=other / ".git")


def test_before_the_first_commit_nothing_is_committed(tmp_path: Path, vendors: Theatre) -> None:
    it = Repository(tmp_path / "new", vendors)
    it.write("reconciler.yaml", PROJECT)
    it.write("specs/lake.yaml", LAKE)
    (found,) = blamed(it.world)

    assert set(subjects(found).values()) == {None}
    assert found.notes == ("nothing of the project is committed",)
    assert "Not committed yet\n    not applied\n" in text(it.world, found)


def test_settings_of_a_repository_run_no_program(there: Repository, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\nexit 1\n", encoding="utf-8")
    trap.chmod(0o755)
    for name in ("gpg.program", "gpg.ssh.program", "core.pager", "core.fsmonitor", "diff.external", "core.sshCommand"):
        there.git("config", name, str(trap))
    there.git("config", "log.showSignature", "true")
    (found,) = blamed(there.world)

    assert subjects(found) == TWICE
    assert not (tmp_path / "sprung").exists()


# ------------------------------------------------------------------------------------------------------ resources


def test_an_address_that_nobody_knows_is_guessed_at(there: Repository) -> None:
    with pytest.raises(Failure, match="has the address") as caught:
        blamed(there.world, Address("didomi", "Destination", "lakes"))

    assert caught.value.help == "did you mean `didomi/Destination/lake`?"


def test_a_composite_that_is_gone_is_asked_for_by_its_parts(there: Repository) -> None:
    with pytest.raises(Failure, match="has the address") as caught:
        blamed(there.world, Address("adobe", "DatasetExport", "customers"))

    assert caught.value.help == "`adobe/DatasetExport` stands for its parts: ask for one of those by its address"


def test_a_kind_that_does_not_exist_is_said(there: Repository) -> None:
    with pytest.raises(Failure, match="there is no kind `didomi/Pond`"):
        blamed(there.world, Address("didomi", "Pond", "lake"))


def test_a_manifest_with_mistakes_is_no_answer(there: Repository) -> None:
    there.replace("specs/lake.yaml", "  typeId: aws-s3-didomi", "  typeId: nonsense")
    with pytest.raises(Invalid):
        blamed(there.world)


def test_an_apply_that_came_to_nothing_is_told(there: Repository) -> None:
    there.world.vendor.faults.answer("POST /exports/destinations", 400)
    there.apply("nightly", expect=Status.FAILED)
    (found,) = blamed(there.world)

    assert {each.tried.number if each.tried else 0 for each in found.fields} == {1}
    assert "        tried in vain (create refused) by record 1: apply of nightly for" in text(there.world, found)


def test_an_object_that_is_gone_agrees_with_nobody(there: Repository) -> None:
    there.apply("ana")
    there.world.vendor.emulator.reset()
    there.world.later(7 * 86400)
    (found,) = blamed(there.world, offline=False)

    assert {each.vendor for each in found.fields} == {Vendor.GONE}


def test_a_name_that_only_the_state_was_told_is_followed(there: Repository) -> None:
    there.apply("ana")
    there.replace("specs/lake.yaml", "name: lake", "name: sea")
    there.commit(BEN, "Call it the sea")
    with there.world.workspace() as workspace:
        move(workspace, HERE, SEA)
    (found,) = blamed(there.world, SEA)

    assert [(str(each.old), str(each.new)) for each in found.renames] == [(str(HERE), str(SEA))]
    assert subjects(found)["typeId"] == "Begin with a lake"
    assert {each.carried.number for each in found.fields if each.carried} == {1}


def test_an_imported_object_is_found_by_the_record_of_the_import(there: Repository) -> None:
    there.apply("ana")
    (made,) = there.world.vendor.objects("destinations")
    with there.world.workspace() as workspace:
        remove(workspace, HERE)
    with there.world.workspace() as workspace:
        adopt(workspace, HERE, made["id"])
    (found,) = blamed(there.world)

    assert found.made is not None
    assert (found.made.number, found.made.operation) == (3, "import")
    assert {each.carried.number for each in found.fields if each.carried} == {3}


def test_what_is_applied_and_in_no_manifest_belongs_to_the_ledger(there: Repository) -> None:
    there.apply("ana")
    there.replace("specs/lake.yaml", "  name: Lake\n", "  name: Lake\n  description: Blue\n")
    there.apply("ben")
    there.replace("specs/lake.yaml", "  description: Blue\n", "")
    (found,) = blamed(there.world)
    (field,) = (each for each in found.fields if each.path == ("description",))

    assert not field.in_manifest
    assert field.set_by is None
    assert field.carried is not None
    assert field.carried.number == 2
    assert "In no manifest\n    applied since record 2" in text(there.world, found)


def test_a_reading_that_is_refused_is_not_taken_for_agreement(there: Repository) -> None:
    there.apply("ana")
    there.world.vendor.switch(list="404")
    (found,) = blamed(there.world, offline=False)

    assert {each.vendor for each in found.fields} == {Vendor.UNREAD}
    assert "cannot be read" in found.notes[0]


def test_who_added_which_item_of_a_list_is_told(there: Repository) -> None:
    there.write("specs/daily.yaml", DAILY)
    there.commit(ANA, "Deliver to the lake")
    there.write("specs/archive.yaml", LAKE.replace("name: lake", "name: archive"))
    there.replace("specs/daily.yaml", "[lake]", "[archive, lake]")
    there.commit(BEN, "Deliver to the archive too")
    (found,) = blamed(there.world, EXPORT)

    assert subjects(found)["destinations.0"] == "Deliver to the archive too"
    assert subjects(found)["destinations.1"] == "Deliver to the lake"


def lists(world: World, **changes: object) -> None:
    (row,) = world.vendor.objects("configs")
    world.vendor.emulator.edit("configs", row["id"], changes)


def two_lakes(there: Repository) -> dict[str, str]:
    """An export to two lakes, applied; gives the lakes' ids by name."""
    there.write("specs/archive.yaml", LAKE.replace("name: lake", "name: archive"))
    there.write("specs/daily.yaml", DAILY.replace("[lake]", "[archive, lake]"))
    there.commit(ANA, "Deliver to both")
    there.apply("ana")
    return {row["name"]: row["id"] for row in there.world.vendor.objects("destinations")}


def test_an_item_that_only_the_vendor_has_is_said(there: Repository) -> None:
    ids = two_lakes(there)
    lists(there.world, destinations_id=[*ids.values(), "58g9gnu3b5"])
    (found,) = blamed(there.world, EXPORT, offline=False)
    said = text(there.world, found)

    assert {each.vendor for each in found.fields} == {Vendor.AGREES}
    assert found.elsewhere == ((("destinations", 2), "58g9gnu3b5"),)
    assert "\nOnly at the vendor\n    destinations[2]  " in said
    assert said.endswith("5 fields: 5 as applied, 1 more at the vendor.")


def test_an_item_that_the_vendor_lost_is_said_of_that_item(there: Repository) -> None:
    ids = two_lakes(there)
    lists(there.world, destinations_id=[ids["Lake"]])
    (found,) = blamed(there.world, EXPORT, offline=False)

    assert [each.value for each in found.fields if each.vendor is Vendor.MOVED] == [
        Ref(Address("didomi", "Destination", "archive"))
    ]
    assert "        the vendor has nothing\n" in text(there.world, found)


def test_items_in_another_order_have_moved_where_the_order_counts() -> None:
    def taken_apart(document: Document) -> dict[Key, Leaf]:
        return leaves(document, Shape())

    moved = FieldDrift(path=("a",), cause=Cause.VENDOR, applied=("x", "y"), observed=("y", "x"), wanted=MISSING)
    applied = taken_apart({"a": ("x", "y"), "b": 1})
    reality = Reality(otherwise=Vendor.AGREES, moved=(moved,), leaves=taken_apart({"a": ("y", "x"), "b": 1}))
    facts = Facts(
        record=None,
        applied=applied,
        trail=Trail(),
        reality=reality,
        ids={},
        taken_apart=taken_apart,
        blamed=Blamed(),
    )

    assert [facts.at_vendor(each) for each in applied.values()] == [
        (Vendor.MOVED, ("y", "x")),
        (Vendor.MOVED, ("y", "x")),
        (Vendor.AGREES, MISSING),
    ]


def test_a_rename_that_is_neither_committed_nor_applied_is_followed(there: Repository) -> None:
    there.apply("ana")
    there.replace("specs/lake.yaml", "name: lake", "name: sea\n  renamedFrom: lake")
    (found,) = blamed(there.world, SEA, offline=False)

    assert subjects(found) == TWICE
    assert {each.vendor for each in found.fields} == {Vendor.AGREES}
    assert [each.set_by for each in found.renames] == [None]
    assert "renamed   from didomi/Destination/lake, not committed yet" in text(there.world, found)


def test_a_retired_object_keeps_its_commits(there: Repository) -> None:
    there.replace("specs/lake.yaml", "onRemoval: delete", "onRemoval: report")
    there.write("specs/archive.yaml", LAKE.replace("name: lake", "name: archive"))
    there.commit(ANA, "Keep the lake")
    there.apply("ana")
    (there.folder / "specs/lake.yaml").unlink()
    there.commit(BEN, "Give the lake up")
    there.apply("ana")
    (found,) = blamed(there.world, offline=False)

    assert subjects(found) == TWICE
    assert found.removed is not None
    assert found.removed.subject == "Give the lake up"
    assert "retired   its manifest is gone, and the object was left (report)" in text(there.world, found)
    assert {each.vendor for each in found.fields} == {Vendor.AGREES}


def ledger(there: Repository) -> list[Path]:
    (folder,) = (there.folder / ".reconciler/state/shop").glob("*/ledger")
    return sorted(folder.iterdir())


def test_a_record_that_a_killed_command_still_owes_counts(there: Repository) -> None:
    there.apply("ana")
    ledger(there)[0].unlink()  # as if it had been killed just before
    (found,) = blamed(there.world)

    assert {each.carried.number for each in found.fields if each.carried} == {1}
    assert len([each for each in found.fields if each.carried]) == 3


def test_a_record_that_cannot_be_read_is_passed_over_and_named(there: Repository) -> None:
    there.apply("ana")
    ledger(there)[0].write_bytes(b"")
    (found,) = blamed(there.world)

    assert {each.carried for each in found.fields} == {None}
    assert [note.partition("ledger/")[2][:17] for note in found.notes][-1] == "000000000001.json"
    assert "    applied; the ledger does not tell when\n" in text(there.world, found)


def test_every_part_of_a_composite_is_told(tmp_path: Path, vendors: Theatre, world_of: Callable[..., World]) -> None:
    folder = tmp_path / "adobe"
    shutil.copytree(Path(__file__).parents[2] / "examples" / "adobe-amazon-s3", folder)
    it = Repository(folder, vendors)
    (composite,) = (each for each in (folder / "specs").rglob("*.yaml") if "DatasetExport" in each.read_text())
    it.commit(ANA, "Begin with an export")
    name = composite.read_text(encoding="utf-8").split("name: ")[1].split(maxsplit=1)[0]
    found = blamed(it.world, Address("adobe", "DatasetExport", name))

    assert {each.address.kind for each in found} >= {"SourceConnection", "TargetConnection", "Dataflow"}
    assert all(set(subjects(each).values()) == {"Begin with an export"} for each in found)
    assert {str(each.origin) for each in found} == {f"adobe/DatasetExport/{name}"}
    lines = composite.read_text(encoding="utf-8").splitlines()
    (flow,) = (each for each in found if each.address.kind == "Dataflow")
    (every,) = (each.place.line for each in flow.fields if each.path == ("schedule", "every") and each.place)
    (target,) = (each.place.line for each in flow.fields if each.path == ("target",) and each.place)
    assert "every: 6h" in lines[every - 1]
    assert target == flow.place.line if flow.place else None


def test_a_name_that_the_vendor_turns_into_an_id_is_applied_when_it_says_so(tmp_path: Path, vendors: Theatre) -> None:
    it = Repository(tmp_path / "adobe", vendors, vendor="adobe")
    it.world.write()
    source = {
        "apiVersion": "adobe.reconciler/v1",
        "kind": "SourceConnection",
        "metadata": {"name": "customers"},
        "spec": {"datasets": [{"name": "Customers"}]},
    }
    it.world.apply([source])
    it.commit(ANA, "Export the customers")
    address = Address("adobe", "SourceConnection", "customers")
    (asked,) = blamed(it.world, address, offline=False)
    (offline,) = blamed(it.world, address)

    assert [(each.path, each.is_applied, each.vendor) for each in asked.fields] == [
        (("datasets", 0, "name"), True, Vendor.AGREES),
        (("name",), True, Vendor.AGREES),
    ]
    assert [each.is_applied for each in offline.fields] == [None, True]
    assert "    whether it is applied, the vendor was not asked\n" in text(it.world, offline)


def test_an_output_of_another_project_is_set_by_who_named_it(there: Repository) -> None:
    there.apply("ana")
    (lake,) = there.world.vendor.objects("destinations")
    user = there.folder.parent / "user"
    it = Repository(user, there.theatre)
    it.write(
        "reconciler.yaml",
        f"{PROJECT}projects: {{shop: {{state: file://{there.folder}/.reconciler/state}}}}\n".replace(
            "project: shop", "project: user"
        ),
    )
    it.write(
        "specs/daily.yaml",
        DAILY.replace("[lake]", "[{id: {output: shop, address: didomi/Destination/lake, name: id}}]"),
    )
    it.commit(ANA, "Deliver to the shop's lake")
    it.write("specs/daily.yaml", (user / "specs/daily.yaml").read_text(encoding="utf-8").replace("false", "true"))
    it.commit(BEN, "Deliver proofs too")
    (found,) = blamed(it.world, EXPORT)

    assert subjects(found)["destinations.0"] == "Deliver to the shop's lake"
    assert subjects(found)["data.proofs.enabled"] == "Deliver proofs too"
    assert found.fields[2].value == lake["id"]
    assert found.notes == ()


def test_a_view_without_values_says_nothing_wrong() -> None:
    field = FieldBlame(path=("a",), value=MISSING, in_manifest=True)

    assert verdict(Blame(address=HERE, fields=(field,))) == "1 field: 1 not applied."
    assert verdict(Blame(address=HERE)) == "No field of it is managed."


# ---------------------------------------------------------------------------------------------------- the program


def test_the_program_tells_text_and_json(there: Repository) -> None:
    there.apply("ana")
    said = there.world.command("blame", "--offline", str(HERE)).stdout
    (row,) = json.loads(there.world.command("blame", "--offline", "--format", "json", str(HERE)).stdout)

    assert said.startswith(f"{HERE}\n  manifest  specs/lake.yaml:1\n")
    assert said.endswith("3 fields: 3 not asked for.\n")
    assert max(map(len, said.splitlines())) <= 80
    assert [(each["field"], each["set"]["subject"], each["carried_out"]["record"]) for each in row["fields"]] == [
        ("config.accountId", "Begin with a lake", 1),
        ("name", "Name the lake", 1),
        ("typeId", "Begin with a lake", 1),
    ]
    assert row["fields"][1]["set"]["email"] == "ben@example.com"
    assert (row["fields"][1]["file"], row["fields"][1]["line"]) == ("specs/lake.yaml", 9)


def test_the_program_asks_the_vendor(there: Repository) -> None:
    there.apply("ana")

    assert there.world.command("blame", str(HERE)).stdout.endswith("3 fields: 3 as applied.\n")


def test_an_address_that_is_none_is_wrong_usage(there: Repository) -> None:
    there.world.command("blame", "nonsense", expect=64)
