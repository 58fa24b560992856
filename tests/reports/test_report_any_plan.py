"""What holds for any plan whatever it says."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st
from report_samples import TAKEN, TRAITS

from reconciler.reports.annotations import of_plan
from reconciler.reports.counts import summary
from reconciler.reports.github import render_github
from reconciler.reports.plan_html import render_plan_html
from reconciler.reports.plan_json import plan_json, plan_schema
from reconciler.reports.plan_junit import plan_junit
from reconciler.reports.plan_markdown import LIMIT, render_plan_markdown
from reconciler.reports.plan_text import render_plan
from reconciler.reports.sarif import render_sarif
from reconciler.values import (
    Action,
    Address,
    Blank,
    Change,
    Document,
    FieldChange,
    Identity,
    Path,
    Plan,
    Problem,
    Reason,
    ReasonCode,
    Record,
    Ref,
    Resource,
    Secret,
    Traits,
    Value,
)

CANARY = "CANARY-5e1f"
VALIDATOR = jsonschema.Draft202012Validator(json.loads(plan_schema()))

texts = st.text(max_size=20) | st.sampled_from(["\x1b[31m", "```\n", "\u202e", "@x", "a\nb\n", "x" * 300])
addresses = st.builds(
    Address, st.sampled_from(["adobe", "x"]), st.sampled_from(["Dataflow", "K"]), st.sampled_from(["a", "b", "c", "d"])
)
secrets = st.builds(Secret, source=st.sampled_from(["env", "file"]), name=texts, version=st.none() | texts)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from(Blank) | st.builds(Ref, addresses)
) | secrets
values: st.SearchStrategy[Value] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
documents: st.SearchStrategy[Document] = st.dictionaries(texts, values, max_size=4).map(
    lambda document: {**document, "secret": {"inner": CANARY}, "list": ({"name": "n", "secret": CANARY},)}
)
paths: st.SearchStrategy[Path] = st.lists(texts | st.integers(0, 3), min_size=1, max_size=3).map(tuple)
fields = st.builds(
    FieldChange, path=paths, before=values, after=values, forces_replacement=st.booleans(), hidden=st.booleans()
) | st.builds(FieldChange, path=st.just(("secret",)), before=st.just(CANARY), after=values)
reasons = st.builds(Reason, code=st.sampled_from(ReasonCode), text=texts)
KIND = Traits(
    type="adobe/Dataflow",
    identity=Identity.MARK,
    secrets=frozenset({("secret",), ("list", "*", "secret")}),
    keyed={("list",): "name"},
    unordered=frozenset({("a",)}),
    references={("b",): "adobe/Dataflow"},
)
TRAITS_OF: Callable[[str], Traits] = {
    **TRAITS,
    "adobe/Dataflow": KIND,
    "x/K": KIND,
    "x/Dataflow": KIND,
    "adobe/K": KIND,
}.__getitem__


@st.composite
def changes(draw: st.DrawFn) -> Change:
    address, id = draw(addresses), draw(st.none() | texts)
    return Change(
        address=address,
        action=draw(st.sampled_from(Action)),
        fields=tuple(draw(st.lists(fields, max_size=3, unique_by=lambda each: each.path))),
        reasons=tuple(draw(st.lists(reasons, max_size=2))),
        id=id,
        resource=draw(st.none() | st.builds(Resource, address=st.just(address), attributes=documents)),
        record=draw(
            st.none()
            | st.builds(Record, address=st.just(address), id=st.just(id or ""), scope=texts, applied=documents)
        ),
        discard=tuple(draw(st.lists(texts, max_size=2, unique=True))),
        delete_first=draw(st.booleans()),
        notes=tuple(draw(st.lists(texts, max_size=2))),
    )


plans = st.builds(
    Plan,
    project=texts,
    environment=texts,
    lineage=texts,
    serial=st.integers(0, 9),
    taken=st.just(TAKEN),
    changes=st.lists(changes(), max_size=5, unique_by=lambda each: (each.address, each.id, each.action)).map(tuple),
    problems=st.lists(
        st.builds(Problem, code=texts, message=texts, path=paths, help=st.none() | texts), max_size=3
    ).map(tuple),
    partial=st.booleans(),
    retired=st.integers(0, 2),
    notes=st.lists(texts, max_size=2).map(tuple),
)


def everything(plan: Plan) -> list[str]:
    return [
        render_plan(plan, colour=False, traits=TRAITS_OF),
        render_plan(plan, colour=False, traits=TRAITS_OF, verbose=True, width=60),
        render_plan_markdown(plan, traits=TRAITS_OF),
        plan_json(plan, traits=TRAITS_OF),
        plan_junit(plan, traits=TRAITS_OF),
        render_plan_html(plan, traits=TRAITS_OF),
        render_github(of_plan(plan, traits=TRAITS_OF), title="Plan", summary=summary(plan).line),
        render_sarif(of_plan(plan, traits=TRAITS_OF), category="a/b"),
    ]


@settings(max_examples=200, deadline=None)
@given(plan=plans)
def test_no_secret_and_no_escape_is_ever_printed(plan: Plan) -> None:
    for text in everything(plan):
        assert CANARY not in text
        assert all(sign == "\n" or unicodedata.category(sign) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for sign in text)


@settings(deadline=None)
@given(plan=plans, chance=st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(plan: Plan, chance: object) -> None:
    turned = replace(
        plan,
        changes=tuple(replace(each, fields=each.fields[::-1]) for each in reversed(plan.changes)),
        problems=plan.problems[::-1],
    )

    assert everything(turned) == everything(plan)


@settings(deadline=None)
@given(plan=plans)
def test_every_plan_follows_the_schema(plan: Plan) -> None:
    assert [each.message for each in VALIDATOR.iter_errors(json.loads(plan_json(plan, traits=TRAITS_OF)))] == []


@settings(deadline=None)
@given(plan=plans)
def test_every_plan_ends_with_its_counts(plan: Plan) -> None:
    text = render_plan(plan, colour=False, traits=TRAITS_OF)

    assert text.endswith(f"\n{summary(plan).line}")
    assert summary(plan).line.startswith("Plan: ")


@settings(max_examples=30, deadline=None)
@given(plan=plans, repeat=st.integers(1, 60))
def test_a_comment_never_exceeds_its_limit(plan: Plan, repeat: int) -> None:
    many = tuple(
        replace(each, address=replace(each.address, name=f"n{number}"))
        for number in range(repeat)
        for each in plan.changes
    )

    for limit in (24_000, LIMIT):
        assert len(render_plan_markdown(replace(plan, changes=many), traits=TRAITS_OF, limit=limit)) <= limit
