"""What Adobe itself says of each destination: its connection spec with the JSON Schemas in it, each read once."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.providers.adobe.client import Client, Row
from reconciler.providers.adobe.mapping import within

# Of audience exports; the specs require it all the same (Export datasets, samples; documented as not applicable).
_NOT_FOR_DATASETS = frozenset({"fileType", "csvOptions"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a schema does not allow: at which parameter, and why."""

    param: str | None
    why: str


class ConnectionSpecs:
    """Safe to share between threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._found: dict[str, Row | None] = {}

    def spec(self, id: str) -> Row | None:
        """The connection spec, or `None` when Adobe has none with this id. Raises a `VendorError`."""
        with self._lock:
            if id not in self._found:
                self._found[id] = self._client.row("/connectionSpecs", id)
            return self._found[id]


def offered(spec: Row) -> Sequence[str]:
    """The names of the ways to authenticate; empty where there is none."""
    return [str(within(each, "name")) for each in _list(spec.get("authSpec"))]


def auth_faults(spec: Row, name: str, params: Mapping[str, object]) -> Iterator[Fault]:
    """What the schema of this way to authenticate has against the parameters; secrets may be missing in them."""
    found = next((each for each in _list(spec.get("authSpec")) if within(each, "name") == name), None)
    schema = within(found, "spec")
    if isinstance(schema, Mapping):
        properties = within(schema, "properties")
        hidden = {
            str(key)
            for key, each in (properties.items() if isinstance(properties, Mapping) else ())
            if within(each, "format") == "password"
        }
        yield from _faults(schema, params, optional=frozenset(hidden - set(params)))


def target_faults(spec: Row, params: Mapping[str, object]) -> Iterator[Fault]:
    """What the target's schema has against the parameters."""
    schema = within(spec, "targetSpec", "spec")
    if isinstance(schema, Mapping):
        yield from _faults(schema, params, optional=_NOT_FOR_DATASETS)


def _faults(schema: Mapping[str, object], params: Mapping[str, object], *, optional: frozenset[str]) -> Iterator[Fault]:
    from jsonschema import Draft7Validator  # noqa: PLC0415 - heavy, and only plans that make something come here
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415

    if _refers(schema):
        return  # none of Adobe's own do (observed), and the library would fetch what lies elsewhere
    required = schema.get("required")
    eased = {
        **schema,
        "required": [each for each in _list(required) if not (isinstance(each, str) and each in optional)],
    }
    try:
        Draft7Validator.check_schema(eased)
        errors = list(Draft7Validator(eased).iter_errors(dict(params)))
    except (SchemaError, RecursionError, re.error):
        # Written for another language's regular expressions, or not at all well: Adobe will have to say it itself.
        return
    for error in sorted(errors, key=lambda each: str(each.json_path)):
        param = str(error.absolute_path[0]) if error.absolute_path else None
        yield Fault(param, _why(str(error.validator), error.validator_value, param))


def _refers(schema: object) -> bool:
    """Whether there is a reference anywhere in the schema."""
    if isinstance(schema, Mapping):
        return "$ref" in schema or any(map(_refers, schema.values()))
    return isinstance(schema, list) and any(map(_refers, schema))


def _why(rule: str, value: object, param: str | None) -> str:
    """The rule in words, without the value: it may be a secret that somebody wrote in the wrong place."""
    subject = f"`{param}`" if param else "what is sent"
    match rule:
        case "pattern":
            return f"{subject} does not have the form `{value}`"
        case "enum":
            words = ", ".join(f"`{each}`" for each in _list(value))
            return f"{subject} is none of {words}"
        case "required":
            return f"{subject} lacks one of {', '.join(f'`{each}`' for each in _list(value))}"
        case _:
            return f"{subject} breaks the rule `{rule}: {value}`"


def _list(json: object) -> list[object]:
    return json if isinstance(json, list) else []
