from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import cast

import pytest

from reconciler.engine.journal import Entry, Folding, JournalError, fold
from reconciler.values import Address, Intent, Record, Settlement, SettlementStatus, State
from reconciler.values.ledger import Begin, Command

LAKE = Address("didomi", "Destination", "lake")
POND = Address("didomi", "Destination", "pond")
NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)


def record(address: Address = LAKE, id: str = "d-1") -> Record:
    return Record(address=address, id=id, scope="org", applied={})


def state(*records: Record) -> State:
    return State(
        project="shop", environment="prod", lineage="1f", serial=3, records={each.address: each for each in records}
    )


def intent(id: str, address: Address = LAKE) -> Intent:
    return Intent(id=id, run="r-1", address=address, verb="create", scope="org", at=NOW)


def settled(
    id: str, status: SettlementStatus = SettlementStatus.DONE, record: Record | None = None, address: Address = LAKE
) -> Settlement:
    return Settlement(intent=id, status=status, at=NOW, address=address, record=record)


def test_nothing_written_leaves_the_state_as_it_is() -> None:
    assert fold(state(record()), ()) == (state(record()), ())


def test_a_creation_that_was_done_adds_its_record() -> None:
    after, _ = fold(state(), (intent("i"), settled("i", record=record())))

    assert after.records == {LAKE: record()}


def test_a_change_that_was_done_replaces_the_record() -> None:
    after, _ = fold(state(record()), (intent("i"), settled("i", record=record(id="d-2"))))

    assert after.records == {LAKE: record(id="d-2")}


def test_a_deletion_that_was_done_removes_the_record() -> None:
    after, _ = fold(state(record(), record(POND)), (intent("i"), settled("i")))

    assert after.records == {POND: record(POND)}


def test_removing_what_is_not_recorded_is_no_error() -> None:
    after, _ = fold(state(), (settled(""),))

    assert after.records == {}


@pytest.mark.parametrize("status", [SettlementStatus.REFUSED, SettlementStatus.VOID])
def test_a_refusal_or_a_void_only_closes_the_intent(status: SettlementStatus) -> None:
    after = fold(state(record()), (intent("i"), settled("i", status, record(id="d-2"))))

    assert after == (state(record()), ())


def test_an_intent_without_an_end_is_open() -> None:
    entries: tuple[Entry, ...] = (intent("a"), intent("b", POND), intent("c"), settled("b", address=POND))

    assert fold(state(), entries)[1] == (intent("a"), intent("c"))


def test_a_settlement_without_an_intent_changes_the_state_alone() -> None:
    after = fold(state(record()), (intent("i"), settled("", record=record(POND), address=POND)))

    assert (set(after[0].records), after[1]) == ({LAKE, POND}, (intent("i"),))


def test_the_serial_grows_with_every_settlement_that_is_done() -> None:
    entries: tuple[Entry, ...] = (
        intent("a"),
        settled("a", record=record()),
        intent("b"),
        settled("b", SettlementStatus.VOID),
        settled("", record=None),
        intent("c"),
    )

    assert fold(state(), entries)[0].serial == 5


def test_the_state_before_is_left_alone() -> None:
    before = state(record())
    fold(before, (settled("", record=record(id="d-2")), settled("", record=record(POND), address=POND)))

    assert before == state(record())


def test_open_intents_of_a_stored_state_can_be_settled() -> None:
    folding = Folding(state(), [intent("i")])
    folding.add(settled("i", record=record()))

    assert (folding.state.records, folding.open_intents) == ({LAKE: record()}, ())


def test_a_state_given_out_does_not_move_with_the_next_entry() -> None:
    folding = Folding(state())
    given = folding.state
    folding.add(settled("", record=record()))

    assert (given.records, folding.state.records) == ({}, {LAKE: record()})


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ((intent("i"), intent("i")), "the intent `i` for `didomi/Destination/lake` is there twice or has no id"),
        ((intent(""),), "the intent `` for `didomi/Destination/lake` is there twice or has no id"),
        ((settled("i"),), "the intent `i` for `didomi/Destination/lake` is not open"),
        ((intent("i"), settled("i"), settled("i")), "the intent `i` for `didomi/Destination/lake` is not open"),
        (
            (settled("", record=record(POND)),),
            "the end for `didomi/Destination/lake` holds the record `didomi/Destination/pond`",
        ),
    ],
)
def test_entries_that_do_not_follow_are_refused(entries: tuple[Entry, ...], message: str) -> None:
    with pytest.raises(JournalError) as error:
        fold(state(), entries)

    assert str(error.value) == message


def test_entries_are_applied_all_or_not_at_all() -> None:
    folding = Folding(state())
    with pytest.raises(JournalError):
        folding.add(settled("", record=record()), settled("i"))

    assert folding.state == state()


def test_an_intent_may_be_written_again_once_it_was_closed() -> None:
    entries: tuple[Entry, ...] = (intent("i"), settled("i", SettlementStatus.VOID), dataclasses.replace(intent("i")))

    assert fold(state(), entries)[1] == (intent("i"),)


def test_a_stranger_among_the_entries_is_a_mistake_of_the_program() -> None:
    with pytest.raises(AssertionError):
        fold(state(), (cast("Entry", "i"),))


def test_a_settlement_of_no_known_status_is_a_mistake_of_the_program() -> None:
    with pytest.raises(AssertionError):
        fold(state(), (settled("", cast("SettlementStatus", "maybe")),))


def test_what_a_command_says_of_itself_changes_nothing() -> None:
    command = Command(id="h-1", operation="apply", who="ann", host="example", pid=7, since=NOW)

    assert fold(state(record()), (Begin(command=command, record=1),)) == (state(record()), ())
