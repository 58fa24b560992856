from __future__ import annotations

import dataclasses
import json
import time
import typing
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from generators import examples
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine import codec
from reconciler.engine.codec import CodecError
from reconciler.values import (
    HIDDEN,
    MISSING,
    UNKNOWN,
    Action,
    Address,
    Blank,
    Change,
    Deposed,
    Desired,
    FieldChange,
    Hold,
    HoldKind,
    Intent,
    Lifecycle,
    Mark,
    OnRemoval,
    Options,
    Plan,
    Problem,
    Reason,
    ReasonCode,
    Record,
    Ref,
    ReplaceOrder,
    Resource,
    Secret,
    Settlement,
    SettlementStatus,
    Severity,
    State,
    Value,
)
from reconciler.values.ledger import Begin, Command

LAKE = Address("didomi", "Destination", "lake")
NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)

texts = st.text(max_size=8)
names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,6}[a-z0-9])?", fullmatch=True)
addresses = st.builds(Address, names, st.sampled_from(["Destination", "Dataflow"]), names)
secrets = st.builds(Secret, source=texts, name=texts, key=st.none() | texts, version=st.none() | texts)
keys = texts | st.sampled_from(["$ref", "$$ref", "$secret", "$blank", "$", "$$"])
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.builds(Ref, addresses)
    | secrets
    | st.sampled_from(Blank)
)
values: st.SearchStrategy[Value] = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=8,
)
documents = st.dictionaries(keys, values, max_size=4)
times = st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
labels = st.dictionaries(texts, texts, max_size=2)
lifecycles = st.builds(
    Lifecycle,
    prevent_destroy=st.booleans(),
    ignore_changes=st.lists(texts, max_size=2).map(tuple),
    on_removal=st.none() | st.sampled_from(OnRemoval),
    create_anyway=st.booleans(),
    replace=st.none() | st.sampled_from(ReplaceOrder),
)
records = st.builds(
    Record,
    address=addresses,
    id=st.none() | texts,
    scope=texts,
    applied=documents,
    needs=st.lists(addresses, max_size=2).map(tuple),
    lifecycle=lifecycles,
    labels=labels,
    source=st.none() | texts,
    origin=st.none() | addresses,
    outputs=documents,
    memo=documents,
    deposed=st.lists(st.builds(Deposed, id=texts, reason=texts), max_size=2).map(tuple),
    unsure=st.lists(texts, max_size=2).map(tuple),
    retired=st.none() | texts,
    touched=st.none() | times,
)
intents = st.builds(
    Intent,
    id=texts,
    run=texts,
    address=addresses,
    verb=texts,
    scope=texts,
    at=times,
    target=st.none() | texts,
    replaces=st.none() | texts,
    seen=st.lists(texts, max_size=2).map(tuple),
    record=st.none() | records,
    memo=documents,
)
settlements = st.builds(
    Settlement,
    intent=texts,
    status=st.sampled_from(SettlementStatus),
    at=times,
    address=addresses,
    record=st.none() | records,
)
begins = st.builds(
    Begin,
    command=st.builds(
        Command,
        id=texts,
        operation=texts,
        who=texts,
        host=texts,
        pid=st.integers(),
        since=times,
        ci_run=st.none() | texts,
        commit=st.none() | texts,
        plan=st.none() | texts,
    ),
    record=st.integers(),
)
states = st.builds(
    State,
    project=texts,
    environment=texts,
    lineage=texts,
    serial=st.integers(min_value=0),
    records=st.lists(records, max_size=3).map(lambda some: {each.address: each for each in some}),
)
resources = st.builds(
    Resource,
    address=addresses,
    attributes=documents,
    mark=st.none() | st.builds(Mark, file=texts, line=st.integers(1, 9), column=st.integers(1, 9)),
    lifecycle=lifecycles,
    labels=labels,
    origin=st.none() | addresses,
)
paths = st.lists(texts | st.integers(0, 9), max_size=3).map(tuple)
problems = st.builds(
    Problem,
    code=texts,
    message=texts,
    mark=st.none() | st.builds(Mark, file=texts, line=st.integers(1, 9), column=st.integers(1, 9)),
    address=st.none() | addresses,
    path=paths,
    help=st.none() | texts,
    severity=st.sampled_from(Severity),
)
changes = st.builds(
    Change,
    address=addresses,
    action=st.sampled_from(Action),
    fields=st.lists(
        st.builds(
            FieldChange, path=paths, before=values, after=values, forces_replacement=st.booleans(), hidden=st.booleans()
        ),
        max_size=2,
    ).map(tuple),
    reasons=st.lists(st.builds(Reason, code=st.sampled_from(ReasonCode), text=texts), max_size=2).map(tuple),
    id=st.none() | texts,
    resource=st.none() | resources,
    record=st.none() | records,
    revision=st.none() | texts,
    digest=st.none() | texts,
    discard=st.lists(texts, max_size=2).map(tuple),
    delete_first=st.booleans(),
    hold=st.none() | st.builds(Hold, kind=st.sampled_from(HoldKind), reason=texts),
    points_at=st.lists(addresses, max_size=2).map(tuple),
    notes=st.lists(texts, max_size=2).map(tuple),
)
plans = st.builds(
    Plan,
    project=texts,
    environment=texts,
    lineage=texts,
    serial=st.integers(min_value=0),
    taken=times,
    changes=st.lists(changes, max_size=2).map(tuple),
    problems=st.lists(problems, max_size=2).map(tuple),
    partial=st.booleans(),
    retired=st.integers(0, 9),
    notes=st.lists(texts, max_size=2).map(tuple),
)
options = st.builds(
    Options,
    targets=st.frozensets(addresses, max_size=2),
    excludes=st.frozensets(addresses, max_size=2),
    labels=labels,
    replace=st.frozensets(addresses, max_size=2),
    resend=st.frozensets(addresses, max_size=2),
    destroy=st.booleans(),
)
unhurried = examples(25)


def record(name: str = "lake", **fields: typing.Any) -> Record:  # noqa: ANN401 - any field of a record
    return Record(address=Address("didomi", "Destination", name), id="d-1", scope="org", applied={}, **fields)


def state(*records: Record) -> State:
    return State(
        project="shop", environment="prod", lineage="1f", serial=3, records={each.address: each for each in records}
    )


def intent() -> Intent:
    return Intent(id="i-1", run="r-1", address=LAKE, verb="create", scope="org", at=NOW, record=record())


def settlement() -> Settlement:
    return Settlement(intent="i-1", status=SettlementStatus.DONE, at=NOW, address=LAKE, record=record())


def plan() -> Plan:
    return Plan(project="shop", environment="prod", lineage="1f", serial=3, taken=NOW, changes=())


def resealed(content: bytes, **fields: object) -> bytes:
    """The file as somebody would write it who knows how: with other fields and a digest that fits."""
    body = json.loads(content)
    kind = body.pop("kind")
    del body["digest"]
    body |= fields
    return codec._sealed(body.pop("kind", kind), {key: each for key, each in body.items() if each is not None})


# ------------------------------------------------------------------------------------------- documents


@unhurried
@given(documents)
def test_a_document_comes_back_as_it_was(document: dict[str, Value]) -> None:
    written = codec.to_json(codec.encode_document(document))

    assert codec.decode_document(msgspec.json.decode(written)) == document


@unhurried
@given(documents)
def test_a_document_has_one_canonical_text_whatever_the_order_of_its_keys(document: dict[str, Value]) -> None:
    turned = dict(reversed(document.items()))

    assert codec.canonical(turned) == codec.canonical(document)


@unhurried
@given(values, values)
def test_documents_of_one_canonical_text_are_equal(left: Value, right: Value) -> None:
    same = codec.canonical({"a": left}) == codec.canonical({"a": right})

    assert not same or left == right


def test_references_secrets_and_blanks_are_tagged_objects() -> None:
    document: dict[str, Value] = {
        "to": Ref(LAKE),
        "key": Secret(source="env", name="RECONCILER_SECRET_LAKE"),
        "old": Secret(source="vault", name="kv/lake", key="k", version="2"),
        "blanks": (UNKNOWN, MISSING, HIDDEN),
    }

    assert codec.canonical(document) == (
        b'{"blanks":[{"$blank":"unknown"},{"$blank":"missing"},{"$blank":"hidden"}],'
        b'"key":{"$secret":{"name":"RECONCILER_SECRET_LAKE","source":"env"}},'
        b'"old":{"$secret":{"key":"k","name":"kv/lake","source":"vault","version":"2"}},'
        b'"to":{"$ref":"didomi/Destination/lake"}}'
    )


def test_a_users_key_that_looks_like_a_tag_is_escaped() -> None:
    assert codec.canonical({"a": {"$ref": "x", "$$b": 1}}) == b'{"a":{"$$$b":1,"$$ref":"x"}}'


def test_a_list_is_written_as_a_tuple() -> None:
    assert codec.canonical(typing.cast("dict[str, Value]", {"a": [1, 2]})) == codec.canonical({"a": (1, 2)})


def test_the_digest_names_its_algorithm() -> None:
    assert codec.digest({}) == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "`a` is a `float` that has no place in a document"),
        (float("inf"), "`a` is a `float` that has no place in a document"),
        ({"b": (1, {"c": b"x"})}, "`a.b.c` is a `bytes` that has no place in a document"),
        (Ref(Address("X", "y", "z")), "`a` is wrong: `X/y/z` is not an address; write `vendor/Kind/name`, such as"),
        ({1: 2}, "`a` has a key that is no text but a `int`"),
        ("\ud800", "the value cannot be written as JSON"),
    ],
)
def test_a_value_that_has_no_place_in_a_document_is_refused(value: Value, message: str) -> None:
    with pytest.raises(CodecError) as error:
        codec.canonical({"a": value})

    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("builtin", "message"),
    [
        ([], "the value should be a mapping, not a list"),
        ({"$ref": "a"}, "the value has the key `$ref` where a document begins"),
        ({"a": {"$ref": 1}}, "`a` has a tag that this version does not know (`$ref`)"),
        ({"a": {"$ref": "didomi/Destination/lake", "b": 1}}, "`a` has a tag that this version does not know"),
        ({"a": {"$ref": "lake"}}, "`a` is wrong: `lake` is not an address"),
        ({"a": {"$secret": {"name": "x"}}}, "`a` has a tag that this version does not know (`$secret`)"),
        ({"a": {"$secret": {"name": "x", "source": 1}}}, "`a` has a tag that this version does not know"),
        ({"a": {"$blank": "UNKNOWN"}}, "`a` has a tag that this version does not know (`$blank`)"),
        ({"a": {"$date": "x"}}, "`a` has a tag that this version does not know (`$date`)"),
        ({"a": b"x"}, "`a` should be a mapping, not a mapping"),
    ],
)
def test_what_is_no_document_is_refused(builtin: object, message: str) -> None:
    with pytest.raises(CodecError) as error:
        codec.decode_document(builtin)

    assert str(error.value).startswith(message)


# ---------------------------------------------------------------------------------------------- values


@unhurried
@given(records)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    assert codec.decode_record(msgspec.json.decode(codec.to_json(codec.encode_record(record)))) == record


@unhurried
@given(intents)
def test_an_intent_comes_back_as_it_was(intent: Intent) -> None:
    assert codec.decode_intent(msgspec.json.decode(codec.to_json(codec.encode_intent(intent)))) == intent


@unhurried
@given(settlements)
def test_a_settlement_comes_back_as_it_was(settlement: Settlement) -> None:
    written = codec.to_json(codec.encode_settlement(settlement))

    assert codec.decode_settlement(msgspec.json.decode(written)) == settlement


@unhurried
@given(plans)
def test_a_plan_comes_back_as_it_was(plan: Plan) -> None:
    assert codec.decode_plan(msgspec.json.decode(codec.to_json(codec.encode_plan(plan)))) == plan


def test_a_change_is_plain_data_for_reports() -> None:
    assert codec.encode_change(Change(address=LAKE, action=Action.NOOP)) == {
        "address": "didomi/Destination/lake",
        "action": "no-op",
        "delete_first": False,
    }


def test_every_field_of_a_record_that_is_not_empty_is_written() -> None:
    written = codec.encode_record(record(touched=NOW, labels={"team": "crm"}))

    assert written == {
        "address": "didomi/Destination/lake",
        "id": "d-1",
        "scope": "org",
        "applied": {},
        "lifecycle": {"prevent_destroy": False, "create_anyway": False},
        "labels": {"team": "crm"},
        "touched": "2026-12-01T06:00:00Z",
    }


def test_a_time_elsewhere_is_written_in_utc() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=2)))

    assert codec.encode_record(record(touched=there))["touched"] == "2026-12-01T06:00:00Z"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(CodecError, match="`touched` is a time without a time zone"):
        codec.encode_record(record(touched=NOW.replace(tzinfo=None)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"colour": 1}, "the value has the unknown field `colour`"),
        ({"id": 1}, "`id` should be text, not a number"),
        ({"scope": None}, "`scope` should be text, not nothing"),
        ({"address": "lake"}, "`address` is wrong: `lake` is not an address"),
        ({"needs": "lake"}, "`needs` should be a list, not text"),
        ({"needs": [True]}, "`needs[0]` should be text, not true or false"),
        ({"labels": {"a": 1}}, "`labels` should be text, not a number"),
        ({"lifecycle": {"prevent_destroy": 1}}, "`lifecycle.prevent_destroy` should be true or false, not a number"),
        ({"lifecycle": {"on_removal": "burn"}}, "`lifecycle.on_removal` should be one of `report`, `disable`, `del"),
        ({"lifecycle": {"on_removal": []}}, "`lifecycle.on_removal` should be one of `report`, `disable`, `delete`"),
        ({"touched": "2026-12-01"}, "`touched` should be a time in UTC such as `2026-12-01T06:00:00Z`"),
        ({"touched": "2026-12-01T06:00:00+00:00"}, "`touched` should be a time in UTC"),
        ({"touched": "soon"}, "`touched` should be a time in UTC"),
    ],
)
def test_a_record_that_does_not_fit_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(CodecError) as error:
        codec.decode_record({**codec.encode_record(record()), **fields})

    assert str(error.value).startswith(message)


def test_a_record_without_a_needed_field_is_refused() -> None:
    with pytest.raises(CodecError, match="the value lacks the field `applied`"):
        codec.decode_record({"address": "didomi/Destination/lake", "id": "d", "scope": "o"})


def test_a_wrong_field_of_a_value_is_found_before_it_is_written() -> None:
    with pytest.raises(CodecError, match="`id` should be text, not a number"):
        codec.encode_record(dataclasses.replace(record(), id=typing.cast("str", 1)))


# ----------------------------------------------------------------------------------------------- state


@unhurried
@given(states, st.lists(intents, max_size=2), st.integers(0, 99))
def test_a_state_comes_back_as_it_was(state: State, open_intents: list[Intent], folded: int) -> None:
    stored = codec.decode_state(codec.encode_state(state, open_intents, folded=folded))

    assert (stored.state, stored.open_intents, stored.folded) == (state, tuple(open_intents), folded)


def test_a_state_has_no_intents_and_no_journal_unless_it_is_told_of_them() -> None:
    stored = codec.decode_state(codec.encode_state(State(project="p", environment="e", lineage="l", serial=1)))

    assert (stored.open_intents, stored.folded) == ((), 0)


def test_a_state_cut_at_any_byte_is_refused() -> None:
    content = codec.encode_state(state(record()))
    believed = []
    for end in range(len(content)):
        try:
            believed.append(codec.decode_state(content[:end]))
        except CodecError:
            continue

    assert believed == []


def test_a_state_with_any_bit_flipped_is_refused() -> None:
    content = codec.encode_state(state(record(source="control \x1f")))
    believed = []
    for place in range(len(content) * 8):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        try:
            believed.append(codec.decode_state(bytes(flipped)))
        except CodecError:
            continue

    assert believed == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the state is empty"),
        (b"{}", "the state is damaged, or is nothing that this tool has written"),
        (b"null", "the state is damaged, or is nothing that this tool has written"),
    ],
)
def test_what_is_no_state_is_never_an_empty_one(content: bytes, message: str) -> None:
    with pytest.raises(CodecError) as error:
        codec.decode_state(content)

    assert str(error.value) == message


def test_an_edited_state_is_refused() -> None:
    content = codec.encode_state(state(record())).replace(b'"d-1"', b'"d-2"')

    with pytest.raises(CodecError, match="the state is damaged or was edited: its digest does not fit its content"):
        codec.decode_state(content)


def test_a_state_of_a_newer_tool_says_which_tool_wrote_it() -> None:
    content = resealed(codec.encode_state(state()), tool="9.8.7")
    content = content.replace(b'"version":1}', b'"version":2}')
    content = b'{"digest":"%s",' % codec.digest_of(b"{" + content[84:]).encode() + content[84:]

    with pytest.raises(CodecError) as error:
        codec.decode_state(content)

    assert str(error.value).startswith("the state was written by reconciler 9.8.7 in format 2, and this version, ")
    assert str(error.value).endswith("reads format 1; use reconciler 9.8.7 or newer")


def test_a_state_of_another_format_is_not_written() -> None:
    with pytest.raises(CodecError, match="the state is in format 2, and this version writes format 1"):
        codec.encode_state(dataclasses.replace(state(), version=2))


def test_a_state_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(CodecError, match="the state does not hold what it should: the value has the unknown field"):
        codec.decode_state(resealed(codec.encode_state(state()), colour="red"))


def test_a_state_that_holds_one_address_twice_is_refused() -> None:
    inner = json.loads(codec.encode_state(state(record())))["state"]
    inner["records"] *= 2

    with pytest.raises(CodecError, match=r"`state\.records` holds `didomi/Destination/lake` twice"):
        codec.decode_state(resealed(codec.encode_state(state()), state=inner))


def test_a_record_under_another_address_is_not_written() -> None:
    wrong = dataclasses.replace(state(), records={Address("didomi", "Destination", "pond"): record()})

    with pytest.raises(CodecError, match="holds `didomi/Destination/lake` under the address"):
        codec.encode_state(wrong)


def test_a_journal_page_is_no_state() -> None:
    page = codec.encode_page(codec.Page(lineage="1f", number=1, by="h", entries=()))

    with pytest.raises(CodecError, match="the file is no state but a journal"):
        codec.decode_state(page)


def test_the_lineage_of_a_state_is_read_alone() -> None:
    assert codec.lineage_of(codec.encode_state(state(record()))) == "1f"


@pytest.mark.parametrize("content", [b"", b"{}", b'{"state":[]}'])
def test_a_damaged_state_has_no_lineage(content: bytes) -> None:
    with pytest.raises(CodecError, match="the state is empty or damaged"):
        codec.lineage_of(content)


def test_records_are_written_in_the_order_of_their_addresses() -> None:
    one, other = record("a"), record("b")

    assert codec.encode_state(state(one, other)) == codec.encode_state(state(other, one))


# ------------------------------------------------------------------------------------- journal and plan


@unhurried
@given(st.lists(intents | settlements | begins, max_size=3))
def test_a_page_comes_back_as_it_was(entries: list[codec.Entry]) -> None:
    page = codec.Page(lineage="1f", number=7, by="h-1", entries=tuple(entries))

    assert codec.decode_page(codec.encode_page(page)) == page


@pytest.mark.parametrize("entry", [{}, {"intent": {}, "settlement": {}}, {"wish": {}}])
def test_a_page_with_a_strange_entry_is_refused(entry: object) -> None:
    page = codec.encode_page(codec.Page(lineage="1f", number=7, by="h-1", entries=(intent(), settlement())))

    with pytest.raises(CodecError, match=r"`entries\[0\]` should be one of `begin`, `intent`, `settlement`"):
        codec.decode_page(resealed(page, entries=[entry]))


@unhurried
@given(plans, st.lists(resources, max_size=2), options, documents)
def test_a_saved_plan_comes_back_as_it_was(
    plan: Plan, some: list[Resource], options: Options, meta: dict[str, Value]
) -> None:
    desired = Desired.of({each.address: each for each in some}.values())
    saved = codec.decode_saved_plan(codec.encode_saved_plan(plan, desired, options, meta))

    assert (saved.plan, saved.desired, saved.options, saved.meta) == (plan, desired, options, meta)


def test_an_edited_plan_is_refused() -> None:
    content = codec.encode_saved_plan(plan(), Desired({}), Options(), {"commit": "c0ffee"})

    with pytest.raises(CodecError, match="the plan is damaged or was edited"):
        codec.decode_saved_plan(content.replace(b"c0ffee", b"c0ffef"))


def test_a_saved_plan_begins_with_its_digest() -> None:
    content = codec.encode_saved_plan(plan(), Desired({}), Options(), {})
    rest = json.loads(content)
    named = rest.pop("digest")

    assert codec.digest_in(content) == named == codec.digest_of(codec.to_json(rest))


def test_what_is_no_file_of_ours_has_no_digest() -> None:
    with pytest.raises(CodecError, match="the file is empty, damaged or nothing that this tool has written"):
        codec.digest_in(b'{"digest": "x"}')


def test_endless_nesting_is_an_error_for_people() -> None:
    endless: list[codec.Builtin] = []
    endless.append(endless)

    with pytest.raises(CodecError, match="the value cannot be written as JSON"):
        codec.to_json(endless)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_not_json_is_an_error_for_people(content: bytes) -> None:
    with pytest.raises(CodecError, match="the value is not JSON"):
        codec.from_json(content)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"version":1}', "the file is no state but a None"),
        (b'{"kind":"state"}', "the state was written by reconciler None in format None, and this version"),
    ],
)
def test_a_file_that_does_not_say_what_it_is_is_refused(body: bytes, message: str) -> None:
    sealed = b'{"digest":"%s",' % codec.digest_of(body).encode() + body[1:]
    with pytest.raises(CodecError) as error:
        codec.decode_state(sealed)

    assert str(error.value).startswith(message)


@pytest.fixture
def _far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_far_away")
def test_a_time_is_written_in_utc_wherever_the_program_runs() -> None:
    record = Record(address=LAKE, id="x", scope="s", applied={}, touched=datetime(2026, 12, 1, 6, tzinfo=UTC))

    assert codec.encode_record(record)["touched"] == "2026-12-01T06:00:00Z"


def test_every_key_of_an_unknown_tag_is_named() -> None:
    with pytest.raises(CodecError, match=r"does not know \(`\$a`, `\$b`\)$"):
        codec.decode_value({"$b": 1, "$a": 2})
