"""Values as YAML text that every reader takes for exactly these values."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

import yaml

from reconciler.specs.reader import FORBIDDEN, HIDDEN
from reconciler.specs.scalars import Ambiguous, plain_value
from reconciler.specs.tree import Node

Plain: TypeAlias = "None | bool | int | float | str"

_INDICATORS: Final = frozenset("-?:,[]{}#&*!|>'\"%@`")
_IN_FLOW: Final = frozenset(",[]{}:?")
"""Signs that end an unquoted text between brackets, for one reader or another."""
_LETTERS: Final = frozenset({"y", "Y", "n", "N"})
"""Truth values of YAML 1.1 that PyYAML takes for text, and others do not."""
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}


def scalar(value: Plain, *, flow: bool = False, style: str = "") -> str:
    """
    One value in one line; `style` is the quote that a text had before and keeps where it can, `flow` says that it
    stands between brackets.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        mantissa, e, exponent = repr(value).partition("e")
        return f"{mantissa if '.' in mantissa else mantissa + '.0'}{e}{exponent}"
    if isinstance(value, int):
        return str(value)
    if style == '"' or not is_shown(value):
        return _double(value)
    if style == "'" or not is_plain(value, flow=flow):
        return "'" + value.replace("'", "''") + "'"
    return value


def is_shown(text: str) -> bool:
    """Whether every character of the text can be seen and stands in one line."""
    return not HIDDEN.search(text) and not FORBIDDEN.search(text)


def is_plain(text: str, *, flow: bool = False) -> bool:
    """Whether the text means itself without quotes, to readers of YAML 1.1 and of 1.2."""
    if not text or text != text.strip() or not is_shown(text) or text[0] in _INDICATORS or text.startswith("..."):
        return False
    if ": " in text or " #" in text or text.endswith(":") or "\t" in text:
        return False
    if flow and _IN_FLOW & set(text):
        return False
    return reads_as_text(text)


def reads_as_text(text: str) -> bool:
    """Whether no reader takes the unquoted text for a number, a truth value, a date or nothing."""
    if text in _LETTERS:
        return False
    try:
        if not isinstance(plain_value(text), str):
            return False
    except Ambiguous:
        return False
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers
    return not any(form.match(text) for _, form in (*resolvers.get(text[:1], ()), *resolvers.get(None, ())))


def flow(value: Node) -> str:
    """A value in one line, collections between brackets."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key, flow=True)}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value, flow=True)


def block(head: str, value: Node, indent: str) -> list[str]:
    """The lines of `value` behind `head` (a key with its colon, or a dash) that stands at `indent`."""
    if not isinstance(value, dict | list) or not value:
        return [f"{indent}{head} {flow(value) if isinstance(value, dict | list) else scalar(value)}"]
    inner = f"{indent}  "
    if isinstance(value, dict):
        lines = [line for key, each in value.items() for line in block(f"{scalar(key)}:", each, inner)]
    else:
        lines = [line for each in value for line in block("-", each, inner)]
    if head == "-":
        return [f"{indent}- {lines[0].removeprefix(inner)}", *lines[1:]]
    return [f"{indent}{head}", *lines]


def literal(text: str, header: str, indent: str, line_end: str) -> str | None:
    """The text as a block below `header` (a bar, and a comment perhaps); `None` for one that no block can hold."""
    body = text.removesuffix("\n")
    lines = body.split("\n")
    strange = not body or body[0] in " \t\n" or body.endswith("\n") or "\t" in body
    if strange or not all(is_shown(line) for line in lines) or any(line and line.isspace() for line in lines):
        return None
    chomp = "" if text.endswith("\n") else "-"
    shown = line_end.join(f"{indent}{line}" if line else "" for line in lines)
    return f"|{chomp}{header}{line_end}{shown}"


def _double(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(each) or escaped(each) for each in text) + '"'


def escaped(character: str) -> str:
    """The character, or how double quotes write it when it cannot be seen."""
    if is_shown(character):
        return character
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


_LINE = re.compile(r"\r\n|\r|\n")


def line_end_of(text: str) -> str:
    """How the text ends its lines; the first end counts."""
    found = _LINE.search(text)
    return found[0] if found else "\n"
