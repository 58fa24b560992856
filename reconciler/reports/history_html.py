"""The ledger as one page for a browser: what happened when, and the life of every resource."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from reconciler.reports.escape import plain, plural
from reconciler.reports.fields import field_row
from reconciler.reports.graph import to_svg
from reconciler.reports.history_text import addresses, counts, views
from reconciler.reports.html import page
from reconciler.reports.names import Names
from reconciler.reports.shown import reading_of
from reconciler.values import Address, Traits
from reconciler.values.ledger import Deed, DeedStatus, Ending, LedgerRecord

_TONES = {
    Ending.DONE: "good",
    Ending.PARTLY: "warn",
    Ending.FAILED: "bad",
    Ending.REFUSED: "idle",
    Ending.INTERRUPTED: "bad",
}
_MEANINGS = {
    Ending.DONE: "everything was done",
    Ending.PARTLY: "some of it was done",
    Ending.FAILED: "something was tried and did not succeed",
    Ending.REFUSED: "nothing was tried",
    Ending.INTERRUPTED: "somebody stopped it, or it was killed",
}
_VERBS = {"create": "good", "update": "warn", "delete": "bad", "disable": "warn", "run": "act", "forget": "idle"}
_ITEMS = 50
_LONGEST = 2_000
_BARS = 120
"""Bars of the timeline at most; a bar is a day, or as many days as that takes."""
_HEIGHT = 56
_NODES = 400
"""Resources that the picture of dependencies shows at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """
    What a page tells: records with their digests, oldest first, and what the picture of dependencies shows.

    `troubles` and `notes` are what verifying the ledger found, `head` the digest of its newest record; `selected` says
    that only a part of the records was asked for.
    """

    project: str
    environment: str
    taken: datetime
    records: Sequence[tuple[LedgerRecord, str]]
    head: str | None
    troubles: Sequence[str] = ()
    notes: Sequence[str] = ()
    needs: Mapping[Address, Iterable[Address]] = field(default_factory=dict)
    names: Names = Names()
    selected: bool = False
    former: Callable[[LedgerRecord, Deed], Deed | None] = lambda _record, _deed: None


def render_history_html(history: History, *, traits: Callable[[str], Traits]) -> str:
    """One self-contained page that fetches nothing; every word is escaped, and secrets are references."""
    newest_first = list(reversed(history.records))
    told = {
        (record.number, place): _deed(deed, record, history, traits)
        for record, _ in history.records
        for place, deed in enumerate(record.deeds)
    }
    bars = _timeline([record.command.since for record, _ in history.records])
    endings = Counter(record.how for record, _ in history.records)
    resources = _resources(history)
    return page(
        "history",
        after="plan",
        project=plain(history.project),
        environment=plain(history.environment),
        headline=f"{plural(len(history.records), 'record')}, {plural(len(resources), 'resource')}",
        taken=_moment(history.taken),
        head=history.head,
        selected=history.selected,
        troubles=[plain(each) for each in history.troubles],
        notes=[plain(each) for each in history.notes],
        bars=bars,
        axis=_axis(bars),
        height=_HEIGHT,
        tiles=[
            {"how": each.value, "tone": _TONES[each], "count": endings[each], "meaning": _MEANINGS[each]}
            for each in Ending
            if endings[each]
        ],
        records=[
            _record(record, digest, [told[record.number, place] for place in range(len(record.deeds))])
            for record, digest in newest_first
        ],
        resources=[
            {
                "address": plain(str(address)),
                "former": [plain(str(each)) for each in life.former],
                "gone": life.is_gone,
                "more": plural(len(life.deeds), "deed"),
                "deeds": [
                    {**told[record.number, place], "record": record.number, "who": plain(record.command.who)}
                    for record, place in reversed(life.deeds)
                ],
            }
            for address, life in sorted(resources.items())
        ],
        picture=_picture(history.needs),
        left_out=max(0, len(history.needs) - _NODES),
    )


@dataclass(slots=True)
class _Life:
    """The deeds to one resource, oldest first: the record and the deed's place in it."""

    deeds: list[tuple[LedgerRecord, int]] = field(default_factory=list)
    former: list[Address] = field(default_factory=list)
    is_gone: bool = False


def _resources(history: History) -> dict[Address, _Life]:
    """The life of every resource under the name that it had last."""
    lives: dict[Address, _Life] = {}
    for record, _ in history.records:
        renamed: dict[Address, Address] = {}
        for deed in record.deeds:
            dropped = history.former(record, deed)
            if dropped is not None:
                renamed[dropped.address] = deed.address
        for old, new in renamed.items():
            if old in lives:
                life = lives.pop(old)
                life.former.append(old)
                lives[new] = life
        for place, deed in enumerate(record.deeds):
            life = lives.setdefault(renamed.get(deed.address, deed.address), _Life())
            if deed.address in renamed:
                continue  # the deed to its new name says the same
            life.deeds.append((record, place))
            if deed.status is DeedStatus.DONE:
                life.is_gone = deed.after is None
    return lives


def _record(record: LedgerRecord, digest: str, deeds: list[dict[str, object]]) -> dict[str, object]:
    command = record.command
    facts = [
        ("who", f"{command.who} on {command.host}"),
        ("when", f"{_moment(command.since)} to {_moment(record.ended)}"),
        ("commit", command.commit),
        ("CI run", command.ci_run),
        ("plan", command.plan),
        ("anew", "; ".join(record.sealed) or None),
        ("digest", digest),
    ]
    told = ", ".join(f"{number} {word}" for word, number in counts(record).items()) or "nothing was changed"
    return {
        "number": record.number,
        "how": record.how.value,
        "tone": _TONES[record.how],
        "day": f"{command.since:%Y-%m-%d}",
        "clock": f"{command.since:%H:%M}",
        "who": plain(command.who),
        "operation": plain(command.operation),
        "told": plain(told),
        "commit": plain(command.commit[:7]) if command.commit else None,
        "facts": [(word, plain(text)) for word, text in facts if text],
        "names": " ".join(plain(str(each)) for each in addresses(record)),
        "deeds": deeds,
    }


def _deed(deed: Deed, record: LedgerRecord, history: History, traits: Callable[[str], Traits]) -> dict[str, object]:
    status = "" if deed.status is DeedStatus.DONE else f" {deed.status.value}"
    dropped = history.former(record, deed)
    taken = next((each for each in record.deeds if deed.after is None and history.former(record, each) is deed), None)
    verb, other = f"{deed.verb}{status}", ""
    fields = views(deed, reading_of(deed.address.type, traits, history.names))
    if dropped is not None:
        verb, other = "renamed", f"from {dropped.address}"
        fields = views(replace(deed, before=dropped.before), reading_of(deed.address.type, traits, history.names))
    elif taken is not None:
        verb, other, fields = "renamed", f"to {taken.address}", []
    return {
        "address": plain(str(deed.address)),
        "verb": plain(verb),
        "other": plain(other),
        "tone": "bad" if status else _VERBS.get(deed.verb, "idle"),
        "when": _moment(deed.at),
        "fields": [field_row(each, items=_ITEMS, longest=_LONGEST) for each in fields],
        "requests": ", ".join(plain(each) for each in deed.requests),
    }


def _timeline(moments: Sequence[datetime]) -> list[dict[str, Any]]:
    """Bars from the first day to the last, each for as many days as keeps their number small."""
    if not moments:
        return []
    first, last = min(moments).date(), max(moments).date()
    span = (last - first).days + 1
    days = -(-span // _BARS)
    found = Counter((each.date() - first).days // days for each in moments)
    highest = max(found.values())
    bars: list[dict[str, Any]] = []
    for number in range(-(-span // days)):
        count = found[number]
        begin = first + timedelta(days=number * days)
        height = max(3, round(_HEIGHT * count / highest)) if count else 0
        bars.append(
            {
                "x": number * 8,
                "y": _HEIGHT - height,
                "height": height,
                "title": f"{_days(begin, days)}: {plural(count, 'record')}",
                "days": days,
                "first": begin,
            }
        )
    return bars


def _axis(bars: Sequence[Mapping[str, Any]]) -> str:
    """What the timeline shows: from when, to when, and what a bar is."""
    if not bars:
        return ""
    days = bars[0]["days"]
    last = bars[-1]["first"] + timedelta(days=days - 1)
    return f"{bars[0]['first']:%Y-%m-%d} to {last:%Y-%m-%d}; a bar is {plural(days, 'day')}"


def _days(begin: date, days: int) -> str:
    end = begin + timedelta(days=days - 1)
    return f"{begin:%Y-%m-%d}" if days == 1 else f"{begin:%Y-%m-%d} to {end:%Y-%m-%d}"


def _picture(needs: Mapping[Address, Iterable[Address]]) -> str | None:
    shown = sorted(needs)[:_NODES]
    if not shown:
        return None
    kept = set(shown)
    edges = {each: [other for other in needs[each] if other in kept] for each in shown}
    return to_svg(dict.fromkeys(shown), edges, title="Who needs whom now", styled=False)


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
