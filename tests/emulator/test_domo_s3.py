"""Exports to an object store that checks credentials: what arrives, and what the job says when it does not (7.4)."""

import gzip
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from domo_stage import Stage, export_body, query_of, rows_of, staged
from s3_server import FAR, FAR_REGION, LAKE, LAKE_REGION, object_store

from reconciler.emulator import Access, JsonObject, ObjectStore
from reconciler.providers.domo.emulator.example import ORDERS

_names = count()


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as store:
        yield store


@pytest.fixture
def stage(store: ObjectStore) -> Iterator[Stage]:
    # Every emulator has exports of its own in the one store.
    with staged(s3_endpoint=store.endpoint, seed=next(_names)) as stage:
        yield stage


def body(access: Access, **changes: object) -> JsonObject:
    token = {} if access.session_token is None else {"sessionToken": access.session_token}
    keys = {"awsAccessKey": access.key, "awsAccessSecret": access.secret, **token}
    where = {"bucket": LAKE, "region": LAKE_REGION, "path": f"test/{next(_names)}"}
    wanted: dict[str, Any] = {**keys, **where, **changes}
    return export_body(**wanted)


def delivered(store: ObjectStore, job: JsonObject, bucket: str = LAKE) -> list[tuple[str, bytes]]:
    found = store.objects(bucket)
    return [(key, content) for key, content in found.items() if job["exportId"] in key]


@pytest.mark.parametrize("temporary", [False, True])
def test_files_arrive_with_the_credentials_of_the_request(stage: Stage, store: ObjectStore, temporary: bool) -> None:
    job = stage.exported(body(store.assume_role() if temporary else store.keys, path="domo/orders"))
    ((key, content),) = delivered(store, job)

    assert job["exportStatus"] == "success"
    assert key == f"domo/orders/{job['exportId']}/export/data.csv.gz"
    assert list(job["urlRowCountMap"].values()) == [len(rows_of(content)) - 1] == [24]
    store.remove(LAKE, key)


def test_several_files_arrive_under_one_prefix(stage: Stage, store: ObjectStore) -> None:
    stage.emulator.world.switches.set({"rows_per_file": "10", "compression": "none"})
    job = stage.exported(body(store.keys))

    names = [key.rsplit("/", 1)[1] for key, _ in delivered(store, job)]
    assert names == ["data_0001.csv", "data_0002.csv", "data_0003.csv"]
    assert list(job["urlRowCountMap"].values()) == [10, 10, 4]


def test_a_kms_key_encrypts_the_object(stage: Stage, store: ObjectStore) -> None:
    job = stage.exported(body(store.keys, awsKmsKey="alias/example"))
    ((key, _),) = delivered(store, job)
    head = store.head(LAKE, key)

    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "alias/example")


def failures(store: ObjectStore) -> dict[str, tuple[JsonObject, str, str]]:
    temporary, over = store.assume_role(), store.assume_role()
    store.expire(over)
    reader = store.make_user(f"reader-{next(_names)}", ["s3:GetObject", "s3:GetBucketLocation"])
    unknown = Access(key="AKIAEXAMPLEUNKNOWN00", secret="x" * 40)
    signature = "SignatureDoesNotMatch: The request signature we calculated does not match"
    token = "InvalidToken: The provided token is malformed or otherwise invalid"
    return {
        "wrong secret": (
            body(replace(store.keys, secret="x" * 40)),
            "EMU_S3_SIGNATURE_DOES_NOT_MATCH",
            signature,
        ),
        "unknown key": (body(unknown), "EMU_S3_INVALID_ACCESS_KEY_ID", "InvalidAccessKeyId: The AWS Access Key Id"),
        "no session token": (body(replace(temporary, session_token=None)), "EMU_S3_INVALID_TOKEN", token),
        "token under another name": (
            body(replace(temporary, session_token=None), awsSessionToken=temporary.session_token),
            "EMU_S3_INVALID_TOKEN",
            token,
        ),
        "expired": (body(over), "EMU_S3_EXPIRED_TOKEN", "ExpiredToken: The provided token has expired"),
        "may not write": (body(reader), "EMU_S3_ACCESS_DENIED", "AccessDenied: Access Denied"),
        "no bucket": (
            body(store.keys, bucket="example-nowhere"),
            "EMU_S3_NO_SUCH_BUCKET",
            "NoSuchBucket: The specified",
        ),
        "no possible bucket": (body(store.keys, bucket="a b"), "EMU_S3_PARAM_VALIDATION_ERROR", "ParamValidationError"),
        "wrong region": (body(store.keys, region=FAR_REGION), "EMU_S3_REGION_MISMATCH", "RegionMismatch: the bucket"),
        "far bucket": (body(store.keys, bucket=FAR), "EMU_S3_REGION_MISMATCH", "RegionMismatch: the bucket"),
    }


FAILURES = [
    "wrong secret",
    "unknown key",
    "no session token",
    "token under another name",
    "expired",
    "may not write",
    "no bucket",
    "no possible bucket",
    "wrong region",
    "far bucket",
]


@pytest.fixture(scope="module")
def failing(store: ObjectStore) -> dict[str, tuple[JsonObject, str, str]]:
    return failures(store)


@pytest.mark.parametrize("name", FAILURES)
def test_what_the_store_refuses_fails_the_job_with_its_words(
    stage: Stage, failing: dict[str, tuple[JsonObject, str, str]], name: str
) -> None:
    sent, code, message = failing[name]
    accepted = stage.start(sent)
    stage.emulator.advance(10)
    (job,) = stage.listed()

    assert accepted.status == 200
    assert (job["exportStatus"], job["errorCode"], job["urlRowCountMap"]) == ("error", code, {})
    assert job["message"].startswith(message)
    assert sent["awsAccessSecret"] not in job["message"]


@pytest.mark.parametrize("name", [name for name in FAILURES if name != "may not write"])
def test_what_the_store_refuses_may_be_told_at_once(
    stage: Stage, failing: dict[str, tuple[JsonObject, str, str]], name: str
) -> None:
    stage.emulator.world.switches.set({"s3_check": "sync400"})
    sent, _, message = failing[name]
    reply = stage.start(sent)

    assert reply.status == 400
    assert reply.body["message"].startswith(message)
    assert stage.listed() == []


def test_a_store_that_does_not_answer_fails_the_job(store: ObjectStore) -> None:
    with staged(s3_endpoint="http://127.0.0.1:9") as stage:
        job = stage.exported(body(store.keys))

    assert job["errorCode"] == "EMU_S3_ENDPOINT_CONNECTION_ERROR"


def test_keys_that_may_only_write_suffice(stage: Stage, store: ObjectStore) -> None:
    writer = store.make_user(f"writer-{next(_names)}", ["s3:PutObject"])

    assert stage.exported(body(writer))["exportStatus"] == "success"


def test_keys_that_may_only_write_still_cannot_cross_regions(stage: Stage, store: ObjectStore) -> None:
    writer = store.make_user(f"writer-{next(_names)}", ["s3:PutObject"])
    job = stage.exported(body(writer, region=FAR_REGION))

    assert job["errorCode"] == "EMU_S3_REGION_MISMATCH"
    assert "expecting 'eu-west-3'" in job["message"]


def test_keys_must_outlive_the_job(stage: Stage, store: ObjectStore) -> None:
    temporary = store.assume_role()
    stage.start(body(temporary))
    store.expire(temporary)
    stage.emulator.advance(10)

    assert stage.listed()[0]["errorCode"] == "EMU_S3_EXPIRED_TOKEN"


def test_removed_objects_do_not_make_a_new_export(stage: Stage, store: ObjectStore) -> None:
    job = stage.exported(body(store.keys))
    ((key, _),) = delivered(store, job)
    store.remove(LAKE, key)

    assert stage.start(body(store.keys)).body["exportId"] == job["exportId"]
    assert delivered(store, job) == []


def test_the_store_can_be_attached_and_taken_away(stage: Stage, store: ObjectStore) -> None:
    stage.emulator.deliver_to(None)
    here = stage.exported(body(store.keys))
    stage.emulator.append_rows(ORDERS, [])
    stage.emulator.deliver_to(store.endpoint)
    there = stage.exported(body(store.keys))

    assert (delivered(store, here), len(stage.files())) == ([], 1)
    assert len(delivered(store, there)) == 1


def test_a_byte_order_mark_is_inside_the_archive(stage: Stage, store: ObjectStore) -> None:
    asked = {"includeBOM": True, "useCache": True, "query": query_of("order_id")}
    job = stage.exported(body(store.keys, queryRequest=asked))
    ((_, content),) = delivered(store, job)

    assert gzip.decompress(content).startswith(b"\xef\xbb\xbforder_id\n")
