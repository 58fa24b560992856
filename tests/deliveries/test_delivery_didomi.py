"""The contract of Didomi's export records: what the vendor writes passes, and every mistake is found where it is."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import pytest
from didomi_exports import MISTAKES, Spoil, good_records, line, spoiled
from hypothesis import given
from hypothesis import strategies as st

from reconciler.deliveries import Checked, Contract, Item, Level, Place, check_objects, check_pieces, parse_location
from reconciler.providers.didomi.contract import export_contract, export_schema

PACKED = 64 * 1024


def check(body: bytes, contract: Contract | None = None) -> Checked:
    packed = gzip.compress(body)
    pieces = (packed[start : start + PACKED] for start in range(0, len(packed), PACKED))
    return check_pieces(pieces, "users/part.json.gz", contract or export_contract(examples=100))


@pytest.mark.parametrize("shape", ["v1", "v2"])
def test_what_the_vendor_writes_has_no_findings(shape: str) -> None:
    body = b"".join(map(line, good_records(300, shape=shape)))
    found = check(body, export_contract(strict=True, organization="example-org"))

    assert (found.records, found.counts, found.valid) == (300, (), True)


def test_every_seeded_mistake_is_found_at_its_line_and_nothing_else() -> None:
    records = list(good_records(20 + 3 * len(MISTAKES)))
    expected = []
    for number, (rule, path, spoil) in enumerate(MISTAKES):
        at = 11 + 3 * number
        records[at] = spoiled(records[at], spoil)
        expected.append((at + 1, rule, path))
    found = check(b"".join(map(line, records)))

    assert sorted((each.line or 0, each.rule, each.path) for each in found.findings) == sorted(expected)
    assert found.records == len(records)
    assert sum(each.total for each in found.counts) == len(MISTAKES)


def test_what_may_be_is_no_finding() -> None:
    def record(spoil: Spoil) -> bytes:
        return line(spoiled(next(iter(good_records(1))), spoil))

    fine: list[Spoil] = [
        lambda record: record.update(events=[]),
        lambda record: record["user"].update(consents=None),
        lambda record: record["user"].update(added_one_day={"by": "the vendor"}),
        lambda record: record["user"].update(validation={"any": "shape"}, delegate={"id": "agent-1"}),
        lambda record: record["events"][0].update(source={"type": "sdk"}, status="pending_approval", updated_at=None),
        lambda record: record["events"][0]["user"].update(id="another-device"),
        lambda record: record["user"]["consents"].update(vendors=None, purposes=None, channels=None),
        lambda record: record["user"].update(id="not a uuid", updated_at=record["user"]["created_at"]),
        lambda record: record["user"]["consents"].update(tcfs="CQdemo"),
    ]

    assert [check(record(each)).counts for each in fine] == [()] * len(fine)


# "Batch export content", the column of fields; `user.consent.tcfs` is spelt so there.
_CHOICES = """
    channels.id channels.enabled purposes.enabled purposes.enabled_li purposes.id purposes.preferences.id
    purposes.preferences.enabled purposes.preferences.channels.id purposes.preferences.channels.enabled
    vendors.disabled vendors.disabled_li vendors.enabled vendors.enabled_li
"""
_BOTH = """
    country created_at delegate id last_seen_country metadata organization_id proofs_id source status updated_at
    validation version
"""
_USERS = f"{_BOTH} organization_user_id organization_user_id_type consent.tcfs"
_EVENTS = f"{_BOTH} user.organization_user_id user.id user.metadata consents.tcfcs"
DOCUMENTED = [
    *(f"user.{each}" for each in _USERS.split()),
    *(f"events.{each}" for each in _EVENTS.split()),
    *(f"{whose}.consents.{each}" for whose in ("user", "events") for each in _CHOICES.split()),
]
_LISTS = {"events", "channels", "purposes", "preferences"}


@pytest.mark.parametrize("field", DOCUMENTED)
def test_every_documented_field_is_known(field: str) -> None:
    record: dict[str, object] = {}
    inner = record
    *folders, last = field.split(".")
    for step in folders:
        below: dict[str, object] = {}
        inner[step] = [below] if step in _LISTS else below
        inner = below
    inner[last] = None
    known = check(line(record), export_contract(strict=True, examples=100))
    inner["misspelt"] = None
    unknown = check(line(record), export_contract(strict=True, examples=100))

    assert "unknown-key" not in {each.rule for each in known.counts}
    assert [each.total for each in unknown.counts if each.rule == "unknown-key"] == [1]


def test_guests_and_organizations_are_for_the_caller_to_say() -> None:
    guests = b"".join(map(line, good_records(20, guests=True)))
    without, with_guests, other = (
        check(guests),
        check(guests, export_contract(guests=True)),
        check(guests, export_contract(guests=True, organization="other-org")),
    )

    assert [(each.rule, each.total) for each in without.counts] == [("guest-exported", 4)]
    assert with_guests.counts == ()
    assert [(each.rule, each.total) for each in other.counts] == [("other-organization", 20)]


def test_unknown_keys_are_information_only_when_asked_for() -> None:
    record = next(iter(good_records(1)))
    record["user"]["consents"]["new"] = 1
    strict = check(line(record), export_contract(strict=True))

    assert check(line(record)).counts == ()
    assert [(each.rule, each.level) for each in strict.counts] == [("unknown-key", Level.INFORMATION)]
    assert strict.findings[0].path == "user.consents"
    assert strict.valid


def test_one_user_in_two_files_is_a_warning_and_one_id_in_two_records_what_the_caller_says(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("users")
    records = list(good_records(30, shared=True))
    (folder / "a.json.gz").write_bytes(gzip.compress(b"".join(map(line, records[:20]))))
    (folder / "b.json.gz").write_bytes(gzip.compress(b"".join(map(line, [*records[20:], records[4]]))))
    place = Place(location=parse_location(f"file://{folder}"))
    items = [Item(place=place, key=key) for key in ("a.json.gz", "b.json.gz")]
    plain = check_objects(items, export_contract())
    strict = check_objects(items, export_contract(one_record_per_user=Level.ERROR))

    assert [(each.rule, each.level, each.total) for each in plain.counts] == [("repeated-user", Level.WARNING, 1)]
    assert [(each.object, each.line, each.message) for each in plain.findings] == [
        (f"{folder}/b.json.gz", 11, f"has the same value as line 5 of `{folder}/a.json.gz`")
    ]
    assert plain.valid
    assert [(each.rule, each.level, each.total) for each in strict.counts] == [
        ("repeated-organization-user", Level.ERROR, 2),
        ("repeated-user", Level.WARNING, 1),
    ]
    assert not strict.valid


def test_no_finding_shows_a_value_unless_it_is_asked_for() -> None:
    record = next(iter(good_records(1)))
    record["user"]["organization_user_id"] = ["someone@example.org"]
    record["user"]["consents"]["purposes"][0]["values"] = {"someone@example.org": {"value": 1}}
    hidden, shown = check(line(record)), check(line(record), export_contract(show_values=True))

    assert "someone" not in str(hidden)
    assert {each.value for each in hidden.findings} >= {"list of 1 item", "number"}
    assert '["someone@example.org"]' in {each.value for each in shown.findings}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "DE", "2026-11-21T10:00:00Z", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "enabled", "user"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def _places(value: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield at
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _places(each, (*at, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _places(each, (*at, number))


_TEMPLATES = [next(iter(good_records(1, shape=shape))) for shape in ("v1", "v2")]
_ALL_PLACES = [(template, place) for template in _TEMPLATES for place in _places(template) if place]


@given(st.sampled_from(_ALL_PLACES), _JSON)
def test_no_record_whatever_is_an_exception(
    where: tuple[dict[str, object], tuple[str | int, ...]], junk: object
) -> None:
    template, place = where

    def spoil(record: dict[str, object]) -> None:
        inner = record
        for step in place[:-1]:
            inner = inner[step]  # type: ignore[index, assignment]  # the places are the record's own
        inner[place[-1]] = junk  # type: ignore[index]  # as above

    found = check(line(spoiled(template, spoil)), export_contract(strict=True, one_record_per_user=Level.ERROR))

    assert found.records == 1
    assert all(each.line == 1 for each in found.findings)


def test_the_schema_is_one() -> None:
    import jsonschema  # noqa: PLC0415 - the oracle

    jsonschema.Draft202012Validator.check_schema(json.loads(export_schema()))
