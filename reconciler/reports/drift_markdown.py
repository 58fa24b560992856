"""Drift as GitHub-flavoured Markdown, for an issue, a comment or the summary of a nightly job."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.engine.drift import Drifted
from reconciler.reports.drift_text import render_drift
from reconciler.reports.escape import clip, plural
from reconciler.reports.names import Names
from reconciler.reports.plan_markdown import LIMIT, fenced
from reconciler.values import Traits

_LINE = 300


def render_drift_markdown(
    drifted: Drifted, *, traits: Callable[[str], Traits], names: Names, limit: int = LIMIT
) -> str:
    """
    The counts, then the text of `drift`, at most `limit` characters; lines that do not fit are counted.

    Everything that comes from manifests or vendors stands in code, where nothing means anything.
    """
    *lines, last = render_drift(drifted, traits=traits, names=names).split("\n")
    while lines and not lines[-1]:
        lines.pop()
    lines = [clip(each, _LINE) for each in lines]
    heading = f"### {last}"
    if not lines:
        return heading
    room, kept = limit - len(heading) - 400, 0
    ticks = max((len(each) for each in lines), default=0)  # the fence may be as long as the longest run of backticks
    room -= 2 * ticks
    for each in lines:
        room -= len(each) + 1
        if room < 0:
            break
        kept += 1
    blocks = [heading, fenced("\n".join(lines[:kept]), "text")]
    if kept < len(lines):
        blocks.append(f"**Not shown here for want of room:** {plural(len(lines) - kept, 'line')}.")
    return "\n\n".join(blocks)
