"""The block `delivery` of a manifest: what its owner promises about the files that the object leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Protocol

from reconciler.sdk import Kind
from reconciler.specs.durations import duration
from reconciler.specs.tree import Node
from reconciler.specs.words import did_you_mean, listed, shown
from reconciler.values import DeliveryRules, Mark, Path

DELIVERY_KEYS: Final = ("contract", "private", "lateAfter", "options")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryBlock:
    """What a manifest says of deliveries; `marks` are the places of its keys, `mark` that of the whole."""

    rules: DeliveryRules
    mark: Mark
    marks: Mapping[str, Mark] = field(default_factory=dict)


class Complain(Protocol):
    """Hears what is wrong, at a path within the block."""

    def __call__(self, code: str, message: str, path: Path, help: str | None) -> None: ...


def read_delivery(written: Mapping[str, Node], kind: Kind | None, type: str, say: Complain) -> DeliveryRules:
    """
    The rules that the block writes; what is wrong is said, and left out.

    `kind` is `None` when it is not known: then nothing is said of what depends on it.
    """
    for key in written:
        if key not in DELIVERY_KEYS:
            help = did_you_mean(key, [each for each in DELIVERY_KEYS if each not in written], what="further keys")
            say("unknown-key", f"`delivery` has no key `{shown(key)}`", (key,), help)
    if kind is not None and not kind.delivers:
        say(code="no-deliveries", message=f"objects of `{type}` deliver no files", path=(), help="remove `delivery`")
    private = written.get("private", True)
    if not isinstance(private, bool):
        say("wrong-type", "`private` must be `true` or `false`", ("private",), None)
    return DeliveryRules(
        contract=_contract(written, say),
        private=private is not False,
        late_after=_late_after(written, say),
        options=_options(written, kind, say),
    )


def _contract(written: Mapping[str, Node], say: Complain) -> str | None:
    value = written.get("contract")
    if value is None and "contract" not in written:
        return None
    if isinstance(value, str) and value.strip():
        return value
    say("wrong-type", "`contract` must be the path of a JSON Schema", ("contract",), None)
    return None


def _late_after(written: Mapping[str, Node], say: Complain) -> timedelta | None:
    value = written.get("lateAfter")
    if value is None and "lateAfter" not in written:
        return None
    try:
        return duration(value if isinstance(value, str) else "")
    except ValueError as error:
        what = f"`{shown(value)}`" if isinstance(value, str) else "this"
        say("invalid-value", f"`lateAfter`: {what} {error}", ("lateAfter",), None)
    return None


def _options(written: Mapping[str, Node], kind: Kind | None, say: Complain) -> dict[str, str | bool]:
    value = written.get("options", {})
    if not isinstance(value, dict):
        say("wrong-type", "`options` must be a mapping", ("options",), None)
        return {}
    if kind is None:
        return {}
    good: dict[str, str | bool] = {}
    for key, each in value.items():
        path: Path = ("options", key)
        if key not in kind.delivery_options:
            help = did_you_mean(key, tuple(kind.delivery_options), what="known options")
            say("unknown-key", f"`options` has no key `{shown(key)}`", path, help or "there are none for this kind")
            continue
        possible = kind.delivery_options[key]
        if isinstance(each, (str, bool)) and any(each is word or each == word for word in possible):
            good[key] = each
        else:
            words = [str(word).lower() if isinstance(word, bool) else word for word in possible]
            said = f" `{shown(each)}`" if isinstance(each, str) else " this"
            say("invalid-value", f"`{key}` cannot be{said}", path, f"possible values: {listed(words)}")
    return good


def delivery_schema(or_variable: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """The block for editors."""
    return {
        "description": "What `verify` asks of the files that this object delivers; never sent to the vendor",
        "type": "object",
        "properties": {
            "contract": or_variable(
                {
                    "type": "string",
                    "minLength": 1,
                    "description": "A JSON Schema for one record: a path in the project, or beside the manifest"
                    " when it begins with `./`",
                }
            ),
            "private": or_variable(
                {"type": "boolean", "description": "Whether nobody else may read the place; true by default"}
            ),
            "lateAfter": or_variable(
                {
                    "type": "string",
                    "pattern": "^[0-9]{1,5}[smhdw]$",
                    "description": "How long after it is due a delivery is late, such as `2h`",
                }
            ),
            "options": {"type": "object", "description": "What the vendor's own contract lets one choose"},
        },
        "additionalProperties": False,
    }
