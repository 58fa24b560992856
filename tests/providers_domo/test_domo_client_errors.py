"""What is made of Domo's refusals, strange answers and silences."""

from __future__ import annotations

import pytest
from domo_scene import NAME, ORDERS, Scene, codes, manifest
from world import Status

from reconciler.operations.doctor import doctor
from reconciler.providers.domo.exports import Phase, Place, export_of, moment, place_of
from reconciler.sdk import Check
from reconciler.values import Address

pytest_plugins = ("domo_fixtures",)

ROUTE = f"/api/query/v1/export/{ORDERS}"


# --- refusals ---


def test_a_token_that_is_over_is_said(plain: Scene) -> None:
    plain.vendor.switch(token_ttl="60")
    run = plain.apply(manifest(), expect=Status.DENIED)

    assert "does not accept the token" in run.messages
    assert "admin area" in run.messages


def test_the_right_to_export_is_named_when_it_is_missing(plain: Scene) -> None:
    plain.vendor.switch(export_right="dataset.export")
    reader = plain.domo.add_user(displayName="Reader", authorities=[])
    plain.domo.share(ORDERS, reader["id"])
    plain.world.environ["DOMO_TOKEN"] = plain.domo.add_token(reader["id"])
    run = plain.apply(manifest(), expect=None)

    assert "dataset.export" in run.messages
    assert plain.exports == []


@pytest.mark.parametrize("shape", ["platform", "hub", "short", "html", "empty"])
def test_a_refusal_is_said_in_domos_words_whatever_its_shape(plain: Scene, shape: str) -> None:
    plain.vendor.switch(errors_shape=shape)
    plain.vendor.faults.answer(f"POST {ROUTE}", 400)
    run = plain.apply(manifest(), expect=Status.FAILED)

    assert "Domo refuses the export (400): " in run.messages
    assert plain.world.state.records == {}
    assert plain.world.open_intents == ()


def test_the_id_that_domos_support_asks_for_is_shown(plain: Scene) -> None:
    plain.vendor.faults.answer(f"POST {ROUTE}", 400, body={"status": 400, "message": "no.", "toe": "AB12-CD34"})

    assert "no (toe AB12-CD34)" in plain.apply(manifest(), expect=Status.FAILED).messages


@pytest.mark.parametrize("body", [{"exports": []}, [{"exportStatus": "success"}], "none", 3])
def test_a_list_of_another_shape_is_never_taken_for_no_exports(plain: Scene, body: object) -> None:
    plain.vendor.faults.answer(f"GET {ROUTE}", 200, body=body, times=None)
    run = plain.apply(manifest(), expect=Status.REFUSED)

    assert "cannot-read" in codes(run)
    assert plain.started == 0


def test_an_export_that_s3_refuses_at_once_is_said(plain: Scene) -> None:
    plain.domo.fail_next_export("AccessDenied: not below this prefix")
    run = plain.apply(manifest(), expect=Status.FAILED)

    assert "AccessDenied: not below this prefix" in run.messages
    assert plain.world.state.records[NAME].memo["attempts"] == 1


# --- reading answers ---


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (1790000000000, 1790000000),
        (1790000000, 1790000000),
        ("1790000000000", 1790000000),
        ("2026-09-21T13:33:20Z", 1789997600),
        ("2026-09-21T13:33:20", 1789997600),
        (None, None),
        (True, None),
        ("yesterday", None),
        (1e30, None),
    ],
)
def test_an_instant_is_read_however_it_is_written(written: object, seconds: float | None) -> None:
    found = moment(written)

    assert (found.timestamp() if found else None) == seconds


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://lake.s3.eu-west-3.amazonaws.com/a/b%20c.csv", "a/b c.csv"),
        ("https://lake.s3.amazonaws.com/a/b.csv?X-Amz-Signature=1", "a/b.csv"),
        ("https://s3.eu-west-3.amazonaws.com/lake/a/b.csv", "a/b.csv"),
        ("https://my.lake.s3-eu-west-1.amazonaws.com/a/b.csv", "a/b.csv"),
        ("s3://lake/a/b.csv", "a/b.csv"),
        ("a/b.csv", "a/b.csv"),
        ("https://elsewhere.example/other/b.csv", None),
        ("ftp://lake/a", None),
        ("", None),
    ],
)
def test_the_address_of_a_file_is_understood_in_every_known_form(url: str, key: str | None) -> None:
    bucket = "my.lake" if "my.lake" in url else "lake"

    assert place_of(url, bucket) == (Place(bucket=bucket, key=key) if key else None)


@pytest.mark.parametrize(
    ("row", "phase"),
    [
        ({"exportStatus": "SUCCESS"}, Phase.SUCCEEDED),
        ({"exportStatus": "error"}, Phase.FAILED),
        ({"exportStatus": "none"}, Phase.ACTIVE),
        ({}, Phase.ACTIVE),
        ({"exportStatus": "odd"}, Phase.ACTIVE),
        ({"exportStatus": "odd", "message": "oh"}, Phase.ACTIVE),
        ({"exportStatus": "odd", "message": "oh", "finished": 1790000000000}, Phase.FAILED),
    ],
)
def test_a_status_means_what_the_documents_say_and_else_what_the_row_says(row: dict[str, object], phase: Phase) -> None:
    export = export_of({"exportId": "a", **row}, ORDERS)

    assert export is not None
    assert export.phase is phase


def test_what_has_no_id_is_no_export() -> None:
    assert export_of({"exportStatus": "success"}, ORDERS) is None
    assert export_of("success", ORDERS) is None


# --- doctor ---


def checks(scene: Scene) -> dict[str, Check]:
    scene.world.write([])
    with scene.world.workspace() as workspace:
        return {each.subject: each for each in doctor(workspace)}


def test_a_good_token_is_well(plain: Scene) -> None:
    found = checks(plain)

    assert found["token"].well
    assert "instance example" in found["token"].detail


def test_a_token_that_ends_soon_is_not_well(plain: Scene) -> None:
    plain.vendor.words["tokenName"] = "example"
    plain.vendor.words["tokenWarningDays"] = 3650

    assert not checks(plain)["token's end"].well


def test_a_token_that_is_refused_is_not_well(plain: Scene) -> None:
    plain.world.environ["DOMO_TOKEN"] = "nobody-knows-this-token"

    assert not checks(plain)["token"].well


def test_our_own_way_to_aws_is_tried(cloud: Scene) -> None:
    good = checks(cloud)["AWS"]
    cloud.world.environ["EXAMPLE_AWS_SECRET"] = "wrong-secret-wrong-secret"
    bad = checks(cloud)["AWS"]

    assert good.well
    assert not bad.well


def test_the_address_of_a_kind_is_as_people_write_it() -> None:
    assert Address.parse("domo/DatasetExport/orders") == NAME
