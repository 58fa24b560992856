"""Which record carried a field out, held against every state that there was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.shape import Shape
from reconciler.history.fields import Key, Leaf, leaves, same
from reconciler.history.trail import deeds_of, renamed_to, trail
from reconciler.values import Address, Document
from reconciler.values.ledger import Command, Deed, DeedStatus, Ending, LedgerRecord, Standing

HERE, THERE = Address("harbor", "Cargo", "grain"), Address("harbor", "Cargo", "wheat")
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)


def standing(document: Document | None, id: str = "id-1") -> Standing | None:
    return Standing(digest="", id=id, document=document) if document is not None else None


def deed(before: Document | None, after: Document | None, verb: str = "update", address: Address = HERE) -> Deed:
    at = BEGIN
    return Deed(
        address=address, verb=verb, status=DeedStatus.DONE, at=at, before=standing(before), after=standing(after)
    )


def record(number: int, *deeds: Deed, sealed: tuple[str, ...] = ()) -> LedgerRecord:
    since = BEGIN + timedelta(hours=number)
    return LedgerRecord(
        number=number,
        previous=None,
        lineage="line",
        serial_before=number - 1,
        serial=number,
        first_page=number,
        last_page=number,
        command=Command(id=str(number), operation="apply", who="ana", host="host", pid=1, since=since),
        ended=since,
        how=Ending.DONE,
        tool="1",
        deeds=deeds,
        sealed=sealed,
    )


def taken_apart(document: Document) -> Mapping[Key, Leaf]:
    return leaves(document, Shape())


_DOCUMENTS = st.none() | st.dictionaries(st.sampled_from("abc"), st.sampled_from([0, 1, True]), max_size=3)


def _since(versions: Sequence[Document | None], key: Key, leaf: Leaf) -> int:
    """The number of the first record from which on every version says the same; versions begin before record 1."""
    number = len(versions) - 1
    while number > 0:
        before = versions[number - 1]
        known = taken_apart(before).get(key) if before is not None else None
        if known is None or not same(known.value, leaf.value):
            break
        number -= 1
    return number


@given(st.lists(_DOCUMENTS, min_size=1, max_size=8), st.dictionaries(st.sampled_from("abc"), st.sampled_from([0, 1])))
def test_a_field_is_carried_by_the_record_since_which_it_has_its_value(
    versions: list[Document | None], last: Document
) -> None:
    states: list[Document | None] = [None, *versions, last]
    records = [
        record(number, deed(before, after, "update" if before else "create"))
        for number, (before, after) in enumerate(pairwise(states), 1)
        if before is not None or after is not None
    ]
    found = trail(HERE, taken_apart(last), reversed(records), taken_apart)

    assert found.names == [HERE]
    assert {key: told.record.number for key, told in found.carried.items()} == {
        key: _since(states, key, leaf) for key, leaf in taken_apart(last).items()
    }


def test_where_a_chain_begins_anew_fields_are_found() -> None:
    records = [record(2, deed(None, {"a": 1}, "found"), sealed=("damaged",)), record(1, deed(None, {"a": 1}, "create"))]
    found = trail(HERE, taken_apart({"a": 1}), records, taken_apart)

    assert [(told.record.number, told.deed.verb) for told in found.carried.values()] == [(2, "found")]


def test_a_rename_is_followed_and_a_swap_of_names_is_none() -> None:
    dropped, taken = deed({"a": 1}, None, "forget", THERE), deed(None, {"a": 1}, "record", HERE)
    renamed = record(2, taken, dropped)
    other = Deed(address=HERE, verb="record", status=DeedStatus.DONE, at=BEGIN, after=standing({"a": 1}, "id-2"))
    stranger = record(2, other, dropped)
    first = record(1, deed(None, {"a": 1}, "create", THERE))

    assert [told.address for told in deeds_of(HERE, [renamed, first])] == [HERE, THERE]
    assert [told.address for told in deeds_of(HERE, [stranger, first])] == [HERE]
    assert [renamed_to(told) for told in deeds_of(THERE, [renamed, first])] == [HERE, None]


def test_no_more_records_are_read_than_it_takes() -> None:
    def records() -> Iterator[LedgerRecord]:
        yield record(2, deed(None, {"a": 1}, "create"))
        raise AssertionError("one record says it all")

    assert trail(HERE, taken_apart({"a": 1}), records(), taken_apart).made is not None
