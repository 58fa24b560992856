"""Everything that is known about one address: what will happen to it and how every field was judged."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from reconciler.reports.actions import LOOKS
from reconciler.reports.escape import columns, pad, plain, shorten, shorten_pair, wrap
from reconciler.reports.fields import label_of, path_order
from reconciler.reports.layout import ARROW
from reconciler.reports.names import Names
from reconciler.reports.paint import Style, paint
from reconciler.reports.sentences import details_of, title_of
from reconciler.reports.shown import Reading
from reconciler.values import Action, Address, Change, Path, Traits, Value


class Verdict(enum.Enum):
    """How a field was judged."""

    DIFFERS = "differs"
    SAME = "same"
    HIDDEN = "hidden"
    """The vendor does not give it back."""
    IGNORED = "ignored"
    """`lifecycle.ignoreChanges` names it."""
    SERVER_DEFAULT = "server default"
    """Nobody wrote it; the vendor set it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One field: what the vendor reports, what is wanted, and the verdict."""

    path: Path
    verdict: Verdict
    before: Value
    after: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What there is to say about one change: its fields, what it needs, and who needs it."""

    change: Change
    judgements: tuple[Judgement, ...] = ()
    needs: tuple[Address, ...] = ()
    needed_by: tuple[Address, ...] = ()
    names: Names = field(default_factory=Names)


_ORDER = {verdict: rank for rank, verdict in enumerate(Verdict)}
_STYLES = {Verdict.DIFFERS: Style.CHANGED, Verdict.SAME: Style.FAINT}
_FATES = {
    Action.NOOP: "nothing will be done",
    Action.CREATE: "will be made",
    Action.UPDATE: "will be changed in place",
    Action.REPLACE: "will be replaced",
    Action.RUN: "will be run again",
    Action.DELETE: "will be deleted",
    Action.DISABLE: "will be disabled",
    Action.RETIRE: "will be retired",
    Action.FORGET: "will be forgotten",
    Action.RECORD: "only the state will be written",
    Action.RECOVER: "was found at the vendor and is taken back",
    Action.IMPORT: "comes under management",
    Action.WAIT: "has to wait",
    Action.BLOCKED: "is blocked at the vendor",
}


def render_explanation(
    explanation: Explanation, *, traits: Traits | None, colour: bool = False, width: int = 80, verbose: bool = False
) -> str:
    """The whole explanation as text; what differs comes first. `verbose` shortens nothing."""
    change = explanation.change
    reading = Reading(traits, explanation.names)
    head = paint(plain(str(change.address)), Style.STRONG, colour=colour)
    fate = paint(_FATES[change.action], LOOKS[change.action].style, colour=colour)
    lines = [f"{head}: {fate}"]
    title = title_of(change)
    if title:
        lines.append(f"  {title}")
    for word, sentence in details_of(change, reading):
        lines += wrap(sentence, width, first=f"  {pad(word, 8)}", rest=" " * 10)
    blocks = ["\n".join(lines)]
    if explanation.judgements:
        judged = _fields(explanation.judgements, reading, colour=colour, width=width, verbose=verbose)
        blocks.append("\n".join([paint("Fields", Style.STRONG, colour=colour), *judged]))
    for title, addresses in (("Needs", explanation.needs), ("Needed by", explanation.needed_by)):
        if addresses:
            blocks.append("\n".join([paint(title, Style.STRONG, colour=colour), *_listed(addresses)]))
    return "\n\n".join(blocks)


def _listed(addresses: Iterable[Address]) -> Iterator[str]:
    return (f"  {plain(str(each))}" for each in sorted(set(addresses)))


def _fields(
    judgements: Sequence[Judgement], reading: Reading, *, colour: bool, width: int, verbose: bool
) -> Iterator[str]:
    ordered = sorted(judgements, key=lambda each: (_ORDER[each.verdict], path_order(each.path)))
    labels = [label_of(each.path, reading) for each in ordered]
    paths = max((columns(each) for each in labels if columns(each) <= width // 2), default=0)
    verdicts = max(len(each.verdict.value) for each in ordered)
    for each, label in zip(ordered, labels, strict=True):
        verdict = paint(pad(each.verdict.value, verdicts), _STYLES.get(each.verdict), colour=colour)
        before, after = reading.text(each.before, each.path), reading.text(each.after, each.path)
        both = before if before == after else f"{before} {ARROW} {after}"
        room = width - verdicts - 6 - max(paths, columns(label))
        if verbose or columns(both) <= room:
            yield f"  {verdict}  {pad(label, paths)}  {both}".rstrip()
            continue
        margin = " " * (verdicts + 6)
        room = width - len(margin) - 2
        yield f"  {verdict}  {label}"
        if before == after:
            yield f"{margin}{shorten(before, room)}"
        else:
            before, after = shorten_pair(before, after, room)
            yield f"{margin}  {before}"
            yield f"{margin}{ARROW} {after}"
