"""The fast validator against the plain one: the same verdict, the same places, for our schema and for any."""

from __future__ import annotations

import copy
import json
import re
from datetime import datetime
from typing import Any

import jsonschema
import pytest
from didomi_exports import good_records
from hypothesis import given
from hypothesis import strategies as st

from reconciler.deliveries import BadSchema
from reconciler.deliveries.paths import general, parts_of, select, written
from reconciler.deliveries.schemas import Compiled, compiled, unknown_keys
from reconciler.providers.didomi.contract import export_schema

# RFC 3339, written for this test from its grammar.
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)\Z", re.ASCII
)
_oracle = jsonschema.FormatChecker(formats=())


@_oracle.checks("date-time")
def _is_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    found = _RFC3339.match(value)
    try:
        return found is not None and datetime.fromisoformat(found[1]) is not None
    except ValueError:
        return False


def oracle(schema: Any, record: Any) -> set[tuple[str, str]]:  # noqa: ANN401 - JSON
    validator = jsonschema.Draft202012Validator(schema, format_checker=_oracle)
    found = set()
    for error in validator.iter_errors(record):
        place = tuple(error.absolute_path)
        if error.validator == "required":
            place = (*place, re.match(r"'(.*)' is a required", error.message)[1])  # type: ignore[index]  # its message
        found.add((str(error.validator), general(place)))
    return found


def ours(schema: Compiled, record: Any) -> set[tuple[str, str]]:  # noqa: ANN401 - JSON
    found = {(each.keyword, general(each.breach.place)) for each in schema.broken(record)}
    assert schema.is_valid(record) is not bool(found)
    return found


_TIMES = st.datetimes().map(lambda moment: moment.isoformat() + "Z") | st.sampled_from(
    ["", "2026-11-21", "2026-11-21T10:00:00", "2026-11-21t10:00:00z", "2026-02-30T10:00:00Z", "2026-11-21T24:00:00Z",
     "2026-11-21 10:00:00Z", "2026-11-21T10:00:00.123456789+05:30", "2026-11-21T10:00Z", "FR", "fr\n", "f1", "F", "FRA"]
)  # fmt: skip
_VALUES: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-2, 3) | st.floats(-2, 2) | _TIMES | st.just([]) | st.just({})
)
_SCHEMA = json.loads(export_schema())
_KEYS = [
    "user",
    "events",
    "id",
    "version",
    "created_at",
    "country",
    "consents",
    "purposes",
    "vendors",
    "enabled",
    "status",
]


@st.composite
def records(draw: st.DrawFn) -> Any:  # noqa: ANN401 - JSON
    record = copy.deepcopy(draw(st.sampled_from(_TEMPLATES)))
    for _ in range(draw(st.integers(0, 4))):
        value: Any = record
        while True:
            steps = list(value) if isinstance(value, dict) else list(range(len(value)))
            if not steps:
                break
            step = draw(st.sampled_from(steps))
            if isinstance(value[step], dict | list) and draw(st.integers(0, 3)):
                value = value[step]
                continue
            match draw(st.integers(0, 2)):
                case 0:
                    del value[step]
                case 1:
                    value[step] = draw(_VALUES)
                case _:
                    if isinstance(value, dict):
                        value[draw(st.sampled_from(_KEYS))] = draw(_VALUES)
            break
    return record


_TEMPLATES = [record for shape in ("v1", "v2") for record in good_records(2, shape=shape)]


@given(records())
def test_both_validators_agree_on_export_records(record: Any) -> None:  # noqa: ANN401 - JSON
    assert ours(compiled(export_schema()), record) == oracle(_SCHEMA, record)


_SMALL = st.recursive(
    st.one_of(
        st.builds(
            lambda kind: {"type": kind},
            st.sampled_from(["string", "integer", "number", "boolean", "null", "object", "array"]),
        ),
        st.builds(lambda low: {"minimum": low}, st.integers(-2, 2)),
        st.builds(lambda low: {"minLength": low}, st.integers(0, 2)),
        st.builds(lambda values: {"enum": values}, st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True)),
        st.builds(lambda keys: {"required": keys}, st.lists(st.sampled_from(["a", "b"]), unique=True, max_size=2)),
        st.just({"additionalProperties": False, "properties": {"a": {}}}),
        st.just({}),
    ),
    lambda inner: st.one_of(
        st.builds(lambda a, b: {"properties": {"a": a, "b": b}}, inner, inner),
        st.builds(lambda each: {"items": each}, inner),
        st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner),
        st.builds(lambda a, b: {"allOf": [a, b]}, inner, inner),
        st.builds(lambda a: {"not": a}, inner),
    ),
    max_leaves=5,
)
_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 4) | st.sampled_from(["", "x", "xyz"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=6,
)


@given(_SMALL, _DOCUMENTS)
def test_both_validators_agree_on_any_schema(schema: Any, document: Any) -> None:  # noqa: ANN401 - JSON
    schema = {"properties": {"a": {}, "b": {}}, "allOf": [schema]}  # so that both keys are named, and shown

    assert ours(Compiled(json.dumps(schema)), document) == oracle(schema, document)


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        '{"type": "strin"}',
        '{"pattern": "("}',
        '{"$ref": "https://schemas.example.org/x.json"}',
        '{"$ref": "file:///etc/passwd"}',
        '{"$ref": "#/$defs/missing"}',
    ],
)
def test_a_schema_that_cannot_be_used_is_said_and_nothing_is_fetched(text: str) -> None:
    with pytest.raises(BadSchema):
        Compiled(text)


def test_a_pattern_that_never_ends_counts_as_no_match() -> None:
    schema = Compiled('{"pattern": "^(a|a)*(b)\\\\2$"}')

    assert not schema.is_valid("a" * 60 + "!")


def test_keys_that_the_schema_does_not_name_are_not_shown() -> None:
    schema = Compiled('{"additionalProperties": {"type": "integer"}, "properties": {"known": {"type": "integer"}}}')
    found = [each.breach for each in schema.broken({"known": "x", "someone@example.org": "x"})]

    assert sorted(written(each.place) for each in found) == ["*", "known"]
    assert "someone" not in str([each.message for each in found])


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c", "d"]),
        st.none() | st.lists(st.dictionaries(st.sampled_from(["a", "e"]), st.none())),
    )
)
def test_unknown_keys_are_those_that_closing_the_schema_would_refuse(document: dict[str, Any]) -> None:
    inner: dict[str, Any] = {"properties": {"a": {}}}
    schema = {"properties": {"a": {}, "b": {"items": {"$ref": "#/$defs/inner"}}}, "$defs": {"inner": inner}}
    closed = {
        "properties": {"a": {}, "b": {"items": {"properties": {"a": {}}, "additionalProperties": False}}},
        "additionalProperties": False,
    }
    found = {general(each[:-1]) for each in unknown_keys(schema)(document)}
    refused = {place for keyword, place in oracle(closed, document) if keyword == "additionalProperties"}

    assert found == refused


@given(_DOCUMENTS, st.sampled_from(["", "a", "a.b", "a[]", "[]", "a[].b", "[][]", "a.b[].a", "a{}", "{}.a"]))
def test_a_path_leads_to_what_stands_there(document: Any, path: str) -> None:  # noqa: ANN401 - JSON
    for place, value in select(document, parts_of(path)):
        if "{" in path:
            assert "*" in place
            continue
        inner = document
        for step in place:
            inner = inner[step]

        assert inner is value
        assert general(place).replace(".[]", "[]") == path


def test_a_path_with_an_empty_step_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="a step is empty"):
        parts_of("a..b")


def test_keys_of_maps_are_hidden_on_the_way_to_unknown_keys() -> None:
    schema: dict[str, Any] = {"properties": {"values": {"additionalProperties": {"properties": {"value": {}}}}}}
    found = list(unknown_keys(schema)({"values": {"someone@example.org": {"value": 1, "more": 2}}}))

    assert found == [("values", "*", "more")]
