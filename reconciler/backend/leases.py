"""
A lock with a lease, over create-if-absent alone.

    <project>/<environment>/lock/000000000007.json    claim, beat or release, and by whom

The entry with the highest number says who holds the lock. Whoever makes the next number changes that: a holder with
a heartbeat or a release, anybody with a claim, on a free lock at once, on a held one after watching the same number for
a whole lease. So a heartbeat and a takeover cannot both succeed. The highest number is never deleted, and whoever made
a number looks whether a higher one is there, so a number that was cleaned up does not come back to life.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from reconciler.backend.errors import BackendError, Locked, LockLost
from reconciler.backend.grip import Grip, Waiting
from reconciler.backend.holder import Holder
from reconciler.engine.codec import CodecError, decode_object, encode_object, from_json, to_json
from reconciler.stores import AlreadyThere, NotThere, Store, StoreError

_log = logging.getLogger(__name__)

LEASE = 180.0
"""Seconds that a holder may be silent, unless the project says otherwise."""

LONGEST_REQUEST = 120.0
_BEATS = 6
"""Heartbeats in one lease, at least."""

_LONGEST_SILENCE = 10.0
"""Seconds between heartbeats, at most, so that a waiter soon knows whether the holder lives."""

_MARGIN = 0.1
"""How much longer than a lease a waiter watches: clocks do not run equally fast."""

_RELEASES = 2
"""Tries to give the lock back: the reply to the first may be all that was lost."""

_LONGEST_POLL = 2.0
_LOOKS = 10
_FILE = re.compile(r"([0-9]{12})\.json\Z")

Clock = Callable[[], float]


def request_deadline(lease: float) -> float:
    """
    Seconds that one call to a vendor may take under a lease.

    A call begins only while the last heartbeat is younger than the lease less this, so it is over when the lease is.
    """
    return min(LONGEST_REQUEST, lease * 2 / 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """
    One entry: `event` is `claim`, `beat` or `release`, `milliseconds` the lease; without a holder it could not be read.
    """

    number: int
    event: str
    milliseconds: int
    holder: Holder | None

    @property
    def lease(self) -> float:
        """Seconds."""
        return self.milliseconds / 1000

    @property
    def is_free(self) -> bool:
        """Whether nobody holds the lock after this."""
        return self.event == "release"


class LeasedLock:
    """The lock whose entries lie under `prefix`; `lease` is what holders write, waiters obey what they read."""

    def __init__(self, store: Store, prefix: str, lease: float = LEASE) -> None:
        self._entries = _Entries(store, prefix, lease)
        self._lease = lease

    @contextmanager
    def hold(
        self, holder: Holder, *, timeout: float, clock: Clock, sleep: Callable[[float], None], waiting: Waiting
    ) -> Iterator[Grip]:
        """
        See `Lock.hold`. A holder whose number stands still for a lease is taken over, whatever the `timeout`; one that
        moves is waited for no longer than that.
        """
        before, holding = self._acquire(holder, timeout, clock, sleep, waiting)
        try:
            self._entries.prove(holding.number, holder)
            holding.start()
            yield Grip(interrupted=before, may_live=before is not None, check=holding.check)
        finally:
            holding.end()

    def holder(self) -> Holder | None:
        """See `Lock.holder`: as far as it is written, for nobody can tell from outside whether they live."""
        newest = self._entries.newest()
        if newest.is_free:
            return None
        if newest.holder is None:
            raise Locked(None)
        return newest.holder

    def leftover(self) -> Holder | None:
        """See `Lock.leftover`: whoever holds it may be alive, which only taking over will show."""
        return self.holder()

    def _acquire(
        self, holder: Holder, timeout: float, clock: Clock, sleep: Callable[[float], None], waiting: Waiting
    ) -> tuple[Holder | None, _Holding]:
        """Whom the lock was taken from, when they had not released it, and the lock."""
        ends = clock() + timeout
        watched: int | None = None
        since = 0.0
        moves = False
        told: str | None = None
        while True:
            newest = self._entries.newest()
            now = clock()
            if newest.number != watched:
                # The first number seen may be years old; a second one was made while we looked.
                moves = watched is not None
                watched, since = newest.number, now
            expires = since + newest.lease * (1 + _MARGIN)
            if newest.is_free or now >= expires:
                holding = _Holding(self._entries, holder, newest.number, self._lease, clock)
                if holding.claim():
                    return (None if newest.is_free else newest.holder or _unknown(holder)), holding
                continue  # somebody was faster: the next look shows another number, so somebody is alive
            if moves and now >= ends:
                raise Locked(newest.holder)
            name = newest.holder.id if newest.holder else ""
            if name != told:
                waiting(newest.holder)
                told = name
            rest = min(_LONGEST_POLL, newest.lease / _BEATS, expires - now)
            sleep(max(rest, 0.001))


class _Holding:
    """A lock as its holder keeps it: a thread makes heartbeats until the end. `number` is the newest of one's own."""

    def __init__(self, entries: _Entries, holder: Holder, before: int, lease: float, clock: Clock) -> None:
        self.number = before
        self._entries = entries
        self._holder = holder
        self._lease = lease
        self._clocks = (clock, _since_boot)
        self._beaten = self._now()
        self._lost = False
        self._mutex = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)

    def claim(self) -> bool:
        """Try to become the holder."""
        return self._next("claim")

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def check(self) -> None:
        """
        Return if a call to a vendor may begin now, after a heartbeat if the last one is too old for that.

        Raises `LockLost` when another command has the lock, or the heartbeat cannot be written.
        """
        if self._is_fresh():
            return
        with self._mutex:
            if self._is_fresh():
                return
            try:
                if self._lost or not self._next("beat"):
                    raise LockLost(self._entries.where, None)
            except StoreError as error:
                raise LockLost(self._entries.where, str(error)) from None
            if not self._is_fresh():
                raise LockLost(self._entries.where, "the heartbeat took too long")

    def end(self) -> None:
        """Beat no more and give the lock back, unless it is lost; where that fails it is free after the lease."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        with self._mutex:
            for _ in range(_RELEASES):
                if self._lost:
                    return
                try:
                    self._next("release")
                except StoreError as error:
                    _log.warning("the lock was not given back and is free after %g s: %s", self._lease, error)
                else:
                    return

    def _beat_on(self) -> None:
        while not self._stop.wait(min(self._lease / _BEATS, _LONGEST_SILENCE)):
            with self._mutex:
                if self._lost or self._stop.is_set():
                    return
                try:
                    self._next("beat")
                except (StoreError, BackendError) as error:
                    _log.warning("a heartbeat of the lock failed and is repeated: %s", error)

    def _next(self, event: str) -> bool:
        """Make the next number; False, and lost, when it is somebody else's. After an error the same is tried again."""
        began = self._now()
        number = self.number + 1
        if not self._entries.make(number, event, self._holder):
            self._lost = True
            return False
        # What counts is when it was sent: a waiter cannot have seen it earlier.
        self.number, self._beaten = number, began
        return True

    def _now(self) -> tuple[float, ...]:
        return tuple(clock() for clock in self._clocks)

    def _is_fresh(self) -> bool:
        age = max(now - then for now, then in zip(self._now(), self._beaten, strict=True))
        return not self._lost and age < self._lease - request_deadline(self._lease)


class _Entries:
    """The numbered entries of one lock."""

    def __init__(self, store: Store, prefix: str, lease: float) -> None:
        self._store = store
        self._prefix = prefix
        self._milliseconds = round(lease * 1000)

    @property
    def where(self) -> str:
        """Where they lie."""
        return self._store.where(self._prefix.rstrip("/"))

    def newest(self) -> _Entry:
        """The entry that counts; where there is none, one that says that the lock is free."""
        for _ in range(_LOOKS):
            number = max(self._numbers(), default=0)
            if number == 0:
                return _Entry(number=0, event="release", milliseconds=self._milliseconds, holder=None)
            with suppress(NotThere):  # its maker has made the next and cleaned up
                return self._read(number)
        raise BackendError(f"{self.where} changes faster than it can be read; run again")

    def make(self, number: int, event: str, holder: Holder) -> bool:
        """Make an entry and delete older ones; whether it is ours and counts. One's own of a lost reply does."""
        name = self._name(number)
        body = self._body(number, event, holder)
        try:
            self._store.create(name, body)
        except AlreadyThere:
            try:
                if self._store.read(name) != body:
                    return False
            except NotThere:  # cleaned up already: there are higher numbers
                return False
        numbers = self._numbers()
        if max(numbers, default=0) != number:
            return False
        for old in numbers[:-1]:
            try:
                self._store.delete(self._name(old))
            except StoreError as error:  # it is only in the way
                _log.info("an old entry of the lock stays: %s", error)
        return True

    def prove(self, number: int, holder: Holder) -> None:
        """Raises `BackendError` unless the store refuses to make what is there: some servers ignore the condition."""
        try:
            self._store.create(self._name(number), self._body(number, "claim", holder))
        except AlreadyThere:
            return
        raise BackendError(
            f"{self.where}: the server makes an object twice although it was asked to make it only if it is not there, "
            "so two commands could hold the lock; nothing was changed. Use another server"
        )

    def _numbers(self) -> list[int]:
        """All numbers, the highest last."""
        numbers = []
        for name in self._store.list(self._prefix):
            number = _FILE.match(name.removeprefix(self._prefix))
            if number is None:
                raise BackendError(f"{self._store.where(name)} was not written by this tool; move it away")
            numbers.append(int(number[1]))
        return numbers

    def _name(self, number: int) -> str:
        return f"{self._prefix}{number:012d}.json"

    def _body(self, number: int, event: str, holder: Holder) -> bytes:
        return to_json(
            encode_object(_Entry, _Entry(number=number, event=event, milliseconds=self._milliseconds, holder=holder))
        )

    def _read(self, number: int) -> _Entry:
        """Entry `number`; one that cannot be read is held by nobody knows whom, and its lease is watched like any."""
        try:
            found = decode_object(_Entry, from_json(self._store.read(self._name(number))))
        except CodecError:
            return _Entry(number=number, event="beat", milliseconds=self._milliseconds, holder=None)
        return found


def _unknown(like: Holder) -> Holder:
    """Whoever wrote what cannot be read."""
    return Holder(id="unknown", who="unknown", operation="unknown", host="unknown", pid=0, since=like.since)


def _since_boot() -> float:
    """Seconds that also pass while the machine sleeps, where it can tell."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
