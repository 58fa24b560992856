"""How files become events, parts and requests: pure functions, under any events that anybody could write."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import jsonschema
import pytest
from event_stage import Event, event
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.deliveries import LocalFolder, Place
from reconciler.providers.didomi.imports.events import (
    Judge,
    import_contract,
    import_schema,
    is_same,
    is_sound,
    prepared,
    users_of,
    with_id,
)
from reconciler.providers.didomi.imports.files import Input, Outside, input_of
from reconciler.providers.didomi.imports.job import Come
from reconciler.providers.didomi.imports.parts import MOST_BYTES, MOST_EVENTS, Item, Part, Position, parts
from reconciler.providers.didomi.imports.quarantine import Quarantine, Reject
from reconciler.providers.didomi.imports.valve import Valve

FILES = tuple(
    Input(name=f"{number}.jsonl", place=Place(location=LocalFolder(path=Path("/nowhere"))), key=str(number))
    for number in range(2)
)
START = Position(0, 0)

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["", "id", "x", "2026-01-01T00:00:00Z", "FR", "fr"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "user", "purposes", "enabled", "vendors", "values", "value", "channels", "metadata"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@st.composite
def bodies(draw: st.DrawFn) -> Event:
    """Events of a few users, some of whom have two names."""
    number = draw(st.integers(0, 10_000))
    user = draw(
        st.sampled_from(
            [
                {"organization_user_id": "a"},
                {"organization_user_id": "b"},
                {"id": "1"},
                {"id": "2"},
                {"organization_user_id": "a", "id": "1"},
                {"organization_user_id": "c", "id": "2"},
            ]
        )
    )
    size = draw(st.sampled_from([0, 0, 0, 2_000, 400_000]))
    return event(number, user=user, metadata={"note": "x" * size})


def items(found: Sequence[Event]) -> list[Item]:
    """Every event on a line of its own."""
    return [Item(Position(0, line), each, (), each) for line, each in enumerate(found, 1)]


def cut(found: Sequence[Event], **limits: int) -> list[Part]:
    return list(parts(iter(items(found)), FILES, START, **limits))


@settings(max_examples=25)
@given(st.lists(bodies(), max_size=60), st.integers(1, 20))
def test_every_event_is_in_one_request_or_said_to_be_left_out(found: list[Event], most: int) -> None:
    made = cut(found, most_lines=most)

    sent = [each.at for part in made for chunk in part.chunks for each in chunk.events]
    left = sum(part.repeated + len(part.rejects) for part in made)
    assert len(sent) == len(set(sent))
    assert len(sent) + left == len(found) == sum(part.lines for part in made)


@settings(max_examples=25)
@given(st.lists(bodies(), max_size=60))
def test_no_two_chains_of_a_part_share_a_user(found: list[Event]) -> None:
    for part in cut(found):
        users = [
            {name for chunk in chain for each in chunk.events for name in users_of(each.body)} for chain in part.chains
        ]

        assert sum(map(len, users)) == len(set().union(*users))


@settings(max_examples=25)
@given(st.lists(bodies(), max_size=60), st.integers(1, 20))
def test_each_users_events_keep_their_order(found: list[Event], most: int) -> None:
    for part in cut(found, most_lines=most):
        for chain in part.chains:
            by_user: dict[str, list[Position]] = {}
            for chunk in chain:
                for each in chunk.events:
                    for name in users_of(each.body):
                        by_user.setdefault(name, []).append(each.at)

            assert all(places == sorted(places) for places in by_user.values())


@settings(max_examples=25)
@given(st.lists(bodies(), max_size=60))
def test_a_request_has_at_most_a_hundred_events_and_a_megabyte(found: list[Event]) -> None:
    for part in cut(found):
        for chunk in part.chunks:
            assert 1 <= len(chunk.events) <= MOST_EVENTS
            size = sum(len(json.dumps(each.body, separators=(",", ":"))) + 1 for each in chunk.events)
            assert size <= MOST_BYTES or len(chunk.events) == 1


@settings(max_examples=25)
@given(st.lists(bodies(), max_size=40), st.integers(1, 10))
def test_a_second_run_cuts_the_rest_alike(found: list[Event], most: int) -> None:
    made = cut(found, most_lines=most)
    for number, part in enumerate(made):
        rest = [each for each in items(found) if each.at > part.begin]
        again = list(parts(iter(rest), FILES, part.begin, most_lines=most))

        assert [[chunk.digest for chunk in each.chunks] for each in again] == [
            [chunk.digest for chunk in each.chunks] for each in made[number:]
        ]


def test_many_events_of_one_user_follow_each_other_in_one_chain() -> None:
    (part,) = cut([event(number, users=1) for number in range(250)])

    assert [[len(chunk.events) for chunk in chain] for chain in part.chains] == [[100, 100, 50]]


def test_what_an_earlier_line_says_again_is_sent_once_and_another_event_with_its_id_not_at_all() -> None:
    other = event(1, created_at="2025-01-01T00:00:00Z")
    (part,) = cut([event(1), event(1), other])

    assert [len(chunk.events) for chunk in part.chunks] == [1]
    assert part.repeated == 1
    assert [(each.line, each.reasons) for each in part.rejects] == [
        (3, ("id: has the id of line 1, which is another event",))
    ]


# --- what is an event ---


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("id", "created_at", "user", "consents", "metadata"), _JSON)),
    st.booleans(),
)
def test_the_fast_validator_and_the_oracle_agree(change: dict[str, Any], whole: bool) -> None:
    found = {**(event(1) if whole else {}), **change}
    oracle = jsonschema.Draft202012Validator(json.loads(import_schema()), format_checker=jsonschema.FormatChecker(()))
    contract = import_contract()
    schema = [each for each in Judge(contract).reasons(found) if each.rule.startswith("schema.")]
    without_formats = [each for each in schema if not each.rule.startswith("schema.format:")]

    assert bool(without_formats) == (not oracle.is_valid(found))


@given(bodies())
def test_good_events_have_no_reasons_against_them(found: Event) -> None:
    assert Judge(import_contract()).reasons(found) == ()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"consents": {"purposes": []}}, "empty-consents"),
        ({"consents": {"vendors": {"enabled": []}}}, "empty-consents"),
        ({"consents": {"vendors": {"enabled": ["v"], "disabled": ["v"]}}}, "vendor-enabled-and-disabled"),
        ({"consents": {"purposes": [{"id": "a"}, {"id": "a"}]}}, "repeated-purpose"),
        ({"created_at": "2026-01-01T23:59:60Z"}, "no-moment"),
        ({"created_at": "2026-01-01"}, "schema.format:created_at"),
        ({"organization_id": "another"}, "other-organization"),
        ({"metadata": {"import_batch": "another"}}, "other-batch"),
        ({"user": {}}, "schema.anyOf:user"),
        ({"user": {"organization_user_id": ""}}, "schema.minLength:user.organization_user_id"),
        ({"user": {"id": "a", "country": "fr"}}, "schema.pattern:user.country"),
        ({"validation": {}}, "schema.additionalProperties:"),
        ({"status": "maybe"}, "schema.enum:status"),
        ({"proofs": ["no data"]}, "schema.pattern:proofs[]"),
        ({"id": "x" * 129}, "schema.maxLength:id"),
    ],
)
def test_what_is_wrong_with_an_event_is_named(change: dict[str, Any], rule: str) -> None:
    contract = import_contract(organization="example-org", batch="b")

    assert rule in {each.rule for each in Judge(contract).reasons({**event(1), **change})}


def test_reasons_repeat_no_value() -> None:
    found = {**event(1), "canary-key": "canary", "user": {"organization_user_id": 7, "canary": "canary"}, "id": ""}
    said = repr(Judge(import_contract()).reasons(found))

    assert "canary" not in said


_NAMES = st.sampled_from(["a", "b", "c"])


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "purposes": st.none() | st.lists(st.fixed_dictionaries({"id": _NAMES}), max_size=3),
            "channels": st.none() | st.lists(st.fixed_dictionaries({"id": _NAMES}), max_size=2),
            "vendors": st.none()
            | st.fixed_dictionaries(
                {},
                optional={
                    basis: st.none() | st.lists(_NAMES, max_size=2)
                    for basis in ("enabled", "disabled", "enabled_li", "disabled_li")
                },
            ),
            "tcfcs": st.none() | st.sampled_from(["", "CQdemo"]),
        },
    ),
    st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T23:59:60Z"]),
)
def test_the_quick_look_and_the_rules_agree(consents: dict[str, Any], moment: str) -> None:
    found = event(1, consents=consents, created_at=moment)

    assert is_sound(found) == _keeps_rules(found)


def _keeps_rules(found: Event) -> bool:
    return not any(list(rule.breaches(found)) for rule in import_contract().rules)


# --- ids ---


@given(bodies(), st.text(min_size=1, max_size=5))
def test_a_derived_id_follows_from_source_and_content_alone(found: Event, source: str) -> None:
    bare = {key: each for key, each in found.items() if key != "id"}
    again = json.loads(json.dumps(dict(reversed(bare.items()))))

    assert with_id(bare, source) == with_id(again, source)
    assert with_id(bare, source)["id"] != with_id(bare, source + "x")["id"]
    assert with_id({**bare, "regulation": "cpra"}, source)["id"] != with_id(bare, source)["id"]


@given(bodies())
def test_an_id_of_its_own_stays(found: Event) -> None:
    assert with_id(found, "any") is found


# --- the same event ---


@given(bodies())
def test_a_stored_event_with_more_in_it_is_the_one_that_was_sent(found: Event) -> None:
    there = copy.deepcopy(dict(prepared(found, "another")))
    there |= {"created_at": found["created_at"].replace("Z", ".000Z"), "version": 0, "source": "api"}
    there["user"] = {**there["user"], "id": "made-by-didomi"} if "id" not in there["user"] else there["user"]
    there["consents"]["vendors"] = {"enabled": []}

    assert is_same(found, there)


@pytest.mark.parametrize(
    "change",
    [
        {"created_at": "2020-01-01T00:00:00Z"},
        {"user": {"organization_user_id": "somebody else"}},
        {"consents": {"purposes": [{"id": "newsletter", "enabled": True}]}},
        {"consents": {"purposes": []}},
    ],
)
def test_another_moment_user_or_choice_is_another_event(change: dict[str, Any]) -> None:
    assert not is_same(event(1), {**event(1), **change})


# --- where files lie ---


@pytest.mark.parametrize("path", ["/etc/passwd", "../../out.jsonl", "..", "ftp://host/file", "s3://bucket", "s3:///x"])
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(Outside):
        input_of(path, folder=PurePosixPath("specs"), root=Path("/project"))


@pytest.mark.parametrize(
    ("path", "key"), [("a.jsonl", "specs/a.jsonl"), ("../data/a.jsonl", "data/a.jsonl"), ("./b/../a", "specs/a")]
)
def test_a_path_begins_at_the_manifest(path: str, key: str) -> None:
    assert input_of(path, folder=PurePosixPath("specs"), root=Path("/project")).key == key


# --- what is remembered ---


@given(
    st.builds(
        Come,
        digest=st.text(max_size=5),
        batch=st.text(max_size=5),
        state=st.sampled_from(["sending", "done"]),
        at=st.builds(Position, st.integers(0, 9), st.integers(0, 9)),
        acked=st.lists(st.text(max_size=3), max_size=3).map(tuple),
        lines=st.integers(0, 9),
        stored=st.integers(0, 9),
    )
)
def test_how_far_an_import_has_come_is_read_as_it_was_written(come: Come) -> None:
    assert Come.of(come.memo) == come


@pytest.mark.parametrize("memo", [{}, {"digest": "a"}, {"digest": 1, "batch": "b", "state": "done"}])
def test_a_memo_of_something_else_is_no_import(memo: dict[str, Any]) -> None:
    assert Come.of(memo) is None


# --- quarantine ---


def test_a_reject_is_written_once_and_half_a_line_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "quarantine" / "x.jsonl"
    first = Reject(file="a", line=1, reasons=("bad",), event={"id": "1"})
    Quarantine(path).add([first])
    with path.open("ab") as file:
        file.write(b'{"file": "a", "li')
    Quarantine(path).add([first, Reject(file="a", line=2, reasons=("bad",), event="…")])

    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(each["line"], each["event"]) for each in found] == [(1, {"id": "1"}), (2, "…")]


def test_without_rejects_there_is_no_file(tmp_path: Path) -> None:
    Quarantine(tmp_path / "quarantine" / "x.jsonl").add([])

    assert list(tmp_path.iterdir()) == []


# --- how many at a time ---


def test_trouble_halves_and_eight_good_ones_let_one_more_in() -> None:
    valve = Valve(4)
    for good in (False, False):
        valve.enter()
        valve.leave(0.1, good=good)
    after_trouble = valve.allowed
    for _ in range(8):
        valve.enter()
        valve.leave(0.1, good=True)

    assert (after_trouble, valve.allowed) == (1, 2)


def test_a_slow_answer_counts_as_trouble() -> None:
    valve = Valve(4)
    for seconds in (0.1, 0.1, 2.0):
        valve.enter()
        valve.leave(seconds, good=True)

    assert valve.allowed == 2


@given(st.lists(st.tuples(st.floats(0, 10), st.booleans()), max_size=50))
def test_there_is_always_room_for_one_and_never_for_more_than_at_first(ends: list[tuple[float, bool]]) -> None:
    valve = Valve(4)
    for seconds, good in ends:
        valve.enter()
        valve.leave(seconds, good=good)

        assert 1 <= valve.allowed <= 4


def test_the_digest_of_a_request_names_nobody() -> None:
    (part,) = cut([event(1)])
    (chunk,) = part.chunks

    assert chunk.digest == hashlib.sha256(event(1)["id"].encode()).hexdigest()[:16]
