"""What is told on the lines of files: to GitHub, to code scanning, to systems that show tests."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import (
    CREATE,
    DELETE,
    FULL,
    NOOP,
    REPLACE,
    RUN,
    SECRET,
    SMALL,
    UPDATE,
    address,
    expect,
    plan_of,
    reason,
    resource,
    traits,
)

from reconciler.engine.drift import Cause, Drift, Drifted, FieldDrift
from reconciler.reports.annotations import Annotation, Level, of_drift, of_plan, of_problems, within
from reconciler.reports.counts import summary
from reconciler.reports.drift_markdown import render_drift_markdown
from reconciler.reports.github import MOST, render_github
from reconciler.reports.names import Names
from reconciler.reports.plan_junit import plan_junit, problems_junit
from reconciler.reports.sarif import render_sarif
from reconciler.values import (
    Action,
    Address,
    Change,
    FieldChange,
    Mark,
    Path,
    Plan,
    Problem,
    ReasonCode,
    Severity,
)

ESSENCE = {
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "semanticVersion": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id"],
                                            "additionalProperties": False,
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": {"$ref": "#/$defs/text"},
                                                "defaultConfiguration": {
                                                    "type": "object",
                                                    "properties": {"level": {"$ref": "#/$defs/level"}},
                                                },
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    },
                    "automationDetails": {"type": "object", "properties": {"id": {"type": "string"}}},
                    "originalUriBaseIds": {"type": "object"},
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
                },
            },
        },
    },
    "$defs": {
        "text": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "result": {
            "type": "object",
            "required": ["message"],
            "additionalProperties": False,
            "properties": {
                "ruleId": {"type": "string"},
                "ruleIndex": {"type": "integer", "minimum": 0},
                "level": {"$ref": "#/$defs/level"},
                "message": {"$ref": "#/$defs/text"},
                "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
                "locations": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["physicalLocation"],
                        "properties": {
                            "physicalLocation": {
                                "type": "object",
                                "required": ["artifactLocation", "region"],
                                "properties": {
                                    "artifactLocation": {
                                        "type": "object",
                                        "required": ["uri", "uriBaseId"],
                                        "properties": {
                                            "uri": {"type": "string", "pattern": "^[A-Za-z0-9._~%/-]+$"},
                                        },
                                    },
                                    "region": {
                                        "type": "object",
                                        "properties": {
                                            "startLine": {"type": "integer", "minimum": 1},
                                            "startColumn": {"type": "integer", "minimum": 1},
                                        },
                                    },
                                },
                            },
                            "logicalLocations": {"type": "array"},
                        },
                    },
                },
            },
        },
    },
}
"""What GitHub needs of SARIF 2.1.0 (OASIS, chapter 3), and that files are relative."""
VALIDATOR = jsonschema.Draft202012Validator(ESSENCE)

DRIFTED = Drifted(
    looked_at=9,
    unreadable=2,
    objects=(
        Drift(
            address=address("didomi/Destination/lake"),
            id="7h2k",
            fields=(
                FieldDrift(
                    path=("config", "region"),
                    cause=Cause.VENDOR,
                    applied="eu-west-1",
                    observed="us-east-1",
                    wanted="eu-west-1",
                ),
            ),
        ),
        Drift(address=address("didomi/ExportConfig/gone"), id="x9", gone=True, managed=False),
    ),
)


def places(found: Address, path: Path) -> Mark | None:
    """A manifest in which every field of the source of orders has its line."""
    if found != REPLACE.address:
        return None
    return Mark("specs/orders.yaml", 7 if path == ("datasets",) else 1, 3)


def github(plan: Plan) -> str:
    return render_github(of_plan(plan, traits=traits, locate=places), title="Plan", summary=summary(plan).line)


def deletions(number: int) -> Plan:
    return plan_of(
        *(replace(DELETE, address=Address("didomi", "Destination", f"n{each:05}")) for each in range(number))
    )


def unescaped(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command as GitHub's runner reads it."""
    found = re.fullmatch(r"::(\w+) (.*?)::(.*)", line)
    assert found is not None, line
    properties = {}
    for each in found[2].split(","):
        key, _, value = each.partition("=")
        for code, sign in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
            value = value.replace(code, sign)
        properties[key] = value
    text = found[3]
    for code, sign in (("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(code, sign)
    return found[1], properties, text


# --- GitHub ---


def test_the_commands_for_a_whole_plan_are_as_expected() -> None:
    expect("plan-github.txt", github(FULL))


def test_a_replacement_stands_on_the_line_that_forces_it() -> None:
    line = next(each for each in github(SMALL).splitlines() if "Replace" in each)
    name, properties, text = unescaped(line)

    assert name == "warning"
    assert properties == {
        "file": "specs/orders.yaml",
        "line": "7",
        "col": "3",
        "title": "Replace adobe/SourceConnection/orders",
    }
    assert '"64f1-returns"' in text


def test_a_deletion_whose_manifest_is_gone_has_no_line() -> None:
    line = next(each for each in github(plan_of(DELETE)).splitlines() if "Delete" in each)

    assert unescaped(line)[1] == {"title": "Delete didomi/Destination/old-lake"}


def test_a_plan_without_danger_is_one_notice() -> None:
    assert github(plan_of(CREATE, UPDATE, RUN, NOOP)) == (
        "::notice title=Plan::Plan: 1 to add, 1 to change, 0 to replace, 0 to destroy, 1 to run."
    )


@pytest.mark.parametrize("number", [MOST, MOST + 1, 10_000])
def test_github_is_given_no_more_than_it_shows_and_told_of_the_rest(number: int) -> None:
    lines = github(deletions(number)).splitlines()
    warnings = [unescaped(each) for each in lines if each.startswith("::warning")]

    assert len(warnings) == MOST
    assert (warnings[-1][1]["title"] == f"{number - MOST + 1} warnings more") == (number > MOST)
    assert max(len(text) for _, _, text in warnings) <= 4_000


def test_the_dangers_come_before_the_warnings_that_could_crowd_them_out() -> None:
    warnings = tuple(Problem(code="w", message=str(each), severity=Severity.WARNING) for each in range(50))
    first = github(replace(plan_of(DELETE), problems=warnings)).splitlines()[0]

    assert "Delete didomi/Destination/old-lake" in first


@given(file=st.text(min_size=1), message=st.text(), code=st.text())
def test_nothing_foreign_begins_a_command_of_its_own(file: str, message: str, code: str) -> None:
    problem = Problem(code=code, message=f"{message}\n::stop-commands::x\r%0A", mark=Mark(file, 1, 1))
    lines = render_github(of_problems([problem]), title="t", summary="s").split("\n")

    assert [each.partition(" ")[0] for each in lines] == ["::error", "::notice"]
    assert list(unescaped(lines[0])[1]) == ["file", "line", "col", "title"]


# --- SARIF ---


@pytest.mark.parametrize("plan", [FULL, SMALL, plan_of()], ids=["full", "small", "empty"])
def test_every_plan_is_sarif_that_code_scanning_takes(plan: Plan) -> None:
    written = json.loads(render_sarif(of_plan(plan, traits=traits), category="example/prod"))

    assert [each.message for each in VALIDATOR.iter_errors(written)] == []
    rules = [each["id"] for each in written["runs"][0]["tool"]["driver"]["rules"]]
    assert all(rules[each["ruleIndex"]] == each["ruleId"] for each in written["runs"][0]["results"])


@pytest.mark.slow
def test_every_deletion_of_a_huge_plan_is_in_the_sarif_once() -> None:
    written = json.loads(render_sarif(of_plan(deletions(10_000), traits=traits), category="example/prod"))
    results = written["runs"][0]["results"]

    assert len(results) == 10_000
    assert len({each["partialFingerprints"]["reconciler/v1"] for each in results}) == 10_000


def test_a_result_keeps_its_fingerprint_when_its_line_moves() -> None:
    def fingerprints(line: int) -> list[str]:
        found = of_plan(SMALL, traits=traits, locate=lambda _address, _path: Mark("a.yaml", line, 1))
        results = json.loads(render_sarif(found, category="c"))["runs"][0]["results"]
        return [each["partialFingerprints"]["reconciler/v1"] for each in results]

    assert fingerprints(3) == fingerprints(4)


@given(file=st.text(min_size=1))
def test_any_file_name_is_a_relative_uri(file: str) -> None:
    annotations = within(of_problems([Problem(code="c", message="m", mark=Mark(file, 1, 1))]), "exports")
    written = json.loads(render_sarif(annotations, category="c", project_file="exports/reconciler.yaml"))
    uri = written["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]

    assert [each.message for each in VALIDATOR.iter_errors(written)] == []
    assert not uri.startswith(("/", ".."))


# --- places ---


def test_a_file_is_named_from_the_top_of_the_repository() -> None:
    (found,) = within(of_problems([Problem(code="c", message="m", mark=Mark("specs/a.yaml", 2, 1))]), "teams/crm")

    assert found.mark == Mark("teams/crm/specs/a.yaml", 2, 1)


@pytest.mark.parametrize("file", ["../../elsewhere.yaml", "/etc/elsewhere.yaml"])
def test_a_file_outside_of_the_repository_is_only_named(file: str) -> None:
    (found,) = within(of_problems([Problem(code="c", message="m", mark=Mark(file, 2, 1))]), "crm")

    assert found == Annotation(
        level=Level.ERROR, rule="c", title="c", lines=("m", f"at {file}:2:1"), mark=None, address=None
    )


def test_a_replacement_forced_by_a_secret_field_does_not_show_it() -> None:
    field = FieldChange(path=("config", "secretAccessKey"), before="canary", after=SECRET, forces_replacement=True)
    change = Change(
        address=address("didomi/Destination/lake"),
        action=Action.REPLACE,
        fields=(field,),
        reasons=(reason(ReasonCode.IMMUTABLE, "x"),),
        resource=resource("didomi/Destination/lake", {}),
    )

    assert "canary" not in github(plan_of(change))
    assert "RECONCILER_SECRET_LAKE" in github(plan_of(change))


# --- JUnit ---


def test_what_takes_something_away_is_a_failed_test() -> None:
    root = ET.fromstring(plan_junit(FULL, traits=traits))  # noqa: S314 - our own
    failed = [each.get("name") for each in root.iter("testcase") if each.find("failure") is not None]

    assert sorted(map(str, failed)) == ["clicks", "events", "lake", "old-lake", "orders", "returns", "returns"]
    assert root.get("tests") == str(len(list(root.iter("testcase"))))
    assert root.get("failures") == "7"
    assert root.get("errors") == "1"


def test_problems_of_manifests_are_tests_that_could_not_be_made() -> None:
    problems = (
        Problem(code="unknown-key", message="there is no `x\x00`", mark=Mark("specs/a.yaml", 3, 1), help="drop it"),
        Problem(code="late", message="it ends soon", severity=Severity.WARNING),
    )
    root = ET.fromstring(problems_junit(problems, files=1, resources=2))  # noqa: S314 - our own

    assert [each.get("name") for each in root.iter("testsuite")] == ["project", "specs/a.yaml"]
    assert (root.get("tests"), root.get("errors"), root.get("failures")) == ("2", "1", "0")
    assert "help: drop it" in "".join(root.itertext())


def test_manifests_without_a_problem_are_one_test_that_passes() -> None:
    root = ET.fromstring(problems_junit((), files=3, resources=20))  # noqa: S314 - our own

    assert [each.get("name") for each in root.iter("testcase")] == ["20 resources in 3 files"]
    assert (root.get("tests"), root.get("errors")) == ("1", "0")


# --- drift ---


def test_what_moved_is_told_on_its_field_and_what_is_gone_first() -> None:
    found = of_drift(
        DRIFTED,
        traits=traits,
        names=Names(),
        locate=lambda address, path: Mark("s.yaml", 5, 1) if path == ("config", "region") else None,
    )

    assert [(each.title, each.mark) for each in found] == [
        ("Gone at the vendor: didomi/ExportConfig/gone", None),
        ("Moved at the vendor: didomi/Destination/lake", Mark("s.yaml", 5, 1)),
    ]
    assert found[1].lines == ('config.region: "eu-west-1" → "us-east-1"',)


def test_drift_in_markdown_is_as_expected() -> None:
    expect("drift.md", render_drift_markdown(DRIFTED, traits=traits, names=Names()))


def test_drift_of_everything_fits_into_a_comment() -> None:
    moved = DRIFTED.objects[0]
    many = tuple(replace(moved, address=replace(moved.address, name=f"n{each:05}")) for each in range(3000))
    text = render_drift_markdown(replace(DRIFTED, objects=many), traits=traits, names=Names())

    assert len(text) <= 65_536
    assert "**Not shown here for want of room:**" in text
    assert text.startswith("### Drift: 3000 of 9 objects moved, 3000 fields, 0 gone.")
