"""The result of `verify` as a page for people who decide: every object by day, and what is known of each delivery."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from reconciler.engine.delivery import size
from reconciler.reports.escape import plain, plural
from reconciler.reports.html import page
from reconciler.reports.verify_words import (
    MEANINGS,
    ORDER,
    by_address,
    checked,
    day_of,
    moment,
    span,
    texts,
)
from reconciler.values import Content, Finding, Verdict, Verification

_TONES = {
    Verdict.DELIVERED: ("good", "✓"),
    Verdict.AWAITED: ("idle", "…"),
    Verdict.IN_PROGRESS: ("act", "↻"),
    Verdict.EXPIRED: ("idle", "x"),
    Verdict.UNKNOWN: ("warn", "?"),
    Verdict.LATE: ("warn", "L"),
    Verdict.FAILED: ("bad", "✗"),
    Verdict.MISSING: ("bad", "M"),
    Verdict.INCOMPLETE: ("bad", "½"),
    Verdict.UNREADABLE: ("bad", "U"),
    Verdict.EXPOSED: ("bad", "E"),
    Verdict.INVALID: ("bad", "V"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """How a verdict is shown."""

    word: str
    tone: str
    sign: str
    meaning: str
    count: int


def render_html(verification: Verification) -> str:
    """One self-contained page."""
    days = sorted({day_of(each.expectation) for each in verification.findings})
    rows = [
        _row(number, str(address), findings, days)
        for number, (address, findings) in enumerate(by_address(verification.findings), 1)
    ]
    looks = [_look(each, verification.counts[each]) for each in ORDER if each in verification.counts]
    return page(
        "verify",
        report=verification,
        headline=_headline(verification),
        span=span(verification),
        checked_at=moment(verification.now),
        tiles=looks,
        legend=looks,
        days=list(_days(days)),
        rows=rows,
    )


def _headline(verification: Verification) -> str:
    wrong = sum(each.verdict.is_trouble for each in verification.findings)
    unknown = sum(each.verdict is Verdict.UNKNOWN for each in verification.findings)
    total = plural(len(verification.findings), "delivery", "deliveries")
    if verification.problems:
        return f"{plural(len(verification.problems), 'object')} could not be looked at"
    if wrong:
        return f"{wrong} of {total} {'needs' if wrong == 1 else 'need'} somebody"
    if not verification.findings:
        return "No delivery is expected"
    if unknown:
        return f"Nothing is known to be wrong; {unknown} of {total} cannot be judged"
    return f"All is well: {total}"


def _look(verdict: Verdict, count: int = 0) -> _Look:
    tone, sign = _TONES[verdict]
    return _Look(word=verdict.value, tone=tone, sign=sign, meaning=MEANINGS[verdict], count=count)


def _days(days: Sequence[str]) -> Iterator[dict[str, object]]:
    month = ""
    for each in days:
        try:
            found = date.fromisoformat(each)
        except ValueError:
            yield {"whole": plain(each), "month": "", "day": plain(each), "first": True}
            continue
        named = found.strftime("%b %Y") if found.strftime("%Y-%m") != month else ""
        month = found.strftime("%Y-%m")
        yield {"whole": each, "month": named, "day": found.day, "first": bool(named)}


def _row(number: int, address: str, findings: Sequence[Finding], days: Sequence[str]) -> dict[str, object]:
    deliveries = [_delivery(f"o{number}d{at}", each) for at, each in enumerate(findings, 1)]
    by_day: dict[str, list[tuple[str, Finding]]] = {}
    for shown, each in zip(deliveries, findings, strict=True):
        by_day.setdefault(day_of(each.expectation), []).append((str(shown["id"]), each))
    return {
        "id": f"o{number}",
        "address": address,
        "places": [plain(each) for each in dict.fromkeys(each.expectation.place for each in findings) if each],
        "deliveries": deliveries,
        "open": any(each.verdict.is_trouble for each in findings),
        "looks": [
            _look(verdict, count) for verdict in ORDER if (count := sum(each.verdict is verdict for each in findings))
        ],
        "cells": [_cell(by_day[day]) if day in by_day else None for day in days],
    }


def _cell(findings: Sequence[tuple[str, Finding]]) -> dict[str, object]:
    """One day of one object: the gravest of its deliveries, and how many there are."""
    target, gravest = min(findings, key=lambda each: ORDER.index(each[1].verdict))
    look = _look(gravest.verdict)
    several = f"{plural(len(findings), 'delivery', 'deliveries')}, the gravest: " if len(findings) > 1 else ""
    text = next(text for text, _ in texts(gravest))
    return {
        "tone": look.tone,
        "sign": look.sign,
        "count": len(findings),
        "target": target,
        "title": plain(f"{several}{gravest.expectation.name} {look.word}: {text}"),
        "verdicts": ",".join(dict.fromkeys(each.verdict.value for _, each in findings)),
    }


def _delivery(id: str, finding: Finding) -> dict[str, object]:
    look = _look(finding.verdict)
    content = finding.lying.content if finding.lying is not None else None
    return {
        "id": id,
        "name": plain(finding.expectation.name),
        "word": look.word,
        "tone": look.tone,
        "sign": look.sign,
        "place": plain(finding.expectation.place or ""),
        "texts": [(plain(text), None if help is None else plain(help)) for text, help in texts(finding)],
        "facts": list(_facts(finding)),
        "unknown": [plain(each) for each in finding.unknown],
        "broken": [] if content is None else list(_broken(content)),
        "open": finding.verdict.is_trouble,
    }


def _facts(finding: Finding) -> Iterator[tuple[str, str]]:
    expectation, lying = finding.expectation, finding.lying
    if expectation.due is not None:
        late = f" (late from {moment(expectation.late)})" if expectation.late is not None else ""
        yield "due", f"{moment(expectation.due)}{late}"
    if expectation.told is not None:
        run = f", run {expectation.told.run}" if expectation.told.run else ""
        yield "the vendor says", plain(f"{expectation.told.status.value}{run}")
    if expectation.place is not None:
        yield "place", plain(f"{expectation.place}{expectation.recognition.prefix}")
    if lying is not None and lying.trouble is None:
        yield "found", f"{plural(len(lying.files), 'file')}, {size(lying.size)}" if lying.files else "no file"
        if lying.arrived is not None:
            yield "written", moment(lying.arrived)
        if expectation.private and lying.exposed is not None:
            yield "read by others", "yes" if lying.exposed else "no"
        if lying.content is not None:
            yield "content", plain(checked(lying.content))
    if expectation.kept_until is not None:
        yield "kept until", moment(expectation.kept_until)


def _broken(content: Content) -> Iterator[dict[str, object]]:
    for each in content.broken:
        yield {
            "rule": plain(each.rule),
            "total": each.total,
            "level": each.level,
            "examples": [
                {
                    "place": plain(
                        example.object.rpartition("/")[2] + (f":{example.line}" if example.line is not None else "")
                    ),
                    "path": plain(example.path),
                    "message": plain(example.message),
                    "value": plain(example.value),
                }
                for example in content.examples
                if example.rule == each.rule
            ],
        }
