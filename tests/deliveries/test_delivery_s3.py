"""S3 in particular: who pays, whose role, broken connections, refusals, and who else may read."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from bucket_servers import free_port, s3_client, server
from bucket_stub import Stub, bucket_stub
from delivery_places import public_bucket, s3_stand
from hypothesis import given
from hypothesis import strategies as st

from reconciler.deliveries import (
    Changed,
    NotAllowed,
    PlaceMissing,
    S3Access,
    S3Location,
    Source,
    SourceError,
    Unreachable,
    open_source,
    parse_location,
)
from reconciler.deliveries.resuming import Broken, Opened, resumed

WHERE = parse_location("s3://example-drop/drop")
BODY = random.Random(7).randbytes(3_000_000)


def opened(stub: Stub, **more: object) -> Source:
    access = S3Access(access_key_id="AK", secret_access_key="hunter2", endpoint=stub.endpoint, **more)  # type: ignore[arg-type]
    return open_source(WHERE, access)


def test_a_bucket_whose_readers_pay_is_told_so_in_every_request() -> None:
    with bucket_stub(body=b"x", requester_pays=True) as stub:
        with opened(stub, requester_pays=True) as source:
            keys = [each.key for each in source.list()]
            source.head("part.json")
            body = b"".join(source.stream("part.json"))
            part = source.range("part.json", 0, 1)

        assert (keys, body, part) == (["part.json"], b"x", b"x")
        assert all(headers["x-amz-request-payer"] == "requester" for _, _, headers in stub.asked)


def test_without_paying_such_a_bucket_is_closed_and_the_advice_says_why() -> None:
    with bucket_stub(body=b"x", requester_pays=True) as stub, opened(stub) as source:
        with pytest.raises(NotAllowed, match="requesterPays"):
            list(source.list())
        with pytest.raises(NotAllowed):
            list(source.stream("part.json"))


def test_a_role_is_assumed_and_its_session_signs() -> None:
    with bucket_stub(body=b"x") as stub:
        role = "arn:aws:iam::123456789012:role/example-role"
        with opened(stub, role_arn=role, external_id="e-1", sts_endpoint=server("s3").endpoint) as source:
            list(source.list())
            list(source.list())
        signatures = [headers["authorization"] for _, _, headers in stub.asked]

    # Keys of a session begin with ASIA, and carry a token.
    assert all("Credential=ASIA" in each for each in signatures)
    assert len({each.partition("Credential=")[2].partition("/")[0] for each in signatures}) == 1


def test_a_role_that_may_not_be_assumed_is_not_allowed() -> None:
    with bucket_stub() as stub, bucket_stub(refusals=[(403, "AccessDenied")] * 9) as sts:
        source = opened(stub, role_arn="arn:aws:iam::123456789012:role/x", sts_endpoint=sts.endpoint)
        with pytest.raises(NotAllowed):
            list(source.list())


def test_a_stream_that_breaks_is_taken_up_where_it_broke() -> None:
    with bucket_stub(body=BODY, cuts=[1_200_000, 0, 700_001, 5]) as stub, opened(stub) as source:
        body = b"".join(source.stream("part.json"))
        ranges = [headers.get("range") for _, path, headers in stub.asked if "part.json" in path]

    assert body == BODY
    assert ranges[0] is None
    assert len(ranges) == 5
    assert all(headers.get("if-match") == '"e1"' for _, _, headers in stub.asked[1:])


def test_an_object_that_is_written_anew_meanwhile_is_not_mixed_with_the_old() -> None:
    with (
        bucket_stub(body=BODY, cuts=[1_200_000], change_after=1) as stub,
        opened(stub) as source,
        pytest.raises(Changed),
    ):
        list(source.stream("part.json"))


def test_a_stream_that_breaks_again_and_again_is_given_up() -> None:
    with (
        bucket_stub(body=BODY, cuts=[0] * 20) as stub,
        opened(stub) as source,
        pytest.raises(Unreachable, match="again and again"),
    ):
        list(source.stream("part.json"))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "AccessDenied", NotAllowed),
        (403, "InvalidAccessKeyId", NotAllowed),
        (403, "SignatureDoesNotMatch", NotAllowed),
        (400, "ExpiredToken", NotAllowed),
        (403, "RequestTimeTooSkewed", NotAllowed),
        (400, "KMS.DisabledException", NotAllowed),
        (404, "NoSuchBucket", PlaceMissing),
        (503, "SlowDown", Unreachable),
        (500, "InternalError", Unreachable),
        (403, "InvalidObjectState", SourceError),
        (418, "Teapot", SourceError),
        (403, "HTML", NotAllowed),
        (502, "HTML", Unreachable),
    ],
)
def test_refusals_are_told_apart_and_the_servers_words_are_not_repeated(
    status: int, code: str, kind: type[SourceError]
) -> None:
    answers = bucket_stub(refusals=[(status, code)] * 9)
    with answers as stub, opened(stub) as source, pytest.raises(SourceError) as refused:
        list(source.stream("part.json"))

    assert type(refused.value) is kind
    assert "secret words" not in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_server_that_is_not_there_is_unreachable() -> None:
    source = open_source(
        WHERE, S3Access(access_key_id="AK", secret_access_key="SK", endpoint=f"http://127.0.0.1:{free_port()}")
    )
    with pytest.raises(Unreachable):
        list(source.list())


def test_no_credentials_and_unknown_profiles_are_not_allowed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    endpoint = f"http://127.0.0.1:{free_port()}"
    for access in (S3Access(endpoint=endpoint), S3Access(endpoint=endpoint, profile="example")):
        with pytest.raises(NotAllowed):
            list(open_source(WHERE, access).list())


def test_posture_of_a_private_and_of_a_public_bucket(tmp_path: Path) -> None:
    stand = s3_stand(tmp_path)
    assert isinstance(stand.location, S3Location)
    client = s3_client(server("s3").endpoint)
    name = stand.location.bucket
    with stand.open() as source:
        plain = source.posture()
        client.put_public_access_block(
            Bucket=name,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "key-1"}}
        client.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
        closed = source.posture()
        client.delete_public_access_block(Bucket=name)
        with public_bucket(name):
            public = source.posture()
        client.put_bucket_acl(Bucket=name, ACL="public-read")
        listed = source.posture()

    assert (plain.public_blocked, plain.public_policy) == (False, False)
    assert (closed.public_blocked, closed.encryption, closed.encryption_key) == (True, "aws:kms", "key-1")
    assert public.public_policy is True
    assert listed.public_policy is True


def test_a_stranger_who_is_answered_is_a_proof() -> None:
    with bucket_stub(body=b"x") as stub, opened(stub) as source:
        posture = source.posture()
        unsigned = [path for _, path, headers in stub.asked if "authorization" not in headers]

    assert posture.listed_by_anyone is True
    assert len(unsigned) == 1


def test_a_stranger_who_is_refused_is_a_proof_too_and_the_rest_is_unknown() -> None:
    with bucket_stub(requester_pays=True) as stub, opened(stub, requester_pays=True) as source:
        posture = source.posture()

    assert posture.listed_by_anyone is False
    assert (posture.public_blocked, posture.public_policy) == (None, None)
    assert len(posture.unknown) >= 3


@given(
    body=st.binary(max_size=400),
    start=st.integers(0, 450),
    breaks=st.lists(st.integers(0, 200), max_size=12),
    piece=st.integers(1, 90),
)
def test_any_breaking_gives_every_byte_once_or_gives_up(body: bytes, start: int, breaks: list[int], piece: int) -> None:
    left = list(breaks)
    rests: list[float] = []

    def open_at(position: int, etag: str | None) -> Opened:
        assert etag in (None, "e")
        budget = left.pop(0) if left else len(body) + 1

        def pieces() -> Iterator[bytes]:
            sent = 0
            for at in range(position, len(body), piece):
                if sent >= budget:
                    raise Broken
                yield body[at : at + piece]
                sent += piece

        return "e", len(body), pieces()

    got = bytearray()
    try:
        for each in resumed(open_at, "there", start, rests.append):
            got += each
    except Unreachable:
        assert body[start:].startswith(bytes(got))
        assert 0 in breaks
        return

    assert bytes(got) == body[start:]
