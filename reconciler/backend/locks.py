"""Locks: one command at a time writes a state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import NoReturn, Protocol

from reconciler.backend.errors import Locked
from reconciler.backend.grip import Grip, Waiting
from reconciler.backend.holder import Holder, read_holder, write_holder
from reconciler.backend.leases import LeasedLock
from reconciler.stores import Exclusive, Held, Store

_POLL = 0.5


class Lock(Protocol):
    """The lock of one project and environment."""

    def hold(
        self,
        holder: Holder,
        *,
        timeout: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        waiting: Waiting,
    ) -> AbstractContextManager[Grip]:
        """
        Hold the lock until the block ends or the process dies; gives what there is to know about that.

        Waits up to `timeout` seconds, `waiting` being told once for whom; then raises `Locked`.
        """

    def holder(self) -> Holder | None:
        """Who holds the lock now; None when nobody does. Raises `Locked` when it cannot be said who."""

    def leftover(self) -> Holder | None:
        """Who died holding the lock, or may have; raises `Locked` when their process is known to live."""


class FileLock:
    """The operating system's lock on a file: freed when the holder's process dies, so never stale."""

    def __init__(self, store: Exclusive, name: str) -> None:
        self._store = store
        self._name = name

    @contextmanager
    def hold(
        self,
        holder: Holder,
        *,
        timeout: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        waiting: Waiting,
    ) -> Iterator[Grip]:
        """See `Lock.hold`."""
        ends = clock() + timeout
        told = False
        with ExitStack() as stack:
            while True:
                try:
                    left_behind = stack.enter_context(self._store.exclusive(self._name, write_holder(holder)))
                    break
                except Held as held:
                    other = read_holder(held.body)
                rest = ends - clock()
                if rest <= 0:
                    raise Locked(other)
                if not told:
                    waiting(other)
                    told = True
                sleep(min(_POLL, rest))
            yield Grip(interrupted=read_holder(left_behind))

    def holder(self) -> Holder | None:
        """See `Lock.holder`."""
        look = self._store.look(self._name)
        if not look.held:
            return None
        return read_holder(look.body) or _nobody_yet()

    def leftover(self) -> Holder | None:
        """See `Lock.leftover`."""
        look = self._store.look(self._name)
        if look.held:
            raise Locked(read_holder(look.body))
        return read_holder(look.body)


def lock_over(store: Store, name: str, lease: float) -> Lock:
    """The lock that fits the store: the operating system's where there is one, else one with a lease."""
    if isinstance(store, Exclusive):
        return FileLock(store, name)
    return LeasedLock(store, f"{name}/", lease)


def _nobody_yet() -> NoReturn:
    raise Locked(None)
