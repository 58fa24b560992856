"""The stores that all tests of this folder deliver to, each started once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from verify_stage import GcsDrop, VerifyStage, at_eight, clear, didomi_stage
from world import World

from reconciler.emulator.objects import ObjectStore


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """An object store at S3 that checks credentials."""
    with ObjectStore.start() as store:
        yield store


@pytest.fixture(scope="session")
def cloud_storage() -> GcsDrop:
    """A store that speaks Google's language."""
    return GcsDrop()


@pytest.fixture(scope="session")
def spared() -> set[str]:
    """Buckets that outlive a test."""
    return set()


@pytest.fixture
def didomi(
    world_of: Callable[..., World], object_store: ObjectStore, cloud_storage: GcsDrop, spared: set[str]
) -> Iterator[VerifyStage]:
    """Didomi delivering into both stores, which hold nothing of its own yet."""
    clear(object_store, spared)
    world = world_of("didomi")
    at_eight(world.clock)
    with didomi_stage(world, object_store, cloud_storage) as stage:
        yield stage
