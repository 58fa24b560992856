"""The JSON Schema for editors."""

from __future__ import annotations

import pytest
import yaml
from example_vendor import EXPORT_EXAMPLE, LAKE_EXAMPLE, PIPELINE_EXAMPLE, catalog
from jsonschema import Draft202012Validator

from reconciler import providers
from reconciler.sdk import Catalog
from reconciler.specs import json_schema

SCHEMA = json_schema(catalog())
VALIDATOR = Draft202012Validator(SCHEMA)


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("text", [LAKE_EXAMPLE, EXPORT_EXAMPLE, PIPELINE_EXAMPLE])
def test_the_kinds_examples_fit(text: str) -> None:
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: orders", "name: orders\n  labels: {a: {var: team}}"),
        ("target: lake", "target: {id: x}"),
        ("target: lake", "target: {var: target}"),
        ("target: lake", "target: {id: {var: target}}"),
        ("datasets: [orders]", "datasets: [{var: a}, b]"),
        ("datasets: [orders]", "datasets: [a]\n  retries: {var: a}\n  schedule: {every: {var: pace}}"),
        ("datasets: [orders]", "datasets: [a]\n  columns: {a: {var: x}}\n  enabled: {var: y}\n  ratio: {var: z}"),
        ("datasets: [orders]", "datasets: [a]\n  name: Orders"),
        ("onRemoval: disable", "onRemoval: delete, preventDestroy: true, ignoreChanges: [spec.name]"),
    ],
)
def test_other_good_manifests_fit(old: str, new: str) -> None:
    assert list(VALIDATOR.iter_errors(yaml.safe_load(EXPORT_EXAMPLE.replace(old, new)))) == []


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (EXPORT_EXAMPLE, "example.reconciler/v1", "example.reconciler/v2"),
        (EXPORT_EXAMPLE, "kind: Export", "kind: Exports"),
        (EXPORT_EXAMPLE, "name: orders", "name: Orders"),
        (EXPORT_EXAMPLE, "name: orders", "name: {var: x}"),
        (EXPORT_EXAMPLE, "target: lake", "traget: lake"),
        (EXPORT_EXAMPLE, "target: lake", "target: {name: lake}"),
        (EXPORT_EXAMPLE, "datasets: [orders]", "datasets: orders"),
        (EXPORT_EXAMPLE, "datasets: [orders]", "datasets: [a]\n  retries: '3'"),
        (EXPORT_EXAMPLE, "datasets: [orders]", "datasets: [a]\n  schedule: {every: 7h}"),
        (EXPORT_EXAMPLE, "datasets: [orders]", "datasets: [a]\n  schedule: {every: {var: a, b: c}}"),
        (EXPORT_EXAMPLE, "onRemoval", "onremoval"),
        (EXPORT_EXAMPLE, "spec:", "extra: 1\nspec:"),
        (LAKE_EXAMPLE, "spec:", "lifecycle: {onRemoval: disable}\nspec:"),
        (LAKE_EXAMPLE, "{env: RECONCILER_SECRET_LAKE}", "hunter2"),
        (LAKE_EXAMPLE, "{env: RECONCILER_SECRET_LAKE}", "{env: A, file: B}"),
        (LAKE_EXAMPLE, "type: bucket", "type: bukket"),
        (LAKE_EXAMPLE, "bucket: example", "host: example"),
    ],
)
def test_typical_mistakes_do_not_fit(text: str, old: str, new: str) -> None:
    assert old in text
    assert not VALIDATOR.is_valid(yaml.safe_load(text.replace(old, new)))


def test_the_words_of_the_models_are_in_it() -> None:
    definitions = SCHEMA["$defs"]

    assert definitions["example.Export"]["description"] == "What goes where"
    assert definitions["example.Export.Schedule"]["properties"]["every"]["description"] == "how often"
    assert definitions["example.Lake"]["examples"][0]["login"]["type"] == "bucket"
    assert "name" not in definitions["example.Lake"]["required"]


def test_the_installed_vendors_examples_fit() -> None:
    installed = Catalog(providers.names(), providers.load)
    schema = json_schema(installed)
    Draft202012Validator.check_schema(schema)

    for example in schema["examples"]:
        assert list(Draft202012Validator(schema).iter_errors(example)) == []
