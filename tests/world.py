"""
A world to test in: vendors on loopback sockets, a project in a folder, and the commands that bring the two together.

Time is the emulators': whoever rests lets it pass at once, for both sides, so that no test waits.
"""

from __future__ import annotations

import enum
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import yaml

from reconciler import providers
from reconciler.backend import Locked
from reconciler.emulator import Clock, Emulator, Entry, JsonObject, Server, Switch
from reconciler.emulator.faults import Faults
from reconciler.operations.apply import Applied, apply
from reconciler.operations.failures import Denied, Failure, Invalid, NotSafe, Stale
from reconciler.operations.plan import make_plan
from reconciler.operations.workspace import Workspace, open_workspace
from reconciler.sdk import Catalog, Provider
from reconciler.transport import Timeouts
from reconciler.values import Action, Address, Change, Intent, Options, OutcomeStatus, Plan, Problem, Report, State

CANARY = "canary-7c1e5a90-sings"
"""The value of every secret that manifests of tests refer to as `RECONCILER_SECRET_CANARY`."""

_HERE = Path(__file__).parent
_DESCRIPTIONS = _HERE / "conformance" / "vendors"

Manifests = str | Sequence[Mapping[str, object]]


class Status(enum.Enum):
    """How a command ended."""

    DONE = "done"
    FAILED = "failed"
    """Something was tried and did not succeed, or the proof found that something is left to do."""
    REFUSED = "refused"
    """The plan has a problem, so nothing was tried."""
    DENIED = "denied"
    UNREACHABLE = "unreachable"
    INVALID = "invalid"
    STALE = "stale"
    LOCKED = "locked"


class EmulatorModule(Protocol):
    """What a vendor's emulator gives."""

    SWITCHES: Mapping[str, Switch]

    def create(self, *, switches: Mapping[str, str] | None = None, clock: Clock | None = None) -> Emulator:
        """A stand-in vendor."""
        ...


def fictional() -> tuple[str, ...]:
    """The vendors that exist only in tests."""
    return tuple(sorted(each.parent.name for each in (_HERE / "vendors").glob("*/emulator.py")))


def vendors() -> tuple[str, ...]:
    """Every vendor there is, the product's and the fictional ones, that has been described for tests."""
    return tuple(each for each in (*fictional(), *providers.names()) if (_DESCRIPTIONS / f"{each}.yaml").is_file())


@cache
def catalog() -> Catalog:
    """The product's vendors and the fictional ones, looked at once."""
    return Catalog({*fictional(), *providers.names()}, _load)


def emulator_of(vendor: str) -> EmulatorModule:
    """The module with the vendor's emulator."""
    place = "vendors" if vendor in fictional() else "reconciler.providers"
    module: EmulatorModule = import_module(f"{place}.{vendor}.emulator")
    return module


def _load(vendor: str) -> Provider:
    if vendor not in fictional():
        return providers.load(vendor)
    provider = import_module(f"vendors.{vendor}.provider").PROVIDER
    assert isinstance(provider, Provider)
    return provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """
    How a project file names a vendor: `path` below its host, `settings`, environment variables from credentials.

    `{server}` in a setting stands for the server's own address.

    `open_points` says which switches concern which kinds; it is read by the conformance suite.
    """

    path: str
    settings: Mapping[str, object]
    environ: Mapping[str, str]
    open_points: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, vendor: str) -> Description:
        """As the vendor's file has it."""
        written = yaml.safe_load((_DESCRIPTIONS / f"{vendor}.yaml").read_text(encoding="utf-8"))
        return cls(
            path=written["path"],
            settings=written["settings"],
            environ=written["environ"],
            open_points=written["switches"],
        )


class Time:
    """The emulators' clock as the product asks for it: rest is over at once, and everybody's time has passed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        """The present moment."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return self._clock.timestamp()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._clock.advance(seconds)


class Stage:
    """One vendor on a real socket, to be looked at and to be played with behind the product's back."""

    def __init__(self, vendor: str, clock: Clock) -> None:
        self.name = vendor
        self.description = Description.of(vendor)
        self.words: dict[str, object] = {}
        """Further settings."""
        self.emulator = emulator_of(vendor).create(clock=clock)
        self.server = Server(self.emulator.app).start()

    @property
    def renew(self) -> Callable[[], None] | None:
        """Lets us in again after the end of a key that no client can renew itself; None where there is no such key."""
        return getattr(self.emulator, "renew", None)

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        return self.emulator.world.faults

    def begin(self, switches: Mapping[str, str]) -> None:
        """Start again with nothing, and with the switches in these positions."""
        self.emulator.reset()
        self.words = {}
        with self.emulator.world.lock:
            self.emulator.world.switches.set(switches)

    def switch(self, **positions: str) -> None:
        """Move switches."""
        with self.emulator.world.lock:
            self.emulator.world.switches.set(positions)

    def objects(self, collection: str) -> list[JsonObject]:
        """What the vendor really holds."""
        return self.emulator.objects(collection)

    def requests(self, method: str = "*", path: str = "*") -> tuple[Entry, ...]:
        """What was asked, and what was answered."""
        return self.emulator.world.log.entries(method, f"*{path}")

    def writes(self) -> tuple[Entry, ...]:
        """The requests that changed the vendor's objects."""
        return self.emulator.world.log.writes()

    def forget_requests(self) -> None:
        """Count requests from now on."""
        self.emulator.world.log.clear()

    def cut_after_write(self, route: str, *, nth: int = 1) -> None:
        """Do what was asked, then close the connection without a reply."""
        self.faults.cut_after_write(route, nth=nth)

    def settings(self) -> dict[str, object]:
        """What the project file says of the vendor; lists settle within two of the emulators' seconds."""
        url = self.server.url + self.description.path
        own = {key: self._here(each) for key, each in self.description.settings.items()}
        return {"baseUrl": url, "settleSeconds": 2, **own, **self.words}

    def _here(self, value: object) -> object:
        """A setting that names a second host of the vendor, which is the same server here."""
        return value.replace("{server}", self.server.url) if isinstance(value, str) else value

    def environ(self) -> dict[str, str]:
        """The environment variables that the settings refer to."""
        return {name: self.emulator.credentials[word] for name, word in self.description.environ.items()}


class Theatre:
    """All vendors on one clock, each started when it is first asked for, and used by one test after the other."""

    def __init__(self) -> None:
        self.clock = Clock.frozen()
        self._stages: dict[str, Stage] = {}

    def stage(self, vendor: str) -> Stage:
        """The vendor as the last test left it."""
        if vendor not in self._stages:
            self._stages[vendor] = Stage(vendor, self.clock)
        return self._stages[vendor]

    def close(self) -> None:
        """Stop all servers."""
        for stage in self._stages.values():
            stage.server.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a command ended and what it had to say."""

    status: Status
    plan: Plan | None = None
    report: Report = field(default_factory=lambda: Report(outcomes=()))
    error: Exception | None = None

    @property
    def changes_to_make(self) -> tuple[Change, ...]:
        """What the plan would do, at the vendor or in the state, and what it would do if it need not wait."""
        return tuple(each for each in self.plan.changes if each.action is not Action.NOOP) if self.plan else ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What the plan or the error complains about."""
        if isinstance(self.error, Failure):
            return self.error.problems
        return self.plan.problems if self.plan else ()

    def action(self, address: Address) -> Action | None:
        """What the plan does about one address."""
        found = [each for each in self.plan.changes if each.address == address] if self.plan else []
        return found[0].action if found else None

    @property
    def messages(self) -> str:
        """Everything that it says of steps and errors."""
        said = [each.message or "" for each in self.report.outcomes]
        said += [f"{each.message} {each.help or ''}" for each in (*self.problems, *self.report.problems)]
        return "\n".join([*said, str(self.error or "")])


class World:
    """A project in a folder and the vendors that it names."""

    def __init__(self, folder: Path, theatre: Theatre, names: Iterable[str]) -> None:
        self.folder = folder
        self.clock = theatre.clock
        self.vendors: Mapping[str, Stage] = {name: theatre.stage(name) for name in names}
        self.settings: dict[str, object] = {}
        """Further words of the project file."""
        self.timeouts: Timeouts | None = None
        """How long a call may take, in real seconds, where the usual is too long for a test."""
        self.environ = {"RECONCILER_SECRET_CANARY": CANARY}
        for stage in self.vendors.values():
            stage.begin({})
            self.environ.update(stage.environ())

    @property
    def vendor(self) -> Stage:
        """The first vendor."""
        return next(iter(self.vendors.values()))

    def later(self, seconds: float = 3600.0) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    # --- commands ---

    def plan(self, manifests: Manifests | None = None, options: Options | None = None) -> Run:
        """What `plan` decides about these manifests, or about those of the last time."""
        self.write(manifests)
        with self.workspace() as workspace:
            try:
                plan = make_plan(workspace, options).plan
            except Exception as error:  # noqa: BLE001 - told apart, or raised again, within
                return _ended_badly(error)
            return Run(status=Status.DONE, plan=plan)

    def apply(
        self,
        manifests: Manifests | None = None,
        *,
        expect: Status | None = Status.DONE,
        options: Options | None = None,
    ) -> Run:
        """Carry out these manifests, or those of the last time; `expect` is how it must end, None for anyhow."""
        self.write(manifests)
        with self.workspace() as workspace:
            try:
                run = _ended(apply(workspace, options=options))
            except Exception as error:  # noqa: BLE001 - told apart, or raised again, within
                run = _ended_badly(error)
        assert expect is None or run.status is expect, f"{run.status}: {run.messages}\nleft: {run.report.remaining}"
        return run

    def destroy(self, *, expect: Status | None = Status.DONE) -> Run:
        """Remove what is managed."""
        return self.apply(expect=expect, options=Options(destroy=True))

    def command(self, *words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        """The program itself, as people start it; it knows only the product's vendors, and its time is real."""
        program = str(Path(sys.executable).parent / "reconciler")
        ended = subprocess.run(
            [program, *words], cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False
        )
        assert ended.returncode == expect, f"{ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended

    # --- files ---

    def write(self, manifests: Manifests | None = None) -> None:
        """Write the project file, and the manifests if there are any."""
        project = {
            "project": "shop",
            "vendors": {name: stage.settings() for name, stage in self.vendors.items()},
            "limits": {"maxDeletes": 100, "maxDeletePercent": 100},
            **self.settings,
        }
        (self.folder / "reconciler.yaml").write_text(json.dumps(project), encoding="utf-8")
        specs = self.folder / "specs"
        specs.mkdir(exist_ok=True)
        if manifests is not None:
            text = manifests if isinstance(manifests, str) else "\n---\n".join(map(json.dumps, manifests))
            (specs / "all.yaml").write_text(text, encoding="utf-8")

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        """The project as a command opens it."""
        workspace = open_workspace(
            self.folder, environ=self.environ, catalog=catalog(), clock=Time(self.clock), timeouts=self.timeouts
        )
        try:
            yield workspace
        finally:
            for transport in workspace._transports:  # a process ends with its connections, a test does not
                transport.close()

    # --- what is remembered ---

    @property
    def state(self) -> State:
        """The state."""
        with self.workspace() as workspace:
            return workspace.backend.load().state or State(project="shop", environment="default", lineage="", serial=0)

    @property
    def open_intents(self) -> tuple[Intent, ...]:
        """Calls of which nobody knows how they ended."""
        with self.workspace() as workspace:
            return workspace.backend.load().open_intents

    @property
    def stored(self) -> bytes:
        """Every byte that the product keeps: state, journal, lock, ledger."""
        files = sorted(each for each in (self.folder / ".reconciler").rglob("*") if each.is_file())
        return b"\n".join(each.read_bytes() for each in files)


def _ended(applied: Applied) -> Run:
    outcomes = {each.status for each in applied.report.outcomes}
    if applied.denied:
        status = Status.DENIED
    elif outcomes <= {OutcomeStatus.DONE} and not applied.report.remaining:
        status = Status.DONE
    else:
        status = Status.FAILED
    return Run(status=status, plan=applied.plan, report=applied.report)


def _ended_badly(error: Exception) -> Run:
    match error:
        case NotSafe():
            return Run(status=Status.REFUSED, plan=error.plan, error=error)
        case Denied():
            return Run(status=Status.DENIED, error=error)
        case Invalid():
            return Run(status=Status.INVALID, error=error)
        case Stale():
            return Run(status=Status.STALE, error=error)
        case Locked():
            return Run(status=Status.LOCKED, error=error)
        case Failure():
            return Run(status=Status.UNREACHABLE, error=error)
        case _:
            raise error


class Ear(logging.Handler):
    """Hears everything that anybody logs, at every level."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it as it would be printed."""
        self.heard.append(self.format(record))


@contextmanager
def listening() -> Iterator[Ear]:
    """An ear at the root logger, with every logger at its most talkative."""
    root = logging.getLogger()
    ear, level = Ear(), root.level
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    try:
        yield ear
    finally:
        root.removeHandler(ear)
        root.setLevel(level)
