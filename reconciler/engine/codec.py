"""
What is kept in files, as canonical JSON and back: state, journal pages, the ledger's records and saved plans.

A file carries its format version, the tool's version and a digest of everything else, and is believed only whole: a
damaged, foreign or newer file raises `CodecError` and is never "empty". `forms` says how values are written.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import TypeAlias, TypeVar

import msgspec

from reconciler import __version__
from reconciler.engine.forms import (
    Builtin,
    CodecError,
    canonical,
    decode_document,
    decode_object,
    decode_value,
    digest,
    digest_of,
    encode_document,
    encode_object,
    encode_value,
    from_json,
    mapping,
    to_json,
)
from reconciler.values import Change, Desired, Document, Intent, Options, Plan, Record, Settlement, State
from reconciler.values.ledger import Begin, LedgerRecord

__all__ = [
    "FORMAT",
    "Builtin",
    "CodecError",
    "Entry",
    "Page",
    "SavedPlan",
    "StoredState",
    "canonical",
    "decode_document",
    "decode_intent",
    "decode_ledger",
    "decode_object",
    "decode_page",
    "decode_plan",
    "decode_record",
    "decode_saved_plan",
    "decode_sealed",
    "decode_settlement",
    "decode_state",
    "decode_value",
    "digest",
    "digest_in",
    "digest_of",
    "encode_change",
    "encode_document",
    "encode_intent",
    "encode_ledger",
    "encode_object",
    "encode_page",
    "encode_plan",
    "encode_record",
    "encode_saved_plan",
    "encode_sealed",
    "encode_settlement",
    "encode_state",
    "encode_value",
    "from_json",
    "lineage_of",
    "to_json",
]

FORMAT = 1
"""The format that this version writes, and the only one that it reads."""

Entry: TypeAlias = Begin | Intent | Settlement

_T = TypeVar("_T")


def encode_record(record: Record) -> dict[str, Builtin]:
    """One record as plain JSON data."""
    return encode_object(Record, record)


def decode_record(builtin: object) -> Record:
    """The record that plain JSON data stands for."""
    return decode_object(Record, builtin)


def encode_intent(intent: Intent) -> dict[str, Builtin]:
    """One intent as plain JSON data."""
    return encode_object(Intent, intent)


def decode_intent(builtin: object) -> Intent:
    """The intent that plain JSON data stands for."""
    return decode_object(Intent, builtin)


def encode_settlement(settlement: Settlement) -> dict[str, Builtin]:
    """One settlement as plain JSON data."""
    return encode_object(Settlement, settlement)


def decode_settlement(builtin: object) -> Settlement:
    """The settlement that plain JSON data stands for."""
    return decode_object(Settlement, builtin)


def encode_change(change: Change) -> dict[str, Builtin]:
    """One change of a plan as plain JSON data."""
    return encode_object(Change, change)


def encode_plan(plan: Plan) -> dict[str, Builtin]:
    """A plan as plain JSON data, for reports as well as for saving."""
    return encode_object(Plan, plan)


def decode_plan(builtin: object) -> Plan:
    """The plan that plain JSON data stands for."""
    return decode_object(Plan, builtin)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StoredState:
    """
    A state object: the state after journal page number `folded`, and the intents that were open then.

    `tool` is the version that wrote it.
    """

    state: State
    open_intents: tuple[Intent, ...] = ()
    folded: int = 0
    tool: str = __version__


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """
    One object of the journal.

    `by` is the id of the lock under which it was written. The first page of each begins with a `Begin`; with nothing
    more it only takes its number, so that nobody else who thinks to hold the lock can write.
    """

    lineage: str
    number: int
    by: str
    entries: tuple[Entry, ...]
    tool: str = __version__


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """
    A plan as reviewed, with what it was made from: enough to do it elsewhere, or to refuse it.

    `meta` is what the caller adds, such as the commit; `tool` the version that wrote it.
    """

    plan: Plan
    desired: Desired
    options: Options
    meta: Document
    tool: str = __version__


def encode_state(state: State, open_intents: Iterable[Intent] = (), *, folded: int = 0) -> bytes:
    """A state object's bytes."""
    if state.version != FORMAT:
        raise CodecError(f"is in format {state.version}, and this version writes format {FORMAT}", subject="the state")
    stored = StoredState(state=state, open_intents=tuple(open_intents), folded=folded)
    return _sealed("state", encode_object(StoredState, stored))


def decode_state(content: bytes) -> StoredState:
    """What a state object holds; raises `CodecError` unless every bit is as written."""
    return _opened("state", content, StoredState)


def encode_page(page: Page) -> bytes:
    """A journal object's bytes."""
    return _sealed("journal", encode_object(Page, page))


def decode_page(content: bytes) -> Page:
    """What a journal object holds; raises `CodecError` unless every bit is as written."""
    return _opened("journal", content, Page)


def encode_ledger(record: LedgerRecord) -> bytes:
    """A ledger object's bytes."""
    return _sealed("ledger", encode_object(LedgerRecord, record))


def decode_ledger(content: bytes) -> LedgerRecord:
    """What a ledger object holds; raises `CodecError` unless every bit is as written."""
    return _opened("ledger", content, LedgerRecord)


def encode_saved_plan(plan: Plan, desired: Desired, options: Options, meta: Document) -> bytes:
    """A saved plan's bytes; `meta` is what the caller wants to find again, such as the commit."""
    saved = SavedPlan(plan=plan, desired=desired, options=options, meta=meta)
    return _sealed("plan", encode_object(SavedPlan, saved))


def decode_saved_plan(content: bytes) -> SavedPlan:
    """What a plan file holds; raises `CodecError` unless every bit is as written."""
    return _opened("plan", content, SavedPlan)


def encode_sealed(kind: str, of: type[_T], value: _T) -> bytes:
    """The bytes of a file of another kind; `of` is a frozen dataclass made of values that has a field `tool`."""
    return _sealed(kind, encode_object(of, value))


def decode_sealed(kind: str, of: type[_T], content: bytes) -> _T:
    """What a file of another kind holds; raises `CodecError` unless every bit is as written."""
    return _opened(kind, content, of)


def digest_in(content: bytes) -> str:
    """The digest that the bytes of a saved plan, a state or a page begin with: the name of their whole content."""
    begin = _SEAL.match(content)
    if begin is None:
        raise CodecError("is empty, damaged or nothing that this tool has written", subject="the file")
    return begin[1].decode()


def lineage_of(content: bytes) -> str:
    """The lineage that a state object claims, read without reading its records or proving its digest."""
    try:
        return msgspec.json.decode(content, type=_Outline).state.lineage
    except (ValueError, RecursionError):
        raise CodecError("is empty or damaged", subject="the state") from None


class _OutlineOfState(msgspec.Struct):
    lineage: str


class _Outline(msgspec.Struct):
    state: _OutlineOfState


_SEAL = re.compile(rb'\{"digest":"(sha256:[0-9a-f]{64})",')


def _sealed(kind: str, body: dict[str, Builtin]) -> bytes:
    content = to_json({**body, "kind": kind, "version": FORMAT})
    # First, out of the order of keys, so that it is checked over bytes as they are, before anything is parsed.
    return b'{"digest":"%s",' % digest_of(content).encode() + content[1:]


def _opened(kind: str, content: bytes, of: type[_T]) -> _T:
    subject = f"the {kind}"
    if not content:
        raise CodecError("is empty", subject=subject)
    begin = _SEAL.match(content)
    if begin is None:
        raise CodecError("is damaged, or is nothing that this tool has written", subject=subject)
    if digest_of(b"{" + content[begin.end() :]).encode() != begin[1]:
        raise CodecError("is damaged or was edited: its digest does not fit its content", subject=subject)
    body = mapping(from_json(content))
    del body["digest"]
    found, version = body.pop("kind", None), body.pop("version", None)
    if found != kind:
        raise CodecError(f"is no {kind} but a {found}", subject="the file")
    if version != FORMAT:
        raise CodecError(
            f"was written by reconciler {body.get('tool')} in format {version}, and this version, {__version__}, "
            f"reads format {FORMAT}; use reconciler {body.get('tool')} or newer",
            subject=subject,
        )
    try:
        return decode_object(of, body)
    except CodecError as error:
        raise CodecError(f"does not hold what it should: {error}", subject=subject) from None
