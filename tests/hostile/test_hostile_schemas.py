"""Schemas that a vendor sends are worked with as far as they can harm nobody."""

from __future__ import annotations

import pytest
from hostile_server import HostileServer

from reconciler.providers.adobe.connection_specs import auth_faults, target_faults

_CIRCLE: dict[str, object] = {"type": "object", "allOf": [{"$ref": "#"}]}


def _spec(schema: object) -> dict[str, object]:
    return {"targetSpec": {"spec": schema}, "authSpec": [{"name": "Access Key", "spec": schema}]}


@pytest.mark.parametrize(
    "schema",
    [
        _CIRCLE,
        {"$ref": "#/definitions/nothing"},
        {"$ref": "file:///etc/passwd"},
        {"required": [{}, None, 7]},
        {"type": 7, "properties": []},
        {"properties": {"path": {"pattern": "("}}},
        {"properties": {"path": {"pattern": "(?<name>x)\\p{L}"}}},
        [],
        None,
    ],
)
def test_a_schema_that_is_none_has_nothing_against_anything(schema: object) -> None:
    assert list(target_faults(_spec(schema), {"path": "x"})) == []
    assert list(auth_faults(_spec(schema), "Access Key", {"path": "x"})) == []


def test_nothing_that_a_schema_refers_to_is_fetched() -> None:
    with HostileServer() as elsewhere:
        schema = {"type": "object", "properties": {"path": {"$ref": f"{elsewhere.url}/schema"}}}
        faults = list(target_faults(_spec(schema), {"path": "x"}))

        assert faults == []
        assert elsewhere.accepted == 0
