"""The published schema of saved plans says what is written, no more and no less."""

from __future__ import annotations

import json

import jsonschema
import pytest
from generators import examples
from hypothesis import given
from hypothesis import strategies as st
from test_codec import documents, options, plans, resources

from reconciler.engine.codec import encode_saved_plan
from reconciler.engine.schemas import saved_plan_schema
from reconciler.values import Desired, Document, Options, Plan, Resource

SCHEMA = saved_plan_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@given(plans, st.lists(resources, max_size=2), options, documents)
@examples(60)
def test_whatever_is_saved_fits(plan: Plan, wanted: list[Resource], asked: Options, meta: Document) -> None:
    saved = encode_saved_plan(plan, Desired({each.address: each for each in wanted}), asked, meta)

    VALIDATOR.validate(json.loads(saved))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("digest",), "sha256:12"),
        (("kind",), "state"),
        (("version",), 2),
        (("plan", "taken"), "2026-11-22T10:00:00+01:00"),
        (("plan", "serial"), "7"),
        (("plan", "extra"), 1),
        (("plan", "changes"), [{"address": "no address", "action": "create"}]),
        (("plan", "changes"), [{"address": "a/K/b", "action": "explode"}]),
        (("meta",), {"$ref": "a/K/b"}),
        (("options", "targets"), "a/K/b"),
    ],
)
def test_what_could_not_be_read_does_not_fit(path: tuple[str, ...], value: object) -> None:
    plan = {
        "project": "shop", "environment": "prod", "lineage": "l", "serial": 1, "taken": "2026-11-22T10:00:00Z",
        "changes": [], "partial": False, "retired": 0,
    }  # fmt: skip
    whole: dict[str, object] = {
        "digest": "sha256:" + "0" * 64, "kind": "plan", "version": 1, "tool": "1",
        "plan": plan, "desired": {"resources": []}, "options": {"destroy": False, "rebuild": False}, "meta": {},
    }  # fmt: skip
    assert VALIDATOR.is_valid(whole)
    inner = whole
    for step in path[:-1]:
        inner = inner[step]  # type: ignore[assignment]  # only mappings on the way
    inner[path[-1]] = value

    assert not VALIDATOR.is_valid(whole)


@pytest.mark.parametrize("left_out", ["digest", "kind", "version", "plan", "desired", "options", "meta"])
def test_what_must_be_there_is_required(left_out: str) -> None:
    required = SCHEMA["required"]
    assert isinstance(required, list)

    assert left_out in required
