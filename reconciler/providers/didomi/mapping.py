"""
Between the manifests' camelCase and the API's snake_case, mechanically: a model's field names are the API's words and
its aliases the manifest's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TypeAlias

from pydantic import BaseModel
from pydantic.alias_generators import to_snake

from reconciler.sdk import Sensitive
from reconciler.values import MISSING, Blank, Ref, Secret, Value

Row: TypeAlias = Mapping[str, object]
"""One object as the API gives it: JSON with unknown keys."""


def read(model: type[BaseModel], row: Row) -> dict[str, Value]:
    """
    The fields of `model` that the row has, under the manifest's names.

    Unknown keys are ignored, as Didomi asks of its clients (Didomi, API introduction: Introduction; documented). Null
    is the same as absent. A secret is dropped even when it is echoed: whether it is given back is undocumented.
    """
    document: dict[str, Value] = {}
    for name, key, within in _readable(model):
        inner = row.get(name)
        if inner is None:
            continue
        document[key] = read(within, inner) if within is not None and isinstance(inner, Mapping) else value(inner)
    return document


@cache
def _readable(model: type[BaseModel]) -> tuple[tuple[str, str, type[BaseModel] | None], ...]:
    """The API's name and the manifest's of every field that is no secret, and its model if it has one."""
    return tuple(
        (
            name,
            field.alias or name,
            field.annotation
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
            else None,
        )
        for name, field in model.model_fields.items()
        if not any(isinstance(each, Sensitive) for each in field.metadata)
    )


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


def write(wanted: Value, reveal: Callable[[Secret], str]) -> object:
    """A wanted value as the API takes it: names in snake_case, secrets in the clear, lists as lists."""
    match wanted:
        case Secret():
            return reveal(wanted)
        case Mapping():
            return {to_snake(key): write(each, reveal) for key, each in wanted.items() if each is not MISSING}
        case tuple():
            return [write(each, reveal) for each in wanted]
        case Ref() | Blank():
            raise TypeError(f"{wanted} should have been resolved before it is sent")
        case _:
            return wanted


COMPUTED = frozenset({"bucket_name", "bucket_access_role_arn"})
"""What Didomi puts into a nested object itself (Didomi, Configure a batch export; documented)."""


def completed(wanted: object, current: object) -> object:
    """A nested object to send, with what the server computed in the one that it replaces; nothing else is sent back."""
    if not isinstance(current, Mapping) or not isinstance(wanted, Mapping):
        return wanted
    return {**{key: each for key, each in current.items() if key in COMPUTED}, **wanted}


def instant(text: object) -> datetime | None:
    """An ISO 8601 time, or `None` for anything else."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
