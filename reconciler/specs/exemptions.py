"""The block `policy` of a manifest: rules that its owner sets aside, why, and until when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from reconciler.specs.tree import Node
from reconciler.specs.words import did_you_mean, shown
from reconciler.values import Path

EXEMPTION_KEYS: Final = ("ignore", "reason", "until")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """`rule` is set aside for a `reason`; from `ends` on it counts again. `path` is its place in the manifest."""

    rule: str
    reason: str
    path: Path
    ends: datetime | None = None
    until: str = ""


class Complain(Protocol):
    """Hears what is wrong, at a path from the root of the manifest."""

    def __call__(self, code: str, message: str, path: Path, help: str | None) -> None: ...


def read_exemptions(written: Node, end_of: Callable[[Node], datetime | None], say: Complain) -> tuple[Exemption, ...]:
    """The well-formed entries; what is wrong with the others is said."""
    if not isinstance(written, list):
        say("wrong-type", "`policy` must be a list", ("policy",), "write `- {ignore: rule, reason: why}`")
        return ()
    found = (_entry(each, ("policy", position), end_of, say) for position, each in enumerate(written))
    return tuple(each for each in found if each is not None)


def _entry(written: Node, path: Path, end_of: Callable[[Node], datetime | None], say: Complain) -> Exemption | None:
    if not isinstance(written, dict):
        say("wrong-type", "an entry of `policy` must be a mapping", path, "write `- {ignore: rule, reason: why}`")
        return None
    faults = 0
    for key in written:
        if key not in EXEMPTION_KEYS:
            help = did_you_mean(key, [each for each in EXEMPTION_KEYS if each not in written], what="further keys")
            say("unknown-key", f"`policy` has no key `{shown(key)}`", (*path, key), help)
            faults += 1
    for key, why in (("ignore", "the id of a rule"), ("reason", "why the rule does not count here, for reviewers")):
        value = written.get(key)
        if key not in written:
            say("missing-key", f"an entry of `policy` lacks the key `{key}`", (*path, key), why)
            faults += 1
        elif not isinstance(value, str) or not value.strip():
            say("wrong-type", f"`{key}` must be text", (*path, key), why)
            faults += 1
    ends = end_of(written["until"]) if "until" in written else None
    if "until" in written and ends is None:
        help = "write it like `2027-01-31`, a day that still counts, or like `2027-01-31T18:00:00Z`"
        say("invalid-value", "`until` must be a day, or a time with its zone", (*path, "until"), help)
        faults += 1
    if faults:
        return None
    until = str(written.get("until", ""))
    return Exemption(rule=str(written["ignore"]), reason=str(written["reason"]), path=path, ends=ends, until=until)
