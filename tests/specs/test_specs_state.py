"""`state` in the project file: a URL, or a mapping with more to say."""

from __future__ import annotations

import pytest
from specs_stage import Stage

from reconciler.specs.project import StatePlace


def state(stage: Stage, text: str) -> StatePlace:
    stage.write("reconciler.yaml", f"project: demo\nstate: {text}\n")
    return stage.project().state


def refused(stage: Stage, text: str) -> list[str]:
    stage.write("reconciler.yaml", f"project: demo\nstate: {text}\n")
    return list(stage.refused())


def test_a_url_alone_is_enough(stage: Stage) -> None:
    assert state(stage, "s3://example/state") == StatePlace(url="s3://example/state", keep=9, lease_seconds=180.0)


def test_everything_can_be_said_of_s3(stage: Stage) -> None:
    text = (
        "{url: 's3://example/state', endpoint: 'https://s3.example.com', region: eu-west-1, encryption: 'aws:kms', "
        "kmsKey: alias/example, keep: 50, leaseSeconds: 60}"
    )

    assert state(stage, text) == StatePlace(
        url="s3://example/state",
        endpoint="https://s3.example.com",
        region="eu-west-1",
        encryption="aws:kms",
        kms_key="alias/example",
        keep=50,
        lease_seconds=60.0,
    )


def test_an_environment_may_say_its_own(stage: Stage) -> None:
    stage.write(
        "reconciler.yaml",
        "project: demo\nstate: {url: 's3://example/a', keep: 3}\n"
        "environments: {prod: {state: {url: 's3://example/b'}}, test: {state: 'file://here'}}\n",
    )

    assert (stage.project("prod").state, stage.project("test").state) == (
        StatePlace(url="s3://example/b", keep=3),
        StatePlace(url="file://here"),
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "ftp://example",
            (
                "reconciler.yaml:2:8 invalid-value `state` does not have the form it must have "
                "| write `file://folder`, `s3://bucket/prefix` or `gs://bucket/prefix`"
            ),
        ),
        (
            "{keep: 3}",
            (
                "reconciler.yaml:2:1 missing-key `state` lacks the key `url` "
                "| write `file://folder`, `s3://bucket/prefix` or `gs://bucket/prefix`"
            ),
        ),
        (
            "{url: 's3://example', endpoint: 'https://user:word@example.com'}",
            (
                "reconciler.yaml:2:40 invalid-value `endpoint` does not have the form it must have "
                "| another server that speaks S3 or Cloud Storage, such as `https://s3.example.com`"
            ),
        ),
        (
            "{url: 's3://example', leaseSecond: 5}",
            "reconciler.yaml:2:30 unknown-key `state` has no key `leaseSecond` | did you mean `leaseSeconds`?",
        ),
        (
            "{url: 's3://example', leaseSeconds: 0}",
            (
                "reconciler.yaml:2:44 invalid-value `leaseSeconds` must be at least 1 "
                "| how long a holder of the lock may be silent, in a bucket"
            ),
        ),
        (
            "{url: 'gs://example', encryption: AES256}",
            "reconciler.yaml:2:30 invalid-value `encryption` says nothing about a state at `gs://` | remove it",
        ),
        (
            "{url: 'file://here', kmsKey: k}",
            "reconciler.yaml:2:29 invalid-value `kmsKey` says nothing about a state at `file://` | remove it",
        ),
        (
            "{url: 's3://example', encryption: AES256, kmsKey: k}",
            (
                "reconciler.yaml:2:42 invalid-value `encryption` cannot be `AES256` together with `kmsKey` "
                "| write `aws:kms`, or remove the key"
            ),
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_place(stage: Stage, text: str, complaint: str) -> None:
    assert refused(stage, text) == [complaint]
