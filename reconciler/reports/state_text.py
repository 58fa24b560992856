"""What is remembered, record by record."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reconciler.reports.escape import columns, pad, plain, plural, wrap
from reconciler.reports.fields import whole
from reconciler.reports.layout import lay_out
from reconciler.reports.names import Names
from reconciler.reports.paint import Style, paint
from reconciler.reports.shown import reading_of
from reconciler.values import Record, State, Traits

_WORD = 8


def render_state(
    state: State, *, traits: Callable[[str], Traits], colour: bool = False, width: int = 80, verbose: bool = False
) -> str:
    """All records by address: ids, what was sent last (secrets as references), and what still has to be done."""
    names = Names(
        {(address.type, record.id): address for address, record in state.records.items() if record.id is not None}
    )
    records = [record for _, record in sorted(state.records.items())]
    blocks = [
        f"State {state.serial} of {plain(state.project)}/{plain(state.environment)}, lineage {plain(state.lineage)}"
    ]
    blocks += ["\n".join(_record(each, traits, names, colour=colour, width=width, verbose=verbose)) for each in records]
    retired = sum(each.retired is not None for each in records)
    return "\n\n".join([*blocks, plural(len(records), "record") + (f", {retired} retired" if retired else "")])


def _record(
    record: Record, traits: Callable[[str], Traits], names: Names, *, colour: bool, width: int, verbose: bool
) -> Iterator[str]:
    address, id = plain(str(record.address)), "gone" if record.id is None else f"id {plain(record.id)}"
    bold = paint(address, Style.STRONG, colour=colour)
    if columns(address) + columns(id) + 2 <= width:
        yield f"{bold}  {id}"
    else:
        yield from (bold, f"    {id}")
    for word, text in _facts(record):
        yield from wrap(plain(text), width, first=f"    {pad(word, _WORD)}", rest=" " * (4 + _WORD))
    reading = reading_of(record.address.type, traits, names)
    for sign, document in ((" ", record.applied), ("=", record.outputs)):
        yield from lay_out(whole(document, sign, reading), width=width, indent=2, colour=colour, verbose=verbose)


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    yield "scope", record.scope
    if record.origin:
        yield "part of", str(record.origin)
    if record.source:
        yield "source", record.source
    if record.needs:
        yield "needs", ", ".join(str(each) for each in sorted(record.needs))
    if record.labels:
        yield "labels", ", ".join(f"{key}={value}" for key, value in sorted(record.labels.items()))
    if record.retired:
        yield "retired", f"by `onRemoval: {record.retired}`; its manifest is gone"
    for each in record.deposed:
        yield "deletes", f"id {each.id} at the next apply: {each.reason}"
    if record.unsure:
        yield "unsure", f"whether {', '.join(record.unsure)} arrived; sent again at the next apply"
