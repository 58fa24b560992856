"""A plan as the text that a reviewer reads in a terminal or a build log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from reconciler.reports.actions import LOOKS, by_danger, group_of, sign
from reconciler.reports.counts import summary
from reconciler.reports.escape import columns, pad, plain, plural, wrap
from reconciler.reports.fields import views_of
from reconciler.reports.layout import lay_out
from reconciler.reports.names import Names
from reconciler.reports.paint import Style, paint
from reconciler.reports.problems import render_problems, tally
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
from reconciler.values import Action, Change, Plan, Traits

_INDENT = 4
_WORD = 8


def render_plan(
    plan: Plan, *, colour: bool, width: int = 80, verbose: bool = False, traits: Callable[[str], Traits]
) -> str:
    """
    The whole plan: groups of changes, most dangerous first, then problems, notes and the counts.

    The last line is the one that people grep for. `traits` gives the traits of `vendor/Kind` and may raise `KeyError`.
    `verbose` shortens nothing and names what stays as it is. The order of the plan's changes does not matter.
    """
    names = Names.of(plan.changes)
    blocks = [f"Plan for {plain(plan.project)}/{plain(plan.environment)}, {read_at(plan)}"]
    for action, changes in groups(plan.changes):
        blocks.append(_heading(action, changes, colour=colour))
        blocks += [
            "\n".join(_change(each, traits, names, colour=colour, width=width, verbose=verbose)) for each in changes
        ]
    blocks += list(_closing(plan, colour=colour, width=width, verbose=verbose))
    return "\n\n".join(blocks)


def groups(changes: Sequence[Change]) -> Iterator[tuple[Action, list[Change]]]:
    """The changes that do something or wait for something, by action, most dangerous first, each group by address."""
    found: dict[Action, list[Change]] = {}
    for each in sorted(changes, key=by_danger):
        found.setdefault(group_of(each), []).append(each)
    for action in LOOKS:
        if action is not Action.NOOP and action in found:
            yield action, found[action]


def heading(action: Action, changes: Sequence[Change]) -> str:
    """`Replace 2 objects`."""
    look = LOOKS[action]
    return f"{look.verb} {plural(len(changes), look.noun)}"


def unchanged_notes(plan: Plan) -> list[str]:
    """Notes of objects that stay as they are, each with its address."""
    unchanged = (each for each in plan.changes if each.action is Action.NOOP)
    return [f"{each.address}: {note}" for each in sorted(unchanged, key=by_danger) for note in each.notes]


def _heading(action: Action, changes: Sequence[Change], *, colour: bool) -> str:
    title = paint(heading(action, changes), Style.STRONG, colour=colour)
    return f"{title}: {LOOKS[action].meaning}"


def _change(
    change: Change, traits: Callable[[str], Traits], names: Names, *, colour: bool, width: int, verbose: bool
) -> Iterator[str]:
    reading = reading_of(change.address.type, traits, names)
    look = LOOKS[group_of(change)]
    shown_sign = "-" if group_of(change) is not change.action else sign(change)
    start = f"{paint(pad(shown_sign, 3), look.style, colour=colour)} "
    address, title = plain(str(change.address)), title_of(change)
    bold = paint(address, Style.STRONG, colour=colour)
    if columns(address) + columns(title) + _INDENT <= width:
        yield f"{start}{bold}  {title}".rstrip()
    else:
        yield start + bold
        yield " " * _INDENT + title
    for word, sentence in details_of(change, reading):
        yield from wrap(sentence, width, first=f"{' ' * _INDENT}{pad(word, _WORD)}", rest=" " * (_INDENT + _WORD))
    if verbose and change.points_at:
        needs = ", ".join(plain(str(each)) for each in sorted(change.points_at))
        yield from wrap(needs, width, first=f"{' ' * _INDENT}{pad('needs', _WORD)}", rest=" " * (_INDENT + _WORD))
    yield from lay_out(views_of(change, reading), width=width, indent=_INDENT, colour=colour, verbose=verbose)


def _closing(plan: Plan, *, colour: bool, width: int, verbose: bool) -> Iterator[str]:
    counts = summary(plan)
    if plan.problems:
        yield render_problems(plan.problems, colour=colour, width=width)
    if counts.nothing and not is_refused(plan):
        yield NO_CHANGES_SELECTED if plan.partial else NO_CHANGES
    freshness = freshness_of(counts)
    if freshness is not None:
        yield "\n".join(wrap(freshness, width))
    if counts.unchanged:
        names = [f"    {each.address}" for each in _unchanged(plan)] if verbose else []
        yield "\n".join([f"{counts.unchanged} unchanged", *names])
    if plan.retired:
        yield "\n".join(
            wrap(f"{plural(plan.retired, 'object')} retired: no manifest any more, left at the vendor", width)
        )
    notes = [*plan.notes, *unchanged_notes(plan)]
    if notes:
        yield "\n".join(line for note in notes for line in wrap(plain(note), width, first="Note: ", rest="      "))
    if plan.partial:
        yield "\n".join(wrap(PARTIAL, width))
    if is_refused(plan):
        yield paint(f"Refused: this plan cannot be applied ({tally(plan.problems)}).", Style.BAD, colour=colour)
    if verbose and plan.digest is not None:
        yield f"Digest: {plan.digest}"
    yield paint(counts.line, Style.STRONG, colour=colour)


def _unchanged(plan: Plan) -> list[Change]:
    same = (each for each in plan.changes if group_of(each) is Action.NOOP)
    return sorted(same, key=by_danger)
