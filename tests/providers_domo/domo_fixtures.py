"""
Scenes for the tests of Domo: an object store that checks credentials, and every open point's other position.

A plugin that the tests here name, and no `conftest.py`: mypy takes one module of a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from _pytest.mark.structures import ParameterSet
from domo_scene import Knob, Scene, knobs
from s3_server import furnish, object_store
from world import World

from reconciler.emulator import ObjectStore


@pytest.fixture(scope="session")
def _served() -> Iterator[ObjectStore]:
    with object_store() as store:
        yield store


@pytest.fixture
def store(_served: ObjectStore) -> ObjectStore:
    """An object store with empty buckets."""
    _served.empty()
    furnish(_served)
    return _served


def _knobs() -> Iterator[ParameterSet]:
    """What everybody runs, and what only the thorough run does: there are a thousand of them."""
    for each in knobs():
        yield pytest.param(each, id=str(each), marks=() if each.switch is None else pytest.mark.slow)


@pytest.fixture(params=list(_knobs()))
def knob(request: pytest.FixtureRequest) -> Knob:
    """Each position of each switch that has two."""
    assert isinstance(request.param, Knob)
    return request.param


@pytest.fixture
def stage_it(world_of: Callable[..., World]) -> Iterator[Callable[..., Scene]]:
    """Makes a scene under a knob, with an object store or without."""
    with ExitStack() as ending:

        def staged(knob: Knob | None = None, store: ObjectStore | None = None) -> Scene:
            scene = Scene(world_of("domo"), knob or Knob(), store)
            ending.callback(scene.close)
            return scene

        yield staged


@pytest.fixture
def scene(stage_it: Callable[..., Scene], knob: Knob) -> Scene:
    """A scene under each knob; files go to memory."""
    return stage_it(knob)


@pytest.fixture
def cloud_scene(stage_it: Callable[..., Scene], knob: Knob, store: ObjectStore) -> Scene:
    """A scene under each knob; files go to an object store that checks credentials."""
    return stage_it(knob, store)


@pytest.fixture
def plain(stage_it: Callable[..., Scene]) -> Scene:
    """A scene with every switch as it stands; files go to memory."""
    return stage_it()


@pytest.fixture
def cloud(stage_it: Callable[..., Scene], store: ObjectStore) -> Scene:
    """A scene with every switch as it stands, and an object store."""
    return stage_it(store=store)
