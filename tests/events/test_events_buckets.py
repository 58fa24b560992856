"""Files of events that lie in a bucket are imported like those beside the manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import pytest
from event_stage import events, importing, is_whole, lines
from world import Status, World

from reconciler.emulator.objects import ObjectStore

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with ObjectStore.start() as store:
        store.make_bucket("example-consents", "eu-west-3")
        yield store


@pytest.fixture
def bucket(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bytes], str]:
    """Puts a file into the bucket, where AWS's own variables lead to; gives its digest."""
    for name, value in (
        ("AWS_ENDPOINT_URL", store.endpoint),
        ("AWS_ACCESS_KEY_ID", store.keys.key),
        ("AWS_SECRET_ACCESS_KEY", store.keys.secret),
    ):
        monkeypatch.setenv(name, value)
    client = store.client(region="eu-west-3")

    def put(key: str, content: bytes) -> str:
        client.put_object(Bucket="example-consents", Key=key, Body=content)
        return hashlib.sha256(content).hexdigest()

    return put


def test_events_come_from_a_bucket(world_of: Callable[..., World], bucket: Callable[[str, bytes], str]) -> None:
    didomi, found = world_of("didomi"), events(120)
    digest = bucket("crm/events.jsonl", lines(found))
    file = {"path": "s3://example-consents/crm/events.jsonl", "sha256": digest}
    didomi.apply(importing(file, s3={"region": "eu-west-3"}))

    is_whole(didomi.vendor, found)


def test_a_file_in_a_bucket_that_is_another_one_is_refused(
    world_of: Callable[..., World], bucket: Callable[[str, bytes], str]
) -> None:
    didomi = world_of("didomi")
    digest = bucket("crm/changed.jsonl", lines(events(3)))
    bucket("crm/changed.jsonl", lines(events(4)))
    file = {"path": "s3://example-consents/crm/changed.jsonl", "sha256": digest}
    run = didomi.apply(importing(file, s3={"region": "eu-west-3"}), expect=Status.INVALID)

    assert [each.code for each in run.problems] == ["file-changed"]


def test_a_file_that_is_not_in_the_bucket_is_refused(
    world_of: Callable[..., World], bucket: Callable[[str, bytes], str]
) -> None:
    didomi = world_of("didomi")
    run = didomi.apply(
        importing({"path": "s3://example-consents/nothing.jsonl", "sha256": "0" * 64}), expect=Status.INVALID
    )

    assert [each.code for each in run.problems] == ["file-unreadable"]
