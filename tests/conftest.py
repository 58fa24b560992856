"""Fixtures that tests of every room may ask for; what they need is imported when somebody asks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from world import Theatre, World

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - every folder within it has a name of its own

# Property tests draw the same examples in every run; chance, and thousands of them, are for the thorough profile.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")


def pytest_sessionfinish() -> None:
    """Leave no server behind; whoever needed none has not even imported them."""
    servers = sys.modules.get("bucket_servers")
    if servers is not None:
        servers.stop()


@pytest.fixture(scope="session")
def theatre() -> Iterator[Theatre]:
    """The vendors, each started once."""
    from world import Theatre  # noqa: PLC0415 - most tests need no world

    theatre = Theatre()
    yield theatre
    theatre.close()


@pytest.fixture
def project_folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, in memory where the system has a place for that: what is written is not written to last."""
    if not _IN_MEMORY.is_dir():
        yield tmp_path
        return
    with TemporaryDirectory(dir=_IN_MEMORY, prefix="reconciler-test-") as folder:
        yield Path(folder)


@pytest.fixture
def world_of(project_folder: Path, theatre: Theatre) -> Callable[..., World]:
    """Makes the empty project that uses the vendors with these names."""
    from world import World  # noqa: PLC0415 - most tests need no world

    return lambda *names: World(project_folder, theatre, names)


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    """An empty project that may use every vendor, and vendors that hold nothing."""
    from world import vendors  # noqa: PLC0415 - most tests need no world

    return world_of(*vendors())
