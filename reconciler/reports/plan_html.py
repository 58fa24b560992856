"""A plan as one page for a browser: to be filtered, expanded and sent on."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.reports.actions import LOOKS, group_of, sign
from reconciler.reports.counts import summary
from reconciler.reports.escape import plain, plural
from reconciler.reports.fields import field_row, views_of
from reconciler.reports.html import page
from reconciler.reports.names import Names
from reconciler.reports.plan_text import groups, heading, unchanged_notes
from reconciler.reports.problems import in_order, place_of, tally
from reconciler.reports.sentences import (
    NO_CHANGES,
    NO_CHANGES_SELECTED,
    PARTIAL,
    details_of,
    freshness_of,
    is_refused,
    read_at,
    title_of,
)
from reconciler.reports.shown import reading_of
from reconciler.values import Action, Change, Plan, Severity, Traits

_TONES = {
    Action.DELETE: "bad",
    Action.REPLACE: "bad",
    Action.DISABLE: "bad",
    Action.BLOCKED: "bad",
    Action.RETIRE: "warn",
    Action.FORGET: "warn",
    Action.UPDATE: "warn",
    Action.CREATE: "good",
    Action.RUN: "act",
    Action.IMPORT: "act",
    Action.RECOVER: "act",
    Action.RECORD: "idle",
    Action.WAIT: "idle",
}
_OPEN = frozenset({Action.DELETE, Action.REPLACE, Action.DISABLE, Action.BLOCKED})
_FEW = 20
_ITEMS = 200
_LONGEST = 20_000


def render_plan_html(plan: Plan, *, traits: Callable[[str], Traits]) -> str:
    """
    One self-contained page: the counts, the problems, then every change, most dangerous first.

    Nothing is fetched, every word is escaped, and no secret is shown. The order of the plan's changes does not matter.
    """
    names = Names.of(plan.changes)
    counts = summary(plan)
    grouped = list(groups(plan.changes))
    few = sum(len(changes) for _, changes in grouped) <= _FEW
    remarks = [freshness_of(counts)] if freshness_of(counts) else []
    if plan.partial:
        remarks.append(PARTIAL)
    if counts.nothing and not is_refused(plan):
        remarks.append(NO_CHANGES_SELECTED if plan.partial else NO_CHANGES)
    return page(
        "plan",
        project=plain(plan.project),
        environment=plain(plan.environment),
        headline=str(counts),
        line=counts.line,
        read=read_at(plan),
        digest=plan.digest and plain(plan.digest),
        unchanged=counts.unchanged,
        refused=f"This plan cannot be applied ({tally(plan.problems)})." if is_refused(plan) else None,
        remarks=remarks,
        problems=[
            {
                "tone": "bad" if each.severity is Severity.ERROR else "warn",
                "title": plain(f"{each.severity.value}[{each.code}]"),
                "text": plain(each.message),
                "place": place_of(each),
                "help": plain(each.help) if each.help else None,
            }
            for each in in_order(plan.problems)
        ],
        notes=[plain(each) for each in (*plan.notes, *unchanged_notes(plan))],
        groups=[
            {
                "action": action.value,
                "tone": _TONES[action],
                "sign": LOOKS[action].sign,
                "count": len(changes),
                "heading": heading(action, changes),
                "meaning": LOOKS[action].meaning,
                "changes": [_change(each, traits, names, opened=few or action in _OPEN) for each in changes],
            }
            for action, changes in grouped
        ],
    )


def _change(change: Change, traits: Callable[[str], Traits], names: Names, *, opened: bool) -> dict[str, object]:
    reading = reading_of(change.address.type, traits, names)
    mark = change.resource.mark if change.resource else None
    views = views_of(change, reading)
    return {
        "sign": "-" if group_of(change) is not change.action else sign(change),
        "address": plain(str(change.address)),
        "title": title_of(change),
        "place": plain(str(mark)) if mark else None,
        "details": list(details_of(change, reading)),
        "fields": [field_row(each, items=_ITEMS, longest=_LONGEST) for each in views],
        "more": plural(len(views), "field") if views else "",
        "open": opened,
    }
