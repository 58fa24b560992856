"""Rules: from the words of their owner to expressions that can be asked."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from reconciler.policy.documents import CHANGE, PLAN, PROJECT, RESOURCE
from reconciler.policy.expressions import Expression, Language, NotAnswered, NotCompiled, Plain
from reconciler.values import Mark, Problem, Severity

MAX_SHOWN: Final = 120
"""Characters of a value in a message."""
_BRACES = re.compile(r"\{([^{}]+)\}")


class On(enum.Enum):
    """What a rule is asked about."""

    MANIFEST = "manifest"
    CHANGE = "change"
    PLAN = "plan"


VARIABLES: Final[Mapping[On, Mapping[str, str]]] = {
    On.MANIFEST: {**PROJECT, **RESOURCE},
    On.CHANGE: {**PROJECT, **RESOURCE, **CHANGE, **PLAN},
    On.PLAN: {**PROJECT, **PLAN},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """
    A rule as its owner wrote it.

    `deny` must not hold, `require` must; `marks` are the places of its keys and `mark` that of the whole.
    """

    id: str
    on: On
    message: str
    deny: str | None = None
    require: str | None = None
    severity: Severity = Severity.ERROR
    kinds: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    help: str | None = None
    docs: str | None = None
    ignorable: bool = True
    built_in: bool = False
    mark: Mark | None = None
    marks: Mapping[str, Mark] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule that can be asked."""

    words: Words
    deny: Expression | None
    require: Expression | None
    parts: tuple[str | Expression, ...]

    @property
    def id(self) -> str:
        """Its name."""
        return self.words.id

    def concerns(self, type: str, labels: Mapping[str, str]) -> bool:
        """Whether it is about resources like this."""
        words = self.words
        return (not words.kinds or type in words.kinds) and words.labels.items() <= labels.items()

    def broken_by(self, document: Mapping[str, Plain]) -> bool:
        """Whether the document breaks it. Raises `NotAnswered`."""
        if self.deny is not None and self.deny.holds(document):
            return True
        return self.require is not None and not self.require.holds(document)

    def message(self, document: Mapping[str, Plain]) -> str:
        """What is said of a document that breaks it; a value that is not there is `(not set)`."""
        return "".join(each if isinstance(each, str) else _shown(each, document) for each in self.parts)


def compiled(words: Words) -> tuple[Rule | None, tuple[Problem, ...]]:
    """The rule, or everything that is wrong with its expressions. Raises `Unavailable`."""
    language = _language(words.on)
    problems: list[Problem] = []

    def say(key: str, what: str, why: str) -> None:
        problems.append(
            Problem(
                code="policy-expression",
                message=f"{what} of the rule `{words.id}` cannot be used: {why}",
                mark=words.marks.get(key, words.mark),
                help="docs/policies.md lists what rules may name",
            )
        )

    def condition(key: str, text: str | None) -> Expression | None:
        try:
            return language.condition(text) if text is not None else None
        except NotCompiled as error:
            say(key, f"`{key}`", str(error))
            return None

    deny, require = condition("deny", words.deny), condition("require", words.require)
    parts: list[str | Expression] = []
    for position, each in enumerate(_BRACES.split(words.message)):
        try:
            parts.append(language.value(each) if position % 2 else each)
        except NotCompiled as error:
            say("message", f"`{{{each[:60]}}}` in the message", str(error))
    if problems:
        return None, tuple(problems)
    return Rule(words=words, deny=deny, require=require, parts=tuple(parts)), ()


@cache
def _language(on: On) -> Language:
    return Language(VARIABLES[on])


def _shown(expression: Expression, document: Mapping[str, Plain]) -> str:
    try:
        text = expression.text(document)
    except NotAnswered:
        return "(not set)"
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
