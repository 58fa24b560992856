"""What `verify` says of Domo's exports, which lie in a real object store, and of newer data that nobody exported."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from verify_stage import GcsDrop
from verify_vendors import DomoStage, domo_stage
from world import Status, World

from reconciler.emulator.objects import ObjectStore
from reconciler.operations.verify_content import Depth
from reconciler.values import Finding, Verdict

BUCKET = "example-lake"

# The points that Domo's documents leave open and on which files and lists depend.
OPEN = [
    ("compression", "none"),
    ("csv_header", "off"),
    ("null_text", r"\N"),
    ("csv_line_end", "crlf"),
    ("rows_per_file", "5"),
    ("row_counts", "lines"),
    ("url_form", "s3"),
    ("url_form", "path"),
    ("url_form", "global"),
    ("url_form", "key"),
    ("timestamps", "iso"),
    ("status_vocabulary", "hub"),
    ("status_vocabulary", "odd"),
    ("list_order", "random"),
    ("list_single", "object"),
    ("include_temp_map", "on"),
    ("extra_fields", "on"),
    ("data_versions", "403"),
    ("created_status", "201"),
    ("first_status", "exporting"),
]


@pytest.fixture
def domo(world_of: Callable[..., World], object_store: ObjectStore, cloud_storage: GcsDrop) -> Iterator[DomoStage]:
    with domo_stage(world_of("domo"), object_store, cloud_storage) as stage:
        yield stage


def only(stage: DomoStage, depth: Depth | None = None) -> Finding:
    (found,) = stage.verify(depth=depth).findings
    return found


def rewritten(stage: DomoStage, change: Callable[[bytes], bytes]) -> None:
    """The delivered files with other content."""
    for key, body in stage.s3.objects(BUCKET).items():
        stage.s3.client(region="eu-west-3").put_object(Bucket=BUCKET, Key=key, Body=change(body))


def test_an_export_is_delivered_with_its_rows_and_columns(domo: DomoStage) -> None:
    domo.export()
    found = only(domo, Depth())

    assert found.verdict is Verdict.DELIVERED
    assert found.expectation.name == domo.id
    assert [(each.name, each.type) for each in found.expectation.columns] == [
        ("order_id", "number"),
        ("region", "string"),
    ]
    assert found.lying is not None
    assert found.lying.content is not None
    assert found.lying.content.records == 24
    assert not found.lying.content.broken
    assert found.unknown == ()


@pytest.mark.slow
@pytest.mark.parametrize(("switch", "position"), OPEN)
def test_no_open_point_of_domo_makes_a_good_export_look_bad(domo: DomoStage, switch: str, position: str) -> None:
    domo.switch(**{switch: position})
    # A word that nobody has seen lets an apply wait in vain; the files tell nevertheless.
    domo.export(query={"columns": "all"}, includeBom=True, expect=None if position == "odd" else Status.DONE)
    found = only(domo, Depth())

    assert found.verdict is Verdict.DELIVERED, found
    assert found.lying is not None
    assert found.lying.content is not None
    assert found.lying.content.records == 24
    assert not found.lying.content.broken


@pytest.mark.slow
def test_an_export_that_runs_is_in_progress_and_after_an_hour_late(domo: DomoStage) -> None:
    domo.switch(run_delay_s="14400")
    domo.export(expect=None)
    early = only(domo)
    domo.world.later(2 * 3600)
    late = only(domo)

    assert early.verdict is Verdict.IN_PROGRESS
    assert late.verdict is Verdict.LATE


@pytest.mark.slow
def test_a_job_that_never_leaves_its_first_status_is_late_by_the_time_of_its_record(domo: DomoStage) -> None:
    domo.switch(runs="stuck")
    domo.export(expect=None)
    domo.world.later(2 * 3600)

    assert only(domo).verdict is Verdict.LATE


@pytest.mark.slow
@pytest.mark.parametrize("left", ["none", "some"])
def test_a_failed_export_says_why_whatever_it_left(domo: DomoStage, left: str) -> None:
    domo.switch(failed_files=left, rows_per_file="5")
    domo.vendor.fail_next_export("the network was lost", "EMU_LOST")
    domo.export(expect=None)
    found = only(domo)

    assert found.verdict is Verdict.FAILED
    assert "EMU_LOST: the network was lost" in found.remarks[0].text


def test_files_that_are_gone_are_missing(domo: DomoStage) -> None:
    domo.export()
    domo.remove(BUCKET, domo.id)

    assert only(domo).verdict is Verdict.MISSING


def test_one_file_of_several_that_is_gone_makes_an_export_incomplete(domo: DomoStage) -> None:
    domo.switch(rows_per_file="5")
    domo.export()
    domo.remove(BUCKET, "data_0002")
    found = only(domo)

    assert found.verdict is Verdict.INCOMPLETE
    assert "`data_0002.csv.gz`" in found.remarks[0].text


@pytest.mark.slow
def test_a_file_that_was_cut_is_told_by_its_recorded_size(domo: DomoStage) -> None:
    domo.export(checkObjects=True)
    rewritten(domo, lambda body: body[:-9])

    assert only(domo).verdict is Verdict.INCOMPLETE


@pytest.mark.slow
def test_a_file_that_was_written_anew_with_the_same_size_is_told_by_its_tag(domo: DomoStage) -> None:
    domo.export(checkObjects=True)
    rewritten(domo, lambda body: body[:-1] + bytes([body[-1] ^ 1]))

    assert only(domo).verdict is Verdict.INVALID


@pytest.mark.slow
def test_lost_rows_are_found_by_reading_even_when_the_counts_may_hold_a_header(domo: DomoStage) -> None:
    domo.export()
    rewritten(domo, lambda body: gzip.compress(b"".join(gzip.decompress(body).splitlines(keepends=True)[:-2])))

    assert only(domo).verdict is Verdict.DELIVERED
    assert only(domo, Depth()).verdict is Verdict.INCOMPLETE


@pytest.mark.slow
def test_a_row_with_another_number_of_fields_is_invalid(domo: DomoStage) -> None:
    domo.export()
    rewritten(domo, lambda body: gzip.compress(gzip.decompress(body) + b"25,North,too much\n"))
    found = only(domo, Depth())

    assert found.verdict is Verdict.INVALID
    assert "`field-count`" in found.remarks[0].text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("types", "verdict"),
    [(None, Verdict.DELIVERED), ("error", Verdict.INVALID), ("ignore", Verdict.DELIVERED)],
)
def test_the_manifest_says_how_bad_a_value_of_another_type_is(
    domo: DomoStage, types: str | None, verdict: Verdict
) -> None:
    domo.export(delivery=None if types is None else {"options": {"types": types}})
    rewritten(domo, lambda body: gzip.compress(gzip.decompress(body) + b"many,North\n"))
    found = only(domo, Depth())

    assert found.verdict is verdict
    assert found.lying is not None
    assert found.lying.content is not None
    assert [each.rule for each in found.lying.content.broken] == ([] if types == "ignore" else ["column-type"])


@pytest.mark.slow
def test_what_the_rules_of_the_bucket_removed_is_expired_and_what_they_leave_alone_is_missing(domo: DomoStage) -> None:
    domo.looks_at_buckets()
    domo.export()
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "domo/"}, "Expiration": {"Days": 2}}
    domo.s3.client(region="eu-west-3").put_bucket_lifecycle_configuration(
        Bucket=BUCKET, LifecycleConfiguration={"Rules": [rule]}
    )
    domo.remove(BUCKET, domo.id)
    early = only(domo)
    domo.world.later(3 * 86_400)

    assert early.verdict is Verdict.MISSING
    assert only(domo).verdict is Verdict.EXPIRED


@pytest.mark.slow
def test_a_bucket_that_does_not_let_us_in_is_unreadable(domo: DomoStage) -> None:
    domo.export()
    stranger = domo.s3.make_user("stranger", ["s3:PutObject"])
    domo.world.environ["EXAMPLE_AWS_SECRET"], domo.world.environ["EXAMPLE_AWS_KEY"] = stranger.secret, stranger.key
    found = domo.verify()

    assert [each.verdict for each in found.findings] == [Verdict.UNREADABLE]
    assert found.denied


def test_an_export_in_a_public_bucket_is_exposed_unless_that_is_meant(domo: DomoStage) -> None:
    domo.export()
    domo.s3.make_public(BUCKET)
    exposed = only(domo)
    domo.export(delivery={"private": False})

    assert exposed.verdict is Verdict.EXPOSED
    assert only(domo).verdict is Verdict.DELIVERED


def test_newer_data_is_awaited_for_a_day_and_then_late(domo: DomoStage) -> None:
    domo.export()
    domo.new_data()
    soon = domo.verify().findings
    domo.world.later(86_400)
    later = domo.verify().findings
    domo.world.apply()

    assert [each.verdict for each in soon] == [Verdict.AWAITED, Verdict.DELIVERED]
    assert [each.verdict for each in later] == [Verdict.LATE, Verdict.DELIVERED]
    assert [each.verdict for each in domo.verify().findings] == [Verdict.DELIVERED, Verdict.DELIVERED]


@pytest.mark.slow
@pytest.mark.parametrize("refresh", ["manual", "onDefinitionChange", {"maxAge": "7d"}])
def test_newer_data_that_nobody_asked_to_be_exported_is_not_late(domo: DomoStage, refresh: object) -> None:
    domo.export(refresh=refresh)
    domo.new_data()
    domo.world.later(2 * 86_400)

    assert not domo.verify().is_troubled


@pytest.mark.slow
def test_an_export_that_domo_forgot_is_known_from_its_record(domo: DomoStage) -> None:
    domo.export()
    domo.vendor.exports.remove(domo.id)
    found = only(domo)

    assert found.verdict is Verdict.DELIVERED
    assert any("not listed any more" in each for each in found.unknown)


@pytest.mark.slow
def test_a_dataset_that_is_gone_owes_nothing_that_anybody_knows(domo: DomoStage) -> None:
    domo.export()
    domo.vendor.datasets.remove("c5a2e9c0-55f3-4c53-8a5d-6d2f0b9e7a10")

    assert only(domo).verdict is Verdict.UNKNOWN


@pytest.mark.slow
def test_exports_of_others_are_none_of_ours(domo: DomoStage) -> None:
    domo.export()
    domo.vendor.exports.insert(
        {
            "dataSourceId": "c5a2e9c0-55f3-4c53-8a5d-6d2f0b9e7a10",
            "bucket": BUCKET,
            "urlRowCountMap": {"s3://example-lake/elsewhere/0/export/data.csv.gz": 3},
        }
    )

    assert only(domo).expectation.name == domo.id


@pytest.mark.slow
def test_a_month_of_exports_is_delivered_one_after_the_other(domo: DomoStage) -> None:
    domo.export()
    for _ in range(4):
        domo.world.later(7 * 86_400)
        domo.new_data()
        domo.world.apply()
    found = domo.verify(since=timedelta(days=31)).findings

    assert [each.verdict for each in found] == [Verdict.DELIVERED] * 5
    assert [each.expectation.columns != () for each in found] == [True] * 5


@pytest.mark.slow
def test_verify_sends_domo_no_write(domo: DomoStage) -> None:
    domo.export()
    domo.world.vendors["domo"].forget_requests()
    domo.verify(depth=Depth())

    assert domo.world.vendors["domo"].writes() == ()
