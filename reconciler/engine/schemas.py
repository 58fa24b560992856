"""
The JSON Schema of what `codec` writes, made from the same types, so that neither can change alone.

What a schema cannot say (that digests fit, that addresses occur once) the reader checks all the same.
"""

# ruff: noqa: ANN401 - what a hint stands for is known only when it is looked at

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from reconciler.engine.codec import FORMAT, SavedPlan
from reconciler.engine.forms import Builtin
from reconciler.values import Address

Schema: TypeAlias = "dict[str, Builtin]"


class _Document: ...


class _Value: ...


class _Path: ...


# The recursive aliases of `values` mean nothing to `get_type_hints`; these names stand in for them.
_ALIASES = {"Document": _Document, "Value": _Value, "Path": _Path}

_NAME = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_ADDRESS: Schema = {"type": "string", "pattern": f"^{_NAME}/[A-Z][A-Za-z0-9]*/{_NAME}$"}

_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time", "pattern": "Z$"},
    Address: {"$ref": "#/$defs/address"},
    _Document: {"$ref": "#/$defs/document"},
    _Value: {"$ref": "#/$defs/value"},
    _Path: {"type": "array", "items": {"type": ["string", "integer"]}},
}

_ONE_KEY: Schema = {"additionalProperties": False, "minProperties": 1}

_DOCUMENTS: Schema = {
    "address": {"description": "`vendor/Kind/name`", **_ADDRESS},
    "document": {
        "description": "Field names to values; a key of the user's that begins with `$` has one more `$`.",
        "type": "object",
        "propertyNames": {"pattern": r"^($|[^$]|\$\$)"},
        "additionalProperties": {"$ref": "#/$defs/value"},
    },
    "value": {
        "anyOf": [
            {"type": ["null", "boolean", "number", "string"]},
            {"type": "array", "items": {"$ref": "#/$defs/value"}},
            {"$ref": "#/$defs/document"},
            {
                "description": "A reference to another resource.",
                "type": "object",
                "properties": {"$ref": {"$ref": "#/$defs/address"}},
                **_ONE_KEY,
            },
            {
                "description": "A secret: its place and what is known of its version, never its value.",
                "type": "object",
                "properties": {
                    "$secret": {
                        "type": "object",
                        "properties": {word: {"type": "string"} for word in ("source", "name", "key", "version")},
                        "required": ["source", "name"],
                        "additionalProperties": False,
                    }
                },
                **_ONE_KEY,
            },
            {
                "description": "A value that is not known yet, missing, or hidden by the vendor.",
                "type": "object",
                "properties": {"$blank": {"enum": ["unknown", "missing", "hidden"]}},
                **_ONE_KEY,
            },
        ]
    },
}


def saved_plan_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of the file that `plan -o` writes and `apply PLANFILE` reads."""
    return _sealed("plan", SavedPlan, "What `reconciler plan -o` writes: a plan and all that it was made from.")


def _sealed(kind: str, of: type[Any], description: str) -> Schema:
    found: dict[str, Builtin] = dict(_DOCUMENTS)
    body = _object(of, found)
    properties = typing.cast("Schema", body["properties"])  # made a line above
    required = typing.cast("list[Builtin]", body["required"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://reconciler.example/schemas/saved-{kind}-{FORMAT}.json",
        "title": f"Saved {kind}",
        **body,
        "description": description,
        "properties": {
            "digest": {
                "description": "The first key: SHA-256 over the canonical text of everything else.",
                "type": "string",
                "pattern": "^sha256:[0-9a-f]{64}$",
            },
            "kind": {"const": kind},
            "version": {"const": FORMAT},
            **properties,
        },
        "required": ["digest", "kind", "version", *required],
        "$defs": dict(sorted(found.items())),
    }


def _schema(hint: Any, found: Schema) -> Schema:
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:  # everywhere in these values: something, or nothing
        (inner,) = (each for each in arguments if each is not types.NoneType)
        return {"anyOf": [{"type": "null"}, _schema(inner, found)]}
    if origin is Mapping and arguments[0] is str:
        return {"type": "object", "additionalProperties": {"type": "string"}}
    if origin is Mapping:
        return {"description": "By address, each once.", "type": "array", "items": _schema(arguments[1], found)}
    if origin is not None:
        return {"type": "array", "items": _schema(arguments[0], found)}
    if issubclass(hint, enum.Enum):
        return {"enum": [each.value for each in hint]}
    name = hint.__name__
    if name not in found:
        found[name] = {}  # so that a type within itself ends here
        found[name] = _object(hint, found)
    return {"$ref": f"#/$defs/{name}"}


def _object(kind: type[Any], found: Schema) -> Schema:
    hints = typing.get_type_hints(kind, localns=_ALIASES)
    fields = dataclasses.fields(kind)
    required: list[Builtin] = [
        each.name
        for each in fields
        if each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    ]
    return {
        "description": (kind.__doc__ or "").strip(),
        "type": "object",
        "properties": {each.name: _schema(hints[each.name], found) for each in fields},
        "required": required,
        "additionalProperties": False,
    }
