"""The block `delivery` of manifests and the section `deliveries` of the project file."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.operations.failures import Invalid
from reconciler.operations.validate import validate
from reconciler.operations.workspace import open_workspace
from reconciler.specs import DeliveryPlaceFile, duration
from reconciler.values import Address, DeliveryRules

EXPORT = Address("didomi", "ExportConfig", "daily")
VENDORS = {
    "didomi": {
        "organizationId": "example-org",
        "credentials": {"key": {"env": "KEY"}, "secret": {"env": "SECRET"}},
    }
}


def project(folder: Path, delivery: Any, **more: Any) -> Path:  # noqa: ANN401 - what a file may hold
    specs = folder / "specs"
    specs.mkdir(exist_ok=True)
    lake = {
        "apiVersion": "didomi.reconciler/v1",
        "kind": "Destination",
        "metadata": {"name": "lake"},
        "spec": {"typeId": "aws-s3-didomi", "config": {"accountId": "210987654321"}},
    }
    export = {
        "apiVersion": "didomi.reconciler/v1",
        "kind": "ExportConfig",
        "metadata": {"name": "daily"},
        "delivery": delivery,
        "spec": {"data": {"users": {"enabled": True}, "proofs": {"enabled": False}}, "destinations": ["lake"]},
    }
    (specs / "all.yaml").write_text("\n---\n".join(map(json.dumps, [lake, export])), encoding="utf-8")
    file = {"project": "shop", "vendors": VENDORS, **more}
    (folder / "reconciler.yaml").write_text(json.dumps(file), encoding="utf-8")
    return folder


def said(folder: Path) -> list[tuple[str, str]]:
    try:
        return [(each.code, each.message) for each in validate(open_workspace(folder, environ={})).problems]
    except Invalid as invalid:
        return [(each.code, each.message) for each in invalid.problems]


def test_what_a_manifest_says_of_its_deliveries_is_kept_beside_the_resource(tmp_path: Path) -> None:
    written = {"private": False, "lateAfter": "90m", "options": {"guests": True, "oneRecordPerUser": "error"}}
    loaded = open_workspace(project(tmp_path, written), environ={}).load()

    assert loaded.deliveries[EXPORT].rules == DeliveryRules(
        private=False,
        late_after=timedelta(minutes=90),
        options={"guests": True, "oneRecordPerUser": "error"},
    )
    assert "delivery" not in loaded.desired.resources[EXPORT].attributes


@pytest.mark.parametrize(
    ("written", "code", "message"),
    [
        ([], "wrong-type", "`delivery` must be a mapping"),
        ({"privat": True}, "unknown-key", "`delivery` has no key `privat`"),
        ({"private": "yes"}, "wrong-type", "`private` must be `true` or `false`"),
        ({"contract": 7}, "wrong-type", "`contract` must be the path of a JSON Schema"),
        (
            {"lateAfter": "soon"},
            "invalid-value",
            "`lateAfter`: `soon` is no length of time: write a number and `s`, `m`, `h`, `d` or `w`, such as `2h`",
        ),
        (
            {"lateAfter": 2},
            "invalid-value",
            "`lateAfter`: this is no length of time: write a number and `s`, `m`, `h`, `d` or `w`, such as `2h`",
        ),
        ({"options": []}, "wrong-type", "`options` must be a mapping"),
        ({"options": {"guest": True}}, "unknown-key", "`options` has no key `guest`"),
        ({"options": {"guests": "maybe"}}, "invalid-value", "`guests` cannot be `maybe`"),
        ({"options": {"guests": 1}}, "invalid-value", "`guests` cannot be this"),
        (
            {"contract": "nowhere.json"},
            "contract",
            "`contract` names `nowhere.json`, and there is no such file",
        ),
        ({"contract": "../x.json"}, "contract", "`contract` names `../x.json`, and there is no such file"),
        (
            {"contract": "../../x.json"},
            "contract",
            "`contract` names `../../x.json`, which lies outside the project",
        ),
    ],
)
def test_what_is_wrong_with_the_block_is_found(tmp_path: Path, written: object, code: str, message: str) -> None:
    assert said(project(tmp_path, written)) == [(code, message)]


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("{", "which is no JSON Schema: it is no JSON"),
        ("[]", "which is no JSON Schema: a schema is an object"),
        ('{"type": 7}', "which is no JSON Schema: `type`: 7 is not valid under any of the given schemas"),
    ],
)
def test_a_contract_must_be_a_schema(tmp_path: Path, text: str, ends: str) -> None:
    project(tmp_path, {"contract": "./own.json"})
    (tmp_path / "specs" / "own.json").write_text(text, encoding="utf-8")

    assert said(tmp_path) == [("contract", f"`contract` names `./own.json`, {ends}")]


def test_a_contract_that_is_a_schema_is_no_problem(tmp_path: Path) -> None:
    project(tmp_path, {"contract": "own.json"})
    (tmp_path / "own.json").write_text('{"type": "object"}', encoding="utf-8")

    assert said(tmp_path) == []


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"match": "s3://x", "user": "me"}, "`user` says nothing about a place at `s3://`"),
        ({"match": "ftp://x"}, "`match` begins with"),
        ({"match": "s3://x", "endpoint": "http://example.com"}, "in the clear"),
        ({"match": "s3://x", "secretAccessKey": "inline"}, "never the secret itself"),
    ],
)
def test_what_is_wrong_with_an_entry_of_the_project_is_found(tmp_path: Path, entry: object, says: str) -> None:
    problems = said(project(tmp_path, {}, deliveries=[entry]))

    assert len(problems) == 1
    assert says in problems[0][1]


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ("didomi/ExportConfig/*", True),
        ("didomi/*", True),
        ("adobe/*", False),
        ("s3://example-lake", True),
        ("s3://example-*", True),
        ("s3://example-lake/", True),
        ("gs://example-lake", False),
    ],
)
def test_an_entry_fits_an_address_or_a_place(match: str, fits: bool) -> None:
    entry = DeliveryPlaceFile.model_validate({"match": match})

    assert entry.fits(EXPORT, "s3://example-lake/") is fits


@pytest.mark.parametrize(("text", "hours"), [("90m", 1.5), ("2h", 2), ("7d", 168), ("1w", 168), ("3600s", 1)])
def test_a_length_of_time_is_a_number_and_a_unit(text: str, hours: float) -> None:
    assert duration(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "h", "2", "2 h", "-2h", "2hours", "1.5h", "999999d"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no length of time"):
        duration(text)
