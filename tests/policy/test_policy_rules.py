"""Rules over manifests: found where they are broken, refused where they cannot be judged, set aside with a reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from policy_stage import DAILY, LAKE, Stage, rule

from reconciler.values import Mark, Severity

TEN = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"
SECRETIVE = """\
apiVersion: domo.reconciler/v1
kind: DatasetExport
metadata: {name: orders}
spec:
  dataset: {id: c5a2e9c0-55f3-4c53-8a5d-6d2f0b9e7a10}
  destination: {bucket: example-lake, path: orders, region: eu-west-3}
  credentials:
    static:
      accessKeyId: {env: RECONCILER_SECRET_ID}
      secretAccessKey: {env: RECONCILER_SECRET_KEY}
  query: {columns: all}
"""
COMPOSITE = """\
apiVersion: adobe.reconciler/v1
kind: DatasetExport
metadata: {name: orders}
POLICY
spec:
  destination: amazonS3
  auth: {specName: Access Key, s3AccessKey: EXAMPLEKEY234567ABCD, s3SecretKey: {env: RECONCILER_SECRET_S3}}
  bucketName: example-exports
  path: aep/orders
  datasets: [{id: 64b0c1d2e3f4a5b6c7d8e9f0}]
  datasetFileType: PARQUET
  compression: GZIP
  schedule: {every: 6h, start: 2026-12-01T06:00:00Z, end: 2027-12-01T00:00:00Z}
"""


def setting_aside(*entries: Mapping[str, object]) -> str:
    """The manifest that exports users, with these entries of `policy`."""
    return DAILY.replace("spec:", f"policy: {json.dumps(entries)}\nspec:")


def test_a_project_that_does_not_say_policies_is_not_judged(stage: Stage) -> None:
    stage.project("")
    stage.rules(rule())

    assert stage.found() == ()


def test_a_built_in_rule_is_said_where_the_manifest_stands(stage: Stage) -> None:
    (found,) = stage.found()

    assert (found.code, str(found.address)) == ("policy/unapproved-users", "didomi/ExportConfig/daily")
    assert found.mark == Mark("specs/all.yaml", 6, 1)
    assert found.message == "`daily` exports users, and no label `approval` says who allowed that"


def test_a_rule_of_the_project_judges_every_manifest_it_matches(stage: Stage) -> None:
    stage.rules(rule(match={"kind": "didomi/Destination"}), rule("other", match={"labels": {"team": "data"}}))

    assert stage.codes() == ["policy/own-rule", "policy/unapproved-users"]


def test_a_message_holds_the_values_it_names(stage: Stage) -> None:
    stage.manifests(LAKE)
    stage.rules(rule(message="{resource.name} in {project.name} at {now}, {resource.spec.nothing}: {1 + 1}"))

    assert stage.found()[0].message == "lake in my-exports at 2026-11-01 00:00:00+00:00, (not set): 2"


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"deny": "resource.specs.a == 1"}, "undeclared reference to `resource.specs.a` (column 15)"),
        ({"deny": "resource.name + 1 == 2"}, "found no matching overload for `_+_`"),
        ({"require": "1 +"}, "Syntax error"),
        ({"deny": "resource.spec.a"}, "a rule is true or false"),
        ({"deny": "change.action == 'delete'"}, "undeclared reference to `change.action`"),
        ({"deny": "true", "message": "{resource.nothing}"}, "`{resource.nothing}` in the message"),
        ({"deny": " || ".join(["true"] * 400)}, "longer than 2,000 characters"),
        ({"deny": "false\0 || true"}, "U+0000"),
        ({"deny": "(" * 60 + "true" + ")" * 60}, "recursion limit exceeded"),
    ],
)
def test_an_expression_that_is_none_is_a_problem_in_the_file_with_the_rule(
    stage: Stage, keys: dict[str, str], why: str
) -> None:
    stage.manifests(LAKE)
    stage.rules(rule(**keys))
    (found,) = stage.found()

    assert found.code == "policy-expression"
    assert why in found.message
    assert found.mark is not None
    assert found.mark.file == "policies/own.yaml"
    assert found.severity is Severity.ERROR


@pytest.mark.parametrize(
    ("deny", "why"),
    [
        ("resource.spec.nothing == 1", "there is no `nothing` here"),
        ("resource.spec.config.accountId > 5", "No matching overloads found"),
        ("timestamp(resource.name) < now", "conversion failed"),
        ("resource.name.matches('(')", "invalid regular expression"),
        (f"{TEN}.all(a, {TEN}.all(b, {TEN}.all(c, {TEN}.all(d, a + b + c + d > 0))))", "more than 10,000 steps"),
    ],
)
def test_a_rule_without_an_answer_is_an_error_whatever_its_severity(stage: Stage, deny: str, why: str) -> None:
    stage.manifests(LAKE)
    stage.rules(rule(deny=deny, severity="warning"))
    (found,) = stage.found()

    assert found.code == "policy-failed"
    assert why in found.message
    assert found.severity is Severity.ERROR


def test_a_document_with_a_text_beyond_bounds_is_refused_and_not_judged(stage: Stage) -> None:
    stage.manifests(LAKE.replace("config:", f'description: "{"x" * 10_001}", config:'))
    stage.rules(rule(deny="resource.spec.description == ''"))
    found = [each for each in stage.found() if "own-rule" in each.message]

    assert [each.code for each in found] == ["policy-failed"]
    assert "longer than 10,000 characters" in found[0].message


def test_a_secret_is_its_place_and_no_text_of_a_secret_field_is_seen(stage: Stage) -> None:
    stage.manifests(SECRETIVE)
    stage.rules(rule(message="{resource.spec.credentials.static.secretAccessKey}", severity="warning"))
    found = {each.code: each.message for each in stage.found()}

    assert found["policy/own-rule"] == "{'env': 'RECONCILER_SECRET_KEY'}"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ({"id": "own-rule", "message": "x"}, "missing-key"),
        (rule(serverity="error"), "unknown-key"),
        (rule(id="Own Rule"), "invalid-value"),
        (rule(severity="note"), "invalid-value"),
        (rule(match={"kind": "didomi/Destinatoin"}), "unknown-kind"),
        (rule(match={"kind": "adobe/DatasetExport"}), "unknown-kind"),
        (rule(on="plan", match={"kind": "didomi/Destination"}), "invalid-value"),
        (rule(examples=[{"expect": "deny"}]), "missing-key"),
        (rule("public-place"), "duplicate-rule"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_at_its_place(stage: Stage, text: dict[str, object], code: str) -> None:
    stage.manifests(LAKE)
    stage.rules(text)
    found = [each for each in stage.found() if not each.code.startswith("policy/")]

    assert [each.code for each in found] == [code]
    assert found[0].mark is not None
    assert found[0].mark.file == "policies/own.yaml"


def test_a_file_with_rules_that_is_named_must_be_there(stage: Stage) -> None:
    stage.project("policies: {paths: [rules/]}\n")

    assert "no-policies" in stage.codes()


def test_the_project_sets_another_level_with_a_reason(stage: Stage) -> None:
    stage.project("policies: {levels: {unapproved-users: {level: warning, reason: a trial}}}\n")

    assert [(each.code, each.severity) for each in stage.found()] == [("policy/unapproved-users", Severity.WARNING)]


def test_a_rule_that_is_off_is_not_asked_and_is_listed(stage: Stage) -> None:
    stage.project("policies: {levels: {unapproved-users: {level: off, reason: a trial}}}\n")

    assert stage.found() == ()
    assert [(each.words.id, each.reason) for each in stage.book().listed if each.level == "off"] == [
        ("unapproved-users", "a trial")
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("policies: {levels: {unapproved-users: {level: off}}}\n", "missing-key"),
        ("policies: {levels: {unapproved-user: {level: off, reason: a trial}}}\n", "unknown-rule"),
    ],
)
def test_a_level_needs_a_reason_and_a_rule(stage: Stage, text: str, code: str) -> None:
    stage.project(text)

    assert code in stage.codes()


def test_a_manifest_sets_a_rule_aside_with_a_reason(stage: Stage) -> None:
    stage.manifests(LAKE, setting_aside({"ignore": "unapproved-users", "reason": "test data"}))

    assert stage.found() == ()


def test_what_a_composite_sets_aside_holds_for_its_parts(stage: Stage) -> None:
    stage.manifests(COMPOSITE.replace("POLICY", ""))
    before = stage.codes()
    stage.manifests(COMPOSITE.replace("POLICY", "policy: [{ignore: static-credentials, reason: no role there}]"))

    assert before == ["policy/static-credentials"]
    assert stage.found() == ()


@pytest.mark.parametrize(
    ("moment", "codes"),
    [
        (datetime(2026, 6, 30, 23, 59, tzinfo=UTC), []),
        (datetime(2026, 7, 1, tzinfo=UTC), ["policy/unapproved-users", "expired-exemption"]),
    ],
)
def test_an_exemption_ends_with_its_day(stage: Stage, moment: datetime, codes: list[str]) -> None:
    entry = {"ignore": "unapproved-users", "reason": "test data", "until": "2026-06-30"}
    stage.manifests(LAKE, setting_aside(entry))
    stage.now = moment

    assert sorted(stage.codes()) == sorted(codes)


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"ignore": "unapproved-users"}, "missing-key"),
        ({"reason": "test data"}, "missing-key"),
        ({"ignore": "unapproved-users", "reason": " "}, "wrong-type"),
        ({"ignore": "unapproved-users", "reason": "x", "until": "soon"}, "invalid-value"),
        ({"ignore": "unapproved-users", "reason": "x", "util": "2027-01-01"}, "unknown-key"),
    ],
)
def test_an_exemption_that_is_not_whole_is_a_problem(stage: Stage, entry: dict[str, object], code: str) -> None:
    stage.manifests(LAKE, setting_aside(entry))

    assert stage.codes() == [code]


def test_an_exemption_without_use_is_said_and_one_of_no_rule_is_an_error(stage: Stage) -> None:
    entries = [{"ignore": each, "reason": "test data"} for each in ("unapproved-users", "public-place", "no-rule")]
    stage.manifests(LAKE, setting_aside(*entries))
    found = {each.code: each.severity for each in stage.found()}

    assert found == {"idle-exemption": Severity.WARNING, "unknown-rule": Severity.ERROR}


def test_a_rule_that_is_not_ignorable_cannot_be_set_aside(stage: Stage) -> None:
    stage.rules(rule(match={"kind": "didomi/ExportConfig"}, ignorable=False))
    entries = [{"ignore": each, "reason": "test data"} for each in ("unapproved-users", "own-rule")]
    stage.manifests(LAKE, setting_aside(*entries))

    assert stage.codes() == ["policy/own-rule", "idle-exemption"]


def test_rules_of_the_command_line_count_instead_of_the_project_s(stage: Stage) -> None:
    stage.project("policies: {levels: {unapproved-users: {level: off, reason: a fork says so}}}\n")
    stage.rules(rule("of-the-fork"))
    stage.rules(rule("of-main", match={"kind": "didomi/Destination"}), folder="main")
    stage.policies = stage.folder / "main"

    assert stage.codes() == ["policy/of-main", "policy/unapproved-users"]


def test_rules_outside_the_project_are_named_from_it(stage: Stage) -> None:
    inner = Stage(stage.folder / "fork")
    inner.folder.mkdir()
    inner.project("")
    inner.manifests(LAKE)
    stage.rules(rule(deny="resource.spec.nothing == 1"))
    inner.policies = stage.folder / "policies"
    (found,) = inner.found()

    assert found.mark is not None
    assert found.mark.file == "../policies/own.yaml"
