"""Exceptions with an end, and manifests with a new name, as they are written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from example_vendor import catalog
from jsonschema import Draft202012Validator
from specs_stage import LAKE, Stage, manifest, said

from reconciler.specs import load
from reconciler.specs.exceptions import steps_of
from reconciler.specs.reader import read
from reconciler.specs.schema import json_schema
from reconciler.values import Address, Ignored, Path, Severity

EXPORT = "example/Export/orders"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def export(entries: str, name: str = "orders") -> str:
    return manifest("Export", name, "target: lake\ndatasets: [a]", f"lifecycle:\n  ignoreChanges: {entries}\n")


def exceptions(stage: Stage, entries: str) -> tuple[Ignored, ...]:
    return stage.resource(EXPORT, LAKE, export(entries)).lifecycle.exceptions


@pytest.mark.parametrize(
    ("written", "ends"),
    [
        ("2027-01-31", datetime(2027, 2, 1, tzinfo=UTC)),
        ("2027-01-31T18:00:00Z", datetime(2027, 1, 31, 18, tzinfo=UTC)),
        ("2027-01-31 18:00+02:00", datetime(2027, 1, 31, 16, tzinfo=UTC)),
    ],
)
def test_an_exception_ends_with_a_day_in_utc_or_at_a_time(stage: Stage, written: str, ends: datetime) -> None:
    found = exceptions(stage, f"[spec.name, {{path: spec.description, until: {written}, reason: tried}}]")

    assert found == (Ignored(path="spec.description", ends=ends, reason="tried"),)


def test_an_exception_may_have_a_reason_alone(stage: Stage) -> None:
    assert exceptions(stage, "[{path: spec.name, reason: theirs}]") == (Ignored(path="spec.name", reason="theirs"),)


def test_the_words_without_an_end_stay_where_they_were(stage: Stage) -> None:
    resource = stage.resource(EXPORT, LAKE, export("[{path: spec.name, until: 2099-01-31}, spec.retries]"))

    assert resource.lifecycle.ignore_changes == ("spec.retries",)


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("{until: 2027-01-31}", "missing-key an entry of `ignoreChanges` lacks the key `path`"),
        ("{path: name}", "invalid-value `ignoreChanges` lists fields that begin with `spec.`"),
        ("{path: 7}", "invalid-value `ignoreChanges` lists fields that begin with `spec.`"),
        ("{path: spec.name, until: tomorrow}", "invalid-value `until` must be a day, or a time with its zone"),
        ("{path: spec.name, until: 2027-02-30}", "invalid-value `until` must be a day, or a time with its zone"),
        ("{path: spec.name, until: 2027-01-31T10:00}", "invalid-value `until` must be a day, or a time with its zone"),
        ("{path: spec.name, until: 20270131}", "invalid-value `until` must be a day, or a time with its zone"),
        ("{path: spec.name, until: 9999-12-31}", "invalid-value `until` must be a day, or a time with its zone"),
        ("{path: spec.name, reason: 7}", "wrong-type `reason` must be text"),
        ("{path: spec.name, til: 2027-01-31}", "unknown-key `ignoreChanges` has no key `til`"),
        ("[spec.name]", "invalid-value `ignoreChanges` lists fields that begin with `spec.`"),
        ("{path: spec.nme, until: 2099-01-31}", "unknown-key `ignoreChanges` names `spec.nme`"),
    ],
)
def test_what_is_wrong_with_an_entry_is_said(stage: Stage, entry: str, complaint: str) -> None:
    (problem,) = stage.problems(LAKE, export(f"[{entry}]"))

    assert complaint in problem


def remarks(stage: Stage, entries: str, now: datetime | None = NOW) -> list[str]:
    stage.write("specs/a.yaml", f"{LAKE}---\n{export(entries)}")
    loaded = load(stage.project(), catalog(), now=now)
    assert {each.severity for each in loaded.problems} <= {Severity.WARNING}
    assert Address.parse(EXPORT) in loaded.desired.resources
    return said(loaded.problems)


def test_what_has_ended_is_warned_of_with_its_place(stage: Stage) -> None:
    assert remarks(stage, "[spec.name, {path: spec.retries, until: 2026-11-21}]") == [
        (
            "specs/a.yaml:11:58 expired-exception the exception for `spec.retries` ended on 2026-11-21: it is compared "
            "again | remove the entry, or give it a later `until`"
        )
    ]


def test_the_last_day_still_counts_and_nothing_is_said_without_a_clock(stage: Stage) -> None:
    assert remarks(stage, "[{path: spec.retries, until: 2026-11-22}]") == []
    assert remarks(stage, "[{path: spec.retries, until: 2026-11-21}]", now=None) == []


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("spec.schedule.evry", "`Export` has no such field"),
        ("spec.retries.more", "`Export` has no such field"),
        ("spec.columns[0]", "`Export` has no such field"),
        ("spec.schedule..every", "this is no path"),
        ("spec.datasets[x]", "this is no path"),
    ],
)
def test_what_names_no_field_is_warned_of(stage: Stage, path: str, why: str) -> None:
    (remark,) = remarks(stage, f"[{{path: '{path}', reason: r}}]")

    assert f"idle-exception the exception for `{path}` has no effect: {why}" in remark


@pytest.mark.parametrize(
    "path", ["spec.schedule.every", "spec.datasets[0]", "spec.columns.a", "spec.target", 'spec.columns["a.b"]']
)
def test_what_names_a_field_is_not(stage: Stage, path: str) -> None:
    assert remarks(stage, f"['{path}']") == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a", ("a",)),
        ("a.b[2].c", ("a", "b", 2, "c")),
        ('a["x.\\"y"]', ("a", 'x."y')),
        ('["x.y"].b', ("x.y", "b")),
        ("", None),
        (".a", None),
        ("a.", None),
        ("a[", None),
        ("a b[1]c", None),
    ],
)
def test_paths_are_read_as_they_are_printed(text: str, path: Path | None) -> None:
    assert steps_of(text) == path


# --- a new name ---


def renamed(name: str, old: str, kind: str = "Export", spec: str = "target: lake\ndatasets: [a]") -> str:
    return manifest(kind, name, spec).replace(f"{{name: {name}}}", f"{{name: {name}, renamedFrom: {old}}}")


def test_a_former_name_is_an_address_of_the_same_kind(stage: Stage) -> None:
    assert stage.resource("example/Export/new", LAKE, renamed("new", "old")).renamed_from == Address.parse(
        "example/Export/old"
    )


def test_the_parts_of_a_composite_go_along(stage: Stage) -> None:
    pipeline = renamed("new", "old", "Pipeline", "bucket: b\nsecretKey: {file: /run/secrets/x}\ndatasets: [a]")
    resources = stage.load(pipeline).desired.resources

    assert {str(each.address): str(each.renamed_from) for each in resources.values()} == {
        "example/Export/new": "example/Export/old",
        "example/Lake/new": "example/Lake/old",
    }


@pytest.mark.parametrize(
    ("old", "complaint"),
    [
        ("Old_1", "invalid-name `Old_1` is no name: lower-case letters, digits and inner hyphens, at most 63"),
        ("7", "wrong-type `metadata.renamedFrom` must be text"),
        ("new", "invalid-value `renamedFrom` names `new`, which is the manifest's own name"),
    ],
)
def test_what_is_no_former_name_is_said(stage: Stage, old: str, complaint: str) -> None:
    (problem,) = stage.problems(LAKE, renamed("new", old))

    assert complaint in problem


def test_a_name_that_is_still_used_cannot_be_claimed(stage: Stage) -> None:
    old = manifest("Export", "old", "target: lake\ndatasets: [b]")

    assert stage.problems(LAKE, old, renamed("new", "old")) == [
        (
            "specs/a.yaml:16:36 rename-clash `renamedFrom` claims the object of `example/Export/old`, which is still "
            "described at specs/a.yaml:9:18 | an object has one manifest; remove one of the two, or this `renamedFrom`"
        )
    ]


def test_two_cannot_claim_one_name(stage: Stage) -> None:
    assert stage.problems(LAKE, renamed("new", "old"), renamed("newer", "old")) == [
        (
            "specs/a.yaml:16:38 rename-clash `renamedFrom` claims the object of `example/Export/old`, and so does "
            "`example/Export/new` at specs/a.yaml:9:36 | an object has one manifest; remove one of the two, or this "
            "`renamedFrom`"
        )
    ]


def test_a_part_that_has_a_manifest_of_its_own_cannot_be_claimed(stage: Stage) -> None:
    pipeline = renamed("new", "lake", "Pipeline", "bucket: b\nsecretKey: {file: /run/secrets/x}\ndatasets: [a]")
    (problem,) = stage.problems(LAKE, pipeline)

    assert "rename-clash `renamedFrom` claims the object of `example/Lake/lake`, which is still described" in problem


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (export("[spec.name, {path: spec.retries, until: 2027-01-31, reason: r}, {var: x}]"), True),
        (export("[{path: {var: p}, until: {var: x}}]"), True),
        (renamed("new", "old"), True),
        (export("[{until: 2027-01-31}]"), False),
        (export("[{path: spec.name, until: soon}]"), False),
        (export("[{path: name}]"), False),
        (renamed("new", "Old"), False),
    ],
)
def test_editors_know_all_of_it(text: str, *, good: bool) -> None:
    (tree,) = read(text.encode(), "a.yaml").trees

    assert Draft202012Validator(json_schema(catalog())).is_valid(tree.data) is good
