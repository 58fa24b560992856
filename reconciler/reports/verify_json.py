"""The result of `verify` for programs."""

from __future__ import annotations

from typing import Any

from reconciler.reports.problems import ascii_json, problem_object
from reconciler.reports.verify_words import instant
from reconciler.values import Content, Finding, Lying, Verification


def verification_json(verification: Verification) -> str:
    """One document with every delivery; times are in UTC."""
    return ascii_json(
        {
            "format_version": "1.0",
            "project": verification.project,
            "environment": verification.environment,
            "since": instant(verification.since),
            "now": instant(verification.now),
            "content": verification.content,
            "counts": {each.value: count for each, count in verification.counts.items()},
            "deliveries": [_delivery(each) for each in verification.findings],
            "silent": [str(each) for each in verification.silent],
            "problems": [problem_object(each) for each in verification.problems],
        }
    )


def _delivery(finding: Finding) -> dict[str, Any]:
    expectation, lying = finding.expectation, finding.lying
    told = expectation.told
    return {
        "address": str(expectation.address),
        "name": expectation.name,
        "verdict": finding.verdict.value,
        "remarks": [
            {"verdict": each.verdict.value, "message": each.text, "help": each.help} for each in finding.remarks
        ],
        "not_known": list(finding.unknown),
        "begins": instant(expectation.begins),
        "ends": instant(expectation.ends),
        "due": instant(expectation.due),
        "late": instant(expectation.late),
        "kept_until": instant(expectation.kept_until),
        "place": expectation.place,
        "prefix": expectation.recognition.prefix,
        "run": None
        if told is None
        else {"id": told.run, "status": told.status.value, "reason": told.reason, "ended": instant(told.ended)},
        "found": None if lying is None or lying.trouble is not None else _found(lying),
    }


def _found(lying: Lying) -> dict[str, Any]:
    return {
        "files": len(lying.files),
        "bytes": lying.size,
        "arrived": instant(lying.arrived),
        "completed": instant(lying.completed),
        "exposed": None if lying.exposed is None else bool(lying.exposed),
        "content": None if lying.content is None else _content(lying.content),
    }


def _content(content: Content) -> dict[str, Any]:
    return {
        "contract": content.contract,
        "files": len(content.files),
        "records": content.records,
        "sampled": content.sampled,
        "unread": list(content.unread),
        "cut": list(content.cut),
        "broken": [{"rule": each.rule, "level": each.level, "total": each.total} for each in content.broken],
        "examples": [
            {
                "rule": each.rule,
                "level": each.level,
                "object": each.object,
                "line": each.line,
                "path": each.path,
                "message": each.message,
                "value": each.value,
            }
            for each in content.examples
        ],
    }
