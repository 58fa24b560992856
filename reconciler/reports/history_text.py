"""The ledger as people read it: a list of commands, one command whole, and whether the records are whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from reconciler.reports.escape import clip, columns, pad, plain, wrap
from reconciler.reports.fields import FieldView, field_views, whole
from reconciler.reports.layout import lay_out
from reconciler.reports.paint import Style, paint
from reconciler.reports.shown import Reading, reading_of
from reconciler.reports.versions import versions
from reconciler.values import Address, Lifecycle, Traits
from reconciler.values.ledger import Deed, DeedStatus, Ending, LedgerRecord, Standing

_WORD = 10
_COMMIT = 7
_ADDRESSES = 6
_DONE = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "run": "run",
    "disable": "disabled",
    "record": "recorded",
    "forget": "forgotten",
    "found": "found",
}
_STYLES = {Ending.DONE: Style.GOOD, Ending.FAILED: Style.BAD, Ending.PARTLY: Style.CHANGED}


def counts(record: LedgerRecord) -> Mapping[str, int]:
    """How many deeds of which sort: `created`, or `update refused` for what was not done, after the others."""
    found = Counter(
        _DONE.get(deed.verb, deed.verb) if deed.status is DeedStatus.DONE else f"{deed.verb} {deed.status.value}"
        for deed in record.deeds
    )
    order = [*_DONE.values(), *sorted(found.keys() - set(_DONE.values()))]
    return {word: found[word] for word in order if word in found}


def addresses(record: LedgerRecord) -> tuple[Address, ...]:
    """What the record tells of, each once, in order."""
    return tuple(sorted({deed.address for deed in record.deeds}))


def render_history(
    records: Iterable[tuple[int, LedgerRecord | str]], *, colour: bool = False, width: int = 80
) -> Iterator[str]:
    """One block of lines for each record; a text in place of a record says why it cannot be read."""
    for number, record in records:
        if isinstance(record, str):
            lines = _unreadable(number, record, colour=colour, width=width)
        else:
            lines = _block(record, colour=colour, width=width)
        yield "\n".join(lines)


def _unreadable(number: int, trouble: str, *, colour: bool, width: int) -> Iterator[str]:
    for line in wrap(plain(trouble), width, first=f"{number}  ", rest="    "):
        yield paint(line, Style.BAD, colour=colour)


def _block(record: LedgerRecord, *, colour: bool, width: int) -> Iterator[str]:
    command = record.command
    how = paint(record.how.value, _STYLES.get(record.how), colour=colour)
    number = paint(str(record.number), Style.STRONG, colour=colour)
    commit = f"  commit {plain(command.commit[:_COMMIT])}" if command.commit else ""
    before = f"  {_moment(command.since)}  "
    after = f"  {plain(command.operation)} {record.how.value}{commit}"
    room = max(8, width - columns(str(record.number)) - columns(before) - columns(after))
    yield f"{number}{before}{clip(plain(command.who), room)}  {plain(command.operation)} {how}{commit}"
    for reason in record.sealed:
        yield from wrap(plain(f"begins anew: {reason}"), width, first="    ", rest="    ")
    told = ", ".join(f"{number} {word}" for word, number in counts(record).items()) or "nothing was changed"
    found = addresses(record)
    names = [plain(str(each)) for each in found[:_ADDRESSES]]
    if len(found) > _ADDRESSES:
        names.append(f"{len(found) - _ADDRESSES} more")
    yield from wrap(f"{plain(told)}: {', '.join(names)}" if names else plain(told), width, first="    ", rest="    ")


def render_record(
    record: LedgerRecord,
    digest: str,
    *,
    traits: Callable[[str], Traits],
    colour: bool = False,
    width: int = 80,
    verbose: bool = False,
) -> str:
    """One record whole: who and why, and for each address what was done and which fields differ."""
    blocks = ["\n".join(_facts(record, digest, colour=colour, width=width))]
    for deed in record.deeds:
        reading = reading_of(deed.address.type, traits)
        lines = list(_deed(deed, reading, colour=colour, width=width, verbose=verbose))
        if deed.intent is not None and deed.at < record.command.since:
            lines.insert(1, "    begun by an earlier command, which did not learn how it ended")
        blocks.append("\n".join(lines))
    told = ", ".join(f"{number} {word}" for word, number in counts(record).items())
    return "\n\n".join([*blocks, told or "Nothing was changed."])


def _facts(record: LedgerRecord, digest: str, *, colour: bool, width: int) -> Iterator[str]:
    command = record.command
    yield paint(f"Record {record.number}: {plain(command.operation)} {record.how.value}", Style.STRONG, colour=colour)
    facts = [
        ("who", f"{command.who} on {command.host} (process {command.pid}, lock id {command.id})"),
        ("when", f"{_moment(command.since)} to {_moment(record.ended)}"),
        ("CI run", command.ci_run),
        ("commit", command.commit),
        ("plan", command.plan),
        ("state", f"serial {record.serial_before} to {record.serial}, lineage {record.lineage}"),
        ("journal", _pages(record)),
        ("anew", "; ".join(record.sealed) or None),
        ("digest", digest),
        ("previous", record.previous or "none: the first record"),
        ("tool", f"reconciler {record.tool}"),
    ]
    for word, text in facts:
        if text is not None:
            yield from wrap(plain(text), width, first=f"  {pad(word, _WORD)}", rest=" " * (2 + _WORD))


def _pages(record: LedgerRecord) -> str:
    if record.first_page == record.last_page:
        return f"page {record.first_page}"
    return f"pages {record.first_page} to {record.last_page}"


def _deed(deed: Deed, reading: Reading, *, colour: bool, width: int, verbose: bool) -> Iterator[str]:
    status = "" if deed.status is DeedStatus.DONE else f" {deed.status.value}"
    yield paint(plain(f"{deed.address}  {deed.verb}{status}"), Style.STRONG, colour=colour)
    for word, text in _about(deed):
        yield from wrap(plain(text), width, first=f"    {pad(word, _WORD)}", rest=" " * (4 + _WORD))
    yield from lay_out(views(deed, reading), width=width, indent=2, colour=colour, verbose=verbose)


def views(deed: Deed, reading: Reading) -> list[FieldView]:
    """Which fields a deed changed, or was to change; what is made or dropped shows everything."""
    before, after = deed.before, deed.after
    if before is not None and after is not None and (before.id is None or after.id is not None):
        found = versions(before.document, after.document, reading)
        return [view for each in found for view in field_views(each, reading, {})]
    if before is not None and deed.status is DeedStatus.DONE:
        return whole(before.document, "-", reading)
    return whole(after.document, "+", reading) if after is not None else []


def _about(deed: Deed) -> Iterator[tuple[str, str]]:
    yield "when", _moment(deed.at) if deed.ended in (None, deed.at) else f"{_moment(deed.at)} to {_clock(deed.ended)}"
    ids = [standing.id if standing else None for standing in (deed.before, deed.after)]
    if deed.status is not DeedStatus.DONE:
        yield "id", deed.target or ids[0] or "none"
    elif ids[0] == ids[1]:
        yield "id", ids[1] or "none"
    else:
        yield "id", f"{ids[0] or 'none'} to {ids[1] or 'none'}"
    if deed.target is not None and deed.target not in ids:
        yield ("deleted" if deed.verb == "delete" else "object"), deed.target
    yield from _kept(deed)
    if deed.requests:
        yield "requests", ", ".join(deed.requests)


def _kept(deed: Deed) -> Iterator[tuple[str, str]]:
    """What is remembered beside the document, where it changed."""
    before, after = deed.before or _NOTHING, deed.after or _NOTHING
    if before.labels != after.labels:
        yield "labels", f"{_labels(before)} to {_labels(after)}"
    if before.lifecycle != after.lifecycle:
        yield "lifecycle", f"{_lifecycle(before)} to {_lifecycle(after)}"
    if before.deposed != after.deposed:
        yield "to delete", ", ".join(after.deposed) or "none any more"
    if before.retired != after.retired:
        yield "retired", after.retired or "no more"


_NOTHING = Standing(digest="", id=None, document={})


def _labels(standing: Standing) -> str:
    return ", ".join(f"{key}={text}" for key, text in sorted(standing.labels.items())) or "none"


def _lifecycle(standing: Standing) -> str:
    lifecycle = standing.lifecycle
    if lifecycle is None:
        return "the usual"
    usual = Lifecycle()
    names = [name for name in Lifecycle.__slots__ if getattr(lifecycle, name) != getattr(usual, name)]
    return ", ".join(f"{name} {_word(getattr(lifecycle, name))}" for name in names)


def _word(value: object) -> str:
    return str(getattr(value, "value", value))


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _clock(moment: datetime | None) -> str:
    return moment.strftime("%H:%M:%S") if moment is not None else ""
