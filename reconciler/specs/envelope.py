"""What stands around the `spec` of every manifest: version, kind, metadata, lifecycle and delivery."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Final, TypeVar

from reconciler.sdk import Catalog
from reconciler.specs.delivery import read_delivery
from reconciler.specs.exemptions import Exemption, read_exemptions
from reconciler.specs.tree import Node
from reconciler.specs.words import did_you_mean, listed, near_miss, shown
from reconciler.values import Address, DeliveryRules, Ignored, Lifecycle, OnRemoval, Path, ReplaceOrder
from reconciler.values.address import is_name

KEYS: Final = ("apiVersion", "kind", "metadata", "lifecycle", "delivery", "policy", "spec")
METADATA_KEYS: Final = ("name", "labels", "renamedFrom")
LIFECYCLE_KEYS: Final = ("preventDestroy", "ignoreChanges", "onRemoval", "createAnyway", "replace")
EXCEPTION_KEYS: Final = ("path", "until", "reason")
VERSION: Final = "v1"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_API_VERSION = re.compile(r"(?P<vendor>[a-z][a-z0-9-]*)\.reconciler/(?P<version>[a-z0-9]+)\Z")
_LABEL = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_./]{0,61}[A-Za-z0-9])?\Z")
_TYPES: Final = {str: "text", bool: "`true` or `false`", dict: "a mapping", list: "a list"}

_Choice = TypeVar("_Choice", bound=Enum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong, at a path from the root of the manifest."""

    code: str
    message: str
    path: Path
    help: str | None = None
    at_key: bool = False


@dataclass(slots=True)
class Envelope:
    """What could be understood; `type` is empty when the kind is not known, `name` when there is none."""

    type: str = ""
    name: str = ""
    renamed_from: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    lifecycle: Lifecycle = Lifecycle()
    delivery: DeliveryRules | None = None
    exemptions: tuple[Exemption, ...] = ()
    spec: dict[str, Node] | None = None
    faults: list[Fault] = field(default_factory=list)

    @property
    def address(self) -> Address | None:
        """The manifest's address, when its kind and name are known."""
        vendor, _, kind = self.type.partition("/")
        return Address(vendor, kind, self.name) if self.type and self.name else None


_DEFAULT = Lifecycle()


def identify(data: Node) -> tuple[Node, Node, Node]:
    """`apiVersion`, `kind` and `metadata.name` as written: what overlays are addressed by."""
    if not isinstance(data, dict):
        return None, None, None
    metadata = data.get("metadata")
    return data.get("apiVersion"), data.get("kind"), metadata.get("name") if isinstance(metadata, dict) else None


class Opener:
    """Opens manifests; remembers what it has learned about vendors and kinds."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._types: dict[tuple[str, str], str] = {}

    def open(self, data: Node) -> Envelope:
        """The envelope of one manifest with everything wrong about it."""
        result = Envelope()
        if not isinstance(data, dict):
            message = "a manifest is a mapping with `apiVersion`, `kind`, `metadata` and `spec`"
            result.faults.append(Fault(code="wrong-type", message=message, path=()))
            return result
        say = result.faults.append
        _strangers(data, KEYS, "the manifest", (), say)
        result.type = self._type(data, say)
        metadata = _part(data, "metadata", say)
        if metadata is not None:
            _strangers(metadata, METADATA_KEYS, "metadata", ("metadata",), say)
            result.name = _name(metadata, say)
            result.labels = _labels(metadata, say)
            result.renamed_from = _former_name(metadata, result.name, say)
        if "lifecycle" in data:
            result.lifecycle = self._lifecycle(data, result.type, say)
        if "delivery" in data:
            result.delivery = self._delivery(data, result.type, say)
        if "policy" in data:
            result.exemptions = _exemptions(data["policy"], say)
        result.spec = _part(data, "spec", say)
        return result

    def _type(self, data: dict[str, Node], say: Callable[[Fault], None]) -> str:
        version, kind = data.get("apiVersion"), data.get("kind")
        if isinstance(version, str) and isinstance(kind, str) and (version, kind) in self._types:
            return self._types[version, kind]
        for key in ("apiVersion", "kind"):
            if key not in data:
                say(Fault(code="missing-key", message=f"the manifest lacks the key `{key}`", path=(key,)))
            elif not isinstance(data[key], str):
                say(Fault(code="wrong-type", message=f"`{key}` must be text", path=(key,)))
        if not isinstance(version, str):
            return ""
        own = self._vendor(version, say)
        if not own or not isinstance(kind, str):
            return ""
        kinds = self.catalog.kinds(own)
        if kind not in kinds:
            message = f"`{own}` has no kind `{shown(kind)}`"
            help = did_you_mean(kind, tuple(kinds), what="known kinds")
            say(Fault(code="unknown-kind", message=message, path=("kind",), help=help))
            return ""
        self._types[version, kind] = f"{own}/{kind}"
        return f"{own}/{kind}"

    def _vendor(self, version: str, say: Callable[[Fault], None]) -> str:
        known: dict[str, str] = {f"{vendor}.reconciler/{VERSION}": vendor for vendor in self.catalog.names}
        if version in known:
            return known[version]
        match = _API_VERSION.match(version)
        if match and match["vendor"] in self.catalog.names:
            message = f"`{match['vendor']}` has no version `{match['version']}`"
            help: str | None = f"write `{match['vendor']}.reconciler/{VERSION}`"
            say(Fault(code="invalid-value", message=message, path=("apiVersion",), help=help))
        elif match:
            message = f"no vendor is called `{shown(match['vendor'])}`"
            help = did_you_mean(match["vendor"], self.catalog.names, what="known vendors")
            say(Fault(code="unknown-vendor", message=message, path=("apiVersion",), help=help))
        else:
            near = near_miss(version, known)
            help = f"did you mean `{near}`?" if near else f"write `<vendor>.reconciler/{VERSION}`"
            message = f"`{shown(version)}` is no version of a vendor's manifests"
            say(Fault(code="unknown-vendor", message=message, path=("apiVersion",), help=help))
        return ""

    def _delivery(self, data: dict[str, Node], type: str, say: Callable[[Fault], None]) -> DeliveryRules | None:
        written = _part(data, "delivery", say)
        if written is None:
            return None
        vendor, _, name = type.partition("/")

        def complain(code: str, message: str, path: Path, help: str | None) -> None:
            at_key = code in ("unknown-key", "no-deliveries")
            say(Fault(code=code, message=message, path=("delivery", *path), help=help, at_key=at_key))

        return read_delivery(written, self.catalog.kinds(vendor)[name] if type else None, type, complain)

    def _lifecycle(self, data: dict[str, Node], type: str, say: Callable[[Fault], None]) -> Lifecycle:
        written = _part(data, "lifecycle", say)
        if written is None:
            return _DEFAULT
        root: Path = ("lifecycle",)
        _strangers(written, LIFECYCLE_KEYS, "lifecycle", root, say)
        on_removal = _choice(written, "onRemoval", OnRemoval, say)
        if type and on_removal is not None:
            vendor, _, kind = type.partition("/")
            traits = self.catalog.traits(type)
            allowed = {OnRemoval.DISABLE: traits.disables, OnRemoval.DELETE: traits.deletes}
            # A composite has no object of its own; its parts decide.
            if not allowed.get(on_removal, True) and self.catalog.kinds(vendor)[kind].expand is None:
                verb = "disabled" if on_removal is OnRemoval.DISABLE else "deleted"
                others = [each.value for each in OnRemoval if allowed.get(each, True)]
                message = f"`onRemoval` cannot be `{on_removal.value}`: objects of `{type}` cannot be {verb}"
                help = f"possible values: {listed(others)}"
                say(Fault(code="invalid-value", message=message, path=(*root, "onRemoval"), help=help))
        plain, exceptions = _ignored(written, say)
        return Lifecycle(
            prevent_destroy=_flag(written, "preventDestroy", say),
            ignore_changes=plain,
            exceptions=exceptions,
            on_removal=on_removal,
            create_anyway=_flag(written, "createAnyway", say),
            replace=_choice(written, "replace", ReplaceOrder, say),
        )


def _exemptions(written: Node, say: Callable[[Fault], None]) -> tuple[Exemption, ...]:
    def complain(code: str, message: str, path: Path, help: str | None) -> None:
        say(Fault(code=code, message=message, path=path, help=help, at_key=code == "unknown-key"))

    return read_exemptions(written, end_of, complain)


def _part(data: dict[str, Node], key: str, say: Callable[[Fault], None]) -> dict[str, Node] | None:
    if key not in data:
        say(Fault(code="missing-key", message=f"the manifest lacks the key `{key}`", path=(key,)))
        return None
    value = data[key]
    if not isinstance(value, dict):
        say(Fault(code="wrong-type", message=f"`{key}` must be a mapping", path=(key,)))
        return None
    return value


def _strangers(
    data: dict[str, Node], known: tuple[str, ...], holder: str, root: Path, say: Callable[[Fault], None]
) -> None:
    if data.keys() <= frozenset(known):
        return
    for key in data:
        if key not in known:
            help = did_you_mean(key, [each for each in known if each not in data], what="further keys")
            called = f"`{holder}`" if root else holder
            message = f"{called} has no key `{shown(key)}`"
            say(Fault(code="unknown-key", message=message, path=(*root, key), help=help, at_key=True))


def _name(metadata: dict[str, Node], say: Callable[[Fault], None], key: str = "name") -> str:
    name = metadata.get(key)
    path: Path = ("metadata", key)
    if isinstance(name, str):
        if is_name(name):
            return name
        message = f"`{shown(name)}` is no name: lower-case letters, digits and inner hyphens, at most 63"
        better = re.sub(r"[^a-z0-9]+", "-", name.lower())[:63].strip("-")
        help = f"did you mean `{better}`?" if better and len(name) <= 63 else None
        say(Fault(code="invalid-name", message=message, path=path, help=help))
    elif key not in metadata:
        say(Fault(code="missing-key", message=f"`metadata` lacks the key `{key}`", path=path))
    else:
        help = "quote it to mean the text" if isinstance(name, (int, float)) else None
        say(Fault(code="wrong-type", message=f"`metadata.{key}` must be text", path=path, help=help))
    return ""


def _former_name(metadata: dict[str, Node], name: str, say: Callable[[Fault], None]) -> str:
    """The name that the manifest had before; empty when it says none."""
    if "renamedFrom" not in metadata:
        return ""
    former = _name(metadata, say, "renamedFrom")
    if former and former == name:
        message = f"`renamedFrom` names `{former}`, which is the manifest's own name"
        path: Path = ("metadata", "renamedFrom")
        say(Fault(code="invalid-value", message=message, path=path, help="write the name that it had before"))
        return ""
    return former


def _labels(metadata: dict[str, Node], say: Callable[[Fault], None]) -> dict[str, str]:
    if "labels" not in metadata:
        return {}
    path: Path = ("metadata", "labels")
    labels = metadata["labels"]
    if not isinstance(labels, dict):
        say(Fault(code="wrong-type", message="`metadata.labels` must be a mapping of text to text", path=path))
        return {}
    good: dict[str, str] = {}
    for key, value in labels.items():
        if not isinstance(value, str):
            help = "quote it to mean the text" if isinstance(value, (int, float)) else None
            message = f"the label `{shown(key)}` must be text"
            say(Fault(code="wrong-type", message=message, path=(*path, key), help=help))
        elif not _LABEL.match(key) or not (value == "" or _LABEL.match(value)):
            message = f"the label `{shown(key)}` has signs that no selector can hold"
            help = "letters, digits, and inner `-`, `_`, `.` and `/`, at most 63"
            say(Fault(code="invalid-value", message=message, path=(*path, key), help=help))
        else:
            good[key] = value
    return good


def _flag(written: dict[str, Node], key: str, say: Callable[[Fault], None]) -> bool:
    value = written.get(key, False)
    if isinstance(value, bool):
        return value
    message = f"`{key}` must be `true` or `false`"
    say(Fault(code="wrong-type", message=message, path=("lifecycle", key)))
    return False


def _choice(written: dict[str, Node], key: str, choices: type[_Choice], say: Callable[[Fault], None]) -> _Choice | None:
    if key not in written:
        return None
    value = written[key]
    known = [str(each.value) for each in choices]
    if isinstance(value, str) and value in known:
        return choices(value)
    said = f" `{shown(value)}`" if isinstance(value, str) else " this"
    help = did_you_mean(value if isinstance(value, str) else "", known, what="known values")
    path: Path = ("lifecycle", key)
    say(Fault(code="invalid-value", message=f"`{key}` cannot be{said}", path=path, help=help))
    return None


def _ignored(written: dict[str, Node], say: Callable[[Fault], None]) -> tuple[tuple[str, ...], tuple[Ignored, ...]]:
    """The fields that are never compared, and those that are not for a time or for a reason."""
    value = written.get("ignoreChanges", [])
    path: Path = ("lifecycle", "ignoreChanges")
    if not isinstance(value, list):
        say(Fault(code="wrong-type", message="`ignoreChanges` must be a list of fields", path=path))
        return (), ()
    plain: list[str] = []
    exceptions: list[Ignored] = []
    for position, each in enumerate(value):
        if isinstance(each, dict):
            found = _exception(each, (*path, position), say)
            exceptions += [found] if found is not None else []
        elif _is_field(each):
            plain.append(str(each))
        else:
            say(_no_field(each, (*path, position)))
    return tuple(plain), tuple(exceptions)


def _is_field(node: Node) -> bool:
    return isinstance(node, str) and node.startswith("spec.") and len(node) > len("spec.")


def _no_field(node: Node, path: Path) -> Fault:
    message = "`ignoreChanges` lists fields that begin with `spec.`"
    help = f"did you mean `spec.{shown(node)}`?" if isinstance(node, str) and node else None
    return Fault(code="invalid-value", message=message, path=path, help=help)


def _exception(written: dict[str, Node], path: Path, say: Callable[[Fault], None]) -> Ignored | None:
    """An entry with an end or a reason; `None` when something is wrong with it."""
    faults: list[Fault] = []
    _strangers(written, EXCEPTION_KEYS, "ignoreChanges", path, faults.append)
    if "path" not in written:
        message = "an entry of `ignoreChanges` lacks the key `path`"
        faults.append(Fault(code="missing-key", message=message, path=(*path, "path")))
    elif not _is_field(written["path"]):
        faults.append(_no_field(written["path"], (*path, "path")))
    ends = end_of(written["until"]) if "until" in written else None
    if "until" in written and ends is None:
        message = "`until` must be a day, or a time with its zone"
        help = "write it like `2027-01-31`, a day that still counts, or like `2027-01-31T18:00:00Z`"
        faults.append(Fault(code="invalid-value", message=message, path=(*path, "until"), help=help))
    reason = written.get("reason")
    if reason is not None and not isinstance(reason, str):
        message, help = "`reason` must be text", "quote it to mean the text"
        faults.append(Fault(code="wrong-type", message=message, path=(*path, "reason"), help=help))
    for each in faults:
        say(each)
    return Ignored(path=str(written["path"]), ends=ends, reason=str(reason) if reason else None) if not faults else None


def end_of(until: Node) -> datetime | None:
    """The moment from which on an exception counts no longer: the end of a day in UTC, or the time that is written."""
    if not isinstance(until, str):
        return None
    try:
        if _DAY.match(until):
            return datetime.combine(date.fromisoformat(until) + timedelta(days=1), time(), UTC)
        moment = datetime.fromisoformat(until)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
