"""Whatever happens to a stored byte, it is named and never read as "nothing exists"."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from memory_store import Memory

from reconciler.backend import Backend, BackendError, Holder
from reconciler.engine.codec import decode_state, encode_state
from reconciler.values import Address, Intent, Record, Settlement, SettlementStatus, State

NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)
LAKE = Address("didomi", "Destination", "lake")
HOLDER = Holder(id="h-1", who="ann", operation="apply", host="example", pid=1, since=NOW)
STATE = "shop/prod/state/000000000002.json"
PAGE = "shop/prod/journal/000000000003.json"


@pytest.fixture
def memory() -> Memory:
    """A state that two pages led to, and an open intent after it."""
    memory = Memory()
    with backend_over(memory).lock(HOLDER) as journal:
        journal.intend(intent("a"))
        record = Record(address=LAKE, id="d-1", scope="org", applied={"name": "lake"})
        journal.settle(Settlement(intent="a", status=SettlementStatus.DONE, at=NOW, address=LAKE, record=record))
        journal.compact()
        journal.intend(intent("b"))
    return memory


def backend_over(memory: Memory) -> Backend:
    return Backend.over(memory, project="shop", environment="prod")


def intent(id: str) -> Intent:
    return Intent(id=id, run="r-1", address=LAKE, verb="create", scope="org", at=NOW)


def refused(memory: Memory, name: str) -> None:
    """Reading and taking the lock both name the object, and change nothing but the lock."""
    before = {each: body for each, body in memory.objects.items() if "/lock/" not in each}
    with pytest.raises(BackendError, match=name):
        backend_over(memory).load()
    with pytest.raises(BackendError, match=name), backend_over(memory).lock(HOLDER):
        pass

    assert {each: body for each, body in memory.objects.items() if "/lock/" not in each} == before


@pytest.mark.parametrize("name", [STATE, PAGE])
def test_an_object_cut_at_any_byte_is_named(memory: Memory, name: str) -> None:
    whole = memory.objects[name]
    backend = backend_over(memory)
    for length in range(len(whole)):
        memory.objects[name] = whole[:length]
        with pytest.raises(BackendError, match=f"{name} cannot be used: "):
            backend.load()

    memory.objects[name] = b""
    refused(memory, name)


@pytest.mark.parametrize("name", [STATE, PAGE])
def test_an_object_with_any_bit_flipped_is_named(memory: Memory, name: str) -> None:
    whole = memory.objects[name]
    backend = backend_over(memory)
    for position in range(len(whole)):
        memory.objects[name] = whole[:position] + bytes([whole[position] ^ (1 << position % 8)]) + whole[position + 1 :]
        with pytest.raises(BackendError, match=name):
            backend.load()


def other(lineage: str | None = None, **more: object) -> Callable[[bytes], bytes]:
    """The same state under another name."""

    def change(body: bytes) -> bytes:
        stored = decode_state(body)
        state = stored.state
        changed = State(
            project=str(more.get("project", state.project)),
            environment=state.environment,
            lineage=lineage or state.lineage,
            serial=state.serial,
            records=state.records,
        )
        return encode_state(changed, stored.open_intents, folded=int(str(more.get("folded", stored.folded))))

    return change


@pytest.mark.parametrize(
    "change",
    [other(lineage="2f"), other(project="bank"), other(folded=1), other(folded=99)],
    ids=["lineage", "project", "older", "newer"],
)
def test_a_whole_state_that_is_not_the_one_is_named(memory: Memory, change: Callable[[bytes], bytes]) -> None:
    memory.objects[STATE] = change(memory.objects[STATE])

    refused(memory, "shop/prod/")


def test_a_state_of_a_newer_format_is_named_and_not_guessed_at(memory: Memory) -> None:
    memory.objects[STATE] = memory.objects[STATE].replace(b'"version":1', b'"version":2')

    refused(memory, STATE)


@pytest.mark.parametrize("length", [0, 1, 40, -1])
def test_a_damaged_entry_of_the_lock_is_a_held_lock_that_is_watched_like_any(memory: Memory, length: int) -> None:
    name = max(each for each in memory.objects if "/lock/" in each)
    memory.objects[name] = memory.objects[name].replace(b"release", b"beat")[:length]
    now = [100.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    with backend_over(memory).lock(HOLDER, clock=lambda: now[0], sleep=sleep) as journal:
        pages = [each for each in memory.objects if "/journal/" in each]

    assert now[0] - 100 >= 180
    assert journal.interrupted is not None
    assert max(pages).endswith("000000000004.json")


def test_a_long_journal_leads_to_the_same_state_as_a_short_one_and_is_cleared_away(memory: Memory) -> None:
    backend = Backend.over(memory, project="shop", environment="prod", keep=0)
    with backend.lock(HOLDER) as journal:
        for number in range(60):
            record = Record(address=LAKE, id=f"d-{number}", scope="org", applied={})
            journal.settle(Settlement(intent="", status=SettlementStatus.DONE, at=NOW, address=LAKE, record=record))
        followed = backend.load().state
        journal.compact()

    assert followed == journal.state == backend.load().state
    assert followed.records[LAKE].id == "d-59"
    assert [each for each in memory.objects if "/journal/" in each] == []


@pytest.mark.parametrize("number", [10, 40])
def test_a_gap_or_damage_in_a_long_journal_is_named(memory: Memory, number: int) -> None:
    with backend_over(memory).lock(HOLDER) as journal:
        for each in range(60):
            journal.intend(intent(f"i-{each}"))
    name = f"shop/prod/journal/{number:012d}.json"
    memory.objects[name] = b""

    refused(memory, f"{name} cannot be used")
    del memory.objects[name]
    refused(memory, f"{name} is missing, but later pages are there")
