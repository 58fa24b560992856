"""
Finding one's way in a pydantic model: from the place of an error to a path in the manifest and the keys known there.

pydantic's places name the arm of a union between two steps; a manifest has no such step.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Discriminator, RootModel, Tag
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType  # comes with pydantic; in the standard library from 3.12

from reconciler.specs.tree import Node
from reconciler.values import Path

_PLAIN = (str, int, float, bool)
_LISTS = (list, tuple, set, frozenset, Sequence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """
    Where an error lies.

    `path` leads to it in the data and `annotation` is the type wanted there. `keys` are those of the mapping that
    holds the last step, `field` its description. `tags` are the values by which the forms wanted there are told apart,
    `arms` the untagged unions passed: their path and the arm tried.
    `of_key` says that the error is about a key, not its value.
    """

    path: Path
    annotation: object
    keys: frozenset[str]
    field: FieldInfo | None
    tags: tuple[str, ...]
    arms: tuple[tuple[Path, str], ...]
    of_key: bool


def follow(model: object, place: Sequence[str | int], data: Node) -> Trail:
    """The trail of pydantic's error place through `model`; where the model says nothing the data leads."""
    wanted, discriminator = _bare(model, None)
    path: list[str | int] = []
    keys: frozenset[str] = frozenset()
    field: FieldInfo | None = None
    arms: list[tuple[Path, str]] = []
    here = data
    of_key = False
    for step in place:
        if step == "[key]":
            of_key = True
            continue
        choices = arms_of(wanted)
        if choices:
            if discriminator is None:
                arms.append((tuple(path), str(step)))
            wanted, discriminator = _bare(_arm(choices, discriminator, str(step)), None)
            continue
        fields = fields_of(wanted)
        if fields is not None:
            keys = frozenset(fields)
            field = fields.get(str(step))
            following = field.annotation if field is not None else None
            hint = field.discriminator if field is not None else None
            wanted, discriminator = _bare(following, hint)
        elif get_origin(wanted) in _LISTS and isinstance(step, int):
            wanted, discriminator = _bare(_item(wanted, step), None)
        elif get_origin(wanted) in (dict, Mapping):
            keys, field = frozenset(), None
            wanted, discriminator = _bare(get_args(wanted)[1], None)
        elif not _has(here, step):
            continue
        path.append(step)
        here = here[step] if _has(here, step) else None  # type: ignore[index]  # `_has` pairs them
    tags = tuple(tag for arm in arms_of(wanted) for tag in _tags(arm, discriminator))
    return Trail(
        path=tuple(path), annotation=wanted, keys=keys, field=field, tags=tags, arms=tuple(arms), of_key=of_key
    )


def fields_of(annotation: object) -> dict[str, FieldInfo] | None:
    """A model's fields by the key that manifests use; `None` for what is no model."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {each.alias or name: each for name, each in annotation.model_fields.items()}
    return None


def arms_of(annotation: object) -> tuple[object, ...]:
    """The arms of a union, null apart; empty for anything else and for a union of one."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return ()
    arms = tuple(each for each in get_args(annotation) if each is not type(None))
    return arms if len(arms) > 1 else ()


def choices_of(annotation: object) -> tuple[str, ...]:
    """The words that a field allows, when they can be counted."""
    bare, _ = _bare(annotation, None)
    if get_origin(bare) is Literal:
        return tuple(str(each.value if isinstance(each, Enum) else each) for each in get_args(bare))
    if isinstance(bare, type) and issubclass(bare, Enum):
        return tuple(str(each.value) for each in bare)
    return ()


def spec_keys(annotation: object) -> frozenset[str] | None:
    """Every key that any form of the model knows at its top; `None` when that cannot be told."""
    bare, _ = _bare(annotation, None)
    arms = arms_of(bare)
    if arms:
        found = [spec_keys(each) for each in arms]
        return frozenset().union(*(each for each in found if each)) if None not in found else None
    fields = fields_of(bare)
    return None if fields is None else frozenset(fields)


def knows(annotation: object, path: Path) -> bool:
    """Whether a value of this type may have a field at the path; yes where that cannot be told."""
    if not path:
        return True
    bare, _ = _bare(annotation, None)
    arms = arms_of(bare)
    if arms:
        return any(knows(each, path) for each in arms)
    fields = fields_of(bare)
    if fields is not None:
        return path[0] in fields and knows(fields[str(path[0])].annotation, path[1:])
    origin = get_origin(bare)
    if origin in _LISTS:
        return knows(_item(bare, path[0] if isinstance(path[0], int) else 0), path[1:])
    if origin in (dict, Mapping):
        return isinstance(path[0], str) and knows(get_args(bare)[1], path[1:])
    return not (origin is Literal or bare in _PLAIN)


def _bare(annotation: object, discriminator: object) -> tuple[object, object]:
    """The annotation without metadata, aliases and null, and what tells the arms of its union apart."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *metadata = get_args(annotation)
            for each in metadata:
                if isinstance(each, FieldInfo) and each.discriminator is not None:
                    discriminator = each.discriminator
                elif isinstance(each, Discriminator):
                    discriminator = each
        elif isinstance(annotation, TypeAliasType):
            annotation = annotation.__value__
        elif isinstance(annotation, type) and issubclass(annotation, RootModel):
            root = annotation.model_fields["root"]
            annotation, discriminator = root.annotation, root.discriminator or discriminator
        elif get_origin(annotation) in (Union, types.UnionType):
            arms = [each for each in get_args(annotation) if each is not type(None)]
            if len(arms) > 1:
                return annotation, discriminator
            annotation = arms[0]
        else:
            return annotation, discriminator


def _arm(choices: tuple[object, ...], discriminator: object, label: str) -> object:
    """The arm that pydantic calls `label`."""
    for each in choices:
        bare, _ = _bare(each, None)
        if label in (_tags(each, discriminator) if discriminator is not None else (getattr(bare, "__name__", ""),)):
            return each
        if discriminator is None and label == str(bare):
            return each
    return None


def _tags(arm: object, discriminator: object) -> tuple[str, ...]:
    if get_origin(arm) is Annotated:
        named = tuple(each.tag for each in get_args(arm)[1:] if isinstance(each, Tag))
        if named:
            return named
    bare, inner = _bare(arm, None)
    nested = arms_of(bare)
    if nested:
        return tuple(tag for each in nested for tag in _tags(each, inner or discriminator))
    key = discriminator.discriminator if isinstance(discriminator, Discriminator) else discriminator
    if isinstance(key, str) and isinstance(bare, type) and issubclass(bare, BaseModel) and key in bare.model_fields:
        return choices_of(bare.model_fields[key].annotation)
    return ()


def _item(annotation: object, position: int) -> object:
    arguments = get_args(annotation)
    if get_origin(annotation) is tuple and Ellipsis not in arguments:
        return arguments[position] if position < len(arguments) else None
    return arguments[0] if arguments else None


def _has(data: Node, step: str | int) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and 0 <= step < len(data)
