"""The ledger's records: what they tell of a command, and what holding them against each other finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from generators import examples
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.codec import CodecError, decode_ledger, digest_of, encode_ledger
from reconciler.engine.journal import Entry, Folding
from reconciler.engine.ledger import (
    Chain,
    Leaf,
    against,
    command_in,
    deeds,
    found,
    last_heard,
    record_of,
    standing,
)
from reconciler.values import (
    Address,
    Deposed,
    Intent,
    Lifecycle,
    Record,
    Secret,
    Settlement,
    SettlementStatus,
    State,
)
from reconciler.values.ledger import Begin, Command, Deed, DeedStatus, Ending, LedgerRecord

LAKE = Address("didomi", "Destination", "lake")
POND = Address("didomi", "Destination", "pond")
NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)
LATER = NOW + timedelta(minutes=3)
COMMAND = Command(id="h-1", operation="apply", who="ann", host="example", pid=7, since=NOW)
DONE, REFUSED, VOID = SettlementStatus.DONE, SettlementStatus.REFUSED, SettlementStatus.VOID


def record(address: Address = LAKE, id: str | None = "d-1", **applied: str) -> Record:
    return Record(address=address, id=id, scope="org", applied=applied)


def state(*records: Record, serial: int = 0, lineage: str = "1f") -> State:
    by_address = {each.address: each for each in records}
    return State(project="shop", environment="prod", lineage=lineage, serial=serial, records=by_address)


def intent(id: str, address: Address = LAKE, verb: str = "create", wanted: Record | None = None) -> Intent:
    return Intent(id=id, run="r", address=address, verb=verb, scope="org", at=NOW, target="d-9", record=wanted)


def settled(id: str, status: SettlementStatus = DONE, record: Record | None = None) -> Settlement:
    address = record.address if record else LAKE
    return Settlement(
        intent=id, status=status, at=LATER, address=address, record=record, requests=("x-1",) if id else ()
    )


def noted(record: Record | None, address: Address = LAKE) -> Settlement:
    return Settlement(intent="", status=DONE, at=LATER, address=address, record=record)


# ------------------------------------------------------------------------------------------------- telling


def test_a_call_that_was_done_is_told_with_what_was_before_and_after() -> None:
    (told,) = deeds((intent("i", verb="update"), settled("i", record=record(name="new"))), {LAKE: record(name="old")})

    assert told == Deed(
        address=LAKE,
        verb="update",
        status=DeedStatus.DONE,
        at=NOW,
        ended=LATER,
        intent="i",
        target="d-9",
        before=standing(record(name="old")),
        after=standing(record(name="new")),
        requests=("x-1",),
    )


@pytest.mark.parametrize(("status", "word"), [(REFUSED, DeedStatus.REFUSED), (VOID, DeedStatus.VOID)])
def test_a_call_that_did_nothing_is_told_with_what_was_tried(status: SettlementStatus, word: DeedStatus) -> None:
    (told,) = deeds((intent("i", wanted=record()), settled("i", status)), {})

    assert (told.status, told.before, told.after) == (word, None, standing(record()))


def test_a_call_without_an_end_is_told_as_unknown() -> None:
    (told,) = deeds((intent("i", wanted=record()),), {})

    assert (told.status, told.ended, told.requests) == (DeedStatus.UNKNOWN, None, ())


def test_a_call_of_an_earlier_command_is_told_when_its_end_is_known() -> None:
    told = deeds((settled("i", record=record()),), {}, [intent("i"), intent("j")])

    assert [(each.intent, each.status) for each in told] == [("i", DeedStatus.DONE)]


def test_what_a_vendor_computes_later_belongs_to_the_call_before() -> None:
    later = replace(record(), outputs={"role": "r"})
    told = deeds((intent("i"), settled("i", record=record()), noted(later)), {})

    assert [(each.verb, each.after) for each in told] == [("create", standing(later))]


def test_a_change_of_the_state_alone_is_recorded_and_forgotten() -> None:
    told = deeds((noted(record()), noted(None), noted(record(id="d-2"))), {})

    assert [(each.verb, each.before and each.before.id, each.after and each.after.id) for each in told] == [
        ("record", None, "d-1"),
        ("forget", "d-1", None),
        ("record", None, "d-2"),
    ]


def test_what_stays_as_it_is_is_not_told() -> None:
    void = Settlement(intent="", status=VOID, at=NOW, address=LAKE)

    assert deeds((noted(record()), noted(None, POND), void), {LAKE: record()}) == ()


def test_a_standing_has_secrets_as_references_and_only_an_unusual_lifecycle() -> None:
    usual = record()
    unusual = replace(
        usual,
        applied={"key": Secret(source="env", name="KEY")},
        lifecycle=Lifecycle(prevent_destroy=True),
        labels={"team": "crm"},
        deposed=(Deposed(id="d-0", reason="replaced"),),
        retired="report",
    )
    plain, full = standing(usual), standing(unusual)

    assert plain is not None
    assert full is not None
    assert (plain.lifecycle, full.lifecycle) == (None, Lifecycle(prevent_destroy=True))
    assert (full.document, full.labels) == ({"key": Secret(source="env", name="KEY")}, {"team": "crm"})
    assert (full.deposed, full.retired) == (("d-0",), "report")
    assert plain.digest != full.digest


def test_the_last_that_a_command_said_of_itself_counts() -> None:
    more = replace(COMMAND, plan="sha256:1")
    entries = (Begin(command=COMMAND, record=3), intent("i"), Begin(command=more, record=3))

    assert command_in(entries) == Begin(command=more, record=3)
    assert command_in((intent("i"),)) is None


def test_a_command_was_last_heard_at_its_last_entry_or_when_it_began() -> None:
    begin = Begin(command=COMMAND, record=1)

    assert last_heard(COMMAND, (begin, settled("i"))) == LATER
    assert last_heard(COMMAND, (begin,)) == NOW


# ------------------------------------------------------------------------------------------------- chains


class Play:
    """Commands that write one after the other, and the objects they leave."""

    def __init__(self, before: State) -> None:
        self.folding = Folding(before)
        self.bodies: list[bytes] = []
        self.page = 0

    def command(self, *told: Entry, sealed: Sequence[str] = ()) -> None:
        entries = (Begin(command=COMMAND, record=len(self.bodies) + 1), *told)
        before, open_before = self.folding.state, self.folding.open_intents
        self.folding.add(*entries)
        self.page += 1
        made = record_of(
            entries,
            number=len(self.bodies) + 1,
            pages=(self.page, self.page),
            command=COMMAND,
            ended=LATER,
            how=Ending.DONE,
            before=before,
            open_before=open_before,
            after=self.folding.state,
            sealed=sealed,
        )
        previous = digest_of(self.bodies[-1]) if self.bodies else None
        self.bodies.append(encode_ledger(replace(made, previous=previous)))


def leaf(number: int, body: bytes) -> Leaf:
    name = f"ledger/{number}"
    try:
        return Leaf(number=number, name=name, digest=digest_of(body), record=decode_ledger(body))
    except CodecError as error:
        return Leaf(number=number, name=name, digest=digest_of(body), record=None, trouble=f"cannot be used: {error}")


def read(bodies: dict[int, bytes] | Sequence[bytes]) -> tuple[Chain, list[str]]:
    numbered = bodies if isinstance(bodies, dict) else dict(enumerate(bodies, 1))
    chain = Chain()
    return chain, [trouble for number, body in sorted(numbered.items()) for trouble in chain.add(leaf(number, body))]


def three() -> Play:
    play = Play(state())
    play.command(intent("a"), settled("a", record=record(name="lake")), noted(record(POND), POND))
    play.command(intent("b", verb="update"), settled("b", record=record(name="sea")))
    play.command(noted(None, POND), intent("c", wanted=record(POND), address=POND))
    return play


@st.composite
def commands(draw: st.DrawFn) -> list[list[tuple[int, str]]]:
    deed = st.tuples(st.integers(0, 3), st.sampled_from(["done", "gone", "refused", "void", "open", "end", "note"]))
    return draw(st.lists(st.lists(deed, max_size=5), min_size=1, max_size=6))


def entries_of(plan: Sequence[tuple[int, str]], folding: Folding, drawn: list[int]) -> list[Entry]:
    open_now = list(folding.open_intents)
    entries: list[Entry] = []
    for number, what in plan:
        address = Address("didomi", "Destination", f"lake-{number}")
        drawn.append(len(drawn))
        id, made = f"i-{drawn[-1]}", record(address, id=f"d-{drawn[-1]}", name=f"n-{drawn[-1]}")
        match what:
            case "note":
                entries.append(noted(made, address))
            case "end":
                entries += [
                    Settlement(intent=each.id, status=DONE, at=NOW, address=each.address, record=each.record)
                    for each in open_now[:1]
                ]
                del open_now[:1]
            case _:
                entries.append(intent(id, address, wanted=made))
        ends: dict[str, tuple[SettlementStatus, Record | None]] = {
            "done": (DONE, made),
            "gone": (DONE, None),
            "refused": (REFUSED, None),
            "void": (VOID, None),
        }
        if what in ends:
            status, after = ends[what]
            entries.append(Settlement(intent=id, status=status, at=LATER, address=address, record=after))
    return entries


@examples(60)
@given(commands(), st.booleans())
def test_the_records_of_any_commands_are_consistent_and_lead_to_the_state(
    plans: list[list[tuple[int, str]]], began_late: bool
) -> None:
    play = Play(state(record(name="old"), serial=4) if began_late else state())
    drawn: list[int] = []
    for plan in plans:
        play.command(*entries_of(plan, play.folding, drawn))
    chain, troubles = read(play.bodies)

    assert troubles == []
    assert chain.count == len(plans)
    assert list(against(chain, play.folding.state)) == []
    assert set(chain.standings) == set(play.folding.state.records)


def test_the_first_record_tells_of_all_that_was_there() -> None:
    play = Play(state(record(), serial=9))
    play.command(noted(record(POND), POND))
    (told,) = [decode_ledger(body) for body in play.bodies]

    assert [(each.verb, each.address) for each in told.deeds] == [("found", LAKE), ("record", POND)]
    assert told.begins
    assert found({}, NOW) == ()


def test_a_sealed_record_tells_of_all_that_is_there_and_the_chain_begins_anew() -> None:
    play = three()
    play.command(sealed=("the disk was old",))
    bodies = dict(enumerate(play.bodies, 1))
    chain, troubles = read({**bodies, 2: b"{}"})

    assert [each for each in troubles if "ledger/2" in each] == troubles[:1]
    assert [each.sealed for each in chain.sealed] == [("the disk was old",)]
    assert chain.is_complete
    assert list(against(chain, play.folding.state)) == []


@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_byte_of_every_record_counts(number: int) -> None:
    bodies = three().bodies
    whole = bodies[number - 1]
    for position in range(len(whole)):
        bodies[number - 1] = whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :]
        _, troubles = read(bodies)

        assert any(each.startswith(f"ledger/{number} cannot be used") for each in troubles)


def changed(number: int, change: Callable[[LedgerRecord], LedgerRecord], *, chained: bool = True) -> list[str]:
    """What is found when somebody writes a record and all after it anew."""
    bodies = three().bodies
    bodies[number - 1] = encode_ledger(change(decode_ledger(bodies[number - 1])))
    if chained:
        for later in range(number, len(bodies)):
            previous = digest_of(bodies[later - 1])
            bodies[later] = encode_ledger(replace(decode_ledger(bodies[later]), previous=previous))
    return read(bodies)[1]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda each: replace(each, lineage="2f"), "belongs to another state (lineage `2f`, not `1f`)"),
        (lambda each: replace(each, serial_before=9), "begins at serial 9, and the record before ends at 2"),
        (lambda each: replace(each, first_page=9), "begins at page 9, and the record before ends at 1"),
        (lambda each: replace(each, number=9), "says that it is record 9"),
        (
            lambda each: replace(each, deeds=(replace(each.deeds[0], before=None),)),
            f"does not continue what the records before say of {LAKE}",
        ),
    ],
    ids=["lineage", "serial", "page", "number", "before"],
)
def test_a_record_that_does_not_continue_the_one_before_is_named(
    change: Callable[[LedgerRecord], LedgerRecord], says: str
) -> None:
    assert f"ledger/2 {says}" in changed(2, change)


def test_a_record_that_conceals_what_was_done_does_not_lead_to_the_state() -> None:
    play = three()
    play.bodies[1] = encode_ledger(replace(decode_ledger(play.bodies[1]), deeds=()))
    chain, _ = read(play.bodies)

    assert list(against(chain, play.folding.state)) == [
        f"the state holds something else for {LAKE} than the records say"
    ]


def test_a_record_that_was_exchanged_is_noticed_by_the_next() -> None:
    troubles = changed(2, lambda each: replace(each, ended=NOW), chained=False)

    assert troubles == ["ledger/3 was written after another record than the one before it is now: one was exchanged"]


def test_a_first_record_that_follows_another_is_noticed() -> None:
    troubles = changed(1, lambda each: replace(each, previous="sha256:00"))

    assert troubles == ["ledger/1 was written after another record than the one before it is now: one was exchanged"]


@pytest.mark.parametrize(
    ("gone", "says"),
    [
        ([2], "record 2 is missing before ledger/3"),
        ([1, 2], "record 1 to 2 is missing before ledger/3"),
    ],
)
def test_a_record_that_is_missing_is_named(gone: list[int], says: str) -> None:
    bodies = {number: body for number, body in enumerate(three().bodies, 1) if number not in gone}
    chain, troubles = read(bodies)

    assert troubles == [says]
    assert not chain.is_complete


def test_after_a_record_that_cannot_be_read_nothing_is_claimed_of_the_state() -> None:
    bodies = three().bodies
    bodies[1] = b""
    chain, troubles = read(bodies)

    assert [each.split(" cannot")[0] for each in troubles[:1]] == ["ledger/2"]
    assert not chain.is_complete
    assert chain.last is not None


def test_a_state_that_is_further_than_the_records_is_noticed() -> None:
    play = three()
    chain, _ = read(play.bodies[:2])
    troubles = list(against(chain, play.folding.state))

    assert troubles == [
        "the state has serial 4 of lineage `1f`, and the newest record says serial 3 of `1f`",
        f"the state holds something else for {POND} than the records say",
    ]
