"""A plan as GitHub-flavoured Markdown, for the comment on a pull request."""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

from reconciler.reports.actions import LOOKS, group_of, sign
from reconciler.reports.counts import count, summary
from reconciler.reports.escape import clip, pad, plain, plural, shorten, shorten_pair
from reconciler.reports.fields import FieldView, ends, views_of
from reconciler.reports.names import Names
from reconciler.reports.plan_text import groups, heading, unchanged_notes
from reconciler.reports.problems import in_order, render_problem, tally
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

LIMIT = 65_536
"""Characters that GitHub takes in one comment (its API answers 422 "body is too long" beyond; read 2026-11)."""

_LINE = 200
_LONG = 100
_ITEM_LIMIT = 40
_LINES_OF_ONE_CHANGE = 120
_LINES_OPEN = 60
_REMARKS = 20
_ALWAYS_OPEN = frozenset({Action.DELETE, Action.REPLACE, Action.DISABLE, Action.RUN, Action.BLOCKED})


def render_plan_markdown(plan: Plan, *, traits: Callable[[str], Traits], limit: int = LIMIT) -> str:
    """
    The plan as Markdown of at most `limit` characters (at least 24,000), most dangerous first, the rest counted.

    Everything that comes from manifests or vendors stands in code, where neither Markdown nor HTML nor mentions
    mean anything.
    """
    names = Names.of(plan.changes)
    ordered = [(action, each) for action, changes in groups(plan.changes) for each in changes]
    bodies: list[str] = []
    lengths: list[int] = []
    for _, each in ordered:
        bodies.append("\n".join(_body(each, traits, names)))
        lengths.append((lengths[-1] if lengths else 0) + len(bodies[-1]))
        if lengths[-1] > limit:
            break
    most = bisect_right(range(len(bodies) + 1), limit, key=lambda number: len(_page(plan, ordered, bodies[:number])))
    while most > 1 and len(_page(plan, ordered, bodies[: most - 1])) > limit:
        most -= 1  # what opens and closes sections makes the length not quite monotone
    return _page(plan, ordered, bodies[: max(0, most - 1)])


def code(text: str) -> str:
    """The text as inline code that nothing within it can end."""
    text = plain(text)
    ticks = "`" * (_longest_run(text) + 1)
    return f"{ticks} {text} {ticks}" if text.startswith("`") or text.endswith("`") else f"{ticks}{text}{ticks}"


def fenced(body: str, language: str) -> str:
    """The text as a block of code that nothing within it can end."""
    fence = "`" * max(3, _longest_run(body) + 1)
    return f"{fence}{language}\n{body}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(each) for each in re.findall("`+", text)), default=0)


def _page(plan: Plan, ordered: Sequence[tuple[Action, Change]], bodies: Sequence[str]) -> str:
    """The whole comment with the first changes only: as many as there are bodies."""
    counts = summary(plan)
    blocks = [f"### Plan for {code(clip(f'{plan.project}/{plan.environment}', 200))}: {counts}"]
    if is_refused(plan):
        blocks.append(f"> [!CAUTION]\n> This plan cannot be applied ({tally(plan.problems)}).")
    if plan.partial:
        blocks.append(f"> [!IMPORTANT]\n> {PARTIAL}")
    if counts.nothing and not is_refused(plan):
        blocks.append(NO_CHANGES_SELECTED if plan.partial else NO_CHANGES)
    freshness = freshness_of(counts)
    if freshness is not None:
        blocks.append(f"{freshness}.")
    if plan.problems:
        blocks.append(fenced("\n\n".join(_problems(plan)), "text"))
    blocks += _sections(ordered, bodies)
    if len(bodies) < len(ordered):
        rest = count(each for _, each in ordered[len(bodies) :])
        blocks.append(f"**Not shown here for want of room:** {rest.some()}. `reconciler plan` prints the whole plan.")
    remarks = [*plan.notes, *unchanged_notes(plan)]
    if remarks:
        blocks.append(fenced("\n".join(clip(plain(each), _LINE) for each in _first(remarks, "notes")), "text"))
    footer = [f"{counts.unchanged} unchanged", read_at(plan)]
    if plan.digest is not None:
        footer.append(f"digest {code(plan.digest)}")
    return "\n\n".join([*blocks, f"<sub>{', '.join(footer)}</sub>", code(counts.line)])


def _sections(ordered: Sequence[tuple[Action, Change]], bodies: Sequence[str]) -> Iterator[str]:
    everything = sum(each.count("\n") for each in bodies) <= _LINES_OPEN
    for action in LOOKS:
        changes = [each for group, each in ordered if group is action]
        shown = [body for (group, _), body in zip(ordered, bodies, strict=False) if group is action]
        if not shown:
            continue
        opened = " open" if everything or action in _ALWAYS_OPEN else ""
        blocks = "\n\n".join(shown)
        title = f"<summary><b>{heading(action, changes)}</b>: {html.escape(LOOKS[action].meaning)}</summary>"
        yield f"<details{opened}>{title}\n\n{fenced(blocks, 'diff')}\n\n</details>"


def _problems(plan: Plan) -> Iterator[str]:
    texts = [render_problem(each, None, colour=False) for each in in_order(plan.problems)]
    for text in _first(texts, "problems"):
        yield "\n".join(clip(line, _LINE) for line in text.split("\n"))


def _first(texts: Sequence[str], word: str) -> Iterator[str]:
    yield from texts[:_REMARKS]
    if len(texts) > _REMARKS:
        yield f"… {len(texts) - _REMARKS} more {word}"


def _body(change: Change, traits: Callable[[str], Traits], names: Names) -> list[str]:
    reading = reading_of(change.address.type, traits, names)
    shown_sign = "-" if group_of(change) is not change.action else sign(change)
    lines = [f"@@ {shown_sign} {plain(str(change.address))} @@ {title_of(change)}".rstrip()]
    lines += [f"#   {pad(word, 8)}{sentence}" for word, sentence in details_of(change, reading)]
    for view in views_of(change, reading):
        lines += _field(view)
    if len(lines) > _LINES_OF_ONE_CHANGE:
        more = plural(len(lines) - _LINES_OF_ONE_CHANGE, "line")
        lines = [*lines[:_LINES_OF_ONE_CHANGE], f"#   … {more} more"]
    return [clip(each, _LINE) for each in lines]


def _field(view: FieldView) -> Iterator[str]:
    comment = "".join(f"  # {each}" for each in view.comments)
    room = _LINE - len(view.path) - len(comment) - 4
    before, after = view.before, view.after
    only = (before or "") if after is None else after if before is None else None
    if view.items and (only is None or only == "" or len(only) > _LONG or "\\n" in only):
        yield f"  {view.path}:{comment}"
        first, last, left_out = ends(view.items, _ITEM_LIMIT)
        yield from (f"{each.sign}   {each.text}" for each in first)
        if left_out:
            yield f"    … {left_out} more"
        yield from (f"{each.sign}   {each.text}" for each in last)
        if view.same:
            yield f"    ({view.same} unchanged)"
    elif only is not None:
        yield f"{view.sign} {view.path}: {shorten(only, room)}{comment}"
    elif before is not None and after is not None:
        if before == after:
            yield f"! {view.path}: {after}{comment}"
            return
        before, after = shorten_pair(before, after, room)
        if view.sign != "+":
            yield f"- {view.path}: {before}{comment}"
        if view.sign != "-":
            yield f"+ {view.path}: {after}{comment}"
