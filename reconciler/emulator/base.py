"""What every vendor's emulator has in common: the console, and the way from a socket to the vendor's answer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import deepcopy
from typing import Protocol

from reconciler.emulator.application import Application
from reconciler.emulator.messages import Answer, JsonObject, Request
from reconciler.emulator.world import World


class Collection(Protocol):
    """One kind of object a vendor holds, as its console sees it."""

    def rows(self) -> list[JsonObject]:
        """Everything the vendor really holds, hidden and late objects included."""
        ...

    def insert(self, body: JsonObject) -> JsonObject:
        """Make an object as the console would; an `id` in `body` is kept."""
        ...

    def remove(self, id: str) -> JsonObject | None:
        """Remove an object, whatever points at it."""
        ...

    def edit(self, id: str, changes: JsonObject) -> JsonObject | None:
        """Change top-level fields of an object, without the checks of the API."""
        ...


class Emulator(ABC):
    """
    A stand-in vendor: `app` to serve, `world` to script, and a console to use behind the client's back.

    `credentials` are accepted from the start. Everything may be called from any thread.
    """

    prefixes: tuple[str, ...] = ()

    def __init__(self, world: World) -> None:
        self.world = world
        self.app = Application(self)
        world.clock.subscribe(self.catch_up)

    @property
    @abstractmethod
    def credentials(self) -> Mapping[str, str]:
        """What a client needs to log in, by the vendor's own words."""

    @abstractmethod
    def collections(self) -> Mapping[str, Collection]:
        """The kinds of object the vendor holds, by the name of their route."""

    @abstractmethod
    def answer(self, request: Request) -> Answer:
        """Do what a request asks and say what the vendor would say. Called under the world's lock."""

    @abstractmethod
    def error(self, status: int, message: str | None = None) -> Answer:
        """The vendor's error body for a status."""

    @abstractmethod
    def happen(self) -> None:
        """Do everything that was scheduled for the time that has passed. Called under the world's lock."""

    @abstractmethod
    def forget(self) -> None:
        """Throw every object away. Called under the world's lock."""

    def deliver_to(self, s3_endpoint: str | None) -> None:  # noqa: B027 - not every vendor uploads for others
        """
        Upload to this S3 endpoint from now on, with the credentials that a request brings.

        Nothing for vendors that deliver by themselves.
        """

    def path_names(self, path: str) -> tuple[str, ...]:
        """The names a path may be called by in faults: as it came, and without a version prefix."""
        for prefix in self.prefixes:
            if path.startswith(prefix + "/"):
                return path, path[len(prefix) :]
        return (path,)

    def catch_up(self) -> None:
        """Let everything happen that the clock says should have happened."""
        with self.world.lock:
            self.happen()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.world.clock.advance(seconds)

    def objects(self, collection: str) -> list[JsonObject]:
        """What the vendor really holds, as copies, in order of creation."""
        with self.world.lock:
            self.happen()
            return deepcopy(self._collection(collection).rows())

    def insert(self, collection: str, body: JsonObject) -> JsonObject:
        """Somebody makes an object in the console."""
        with self.world.lock:
            self.happen()
            self.world.wrote()
            return deepcopy(self._collection(collection).insert(deepcopy(body)))

    def remove(self, collection: str, id: str) -> None:
        """Somebody removes an object in the console. Raises `KeyError` when there is none."""
        with self.world.lock:
            self.happen()
            if self._collection(collection).remove(id) is None:
                raise KeyError(id)
            self.world.wrote()

    def edit(self, collection: str, id: str, changes: JsonObject) -> JsonObject:
        """Somebody changes top-level fields in the console. Raises `KeyError` when there is no such object."""
        with self.world.lock:
            self.happen()
            row = self._collection(collection).edit(id, deepcopy(changes))
            if row is None:
                raise KeyError(id)
            self.world.wrote()
            return deepcopy(row)

    def reset(self) -> None:
        """Start again with nothing; the clock goes on."""
        with self.world.lock:
            self.world.reset()
            self.forget()

    def _collection(self, name: str) -> Collection:
        collections = self.collections()
        if name not in collections:
            raise KeyError(f"there is no collection `{name}`: use one of {', '.join(sorted(collections))}")
        return collections[name]
