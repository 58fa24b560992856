"""
Markers that a vendor puts on the fields of its manifest models, and the traits that follow from them.

A model is an ordinary pydantic model on `Spec`; a marker is an element of `Annotated`.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeGuard, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from reconciler.values import Value
from reconciler.values.address import is_name

_ADDED = re.compile(r"(\A| )(store|hmac):\S+\Z")

SECRET_SOURCES: Mapping[str, frozenset[str]] = {
    "env": frozenset({"version"}),
    "file": frozenset({"version"}),
    "awsSecretsManager": frozenset({"key", "version"}),
    "gcpSecretManager": frozenset({"key", "version"}),
    "vault": frozenset({"key", "version"}),
    "named": frozenset({"key", "version"}),
}
"""Places a secret may be kept in, each with the further keys that its reference may have."""


class Spec(BaseModel):
    """The base of every manifest model: camelCase keys, nothing unknown, no guessing of types."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel, frozen=True)


@dataclass(frozen=True, slots=True)
class Immutable:
    """The vendor cannot change this field in place: a difference means replacement."""


@dataclass(frozen=True, slots=True)
class WriteOnly:
    """The vendor takes this field and does not give it back."""


@dataclass(frozen=True, slots=True)
class Sensitive:
    """A secret: written as a reference, never shown, never compared with what the vendor reports."""


@dataclass(frozen=True, slots=True)
class Unordered:
    """The order of this list means nothing to the vendor."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """The items of this list are told apart by the field `by`; their order means nothing."""

    by: str


@dataclass(frozen=True, slots=True)
class RefersTo:
    """The field names a resource of this kind of the same vendor."""

    kind: str


@dataclass(frozen=True, slots=True)
class ServerDefault:
    """What the vendor sets when the field is not sent, and so what removing it from a manifest means."""

    value: Value


Marker: TypeAlias = Immutable | WriteOnly | Sensitive | Unordered | Keyed | RefersTo | ServerDefault


def _name_or_id(value: object) -> object:
    if isinstance(value, str):
        if not is_name(value):
            raise PydanticCustomError(
                "reference",
                "a reference is the name of a manifest, or `{id: …}` for an object that is not managed here",
            )
        return value
    if isinstance(value, dict) and set(value) == {"id"} and isinstance(value["id"], str) and value["id"]:
        return value
    raise PydanticCustomError(
        "reference", "a reference is the name of a manifest, or `{id: …}` for an object that is not managed here"
    )


def travels_in_private(url: str) -> str:
    """The URL itself; refuses one by which credentials would travel neither encrypted nor within this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    local = host == "localhost" or host.endswith(".localhost") or host == "::1" or host.startswith("127.")
    if not host or (parts.scheme != "https" and not (parts.scheme == "http" and local)):
        raise PydanticCustomError(
            "insecure-url", "the URL would send credentials in the clear; it begins with `https://`"
        )
    return url


BaseUrl = Annotated[str, AfterValidator(travels_in_private)]
"""Where a vendor is reached: https, or plain http on this machine alone."""


def _secret_reference(value: object) -> object:
    if not isinstance(value, dict):
        raise PydanticCustomError(
            "inline-secret", "a secret is written here; a manifest holds a reference to it instead"
        )
    sources = [key for key in value if key in SECRET_SOURCES]
    if len(sources) != 1:
        raise PydanticCustomError(
            "secret-reference",
            "a secret reference names one place: {places}",
            {"places": ", ".join(f"`{{{each}: …}}`" for each in SECRET_SOURCES)},
        )
    strange = sorted(set(value) - SECRET_SOURCES[sources[0]] - {sources[0]})
    if strange:
        raise PydanticCustomError("secret-reference", "unknown key `{key}` in a secret reference", {"key": strange[0]})
    if not all(isinstance(each, str) and each for each in value.values()):
        raise PydanticCustomError("secret-reference", "the parts of a secret reference are text")
    if _ADDED.search(value.get("version", "")):
        raise PydanticCustomError(
            "secret-reference", "a version ends neither like `store:…` nor like `hmac:…`, which is added in the state"
        )
    return value


NameOrId = Annotated[
    Any,
    BeforeValidator(_name_or_id),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"},
                {
                    "type": "object",
                    "properties": {"id": {"type": "string", "minLength": 1}},
                    "required": ["id"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""The name of a manifest, or `{id: …}` for an object that is not managed here."""

SecretReference = Annotated[
    Any,
    BeforeValidator(_secret_reference),
    WithJsonSchema(
        {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {each: {"type": "string", "minLength": 1} for each in (source, *sorted(further))},
                    "required": [source],
                    "additionalProperties": False,
                }
                for source, further in SECRET_SOURCES.items()
            ]
        }
    ),
    Sensitive(),
]
"""A reference to a secret, such as `{env: RECONCILER_SECRET_LAKE}`."""


def marked_fields(model: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Marker]]:
    """
    Every (path, marker) of a model, in the order of its fields; `*` stands for any position or key.

    `model` is a pydantic model, a union of such, or any annotation that holds them.
    """
    origin = get_origin(model)
    if origin is Annotated:
        inner, *metadata = get_args(model)
        yield from ((path, each) for each in metadata if _is_marker(each))
        yield from marked_fields(inner, path)
    elif origin in (Union, types.UnionType):
        for arm in get_args(model):
            yield from marked_fields(arm, path)
    elif origin in (list, tuple, set, frozenset):
        for arm in get_args(model):
            yield from marked_fields(arm, (*path, "*"))
    elif origin is dict:
        yield from marked_fields(get_args(model)[1], (*path, "*"))
    elif isinstance(model, type) and issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            here = (*path, field.alias or name)
            yield from ((here, each) for each in field.metadata if _is_marker(each))
            yield from marked_fields(field.annotation, here)


def _is_marker(each: object) -> TypeGuard[Marker]:
    return isinstance(each, Marker)
