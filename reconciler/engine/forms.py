"""
Values as plain JSON data and back, each in a form made from its type.

Canonical means one text per value: UTF-8, sorted keys, no spaces, datetimes in UTC with `Z`.
Three words that JSON lacks are tagged objects: `{"$ref": "didomi/Destination/lake"}`, `{"$secret": {…}}` and
`{"$blank": "unknown"}`. A user's own key that begins with `$` gets one more `$`, so that nothing is mistaken for a tag.
"""

# ruff: noqa: ANN401 - the type that a form reads and writes is known only to the hint it was made from

from __future__ import annotations

import dataclasses
import enum
import hashlib
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, NoReturn, TypeAlias, TypeVar

import msgspec

from reconciler.values import Address, Blank, Document, Path, Ref, Secret, Value, dotted

Builtin: TypeAlias = "None | bool | int | float | str | list[Builtin] | dict[str, Builtin]"

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
    for key in mapping(builtin):
        if key[:1] == "$" and key[:2] != "$$":
            return _tagged(mapping(builtin))
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
    for key, value in mapping(builtin).items():
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
        given = mapping(builtin)
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
        given = mapping(builtin)
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
        labels = mapping(builtin)
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


def mapping(builtin: object) -> dict[str, object]:
    """The same, proven to be a mapping."""
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
