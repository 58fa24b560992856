"""
What Adobe's published OpenAPI files say about a request or an answer.

The files lie unchanged in `tests/facts/adobe/openapi`. Where they are wrong, `openapi_defects.yaml` beside them says
where, why and how they are corrected before they are used; a defect that nobody meets any more fails a test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from referencing import Registry
from referencing.jsonschema import DRAFT7

FOLDER = Path(__file__).parent / "facts/adobe"
FLOW_SERVICE = "/data/foundation/flowservice"
# Where the paths of each file begin.
BASES = {
    "adobe-flow-service-destinations.yaml": FLOW_SERVICE,
    "adobe-flow-service.yaml": FLOW_SERVICE,
    "adobe-catalog.yaml": "/data/foundation/catalog",
}
_METHODS = ("get", "post", "put", "patch", "delete")
_JSON = "application/json"


@dataclass(frozen=True, kw_only=True)
class Defect:
    """
    Something wrong in a file: `place` is a JSON pointer, `reason` says why it is wrong.

    `correction` is `replace`, `add` or `remove`, with `value` for the first two.
    """

    file: str
    place: str
    reason: str
    correction: str
    value: Any = None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path, as one file describes it."""

    file: str
    described: Mapping[str, Any]


class Documents:
    """The files, with these defects corrected."""

    def __init__(self, defects: Sequence[Defect]) -> None:
        self._documents = {file: deepcopy(document(file)) for file in BASES}
        for defect in defects:
            _correct(self._documents[defect.file], defect)

    def operations(self, method: str, path: str) -> Iterator[Operation]:
        """What each file says about a method and a path; `path` is whole, without a query."""
        for file, base in BASES.items():
            if not path.startswith(base + "/"):
                continue
            segments = [one for one in path.removeprefix(base).split("/") if one]
            for template, item in self._documents[file]["paths"].items():
                if _fits([one for one in template.split("/") if one], segments) and method.lower() in item:
                    yield Operation(file=file, described=item[method.lower()])
                    break

    def request(
        self, method: str, path: str, headers: Mapping[str, str], query: Sequence[tuple[str, str]], body: object
    ) -> list[str]:
        """What is wrong with a request, by every file that describes it; None as a body means that there is none."""
        complaints: list[str] = []
        for operation in self.operations(method, path):
            complaints += self._parameters(operation, headers, query)
            described = operation.described.get("requestBody")
            if described is None:
                complaints += [f"{operation.file}: there is a body"] if body is not None else []
            elif body is None:
                complaints += [f"{operation.file}: there is no body"] if described.get("required") else []
            else:
                complaints += self._against(operation.file, described["content"][_JSON].get("schema"), body, "body")
        return complaints

    def answer(self, method: str, path: str, status: int, body: object) -> list[str]:
        """
        What is wrong with an answer, by every file that describes it.

        A success must be described by one of them; errors are described by examples only, so that one of another
        status is no complaint.
        """
        operations = list(self.operations(method, path))
        responses = [(one.file, one.described["responses"].get(str(status))) for one in operations]
        known = [(file, response) for file, response in responses if response is not None]
        if operations and not known and status < 400:
            return [f"{status} is not described"]
        complaints = []
        for file, response in known:
            schema = response.get("content", {}).get(_JSON, {}).get("schema")
            complaints += self._against(file, schema, body, "answer")
        return complaints

    def _parameters(
        self, operation: Operation, headers: Mapping[str, str], query: Sequence[tuple[str, str]]
    ) -> Iterator[str]:
        sent = {name.lower(): value for name, value in headers.items()}
        asked: dict[str, list[str]] = {}
        for name, value in query:
            asked.setdefault(name, []).append(value)
        known = set()
        for one in operation.described.get("parameters", ()):
            parameter = self._resolved(operation.file, one)
            name, place = parameter["name"], parameter["in"]
            known.add((place, name))
            values = asked.get(name, []) if place == "query" else [sent[name.lower()]] if name.lower() in sent else []
            if place == "path":
                continue
            if not values and parameter.get("required"):
                yield f"{operation.file}: the {place} parameter {name} is missing"
            for value in values:
                yield from self._against(
                    operation.file, parameter.get("schema"), _typed(value, parameter.get("schema", {})), name
                )
        for name in asked:
            if ("query", name) not in known:
                yield f"{operation.file}: the query parameter {name} is not described"

    def _resolved(self, file: str, node: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in node:
            return node
        found = self._documents[file]
        for step in str(node["$ref"]).removeprefix("#/").split("/"):
            found = found[step]
        return found

    def _against(self, file: str, schema: Mapping[str, Any] | None, value: object, place: str) -> list[str]:
        if schema is None:
            return []
        return [
            f"{file}: {place}{''.join(f'/{step}' for step in error.path)}: {_said(error)}"
            for error in jsonschema.Draft7Validator(_based(schema, file), registry=self._registry).iter_errors(value)
        ]

    @cached_property
    def _registry(self) -> Registry[Any]:
        pairs = [(f"urn:{file}", DRAFT7.create_resource(document)) for file, document in self._documents.items()]
        return Registry().with_resources(pairs)


def check_request(
    method: str, path: str, headers: Mapping[str, str], query: Sequence[tuple[str, str]], body: object
) -> list[str]:
    """What Adobe's files, corrected, complain about in a request; nothing when they do not describe it."""
    return corrected().request(method, path, headers, query, body)


def check_answer(method: str, path: str, status: int, body: object) -> list[str]:
    """What Adobe's files, corrected, complain about in an answer; nothing when they do not describe it."""
    return corrected().answer(method, path, status, body)


@cache
def corrected() -> Documents:
    """The files with every known defect corrected."""
    return Documents(defects())


@cache
def defects() -> tuple[Defect, ...]:
    """The known defects."""
    path = FOLDER / "openapi_defects.yaml"
    return tuple(Defect(**one) for one in yaml.safe_load(path.read_text(encoding="utf-8")))


@cache
def document(file: str) -> dict[str, Any]:
    """A file as it was published."""
    text = (FOLDER / "openapi" / file).read_text(encoding="utf-8")
    # Through JSON, so that dates become text and number keys become text, as they are in JSON.
    plain: dict[str, Any] = json.loads(json.dumps(yaml.load(text, _Loader), default=str))  # noqa: S506 - a safe loader
    return plain


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader, the fast one where there is one."""


def _correct(document: dict[str, Any], defect: Defect) -> None:
    *steps, last = [step.replace("~1", "/").replace("~0", "~") for step in defect.place.split("/")[1:]]
    holder: Any = document
    for step in steps:
        holder = holder[int(step) if isinstance(holder, list) else step]
    key: Any = int(last) if isinstance(holder, list) and last != "-" else last
    match defect.correction:
        case "remove":
            del holder[key]
        case "add" if isinstance(holder, list):
            holder.append(defect.value)
        case "add":
            if key in holder:
                raise KeyError(f"{defect.place} is there already")
            holder[key] = defect.value
        case "replace":
            holder[key]  # must be there
            holder[key] = defect.value
        case _:
            raise ValueError(f"{defect.correction} is no correction")


def _fits(template: Sequence[str], segments: Sequence[str]) -> bool:
    return len(template) == len(segments) and all(
        known.startswith("{") or known == found for known, found in zip(template, segments, strict=True)
    )


def _typed(text: str, schema: Mapping[str, Any]) -> object:
    """A parameter as its schema would have it."""
    match schema.get("type"):
        case "integer" if text.lstrip("-").isdigit():
            return int(text)
        case "boolean" if text in ("true", "false"):
            return text == "true"
        case "array":
            return [_typed(one, schema.get("items", {})) for one in text.split(",")]
        case _:
            return text


def _based(schema: Any, file: str) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """A schema whose references lead into a file."""
    if isinstance(schema, dict):
        return {
            name: f"urn:{file}{inner}" if name == "$ref" and str(inner).startswith("#") else _based(inner, file)
            for name, inner in schema.items()
        }
    return [_based(inner, file) for inner in schema] if isinstance(schema, list) else schema


def _said(error: jsonschema.ValidationError) -> str:
    """The complaint, with those of the alternatives, but never the value as a whole."""
    if not error.context:
        return error.message[:300]
    inner = "; ".join(f"{'/'.join(map(str, one.path))} {one.message[:120]}" for one in error.context[:6])
    return f"fits {error.validator} of none or of several: {inner}"
