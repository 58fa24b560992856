"""Annotations as SARIF 2.1.0, which code scanning and editors read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from reconciler import __version__
from reconciler.reports.annotations import Annotation
from reconciler.reports.escape import plain
from reconciler.reports.problems import ascii_json

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "%SRCROOT%"
_MEANINGS = {
    "plan-delete": "An object is deleted at the vendor",
    "plan-replace": "An object is made anew, because editing in place is not possible",
    "plan-disable": "Exports stop",
    "plan-blocked": "The vendor refuses until something outside changes",
    "drift-gone": "An object is gone at the vendor",
    "drift-moved": "An object was changed at the vendor",
}


def render_sarif(annotations: Iterable[Annotation], *, category: str, project_file: str = "reconciler.yaml") -> str:
    """
    The annotations as one run of SARIF; the same annotations give the same bytes.

    `category` tells apart runs that do not replace each other, such as those of two environments. Files are relative
    to the repository's root. GitHub shows no result without a file, so what has no line is put on the project file.
    """
    found = list(annotations)
    rules = sorted({each.rule for each in found})
    position = {rule: number for number, rule in enumerate(rules)}
    seen: Counter[str] = Counter()
    return ascii_json(
        {
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {
                        "driver": {
                            "name": "reconciler",
                            "semanticVersion": __version__,
                            "rules": [_rule(each, found) for each in rules],
                        }
                    },
                    "automationDetails": {"id": f"reconciler/{plain(category)}/"},
                    "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
                    "columnKind": "unicodeCodePoints",
                    "results": [_result(each, position[each.rule], project_file, seen) for each in found],
                }
            ],
        }
    )


def _rule(rule: str, annotations: Sequence[Annotation]) -> dict[str, Any]:
    level = min((each.level for each in annotations if each.rule == rule), key=lambda each: each.value)
    words = plain(rule).replace("-", " ")
    return {
        "id": plain(rule),
        "shortDescription": {"text": _MEANINGS.get(rule, words[:1].upper() + words[1:])},
        "defaultConfiguration": {"level": level.value},
    }


def _result(annotation: Annotation, position: int, project_file: str, seen: Counter[str]) -> dict[str, Any]:
    subject = plain(str(annotation.address)) if annotation.address is not None else annotation.title
    # Not the line: a result stays the same one when something above it is written or taken away.
    key = "\n".join((annotation.rule, subject, "" if annotation.address is not None else annotation.lines[0]))
    seen[key] += 1
    return {
        "ruleId": plain(annotation.rule),
        "ruleIndex": position,
        "level": annotation.level.value,
        "message": {"text": "\n".join((annotation.title, *annotation.lines))},
        "locations": [_location(annotation, project_file)],
        "partialFingerprints": {
            "reconciler/v1": hashlib.sha256(f"{key}\n{seen[key]}".encode("utf-8", "backslashreplace")).hexdigest()
        },
    }


def _location(annotation: Annotation, project_file: str) -> dict[str, Any]:
    mark = annotation.mark
    physical: dict[str, Any] = {
        "artifactLocation": {"uri": _uri(mark.file if mark else project_file), "uriBaseId": _ROOT}
    }
    physical["region"] = {"startLine": mark.line, "startColumn": mark.column} if mark else {"startLine": 1}
    location: dict[str, Any] = {"physicalLocation": physical}
    if annotation.address is not None:
        name = plain(str(annotation.address))
        location["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "resource"}]
    return location


def _uri(file: str) -> str:
    return quote(file, safe="/", errors="backslashreplace")
