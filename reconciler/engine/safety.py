"""Limits that keep a mistake small: how much one plan may take away, and when a list is too short to be believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from reconciler.values import Action, Address, Change, Problem, ReasonCode, Record, Snapshot, Traits


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    Per kind, at most `max_deletes` objects and `max_delete_percent` of the recorded ones may go, whichever is
    less, but always one. A list that lacks more than half of at least four recorded objects is short, unless its
    type is in `accept_short`.
    """

    max_deletes: int = 5
    max_delete_percent: float = 20.0
    accept_short: frozenset[str] = frozenset()


def allowed(recorded: int, limits: Limits) -> int:
    """How many of so many recorded objects of one kind a plan may take away."""
    return max(1, min(limits.max_deletes, int(recorded * limits.max_delete_percent / 100)))


def spends(change: Change) -> bool:
    """Whether the change counts against the limits: it deletes, replaces, or makes again what vanished."""
    if change.action is Action.CREATE:
        return any(reason.code is ReasonCode.GONE for reason in change.reasons)
    return change.action in {Action.DELETE, Action.REPLACE}


def over_limits(changes: Iterable[Change], records: Mapping[Address, Record], limits: Limits) -> tuple[Problem, ...]:
    """A problem per kind that would lose more than the limits allow, naming the number and how to approve."""
    known: Counter[str] = Counter()
    for address, record in records.items():
        known[address.type] += len(record.ids)
    spent = Counter(change.address.type for change in changes if spends(change))
    return tuple(
        Problem(
            code="too-many-deletes",
            message=(
                f"{count} of {known[type]} recorded `{type}` would be deleted, replaced or made again, "
                f"and at most {allowed(known[type], limits)} may ({_which(known[type], limits)})"
            ),
            help="look at each of them; `limits` in the project file says how many may go in one plan",
        )
        for type, count in sorted(spent.items())
        if count > allowed(known[type], limits)
    )


def _which(recorded: int, limits: Limits) -> str:
    """The one of the two limits that is lower for so many recorded objects."""
    if limits.max_deletes <= int(recorded * limits.max_delete_percent / 100):
        return f"`maxDeletes` is {limits.max_deletes}"
    return f"`maxDeletePercent` is {limits.max_delete_percent:g}"


def short_lists(
    snapshot: Snapshot, records: Mapping[Address, Record], limits: Limits, traits: Callable[[str], Traits]
) -> tuple[Problem, ...]:
    """
    A problem per type whose list lacks more than half of four or more recorded objects.

    Not for jobs: a vendor may forget old ones, and nothing is deleted because of that.
    """
    recorded: dict[str, set[str]] = {}
    for record in records.values():
        if record.id is not None:
            recorded.setdefault(record.address.type, set()).add(record.id)
    found = []
    for type, ids in sorted(recorded.items()):
        if type in snapshot.unreadable or type in limits.accept_short or type not in snapshot.listed:
            continue
        if traits(type).job:
            continue
        seen = len(ids & snapshot.listed[type])
        if len(ids) >= 4 and seen * 2 < len(ids):
            found.append(
                Problem(
                    code="short-list",
                    message=f"the vendor's list of `{type}` holds {seen} of {len(ids)} recorded objects",
                    help=(
                        "check the organization and the permissions of the credentials; if the others are really gone, "
                        f"run with `--accept-short-list {type}`"
                    ),
                )
            )
    return tuple(found)
