"""Records against a JSON Schema: by the million through jsonschema-rs, with messages that show no value."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from reconciler.deliveries.paths import Place
from reconciler.deliveries.rules import Breach
from reconciler.deliveries.source import library_missing

_BACKTRACKS = 100_000
"""Steps of a regular expression before a value counts as one that does not match."""

ABSENT: Any = object()
"""Stands for the value of a key that is missing."""


class BadSchema(ValueError):
    """The text is no JSON Schema that can be used; the message says why."""


def schema_flaw(text: str) -> str | None:
    """What keeps the text from being a JSON Schema, or `None`; looks at the schema alone and needs no record."""
    from jsonschema import SchemaError  # noqa: PLC0415 - only who names a schema pays
    from jsonschema.validators import validator_for  # noqa: PLC0415

    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return "it is no JSON"
    if not isinstance(document, dict):
        return "a schema is an object"
    try:
        validator_for(document).check_schema(document)
    except SchemaError as error:
        place = "/".join(str(each) for each in error.absolute_path)
        return f"`{place}`: {error.message}" if place else str(error.message)
    return None


class Broken(NamedTuple):
    """A keyword of the schema that a record breaks."""

    keyword: str
    breach: Breach


class Compiled:
    """A schema ready to check records. References within it are followed; nothing is ever fetched."""

    def __init__(self, text: str) -> None:
        try:
            import jsonschema_rs  # noqa: PLC0415 - only who checks content pays
        except ImportError:
            raise library_missing("records", "jsonschema-rs") from None
        try:
            document = json.loads(text)
        except ValueError:
            raise BadSchema("the schema is no JSON") from None
        try:
            self._validator = jsonschema_rs.validator_for(
                document,
                validate_formats=True,
                retriever=_refused,
                pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS),
            )
        except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            first = str(error).partition("\n")[0]
            raise BadSchema(f"the schema cannot be used: {first}") from None
        self._is_valid: Callable[[Any], bool] = self._validator.is_valid
        self._names = frozenset(_names(document))

    def is_valid(self, record: Any) -> bool:  # noqa: ANN401 - JSON
        """Whether the record keeps the schema; raises `RecursionError` for one that is nested too deeply to tell."""
        try:
            return self._is_valid(record)
        except ValueError:  # "Recursion limit reached", at 255 levels (jsonschema-rs 0.60)
            raise RecursionError from None

    def broken(self, record: Any) -> Iterator[Broken]:  # noqa: ANN401 - JSON
        """
        Every keyword that the record breaks, in the validator's order.

        Keys that the schema does not name are data, and may be somebody's: they are written `*`.
        """
        for error in self._validator.iter_errors(record):
            place: Place = tuple(
                each if isinstance(each, int) or each in self._names else "*" for each in error.instance_path
            )
            kind = error.kind
            name = str(getattr(kind, "name", "schema"))
            if name == "required":
                place = (*place, str(getattr(kind, "property", "*")))
            keyword = str(error.schema_path[-1]) if error.schema_path and name != "falseSchema" else name
            yield Broken(keyword, Breach(place, _message(name, kind), ABSENT if name == "required" else error.instance))


@lru_cache(maxsize=32)
def compiled(text: str) -> Compiled:
    """The schema, made once for each process."""
    return Compiled(text)


def unknown_keys(document: Mapping[str, Any]) -> Callable[[Any], Iterator[Place]]:
    """
    A function that finds the places of keys which no `properties` of the schema names, where it names any.

    Objects that the schema leaves open (no `properties`, or `additionalProperties` with a schema) are not looked into
    for names, only below. Follows `$ref` within the document, `items`, and the branches of `allOf` and `anyOf`.
    """
    shape = _Shape(document, (document,), {})

    def walk(value: Any, shape: _Shape, at: Place) -> Iterator[Place]:  # noqa: ANN401 - JSON
        if isinstance(value, list):
            inner = shape.items
            if inner is not None:
                for number, each in enumerate(value):
                    if isinstance(each, dict | list):
                        yield from walk(each, inner, (*at, number))
        elif isinstance(value, dict) and not shape.is_open:
            for key, each in value.items():
                below = shape.below(key)
                if below is None:
                    yield (*at, key)
                elif isinstance(each, dict | list):
                    yield from walk(each, below, (*at, key if shape.names(key) else "*"))

    return lambda record: walk(record, shape, ())


class _Shape:
    """What one or several schemas together name below a value; made once for each place of the schema."""

    def __init__(
        self, document: Mapping[str, Any], schemas: tuple[Any, ...], known: dict[tuple[int, ...], _Shape]
    ) -> None:
        self._document = document
        self._known = known
        known[tuple(map(id, schemas))] = self
        branches = [each for schema in schemas for each in _branches(document, schema)]
        self._items = [each["items"] for each in branches if isinstance(each.get("items"), dict)]
        self._named = [each["properties"] for each in branches if "properties" in each]
        self._rest = [
            each["additionalProperties"] for each in branches if isinstance(each.get("additionalProperties"), dict)
        ]
        self._below: dict[str, _Shape | None] = {}
        self.is_open = not self._named and not self._rest

    @cached_property
    def items(self) -> _Shape | None:
        """The shape of a list's items, where they have one."""
        return self._of(self._items) if self._items else None

    def below(self, key: str) -> _Shape | None:
        """The shape of a key's value; None when nobody names the key."""
        if key in self._below:
            return self._below[key]
        named = [names[key] for names in self._named if key in names]
        if not named:
            return self._others  # not remembered: such keys are data, and there may be millions
        self._below[key] = self._of(named)
        return self._below[key]

    def names(self, key: str) -> bool:
        """Whether the key is the schema's own word; others are data, and may be somebody's."""
        return key in self._below

    @cached_property
    def _others(self) -> _Shape | None:
        return self._of(self._rest) if self._rest else None

    def _of(self, schemas: list[Any]) -> _Shape:
        found = self._known.get(tuple(map(id, schemas)))
        return found if found is not None else _Shape(self._document, tuple(schemas), self._known)


def _branches(document: Mapping[str, Any], schema: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - JSON
    if not isinstance(schema, dict):
        return
    yield schema
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        found: Any = document
        for step in reference[2:].split("/"):
            found = found.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(found, dict) else {}
        yield from _branches(document, found)
    for word in ("allOf", "anyOf", "oneOf"):
        for each in schema.get(word, ()):
            yield from _branches(document, each)


def _names(schema: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Every key that a schema names, at any depth."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties" and isinstance(value, dict):
                yield from value
            yield from _names(value)
    elif isinstance(schema, list):
        for each in schema:
            yield from _names(each)


def _refused(uri: str) -> Any:  # noqa: ANN401 - never returns
    raise ValueError(f"`{uri}` is not fetched: put it into the schema's `$defs`")


def _message(name: str, kind: Any) -> str:  # noqa: ANN401 - one class per keyword
    """What the schema asks for; it is the owner's own text, so it may be shown."""
    match name:
        case "required":
            return "is missing"
        case "type":
            types = kind.types
            return "is not of type " + " or ".join(
                f"`{each}`" for each in ([types] if isinstance(types, str) else types)
            )
        case "format":
            return f"is no `{kind.format}`"
        case "enum" | "const":
            return "is not an allowed value"
        case "pattern":
            return "does not match the schema's pattern"
        case "additionalProperties" | "unevaluatedProperties" | "propertyNames" | "falseSchema":
            return "has a key that is not allowed"
        case "anyOf" | "oneOf" | "oneOfNotValid" | "oneOfMultipleValid":
            return "matches not exactly one of the allowed shapes" if name.endswith("Valid") else "has no allowed shape"
        case _:
            return f"breaks the schema's `{name}`"
