"""What `verify` says of Adobe's exports of datasets, which lie in real object stores and servers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from verify_stage import DAY, GcsDrop, by_name, verdicts
from verify_vendors import BUCKET, AdobeStage, FolderAt, adobe_stage
from world import World

from reconciler.emulator.objects import ObjectStore
from reconciler.operations.verify_content import Depth
from reconciler.providers.adobe.emulator import SWITCHES
from reconciler.values import Finding, Verdict

HOUR = 3600.0
DELIVERED = Verdict.DELIVERED
# Which of Adobe's open points decide about runs and files, each of which is tried in every position.
OPEN = [
    (name, position)
    for name in (
        "run_seconds",
        "run_stop_key",
        "run_etag_key",
        "run_status_case",
        "run_state",
        "run_dataset_prefix",
        "run_flow_spec",
        "run_counts",
        "run_bumps_etag",
        "run_lag",
        "activation_delay",
        "folder_time",
        "files_seen",
        "success_marker",
        "manifest",
        "manifest_place",
        "manifest_name",
        "parts",
        "folder_template_key",
        "numbers",
        "extra_fields",
    )
    for position in SWITCHES[name].positions[0 if name == "manifest" else 1 :]
]


@pytest.fixture
def adobe(world_of: Callable[..., World], object_store: ObjectStore, cloud_storage: GcsDrop) -> Iterator[AdobeStage]:
    with adobe_stage(world_of("adobe"), object_store, cloud_storage) as stage:
        yield stage


def delivery(adobe: AdobeStage, depth: Depth | None = None, *, day: int = 0) -> Finding:
    """What became of the delivery of a day, the first one's when none is named."""
    found: Finding = by_name(adobe.verify(depth=depth))[adobe.name(day)]
    return found


# --- every verdict ---


def test_a_month_of_exports_is_delivered_day_by_day(adobe: AdobeStage) -> None:
    adobe.export()
    adobe.world.later(30 * DAY)
    found = adobe.verify(since=timedelta(days=31))

    assert list(verdicts(found.findings).values()) == [DELIVERED] * 30
    assert found.findings[0].expectation.name == adobe.name()
    assert not found.is_troubled


def test_a_run_that_failed_says_why(adobe: AdobeStage) -> None:
    adobe.export()
    adobe.vendor.fail_next_run(message="the bucket is full")
    adobe.world.later(2 * HOUR)
    found = delivery(adobe)

    assert found.verdict is Verdict.FAILED
    assert "the bucket is full" in found.remarks[0].text


def test_files_that_are_gone_are_missing_and_those_of_other_days_are_not(adobe: AdobeStage) -> None:
    adobe.export()
    adobe.world.later(3 * DAY)
    adobe.remove(BUCKET, adobe.folder(1))

    assert verdicts(adobe.verify().findings) == {
        adobe.name(0): DELIVERED,
        adobe.name(1): Verdict.MISSING,
        adobe.name(2): DELIVERED,
    }


@pytest.mark.parametrize("seen", ["whole", "growing"])
def test_a_run_is_in_progress_and_after_three_hours_late(adobe: AdobeStage, seen: str) -> None:
    adobe.world.vendors["adobe"].switch(run_seconds="18000", files_seen=seen)
    adobe.export()
    adobe.world.later(2 * HOUR)
    early = delivery(adobe)
    adobe.world.later(3 * HOUR)
    late = delivery(adobe)
    adobe.world.later(2 * HOUR)

    assert [each.verdict for each in (early, late, delivery(adobe))] == [Verdict.IN_PROGRESS, Verdict.LATE, DELIVERED]


def test_a_manifest_of_files_shows_that_one_of_them_is_gone(adobe: AdobeStage) -> None:
    adobe.export()
    adobe.with_manifests()
    adobe.world.later(2 * HOUR)
    whole = delivery(adobe)
    adobe.remove(BUCKET, "part-00001")

    assert whole.verdict is DELIVERED
    assert not any("all files" in each for each in whole.unknown)
    assert delivery(adobe).verdict is Verdict.INCOMPLETE


@pytest.mark.slow
def test_a_manifest_of_files_shows_that_one_of_them_was_cut(adobe: AdobeStage) -> None:
    adobe.export()
    adobe.with_manifests()
    adobe.world.later(2 * HOUR)
    (key,) = (each for each in adobe.keys(BUCKET, adobe.folder()) if "part-00001" in each)
    adobe.put(BUCKET, key, b"short")

    assert delivery(adobe).verdict is Verdict.INCOMPLETE


@pytest.mark.slow
@pytest.mark.parametrize(
    "body", [b"no JSON", b"[]", b"{}", b'{"flowRunId": "another", "exportResults": []}', b'{"exportResults": [{}]}']
)
def test_a_manifest_that_says_something_else_makes_its_delivery_unreadable(adobe: AdobeStage, body: bytes) -> None:
    adobe.export()
    adobe.with_manifests()
    adobe.world.later(2 * HOUR)
    (key,) = adobe.keys(BUCKET, "manifest-")
    run = adobe.runs()[0]["id"].encode()
    adobe.put(
        BUCKET, key, body if b"another" in body else body.replace(b'{"export', b'{"flowRunId": "' + run + b'", "export')
    )

    assert delivery(adobe).verdict is Verdict.UNREADABLE


@pytest.mark.slow
def test_a_time_without_a_run_is_late_and_then_missing(adobe: AdobeStage) -> None:
    adobe.export()
    adobe.world.later(DAY + 2 * HOUR)
    adobe.vendor.runs.remove(adobe.runs()[-1]["id"])
    adobe.remove(BUCKET, adobe.folder(1))
    awaited = delivery(adobe, day=1)
    adobe.world.later(3 * HOUR)
    late = delivery(adobe, day=1)
    adobe.world.later(DAY)

    assert [awaited.verdict, late.verdict] == [Verdict.AWAITED, Verdict.LATE]
    assert delivery(adobe, day=1).verdict is Verdict.MISSING


@pytest.mark.slow
def test_an_export_in_a_public_bucket_is_exposed(adobe: AdobeStage) -> None:
    adobe.export()
    adobe.world.later(2 * HOUR)
    adobe.s3.make_public(BUCKET)

    assert delivery(adobe).verdict is Verdict.EXPOSED


@pytest.mark.slow
def test_a_bucket_that_does_not_let_us_in_is_unreadable(adobe: AdobeStage) -> None:
    adobe.export()
    adobe.world.later(2 * HOUR)
    stranger = adobe.s3.make_user("nobody", ["s3:PutObject"])
    adobe.world.environ["STRANGER"] = stranger.secret
    adobe.entries = [
        {
            "match": "adobe/*",
            "endpoint": adobe.s3.endpoint,
            "accessKeyId": stranger.key,
            "secretAccessKey": {"env": "STRANGER"},
        }
    ]
    adobe.said()

    assert delivery(adobe).verdict is Verdict.UNREADABLE


@pytest.mark.slow
def test_damaged_records_are_invalid_and_a_cut_file_is_incomplete(adobe: AdobeStage) -> None:
    adobe.export()
    adobe.world.later(DAY + 2 * HOUR)
    (first, *_) = adobe.keys(BUCKET, adobe.folder())
    (second, *_) = adobe.keys(BUCKET, adobe.folder(1))
    adobe.put(BUCKET, first, gzip.compress(b'{"_id": 1\n'))
    adobe.put(BUCKET, second, gzip.compress(b'{"_id": 1}\n' * 99)[:-9])
    found = by_name(adobe.verify(depth=Depth()))

    assert found[adobe.name()].verdict is Verdict.INVALID
    assert found[adobe.name(1)].verdict is Verdict.INCOMPLETE


@pytest.mark.slow
@pytest.mark.parametrize("form", ["JSON", "PARQUET"])
def test_files_of_both_kinds_are_read_against_a_schema_of_ones_own(adobe: AdobeStage, form: str) -> None:
    (adobe.world.folder / "order.json").write_text(json.dumps({"required": ["_id", "amount"]}))
    adobe.export(datasetFileType=form, delivery={"contract": "order.json"})
    adobe.world.later(2 * HOUR)
    good = delivery(adobe, Depth())
    (adobe.world.folder / "order.json").write_text(json.dumps({"required": ["colour"]}))

    assert good.verdict is DELIVERED
    assert delivery(adobe, Depth()).verdict is Verdict.INVALID


# --- what nobody can tell ---


@pytest.mark.slow
@pytest.mark.parametrize(("switch", "position"), OPEN)
def test_no_open_point_of_adobe_makes_a_good_delivery_look_bad(adobe: AdobeStage, switch: str, position: str) -> None:
    adobe.world.vendors["adobe"].switch(**{switch: position})
    adobe.export(datasets=[{"id": each} for each in adobe.datasets()[:2]])
    adobe.with_manifests()
    adobe.world.later(DAY + 2 * HOUR)
    found = adobe.verify(depth=Depth())

    assert [each.verdict for each in found.findings] == [DELIVERED] * 4


@pytest.mark.slow
@pytest.mark.parametrize("counts", ["exact", "mixed"])
@pytest.mark.parametrize("left", ["file", "nothing"])
def test_an_increment_without_records_is_whole_whatever_it_leaves(adobe: AdobeStage, left: str, counts: str) -> None:
    adobe.world.vendors["adobe"].switch(rows_per_hour="0", empty_increment=left, run_counts=counts)
    adobe.export()
    adobe.world.later(DAY + 2 * HOUR)

    assert [each.verdict for each in adobe.verify(depth=Depth()).findings] == [DELIVERED] * 2


@pytest.mark.slow
@pytest.mark.parametrize("left", ["none", "some"])
def test_what_a_failed_run_leaves_is_no_delivery(adobe: AdobeStage, left: str) -> None:
    adobe.world.vendors["adobe"].switch(runs="failed", failed_files=left)
    adobe.export()
    adobe.world.later(2 * HOUR)

    assert delivery(adobe).verdict is Verdict.FAILED


@pytest.mark.slow
def test_runs_that_cannot_be_listed_leave_open_whether_files_are_all(adobe: AdobeStage) -> None:
    adobe.export()
    adobe.world.later(DAY + 8 * HOUR)
    adobe.remove(BUCKET, adobe.folder(1))
    adobe.world.vendors["adobe"].faults.answer("GET */runs", 404, times=None)
    found = adobe.verify()
    adobe.world.vendors["adobe"].faults.clear()

    assert [each.verdict for each in found.findings] == [Verdict.UNKNOWN] * 2
    assert any("how the runs ended" in each for each in found.findings[0].unknown)


@pytest.mark.slow
def test_runs_that_adobe_does_not_keep_for_so_long_are_not_taken_for_lost(adobe: AdobeStage) -> None:
    adobe.world.vendors["adobe"].switch(run_retention="8")
    adobe.export()
    adobe.world.later(20 * DAY)
    found = adobe.verify(since=timedelta(days=30))

    assert not found.is_troubled
    assert found.findings[1].verdict is Verdict.UNKNOWN


@pytest.mark.slow
def test_what_an_earlier_folder_held_is_not_known_after_the_target_was_changed(adobe: AdobeStage) -> None:
    adobe.export()
    adobe.world.later(2 * HOUR)
    adobe.export(path="aep/elsewhere")
    found = delivery(adobe)

    assert found.verdict is Verdict.UNKNOWN
    assert any("Adobe tells only what they are now" in each for each in found.unknown)


@pytest.mark.slow
def test_a_dataflow_that_is_disabled_owes_nothing_from_then_on(adobe: AdobeStage) -> None:
    adobe.export()
    adobe.world.later(2 * HOUR)
    adobe.export(enabled=False)
    adobe.world.later(3 * DAY)

    assert verdicts(adobe.verify().findings) == {adobe.name(): DELIVERED}


@pytest.mark.slow
def test_a_dataflow_that_is_gone_owes_nothing_that_anybody_knows(adobe: AdobeStage) -> None:
    adobe.export()
    adobe.world.later(2 * HOUR)
    adobe.vendor.flows.remove(adobe.vendor.objects("flows")[0]["id"])

    assert [each.verdict for each in adobe.verify().findings] == [Verdict.UNKNOWN]


# --- the other destinations ---


@pytest.mark.slow
def test_files_at_google_are_delivered(adobe: AdobeStage) -> None:
    adobe.delivers_to(adobe.gcs)
    adobe.export("googleCloudStorage", delivery={"private": False})
    adobe.world.later(2 * HOUR)

    assert delivery(adobe, Depth()).verdict is DELIVERED


@pytest.mark.slow
@pytest.mark.parametrize("template", [None, "/", "%DATASET_ID%", "%DATETIME(YYYYMMdd)%/%DATASET_NAME%"])
def test_files_on_an_sftp_server_are_told_apart_by_their_times_where_folders_do_not(
    adobe: AdobeStage, template: str | None
) -> None:
    from delivery_places import sftp_server  # noqa: PLC0415 - lies in another suite

    server = sftp_server()
    home = f"adobe-{adobe.world.folder.name}"
    adobe.delivers_to(FolderAt(server.root, adobe.world.clock))
    auth = {"specName": "SFTP with Password", "domain": f"127.0.0.1:{server.port}", "username": "reader"}
    adobe.export(
        "sftp",
        auth={**auth, "password": {"env": "RECONCILER_SECRET_SFTP"}},
        remotePath=home,
        folderTemplate=template,
        every="3h",
        delivery={"private": False},
    )
    adobe.world.environ["SFTP_PASSWORD"] = "right"
    adobe.entries = [{"match": "sftp://*", "password": {"env": "SFTP_PASSWORD"}, "hostKey": server.host_key}]
    adobe.said()
    for _ in range(60):
        adobe.world.later(300)  # so that each file is written at its own time
    found = adobe.verify(depth=Depth())

    assert [each.verdict for each in found.findings] == [DELIVERED] * 2
    assert [len(each.lying.files) for each in found.findings if each.lying] == [2, 2]


@pytest.mark.slow
def test_files_in_a_landing_zone_at_aws_are_delivered_and_expire_after_a_week(adobe: AdobeStage) -> None:
    adobe.world.vendors["adobe"].switch(dlz_provider="aws")
    adobe.vendor.landing.keys = adobe.s3.assume_role()
    adobe.entries = [{"match": "s3://dlz-destination/*", "endpoint": adobe.s3.endpoint}]
    adobe.said()
    adobe.export("dataLandingZone")
    adobe.world.later(8 * DAY + 2 * HOUR)
    found = by_name(adobe.verify(since=timedelta(days=10)))

    assert found[adobe.name()].verdict is Verdict.EXPIRED
    assert found[adobe.name(8)].verdict is DELIVERED
    assert adobe.vendor.landing.keys.secret not in repr(found)


@pytest.mark.slow
@pytest.mark.parametrize("destination", ["azureBlob", "dataLandingZone"])
def test_files_at_azure_are_delivered(adobe: AdobeStage, destination: str) -> None:
    from delivery_places import AZURITE_ACCOUNT, azurite  # noqa: PLC0415 - as above
    from verify_azure import AzureDrop  # noqa: PLC0415 - loads what only Azure needs

    drop = AzureDrop(azurite(), AZURITE_ACCOUNT)
    adobe.delivers_to(drop)
    adobe.vendor.landing.account, adobe.vendor.landing.token = AZURITE_ACCOUNT, drop.token("dlz-destination")
    adobe.world.environ["AZURE_STRING"] = azurite()
    own = {"connectionString": {"env": "AZURE_STRING"}} if destination == "azureBlob" else {"endpoint": drop.endpoint}
    adobe.entries = [{"match": "az://*", **own}]
    adobe.world.vendors["adobe"].words["storageAccounts"] = {"example-container": AZURITE_ACCOUNT}
    adobe.said()
    adobe.export(destination)
    adobe.world.later(2 * HOUR)

    assert delivery(adobe, Depth()).verdict is DELIVERED


@pytest.mark.slow
def test_a_container_whose_account_adobe_does_not_give_back_leaves_its_place_open(adobe: AdobeStage) -> None:
    adobe.export("azureBlob")
    adobe.world.later(2 * HOUR)
    found = delivery(adobe)

    assert found.verdict is Verdict.UNKNOWN
    assert any("`storageAccounts`" in each for each in found.unknown)


@pytest.mark.slow
def test_verify_sends_adobe_no_write(adobe: AdobeStage) -> None:
    adobe.export("dataLandingZone")
    adobe.world.later(2 * HOUR)
    adobe.world.vendors["adobe"].forget_requests()
    adobe.verify()
    asked = [each.path for each in adobe.world.vendors["adobe"].requests()]

    assert adobe.world.vendors["adobe"].writes() == ()
    assert any("landingzone/credentials" in each for each in asked)
    assert not any("refresh" in each for each in asked)
