"""
Values as canonical JSON and back: documents, state, journal pages and saved plans.

Canonical means one text per value: UTF-8, sorted keys, no spaces, datetimes in UTC with `Z`. What is kept in a file
carries its format version, the tool's version and a digest of everything else, and is believed only whole: a
damaged, foreign or newer file raises `CodecError` and is never "empty".

Three words that JSON lacks are tagged objects: `{"$ref": "didomi/Destination/lake"}`, `{"$secret": {…}}` and
`{"$blank": "unknown"}`. A user's own key that begins with `$` gets one more `$`, so that nothing is mistaken for a tag.
"""

# ruff: noqa: ANN401 - the type that a form reads and writes is known only to the hint it was made from

from __future__ import annotations

import dataclasses
import enum
import hashlib
import math
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, NoReturn, TypeAlias, TypeVar

import msgspec

from reconciler import __version__
from reconciler.values import (
    Address,
    Blank,
    Change,
    Desired,
    Document,
    Intent,
    Options,
    Path,
    Plan,
    Record,
    Ref,
    Secret,
    Settlement,
    State,
    Value,
    dotted,
)

FORMAT = 1
"""The format that this version writes, and the only one that it reads."""

Builtin: TypeAlias = "None | bool | int | float | str | list[Builtin] | dict[str, Builtin]"
Entry: TypeAlias = Intent | Settlement

_T = TypeVar("_T")
_WORDS: dict[object, str] = {
    None: "nothing",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
}


class CodecError(Exception):
    """What was read is not what this tool wrote, or what should be written has no form; a sentence for people."""

    def __init__(self, reason: str, path: Path = (), *, subject: str = "the value") -> None:
        super().__init__(f"`{dotted(path)}` {reason}" if path else f"{subject} {reason}")
        self.reason = reason
        self.path = path

    def within(self, step: str | int) -> CodecError:
        """The same error seen from one step further out."""
        return CodecError(self.reason, (step, *self.path))


# ---------------------------------------------------------------------------------------------------- JSON


def to_json(builtin: Builtin) -> bytes:
    """The one canonical text of plain JSON data."""
    try:
        return msgspec.json.encode(builtin, order="deterministic")
    except (ValueError, RecursionError) as error:  # half a surrogate pair, or endless nesting
        raise CodecError(f"cannot be written as JSON ({error})") from None


def from_json(content: bytes) -> object:
    """Plain JSON data out of its text."""
    try:
        return msgspec.json.decode(content)
    except (ValueError, RecursionError) as error:
        raise CodecError(f"is not JSON ({error})") from None


def digest_of(content: bytes) -> str:
    """`sha256:…` of bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


# ----------------------------------------------------------------------------------------------- documents


_AS_IT_IS = frozenset({str, int, bool, types.NoneType})


def encode_value(value: Value) -> Builtin:
    """One value of a document as plain JSON data; a list counts as a tuple, a number that is not finite is refused."""
    kind = type(value)
    if kind in _AS_IT_IS:
        return typing.cast("Builtin", value)  # just proven, which mypy cannot follow
    if isinstance(value, Mapping):
        return encode_document(value)
    if isinstance(value, tuple | list):
        return [encode_value(each) for each in value]
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Ref):
        return {"$ref": _encode_address(value.to)}
    if isinstance(value, Secret):
        fields = (("source", value.source), ("name", value.name), ("key", value.key), ("version", value.version))
        return {"$secret": {word: text for word, text in fields if text is not None}}
    if isinstance(value, Blank):
        return {"$blank": value.name.lower()}
    # The value itself is not shown: whoever put a strange thing here may have put a secret here.
    raise CodecError(f"is a `{kind.__name__}` that has no place in a document")


def decode_value(builtin: object) -> Value:
    """The value that plain JSON data stands for."""
    if type(builtin) in _AS_IT_IS or type(builtin) is float:
        return typing.cast("Value", builtin)  # as above
    if isinstance(builtin, list):
        return tuple([decode_value(each) for each in builtin])
    for key in _mapping(builtin):
        if key[:1] == "$" and key[:2] != "$$":
            return _tagged(_mapping(builtin))
    return decode_document(builtin)


def encode_document(document: Document) -> dict[str, Builtin]:
    """A document as plain JSON data."""
    encoded: dict[str, Builtin] = {}
    for key, value in document.items():
        if type(key) is not str:
            raise CodecError(f"has a key that is no text but a `{type(key).__name__}`")
        name = f"${key}" if key[:1] == "$" else key
        if type(value) in _AS_IT_IS:  # most values; not asking `encode_value` about them halves the time
            encoded[name] = value  # type: ignore[assignment]  # just proven, which mypy cannot follow
            continue
        try:
            encoded[name] = encode_value(value)
        except CodecError as error:
            raise error.within(key) from None
    return encoded


def decode_document(builtin: object) -> dict[str, Value]:
    """The document that plain JSON data stands for; lists become tuples."""
    decoded: dict[str, Value] = {}
    for key, value in _mapping(builtin).items():
        name = key
        if key[:1] == "$":
            if key[:2] != "$$":
                raise CodecError(f"has the key `{key}` where a document begins")
            name = key[1:]
        if type(value) in _AS_IT_IS:
            decoded[name] = value  # type: ignore[assignment]  # as above
            continue
        try:
            decoded[name] = decode_value(value)
        except CodecError as error:
            raise error.within(name) from None
    return decoded


def canonical(document: Document) -> bytes:
    """The canonical text of a document, the same for equal documents; 1, 1.0 and true are three different values."""
    return to_json(encode_document(document))


def digest(document: Document) -> str:
    """`sha256:…` of a document's canonical text."""
    return digest_of(canonical(document))


def _tagged(builtin: dict[str, object]) -> Value:
    match builtin:
        case {"$ref": str(text), **others} if not others:
            return Ref(_decode_address(text))
        case {"$secret": dict(fields), **others} if not others:
            words = {word: text for word, text in fields.items() if type(text) is str}
            if words == fields and {"source", "name"} <= words.keys() <= {"source", "name", "key", "version"}:
                return Secret(**words)
        case {"$blank": str(text), **others} if not others and text.upper() in Blank.__members__ and text.islower():
            return Blank[text.upper()]
    raise CodecError(f"has a tag that this version does not know ({', '.join(f'`{key}`' for key in sorted(builtin))})")


# -------------------------------------------------------------------------------------------------- values


@dataclasses.dataclass(frozen=True, slots=True)
class _Form:
    """How values of one type are written and read."""

    encode: Callable[[Any], Builtin]
    decode: Callable[[object], Any]


class _DocumentHint: ...


class _ValueHint: ...


class _PathHint: ...


# The recursive aliases of `values` mean nothing to `get_type_hints`; these names stand in for them.
_ALIASES = {"Document": _DocumentHint, "Value": _ValueHint, "Path": _PathHint}


def _form(hint: Any) -> _Form:
    """The form of a type, made from its hint once, so that a field added to a value is written and read at once."""
    if hint not in _FORMS:
        _FORMS[hint] = _made(hint)
    return _FORMS[hint]


def _made(hint: Any) -> _Form:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return _optional(arguments) if types.NoneType in arguments else _either(arguments)
    if origin is tuple:
        return _sequence(_form(arguments[0]), tuple)
    if origin is frozenset:
        items = _sequence(_form(arguments[0]), frozenset)
        return _Form(lambda value: items.encode(sorted(value)), items.decode)
    if origin is Mapping:
        return _labels() if arguments[0] is str else _register(_form(arguments[1]))
    if issubclass(hint, enum.Enum):
        return _choice(hint)
    return _object(hint)


def _optional(arguments: tuple[Any, ...]) -> _Form:
    (inner,) = (_form(each) for each in arguments if each is not types.NoneType)
    return _Form(
        lambda value: None if value is None else inner.encode(value),
        lambda builtin: None if builtin is None else inner.decode(builtin),
    )


def _either(kinds: tuple[type[Any], ...]) -> _Form:
    """One of several kinds of object, each under its name: `{"intent": {…}}`."""
    forms = {kind.__name__.lower(): _form(kind) for kind in kinds}

    def encode(value: Any) -> Builtin:
        name = type(value).__name__.lower()
        return {name: forms[name].encode(value)}

    def decode(builtin: object) -> Any:
        given = _mapping(builtin)
        if len(given) != 1 or not given.keys() <= forms.keys():
            raise CodecError(f"should be one of {', '.join(f'`{name}`' for name in forms)}")
        ((name, content),) = given.items()
        return forms[name].decode(content)

    return _Form(encode, decode)


def _object(kind: type[Any]) -> _Form:
    """A frozen dataclass; a field that is empty by default is written only when it is not."""
    hints = typing.get_type_hints(kind, localns=_ALIASES)
    forms = {each.name: _form(hints[each.name]) for each in dataclasses.fields(kind)}
    defaults = {each.name: _default(each) for each in dataclasses.fields(kind)}
    required = {name for name, default in defaults.items() if default is dataclasses.MISSING}
    empty: dict[str, object] = {name: each for name, each in defaults.items() if each in (None, (), {}, frozenset())}

    def encode(value: Any) -> Builtin:
        encoded: dict[str, Builtin] = {}
        for name, form in forms.items():
            each = getattr(value, name)
            if name in empty and each == empty[name]:
                continue
            try:
                encoded[name] = form.encode(each)
            except CodecError as error:
                raise error.within(name) from None
        return encoded

    def decode(builtin: object) -> Any:
        given = _mapping(builtin)
        if not given.keys() <= forms.keys():
            raise CodecError(f"has the unknown field `{min(given.keys() - forms.keys())}`")
        if not required <= given.keys():
            raise CodecError(f"lacks the field `{min(required - given.keys())}`")
        decoded: dict[str, Any] = {}
        for name, each in given.items():
            try:
                decoded[name] = forms[name].decode(each)
            except CodecError as error:
                raise error.within(name) from None
        return kind(**decoded)

    return _Form(encode, decode)


def _default(field: dataclasses.Field[Any]) -> object:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _sequence(inner: _Form, make: Callable[[list[Any]], Any]) -> _Form:
    def encode(values: Iterable[Any]) -> Builtin:
        return [inner.encode(each) for each in values]

    def decode(builtin: object) -> Any:
        if not isinstance(builtin, list):
            _misfit("a list", builtin)
        decoded: list[Any] = []
        for position, each in enumerate(builtin):
            try:
                decoded.append(inner.decode(each))
            except CodecError as error:
                raise error.within(position) from None
        return make(decoded)

    return _Form(encode, decode)


def _register(inner: _Form) -> _Form:
    """Things by their own address, written as a list in the order of addresses."""
    items = _sequence(inner, list)

    def encode(register: Mapping[Address, Any]) -> Builtin:
        for address, each in register.items():
            if each.address != address:
                raise CodecError(f"holds `{each.address}` under the address `{address}`")
        return items.encode(sorted(register.values(), key=attrgetter("address")))

    def decode(builtin: object) -> dict[Address, Any]:
        each_once: dict[Address, Any] = {}
        for each in items.decode(builtin):
            if each.address in each_once:
                raise CodecError(f"holds `{each.address}` twice")
            each_once[each.address] = each
        return each_once

    return _Form(encode, decode)


def _labels() -> _Form:
    def decode(builtin: object) -> dict[str, str]:
        labels = _mapping(builtin)
        return {key: _plain(str, labels[key]) for key in labels}

    return _Form(lambda labels: {_plain(str, key): _plain(str, text) for key, text in labels.items()}, decode)


def _choice(kind: type[enum.Enum]) -> _Form:
    members = {each.value: each for each in kind}

    def decode(builtin: object) -> enum.Enum:
        if type(builtin) is not str or builtin not in members:
            raise CodecError(f"should be one of {', '.join(f'`{word}`' for word in members)}")
        return members[builtin]

    return _Form(lambda value: typing.cast("str", value.value), decode)


def _path_step(builtin: object) -> str | int:
    return _plain(int, builtin) if type(builtin) is int else _plain(str, builtin)


def _encode_address(address: Address) -> str:
    text = str(address)
    _address(text)  # what could not be read again must not be written
    return text


def _decode_address(builtin: object) -> Address:
    return _address(_plain(str, builtin))


@lru_cache(maxsize=1 << 16)  # most addresses of a file stand in it several times, and are written as they were read
def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError as error:
        raise CodecError(f"is wrong: {error}") from None


def _encode_time(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise CodecError("is a time without a time zone")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _decode_time(builtin: object) -> datetime:
    text = _plain(str, builtin)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min  # noqa: DTZ901 - never returned: it has no zone
    if moment.tzinfo is UTC and text == _encode_time(moment):
        return moment
    raise CodecError("should be a time in UTC such as `2026-12-01T06:00:00Z`")


def _plain(kind: type[_T], builtin: object) -> _T:
    if type(builtin) is not kind:  # exactly: true is no number
        _misfit(_WORDS[kind], builtin)
    return builtin


def _mapping(builtin: object) -> dict[str, object]:
    if not isinstance(builtin, dict):
        _misfit("a mapping", builtin)
    return builtin  # JSON has no other keys than text


def _misfit(wanted: str, found: object) -> NoReturn:
    raise CodecError(f"should be {wanted}, not {_WORDS.get(found if found is None else type(found), 'a mapping')}")


def _simple(kind: type[Any]) -> _Form:
    def same(value: object) -> Any:
        if type(value) is not kind:
            _misfit(_WORDS[kind], value)
        return value

    return _Form(same, same)


_FORMS: dict[object, _Form] = {
    str: _simple(str),
    int: _simple(int),
    bool: _simple(bool),
    Address: _Form(_encode_address, _decode_address),
    datetime: _Form(_encode_time, _decode_time),
    _DocumentHint: _Form(encode_document, decode_document),
    _ValueHint: _Form(encode_value, decode_value),
    _PathHint: _sequence(_Form(_path_step, _path_step), tuple),
}


def encode_object(kind: type[_T], value: _T) -> dict[str, Builtin]:
    """Any frozen dataclass made of values as plain JSON data; what is empty by default is left out while empty."""
    return typing.cast("dict[str, Builtin]", _form(kind).encode(value))  # an object's form is a mapping


def decode_object(kind: type[_T], builtin: object) -> _T:
    """The frozen dataclass that plain JSON data stands for; unknown and lacking fields are refused."""
    return typing.cast("_T", _form(kind).decode(builtin))  # the form was made from the type


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


# --------------------------------------------------------------------------------------------------- files


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

    `by` is the id of the lock under which it was written. A page without entries only takes its number, so that
    nobody else who thinks to hold the lock can write.
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


def encode_saved_plan(plan: Plan, desired: Desired, options: Options, meta: Document) -> bytes:
    """A saved plan's bytes; `meta` is what the caller wants to find again, such as the commit."""
    saved = SavedPlan(plan=plan, desired=desired, options=options, meta=meta)
    return _sealed("plan", encode_object(SavedPlan, saved))


def decode_saved_plan(content: bytes) -> SavedPlan:
    """What a plan file holds; raises `CodecError` unless every bit is as written."""
    return _opened("plan", content, SavedPlan)


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
    body = _mapping(from_json(content))
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
