"""The object store to deliver to refuses whom AWS would refuse, and keeps nothing of this machine's settings."""

import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from s3_server import FAR, FAR_REGION, LAKE, LAKE_REGION, PUBLIC, furnish, object_store

from reconciler.emulator import Access, FolderUploads, MemoryDrop, ObjectStore, Rejected, S3Uploads

_names = count()


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as store:
        yield store


def put(store: ObjectStore, access: Access, **changes: str) -> str:
    """How a delivery ends: nothing, or the store's word for what is wrong."""
    where = {"bucket": LAKE, "key": f"k{next(_names)}", "region": LAKE_REGION, **changes}
    try:
        S3Uploads(store.endpoint).put(where["bucket"], where["key"], b"content", access=access, region=where["region"])
    except Rejected as problem:
        return problem.code
    return ""


def location(store: ObjectStore, access: Access, bucket: str = LAKE) -> str | None:
    try:
        return S3Uploads(store.endpoint).region_of(bucket, access, LAKE_REGION)
    except Rejected as problem:
        return problem.code


def test_static_and_temporary_keys_may_deliver(store: ObjectStore) -> None:
    assert put(store, store.keys) == ""
    assert put(store, store.assume_role()) == ""


def test_what_was_delivered_can_be_read_back(store: ObjectStore) -> None:
    put(store, store.keys, key="a b/c+d ü.csv")

    assert store.objects(LAKE, "a b/") == {"a b/c+d ü.csv": b"content"}


def test_a_wrong_secret_is_a_wrong_signature(store: ObjectStore) -> None:
    assert put(store, replace(store.keys, secret="x" * 40)) == "SignatureDoesNotMatch"
    assert put(store, replace(store.assume_role(), secret="x" * 40)) == "SignatureDoesNotMatch"


def test_an_unknown_key_is_named(store: ObjectStore) -> None:
    assert put(store, Access(key="AKIAEXAMPLEUNKNOWN00", secret="x" * 40)) == "InvalidAccessKeyId"


def test_temporary_keys_need_their_own_session_token(store: ObjectStore) -> None:
    temporary = store.assume_role()

    assert put(store, replace(temporary, session_token=None)) == "InvalidToken"
    assert put(store, replace(temporary, session_token="another")) == "InvalidToken"
    assert put(store, replace(store.keys, session_token="any")) == "InvalidToken"


def test_keys_that_are_over_say_so(store: ObjectStore) -> None:
    temporary = store.assume_role()
    store.expire(temporary)

    assert put(store, temporary) == "ExpiredToken"
    assert location(store, temporary) == "ExpiredToken"
    assert put(store, store.assume_role()) == ""


def test_a_bucket_that_does_not_exist_is_missed(store: ObjectStore) -> None:
    assert put(store, store.keys, bucket="example-nowhere") == "NoSuchBucket"
    assert location(store, store.keys, "example-nowhere") == "NoSuchBucket"


def test_a_name_that_no_bucket_can_have_is_refused_before_it_is_sent(store: ObjectStore) -> None:
    assert put(store, store.keys, bucket="a b") == "ParamValidationError"
    assert put(store, store.keys, region="no region") == "InvalidRegionError"


def test_buckets_have_regions_and_a_delivery_must_name_theirs(store: ObjectStore) -> None:
    assert (location(store, store.keys, LAKE), location(store, store.keys, FAR)) == (LAKE_REGION, FAR_REGION)
    assert put(store, store.keys, region=FAR_REGION) == "AuthorizationHeaderMalformed"
    assert put(store, store.keys, bucket=FAR) == "AuthorizationHeaderMalformed"
    assert put(store, store.keys, bucket=FAR, region=FAR_REGION) == ""


def test_a_user_may_do_what_the_policy_says_and_no_more(store: ObjectStore) -> None:
    writer = store.make_user(f"writer-{next(_names)}", ["s3:PutObject"], [f"arn:aws:s3:::{LAKE}/allowed/*"])

    assert put(store, writer, key="allowed/a") == ""
    assert put(store, writer, key="other/a") == "AccessDenied"
    assert location(store, writer) == "AccessDenied"


def test_a_session_policy_narrows_what_the_role_may(store: ObjectStore) -> None:
    # The policy that the reference recommends for the writer of an export (7.4).
    writing = {
        "Effect": "Allow",
        "Action": ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
        "Resource": f"arn:aws:s3:::{LAKE}/domo/*",
    }
    asking = {"Effect": "Allow", "Action": "s3:GetBucketLocation", "Resource": f"arn:aws:s3:::{LAKE}"}

    def narrowed(*statements: Mapping[str, object]) -> Access:
        return store.assume_role(policy={"Version": "2012-10-17", "Statement": list(statements)})

    assert put(store, narrowed(writing), key="domo/a") == ""
    assert put(store, narrowed(writing), key="other/a") == "AccessDenied"
    assert location(store, narrowed(writing)) == "AccessDenied"
    assert location(store, narrowed(writing, asking)) == LAKE_REGION
    assert location(store, narrowed(writing, asking), FAR) == "AccessDenied"
    writer = store.client(region=LAKE_REGION, access=narrowed(writing))
    with pytest.raises(Exception, match="403"):
        writer.head_object(Bucket=LAKE, Key="domo/a")
    with pytest.raises(Exception, match="AccessDenied"):
        writer.delete_object(Bucket=LAKE, Key="domo/a")
    with pytest.raises(Exception, match="AccessDenied"):
        writer.list_objects_v2(Bucket=LAKE)


def test_the_callers_identity_tells_a_role_from_a_user(store: ObjectStore) -> None:
    user = store.client("sts", access=store.keys).get_caller_identity()["Arn"]
    role = store.client("sts", access=store.assume_role("nightly")).get_caller_identity()["Arn"]

    assert user == "arn:aws:iam::123456789012:user/exporter"
    assert role == "arn:aws:sts::123456789012:assumed-role/delivery/nightly"
    assert store.role_arn == "arn:aws:iam::123456789012:role/delivery"


def test_a_stranger_cannot_assume_the_role(store: ObjectStore) -> None:
    stranger = store.make_user(f"stranger-{next(_names)}", ["s3:PutObject"])

    with pytest.raises(Exception, match="AccessDenied"):
        store.client("sts", access=stranger).assume_role(RoleArn=store.role_arn, RoleSessionName="stranger")


def read(url: str) -> bytes | int:
    try:
        with urllib.request.urlopen(url) as answer:  # noqa: S310 - loopback
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code


def test_a_public_bucket_is_open_to_everybody_and_others_are_not(store: ObjectStore) -> None:
    for bucket in (LAKE, PUBLIC):
        put(store, store.keys, bucket=bucket, key="seen")

    assert read(f"{store.endpoint}/{PUBLIC}/seen") == b"content"
    assert read(f"{store.endpoint}/{PUBLIC}/unseen") == 404
    assert read(f"{store.endpoint}/{LAKE}/seen") == 403
    assert read(f"{store.endpoint}/{PUBLIC}") == 403
    assert store.client(region=LAKE_REGION).get_bucket_policy_status(Bucket=PUBLIC)["PolicyStatus"]["IsPublic"] is True


def test_an_encrypted_object_says_with_which_key(store: ObjectStore) -> None:
    S3Uploads(store.endpoint).put(LAKE, "kms", b"x", access=store.keys, region=LAKE_REGION, kms_key="alias/example")
    head = store.head(LAKE, "kms")

    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "alias/example")


def test_removing_and_emptying(store: ObjectStore) -> None:
    put(store, store.keys, key="gone")
    store.remove(LAKE, "gone")
    removed = store.objects(LAKE, "gone")
    put(store, store.keys, key="stays")
    store.empty()
    emptied = location(store, store.keys)
    furnish(store)

    assert (removed, emptied, store.objects(LAKE)) == ({}, "NoSuchBucket", {})


def test_profiles_of_this_machine_change_nothing(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nonexistent")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "from-the-environment")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    assert put(store, store.keys) == ""


def test_two_stores_know_nothing_of_each_other(store: ObjectStore) -> None:
    with ObjectStore.start() as other:
        put(store, store.keys, key="mine")

        assert put(other, store.keys) == "InvalidAccessKeyId"
        assert other.client().list_buckets()["Buckets"] == []


def test_a_store_that_has_stopped_cannot_be_reached_and_says_where() -> None:
    with ObjectStore.start() as store:
        keys = store.keys
    store.stop()

    with pytest.raises(Rejected, match=store.endpoint) as caught:
        S3Uploads(store.endpoint).put(LAKE, "k", b"", access=keys, region=LAKE_REGION)
    assert caught.value.code == "EndpointConnectionError"


def test_without_moto_the_start_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "moto.py").write_text("raise SystemExit")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with pytest.raises(RuntimeError, match=r"is `moto\[server,s3,iam,sts\]` installed"):
        ObjectStore.start()


def test_keys_show_in_no_text(store: ObjectStore) -> None:
    temporary = store.assume_role()
    shown = f"{temporary} {temporary!r} {store.keys}"

    assert [part for part in (temporary.key, temporary.secret, temporary.session_token) if str(part) in shown] == []


def test_a_token_that_no_header_can_hold_is_not_repeated(store: ObjectStore) -> None:
    broken = replace(store.keys, session_token="secret\npart")

    with pytest.raises(Rejected) as caught:
        S3Uploads(store.endpoint).put(LAKE, "k", b"", access=broken, region=LAKE_REGION)
    assert "secret" not in str(caught.value)


def test_folders_take_any_keys_but_know_their_buckets() -> None:
    drop = MemoryDrop()
    folders = FolderUploads(drop, {"a": "eu-west-3"})
    anybody = Access(key="any", secret="any")
    folders.put("a", "k", b"x", access=anybody, region="eu-west-3")

    assert folders.region_of("a", anybody, "us-east-1") == "eu-west-3"
    assert drop.objects == {("a", "k"): b"x"}
    with pytest.raises(Rejected, match=r"NoSuchBucket: .* it knows a\)"):
        folders.put("b", "k", b"x", access=anybody, region="eu-west-3")


def test_memory_forgets_what_lies_below_a_prefix() -> None:
    drop = MemoryDrop()
    for bucket, key in (("a", "x/1"), ("a", "y/1"), ("b", "x/1")):
        drop.put(bucket, key, b"")
    drop.expire("a", "x/")

    assert list(drop.objects) == [("a", "y/1"), ("b", "x/1")]
