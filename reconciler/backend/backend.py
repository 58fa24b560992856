"""The state of one project and environment, found by its URL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.backend.errors import BackendError
from reconciler.backend.grip import Waiting
from reconciler.backend.holder import Holder
from reconciler.backend.journal import KEPT, Journal
from reconciler.backend.leases import LEASE
from reconciler.backend.locks import Lock, lock_over
from reconciler.backend.objects import Followed, Objects
from reconciler.engine.codec import Page, StoredState, encode_state
from reconciler.stores import Store, StoreOptions, open_store
from reconciler.values import Intent, State
from reconciler.values.address import is_name

_NO_OPTIONS = StoreOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What is stored; `state` is None only when there is nothing at all."""

    state: State | None
    open_intents: tuple[Intent, ...] = ()


class Backend:
    """
    Reads state without a lock, and gives the `Journal` that writes it to whoever holds the lock.

    Every method may raise `BackendError` (what is stored cannot be used) and `StoreError` (the place fails).
    """

    def __init__(self, lock: Lock, objects: Objects, keep: int) -> None:
        self._lock = lock
        self._objects = objects
        self._keep = keep

    @classmethod
    def open(
        cls,
        url: str,
        *,
        root: Path,
        project: str,
        environment: str,
        options: StoreOptions = _NO_OPTIONS,
        keep: int = KEPT,
        lease: float = LEASE,
    ) -> Backend:
        """The backend at a state URL; touches nothing yet. A relative `file://` URL begins at `root`."""
        store = open_store(url, root, options)
        return cls.over(store, project=project, environment=environment, keep=keep, lease=lease)

    @classmethod
    def over(cls, store: Store, *, project: str, environment: str, keep: int = KEPT, lease: float = LEASE) -> Backend:
        """The backend in a store: `keep` earlier states and the present one are kept, `lease` is in seconds."""
        for word, name in (("project", project), ("environment", environment)):
            if not is_name(name):
                raise BackendError(
                    f"the {word} `{name}` cannot name a folder of the state; use lower-case letters, digits and hyphens"
                )
        objects = Objects(store, project, environment)
        return cls(lock_over(store, objects.lock, lease), objects, keep)

    def load(self) -> Loaded:
        """The state as of now and the intents without an end. Whoever holds the lock may be about to change it."""
        present = self._objects.present()
        if present is None:
            return Loaded(state=None)
        return Loaded(state=present.folding.state, open_intents=present.folding.open_intents)

    def holder(self) -> Holder | None:
        """Who holds the lock, None when nobody does; `Locked` when it cannot be said who. In a bucket: or died."""
        return self._lock.holder()

    @contextmanager
    def lock(
        self,
        holder: Holder,
        *,
        timeout: float = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        waiting: Waiting = lambda _: None,
    ) -> Iterator[Journal]:
        """
        Hold the lock during the block and write through the journal it gives.

        When somebody else holds it, waits up to `timeout` seconds, telling `waiting` once for whom, and then raises
        `Locked`. In a bucket, a holder whose heartbeat stands still is taken over after its lease, however short the
        `timeout`. The journal's state is read after the lock was taken.
        """
        held = self._lock.hold(holder, timeout=timeout, clock=clock, sleep=sleep, waiting=waiting)
        with held as grip:
            journal = Journal(self._objects, holder, grip, keep=self._keep)
            try:
                yield journal
            finally:
                journal.close()

    def unlock(
        self,
        lock_id: str,
        holder: Holder,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        waiting: Waiting = lambda _: None,
    ) -> Holder:
        """
        Clear the lock that a command left behind by dying; gives that command.

        Takes the lock over as `holder` for a moment, so the dead command could write nothing more if it lived. In a
        bucket that takes as long as its lease. Raises `Locked` while its process lives, and `BackendError` when no lock
        of this id was left behind.
        """
        left_behind = self._lock.leftover()
        if left_behind is None:
            raise BackendError("the state is not locked; there is nothing to unlock")
        if left_behind.id != lock_id:
            raise BackendError(f"no lock has the id `{lock_id}`; the one left behind is {left_behind}")
        with self.lock(holder, clock=clock, sleep=sleep, waiting=waiting):
            return left_behind

    def kept_states(self) -> tuple[int, ...]:
        """The numbers of all states that are kept, oldest first; the newest may lack what only the journal has."""
        return self._objects.states()

    def copy(self) -> bytes | None:
        """The present state with its open intents, as `decode_state` reads it; None when there is none."""
        present = self._objects.present()
        if present is None:
            return None
        return encode_state(present.folding.state, present.folding.open_intents, folded=present.last)

    def mend(
        self,
        stored: StoredState,
        holder: Holder,
        *,
        agree: Callable[[Followed], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        waiting: Waiting = lambda _: None,
    ) -> Followed:
        """
        Put a copy in the place of what cannot be used, and follow the journal from there as far as it leads.

        `agree` sees under the lock what would come of it, and raises to leave everything as it is.
        """
        with self._lock.hold(holder, timeout=0, clock=clock, sleep=sleep, waiting=waiting):
            found = self._objects.follow(stored)
            agree(found)
            self._objects.mend(found, holder.id)
            return found

    def kept_state(self, number: int) -> StoredState:
        """One of the kept states."""
        return self._objects.read_state(number)

    def pages(self) -> Iterator[Page]:
        """The journal as far back as it is kept, oldest page first: what each command did, also an interrupted one."""
        present = self._objects.present()
        if present:
            lineage = present.folding.state.lineage
            yield from (self._objects.read_page(number, lineage) for number in present.pages)
