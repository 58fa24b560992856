"""Every command that writes leaves one record in the ledger, and damage to that is never hidden."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from memory_store import Memory

from reconciler.backend import Backend, BackendError, Damaged, Head, Holder, Journal, LedgerBroken
from reconciler.engine.codec import (
    Page,
    decode_ledger,
    decode_state,
    digest_of,
    encode_ledger,
    encode_page,
    encode_state,
)
from reconciler.engine.ledger import Chain, against, standing
from reconciler.stores import StoreError
from reconciler.values import Address, Intent, Record, Settlement, SettlementStatus, State
from reconciler.values.ledger import DeedStatus, Ending, LedgerRecord

NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
BASE = "shop/prod"


def holder(id: str, operation: str = "apply") -> Holder:
    return Holder(id=id, who="ann", operation=operation, host="example", pid=1, since=NOW, ci_run="https://ci/7")


def address(name: str = "lake") -> Address:
    return Address("didomi", "Destination", name)


def record(name: str = "lake", id: str = "d-1") -> Record:
    return Record(address=address(name), id=id, scope="org", applied={"name": id})


def intent(id: str, name: str = "lake") -> Intent:
    return Intent(id=id, run="r", address=address(name), verb="create", scope="org", at=NOW)


def noted(name: str = "lake", id: str = "d-1") -> Settlement:
    return Settlement(intent="", status=SettlementStatus.DONE, at=NOW, address=address(name), record=record(name, id))


class Store(Memory):
    """A store that may fail, or whose server dies at a moment."""

    def __init__(self) -> None:
        super().__init__()
        self.fails: Callable[[str], bool] = lambda _name: False
        self.reads: list[str] = []
        self.created: list[str] = []

    def create(self, name: str, body: bytes) -> None:
        if self.fails(name):
            raise StoreError(f"cannot write {name}")
        super().create(name, body)
        self.created.append(name)

    def read(self, name: str) -> bytes:
        self.reads.append(name)
        return super().read(name)


@pytest.fixture
def store() -> Store:
    return Store()


class Time:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def over(store: Memory, keep: int = 9) -> Backend:
    return Backend.over(store, project="shop", environment="prod", keep=keep)


def lock(store: Memory, id: str, operation: str = "apply", keep: int = 9) -> AbstractContextManager[Journal]:
    time = Time()
    return over(store, keep).lock(
        holder(id, operation), clock=time.clock, sleep=time.sleep, now=lambda: LATER, commit=lambda: "c0ffee"
    )


def write(store: Memory, id: str, *settlements: Settlement, keep: int = 9) -> Head | None:
    """A whole command, as short as can be."""
    with lock(store, id, keep=keep) as journal:
        journal.settle(*settlements)
        journal.compact()
    return journal.head


class Killed(BaseException):
    """Nothing runs after it, not even what gives the lock back."""


def die(store: Store, id: str, work: Callable[[Journal], object]) -> None:
    """A command that is killed at the end of `work`: the store takes nothing more from it."""
    held = lock(store, id)
    journal = held.__enter__()
    work(journal)
    store.fails = lambda _name: True
    held.__exit__(None, None, None)
    store.fails = lambda _name: False


def _noting(id: str) -> Callable[[Journal], None]:
    return lambda journal: journal.settle(noted(id=id))


def ledger(store: Memory) -> list[LedgerRecord]:
    return [each.record for each in over(store).ledger() if each.record is not None]


def proven(store: Memory) -> list[LedgerRecord]:
    """The records, proven consistent with each other and with the state."""
    chain = Chain()
    assert [trouble for leaf in over(store).ledger() for trouble in chain.add(leaf)] == []
    state = over(store).load().state
    assert state is not None
    assert list(against(chain, state)) == []
    return ledger(store)


def names(store: Memory, folder: str) -> list[int]:
    return [int(name[-17:-5]) for name in store.list(f"{BASE}/{folder}/")]


# ---------------------------------------------------------------------------------------------- one record each


def test_a_command_leaves_one_record_of_what_it_wrote(store: Store) -> None:
    with lock(store, "h-1") as journal:
        journal.describe(plan="sha256:12")
        journal.settle(noted())
        journal.settle(noted("pond", "d-2"))
        journal.compact()
    (told,) = proven(store)

    assert (told.number, told.previous, told.serial_before, told.serial) == (1, None, 0, 2)
    assert (told.first_page, told.last_page, told.ended, told.how) == (1, 2, LATER, Ending.DONE)
    assert (told.command.id, told.command.ci_run) == ("h-1", "https://ci/7")
    assert (told.command.commit, told.command.plan) == ("c0ffee", "sha256:12")
    assert [(each.address, each.verb, each.after) for each in told.deeds] == [
        (address(), "record", standing(record())),
        (address("pond"), "record", standing(record("pond", "d-2"))),
    ]
    assert journal.head == Head(number=1, digest=digest_of(store.objects[f"{BASE}/ledger/000000000001.json"]))


def test_a_command_that_writes_nothing_leaves_no_record(store: Store) -> None:
    head = write(store, "h-1")

    assert (head, ledger(store), list(over(store).ledger())) == (None, [], [])


def test_each_record_holds_the_digest_of_the_one_before(store: Store) -> None:
    heads = [write(store, f"h-{each}", noted(id=f"d-{each}")) for each in range(3)]

    assert [each.previous for each in proven(store)] == [None, *(each.digest for each in heads[:2] if each)]


def fail(store: Memory, id: str, how: Ending | None, error: BaseException) -> None:
    with lock(store, id) as journal:
        journal.settle(noted(id=id))
        if how is not None:
            journal.conclude(how)
        raise error


def test_a_command_that_raises_has_failed_unless_it_said_otherwise(store: Store) -> None:
    for id, how, error in (
        ("h-1", None, ValueError()),
        ("h-2", Ending.REFUSED, ValueError()),
        ("h-3", None, Killed()),
    ):
        with pytest.raises(type(error)):
            fail(store, id, how, error)

    assert [each.how for each in proven(store)] == [Ending.FAILED, Ending.REFUSED, Ending.INTERRUPTED]


def test_a_plan_that_is_known_late_is_told_by_the_next_page(store: Store) -> None:
    with lock(store, "h-1") as journal:
        journal.settle(noted())
        journal.describe(plan="sha256:12", commit="beef")
        journal.settle(noted(id="d-2"))
        pages = [page.entries for page in over(store).pages()]

    assert [len(each) for each in pages] == [2, 2]
    assert (ledger(store)[0].command.plan, ledger(store)[0].command.commit) == ("sha256:12", "beef")


def test_the_record_costs_one_write_and_no_reading(store: Store) -> None:
    write(store, "h-1", noted())
    with lock(store, "h-2") as journal:
        journal.settle(noted(id="d-2"))
        store.reads.clear()
        store.created.clear()

    assert [each for each in store.reads if "/lock/" not in each] == []
    assert [each for each in store.created if "/lock/" not in each] == [f"{BASE}/ledger/000000000002.json"]
    assert journal.head


def test_taking_the_lock_reads_only_the_last_record(store: Store) -> None:
    for each in range(5):
        write(store, f"h-{each}", noted(id=f"d-{each}"))
    store.reads.clear()
    with lock(store, "h-9"):
        pass

    assert [each for each in store.reads if "/ledger/" in each] == [f"{BASE}/ledger/000000000005.json"]
    assert [each for each in store.reads if "/journal/" in each] == []


# ------------------------------------------------------------------------------------------------ killed commands


def test_the_record_of_a_killed_command_is_written_by_the_next(store: Store) -> None:
    def work(journal: Journal) -> None:
        journal.describe(plan="sha256:12")
        journal.intend(intent("a"))

    die(store, "h-1", work)
    before = ledger(store)
    owed = over(store).owed()
    write(store, "h-2", noted("pond"))
    killed, fence = proven(store)

    assert before == []
    assert [(each.number, each.command.id) for each in owed] == [(1, "h-1")]
    assert (killed.command.id, killed.how, killed.command.plan) == ("h-1", Ending.INTERRUPTED, "sha256:12")
    assert [(each.verb, each.status) for each in killed.deeds] == [("create", DeedStatus.UNKNOWN)]
    assert (fence.command.id, fence.first_page) == ("h-2", killed.last_page + 1)


def test_of_several_killed_commands_each_has_its_record(store: Store) -> None:
    for each in range(3):
        die(store, f"h-{each}", _noting(f"d-{each}"))
    write(store, "h-9", noted("pond"))

    assert [(each.command.id, each.how) for each in proven(store)] == [
        *((f"h-{each}", Ending.INTERRUPTED) for each in range(3)),
        ("h-9", Ending.DONE),
    ]


@pytest.mark.parametrize("keep", [0, 1, 9])
def test_what_a_killed_command_compacted_is_told_all_the_same(store: Store, keep: int) -> None:
    write(store, "h-0", noted(), keep=keep)

    def work(journal: Journal) -> None:
        journal.settle(noted(id="d-2"))
        journal.compact()
        journal.settle(noted("pond"))
        journal.compact()

    held = lock(store, "h-1", keep=keep)
    work(held.__enter__())
    store.fails = lambda _name: True
    held.__exit__(None, None, None)
    store.fails = lambda _name: False
    write(store, "h-2", keep=keep)
    told = proven(store)

    assert [each.command.id for each in told] == ["h-0", "h-1", "h-2"]
    assert [each.after and each.after.id for each in told[1].deeds] == ["d-2", "d-1"]


def test_at_whatever_write_a_command_is_killed_every_one_that_wrote_a_page_is_told_once(store: Store) -> None:
    for moment in range(12):
        writes = [0]

        def fails(_name: str, writes: list[int] = writes, moment: int = moment) -> bool:
            writes[0] += 1
            return writes[0] > moment

        store.fails = fails
        try:
            with lock(store, f"h-{moment}", keep=0) as journal:
                journal.settle(noted(id=f"d-{moment}"))
                journal.compact()
                journal.settle(noted("pond", id=f"p-{moment}"))
                journal.compact()
        except StoreError:
            pass
        store.fails = lambda _name: False
        pages = list(over(store).pages()) if over(store).load().state else []
        owed = [each.command.id for each in over(store).owed()]

        assert [each.command.id for each in ledger(store)] + owed == list(
            dict.fromkeys([*(each.command.id for each in ledger(store)), *(page.by for page in pages)])
        )
    write(store, "h-last", noted(id="d-last"), keep=0)
    ids = [each.command.id for each in proven(store)]

    assert len(ids) == len(set(ids)) >= 8


def test_when_the_record_cannot_be_written_the_command_says_so_and_the_next_writes_it(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), lock(store, "h-1", keep=0) as journal:
        journal.settle(noted())
        journal.compact()
        store.fails = lambda name: "/ledger/" in name
    store.fails = lambda _name: False
    head, kept = journal.head, names(store, "journal")
    write(store, "h-2", noted(id="d-2"), keep=0)

    assert "the ledger's record of this command is left to the next one: cannot write" in caplog.text
    assert (head, kept) == (None, [1])
    assert [(each.command.id, each.how) for each in proven(store)] == [
        ("h-1", Ending.INTERRUPTED),
        ("h-2", Ending.DONE),
    ]
    assert names(store, "journal") == []


def test_a_fenced_holder_writes_no_record_and_is_told_by_whoever_took_over(store: Store) -> None:
    write(store, "h-0", noted())
    first = lock(store, "h-1")
    slow = first.__enter__()
    slow.settle(noted(id="d-1b"))
    write(store, "h-2", noted("pond"))
    with pytest.raises(BackendError):
        slow.settle(noted(id="d-1c"))
    first.__exit__(None, None, None)

    assert [(each.command.id, each.how) for each in proven(store)] == [
        ("h-0", Ending.DONE),
        ("h-1", Ending.INTERRUPTED),
        ("h-2", Ending.DONE),
    ]


def test_a_holder_thought_dead_that_came_to_an_end_keeps_its_own_record(store: Store) -> None:
    write(store, "h-0", noted())
    die(store, "h-1", lambda journal: journal.settle(noted(id="d-1b")))
    (owed,) = over(store).owed()
    before = digest_of(store.objects[f"{BASE}/ledger/000000000001.json"])
    own = encode_ledger(replace(owed, how=Ending.FAILED, previous=before))
    create = store.create

    def late(name: str, body: bytes) -> None:
        if name.endswith("ledger/000000000002.json"):
            store.objects.setdefault(name, own)
        create(name, body)

    store.create = late  # type: ignore[method-assign]  # the slow holder's last write arrives just before ours
    write(store, "h-2", noted("pond"))

    assert [(each.command.id, each.how) for each in proven(store)][1:] == [
        ("h-1", Ending.FAILED),
        ("h-2", Ending.DONE),
    ]


def test_unlocking_is_told(store: Store) -> None:
    write(store, "h-0", noted())
    die(store, "h-1", lambda _journal: None)
    time = Time()
    over(store).unlock("h-1", holder("h-2", "state unlock"), clock=time.clock, sleep=time.sleep, now=lambda: LATER)

    assert [(each.command.operation, each.deeds) for each in proven(store)][1:] == [("state unlock", ())]


def test_a_pushed_state_is_told_by_the_first_record(store: Store) -> None:
    pushed = State(project="shop", environment="prod", lineage="1f", serial=7, records={address(): record()})
    with lock(store, "h-1", "state push") as journal:
        journal.begin(pushed)
    (told,) = proven(store)

    assert (told.serial_before, told.serial, told.command.operation) == (7, 7, "state push")
    assert [(each.verb, each.address) for each in told.deeds] == [("found", address())]


# ------------------------------------------------------------------------------------------------------- damage


@pytest.fixture
def four(store: Store) -> Store:
    """Four commands, the last of which was killed."""
    write(store, "h-1", noted())
    write(store, "h-2", noted(id="d-2"))
    write(store, "h-3", noted("pond"))
    die(store, "h-4", lambda journal: journal.settle(noted("pond", "p-2")))
    return store


def name_of(number: int) -> str:
    return f"{BASE}/ledger/{number:012d}.json"


def damages(body: bytes) -> Sequence[bytes]:
    return [
        *(body[:length] for length in range(len(body))),
        *(body[:at] + bytes([body[at] ^ (1 << at % 8)]) + body[at + 1 :] for at in range(len(body))),
    ]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_record_that_is_cut_or_flipped_anywhere_is_named(four: Store, number: int) -> None:
    for damaged in damages(four.objects[name_of(number)]):
        four.objects[name_of(number)] = damaged
        chain = Chain()
        troubles = [trouble for leaf in over(four).ledger() for trouble in chain.add(leaf)]

        assert troubles[0].startswith(f"memory {name_of(number)} cannot be used: ")


def test_a_damaged_last_record_stops_every_command_before_it_writes(four: Store) -> None:
    whole = four.objects[name_of(3)]
    for damaged in (b"", whole[:-1], whole.replace(b"h-3", b"h-9")):
        four.objects[name_of(3)] = damaged
        before = {each: body for each, body in four.objects.items() if "/lock/" not in each}
        with pytest.raises(LedgerBroken, match=r"000000000003\.json cannot be used: .*`reconciler history seal`"):
            write(four, "h-5", noted())

        assert {each: body for each, body in four.objects.items() if "/lock/" not in each} == before


def test_a_damaged_earlier_record_stops_nobody(four: Store) -> None:
    four.objects[name_of(1)] = b"{}"
    head = write(four, "h-5", noted(id="d-5"))

    assert head is not None
    assert head.number == 5


@pytest.mark.parametrize("cut", [[3], [2, 3], [1, 2, 3]])
def test_a_tail_that_was_cut_off_is_noticed_or_told_again_from_the_journal(four: Store, cut: list[int]) -> None:
    for number in cut:
        del four.objects[name_of(number)]
    write(four, "h-5", noted(id="d-5"))
    told = proven(four)

    assert [each.command.id for each in told] == ["h-1", "h-2", "h-3", "h-4", "h-5"]
    assert [each.how for each in told[cut[0] - 1 : 3]] == [Ending.INTERRUPTED] * len(cut)


def test_a_tail_that_was_cut_off_behind_what_the_journal_still_has_stops_every_command(store: Store) -> None:
    for each in range(5):
        write(store, f"h-{each}", noted(id=f"d-{each}"), keep=1)
    for number in (3, 4, 5):
        del store.objects[name_of(number)]
    with pytest.raises(LedgerBroken, match="ends at page 2 of the journal, and what came after it is not there"):
        write(store, "h-9", noted())


def test_a_ledger_that_is_gone_stops_every_command(store: Store) -> None:
    for each in range(5):
        write(store, f"h-{each}", noted(id=f"d-{each}"), keep=1)
    for number in range(1, 6):
        del store.objects[name_of(number)]

    with pytest.raises(LedgerBroken, match="belongs to record 5 of the ledger, and record 1 is the next"):
        write(store, "h-9", noted())


def test_a_state_that_was_put_back_under_a_newer_ledger_stops_every_command(store: Store) -> None:
    write(store, "h-1", noted())
    old = {each: body for each, body in store.objects.items() if "/state/" in each or "/journal/" in each}
    write(store, "h-2", noted(id="d-2"))
    for each in [*store.list(f"{BASE}/state/"), *store.list(f"{BASE}/journal/")]:
        del store.objects[each]
    store.objects.update(old)

    with pytest.raises(LedgerBroken, match="covers page 2 of the journal, and the newest there is 1"):
        write(store, "h-3", noted())


def test_a_ledger_of_another_state_stops_every_command(store: Store) -> None:
    write(store, "h-1", noted())
    body = store.objects[name_of(1)]
    store.objects[name_of(1)] = encode_ledger(replace(decode_ledger(body), lineage="2f"))

    with pytest.raises(LedgerBroken, match="belongs to another state"):
        write(store, "h-2", noted())


def test_a_sealed_ledger_says_what_was_wrong_and_is_gone_on_with(four: Store) -> None:
    damaged = four.objects[name_of(3)] = four.objects[name_of(3)][:-1]
    time = Time()
    sealed = over(four).seal(holder("h-5", "history seal"), clock=time.clock, sleep=time.sleep, now=lambda: LATER)
    write(four, "h-6", noted(id="d-6"))
    chain = Chain()
    troubles = [trouble for leaf in over(four).ledger() for trouble in chain.add(leaf)]
    seal, after = ledger(four)[2:]
    state = over(four).load().state

    assert sealed.head.number == 5
    assert [each for each in troubles if "000000000003" not in each] == [
        "record 4 is missing before memory shop/prod/ledger/000000000005.json"
    ]
    assert seal.previous == digest_of(damaged)
    assert seal.sealed == (sealed.reason,)
    assert {each.verb for each in seal.deeds} == {"found"}
    assert (after.number, after.previous, after.command.id) == (6, sealed.head.digest, "h-6")
    assert state is not None
    assert list(against(chain, state)) == []


def test_a_seal_after_lost_records_leaves_their_numbers_open(store: Store) -> None:
    for each in range(5):
        write(store, f"h-{each}", noted(id=f"d-{each}"), keep=1)
    for number in (3, 4, 5):
        del store.objects[name_of(number)]
    time = Time()
    sealed = over(store).seal(holder("h-9", "history seal"), clock=time.clock, sleep=time.sleep)

    assert sealed.head.number == 6
    assert write(store, "h-10", noted(id="d-10")) is not None


def test_a_whole_ledger_is_not_sealed(four: Store) -> None:
    time = Time()
    with pytest.raises(BackendError, match="there is nothing to seal"):
        over(four).seal(holder("h-9"), clock=time.clock, sleep=time.sleep)


# ------------------------------------------------------------------------------------------- states that are mended


def mend(store: Store, copy: bytes) -> None:
    time = Time()
    over(store).mend(
        decode_state(copy),
        holder("h-9", "state restore"),
        agree=lambda _found: None,
        clock=time.clock,
        sleep=time.sleep,
        now=lambda: LATER,
    )


def test_a_mended_state_is_told_and_so_is_who_was_killed_before(four: Store) -> None:
    copy = over(four).copy()
    newest = max(each for each in four.objects if "/state/" in each)
    four.objects[newest] = b""
    assert copy is not None
    older = sorted(each for each in four.objects if "/state/" in each)[-2]
    with pytest.raises(Damaged):
        over(four).load()
    mend(four, four.objects[older])
    told = ledger(four)
    chain = Chain()
    troubles = [trouble for leaf in over(four).ledger() for trouble in chain.add(leaf)]
    state = over(four).load().state

    assert troubles == []
    assert [(each.command.operation, each.how) for each in told][-2:] == [
        ("apply", Ending.INTERRUPTED),
        ("state restore", Ending.DONE),
    ]
    assert told[-1].sealed[0].startswith("the state could not be used: it was restored from a copy")
    assert state is not None
    assert list(against(chain, state)) == []
    assert write(four, "h-10", noted(id="d-10")) is not None


def test_a_state_is_mended_under_a_damaged_ledger_too(four: Store) -> None:
    copy = over(four).copy()
    assert copy is not None
    four.objects[name_of(3)] = b""
    four.objects[max(each for each in four.objects if "/state/" in each)] = b""
    mend(four, copy)

    assert ledger(four)[-1].command.operation == "state restore"
    assert write(four, "h-10", noted(id="d-10")) is not None


def test_a_state_at_any_kept_page_can_be_told(store: Store) -> None:
    for each in range(4):
        write(store, f"h-{each}", noted(id=f"d-{each}"), keep=1)
    states = [over(store).state_at(page) for page in range(5)]

    assert [each and each.serial for each in states] == [None, None, None, 3, 4]
    assert over(Memory()).state_at(0) is None


def test_a_state_from_before_the_ledger_is_told_by_its_first_record(store: Store) -> None:
    state = State(project="shop", environment="prod", lineage="1f", serial=3, records={address(): record()})
    store.objects[f"{BASE}/state/000000000003.json"] = encode_state(state, folded=3)
    page = Page(lineage="1f", number=4, by="h-0", entries=(noted("pond", "p-1"),))
    store.objects[f"{BASE}/journal/000000000004.json"] = encode_page(page)
    write(store, "h-1", noted(id="d-2"))
    (told,) = proven(store)

    assert (told.serial_before, told.serial, told.first_page, told.last_page) == (4, 5, 5, 5)
    assert [(each.verb, each.address.name) for each in told.deeds] == [
        ("found", "lake"),
        ("found", "pond"),
        ("record", "lake"),
    ]
