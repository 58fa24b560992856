"""
The program as people start it: a process of its own, in real time, against vendors on loopback sockets.

What `world` does within one process and without waiting is done here from outside, so that processes can be killed,
interrupted and locked out.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from world import Manifests, Stage, Theatre, World

from reconciler.emulator import Clock, Entry

LONGEST = 60.0
"""Seconds after which a process that does not end is a failure."""

INHERITED = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
"""What every process of a test inherits: where the program lies, when it is not the installed one."""

CONTENT: Mapping[str, object] = {"users": {"enabled": True}, "proofs": {"enabled": False}}


class RealTime(Theatre):
    """Vendors whose time is everybody's."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()


class Project(World):
    """A project in a folder whose commands are processes."""

    def __init__(self, folder: Path, theatre: Theatre, *vendors: str) -> None:
        super().__init__(folder, theatre, vendors)
        self.environ["USER"] = "nightly"
        for stage in self.vendors.values():
            stage.words["settleSeconds"] = 0.5
            if "rate_limit" in stage.emulator.world.switches.known:
                stage.switch(rate_limit="off")

    def begin(self, manifests: Manifests) -> None:
        """Write the project and these manifests."""
        self.write(manifests)

    def start(self, *words: str, environ: Mapping[str, str] | None = None) -> Running:
        """Start a command and do not wait for it."""
        return Running(
            [sys.executable, "-m", "reconciler", *words],
            folder=self.folder,
            environ={**self.environ, **(environ or {})},
        )

    def run(
        self, *words: str, expect: int | None = 0, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; `expect` is its exit code, None for any."""
        return self.start(*words, environ=environ).end(expect=expect)


class Running:
    """A process that can be listened to while it runs."""

    def __init__(self, words: Sequence[str], *, folder: Path, environ: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            words,
            cwd=folder,
            env={**INHERITED, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.out = ""
        self.err = ""
        self._ears = [threading.Thread(target=self._hear, args=(name,), daemon=True) for name in ("out", "err")]
        for ear in self._ears:
            ear.start()

    def _hear(self, name: str) -> None:
        stream = self.process.stdout if name == "out" else self.process.stderr
        assert stream is not None
        for line in stream:
            setattr(self, name, getattr(self, name) + line)
        stream.close()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self.process.pid

    @property
    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def send(self, number: int) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def says(self, text: str, *, within: float = LONGEST / 2) -> None:
        """Wait until it has said this on stderr."""
        until(lambda: text in self.err, f"`{text}` was said", within=within)

    def end(self, *, expect: int | None = None, within: float = LONGEST) -> subprocess.CompletedProcess[str]:
        """Wait for its end; `expect` is its exit code, negative for a signal's, None for any."""
        try:
            self.process.wait(within)
        finally:
            self.process.kill()
            self.process.wait()
            for ear in self._ears:
                ear.join()
        ended = subprocess.CompletedProcess(self.process.args, self.process.returncode, self.out, self.err)
        if expect is not None:
            assert ended.returncode == expect, f"{ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended


class Held:
    """Requests of one route that the vendor keeps waiting until they are let go."""

    def __init__(self, stage: Stage, route: str, *, after_write: bool = False, nth: int = 1) -> None:
        self._arrived = threading.Event()
        self._go = threading.Event()
        stage.faults.call(route, self._hold, after_write=after_write, nth=nth)

    def _hold(self) -> None:
        self._arrived.set()
        self._go.wait(LONGEST)

    def arrives(self) -> None:
        """Wait until there is one."""
        assert self._arrived.wait(LONGEST / 2), "the request never came"

    def let_go(self) -> None:
        """Answer it."""
        self._go.set()


def until(holds: Callable[[], bool], what: str, *, within: float = LONGEST / 2) -> None:
    """Wait until something holds, as of a process that goes its own way."""
    ends = time.monotonic() + within
    while not holds():
        assert time.monotonic() < ends, f"waited {within:g} s in vain until {what}"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether the process is there and not merely waiting to be buried."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return _answers(pid)
    return status not in {"Z", "X"}


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path("/proc/self").exists()


def manifest(
    kind: str, name: str, spec: Mapping[str, object], *, vendor: str = "didomi", on_removal: str | None = None
) -> dict[str, object]:
    """One manifest."""
    return {
        "apiVersion": f"{vendor}.reconciler/v1",
        "kind": kind,
        "metadata": {"name": name},
        **({"lifecycle": {"onRemoval": on_removal}} if on_removal else {}),
        "spec": dict(spec),
    }


def lake(account: str = "210987654321", **more: object) -> dict[str, object]:
    """A destination at S3, which Didomi owns."""
    return manifest("Destination", "lake", {"typeId": "aws-s3-didomi", "config": {"accountId": account}, **more})


def routes(entries: tuple[Entry, ...]) -> list[str]:
    """What was asked, in order, as `METHOD /path`."""
    return [f"{each.method} {each.path}" for each in entries]
