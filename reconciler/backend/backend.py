"""The state of one project and environment, found by its URL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reconciler.backend.errors import BackendError, LedgerBroken
from reconciler.backend.grip import Waiting
from reconciler.backend.holder import Holder
from reconciler.backend.journal import KEPT, Journal, command_of
from reconciler.backend.leases import LEASE
from reconciler.backend.ledger import Head, Ledger
from reconciler.backend.locks import Lock, lock_over
from reconciler.backend.objects import Followed, Objects
from reconciler.engine.codec import Page, StoredState, encode_state
from reconciler.engine.journal import Folding
from reconciler.engine.ledger import Leaf
from reconciler.stores import AlreadyThere, Store, StoreOptions, open_store
from reconciler.values import Intent, State
from reconciler.values.address import is_name
from reconciler.values.ledger import Begin, Ending, LedgerRecord

_NO_OPTIONS = StoreOptions()

Now = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What is stored; `state` is None only when there is nothing at all."""

    state: State | None
    open_intents: tuple[Intent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """With which record the ledger begins anew, and what was wrong before it."""

    head: Head
    reason: str


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
        now: Now = _now,
        commit: Callable[[], str | None] = lambda: None,
    ) -> Iterator[Journal]:
        """
        Hold the lock during the block and write through the journal it gives.

        When somebody else holds it, waits up to `timeout` seconds, telling `waiting` once for whom, and then raises
        `Locked`. In a bucket, a holder whose heartbeat stands still is taken over after its lease, however short the
        `timeout`. The journal's state is read after the lock was taken, and what the ledger lacks is written. `now`
        tells the ledger the time, and `commit` which manifests this is about, asked only if something is written.
        """
        held = self._lock.hold(holder, timeout=timeout, clock=clock, sleep=sleep, waiting=waiting)
        with held as grip:
            journal = Journal(self._objects, holder, grip, keep=self._keep, now=now, commit=commit)
            try:
                yield journal
            except Exception:
                journal.conclude(Ending.FAILED)
                raise
            except BaseException:
                journal.conclude(Ending.INTERRUPTED)
                raise
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
        now: Now = _now,
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
        with self.lock(holder, clock=clock, sleep=sleep, waiting=waiting, now=now):
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
        now: Now = _now,
    ) -> Followed:
        """
        Put a copy in the place of what cannot be used, and follow the journal from there as far as it leads.

        `agree` sees under the lock what would come of it, and raises to leave everything as it is. The ledger begins
        anew with all that the state holds then.
        """
        with self._lock.hold(holder, timeout=0, clock=clock, sleep=sleep, waiting=waiting):
            found = self._objects.follow(stored)
            agree(found)
            ledger = Ledger(self._objects)
            ledger.look_past_damage(stored)
            begin = Begin(command=command_of(holder), record=ledger.next)
            number = self._objects.mend(found, begin)
            ledger.pay()
            reason = (
                f"the state could not be used: it was restored from a copy as of page {stored.folded}, "
                f"{found.followed} pages after it were followed, and {len(found.lost)} numbers were lost"
            )
            ledger.seal(begin, (), found.folding.state, page=number, ended=now(), reasons=(reason,))
            self._objects.clear(found.folding.state, number)
            return found

    def seal(
        self,
        holder: Holder,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        waiting: Waiting = lambda _: None,
        now: Now = _now,
    ) -> Sealed:
        """
        Let the ledger begin anew after what cannot be gone on with, which stays as it is.

        The new record names what was wrong and holds the digest of what stands before it. Raises `BackendError` when
        nothing is wrong.
        """
        with self._lock.hold(holder, timeout=0, clock=clock, sleep=sleep, waiting=waiting):
            present = self._objects.present()
            ledger = Ledger(self._objects)
            try:
                ledger.look(present)
            except LedgerBroken as broken:
                reason = broken.what
            else:
                raise BackendError("the ledger can be gone on with: there is nothing to seal")
            assert present is not None  # where nothing is stored nothing can be broken
            begin = Begin(command=command_of(holder), record=ledger.after_all_known(present))
            state, number = present.folding.state, present.last + 1
            self._objects.write_page(state.lineage, number, begin)
            head = ledger.seal(begin, present.folding.open_intents, state, page=number, ended=now(), reasons=(reason,))
            return Sealed(head=head, reason=reason)

    def kept_state(self, number: int) -> StoredState:
        """One of the kept states."""
        return self._objects.read_state(number)

    def ledger(self, *, newest_first: bool = False) -> Iterator[Leaf]:
        """Every object of the ledger, good or bad, read as it is asked for."""
        numbers = self._objects.ledger()
        return self._objects.leaves(numbers[::-1] if newest_first else numbers)

    def leaf(self, number: int) -> Leaf | None:
        """One object of the ledger; None when there is none of this number."""
        return self._objects.leaf(number) if number in self._objects.ledger() else None

    def keep_signature(self, number: int, signature: bytes) -> None:
        """Keep a signature under a record, unless one is there already."""
        with suppress(AlreadyThere):
            self._objects.store.create(self._objects.signature_name(number), signature)

    def signatures(self) -> tuple[int, ...]:
        """The numbers of the records under which there is a signature, good or bad."""
        return self._objects.signatures()

    def signature(self, number: int) -> bytes:
        """The signature under a record, as it is stored."""
        return self._objects.store.read(self._objects.signature_name(number))

    def owed(self) -> tuple[LedgerRecord, ...]:
        """
        The records that the next command will write for killed ones, or that a command under way will write itself.

        Raises `LedgerBroken` when no command can go on with the ledger.
        """
        ledger = Ledger(self._objects)
        ledger.look(self._objects.present())
        return tuple(ledger.owed)

    def state_at(self, page: int) -> State | None:
        """The state as it was after a page of the journal; None when that is not kept any more."""
        present = self._objects.present()
        if present is None:
            return None
        if present.last == page:
            return present.folding.state
        bases = [each for each in present.states if each <= page]
        if not bases or not set(present.pages).issuperset(range(bases[-1] + 1, page + 1)):
            return None
        base = self._objects.read_state(bases[-1])
        folding = Folding(base.state, base.open_intents)
        for each in self._objects.read_pages(range(bases[-1] + 1, page + 1), base.state.lineage):
            folding.add(*each.entries)
        return folding.state

    def pages(self) -> Iterator[Page]:
        """The journal as far back as it is kept, oldest page first: what each command did, also an interrupted one."""
        present = self._objects.present()
        if present:
            lineage = present.folding.state.lineage
            yield from (self._objects.read_page(number, lineage) for number in present.pages)
