"""Who made a resource what it is, as people read it: its fields under the commits that set them, newest first."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from reconciler.reports.escape import clip, columns, pad, plain, plural, shorten, wrap
from reconciler.reports.fields import label_of, path_order
from reconciler.reports.paint import Style, paint
from reconciler.reports.shown import Reading
from reconciler.values import MISSING, Address, Mark, Path, Value

COMMIT = 7
"""Digits of a commit that are shown."""
_PLACE = 30
_LABEL = 34
_VALUE = 28


class Vendor(enum.Enum):
    """What the vendor has in a field."""

    AGREES = "agrees"
    """What was applied last."""
    MOVED = "moved"
    """Something else than was applied last."""
    GONE = "gone"
    """Nothing: the object is proven not to exist any more."""
    HIDDEN = "hidden"
    """It does not give the field back."""
    IGNORED = "ignored"
    """The manifest's lifecycle says that nobody cares."""
    UNREAD = "unread"
    """It could not be read, so that is not known."""
    NOT_ASKED = "not asked"
    NOTHING = "nothing"
    """There is no object, or the field was never applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBy:
    """The commit that set a field; with `ends` the clone's history ends there, and it may have been set before."""

    commit: str
    author: str
    email: str
    at: datetime
    subject: str
    ends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedOut:
    """A deed of the ledger's record `number`: when, by which command of whom, and for which commit."""

    number: int
    verb: str
    status: str
    at: datetime
    operation: str
    who: str
    commit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldBlame:
    """
    One field.

    `value` is what the manifest says (`in_manifest`), else what was applied. `set_by` is None when no commit set it:
    then it is not committed, or no manifest says it. `is_applied` is None when only the vendor could tell. `carried`
    is the deed since which it is applied; while it is not, `applied` is what stands in its place and `tried` a deed
    that came to nothing. `observed` is what the vendor has when it has `moved`.
    """

    path: Path
    value: Value
    in_manifest: bool
    place: Mark | None = None
    variable: str | None = None
    set_by: SetBy | None = None
    is_applied: bool | None = False
    carried: CarriedOut | None = None
    applied: Value = MISSING
    tried: CarriedOut | None = None
    vendor: Vendor = Vendor.NOTHING
    observed: Value = MISSING


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """An address became another, in a commit or (None) in none yet."""

    old: Address
    new: Address
    set_by: SetBy | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """
    All that is known of who made a resource what it is.

    `made` is the deed since which the state holds the object, `ended` the one since which it holds none. `place` is
    where the manifest begins, `removed` the commit that took it away. `elsewhere` is what the vendor has in fields
    that moved, beside what was applied: another item of a list. `notes` say what is not known.
    """

    address: Address
    id: str | None = None
    made: CarriedOut | None = None
    ended: CarriedOut | None = None
    place: Mark | None = None
    origin: Address | None = None
    fields: tuple[FieldBlame, ...] = ()
    renames: tuple[Renamed, ...] = ()
    removed: SetBy | None = None
    retired: str | None = None
    elsewhere: tuple[tuple[Path, Value], ...] = ()
    notes: tuple[str, ...] = ()


def render_blame(
    blame: Blame, reading: Reading, *, colour: bool = False, width: int = 80, verbose: bool = False
) -> str:
    """The resource, then its fields under the commit that set them and the record that carried them out."""
    blocks = ["\n".join(_opening(blame, colour=colour, width=width))]
    for (set_by, carried), fields in _grouped(blame.fields):
        lines = list(_heading(set_by, carried, fields, colour=colour, width=width))
        for each in fields:
            lines += _field(each, reading, width=width, colour=colour, verbose=verbose)
        blocks.append("\n".join(lines))
    if blame.elsewhere:
        lines = [paint("Only at the vendor", Style.BAD, colour=colour)]
        for path, value in blame.elsewhere:
            lines += wrap(
                f"{label_of(path, reading)}  {_value(value, path, reading)}", width, first="    ", rest=" " * 6
            )
        blocks.append("\n".join(lines))
    if blame.notes:
        blocks.append(
            "\n".join(line for each in blame.notes for line in wrap(plain(f"note: {each}"), width, rest="  "))
        )
    return "\n\n".join([*blocks, verdict(blame)])


def verdict(blame: Blame) -> str:
    """How many fields there are and what the vendor has in them: `9 fields: 7 agree, 1 moved, 1 not applied.`"""
    if not blame.fields:
        return "No field of it is managed."
    pending = sum(each.is_applied is False for each in blame.fields)
    words = {
        Vendor.AGREES: "as applied",
        Vendor.MOVED: "moved at the vendor",
        Vendor.GONE: "gone with the object",
        Vendor.HIDDEN: "cannot be read back",
        Vendor.IGNORED: "ignored",
        Vendor.UNREAD: "could not be read",
        Vendor.NOT_ASKED: "not asked for",
    }
    counted = [
        (sum(each.is_applied is not False and each.vendor is one for each in blame.fields), word)
        for one, word in words.items()
    ]
    counted.append((pending, "not applied"))
    counted.append((len(blame.elsewhere), "more at the vendor"))
    told = ", ".join(f"{number} {word}" for number, word in counted if number)
    return f"{plural(len(blame.fields), 'field')}: {told}." if told else f"{plural(len(blame.fields), 'field')}."


_Cause = tuple[SetBy | None, CarriedOut | None]


def _grouped(fields: Iterable[FieldBlame]) -> list[tuple[_Cause, list[FieldBlame]]]:
    """Fields with one commit and one record together: what is not applied or not committed first, then the newest."""
    found: dict[tuple[object, ...], tuple[_Cause, list[FieldBlame]]] = {}
    for each in sorted(fields, key=lambda field: path_order(field.path)):
        key = (each.in_manifest, each.set_by, each.carried, each.is_applied)
        found.setdefault(key, ((each.set_by, each.carried), []))[1].append(each)
    return sorted(found.values(), key=lambda group: _age(*group), reverse=True)


def _age(cause: _Cause, fields: list[FieldBlame]) -> tuple[bool, bool, float, float]:
    set_by, carried = cause
    first = fields[0]
    return (
        first.in_manifest and set_by is None,
        set_by is not None,
        set_by.at.timestamp() if set_by is not None else 0.0,
        carried.at.timestamp() if carried is not None else float("inf"),
    )


def _opening(blame: Blame, *, colour: bool, width: int) -> Iterator[str]:
    yield paint(plain(str(blame.address)), Style.STRONG, colour=colour)
    facts = []
    if blame.origin is not None:
        facts.append(("part of", str(blame.origin)))
    if blame.place is not None:
        facts.append(("manifest", _where(blame.place)))
    if blame.removed is not None:
        facts.append(("manifest", f"removed by {_commit(blame.removed)}: {blame.removed.subject}"))
    for each in blame.renames:
        by = f"by {_commit(each.set_by)}" if each.set_by is not None else "not committed yet"
        facts.append(("renamed", f"from {each.old}, {by}"))
    facts.append(("object", f"{blame.id or 'none'}{_since(blame)}"))
    if blame.retired is not None:
        facts.append(("retired", f"its manifest is gone, and the object was left ({blame.retired})"))
    for word, text in facts:
        yield from wrap(plain(text), width, first=f"  {pad(word, 10)}", rest=" " * 12)


_ENDED = {"delete": "deleted", "forget": "forgotten"}
_MADE = {"create": "made", "run": "made", "found": "found", "record": "recorded"}


def _since(blame: Blame) -> str:
    if blame.made is not None:
        return f", {_MADE.get(blame.made.verb, 'made')} by {_record(blame.made)}"
    if blame.ended is not None:
        return f", {_ENDED.get(blame.ended.verb, blame.ended.verb)} by {_record(blame.ended)}"
    return ""


def _commit(by: SetBy) -> str:
    return f"{by.commit[:COMMIT]} of {by.author}, {_moment(by.at)}"


def _heading(
    set_by: SetBy | None, carried: CarriedOut | None, fields: list[FieldBlame], *, colour: bool, width: int
) -> Iterator[str]:
    first = fields[0]
    if set_by is not None:
        when = f"{set_by.commit[:COMMIT]}  {_moment(set_by.at)}  "
        who = clip(plain(set_by.author), max(8, width - columns(when)))
        yield paint(f"{when}{who}", Style.STRONG, colour=colour)
        yield from wrap(plain(set_by.subject), width, first="    ", rest="    ")
        if set_by.ends:
            yield "    or earlier: the history of this clone ends there"
    elif first.in_manifest:
        yield paint("Not committed yet", Style.CHANGED, colour=colour)
    else:
        yield paint("In no manifest", Style.STRONG, colour=colour)
    if carried is not None:
        yield from wrap(plain(_carried(carried)), width, first="    ", rest="    ")
    elif first.is_applied is None:
        yield "    whether it is applied, the vendor was not asked"
    elif first.is_applied:
        yield "    applied; the ledger does not tell when"
    else:
        yield paint("    not applied", Style.CHANGED, colour=colour)


def _carried(deed: CarriedOut) -> str:
    word = {"found": "found", "record": "recorded", "forget": "recorded"}.get(deed.verb, "applied")
    return f"{word} since {_record(deed)}"


def _record(deed: CarriedOut) -> str:
    commit = f" for {deed.commit[:COMMIT]}" if deed.commit else ""
    return f"record {deed.number}: {deed.operation} of {deed.who}{commit}, {_moment(deed.at)}"


def _field(each: FieldBlame, reading: Reading, *, width: int, colour: bool, verbose: bool) -> Iterator[str]:
    label, value = label_of(each.path, reading), _value(each.value, each.path, reading)
    place = _where(each.place) if each.place is not None else ""
    if each.variable is not None:
        place = f"{place} ({plain(each.variable)})"
    if verbose:
        yield from wrap("  ".join(filter(None, (label, value, place))), width, first="      ", rest=" " * 10)
    else:
        shown = shorten(place, max(_PLACE, width // 3))
        room = width - 6 - (columns(shown) + 2 if shown else 0)
        name = shorten(label, min(_LABEL, room // 2))
        text = pad(f"{name}  {clip(value, max(8, room - columns(name) - 2))}", room)
        yield f"      {text}{'  ' + shown if shown else ''}".rstrip()
    for style, sentence in _remarks(each, reading):
        for line in wrap(sentence, width, first="        ", rest=" " * 10):
            yield paint(line, style, colour=colour)


def _remarks(each: FieldBlame, reading: Reading) -> Iterator[tuple[Style, str]]:
    if each.applied is not MISSING:
        yield Style.CHANGED, f"applied is {_value(each.applied, each.path, reading)}"
    if each.tried is not None:
        deed = each.tried
        yield Style.BAD, plain(f"tried in vain ({deed.verb} {deed.status}) by {_record(deed)}")
    if each.vendor is Vendor.MOVED:
        yield Style.BAD, f"the vendor has {_value(each.observed, each.path, reading)}"
    elif each.vendor is Vendor.GONE:
        yield Style.BAD, "gone: the vendor has no such object any more"
    elif each.vendor is Vendor.HIDDEN:
        yield Style.FAINT, "cannot be read back"
    elif each.vendor is Vendor.IGNORED:
        yield Style.FAINT, "whether the vendor agrees is ignored (lifecycle)"


def _value(value: Value, path: Path, reading: Reading) -> str:
    return "nothing" if value is MISSING else reading.text(value, path)


def _where(mark: Mark) -> str:
    return plain(f"{mark.file}:{mark.line}")


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")


# --------------------------------------------------------------------------------------------------------- JSON


def blame_json(blame: Blame, reading: Reading) -> dict[str, object]:
    """The same for programs; values as they are shown, secrets as references."""
    return {
        "address": str(blame.address),
        "id": blame.id,
        "made": _deed(blame.made),
        "ended": _deed(blame.ended),
        "origin": str(blame.origin) if blame.origin is not None else None,
        "manifest": _where(blame.place) if blame.place is not None else None,
        "removed": _set(blame.removed),
        "retired": blame.retired,
        "renames": [{"from": str(each.old), "to": str(each.new), "set": _set(each.set_by)} for each in blame.renames],
        "fields": [_row(each, reading) for each in sorted(blame.fields, key=lambda field: path_order(field.path))],
        "elsewhere": [
            {"field": label_of(path, reading), "observed": _text(value, path, reading)}
            for path, value in blame.elsewhere
        ],
        "notes": list(blame.notes),
    }


def _row(each: FieldBlame, reading: Reading) -> dict[str, object]:
    return {
        "field": label_of(each.path, reading),
        "value": _text(each.value, each.path, reading),
        "in_manifest": each.in_manifest,
        "file": each.place.file if each.place is not None else None,
        "line": each.place.line if each.place is not None else None,
        "variable": each.variable,
        "set": _set(each.set_by),
        "applied": each.is_applied,
        "carried_out": _deed(each.carried),
        "instead": _text(each.applied, each.path, reading),
        "tried": _deed(each.tried),
        "vendor": each.vendor.value,
        "observed": _text(each.observed, each.path, reading),
    }


def _text(value: Value, path: Path, reading: Reading) -> str | None:
    return None if value is MISSING else reading.text(value, path)


def _set(by: SetBy | None) -> dict[str, object] | None:
    if by is None:
        return None
    return {
        "commit": by.commit,
        "author": by.author,
        "email": by.email,
        "at": _iso(by.at),
        "subject": by.subject,
        "or_earlier": by.ends,
    }


def _deed(deed: CarriedOut | None) -> dict[str, object] | None:
    if deed is None:
        return None
    return {
        "record": deed.number,
        "verb": deed.verb,
        "status": deed.status,
        "at": _iso(deed.at),
        "operation": deed.operation,
        "who": deed.who,
        "commit": deed.commit,
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
