"""The result of `verify` as JUnit XML, which CI systems show as tests: one case for each delivery."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from reconciler.reports.verify_words import MEANINGS, by_address, checked, instant, texts
from reconciler.values import Content, Finding, Verdict, Verification

# What XML 1.0 cannot hold in any spelling (section 2.2).
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SKIPPED = frozenset({Verdict.UNKNOWN, Verdict.AWAITED, Verdict.IN_PROGRESS, Verdict.EXPIRED})


def verification_junit(verification: Verification) -> str:
    """
    A suite for each object, a case for each delivery.

    A delivery that needs somebody is a failure, one that could not be read is an error; what nobody can say yet, or any
    more, is skipped with the reason.
    """
    root = Element("testsuites", {"name": f"reconciler verify {safe(verification.project)}"})
    totals = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for address, findings in by_address(verification.findings):
        suite = SubElement(root, "testsuite", {"name": str(address), "timestamp": str(instant(verification.now))[:-1]})
        counts = dict.fromkeys(totals, 0)
        for finding in findings:
            counts["tests"] += 1
            kind = _case(suite, finding)
            if kind is not None:
                counts[kind] += 1
        counted(suite, counts)
        totals = {name: totals[name] + counts[name] for name in totals}
    if verification.problems:
        suite = SubElement(
            root, "testsuite", {"name": "not looked at", "timestamp": str(instant(verification.now))[:-1]}
        )
        for problem in verification.problems:
            case = SubElement(
                suite, "testcase", {"classname": str(problem.address or "project"), "name": "deliveries", "time": "0"}
            )
            SubElement(case, "error", {"type": problem.code, "message": safe(problem.message)})
        counts = {**dict.fromkeys(totals, 0), "tests": len(verification.problems), "errors": len(verification.problems)}
        counted(suite, counts)
        totals = {name: totals[name] + counts[name] for name in totals}
    counted(root, totals)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode")


def counted(element: Element, counts: dict[str, int]) -> None:
    """Write the numbers that CI systems show beside a suite."""
    for name, number in counts.items():
        element.set(name, str(number))
    element.set("time", "0")


def _case(suite: Element, finding: Finding) -> str | None:
    expectation = finding.expectation
    place = f" at {expectation.place}" if expectation.place is not None else ""
    case = SubElement(
        suite,
        "testcase",
        {"classname": str(expectation.address), "name": safe(f"{expectation.name}{place}"), "time": "0"},
    )
    sentences = list(texts(finding))
    first = sentences[0][0]
    kind: str | None = None
    if finding.verdict in _SKIPPED:
        SubElement(case, "skipped", {"message": safe(f"{finding.verdict.value}: {first}")})
        kind = "skipped"
    elif finding.verdict.is_trouble:
        error = finding.verdict is Verdict.UNREADABLE
        words = {"type": finding.verdict.value, "message": safe(first)}
        body = SubElement(case, "error" if error else "failure", words)
        body.text = safe("\n".join(_details(finding, sentences)))
        kind = "errors" if error else "failures"
    known = [f"{finding.verdict.value}: {first}", *(f"not known: {each}" for each in finding.unknown)]
    SubElement(case, "system-out").text = safe("\n".join(known))
    return kind


def _details(finding: Finding, sentences: list[tuple[str, str | None]]) -> list[str]:
    lines = [f"{finding.verdict.value}: {MEANINGS[finding.verdict]}"]
    for text, help in sentences:
        lines.append(text)
        if help is not None:
            lines.append(f"help: {help}")
    content = finding.lying.content if finding.lying is not None else None
    return lines if content is None else [*lines, *_content(content)]


def _content(content: Content) -> list[str]:
    lines = [checked(content)]
    for each in content.broken:
        lines.append(f"{each.rule}: {each.total} ({each.level})")
        for example in content.examples:
            if example.rule == each.rule:
                place = f"{example.object}:{example.line}" if example.line is not None else example.object
                lines.append(f"  {place} {example.path} {example.message} {example.value}".rstrip())
    return lines


def safe(text: str) -> str:
    """The text without what XML cannot hold."""
    return _FORBIDDEN.sub("�", text)
