"""
Commands that contend for one lock in a time and an order that somebody else decides.

Each command is a thread, and only one runs at a time: at every call of the store and at every rest it stands still
until the play lets it go on. So a command can be paused anywhere, for ever too, and every order is played again alike.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain, repeat

from memory_store import Memory

from reconciler.backend import Backend, Holder, request_deadline
from reconciler.backend.errors import BackendError
from reconciler.stores import StoreError
from reconciler.values import Address, Intent, Settlement, SettlementStatus

LEASE = 60.0
PAUSES = (4.0, 12.0, 30.0, 45.0, 68.0, 90.0, 150.0, 400.0)
NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)
LAKE = Address("didomi", "Destination", "lake")
_ROUNDS_AT_MOST = 20_000


class Killed(BaseException):
    """The process is gone; nothing of it runs any more."""


class Seen:
    """The store as one command sees it: slow, and failing when the play says so, before or after the fact."""

    def __init__(self, memory: Memory, command: Command) -> None:
        self._memory = memory
        self._command = command

    def create(self, name: str, body: bytes) -> None:
        self._command.stand_still()
        fails = self._command.play.fails()
        if fails == "before":
            raise StoreError("no connection")
        self._memory.create(name, body)
        self._command.stand_still()
        if fails == "after":
            raise StoreError("the reply was lost")

    def read(self, name: str) -> bytes:
        self._command.stand_still()
        return self._memory.read(name)

    def list(self, prefix: str) -> Sequence[str]:
        self._command.stand_still()
        found = self._memory.list(prefix)
        self._command.stand_still()
        return found

    def delete(self, name: str) -> None:
        self._command.stand_still()
        self._memory.delete(name)

    def where(self, name: str) -> str:
        return self._memory.where(name)


class Command:
    """One command: takes the lock, makes calls to a vendor, gives it back."""

    def __init__(self, play: Play, number: int, *, rate: float, calls: int, timeout: float, careless: bool) -> None:
        self.play = play
        self.name = f"c{number}"
        self.rate = rate
        self.wakes = 0.0
        self.killed = False
        self.calling_until: float | None = None
        self.epoch: int | None = None
        self.ended: BaseException | None = None
        self.done = False
        self.late_calls = 0
        self._calls = calls
        self._timeout = timeout
        self._careless = careless
        self._go = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.backend = Backend.over(Seen(play.memory, self), project="shop", environment="prod", lease=LEASE)

    def clock(self) -> float:
        return self.play.now * self.rate

    def sleep(self, seconds: float) -> None:
        self.wakes = self.play.now + seconds / self.rate
        self.stand_still()

    def stand_still(self) -> None:
        self.play.turn.release()
        self._go.acquire()
        if self.killed:
            raise Killed

    def go_on(self) -> None:
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._go.release()
        self.play.turn.acquire()

    def bury(self) -> None:
        self.killed = True
        while not self.done:
            self.go_on()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._work()
        except (BackendError, StoreError, Killed) as error:
            self.ended = error
        except BaseException as error:  # noqa: BLE001 - an assertion that failed; the play raises it again
            self.ended = error
            self.play.broken = error
        finally:
            self.done = True
            self.play.turn.release()

    def _work(self) -> None:
        holder = Holder(id=self.name, who="ann", operation="apply", host="example", pid=1, since=NOW)
        with self.backend.lock(holder, timeout=self._timeout, clock=self.clock, sleep=self.sleep) as journal:
            journal.check()  # whoever was paused until now may have lost it already
            self.epoch = self.play.enters(self)
            for number in range(self._calls):
                intent = Intent(id=f"{self.name}-{number}", run="r", address=LAKE, verb="create", scope="o", at=NOW)
                journal.intend(intent)
                journal.check()
                if self._careless:
                    self.stand_still()
                self._call()
                journal.settle(Settlement(intent=intent.id, status=SettlementStatus.VOID, at=NOW, address=LAKE))
                self.sleep(5.0)
            self.play.leaves()

    def _call(self) -> None:
        if self.epoch != self.play.epoch:
            assert self._careless, f"{self.name} called the vendor after {self.play.epoch} had taken over"
            self.late_calls += 1
        self.calling_until = self.play.now + request_deadline(LEASE) * 0.99
        self.play.calls += 1
        self.stand_still()
        self.calling_until = None


class Play:
    """
    What happens is a list of numbers, each of which lets one command go on, lets time pass, pauses or kills.

    When the list is used up everybody goes on in turn until all have ended.
    """

    def __init__(
        self,
        script: Sequence[int],
        *,
        rates: Sequence[float],
        calls: int = 2,
        timeout: float = 0.0,
        failing: Sequence[str] = (),
        careless: bool = False,
    ) -> None:
        self.memory = Memory()
        self.now = 1000.0
        self.epoch = 0
        self.calls = 0
        self.broken: BaseException | None = None
        self.turn = threading.Semaphore(0)
        self._script = iter(script)
        self._failing = chain(failing, repeat(""))
        self.commands = [
            Command(self, number, rate=rate, calls=calls, timeout=timeout, careless=careless)
            for number, rate in enumerate(rates)
        ]
        self._careless = careless

    def fails(self) -> str:
        """How the next write goes wrong."""
        return next(self._failing)

    def enters(self, command: Command) -> int:
        """Somebody has the lock, and has written the fence if there was one to write."""
        calling = [each.name for each in self.commands if each is not command and each.calling_until is not None]
        assert self._careless or not calling, f"{command.name} took over while {calling} had a call under way"
        self.epoch += 1
        return self.epoch

    def leaves(self) -> None:
        """Somebody is about to give the lock back."""
        self.epoch += 1

    def run(self) -> None:
        """Play the list, then let everybody end."""
        try:
            for choice in self._script:
                self._step(choice)
            for _ in range(_ROUNDS_AT_MOST):
                if all(each.done or each.killed for each in self.commands):
                    break
                self._settle()
            else:
                raise AssertionError("they never end")
        finally:
            for each in self.commands:
                each.bury()
        if self.broken is not None:
            raise self.broken

    def _step(self, choice: int) -> None:
        kind, rest = choice % 10, choice // 10
        command = self.commands[rest % len(self.commands)]
        seconds = PAUSES[rest // 4 % len(PAUSES)]
        if kind == 0:
            self._pass(seconds / 4)
        elif kind == 1:
            command.wakes = max(command.wakes, self.now + seconds)
        elif kind == 2 and rest % 20 == 0:
            command.killed = True
        else:
            awake = self._awake()
            if awake:
                awake[rest % len(awake)].go_on()
            else:
                self._settle()

    def _settle(self) -> None:
        awake = self._awake()
        if awake:
            for each in awake:
                each.go_on()
            return
        waiting = [each.wakes for each in self.commands if not (each.done or each.killed)]
        self._pass(min(waiting, default=self.now) - self.now)

    def _awake(self) -> list[Command]:
        return [each for each in self.commands if not each.done and not each.killed and each.wakes <= self.now]

    def _pass(self, seconds: float) -> None:
        """Let time pass; a call under way is over when its deadline is, whatever became of whoever made it."""
        until = self.now + seconds
        for each in self.commands:
            if each.calling_until is not None and each.calling_until <= until:
                each.calling_until = None
        self.now = until
