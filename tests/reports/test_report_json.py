from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
from report_samples import CREATE, DELETE, DEPOSED, FULL, NOOP, ROTATION, UPDATE, expect, plan_of, resource, traits

from reconciler.reports.plan_json import plan_json, plan_schema
from reconciler.values import HIDDEN, MISSING, UNKNOWN, Document, FieldChange, Plan, Ref, Secret, Value


def document(plan: Plan) -> Any:  # noqa: ANN401 - JSON data
    return json.loads(plan_json(plan, traits=traits))


def valid(plan: Plan) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(plan_schema()))
    assert [each.message for each in validator.iter_errors(document(plan))] == []


def fields(plan: Plan) -> Any:  # noqa: ANN401 - JSON data
    return document(plan)["changes"][0]["fields"]


def test_a_plan_with_every_action_is_written_like_this() -> None:
    expect("plan-everything.json", plan_json(FULL, traits=traits))


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(plan_schema()))


def test_every_plan_follows_the_schema() -> None:
    valid(FULL)
    valid(plan_of())


def test_every_kind_of_value_follows_the_schema() -> None:
    values: tuple[Value, ...] = (
        None,
        True,
        1,
        1.5,
        float("inf"),
        "text",
        HIDDEN,
        UNKNOWN,
        MISSING,
        Ref(CREATE.address),
    )
    mapping: Document = {"$blank": "not a blank", "inner": values, "secret": Secret(source="vault", name="a", key="b")}
    plan = plan_of(replace(UPDATE, fields=(FieldChange(path=("a", 0), before=mapping, after=values),)))
    valid(plan)

    assert fields(plan)[0]["before"]["$literal"]["$blank"] == "not a blank"
    assert fields(plan)[0]["before"]["$literal"]["secret"] == {"$secret": {"vault": "a", "key": "b"}}
    assert fields(plan)[0]["after"][4:9] == [
        {"$number": "inf"},
        "text",
        {"$blank": "hidden"},
        {"$blank": "unknown"},
        {"$blank": "missing"},
    ]


def test_a_creation_names_every_wanted_field() -> None:
    assert [each["text"] for each in fields(plan_of(CREATE))] == sorted(
        CREATE.resource.attributes if CREATE.resource else ()
    )


def test_a_deletion_names_every_field_that_goes() -> None:
    assert [each["text"] for each in fields(plan_of(DELETE))] == ["config", "name", "type"]


def test_what_is_left_over_has_no_fields_of_its_successor() -> None:
    assert fields(plan_of(DEPOSED)) == []


def test_a_text_in_a_field_for_secrets_is_never_told() -> None:
    field = FieldChange(path=("auth", "secretKey"), before="CANARY", after=("CANARY",))
    created = replace(
        CREATE,
        resource=resource("didomi/Destination/x", {"config": {"secretAccessKey": "CANARY"}}),
        address=DELETE.address,
    )
    text = plan_json(plan_of(replace(ROTATION, fields=(field,)), created), traits=traits)

    assert "CANARY" not in text
    assert '"$secret": null' in text


def test_the_text_is_printable_ascii() -> None:
    plan = replace(plan_of(replace(NOOP, notes=("\x1b[31m \x7f \x9b \u202e é",))), project="\x7f")
    text = plan_json(plan, traits=traits)

    assert all(" " <= sign < "\x7f" for sign in text.replace("\n", ""))
    assert json.loads(text)["changes"][0]["notes"] == ["\x1b[31m \x7f \x9b \u202e é"]


def test_the_order_of_the_changes_does_not_matter() -> None:
    turned = replace(FULL, changes=FULL.changes[::-1], problems=FULL.problems[::-1])

    assert plan_json(turned, traits=traits) == plan_json(FULL, traits=traits)


def test_the_counts_are_those_of_the_summary() -> None:
    counts = document(FULL)["counts"]

    assert document(FULL)["summary"].startswith(f"Plan: {counts['add']} to add, {counts['change']} to change, ")
