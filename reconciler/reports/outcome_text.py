"""How an apply went: a line per finished step, and the text at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import assert_never

from reconciler.reports.actions import LOOKS, by_danger, sign
from reconciler.reports.escape import pad, plain, plural, wrap
from reconciler.reports.fields import views_of
from reconciler.reports.layout import lay_out
from reconciler.reports.names import Names
from reconciler.reports.paint import Style, paint
from reconciler.reports.problems import render_problems
from reconciler.reports.sentences import details_of
from reconciler.reports.shown import Reading, reading_of
from reconciler.reports.tables import render_rows
from reconciler.values import Action, Address, Change, Outcome, OutcomeStatus, Report, Traits, Verb

_WORDS: Mapping[Verb, tuple[str, str, str]] = {
    Verb.CREATE: ("created", "create", "creation"),
    Verb.UPDATE: ("changed", "change", "change"),
    Verb.RUN: ("run", "run", "run"),
    Verb.DELETE: ("deleted", "delete", "deletion"),
    Verb.DISABLE: ("disabled", "disable", "disabling"),
    Verb.RECORD: ("recorded", "record", "recording"),
}
_LATER = frozenset({Action.WAIT, Action.BLOCKED})


def render_outcome(outcome: Outcome) -> str:
    """
    One finished step in one line, for logs.

    `didomi/Destination/lake: created 7h2kq9x4pd in 0.4 s`.
    """
    done, verb, noun = _WORDS[outcome.step.verb]
    address = plain(str(outcome.step.address))
    id = outcome.id or outcome.step.id
    named = f" {plain(id)}" if id else ""
    because = f": {plain(outcome.message)}" if outcome.message else ""
    took = f"{outcome.seconds:.1f} s"
    match outcome.status:
        case OutcomeStatus.DONE:
            said = f" ({plain(outcome.message)})" if outcome.message else ""
            return f"{address}: {done}{named} in {took}{said}"
        case OutcomeStatus.FAILED:
            return f"{address}: could not {verb}{named} after {took}{because}"
        case OutcomeStatus.SKIPPED:
            return f"{address}: not {done}{because}"
        case OutcomeStatus.UNKNOWN:
            return f"{address}: {noun}{named} was sent and not answered in {took}{because}"
        case OutcomeStatus.WAIT:
            return f"{address}: not {done} yet{because}"
        case OutcomeStatus.BLOCKED:
            return f"{address}: {noun} is blocked{because}"
        case _:
            assert_never(outcome.status)


def render_report(
    report: Report,
    *,
    traits: Callable[[str], Traits],
    colour: bool = False,
    width: int = 80,
) -> str:
    """
    The end of an apply: what failed and what was skipped because of it, what is left, outputs, and the counts.

    The last line begins with `Apply complete:` or `Apply incomplete:`. An address that was both created and deleted
    counts as replaced.
    """
    outcomes = sorted(report.outcomes, key=lambda each: (each.step.address, each.step.name))
    blocks = [
        *_troubles(outcomes, colour=colour, width=width),
        *_remaining(report.remaining, traits, colour=colour, width=width),
    ]
    if report.problems:
        blocks.append(render_problems(report.problems, colour=colour, width=width))
    outputs = _outputs(outcomes, traits, colour=colour)
    if outputs:
        blocks.append(outputs)
    blocks.append(_last_line(outcomes, colour=colour))
    return "\n\n".join(blocks)


def _troubles(outcomes: Sequence[Outcome], *, colour: bool, width: int) -> Iterator[str]:
    """Every step that did not succeed by itself, and under it the steps that were skipped because of it."""
    waits = {each.step.name: each.step.after for each in outcomes}
    skipped = [each for each in outcomes if each.status is OutcomeStatus.SKIPPED]
    explained: set[str] = set()
    for each in outcomes:
        if each.status in (OutcomeStatus.DONE, OutcomeStatus.SKIPPED):
            continue
        style = Style.BAD if each.status in (OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN) else Style.CHANGED
        lines = [paint(render_outcome(each), style, colour=colour)]
        if each.status is OutcomeStatus.UNKNOWN:
            lines.append("  the next run looks for it and carries on: nothing is made twice")
        victims = [other for other in skipped if each.step.name in _closure(other.step.name, waits)]
        explained.update(other.step.name for other in victims)
        if victims:
            names = ", ".join(f"{plain(str(other.step.address))} ({other.step.verb.value})" for other in victims)
            lines += wrap(names, width, first="  skipped because of it: ", rest="    ")
        yield "\n".join(lines)
    rest = [render_outcome(each) for each in skipped if each.step.name not in explained]
    if rest:
        yield "\n".join(rest)


def _closure(name: str, waits: Mapping[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    todo = [name]
    while todo:
        for earlier in waits.get(todo.pop(), ()):
            if earlier not in found:
                found.add(earlier)
                todo.append(earlier)
    return found


def _remaining(
    changes: Sequence[Change], traits: Callable[[str], Traits], *, colour: bool, width: int
) -> Iterator[str]:
    names = Names.of(changes)
    ordered = sorted((each for each in changes if each.action is not Action.NOOP), key=by_danger)
    for title, chosen in (
        ("Still different", [each for each in ordered if each.action not in _LATER]),
        ("Not now", [each for each in ordered if each.action in _LATER]),
    ):
        if not chosen:
            continue
        lines = [paint(f"{title}: {plural(len(chosen), 'object')}", Style.STRONG, colour=colour)]
        for each in chosen:
            reading = reading_of(each.address.type, traits, names)
            shown = paint(pad(sign(each), 3), LOOKS[each.action].style, colour=colour)
            lines.append(f"{shown} {plain(str(each.address))}")
            for word, sentence in details_of(each, reading):
                if word in ("because", "and", "held"):
                    lines += wrap(sentence, width, first=f"    {pad(word, 8)}", rest=" " * 12)
            if each.fields:
                lines += lay_out(views_of(each, reading), width=width, indent=4, colour=colour)
        yield "\n".join(lines)


def _outputs(outcomes: Sequence[Outcome], traits: Callable[[str], Traits], *, colour: bool) -> str:
    rows = [
        (str(each.step.address), f"{plain(key)} = {_reading(each.step.address, traits).text(value, (key,))}")
        for each in outcomes
        if each.status is OutcomeStatus.DONE
        for key, value in sorted(each.outputs.items())
    ]
    if not rows:
        return ""
    return "\n".join([paint("Outputs", Style.STRONG, colour=colour), *render_rows(rows)])


def _reading(address: Address, traits: Callable[[str], Traits]) -> Reading:
    return reading_of(address.type, traits)


def _last_line(outcomes: Sequence[Outcome], *, colour: bool) -> str:
    verbs: dict[Address, dict[Verb, list[Outcome]]] = {}
    for each in outcomes:
        verbs.setdefault(each.step.address, {}).setdefault(each.step.verb, []).append(each)
    number = dict.fromkeys(("added", "changed", "replaced", "destroyed", "run", "disabled", "recorded"), 0)
    for found in verbs.values():
        created, deleted = _done(found.get(Verb.CREATE, [])), _done(found.get(Verb.DELETE, []))
        if Verb.CREATE in found and Verb.DELETE in found:
            replaced = min(created, deleted)
            number["replaced"] += replaced
            created, deleted = created - replaced, deleted - replaced
        number["added"] += created
        number["destroyed"] += deleted
        for verb, word in ((Verb.UPDATE, "changed"), (Verb.RUN, "run"), (Verb.DISABLE, "disabled")):
            number[word] += _done(found.get(verb, []))
        number["recorded"] += _done(found.get(Verb.RECORD, []))
    always = ("added", "changed", "replaced", "destroyed")
    parts = [f"{each} {word}" for word, each in number.items() if each or word in always]
    ended = [each.status for each in outcomes]
    for status, word in (
        (OutcomeStatus.FAILED, "failed"),
        (OutcomeStatus.UNKNOWN, "unanswered"),
        (OutcomeStatus.SKIPPED, "skipped"),
        (OutcomeStatus.WAIT, "waiting"),
        (OutcomeStatus.BLOCKED, "blocked"),
    ):
        if status in ended:
            parts.append(f"{ended.count(status)} {word}")
    bad = {OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN, OutcomeStatus.SKIPPED} & set(ended)
    text = f"Apply {'incomplete' if bad else 'complete'}: {', '.join(parts)}."
    return paint(text, Style.BAD if bad else Style.GOOD, colour=colour)


def _done(outcomes: Sequence[Outcome]) -> int:
    return sum(each.status is OutcomeStatus.DONE for each in outcomes)
