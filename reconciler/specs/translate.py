"""What a pydantic model finds wrong, in words for people and with paths into the manifest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from reconciler.sdk.fields import SECRET_SOURCES
from reconciler.specs.guide import Trail, choices_of, follow
from reconciler.specs.tree import Node, at
from reconciler.specs.words import called, did_you_mean, listed, near_miss, shown
from reconciler.values import Path

_BUILT_IN: Final = frozenset(get_args(ErrorType))
_WANTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "`true` or `false`",
    "bool_parsing": "`true` or `false`",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dataclass_type": "a mapping",
    "mapping_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
}
_COMPARED: Final = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}
_COUNTED: Final = {
    "string_too_short": ("at least", "min_length", "character"),
    "string_too_long": ("at most", "max_length", "character"),
    "too_short": ("at least", "min_length", "item"),
    "too_long": ("at most", "max_length", "item"),
}
_QUOTABLE = re.compile(r"[\w.:/@+ -]{1,60}\Z")
"""A value that may be repeated in a sentence: one short line without signs that confuse a terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    One thing wrong with a document; `at_key` says that its place is the key and not the value.

    `unread` is a mapping that was not looked into because of it.
    """

    code: str
    message: str
    path: Path
    help: str | None = None
    at_key: bool = False
    unread: Path | None = None


def findings(error: ValidationError, model: object, data: Node, *, root: str = "spec") -> list[Finding]:
    """
    Everything `error` says about `data`, validated against `model`.

    `root` is what the document as a whole is called. No value of a secret field is repeated.
    """
    details = error.errors(include_url=False)
    pairs = [(each, follow(model, each["loc"], data)) for each in details]
    found = [_finding(each, trail, data, root) for each, trail in pairs if not trail.arms]
    unions: dict[Path, dict[str, list[tuple[ErrorDetails, Trail]]]] = {}
    for each, trail in pairs:
        if trail.arms:
            union, label = trail.arms[0]
            unions.setdefault(union, {}).setdefault(label, []).append((each, trail))
    for union, arms in unions.items():
        either = _either(union, arms, data, root)
        found += [either] if either else [_finding(each, trail, data, root) for each, trail in _meant(arms)]
    return _without_echoes(found)


def _finding(error: ErrorDetails, trail: Trail, data: Node, root: str) -> Finding:
    path, kind, context = trail.path, error["type"], error.get("ctx", {})
    name = f"`{called(path, root)}`"
    description = _first_line(trail)
    if kind == "extra_forbidden":
        key = str(path[-1])
        holder = called(path[:-1], root)
        present = _keys_at(data, path[:-1])
        near = near_miss(key, trail.keys - present) or near_miss(key, trail.keys)
        help = f"did you mean `{near}`?" if near else did_you_mean(key, trail.keys - present, what="further keys")
        return Finding(
            code="unknown-key", message=f"`{holder}` has no key `{shown(key)}`", path=path, help=help, at_key=True
        )
    if kind == "missing":
        if isinstance(path[-1], int):
            return Finding(code="invalid-value", message=f"`{called(path[:-1], root)}` has too few items", path=path)
        message = f"`{called(path[:-1], root)}` lacks the key `{path[-1]}`"
        return Finding(code="missing-key", message=message, path=path, help=description)
    if kind == "union_tag_not_found":
        key = _discriminator(context)
        help = f"known values: {listed(trail.tags)}" if trail.tags else None
        message = f"{name} lacks the key `{key}`"
        return Finding(code="missing-key", message=message, path=(*path, key), help=help, unread=path)
    if kind == "union_tag_invalid":
        key = _discriminator(context)
        choices = re.findall(r"'([^']*)'", context["expected_tags"])
        return replace(_not_chosen((*path, key), str(context["tag"]), choices, root), unread=path)
    if kind in ("literal_error", "enum"):
        choices = _choices(error, trail)
        value = _value(data, path)
        if not isinstance(value, str):
            return _wrong_type(path, f"one of {listed(choices)}", value, root, description)
        return _not_chosen(path, value, choices, root)
    if kind in _WANTED:
        return _wrong_type(path, _WANTED[kind], _value(data, path), root, description)
    if kind not in _BUILT_IN:
        return _of_vendor(kind, error["msg"], path, name, data)
    return Finding(
        code="invalid-value",
        message=_sentence(error, name),
        path=path,
        help=_form(kind, context, trail) or description,
        at_key=trail.of_key,
    )


def _choices(error: ErrorDetails, trail: Trail) -> list[str]:
    """The words that would have been right, from the model or else from what pydantic says of it."""
    expected = str(error.get("ctx", {}).get("expected", ""))
    return list(choices_of(trail.annotation)) or re.findall(r"'([^']*)'", expected)


def _not_chosen(path: Path, value: str, choices: Iterable[str], root: str) -> Finding:
    known = list(choices)
    near = near_miss(value, known)
    said = f" `{value}`" if _QUOTABLE.match(value) else " this"
    help = f"did you mean `{near}`?" if near is not None else f"known values: {listed(known)}"
    return Finding(code="invalid-value", message=f"`{called(path, root)}` cannot be{said}", path=path, help=help)


def _wrong_type(path: Path, wanted: str, value: Node, root: str, description: str | None) -> Finding:
    found, help = "", None
    match value:
        case bool():
            found, help = "`true` or `false`", "quote it to mean the text" if wanted == "text" else None
        case int() | float():
            found, help = "a number", "quote it to mean the text" if wanted == "text" else None
            if wanted == "a whole number":
                found = "a number with decimals"
        case str():
            found = "text"
            if re.fullmatch(r"-?\d+(\.\d+)?|true|false", value) and wanted in _UNQUOTED:
                help = "remove the quotes"
            elif wanted == "a list":
                help = "write it as a list of one: `[…]`"
        case list():
            found = "a list"
        case dict():
            found = "a mapping"
        case None:
            found = "null"
    message = f"`{called(path, root)}` must be {wanted}, not {found}"
    return Finding(code="wrong-type", message=message, path=path, help=help or description)


_UNQUOTED: Final = ("a whole number", "a number", "`true` or `false`")


def _of_vendor(code: str, message: str, path: Path, name: str, data: Node) -> Finding:
    """An error that a model raised itself; the code is its own."""
    help = None
    if code == "inline-secret":
        message = f"{name} must be a reference to a secret, never the secret itself"
        help = "keep the secret elsewhere and write where, such as `{env: RECONCILER_SECRET_…}`"
    elif code == "reference":
        value = _value(data, path)
        if isinstance(value, str) and _QUOTABLE.match(value):
            message = f"{name} names `{value}`, which is no name that a manifest can have"
            help = "to use an object that is not managed here, write `{id: …}`"
        else:
            message = f"{name} must be the name of a manifest"
            help = "to use an object that is not managed here, write `{id: …}`"
    elif code == "secret-reference":
        places = message.startswith("a secret reference names one place")
        message = f"{name} must name one place where the secret is kept" if places else f"{name}: {message}"
        help = "write one of " + ", ".join(f"`{{{each}: …}}`" for each in SECRET_SOURCES)
    # A model's message without context reaches us with its braces still doubled.
    message = message.replace("{{", "{").replace("}}", "}").removesuffix(".")
    return Finding(code=re.sub(r"[^a-z0-9]+", "-", code.lower()), message=message, path=path, help=help)


def _sentence(error: ErrorDetails, name: str) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in _COMPARED:
        word, key = _COMPARED[kind]
        return f"{name} must be {word} {context[key]:g}"
    if kind in _COUNTED:
        word, key, what = _COUNTED[kind]
        number = context[key]
        return f"{name} must have {word} {number} {what}{'' if number == 1 else 's'}"
    if kind == "string_pattern_mismatch":
        return f"{name} does not have the form it must have"
    if kind in ("value_error", "assertion_error"):
        text = str(context.get("error", "")).removesuffix(".") or "is refused"
        return text if "`" in text else f"{name}: {text}"
    if kind.startswith("timezone"):
        return f"{name} needs a time zone"
    if kind.startswith("datetime"):
        return f"{name} is no date and time"
    if kind.startswith(("date", "time")):
        return f"{name} is no {kind.partition('_')[0]}"
    if kind.startswith("url"):
        return f"{name} is no web address"
    words = error["msg"].removesuffix(".")
    words = re.sub(r"^(Input|Value|String|List|Set|Tuple|Dictionary|Data) ", "", words)
    return f"{name} {words[:1].lower()}{words[1:]}"


def _form(kind: str, context: dict[str, Any], trail: Trail) -> str | None:
    if kind == "string_pattern_mismatch":
        return _first_line(trail) or f"the form is `{context['pattern']}`"
    if kind.startswith("datetime") or kind == "timezone_aware":
        return "write it like `2026-12-01T06:00:00Z`"
    if kind.startswith("date_"):
        return "write it like `2026-12-01`"
    return None


def _first_line(trail: Trail) -> str | None:
    description = (trail.field.description or "") if trail.field is not None else ""
    line = description.strip().partition("\n")[0].removesuffix(".")
    return line or None


def _either(union: Path, arms: dict[str, list[tuple[ErrorDetails, Trail]]], data: Node, root: str) -> Finding | None:
    """One sentence for a union without a tag when the value is of no type that any arm wants."""
    wanted: list[str] = []
    words: list[str] = []
    for errors in arms.values():
        error, trail = errors[0]
        if len(errors) > 1 or trail.path != union:
            return None
        if error["type"] in ("literal_error", "enum"):
            words += _choices(error, trail)
        elif error["type"] in _WANTED:
            wanted.append(_WANTED[error["type"]])
        else:
            return None
    value = _value(data, union)
    if words and not wanted:
        return _not_chosen(union, str(value), words, root)
    every = " or ".join(dict.fromkeys([*wanted, *(f"`{each}`" for each in words)]))
    near = near_miss(value, words) if isinstance(value, str) else None
    found = _wrong_type(union, every, value, root, None)
    return replace(found, help=f"did you mean `{near}`?") if near else found


def _meant(arms: dict[str, list[tuple[ErrorDetails, Trail]]]) -> list[tuple[ErrorDetails, Trail]]:
    """The errors of the arm that was probably meant: one whose type fits, and then the one with the fewest."""

    def unlikely(errors: list[tuple[ErrorDetails, Trail]]) -> tuple[bool, bool, int]:
        union = errors[0][1].arms[0][0]
        return (
            any(error["type"] in _WANTED and trail.path == union for error, trail in errors),
            any(error["type"] in ("literal_error", "enum") for error, _ in errors),
            len(errors),
        )

    return min(arms.values(), key=unlikely)


def _without_echoes(found: list[Finding]) -> list[Finding]:
    """Without the complaint about a missing key beside the one that names its misspelling."""
    meant = {
        (*each.path[:-1], each.help.split("`")[1])
        for each in found
        if each.code == "unknown-key" and each.help is not None and each.help.startswith("did you mean")
    }
    return [each for each in found if each.code != "missing-key" or each.path not in meant]


def _keys_at(data: Node, path: Path) -> frozenset[str]:
    value = _value(data, path)
    return frozenset(value) if isinstance(value, dict) else frozenset()


def _value(data: Node, path: Path) -> Node:
    try:
        return at(data, path)
    except KeyError:
        return None


def _discriminator(context: Mapping[str, Any]) -> str:
    """The key that tells forms apart as manifests write it: pydantic gives the model's own name for it too."""
    return str(re.findall(r"'([^']*)'", str(context["discriminator"]))[-1])
