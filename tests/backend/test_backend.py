from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.backend import Backend, BackendError, Fenced, Holder, Loaded, Locked
from reconciler.engine.codec import Page, decode_state, encode_page, encode_state
from reconciler.engine.journal import JournalError
from reconciler.stores import NotThere, StoreError
from reconciler.stores.local import LocalStore
from reconciler.values import Address, Intent, Record, Settlement, SettlementStatus, State
from reconciler.values.ledger import Begin, Command

LAKE = Address("didomi", "Destination", "lake")
NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)


def holder(id: str = "h-1", operation: str = "apply") -> Holder:
    return Holder(id=id, who="ann", operation=operation, host="example", pid=os.getpid(), since=NOW)


def begin(id: str, record: int) -> Begin:
    command = Command(id=id, operation="apply", who="ann", host="example", pid=os.getpid(), since=NOW)
    return Begin(command=command, record=record)


def record(name: str = "lake", **applied: str) -> Record:
    return Record(address=Address("didomi", "Destination", name), id=f"d-{name}", scope="org", applied=applied)


def intent(id: str) -> Intent:
    return Intent(id=id, run="r-1", address=LAKE, verb="create", scope="org", at=NOW)


def settled(id: str, record: Record | None = None) -> Settlement:
    return Settlement(
        intent=id, status=SettlementStatus.DONE, at=NOW, address=record.address if record else LAKE, record=record
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state/shop/prod"


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    return Backend.open("file://state", root=tmp_path, project="shop", environment="prod")


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.json"))


def numbers(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in folder.iterdir())


def apply(backend: Backend, *names: str) -> None:
    """A whole apply, as short as can be."""
    with backend.lock(holder()) as journal:
        for name in names:
            journal.intend(intent(name))
            journal.settle(settled(name, record(name)))
        journal.compact()


# ------------------------------------------------------------------------------------------------ first


def test_where_nothing_is_stored_there_is_no_state(backend: Backend) -> None:
    assert backend.load() == Loaded(state=None)


def test_a_command_that_writes_nothing_leaves_nothing_behind(backend: Backend, folder: Path) -> None:
    with backend.lock(holder()) as journal:
        journal.settle()
        journal.compact()

    assert (names(folder), journal.is_new, backend.load().state) == ([], True, None)


def test_the_first_write_draws_the_lineage(backend: Backend, folder: Path) -> None:
    with backend.lock(holder()) as journal:
        promised = journal.state.lineage
        journal.intend(intent("i"))
    loaded = backend.load()

    assert names(folder) == ["journal/000000000001.json", "ledger/000000000001.json", "state/000000000000.json"]
    assert loaded.state == State(project="shop", environment="prod", lineage=promised, serial=0)
    assert len(promised) == 32


def test_every_state_has_its_own_lineage(tmp_path: Path) -> None:
    lineages = set()
    for environment in ("prod", "test"):
        backend = Backend.open("file://state", root=tmp_path, project="shop", environment=environment)
        apply(backend, "lake")
        state = backend.load().state
        lineages.add(state.lineage if state else None)

    assert len(lineages - {None}) == 2


@pytest.mark.parametrize("environment", ["", "..", "a/b", ".hidden", "Prod"])
def test_an_environment_that_cannot_name_a_folder_is_refused(tmp_path: Path, environment: str) -> None:
    with pytest.raises(BackendError, match=r"the environment `.*` cannot name a folder of the state"):
        Backend.open("file://state", root=tmp_path, project="shop", environment=environment)


def test_a_state_that_was_saved_elsewhere_can_be_the_first(backend: Backend) -> None:
    pushed = State(project="shop", environment="prod", lineage="1f", serial=7, records={LAKE: record()})
    with backend.lock(holder()) as journal:
        journal.begin(pushed)
        journal.settle(settled("", record("pond")))
    loaded = backend.load().state

    assert loaded
    assert (loaded.lineage, loaded.serial, len(loaded.records)) == ("1f", 8, 2)


def test_a_state_is_not_replaced_by_another(backend: Backend) -> None:
    apply(backend, "lake")
    with backend.lock(holder()) as journal, pytest.raises(BackendError, match="a state exists already"):
        journal.begin(State(project="shop", environment="prod", lineage="1f", serial=7))


def test_the_state_of_another_project_cannot_be_the_first(backend: Backend) -> None:
    with backend.lock(holder()) as journal, pytest.raises(BackendError, match="the state belongs to project `bank`"):
        journal.begin(State(project="bank", environment="prod", lineage="1f", serial=7))


# --------------------------------------------------------------------------------------------- journal


def test_an_intent_is_there_before_the_call_is_made(backend: Backend) -> None:
    with backend.lock(holder()) as journal:
        journal.intend(intent("i"))

        assert backend.load().open_intents == (intent("i"),) == journal.open_intents


def test_a_settled_intent_is_recorded(backend: Backend) -> None:
    with backend.lock(holder()) as journal:
        journal.intend(intent("i"))
        journal.settle(settled("i", record()))
    loaded = backend.load()

    assert loaded.state
    assert (loaded.state.records, loaded.open_intents) == ({LAKE: record()}, ())
    assert loaded.state == journal.state


def test_several_ends_are_one_object(backend: Backend, folder: Path) -> None:
    with backend.lock(holder()) as journal:
        journal.intend(intent("a"))
        journal.intend(intent("b"))
        journal.settle(settled("a", record()), settled("b", record("pond")))

    assert numbers(folder / "journal") == [1, 2, 3]


def test_the_size_of_a_page_does_not_grow_with_the_state(backend: Backend, folder: Path) -> None:
    with backend.lock(holder()) as journal:
        journal.settle(settled("", record()))
        journal.intend(intent("i"))
        journal.settle(settled("i"), *(settled("", record(f"lake-{number}")) for number in range(500)))
        journal.intend(intent("i"))
    sizes = [(folder / f"journal/{number:012d}.json").stat().st_size for number in (2, 4)]

    assert sizes[0] == sizes[1]


def test_entries_that_do_not_follow_are_not_written(backend: Backend, folder: Path) -> None:
    with backend.lock(holder()) as journal, pytest.raises(JournalError):
        journal.settle(settled("nobody"))

    assert names(folder) == []


def test_an_entry_written_by_somebody_else_fences_the_holder_off(backend: Backend, folder: Path) -> None:
    with backend.lock(holder()) as journal:
        journal.intend(intent("a"))
        theirs = Page(lineage=journal.state.lineage, number=2, by="h-2", entries=())
        (folder / "journal/000000000002.json").write_bytes(encode_page(theirs))
        with pytest.raises(Fenced, match=r"000000000002\.json was written by another command"):
            journal.intend(intent("b"))
        with pytest.raises(Fenced):
            journal.settle(settled("a"))

    assert backend.load().open_intents == (intent("a"),)


def test_a_first_state_written_by_somebody_else_fences_the_holder_off(backend: Backend, folder: Path) -> None:
    with backend.lock(holder()) as journal:
        (folder / "state").mkdir()
        theirs = State(project="shop", environment="prod", lineage="2f", serial=0)
        (folder / "state/000000000000.json").write_bytes(encode_state(theirs))
        with pytest.raises(Fenced):
            journal.intend(intent("a"))

    assert backend.load().state == theirs


def test_an_object_of_ones_own_whose_reply_was_lost_counts_as_written(backend: Backend, folder: Path) -> None:
    with backend.lock(holder()) as journal:
        journal.intend(intent("a"))
        ours = Page(lineage=journal.state.lineage, number=2, by="h-1", entries=(intent("b"),))
        (folder / "journal/000000000002.json").write_bytes(encode_page(ours))
        journal.intend(intent("b"))

    assert backend.load().open_intents == (intent("a"), intent("b"))


def test_nothing_is_written_after_the_lock_was_given_back(backend: Backend, folder: Path) -> None:
    with backend.lock(holder()) as journal:
        journal.intend(intent("a"))
    with pytest.raises(BackendError, match="the lock was given back"):
        journal.settle(settled("a"))

    assert numbers(folder / "journal") == [1]


def test_the_journal_tells_which_command_wrote_what(backend: Backend) -> None:
    with backend.lock(holder("h-1")) as journal:
        journal.intend(intent("a"))
    with backend.lock(holder("h-2")) as journal:
        journal.settle(settled("a", record()))

    assert [(page.by, page.entries[0], page.entries[1:]) for page in backend.pages()] == [
        ("h-1", begin("h-1", 1), (intent("a"),)),
        ("h-2", begin("h-2", 2), (settled("a", record()),)),
    ]


def test_where_nothing_is_stored_there_are_no_pages(backend: Backend) -> None:
    assert (list(backend.pages()), backend.kept_states()) == ([], ())


# -------------------------------------------------------------------------------------------- compaction


def test_a_compacted_state_needs_no_journal(backend: Backend, folder: Path) -> None:
    apply(backend, "lake", "pond")
    stored = decode_state((folder / "state/000000000004.json").read_bytes())

    assert (stored.state, stored.folded, stored.open_intents) == (backend.load().state, 4, ())
    assert stored.state.serial == 2


def test_an_open_intent_outlives_compaction(backend: Backend) -> None:
    with backend.lock(holder()) as journal:
        journal.intend(intent("a"))
        journal.compact()
    with backend.lock(holder()) as journal:
        open_before = journal.open_intents
        journal.settle(settled("a", record()))

    assert (open_before, backend.load().open_intents) == ((intent("a"),), ())


def test_compacting_twice_writes_once(backend: Backend, folder: Path) -> None:
    with backend.lock(holder()) as journal:
        journal.intend(intent("a"))
        journal.compact()
        journal.compact()

    assert numbers(folder / "state") == [0, 1]


def test_old_states_are_kept_and_then_deleted_with_what_they_have_folded(backend: Backend, folder: Path) -> None:
    for _ in range(12):
        apply(backend, "lake")

    assert numbers(folder / "state") == list(range(6, 25, 2))
    assert numbers(folder / "journal") == list(range(7, 25))


def test_as_few_states_are_kept_as_one_asks_for(tmp_path: Path, folder: Path) -> None:
    backend = Backend.open("file://state", root=tmp_path, project="shop", environment="prod", keep=0)
    apply(backend, "lake")
    with backend.lock(holder()) as journal:
        journal.settle(settled("", record("pond")))
        journal.compact()

    assert (numbers(folder / "state"), numbers(folder / "journal")) == ([3], [])


def test_a_kept_state_can_be_read_again(backend: Backend) -> None:
    apply(backend, "lake")
    apply(backend, "pond")
    kept = [backend.kept_state(number) for number in backend.kept_states()]

    assert [sorted(address.name for address in stored.state.records) for stored in kept] == [
        [],
        ["lake"],
        ["lake", "pond"],
    ]


def test_when_the_newest_state_is_lost_the_one_before_and_the_journal_lead_to_the_same(
    backend: Backend, folder: Path
) -> None:
    apply(backend, "lake")
    apply(backend, "pond")
    before = backend.load()
    (folder / "state/000000000004.json").unlink()

    assert backend.load() == before


# ----------------------------------------------------------------------------------------------- damage


def test_a_gap_in_the_journal_is_named(backend: Backend, folder: Path) -> None:
    with backend.lock(holder()) as journal:
        for id in "abc":
            journal.intend(intent(id))
    (folder / "journal/000000000002.json").unlink()

    with pytest.raises(BackendError, match=r"journal/000000000002\.json is missing, but later pages are there; noth"):
        backend.load()


@pytest.mark.parametrize("content", [b"", b"{}", b"\x00" * 100])
@pytest.mark.parametrize("name", ["state/000000000002.json", "state/000000000000.json", "journal/000000000003.json"])
def test_an_unreadable_object_is_named_and_never_empty(
    backend: Backend, folder: Path, name: str, content: bytes
) -> None:
    apply(backend, "lake")
    with backend.lock(holder()) as journal:
        journal.intend(intent("a"))
    (folder / name).write_bytes(content)

    with pytest.raises(BackendError, match=rf"{name} cannot be used: .*; nothing was changed\. Restore it from"):
        backend.load()


def test_a_state_of_another_lineage_is_named(backend: Backend, folder: Path) -> None:
    apply(backend, "lake")
    other = State(project="shop", environment="prod", lineage="2f", serial=0)
    (folder / "state/000000000000.json").write_bytes(encode_state(other))

    with pytest.raises(BackendError, match=r"state/000000000000\.json belongs to another state \(lineage `2f`, not `"):
        backend.load()


def test_a_page_of_another_lineage_is_named(backend: Backend, folder: Path) -> None:
    apply(backend, "lake")
    page = Page(lineage="2f", number=3, by="h", entries=())
    (folder / "journal/000000000003.json").write_bytes(encode_page(page))

    with pytest.raises(BackendError, match=r"journal/000000000003\.json belongs to another state \(lineage `2f`"):
        backend.load()


def test_a_state_of_another_environment_is_named(backend: Backend, folder: Path) -> None:
    apply(backend, "lake")
    other = State(project="shop", environment="test", lineage="2f", serial=0)
    (folder / "state/000000000002.json").write_bytes(encode_state(other, folded=2))

    with pytest.raises(BackendError, match="belongs to project `shop`, environment `test`"):
        backend.load()


@pytest.mark.parametrize("kind", ["state", "journal"])
def test_an_object_under_another_number_is_named(backend: Backend, folder: Path, kind: str) -> None:
    apply(backend, "lake")
    (folder / kind / "000000000003.json").write_bytes((folder / kind / "000000000002.json").read_bytes())

    with pytest.raises(BackendError, match=rf"{kind}/000000000003\.json says that it is number 2"):
        backend.load()


def test_a_page_that_does_not_follow_is_named(backend: Backend, folder: Path) -> None:
    apply(backend, "lake")
    state = backend.load().state
    assert state
    page = Page(lineage=state.lineage, number=3, by="h", entries=(settled("nobody"),))
    (folder / "journal/000000000003.json").write_bytes(encode_page(page))

    with pytest.raises(BackendError, match=r"000000000003\.json does not follow from the pages before: the intent"):
        backend.load()


def test_a_strange_file_is_named(backend: Backend, folder: Path) -> None:
    apply(backend, "lake")
    (folder / "state/000000000002 (copy).json").touch()

    with pytest.raises(BackendError, match=r"000000000002 \(copy\)\.json was not written by this tool; move it away"):
        backend.load()


@pytest.mark.parametrize("left", ["journal/000000000001.json", "ledger/000000000001.json"])
def test_a_lost_state_is_not_a_first_run(backend: Backend, folder: Path, left: str) -> None:
    (folder / left).parent.mkdir(parents=True)
    (folder / left).touch()

    with pytest.raises(BackendError, match=r"exists, but no state; the state was lost\. Restore `shop/prod/state/`"):
        backend.load()


def test_a_damaged_state_cannot_be_written_to(backend: Backend, folder: Path) -> None:
    apply(backend, "lake")
    (folder / "state/000000000002.json").write_bytes(b"")
    before = names(folder)
    with pytest.raises(BackendError), backend.lock(holder()):
        pass

    assert names(folder) == before


class Hasty(LocalStore):
    """A store in which a compaction happens between a listing and a reading."""

    def __init__(self, folder: Path, hidden: int) -> None:
        super().__init__(folder)
        self._hidden = hidden

    def read(self, name: str) -> bytes:
        if self._hidden:
            self._hidden -= 1
            raise NotThere(name)
        return super().read(name)


@pytest.mark.parametrize("hidden", [1, 2])
def test_a_reader_looks_again_when_an_object_went_while_it_looked(
    backend: Backend, tmp_path: Path, hidden: int
) -> None:
    apply(backend, "lake")
    hasty = Backend.over(Hasty(tmp_path / "state", hidden), project="shop", environment="prod")

    assert hasty.load() == backend.load()


def test_a_reader_does_not_look_for_ever(backend: Backend, tmp_path: Path) -> None:
    apply(backend, "lake")
    hasty = Backend.over(Hasty(tmp_path / "state", 99), project="shop", environment="prod")

    with pytest.raises(StoreError, match="does not exist"):
        hasty.load()


# ------------------------------------------------------------------------------------------------- lock


def test_a_locked_state_says_who_holds_it(backend: Backend) -> None:
    with backend.lock(holder("h-1")), pytest.raises(Locked) as locked, backend.lock(holder("h-2")):
        pass

    assert locked.value.holder == holder("h-1")
    assert str(locked.value).startswith("the state is locked by `apply` of ann on example (process ")


def test_a_reader_needs_no_lock(backend: Backend) -> None:
    apply(backend, "lake")
    with backend.lock(holder()) as journal:
        loaded = backend.load()

    assert loaded.state == journal.state


def test_the_holder_is_known_only_while_it_holds(backend: Backend) -> None:
    before = backend.holder()
    with backend.lock(holder()):
        during = backend.holder()

    assert (before, during, backend.holder()) == (None, holder(), None)


def test_a_holder_that_has_not_said_its_name_is_no_free_lock(backend: Backend, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "state")
    with store.exclusive("shop/prod/lock", b""), pytest.raises(Locked, match="by a command that has just begun"):
        backend.holder()


class Time:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_waiter_gives_up_after_its_timeout(backend: Backend) -> None:
    time = Time()
    told: list[Holder | None] = []
    with (
        backend.lock(holder("h-1")),
        pytest.raises(Locked),
        backend.lock(holder("h-2"), timeout=1.2, clock=time.clock, sleep=time.sleep, waiting=told.append),
    ):
        pass

    assert told == [holder("h-1")]
    assert time.now == pytest.approx(101.2)


def test_a_waiter_gets_the_lock_when_it_is_given_back(backend: Backend) -> None:
    time = Time()
    first = backend.lock(holder("h-1"))
    first.__enter__()

    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        if time.now > 102:
            first.__exit__(None, None, None)

    with backend.lock(holder("h-2"), timeout=10, clock=time.clock, sleep=sleep):
        now = backend.holder()

    assert (now, time.now) == (holder("h-2"), 102.5)


DIE = """
import os, signal, sys
from pathlib import Path
from datetime import UTC, datetime
from reconciler.backend import Backend, Holder
backend = Backend.open("file://state", root=Path(sys.argv[1]), project="shop", environment="prod")
now = datetime(2026, 12, 1, 6, tzinfo=UTC)
dying = Holder(id="h-0", who="ann", operation="apply", host="example", pid=1, since=now)
with backend.lock(dying):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def die(tmp_path: Path) -> None:
    """A command that holds the lock is killed."""
    subprocess.run([sys.executable, "-c", DIE, str(tmp_path)], check=False)


def test_the_lock_of_a_killed_command_is_free_and_its_holder_known(backend: Backend, tmp_path: Path) -> None:
    die(tmp_path)
    alive = backend.holder()
    with backend.lock(holder()) as journal:
        interrupted = journal.interrupted

    assert alive is None
    assert interrupted
    assert interrupted.id == "h-0"


def test_taking_over_from_a_killed_command_first_takes_its_next_number(
    backend: Backend, folder: Path, tmp_path: Path
) -> None:
    apply(backend, "lake")
    die(tmp_path)
    with backend.lock(holder("h-1")):
        pass

    assert numbers(folder / "journal") == [1, 2, 3]
    assert [(page.by, page.entries) for page in backend.pages()][-1] == ("h-1", (begin("h-1", 2),))


def test_a_lock_given_back_in_order_needs_no_takeover(backend: Backend, folder: Path) -> None:
    apply(backend, "lake")
    with backend.lock(holder("h-2")) as journal:
        pass

    assert (journal.interrupted, numbers(folder / "journal")) == (None, [1, 2])


def test_unlocking_clears_what_a_killed_command_left(backend: Backend, tmp_path: Path) -> None:
    die(tmp_path)
    cleared = backend.unlock("h-0", holder("h-1", "state unlock"))
    with backend.lock(holder("h-2")) as journal:
        pass

    assert (cleared.id, journal.interrupted) == ("h-0", None)


def test_a_lock_is_not_cleared_while_its_process_lives(backend: Backend) -> None:
    with backend.lock(holder("h-1")), pytest.raises(Locked):
        backend.unlock("h-1", holder("h-2", "state unlock"))


def test_a_lock_of_another_id_is_not_cleared(backend: Backend, tmp_path: Path) -> None:
    die(tmp_path)

    with pytest.raises(BackendError, match="no lock has the id `h-9`; the one left behind is `apply` of ann"):
        backend.unlock("h-9", holder("h-1", "state unlock"))


def test_where_nothing_is_locked_there_is_nothing_to_unlock(backend: Backend) -> None:
    with pytest.raises(BackendError, match="the state is not locked; there is nothing to unlock"):
        backend.unlock("h-0", holder("h-1", "state unlock"))


def test_a_journal_survives_as_plain_json(backend: Backend, folder: Path) -> None:
    apply(backend, "lake")
    page = json.loads((folder / "journal/000000000001.json").read_bytes())

    assert (page["kind"], page["number"], page["entries"][1]["intent"]["id"]) == ("journal", 1, "lake")
