"""What rules see, for any document: plain data, and nothing of a field for secrets."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.policy import On, Scene, Words, compiled
from reconciler.policy.documents import CHANGE, PLAN, PROJECT, RESOURCE, empty
from reconciler.policy.expressions import NotAnswered
from reconciler.policy.rules import VARIABLES
from reconciler.values import HIDDEN, MISSING, UNKNOWN, Address, Identity, Ref, Resource, Secret, Traits, Value

HERE = Address("example", "Lake", "lake")
TRAITS = Traits(type="example/Lake", identity=Identity.MARK, secrets=frozenset({("auth", "*")}))
TEXT = "canary-in-a-secret-field"

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(CHARACTERS, max_size=8),
    st.sampled_from([UNKNOWN, MISSING, HIDDEN, Ref(HERE), Secret(source="env", name="KEY", version="2")]),
)
values: st.SearchStrategy[Value] = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(CHARACTERS, max_size=4), inner, max_size=3),
    ),
    max_leaves=12,
)


def scene() -> Scene:
    return Scene(
        project="shop",
        environment="prod",
        now=datetime(2026, 11, 1, tzinfo=UTC),
        traits=lambda _type: TRAITS,
        deliveries={},
    )


@given(
    spec=st.dictionaries(st.sampled_from(["a", "b", "auth"]), values),
    secret=st.sampled_from([TEXT, (TEXT,), {"k": TEXT}]),
)
def test_any_document_is_plain_and_holds_no_text_of_a_secret_field(spec: dict[str, Value], secret: Value) -> None:
    document = {**spec, "auth": {"key": secret, "place": Secret(source="env", name="KEY")}}
    seen = scene().spec(HERE, document)

    assert TEXT not in json.dumps(seen)
    assert json.loads(json.dumps(seen)) == seen
    assert seen["auth"]["place"] == {"env": "KEY"}  # type: ignore[index, call-overload]  # a mapping, as written above


@given(spec=st.dictionaries(st.sampled_from(["a", "b"]), values))
def test_a_rule_answers_about_any_document(spec: dict[str, Value]) -> None:
    rule, problems = compiled(Words(id="any", on=On.MANIFEST, message="{resource.spec}", deny="has(resource.spec.a)"))
    facts = {**scene().facts(), **scene().of_resource(Resource(address=HERE, attributes=spec))}

    assert problems == ()
    assert rule is not None
    assert rule.broken_by(facts) is (spec.get("a", MISSING) is not MISSING)
    assert len(rule.message(facts)) <= 120


@pytest.mark.parametrize("spec", [{"a": {"": None, "\0": None}}, {"a": "x\0y"}])
def test_a_character_that_the_library_misreads_gets_no_answer(spec: dict[str, Value]) -> None:
    rule, _ = compiled(Words(id="any", on=On.MANIFEST, message="x", deny="resource.spec.a == 'x'"))
    facts = {**scene().facts(), **scene().of_resource(Resource(address=HERE, attributes=spec))}

    assert rule is not None
    with pytest.raises(NotAnswered, match="U\\+0000"):
        rule.broken_by(facts)


def test_every_variable_has_a_value_when_nothing_is_known() -> None:
    known = {*empty({**RESOURCE, **CHANGE, **PLAN}), *PROJECT}

    assert {name for variables in VARIABLES.values() for name in variables} == known
