"""What a reviewer should be told on a line of a file: the dangers of a plan, problems, and what moved."""

from __future__ import annotations

import enum
import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from reconciler.engine.drift import MOVED, Drift, Drifted
from reconciler.reports.actions import LOOKS, by_danger, group_of
from reconciler.reports.escape import clip, plain
from reconciler.reports.fields import FORCES, label_of, path_order
from reconciler.reports.layout import ARROW
from reconciler.reports.names import Names
from reconciler.reports.problems import in_order
from reconciler.reports.sentences import details_of
from reconciler.reports.shown import Reading, reading_of
from reconciler.values import Action, Address, Change, Mark, Path, Plan, Problem, Severity, Traits, dotted

DANGERS = (Action.DELETE, Action.REPLACE, Action.DISABLE, Action.BLOCKED)
"""What nobody should merge without having seen it."""

Locate = Callable[[Address, Path], Mark | None]
"""Where a field of a resource's spec is written; `None` when no manifest has the resource."""

_WIDE = 300
_FIELDS = 10


class Level(enum.Enum):
    """How loud an annotation is."""

    ERROR = "error"
    """It forbids to go on."""
    WARNING = "warning"
    """Somebody should look at it before going on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """
    One thing to be told on a line.

    `rule` is the same for all of one sort. `title` and each of the `lines` are harmless on any screen; no line holds a
    secret. Without `mark` there is no line that causes it.
    """

    level: Level
    rule: str
    title: str
    lines: tuple[str, ...]
    mark: Mark | None = None
    address: Address | None = None


def of_plan(plan: Plan, *, traits: Callable[[str], Traits], locate: Locate | None = None) -> list[Annotation]:
    """
    The errors of the plan, then its dangers, most dangerous first, then its warnings.

    A replacement stands on the field that forces it. Without `locate` everything stands where its manifest begins.
    """
    names = Names.of(plan.changes)
    ordered = sorted((each for each in plan.changes if group_of(each) in DANGERS), key=by_danger)
    problems = of_problems(plan.problems)
    return [
        *(each for each in problems if each.level is Level.ERROR),
        *(danger(each, reading_of(each.address.type, traits, names), locate) for each in ordered),
        *(each for each in problems if each.level is not Level.ERROR),
    ]


def danger(change: Change, reading: Reading, locate: Locate | None = None) -> Annotation:
    """What is to be told of one dangerous change."""
    action = group_of(change)
    forcing = sorted(
        (each for each in change.fields if each.forces_replacement), key=lambda each: path_order(each.path)
    )
    lines = [LOOKS[action].meaning, *(f"{word}: {sentence}" for word, sentence in details_of(change, reading))]
    for each in forcing[:_FIELDS]:
        before, after = reading.text(each.before, each.path), reading.text(each.after, each.path)
        lines.append(f"{label_of(each.path, reading)}: {before} {ARROW} {after} ({FORCES})")
    if len(forcing) > _FIELDS:
        lines.append(f"… {len(forcing) - _FIELDS} more that force it")
    leftover = change.action is Action.NOOP
    if change.id and action is Action.DELETE and not leftover:
        lines.append(f"id {plain(change.id)}")
    path = forcing[0].path if forcing else ()
    mark = locate(change.address, path) if locate is not None else None
    if mark is None and change.resource is not None:
        mark = change.resource.mark
    return Annotation(
        level=Level.WARNING,
        rule=f"plan-{action.value}",
        title=f"{'Delete what is left over of' if leftover else LOOKS[action].verb} {plain(str(change.address))}",
        lines=tuple(clip(each, _WIDE) for each in lines),
        mark=mark,
        address=change.address,
    )


def of_problems(problems: Iterable[Problem]) -> list[Annotation]:
    """The problems in the order of their places, errors first."""
    found = sorted(in_order(problems), key=lambda each: each.severity is not Severity.ERROR)
    return [
        Annotation(
            level=Level.ERROR if each.severity is Severity.ERROR else Level.WARNING,
            rule=each.code,
            title=plain(each.code),
            lines=tuple(_sentences(each)),
            mark=each.mark,
            address=each.address,
        )
        for each in found
    ]


def of_drift(
    drifted: Drifted, *, traits: Callable[[str], Traits], names: Names, locate: Locate | None = None
) -> list[Annotation]:
    """What could not be read, then the objects that moved at the vendors, what is gone first."""
    moved = sorted((each for each in drifted.objects if each.moved), key=lambda each: (not each.gone, each.address))
    return [
        *of_problems(drifted.problems),
        *(_moved(each, reading_of(each.address.type, traits, names), locate) for each in moved),
    ]


def within(annotations: Iterable[Annotation], folder: str) -> list[Annotation]:
    """
    The annotations with files as the repository has them, whose `folder` is the project's (`""`: the repository is).

    A file outside of the repository is nobody's to annotate: it is named in the text instead.
    """
    return [_within(each, folder) for each in annotations]


def _within(annotation: Annotation, folder: str) -> Annotation:
    if annotation.mark is None:
        return annotation
    file = posixpath.normpath(posixpath.join(folder, annotation.mark.file))
    if file.startswith(("/", "../")):
        lines = (*annotation.lines, f"at {plain(str(annotation.mark))}")
        return replace(annotation, mark=None, lines=lines)
    return replace(annotation, mark=replace(annotation.mark, file=file))


def _sentences(problem: Problem) -> Iterator[str]:
    yield plain(problem.message)
    within = dotted(("spec", *problem.path)) if problem.path else ""
    subject = " · ".join(plain(each) for each in (str(problem.address or ""), within) if each)
    if subject:
        yield subject
    if problem.help:
        yield f"help: {plain(problem.help)}"


def _moved(drift: Drift, reading: Reading, locate: Locate | None) -> Annotation:
    fields = sorted((each for each in drift.fields if each.cause in MOVED), key=lambda each: path_order(each.path))
    lines = [f"id {plain(drift.id)} does not exist any more"] if drift.gone else []
    if not drift.gone:
        for each in fields[:_FIELDS]:
            before, after = reading.text(each.applied, each.path), reading.text(each.observed, each.path)
            lines.append(f"{label_of(each.path, reading)}: {before} {ARROW} {after}")
        if len(fields) > _FIELDS:
            lines.append(f"… {len(fields) - _FIELDS} more fields")
    if drift.last_change is not None:
        lines.append(plain(str(drift.last_change)))
    path = fields[0].path if fields and not drift.gone else ()
    return Annotation(
        level=Level.WARNING,
        rule="drift-gone" if drift.gone else "drift-moved",
        title=f"{'Gone' if drift.gone else 'Moved'} at the vendor: {plain(str(drift.address))}",
        lines=tuple(clip(each, _WIDE) for each in lines),
        mark=locate(drift.address, path) if locate is not None else None,
        address=drift.address,
    )
