"""The stores that all tests of this folder deliver to, each started once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from verify_stage import GcsDrop, VerifyStage, didomi_stage
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


@pytest.fixture
def didomi(world_of: Callable[..., World], object_store: ObjectStore, cloud_storage: GcsDrop) -> Iterator[VerifyStage]:
    """Didomi delivering into both stores."""
    stage = didomi_stage(world_of("didomi"), object_store, cloud_storage)
    yield stage
    stage.world.vendors["didomi"].emulator.deliveries.drop = None  # type: ignore[attr-defined]  # the vendor's own part
