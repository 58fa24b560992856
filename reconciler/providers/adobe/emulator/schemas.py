"""As much of JSON Schema as the connection specs use."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from reconciler.emulator import JsonObject

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def complaints(
    value: object, schema: JsonObject, place: str = "", *, optional: frozenset[str] = frozenset()
) -> list[str]:
    """
    What is wrong with a value, in words.

    Knows `type`, `required`, `properties`, `enum`, `pattern` and `minLength`. `optional` names properties of the
    outermost object that are not required after all.
    """
    return list(_complaints(value, schema, place, optional))


def secrets(schema: JsonObject) -> frozenset[str]:
    """The properties that are declared `format: password`."""
    properties: JsonObject = schema.get("properties", {})
    return frozenset(name for name, one in properties.items() if one.get("format") == "password")


def _complaints(value: object, schema: JsonObject, place: str, optional: frozenset[str]) -> Iterator[str]:
    kind = schema.get("type")
    if kind is not None and not _is(value, kind):
        yield f"{place or 'value'} must be of type {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place} must be one of {', '.join(str(one) for one in schema['enum'])}"
    if isinstance(value, str):
        yield from _text_complaints(value, schema, place)
    elif isinstance(value, dict):
        for name in schema.get("required", []):
            if name not in value and name not in optional:
                yield f"{_below(place, name)} is required"
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield from _complaints(value[name], inner, _below(place, name), frozenset())


def _text_complaints(value: str, schema: JsonObject, place: str) -> Iterator[str]:
    if "pattern" in schema and not _pattern(schema["pattern"]).search(value):
        yield f"{place} does not match {schema['pattern']}"
    if len(value) < schema.get("minLength", 0):
        yield f"{place} is too short"


def _is(value: object, kind: str) -> bool:
    if isinstance(value, bool) and kind != "boolean":
        return False
    return isinstance(value, _TYPES[kind])


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


@lru_cache(maxsize=64)
def _pattern(pattern: str) -> re.Pattern[str]:
    # In JSON Schema `$` is the very end; in Python it also stands before a last line feed.
    return re.compile(pattern.replace("$", r"\Z"), re.ASCII)
