"""What every place with files promises, at each kind of place that there is."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from delivery_places import EVERYWHERE, STANDS, Stand

from reconciler.deliveries import (
    Delivered,
    NotThere,
    PlaceMissing,
    SourceError,
    exists,
    open_source,
    read_small,
)


@pytest.fixture(params=EVERYWHERE)
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Stand:
    return STANDS[request.param](tmp_path)


KEYS = ["_SUCCESS", "a/b.json", "a/b/c.json", "a0.json", "export-id=x1/date=2026-11-21/users/part 0001+é.json.gz", "z"]


def test_a_list_has_every_object_below_the_location_in_order(stand: Stand) -> None:
    keys = [each for each in KEYS if each != "a/b/c.json"] + ["a/b-c.json", "a-b/c.json"]
    for key in keys:
        stand.put(key, key.encode())
    with stand.open() as source:
        found = list(source.list())

    assert [each.key for each in found] == sorted(keys)
    assert [each.size for each in found] == [len(key.encode()) for key in sorted(keys)]
    assert all(each.modified.tzinfo is not None for each in found)


def test_a_prefix_need_not_end_at_a_slash(stand: Stand) -> None:
    for key in ("date=2026-11-20/a", "date=2026-11-21/a", "date=2026-12-01/a", "other"):
        stand.put(key, b"x")
    with stand.open() as source:
        november = [each.key for each in source.list("date=2026-11")]
        day = [each.key for each in source.list("date=2026-11-21/")]
        none = list(source.list("nothing/like/it"))

    assert november == ["date=2026-11-20/a", "date=2026-11-21/a"]
    assert day == ["date=2026-11-21/a"]
    assert none == []


@pytest.mark.slow
def test_a_list_goes_on_over_many_pages(stand: Stand) -> None:
    keys = [f"users/part-{number:05}.json" for number in range(1234)]
    for key in keys:
        stand.put(key, b"")
    with stand.open() as source:
        found = [each.key for each in source.list("users/")]

    assert found == keys


def test_a_stream_is_the_object_and_ranges_are_its_parts(stand: Stand) -> None:
    body = bytes(range(256)) * 36_000  # nine megabytes: several pieces everywhere
    stand.put("part.json", body)
    with stand.open() as source:
        pieces = list(source.stream("part.json"))
        later = b"".join(source.stream("part.json", 9_000_001))
        beginning, middle, end, beyond = (
            source.range("part.json", 0, 4),
            source.range("part.json", 4_500_000, 300),
            source.range("part.json", len(body) - 2, 100),
            source.range("part.json", len(body) + 5, 100),
        )

    assert b"".join(pieces) == body
    assert max(map(len, pieces)) < 8 * 1024 * 1024
    assert later == body[9_000_001:]
    assert (beginning, middle, end, beyond) == (body[:4], body[4_500_000:4_500_300], body[-2:], b"")


def test_a_stream_from_the_end_on_is_empty(stand: Stand) -> None:
    stand.put("a", b"123")
    stand.put("empty", b"")
    with stand.open() as source:
        assert list(source.stream("a", 3)) == []
        assert b"".join(source.stream("empty")) == b""


def test_head_and_list_agree(stand: Stand) -> None:
    stand.put("part.json", b"content")
    with stand.open() as source:
        (listed,) = source.list()
        head = source.head("part.json")

    assert isinstance(head, Delivered)
    assert (head.key, head.size, head.etag) == (listed.key, 7, listed.etag)
    assert abs((head.modified - listed.modified).total_seconds()) < 1
    assert head.etag


def test_other_content_has_another_etag(stand: Stand) -> None:
    stand.put("part.json", b"content")
    with stand.open() as source:
        before = source.head("part.json").etag
        stand.put("part.json", b"other content")
        after = source.head("part.json").etag

    assert before != after


def test_a_missing_object_is_told_from_a_missing_place(stand: Stand) -> None:
    stand.put("there", b"x")
    with stand.open() as source:
        assert exists(source, "there")
        assert not exists(source, "missing")
        for ask in (source.head, lambda key: list(source.stream(key)), lambda key: source.range(key, 0, 1)):
            with pytest.raises(NotThere, match="missing"):
                ask("missing")
            with pytest.raises(NotThere):
                ask("sub/missing")
    with open_source(stand.missing, stand.access) as nowhere:
        with pytest.raises(PlaceMissing):
            nowhere.head("there")
        with pytest.raises(PlaceMissing):
            list(nowhere.stream("there"))
        with pytest.raises(PlaceMissing):
            list(nowhere.list())


def test_posture_names_the_place_and_what_it_could_not_find_out(stand: Stand) -> None:
    stand.put("a", b"x")
    with stand.open() as source:
        posture = source.posture()

    assert posture.place == source.where()
    assert posture.unknown or None not in (posture.public_blocked, posture.public_policy, posture.encryption)


def test_posture_of_a_missing_place_is_an_error(stand: Stand) -> None:
    with open_source(stand.missing, stand.access) as nowhere, pytest.raises(SourceError):
        nowhere.posture()


def test_a_small_object_is_read_as_a_whole_and_a_large_one_refused(stand: Stand) -> None:
    stand.put("manifest.json", b'{"flowRunId": "r1"}')
    with stand.open() as source:
        assert read_small(source, "manifest.json") == b'{"flowRunId": "r1"}'
        with pytest.raises(SourceError, match="larger than 10 bytes"):
            read_small(source, "manifest.json", limit=10)


def test_a_place_travels_to_another_process(stand: Stand) -> None:
    place = pickle.loads(pickle.dumps(stand.place))  # noqa: S301 - our own

    assert place == stand.place


def test_no_message_and_no_repr_shows_a_secret(stand: Stand) -> None:
    secrets = [
        value
        for name in ("secret_access_key", "password", "connection_string")
        if (value := getattr(stand.access, name, None))
    ]
    with open_source(stand.missing, stand.access) as nowhere:
        try:
            nowhere.head("a")
        except SourceError as error:
            said = f"{error} {error!r}"

    assert not [each for each in secrets if each in said or each in repr(stand.place)]


def test_errors_survive_the_way_from_another_process() -> None:
    error = pickle.loads(pickle.dumps(NotThere("s3://b/k", "there is no such object", "check the name")))  # noqa: S301

    assert isinstance(error, NotThere)
    assert str(error) == "cannot read `s3://b/k`: there is no such object; check the name"
