"""Between manifests and Adobe's JSON: what is the same for every kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.sdk import Refused, split_mark, write_mark
from reconciler.values import HIDDEN, MISSING, Document, Ownership, Secret, Value


def value(json: object) -> Value:
    """JSON as a document's value."""
    match json:
        case None | bool() | int() | float() | str():
            return json
        case list() | tuple():
            return tuple(value(each) for each in json)
        case Mapping():
            return {str(key): value(each) for key, each in json.items()}
        case _:
            raise TypeError(f"{type(json).__name__} is not JSON")


def named(row: Mapping[str, object]) -> tuple[dict[str, Value], Ownership | None]:
    """
    Name and description of an object, and the owner that the mark in the description names.

    The description is the only text that is ours to write and that lists give back (Destinations API; inferred).
    """
    attributes: dict[str, Value] = {}
    name, text = row.get("name"), row.get("description")
    if isinstance(name, str):
        attributes["name"] = name
    plain, owner = split_mark(text) if isinstance(text, str) else ("", None)
    if plain:
        attributes["description"] = plain
    return attributes, owner


def marked(attributes: Document, owner: Ownership) -> str:
    """The wanted description with the ownership mark behind it."""
    return write_mark(str(attributes.get("description") or ""), owner)


def within(json: object, *keys: str) -> object:
    """What lies below these keys, or `None`."""
    for key in keys:
        json = json.get(key) if isinstance(json, Mapping) else None
    return json


def only_id(json: object) -> str | None:
    """The id in a list of exactly one."""
    if isinstance(json, Sequence) and not isinstance(json, str) and len(json) == 1 and isinstance(json[0], str):
        return json[0]
    return None


def text_of(attributes: Document, key: str) -> str:
    """A text that the document must have by now. Raises `Refused` when it is not known."""
    found = attributes.get(key)
    if not isinstance(found, str):
        raise Refused(f"`{key}` is not known")
    return found


def shows(wanted: Value, observed: Value) -> bool:
    """
    Whether what is read is what was sent, as far as it is given back at all.

    Within an object a field that is not given back does not count; the order of lists does not count either.
    """
    if isinstance(wanted, Secret) or observed is HIDDEN or observed is MISSING:
        return True
    match wanted:
        case Mapping():
            return isinstance(observed, Mapping) and all(
                shows(each, observed.get(key, MISSING)) for key, each in wanted.items()
            )
        case tuple():
            return (
                isinstance(observed, tuple)
                and len(wanted) == len(observed)
                and all(any(shows(each, other) for other in observed) for each in wanted)
            )
        case _:
            return wanted == observed
