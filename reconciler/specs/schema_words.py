"""What a model's fields mean, in the words that stand below them in its source, for the schema that editors read."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel

Words = Mapping[str, Mapping[str, str]]
"""Model → field, as manifests write it → a sentence."""


def words_of(spec: object) -> Words:
    """
    The sentences below the fields of a model, or of all models of a union, and of those within.

    A model has those of the classes that it is made of. Where the source is not at hand there are none. Costs about
    10 ms for a vendor, which only those pay who ask for the schema.
    """
    return {model.__name__: _of_model(model) for model in dict.fromkeys(_models(spec))}


def _models(spec: object) -> Iterator[type[BaseModel]]:
    if get_origin(spec) is Annotated:
        yield from _models(get_args(spec)[0])
    elif isinstance(spec, type) and issubclass(spec, BaseModel):
        yield spec
        for field in spec.model_fields.values():
            yield from _models(field.annotation)
    else:
        for each in get_args(spec):
            yield from _models(each)


def _of_model(model: type[BaseModel]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        found.update(_of_module(each.__module__).get(each.__name__, {}))
    return {field.alias or name: found[name] for name, field in model.model_fields.items() if name in found}


@lru_cache(maxsize=64)
def _of_module(name: str) -> dict[str, dict[str, str]]:
    """Class → field → the text below it, for every class of the module."""
    try:
        source = inspect.getsource(sys.modules[name])
    except (KeyError, OSError, TypeError):
        return {}
    return {each.name: dict(_below(each)) for each in ast.parse(source).body if isinstance(each, ast.ClassDef)}


def _below(of: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, text in zip(of.body, of.body[1:], strict=False):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        value: Any = text.value if isinstance(text, ast.Expr) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield field.target.id, inspect.cleandoc(value.value)
