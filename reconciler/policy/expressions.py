"""One expression in CEL: compiled against the variables that its document has, and answered within bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

Plain: TypeAlias = "None | bool | int | float | str | datetime | list[Plain] | dict[str, Plain]"
"""What expressions see."""

MAX_EXPRESSION: Final = 2_000
"""Characters of one expression."""
MAX_TEXT: Final = 10_000
"""
Characters of one text of a document.

The library stops an expression after 10,000 steps of its loops and beyond 32 levels of nesting (measured with 0.1.3),
and keeps what every step makes: with texts of any length a loop that joins them took 21 GB.
"""
_PLACE = re.compile(r"ERROR: <input>:(?P<line>\d+):(?P<column>\d+): (?P<why>[^\n]*)")
_END = re.compile(r"\s*\[[A-Z_]+\]\Z")


class Unavailable(Exception):
    """The library for CEL is not installed."""


class NotCompiled(Exception):
    """The text is no expression over these variables; the sentence says why."""


class NotAnswered(Exception):
    """The expression has no answer for this document; the sentence says why."""


class Language:
    """What expressions may name: each variable and the kind of value that it has."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """Raises `Unavailable`; `variables` are from name to the kind of value."""
        try:
            from cel_expr_python import cel  # type: ignore[import-untyped]  # noqa: PLC0415 - only who has rules pays
        except ImportError:
            raise Unavailable from None
        types = cel.Type
        known = {
            "text": types.STRING,
            "whole number": types.INT,
            "flag": types.BOOL,
            "moment": types.TIMESTAMP,
            "texts": types.Map(types.STRING, types.STRING),
            "numbers": types.Map(types.STRING, types.INT),
            "mapping": types.Map(types.STRING, types.DYN),
            "mappings": types.List(types.Map(types.STRING, types.DYN)),
        }
        self._error, self._bool = types.ERROR, types.BOOL
        self._environment: Any = cel.NewEnv(variables={name: known[each] for name, each in variables.items()})

    def condition(self, text: str) -> Expression:
        """An expression that is true or false. Raises `NotCompiled`."""
        program = self._compiled(text)
        if program.return_type() != self._bool:
            raise NotCompiled(f"it gives {_called(program.return_type().name())}, and a rule is true or false")
        return Expression(program, self._error)

    def value(self, text: str) -> Expression:
        """An expression of any kind. Raises `NotCompiled`."""
        return Expression(self._compiled(text), self._error)

    def _compiled(self, text: str) -> Any:  # noqa: ANN401 - the library's own type, which it does not name
        if len(text) > MAX_EXPRESSION:
            raise NotCompiled(f"it is longer than {MAX_EXPRESSION:,} characters")
        if "\0" in text:
            raise NotCompiled("it holds the character U+0000")
        try:
            return self._environment.compile(text)
        except RuntimeError as error:
            raise NotCompiled(_said(str(error))) from None


class Expression:
    """A compiled expression."""

    def __init__(self, program: Any, error: object) -> None:  # noqa: ANN401 - as above
        self._program = program
        self._error = error

    def holds(self, document: Mapping[str, Plain]) -> bool:
        """Whether it is true of the document. Raises `NotAnswered`; what has no answer is never taken for one."""
        answer = self._answer(document)
        if not isinstance(answer, bool):
            raise NotAnswered("it is neither true nor false here")
        return answer

    def text(self, document: Mapping[str, Plain]) -> str:
        """What it gives, as text for people. Raises `NotAnswered`."""
        answer = self._answer(document)
        if isinstance(answer, bool):
            return "true" if answer else "false"
        return str(answer)

    def _answer(self, document: Mapping[str, Plain]) -> object:
        _check(document)
        try:
            found = self._program.eval(data=document)
            if found.type() == self._error:
                raise NotAnswered(_reason(str(found.value())))
            return found.plain_value()
        except (RuntimeError, OverflowError, TypeError, ValueError) as error:
            raise NotAnswered(_reason(str(error))) from None


def _check(document: Mapping[str, Plain]) -> None:
    """Raises `NotAnswered` for a document with a text that is too long, or that the library misreads."""
    waiting: list[object] = list(document.values())
    while waiting:
        each = waiting.pop()
        if isinstance(each, str) and len(each) > MAX_TEXT:
            raise NotAnswered(f"a text of the document is longer than {MAX_TEXT:,} characters")
        if isinstance(each, str) and "\0" in each:
            # The library reads a key only up to there (measured with 0.1.3), so that two keys may be one to it.
            raise NotAnswered("a text of the document holds the character U+0000")
        if isinstance(each, dict):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            waiting += each


def _said(complaint: str) -> str:
    """The library's first complaint as a sentence with its place."""
    found = _PLACE.search(complaint)
    if found is None:
        return _reason(complaint)
    why = re.sub(r" \(in container '[^']*'\)", "", found["why"])
    why = re.sub(r", expecting \{.*| expecting \{.*", "", why.replace("'", "`"))
    line = f"line {found['line']}, " if found["line"] not in ("1", "-1") else ""
    return f"{why[:200]} ({line}column {found['column']})" if found["line"] != "-1" else why[:200]


def _reason(complaint: str) -> str:
    """What the library says without the names of its codes."""
    first = _END.sub("", complaint.strip().splitlines()[0]) if complaint.strip() else "it has no value here"
    first = re.sub(r"\A[A-Z_]+: ", "", first)
    missing = re.fullmatch(r'Key not found in map : "(?P<key>.*)"', first)
    if missing:
        return f"there is no `{missing['key'][:60]}` here; ask with `has(…)` first"
    if "Iteration budget" in first:
        return "its loops take more than 10,000 steps"
    return first[:200]


def _called(type: str) -> str:
    return f"a value of type `{type.lower()}`" if type.lower() != "dyn" else "a value that may be of any type"
