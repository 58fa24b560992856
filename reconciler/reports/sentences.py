"""What is said about one change in words, the same for terminals and pull requests."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.reports.actions import GAP, leftovers
from reconciler.reports.counts import Counts
from reconciler.reports.escape import plain, plural, quoted
from reconciler.reports.shown import Reading
from reconciler.values import Action, Change, Plan, Severity


def title_of(change: Change) -> str:
    """The vendor's name of the object, where it differs from ours, and its id: `"Orders to lake" · id 0b1c`."""
    recorded = change.record.applied if change.record and change.record.id == change.id else {}
    name = (change.resource.attributes if change.resource else recorded).get("name")
    parts = [quoted(name)] if isinstance(name, str) and name != change.address.name else []
    if change.id:
        parts.append(f"id {plain(change.id)}")
    return " · ".join(parts)


def details_of(change: Change, reading: Reading) -> Iterator[tuple[str, str]]:
    """(word, sentence) pairs: where the change comes from, why, at what cost, in which order."""
    origin = _origin(change)
    if origin:
        yield "part of", origin
    for position, reason in enumerate(dict.fromkeys(each.text for each in change.reasons)):
        yield "and" if position else "because", plain(reason)
    if change.hold and change.hold.reason not in [each.text for each in change.reasons]:
        yield "held", plain(change.hold.reason)
    if change.action is Action.REPLACE:
        if reading.traits and reading.traits.replacement_cost:
            yield "cost", plain(reading.traits.replacement_cost)
        if change.delete_first:
            yield "gap", GAP
        else:
            yield "order", "the new one first; the old one goes when nothing points at it"
    for id in sorted(leftovers(change)):
        yield "deletes", f"id {plain(id)}, left over from an earlier replacement"
    for note in change.notes:
        if reading.traits and note == reading.traits.replacement_cost:
            continue  # said above as the cost
        yield "note", plain(note)


def read_at(plan: Plan) -> str:
    """When and against which state the plan was made: `read 2026-11-20 06:00:00 UTC against state 42`."""
    offset = plan.taken.strftime("%z")
    zone = "" if not offset else " UTC" if offset == "+0000" else f" {offset}"
    return f"read {plan.taken:%Y-%m-%d %H:%M:%S}{zone} against state {plan.serial}"


def is_refused(plan: Plan) -> bool:
    """Whether a problem of the plan forbids applying it."""
    return any(each.severity is Severity.ERROR for each in plan.problems)


def freshness_of(counts: Counts) -> str | None:
    """How many changes nobody's change of a definition asks for: `50 changes are for freshness alone: …`."""
    if not counts.freshness:
        return None
    many = f"{plural(counts.freshness, 'change')} {'is' if counts.freshness == 1 else 'are'}"
    return f"{many} for freshness alone: time or data moved on, and no definition changed"


NO_CHANGES = "No changes. Everything is as the manifests say."
NO_CHANGES_SELECTED = "No changes. Everything that was selected is as the manifests say."
FROM_SNAPSHOT = "planned from a snapshot"
"""How the note begins by which a plan that nobody may apply is told from others."""
PARTIAL = "This plan is partial: a selection left resources out, and what they need or leave behind is not considered."


def _origin(change: Change) -> str:
    origin = change.resource.origin if change.resource else change.record.origin if change.record else None
    return plain(str(origin)) if origin else ""
