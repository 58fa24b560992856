"""Plans and problems as JUnit XML, which CI systems show as tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from reconciler.reports.actions import LOOKS, by_danger, group_of
from reconciler.reports.annotations import DANGERS, Annotation, Level, danger, of_problems
from reconciler.reports.counts import summary
from reconciler.reports.escape import plain, plural
from reconciler.reports.junit import counted, safe
from reconciler.reports.names import Names
from reconciler.reports.sentences import details_of
from reconciler.reports.shown import Reading, reading_of
from reconciler.values import Action, Change, Plan, Problem, Traits


def plan_junit(plan: Plan, *, traits: Callable[[str], Traits]) -> str:
    """
    A suite for each type of object, a case for each address, and a suite of the plan's problems.

    What takes something away or is refused by the vendor is a failure, a problem that forbids to apply an error;
    everything else passes and says what would be done.
    """
    names = Names.of(plan.changes)
    where = f"{plain(plan.project)}/{plain(plan.environment)}"
    root = Element("testsuites", {"name": safe(f"reconciler plan {where}: {summary(plan)}")})
    totals = _none()
    by_type = sorted(plan.changes, key=lambda each: (each.address.type, by_danger(each)))
    for type, changes in groupby(by_type, key=lambda each: each.address.type):
        suite, counts = SubElement(root, "testsuite", {"name": safe(plain(type))}), _none()
        for change in changes:
            _change(suite, change, reading_of(change.address.type, traits, names))
            counts["tests"] += 1
            counts["failures"] += group_of(change) in DANGERS
        _add(suite, counts, totals)
    if plan.problems:
        _problems(root, "problems", of_problems(plan.problems), totals)
    return _whole(root, totals)


def problems_junit(problems: Iterable[Problem], *, files: int, resources: int) -> str:
    """A case for each problem, in suites by file; without an error a case that says what was looked at."""
    root, totals = Element("testsuites", {"name": "reconciler validate"}), _none()
    found = of_problems(problems)

    def file(each: Annotation) -> str:
        return each.mark.file if each.mark else "project"

    for name, within in groupby(sorted(found, key=file), key=file):
        _problems(root, name, within, totals)
    if not any(each.level is Level.ERROR for each in found):
        looked = f"{plural(resources, 'resource')} in {plural(files, 'file')}"
        suite = SubElement(root, "testsuite", {"name": "manifests"})
        SubElement(suite, "testcase", {"classname": "manifests", "name": looked, "time": "0"})
        _add(suite, {**_none(), "tests": 1}, totals)
    return _whole(root, totals)


def _change(suite: Element, change: Change, reading: Reading) -> None:
    words = {"classname": safe(plain(change.address.type)), "name": safe(plain(change.address.name)), "time": "0"}
    case = SubElement(suite, "testcase", words)
    action = group_of(change)
    if action in DANGERS:
        found = danger(change, reading)
        failure = SubElement(case, "failure", {"type": found.rule, "message": safe(found.title)})
        failure.text = safe("\n".join(found.lines))
        return
    if action is Action.NOOP:
        return
    details = details_of(change, reading)
    lines = [f"{action.value}: {LOOKS[action].meaning}", *(f"{word}: {sentence}" for word, sentence in details)]
    SubElement(case, "system-out").text = safe("\n".join(lines))


def _problems(root: Element, name: str, annotations: Iterable[Annotation], totals: dict[str, int]) -> None:
    suite, counts = SubElement(root, "testsuite", {"name": safe(plain(name))}), _none()
    for each in annotations:
        subject = str(each.address) if each.address is not None else "project"
        place = f" at line {each.mark.line}" if each.mark else ""
        words = {"classname": safe(plain(subject)), "name": safe(f"{each.title}{place}"), "time": "0"}
        case = SubElement(suite, "testcase", words)
        counts["tests"] += 1
        if each.level is Level.ERROR:
            counts["errors"] += 1
            error = SubElement(case, "error", {"type": safe(each.title), "message": safe(each.lines[0])})
            error.text = safe("\n".join(_body(each)))
        else:
            SubElement(case, "system-out").text = safe("\n".join(("warning", *_body(each))))
    _add(suite, counts, totals)


def _body(annotation: Annotation) -> Iterator[str]:
    if annotation.mark is not None:
        yield plain(str(annotation.mark))
    yield from annotation.lines


def _none() -> dict[str, int]:
    return dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)


def _add(suite: Element, counts: dict[str, int], totals: dict[str, int]) -> None:
    counted(suite, counts)
    for name, number in counts.items():
        totals[name] += number


def _whole(root: Element, totals: dict[str, int]) -> str:
    counted(root, totals)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode")
