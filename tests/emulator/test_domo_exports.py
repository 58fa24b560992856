"""The jobs: what a request must hold, what happens over time, and which earlier export is returned (reference 2, 3)."""

import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from domo_stage import BUCKET, KEYS, START, Stage, column, compared, export_body, query_of, rows_of, staged, text

from reconciler.providers.domo.emulator.example import CUSTOMERS, ORDERS

WEST = query_of(where=compared("EQUALS", column("region"), text("West")))
ROW = [99, 1, "West", 1.0, "2026-01-01", None]


@pytest.fixture
def stage() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


# A job over time.


def test_a_job_starts_runs_and_ends_as_the_clock_says(stage: Stage) -> None:
    first = stage.start().body
    seen = [(first["exportStatus"], first["started"], first["finished"])]
    for seconds in (1, 3):
        stage.emulator.advance(seconds)
        (job,) = stage.listed()
        seen.append((job["exportStatus"], job["started"], job["finished"]))

    assert seen == [
        ("none", None, None),
        ("exporting", START + 1000, None),
        ("success", START + 1000, START + 4000),
    ]


def test_a_job_that_was_slept_through_still_shows_its_own_times(stage: Stage) -> None:
    stage.start()
    stage.emulator.advance(3600)
    (job,) = stage.listed()

    assert (job["started"], job["finished"]) == (START + 1000, START + 4000)


def test_the_answer_names_exactly_what_is_documented(stage: Stage) -> None:
    job = stage.exported()

    assert job == {
        "exportId": job["exportId"],
        "exportStatus": "success",
        "bucket": BUCKET,
        "compression": "gzip",
        "exportFormat": "csv",
        "errorCode": None,
        "message": None,
        "started": START + 1000,
        "finished": START + 4000,
        "urlRowCountMap": {
            f"https://example-lake.s3.eu-west-3.amazonaws.com/domo/orders/{job['exportId']}/export/data.csv.gz": 24,
        },
    }


def test_no_map_before_the_end(stage: Stage) -> None:
    stage.start()
    stage.emulator.advance(1)

    assert stage.listed()[0]["urlRowCountMap"] == {}
    assert stage.files() == {}


def test_a_dataset_that_was_never_exported_has_an_empty_list(stage: Stage) -> None:
    assert stage.listed() == []


def test_rows_are_those_of_the_start_of_the_job(stage: Stage) -> None:
    stage.start()
    stage.emulator.replace_rows(ORDERS, [ROW])
    stage.emulator.advance(1)
    stage.emulator.replace_rows(ORDERS, [ROW, ROW])
    stage.emulator.advance(3)

    assert len(rows_of(stage.only_file())) == 1 + 1


def test_every_export_has_a_prefix_of_its_own_and_old_files_stay(stage: Stage) -> None:
    first = stage.exported()
    stage.emulator.append_rows(ORDERS, [ROW])
    second = stage.exported()

    assert sorted(stage.files()) == sorted(
        f"domo/orders/{job['exportId']}/export/data.csv.gz" for job in (first, second)
    )


def test_the_dataset_may_vanish_under_a_running_job(stage: Stage) -> None:
    stage.start()
    stage.emulator.delete_dataset(ORDERS)
    stage.emulator.advance(10)

    assert stage.emulator.objects("exports")[0]["errorCode"] == "EMU_DATASET_GONE"


def test_the_next_export_can_be_made_to_fail(stage: Stage) -> None:
    stage.emulator.fail_next_export("the disk is full", "EMU_DISK")
    failed = stage.exported()
    again = stage.exported()

    assert (failed["exportStatus"], failed["errorCode"], failed["message"]) == ("error", "EMU_DISK", "the disk is full")
    assert failed["urlRowCountMap"] == {}
    assert again["exportStatus"] == "success"


# Where files land.


@pytest.mark.parametrize("path", ["domo/orders", "/domo/orders", "domo/orders/", "//domo/orders//"])
def test_slashes_around_the_path_do_not_count(stage: Stage, path: str) -> None:
    job = stage.exported(export_body(path=path))

    assert list(stage.files()) == [f"domo/orders/{job['exportId']}/export/data.csv.gz"]


@pytest.mark.parametrize("path", [..., "", "/"])
def test_without_a_path_the_dataset_is_the_path(stage: Stage, path: object) -> None:
    job = stage.exported(export_body(path=path))

    assert list(stage.files()) == [f"{ORDERS}/{job['exportId']}/export/data.csv.gz"]


def test_without_a_bucket_a_bucket_of_domos_takes_the_files(stage: Stage) -> None:
    job = stage.exported(export_body(bucket=..., region="eu-west-3"))

    assert (job["bucket"], job["exportStatus"]) == ("domo-managed-exports", "success")


def test_an_address_is_percent_encoded(stage: Stage) -> None:
    job = stage.exported(export_body(path="a b/ü"))

    assert next(iter(job["urlRowCountMap"])).startswith("https://example-lake.s3.eu-west-3.amazonaws.com/a%20b/%C3%BC/")


def test_files_go_to_a_folder_that_is_given(tmp_path: Path) -> None:
    with staged(folder=tmp_path) as stage:
        job = stage.exported()

    content = (tmp_path / BUCKET / "domo/orders" / job["exportId"] / "export/data.csv.gz").read_bytes()
    assert len(rows_of(content)) == 25


def test_without_an_object_store_only_known_buckets_exist_and_the_message_says_so(stage: Stage) -> None:
    job = stage.exported(export_body(bucket="nowhere"))

    assert job["errorCode"] == "EMU_S3_NO_SUCH_BUCKET"
    assert job["message"].startswith("NoSuchBucket: ")
    assert "no object store is attached" in job["message"]
    assert "example-lake" in job["message"]


def test_the_console_makes_buckets(stage: Stage) -> None:
    stage.emulator.insert("buckets", {"id": "another", "region": "eu-central-1"})

    assert stage.exported(export_body(bucket="another", region="eu-central-1"))["exportStatus"] == "success"


def test_the_region_must_be_the_buckets(stage: Stage) -> None:
    job = stage.exported(export_body(region="us-east-1"))

    assert job["errorCode"] == "EMU_S3_REGION_MISMATCH"
    assert "eu-west-3" in job["message"]


@pytest.mark.parametrize("path", ["../../out", "a/\x00"])
def test_a_path_that_leaves_the_folder_fails_the_job(tmp_path: Path, path: str) -> None:
    with staged(folder=tmp_path) as stage:
        job = stage.exported(export_body(path=path))

    assert job["errorCode"] == "EMU_S3_INVALID_ARGUMENT"
    assert list(tmp_path.parent.glob("out")) == []


# Requests that are refused.

BAD_BODIES: dict[str, Any] = {
    "no key": export_body(awsAccessKey=...),
    "empty key": export_body(awsAccessKey=""),
    "no secret": export_body(awsAccessSecret=...),
    "no region": export_body(region=...),
    "no query request": export_body(queryRequest=...),
    "query request is a text": export_body(queryRequest="{}"),
    "no query": export_body(queryRequest={"includeBOM": True}),
    "sql": export_body(queryRequest={"sql": "SELECT 1"}),
    "bucket is a number": export_body(bucket=1),
    "path is a list": export_body(path=[]),
    "token is a number": export_body(sessionToken=1),
    "no columns": export_body({"columns": []}),
    "columns are names": export_body({"columns": ["order_id"]}),
    "unknown expression": export_body({"columns": [{"exprType": "DATE_VALUE", "value": "2026-01-01"}]}),
    "flag is a text": export_body(queryRequest={"includeBOM": "yes", "query": query_of()}),
    "array": [export_body()],
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_request_that_lacks_something_is_refused_and_makes_no_job(stage: Stage, name: str) -> None:
    reply = stage.start(BAD_BODIES[name])

    assert reply.status == 400
    assert reply.body["message"]
    assert stage.listed() == []


def test_unknown_fields_are_ignored_and_a_source_is_kept_nowhere(stage: Stage) -> None:
    assert stage.exported(export_body(source="a schedule", colour="red"))["exportStatus"] == "success"


def test_an_unknown_column_fails_the_job_and_not_the_request(stage: Stage) -> None:
    job = stage.exported(export_body(query_of("order_id", "Region")))

    assert job["errorCode"] == "EMU_QUERY_UNKNOWN_COLUMN"
    assert job["message"] == "Unknown column 'Region'"


# One running job per dataset; unchanged data gives the earlier export.


def test_a_request_while_a_job_runs_gets_that_job_whatever_it_asks(stage: Stage) -> None:
    first = stage.start().body
    second = stage.start(export_body(WEST, path="elsewhere")).body

    assert second["exportId"] == first["exportId"]
    assert len(stage.listed()) == 1


def test_another_dataset_has_a_slot_of_its_own(stage: Stage) -> None:
    first = stage.start().body
    second = stage.start(export_body(query_of("name")), dataset=CUSTOMERS).body

    assert first["exportId"] != second["exportId"]


def test_unchanged_data_gives_the_earlier_export_even_for_another_request(stage: Stage) -> None:
    first = stage.exported()
    second = stage.start(export_body(WEST, path="elsewhere"))

    assert (second.status, second.body) == (200, first)
    assert len(stage.files()) == 1


def test_new_data_gives_a_new_export(stage: Stage) -> None:
    first = stage.exported()
    stage.emulator.append_rows(ORDERS, [ROW])

    assert stage.exported()["exportId"] != first["exportId"]


def test_touched_metadata_gives_the_earlier_export(stage: Stage) -> None:
    first = stage.exported()
    stage.emulator.touch(ORDERS, name="renamed")

    assert stage.start().body["exportId"] == first["exportId"]


def test_a_failed_export_does_not_keep_the_next_from_being_made(stage: Stage) -> None:
    stage.emulator.fail_next_export()
    failed = stage.exported()

    assert stage.exported()["exportId"] != failed["exportId"]


def test_the_earlier_export_is_the_last_good_one_of_this_data(stage: Stage) -> None:
    stage.exported()
    stage.emulator.append_rows(ORDERS, [ROW])
    second = stage.exported()

    assert stage.start().body["exportId"] == second["exportId"]


def test_removed_files_do_not_make_a_new_export(stage: Stage) -> None:
    first = stage.exported()
    stage.emulator.drop.expire(BUCKET, "domo/")

    assert stage.start().body["exportId"] == first["exportId"]
    assert stage.files() == {}


def test_a_record_that_vanished_makes_room_for_a_new_export(stage: Stage) -> None:
    first = stage.exported()
    stage.emulator.remove("exports", first["exportId"])

    assert stage.start().body["exportId"] != first["exportId"]


# Whose exports.


def test_the_list_shows_exports_of_other_users(stage: Stage) -> None:
    reader = stage.emulator.add_user()["id"]
    stage.emulator.share(ORDERS, reader)
    job = stage.exported(token=stage.emulator.add_token(reader))

    assert [one["exportId"] for one in stage.listed()] == [job["exportId"]]
    assert stage.emulator.objects("exports")[0]["userId"] == reader


def test_the_console_can_plant_and_change_exports(stage: Stage) -> None:
    planted = stage.emulator.insert("exports", {"dataSourceId": ORDERS, "exportStatus": "none", "started": None})
    stage.emulator.edit("exports", planted["id"], {"exportStatus": "CURIOUS", "message": "odd"})
    (job,) = stage.listed()

    assert (job["exportStatus"], job["message"], job["started"]) == ("CURIOUS", "odd", None)


def test_the_console_refuses_to_change_what_an_export_is(stage: Stage) -> None:
    job = stage.exported()

    with pytest.raises(ValueError, match="use exportStatus"):
        stage.emulator.edit("exports", job["exportId"], {"bucket": "other"})


# Secrets.


def test_credentials_are_masked_in_the_log_and_absent_from_every_answer(stage: Stage) -> None:
    stage.exported(export_body(sessionToken="a-session-token-nobody-sees"))
    entries = stage.call("GET", "/_emulator/log").raw + stage.call("GET", "/_emulator/objects/exports").raw

    secrets = [KEYS["awsAccessSecret"], KEYS["awsAccessKey"], "a-session-token-nobody-sees", "example-token-7731"]
    assert [secret for secret in secrets if secret.encode() in entries] == []
    assert entries.count(b'"awsAccessSecret":"***"') == 1


def test_credentials_are_dropped_when_the_job_ends(stage: Stage) -> None:
    stage.start()
    (running,) = stage.emulator.exports._jobs.values()
    stage.emulator.advance(10)
    (ended,) = stage.emulator.exports._jobs.values()

    assert running.access is not None
    assert ended.access is None
    assert ended.result is None
    assert KEYS["awsAccessSecret"] not in repr(running) + repr(running.access)


def test_credentials_of_a_failed_job_are_dropped_too(stage: Stage) -> None:
    stage.exported(export_body(bucket="nowhere"))
    (ended,) = stage.emulator.exports._jobs.values()

    assert ended.access is None


# Faults between the request and the answer.


def test_a_cut_connection_after_the_write_leaves_a_job(stage: Stage) -> None:
    stage.emulator.world.faults.cut_after_write("POST /api/query/v1/export/*")
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        stage.start()

    assert len(stage.listed()) == 1


def test_the_log_knows_which_requests_made_something(stage: Stage) -> None:
    stage.start()
    stage.start()
    stage.listed()

    assert [(entry.method, entry.wrote) for entry in stage.emulator.world.log.entries()] == [
        ("POST", True),
        ("POST", False),
        ("GET", False),
    ]
