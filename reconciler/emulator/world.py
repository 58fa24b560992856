"""The world of one vendor: its clock, switches, faults and log, and the lock that holds them together."""

from collections.abc import Callable, Iterable, Mapping
from threading import RLock

from reconciler.emulator.clock import Clock
from reconciler.emulator.faults import Faults
from reconciler.emulator.ids import Ids
from reconciler.emulator.log import Log, Mask
from reconciler.emulator.switches import Switch, Switches


class World:
    """
    Everything around a vendor that is no fact about the vendor.

    `lock` is held while a request is done and while somebody uses the console, never while a fault waits.
    `wrote` is called by whoever changes the vendor's objects; the log learns from it which requests did.
    """

    def __init__(
        self,
        *,
        known: Mapping[str, Switch],
        switches: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        secret_keys: Iterable[str] = (),
        secret_headers: Iterable[str] = (),
        seed: int = 0,
    ) -> None:
        self.lock = RLock()
        self.clock = clock or Clock()
        self.switches = Switches(known, switches)
        self.faults = Faults()
        self.mask = Mask(secret_keys, secret_headers)
        self.log = Log(self.mask)
        self.ids = Ids(seed)
        self.revision = 0
        self._seed = seed
        self._expirers: list[Callable[[], None]] = []

    def wrote(self) -> None:
        """Note that the vendor's objects changed."""
        self.revision += 1

    def on_expired_tokens(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when every token issued so far becomes worthless."""
        self._expirers.append(callback)

    def expire_tokens(self) -> None:
        """Make every token issued so far worthless, as if its time were over."""
        with self.lock:
            for callback in self._expirers:
                callback()

    def reset(self) -> None:
        """Start again: log, faults, switches and ids; the clock goes on, since others may share it."""
        with self.lock:
            self.log.clear()
            self.faults.clear()
            self.switches.reset()
            self.ids = Ids(self._seed)
