"""What every store promises, at each place that a store may have. A new store joins by adding it to `FACTORIES`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bucket_servers import server
from memory_store import Memory

from reconciler.stores import AlreadyThere, NotThere, Store, open_store

FACTORIES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda folder: Memory(),
    "local": lambda folder: open_store("file://state", folder),
    "s3": lambda folder: server("s3").store(),
    "gs": lambda folder: server("gs").store(),
    "ceph": lambda folder: server("ceph").store(),
}


@pytest.fixture(params=[pytest.param(each, marks=pytest.mark.slow) if each == "ceph" else each for each in FACTORIES])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return FACTORIES[request.param](tmp_path)


def test_what_was_created_is_read_back(store: Store) -> None:
    store.create("shop/prod/state/000000000042.json", b"\x00\xffbody")

    assert store.read("shop/prod/state/000000000042.json") == b"\x00\xffbody"


def test_an_empty_object_is_an_object(store: Store) -> None:
    store.create("a/b", b"")

    assert (store.read("a/b"), store.list("")) == (b"", ["a/b"])


def test_a_name_is_taken_only_once(store: Store) -> None:
    store.create("a/b", b"first")
    with pytest.raises(AlreadyThere):
        store.create("a/b", b"second")

    assert store.read("a/b") == b"first"


def test_what_does_not_exist_cannot_be_read(store: Store) -> None:
    with pytest.raises(NotThere, match="a/b does not exist"):
        store.read("a/b")


def test_nothing_at_all_is_an_empty_list(store: Store) -> None:
    assert list(store.list("shop/prod/")) == []


def test_names_are_listed_whole_and_sorted(store: Store) -> None:
    for name in ("a/state/2.json", "a/state/10.json", "a/journal/1.json", "b/state/1.json"):
        store.create(name, b"x")

    assert list(store.list("a/")) == ["a/journal/1.json", "a/state/10.json", "a/state/2.json"]


def test_a_prefix_may_end_within_a_part_of_a_name(store: Store) -> None:
    for name in ("a/state/11.json", "a/state/12.json", "a/state/20.json", "a/stat"):
        store.create(name, b"x")

    assert [list(store.list("a/state/1")), list(store.list("a/sta"))] == [
        ["a/state/11.json", "a/state/12.json"],
        ["a/stat", "a/state/11.json", "a/state/12.json", "a/state/20.json"],
    ]


def test_what_was_deleted_is_gone_and_its_name_is_free(store: Store) -> None:
    store.create("a/b", b"first")
    store.delete("a/b")
    store.create("a/b", b"second")

    assert store.read("a/b") == b"second"


def test_deleting_what_is_not_there_is_no_error(store: Store) -> None:
    store.delete("a/b")

    assert list(store.list("")) == []


def test_a_large_object_comes_back_whole(store: Store) -> None:
    body = bytes(range(256)) * 40_000
    store.create("large", body)

    assert store.read("large") == body


def test_the_place_of_an_object_can_be_told(store: Store) -> None:
    assert store.where("a/b").endswith("a/b")


def test_of_many_at_once_one_makes_the_object(store: Store) -> None:
    bodies = [str(each).encode() * 1000 for each in range(8)]
    ready = threading.Barrier(len(bodies))

    def make(body: bytes) -> bytes | None:
        ready.wait()
        try:
            store.create("shop/prod/journal/000000000001.json", body)
        except AlreadyThere:
            return None
        return body

    with ThreadPoolExecutor(len(bodies)) as pool:
        won = [each for each in pool.map(make, bodies) if each is not None]

    assert won == [store.read("shop/prod/journal/000000000001.json")]


def test_what_is_made_is_listed_at_once(store: Store) -> None:
    seen = []
    for number in range(1, 6):
        store.create(f"a/{number}", b"x")
        seen.append(len(store.list("a/")))

    assert seen == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "../a", "a/.hidden", "a b", "é"])
def test_a_name_that_is_none_is_a_mistake_of_the_program(name: str, tmp_path: Path) -> None:
    stores = [open_store(url, tmp_path) for url in ("file://state", "s3://example-bucket/x", "gs://example-bucket")]
    for store in stores:
        for call in (store.read, store.delete, lambda name, store=store: store.create(name, b"")):
            with pytest.raises(ValueError, match="is no name of an object"):
                call(name)

    assert [str(store.where("a")) for store in stores[1:]] == ["s3://example-bucket/x/a", "gs://example-bucket/a"]
