"""The words and signs of each action, most dangerous first."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.reports.paint import Style
from reconciler.values import Action, Address, Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How an action is shown: its sign, its colour, what is said of one and of several objects, and its meaning."""

    sign: str
    style: Style
    verb: str
    meaning: str
    noun: str = "object"


LOOKS: dict[Action, Look] = {
    Action.DELETE: Look(sign="-", style=Style.BAD, verb="Delete", meaning="gone at the vendor for good"),
    Action.REPLACE: Look(
        sign="+/-", style=Style.BAD, verb="Replace", meaning="made anew, because editing in place is not possible"
    ),
    Action.DISABLE: Look(sign="■", style=Style.BAD, verb="Disable", meaning="exports stop, nothing is deleted"),
    Action.RETIRE: Look(
        sign="◇", style=Style.CHANGED, verb="Retire", meaning="no manifest any more; left at the vendor, and listed"
    ),
    Action.FORGET: Look(
        sign="○", style=Style.CHANGED, verb="Forget", meaning="no longer managed here; left at the vendor"
    ),
    Action.RUN: Look(
        sign="▶", style=Style.ACTIVE, verb="Run", meaning="started at the vendor; nothing is removed", noun="job"
    ),
    Action.UPDATE: Look(sign="~", style=Style.CHANGED, verb="Change", meaning="edited in place"),
    Action.CREATE: Look(sign="+", style=Style.GOOD, verb="Add", meaning="new at the vendor"),
    Action.IMPORT: Look(sign="←", style=Style.ACTIVE, verb="Import", meaning="taken under management; nothing is sent"),
    Action.RECOVER: Look(sign="↺", style=Style.ACTIVE, verb="Recover", meaning="found at the vendor and taken back"),
    Action.RECORD: Look(
        sign="=", style=Style.FAINT, verb="Record", meaning="only the state is written; nothing is sent"
    ),
    Action.WAIT: Look(sign="…", style=Style.FAINT, verb="Wait for", meaning="something is under way at the vendor"),
    Action.BLOCKED: Look(
        sign="!", style=Style.BAD, verb="Hold back", meaning="the vendor refuses until something outside changes"
    ),
    Action.NOOP: Look(sign=" ", style=Style.FAINT, verb="Leave", meaning="as the manifests say"),
}
"""Every action in the order in which a reviewer should meet it."""

GAP = "no export from its deletion until the new one is made"
"""What a replacement that deletes first costs."""


def sign(change: Change) -> str:
    """The change's sign; a replacement's says which of the two comes first."""
    if change.action is Action.REPLACE and change.delete_first:
        return "-/+"
    return LOOKS[change.action].sign


def leftovers(change: Change) -> tuple[str, ...]:
    """Ids of objects that go besides the address's present one: what an earlier replacement left behind."""
    return tuple(each for each in change.discard if each != change.id)


def group_of(change: Change) -> Action:
    """The group in which the change is shown: an object that is left as it is but sheds leftovers is a deletion."""
    return Action.DELETE if change.action is Action.NOOP and leftovers(change) else change.action


def by_danger(change: Change) -> tuple[int, Address, str]:
    """A sort key: the most dangerous group first, then by address; one address may have several changes."""
    return _RANK[group_of(change)], change.address, change.id or ""


_RANK = {action: rank for rank, action in enumerate(LOOKS)}
