"""What buckets alone have: pages, encryption, lost replies, and sentences for everything that their servers refuse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bucket_servers import s3_client, server
from strange_server import Answer, StrangeServer

from reconciler.backend import Backend, BackendError, Holder
from reconciler.stores import AlreadyThere, NotThere, Store, StoreError, StoreOptions, open_store

HOLDER = Holder(
    id="h-1", who="ann", operation="apply", host="example", pid=1, since=datetime(2026, 12, 1, 6, tzinfo=UTC)
)


def refusal(code: str, message: str = "said with AK and SK") -> str:
    """How S3 says no."""
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"


def google(status: int, message: str = "said with a token") -> Answer:
    """How Google says no."""
    return status, f'{{"error": {{"code": {status}, "message": "{message}"}}}}'


def at(url: str, strange: StrangeServer, **more: str) -> Store:
    return open_store(url, Path(), StoreOptions(endpoint=strange.endpoint, **more))


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Credentials that mean nothing, and no others."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AK")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SK")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    return monkeypatch


# --------------------------------------------------------------------------------------------- listing


def test_every_page_of_a_list_is_read_at_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    store = server("s3").store()
    names = [f"a/{number:03d}" for number in range(11)]
    for name in reversed(names):
        store.create(name, b"x")

    assert list(store.list("a/")) == names


def test_every_page_of_a_list_is_read_at_google() -> None:
    pages = [
        (200, '{"items": [{"name": "p/a/1"}, {"name": "p/a/"}], "nextPageToken": "more"}'),
        (200, '{"items": [{"name": "p/a/2"}]}'),
    ]
    with StrangeServer(*pages) as strange:
        found = list(at("gs://example-bucket/p", strange).list("a/"))

    assert found == ["a/1", "a/2"]
    assert "pageToken=more" in strange.asked[1]


def test_a_folder_that_the_console_made_is_no_object() -> None:
    bucket = server("s3")
    url = bucket.bucket()
    s3_client(bucket.endpoint).put_object(Bucket=url.removeprefix("s3://"), Key="pre/fix/state/", Body=b"")
    store = open_store(f"{url}/pre/fix", Path(), bucket.options)
    store.create("state/1", b"x")

    assert list(store.list("state/")) == ["state/1"]


# ------------------------------------------------------------------------------------------ encryption


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({}, {}),
        ({"encryption": "AES256"}, {"x-amz-server-side-encryption": "AES256"}),
        (
            {"kms_key": "alias/example"},
            {
                "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": "alias/example",
            },
        ),
        (
            {"encryption": "aws:kms:dsse", "kms_key": "alias/example"},
            {
                "x-amz-server-side-encryption": "aws:kms:dsse",
                "x-amz-server-side-encryption-aws-kms-key-id": "alias/example",
            },
        ),
    ],
)
def test_s3_is_asked_to_encrypt_as_the_project_says(
    aws: pytest.MonkeyPatch, options: dict[str, str], asked: dict[str, str]
) -> None:
    with StrangeServer((200, "")) as strange:
        at("s3://example-bucket", strange, **options).create("a", b"x")

    found = strange.headers[0]
    assert {name: value for name, value in found.items() if "encryption" in name} == asked
    assert found["if-none-match"] == "*"


def test_google_is_told_the_key() -> None:
    with StrangeServer((200, '{"name": "a"}')) as strange:
        at("gs://example-bucket", strange, kms_key="projects/p/locations/l/keyRings/r/cryptoKeys/k").create("a", b"x")

    assert "kmsKeyName=projects%2Fp%2Flocations%2Fl%2FkeyRings%2Fr%2FcryptoKeys%2Fk" in strange.asked[0]
    assert "ifGenerationMatch=0" in strange.asked[0]


# ----------------------------------------------------------------------------------------- lost replies


@pytest.mark.parametrize("kind", ["s3", "gs"])
def test_a_lost_reply_to_a_creation_is_not_taken_for_somebody_elses(kind: str) -> None:
    bucket = server(kind)
    url = bucket.bucket()
    with StrangeServer("lose", behind=bucket.endpoint) as strange:
        with pytest.raises(AlreadyThere):
            at(url, strange).create("a", b"ours")
        backend = Backend.over(at(url, strange), project="shop", environment="prod")
        strange._answers.append("lose")
        with backend.lock(HOLDER) as journal:
            strange._answers.append("lose")
            journal.check()
            journal.compact()

    assert open_store(url, Path(), bucket.options).read("a") == b"ours"


@pytest.mark.parametrize("kind", ["s3", "gs"])
@pytest.mark.parametrize("trouble", [(503, "busy"), (429, "slowly"), (500, "oh"), "cut"], ids=str)
def test_what_fails_on_the_way_is_tried_again(kind: str, trouble: Answer | str) -> None:
    bucket = server(kind)
    with StrangeServer(trouble, behind=bucket.endpoint) as strange:
        store = at(bucket.bucket(), strange)
        store.create("a", b"x")

        assert (store.read("a"), list(store.list(""))) == (b"x", ["a"])


def test_a_conflict_of_two_writers_is_tried_again() -> None:
    bucket = server("s3")
    conflict = (409, refusal("ConditionalRequestConflict"))
    with StrangeServer(conflict, conflict, behind=bucket.endpoint) as strange:
        store = at(bucket.bucket(), strange)
        store.create("a", b"x")

    assert len(strange.asked) == 3


# --------------------------------------------------------------------------------------------- sentences


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (404, "NoSuchBucket", "there is no such bucket"),
        (403, "AccessDenied", "access is denied; the state needs s3:GetObject"),
        (403, "InvalidAccessKeyId", "does not know the access key"),
        (403, "SignatureDoesNotMatch", "the secret key does not belong"),
        (400, "ExpiredToken", "the session's token has expired; sign in again"),
        (403, "RequestTimeTooSkewed", "this machine's clock differs"),
        (400, "AuthorizationHeaderMalformed", "another region; say `region`"),
        (400, "KMS.DisabledException", "the key of `kmsKey` cannot be used (KMS.DisabledException)"),
        (501, "NotImplemented", "does not know conditional writes"),
        (418, "Teapot", "the server answered 418 `Teapot`"),
    ],
)
def test_what_s3_refuses_is_a_sentence_with_the_place_and_what_to_do(
    aws: pytest.MonkeyPatch, status: int, code: str, sentence: str
) -> None:
    with StrangeServer((status, refusal(code))) as strange:
        store = at("s3://example-bucket/p", strange)
        with pytest.raises(StoreError) as writing:
            store.create("a", b"x")
        with pytest.raises(StoreError) as listing:
            store.list("a/")

    assert str(writing.value).startswith("cannot write `s3://example-bucket/p/a`: ")
    assert str(listing.value).startswith("cannot list `s3://example-bucket/p/a/`: ")
    for error in (writing, listing):
        assert sentence in str(error.value)
        assert not isinstance(error.value, AlreadyThere | NotThere)
        assert "said with" not in str(error.value)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (google(404, "The specified bucket does not exist."), "there is no such bucket"),
        (google(403), "access is denied; the state needs storage.objects.create"),
        (google(400), "check the bucket's name and `kmsKey`"),
        (google(418), "the server answered 418"),
    ],
)
def test_what_google_refuses_is_a_sentence_with_the_place_and_what_to_do(answer: Answer, sentence: str) -> None:
    with StrangeServer(answer) as strange:
        store = at("gs://example-bucket/p", strange)
        for doing, call in (
            ("write", lambda: store.create("a", b"x")),
            ("read", lambda: store.read("a")),
            ("list", lambda: store.list("a")),
            ("delete", lambda: store.delete("a")),
        ):
            with pytest.raises(StoreError) as refused:
                call()

            assert str(refused.value).startswith(f"cannot {doing} `gs://example-bucket/p/a`: ")
            assert sentence in str(refused.value)
            assert "said with" not in str(refused.value)


@pytest.mark.parametrize("code", ["SlowDown", "InternalError"])
def test_a_server_that_fails_to_the_last_is_asked_so_often_and_no_more(aws: pytest.MonkeyPatch, code: str) -> None:
    with (
        StrangeServer((503, refusal(code))) as strange,
        pytest.raises(StoreError, match="to the last; run again later"),
    ):
        at("s3://example-bucket", strange).read("a")

    assert len(strange.asked) == 4


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (
            lambda aws: [aws.delenv("AWS_ACCESS_KEY_ID"), aws.delenv("AWS_SECRET_ACCESS_KEY")],
            "no credentials were found",
        ),
        (lambda aws: aws.delenv("AWS_SECRET_ACCESS_KEY"), "no credentials were found"),
        (lambda aws: aws.setenv("AWS_PROFILE", "nobody"), "AWS_PROFILE names a profile that is not configured"),
    ],
    ids=["none", "half", "profile"],
)
def test_missing_credentials_are_a_sentence(
    aws: pytest.MonkeyPatch, prepare: Callable[[pytest.MonkeyPatch], object], sentence: str
) -> None:
    prepare(aws)
    store = open_store("s3://example-bucket", Path(), StoreOptions(endpoint="http://127.0.0.1:9"))

    with pytest.raises(StoreError, match=sentence):
        store.read("a")


def test_without_credentials_google_says_how_to_sign_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)

    with pytest.raises(StoreError, match="no credentials were found; sign in"):
        open_store("gs://example-bucket", Path()).read("a")


def test_a_server_that_is_not_there_is_a_sentence(aws: pytest.MonkeyPatch) -> None:
    store = open_store("s3://example-bucket", Path(), StoreOptions(endpoint="http://127.0.0.1:9"))

    with pytest.raises(StoreError, match="the server cannot be reached; check the network, `endpoint` and `region`"):
        store.read("a")


def test_the_libraries_own_variables_name_other_servers_too(aws: pytest.MonkeyPatch) -> None:
    for kind, variable in (("s3", "AWS_ENDPOINT_URL_S3"), ("gs", "STORAGE_EMULATOR_HOST")):
        bucket = server(kind)
        aws.setenv(variable, bucket.endpoint)
        store = open_store(bucket.bucket(), Path(), StoreOptions(region="us-east-1" if kind == "s3" else None))
        store.create("a", b"x")

        assert store.read("a") == b"x"


@pytest.mark.parametrize(
    "endpoint", ["http://user:word@127.0.0.1", "ftp://127.0.0.1", "127.0.0.1:9", "http://[", "https://h/?a=b"]
)
def test_an_endpoint_that_is_none_is_refused_and_not_repeated(endpoint: str) -> None:
    with pytest.raises(StoreError, match=r"^the state's endpoint must be ") as refused:
        open_store("s3://example-bucket", Path(), StoreOptions(endpoint=endpoint))

    assert endpoint not in str(refused.value)


class Forgetful:
    """A store that makes an object although it is there."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def create(self, name: str, body: bytes) -> None:
        self.objects[name] = body

    def read(self, name: str) -> bytes:
        return self.objects[name]

    def list(self, prefix: str) -> list[str]:
        return sorted(each for each in self.objects if each.startswith(prefix))

    def delete(self, name: str) -> None:
        self.objects.pop(name, None)

    def where(self, name: str) -> str:
        return f"example {name}"


def test_a_server_that_ignores_the_condition_is_found_out_before_anything_is_written() -> None:
    store = Forgetful()
    backend = Backend.over(store, project="shop", environment="prod")

    with pytest.raises(BackendError, match="the server makes an object twice"), backend.lock(HOLDER):
        pass
    assert [name for name in store.objects if "/lock/" not in name] == []
