"""A project whose commands can be killed at an exact call, and what must be true once it has been applied again."""

from __future__ import annotations

import enum
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kill_scenarios import Scenario
from mortal import shape
from program import Project, is_alive, until
from world import CANARY, Stage, Theatre, catalog

from reconciler.emulator import Clock, Entry, JsonObject
from reconciler.engine.ledger import Chain
from reconciler.operations.history import verify
from reconciler.operations.workspace import open_workspace
from reconciler.sdk import SafeRequest, split_mark
from reconciler.values.ledger import Begin, Ending

LONGEST = 60.0
WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})


def safe_at(vendor: str) -> tuple[SafeRequest, ...]:
    """Everything that changes nothing at the vendor, whichever host it is sent to."""
    provider = catalog().provider(vendor)
    return (*provider.safe, *provider.safe_elsewhere)


class Moment(enum.Enum):
    """When, around one call, the process is killed."""

    UNSENT = "unsent"
    """The intent is durable, and no byte of the request has left."""
    LOST = "lost"
    """The vendor has the request and will never look at it."""
    COMMITTED = "committed"
    """The vendor has done it, and no byte of the reply has left."""
    ANSWERED = "answered"
    """The reply is here, and nothing of it has been written down."""
    STORING = "storing"
    """A file of the state is about to get its name, or a leftover to go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """The process dies at this moment of the `nth` call of `route`, such as `PATCH /exports/configs/{}`."""

    moment: Moment
    route: str
    nth: int

    def __str__(self) -> str:
        return f"{self.moment.value}-{self.route.replace(' ', '').replace('/', '.')}-{self.nth}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A process that is over; `code` is -9 when it was killed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the state lies, as the project file says it, and the environment variables that it takes to get there."""

    settings: Mapping[str, object]
    environ: Mapping[str, str]


class Mortal:
    """The process that starts the program again and again; `ready` are modules that no run shall pay for."""

    def __init__(self, *ready: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "mortal.py"), *ready],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = 0

    def run(self, order: Mapping[str, Any]) -> int:
        """Run the program and give its exit code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self.pid = int(self._process.stdout.readline())
        guard = threading.Timer(LONGEST, os.kill, (self.pid, signal.SIGTERM))
        guard.start()
        try:
            return int(self._process.stdout.readline())
        finally:
            guard.cancel()

    def close(self) -> None:
        """Start nothing more."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Case(Project):
    """One scenario on stage; without a `place` its state lies in the project's folder."""

    def __init__(
        self, folder: Path, theatre: Theatre, mortal: Mortal, scenario: Scenario, place: Place | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder, theatre, scenario.vendor)
        if place is not None:
            self.environ |= place.environ
            self.settings["state"] = dict(place.settings)
        if "list_lag" in scenario.switches:
            # It lags by lists and not by time: on a busy machine a new process must find time for several of them.
            for stage in self.vendors.values():
                stage.words["settleSeconds"] = 3
        self.scenario = scenario
        self.died = 0
        self.mortal = mortal
        self.stage: Stage = self.vendor
        self.prefix = self.stage.description.path
        self.shapes = [each.path for each in safe_at(scenario.vendor)]
        if scenario.hurried or scenario.alone:
            # Where time passes by readings, their number must not depend on threads.
            self.settings["parallelism"] = 1
        if scenario.hurried:
            self._pass_time_by_reading()
        if scenario.before is not None:
            self.begin(scenario.before)
            self.apply_in_peace()
        scenario.meanwhile(self.stage)
        # Only the apply that is killed meets the switches: what was before has been there for long.
        self.stage.switch(**scenario.switches)
        self.begin(scenario.after)
        self.stage.forget_requests()

    def _pass_time_by_reading(self) -> None:
        """A second passes at the vendor with every reading, so that polls end and are as many in every run."""
        self.stage.faults.call("GET *", lambda: self.stage.emulator.advance(1), times=None)

    def go(self, *words: str, kill: Kill | None = None) -> Ended:
        """Run a command as a process of its own, which perhaps dies on the way."""
        order: dict[str, Any] = {
            "words": words,
            "folder": str(self.folder),
            "environ": self.environ,
            "hurried": self.scenario.hurried,
            "out": str(self.folder / "out.txt"),
            "err": str(self.folder / "err.txt"),
            "prefix": self.prefix,
            "shapes": self.shapes,
            "witness": str(self.folder / "witness.txt"),
        }
        if kill is not None and kill.moment in {Moment.UNSENT, Moment.ANSWERED, Moment.STORING}:
            order |= {"moment": kill.moment.value, "route": kill.route, "nth": kill.nth}
        code = self.mortal.run(order)
        texts = [Path(order[name]).read_text(encoding="utf-8") for name in ("out", "err")]
        return Ended(code=code, out=texts[0], err=texts[1])

    def apply_in_peace(self) -> None:
        """Apply to the end."""
        ended = self.go("apply", "-y")
        assert ended.code == 0, f"{ended.code}\n{ended.out}\n{ended.err}"

    def calls(self) -> Counter[str]:
        """How often each route was called since the requests were last forgotten."""
        return Counter(self.shape(each) for each in self.stage.requests())

    def shape(self, entry: Entry) -> str:
        """The entry's route."""
        return shape(entry.method, entry.path.removeprefix(self.prefix), self.shapes)

    def files_written(self) -> dict[str, int]:
        """How many files of the state an apply in peace names and removes."""
        never = Kill(moment=Moment.STORING, route="", nth=0)
        ended = self.go("apply", "-y", kill=never)
        assert ended.code == 0, ended.err
        found: dict[str, int] = json.loads((self.folder / "witness.txt").read_text(encoding="utf-8"))
        return found

    # --- killing ---

    def apply_and_die(self, kill: Kill) -> None:
        """Apply, be killed, and prove that it was at the very call that was meant."""
        before = len(self.stage.requests())
        seen: list[Entry] = []
        route = kill.route.replace("{}", "*")
        faults = self.stage.faults
        if kill.moment in {Moment.LOST, Moment.COMMITTED}:
            after_write = kill.moment is Moment.COMMITTED
            nth = kill.nth
            faults.call(route, lambda: self._murder(seen, kill), after_write=after_write, nth=nth)
            if not after_write:
                faults.cut_before_write(route, nth=nth)
        ended = self.go("apply", "-y", kill=kill)
        self.died += 1

        assert ended.code == -signal.SIGKILL, f"it was not killed but ended with {ended.code}\n{ended.out}\n{ended.err}"
        found = [each for each in self.stage.requests()[before:] if self.shape(each) == kill.route]
        match kill.moment:
            case Moment.UNSENT:
                assert len(found) == kill.nth - 1
            case Moment.LOST:
                assert [each.number for each in seen] == [found[kill.nth - 1].number]
                assert not found[kill.nth - 1].wrote
            case Moment.COMMITTED:
                assert [each.number for each in seen] == [found[kill.nth - 1].number]
                assert seen[0].wrote == self._writes(kill.route), "the vendor had committed when the process died"
            case Moment.ANSWERED:
                assert found[kill.nth - 1].status is not None
                assert found[kill.nth - 1].wrote == self._writes(kill.route)
            case Moment.STORING:
                pass
        if kill.moment in {Moment.UNSENT, Moment.ANSWERED, Moment.STORING}:
            assert (self.folder / "witness.txt").read_text(encoding="utf-8") == f"{kill.route} {kill.nth}"

    def _murder(self, seen: list[Entry], kill: Kill) -> None:
        """Kill the client and let the vendor go on only when it is dead."""
        entries = [each for each in self.stage.requests() if self.shape(each) == kill.route and each.status is None]
        seen.append(entries[-1])
        os.kill(self.mortal.pid, signal.SIGKILL)
        until(lambda: not is_alive(self.mortal.pid), "the killed process was dead")

    def _writes(self, route: str) -> bool:
        method, _, path = route.partition(" ")
        return method in WRITES and not any(
            each.method == method and each.path == path for each in safe_at(self.scenario.vendor)
        )

    # --- what must be true ---

    def converges(self) -> None:
        """Apply once more, unattended, and find everything as if nothing had happened."""
        self.stage.faults.clear()
        if self.scenario.hurried:
            self._pass_time_by_reading()
        self.apply_in_peace()
        self.is_right()

    def is_right(self) -> None:
        """Every object is there once, recorded, as wanted and marked as what it is; the next plan is empty."""
        state = self.state

        assert self.open_intents == ()
        for kind, collection in self.scenario.collections.items():
            there = [each for each in self.stage.objects(collection) if each.get("state") != "deleting"]
            deposed = [each for record in state.records.values() for each in record.deposed]
            assert deposed == [], "an old object is still to be deleted"
            recorded = {
                id: str(address)
                for address, record in state.records.items()
                if address.kind == kind
                for id in record.ids
            }
            if not self.scenario.jobs:
                assert sorted(each["id"] for each in there) == sorted(recorded), f"{kind}: duplicates or orphans"
            assert set(recorded) <= {each["id"] for each in there}
            for each in there:
                owner = split_mark(str(each.get("description") or ""))[1]
                if owner is not None:
                    assert f"{self.scenario.vendor}/{owner.kind}/{owner.name}" == recorded[each["id"]]
        # A vendor that knows when an export pointed at something that was not there says so.
        assert not getattr(self.stage.emulator, "trouble", ()), "an export lacked what it needs"
        plan = self.go("plan", "--detailed-exitcode")
        assert plan.code == 0, f"{plan.out}\n{plan.err}"
        self.is_told()

    def is_told(self) -> None:
        """The ledger has one record of each command that wrote, and they lead to the state that is there."""
        workspace = open_workspace(self.folder, environ=self.environ, catalog=catalog())
        verified = verify(workspace)
        records = [leaf.record for leaf in workspace.backend.ledger() if leaf.record is not None]
        commands = [record.command.id for record in records]
        written = [page.by for page in workspace.backend.pages()]
        named = dict.fromkeys(
            entry.command.id for page in workspace.backend.pages() for entry in page.entries if isinstance(entry, Begin)
        )

        assert verified.troubles == ()
        assert verified.count == len(set(commands)) == len(commands), "a command has two records"
        assert commands[-len(named) :] == list(named) == list(dict.fromkeys(written))
        chain = Chain()
        for leaf in workspace.backend.ledger():
            assert list(chain.add(leaf)) == []
        records_of_state = self.state.records
        assert {address: each.document for address, each in chain.standings.items()} == {
            address: each.applied for address, each in records_of_state.items()
        }
        assert [record.how for record in records].count(Ending.INTERRUPTED) <= self.died
        assert all(record.how in {Ending.DONE, Ending.INTERRUPTED} for record in records)
        told: set[str | None] = {None}
        for record in records:
            intents = {deed.intent for deed in record.deeds}
            # What only finds out what became of earlier calls has nothing to do, and so no plan of its own.
            assert intents <= told or record.command.plan
            told |= intents

    def picture(self) -> dict[str, list[JsonObject]]:
        """What the vendor holds, without what is drawn anew in every run."""
        names = {id: str(address) for address, record in self.state.records.items() for id in record.ids}
        return {
            collection: sorted(
                (_timeless(each, names) for each in self.stage.objects(collection) if each.get("state") != "deleting"),
                key=lambda each: json.dumps(each, sort_keys=True),
            )
            for collection in self.scenario.collections.values()
        }

    def made(self) -> Counter[str]:
        """How many objects or jobs were made since the requests were forgotten, by route."""
        return Counter(
            self.shape(each)
            for each in self.stage.writes()
            if each.method == "POST" and not each.path.endswith(("/enable", "/disable"))
        )


_DRAWN = frozenset(
    {
        "created_at",
        "updated_at",
        "version",
        "etag",
        "until",
        "started",
        "state",
        "created",
        "finished",
        "urlRowCountMap",
        "createdAt",
        "updatedAt",
        "lastOperation",
    }
)
_COMPUTED = frozenset({"bucket_access_role_arn", "bucket_region"})


def _timeless(document: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(document, dict):
        computed = _COMPUTED | {"bucket_name"} if "bucket_access_role_arn" in document else _COMPUTED
        return {
            key: names.get(each, "not recorded") if key == "id" else _timeless(each, names)
            for key, each in document.items()
            if key not in _DRAWN | computed
        }
    if isinstance(document, list):
        return [_timeless(each, names) for each in document]
    if isinstance(document, str):
        return names.get(document, split_mark(document)[0].replace(CANARY, "the secret"))
    return document


class Undisturbed:
    """The same apply in peace: how many calls there are to be killed at, and how the world looks afterwards."""

    def __init__(self, case: Case) -> None:
        case.apply_in_peace()
        self.calls = case.calls()
        self.made = case.made()
        case.is_right()
        self.picture = case.picture()


def theatre_for(scenario: Scenario) -> Theatre:
    """Vendors in real time, or in a time that stands still until somebody reads."""
    theatre = Theatre()
    if not scenario.hurried:
        theatre.clock = Clock()
    return theatre
