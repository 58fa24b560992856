"""
The program with a death appointed to it: composed as usual, and killed by itself at one exact moment.

Started once, this imports the program and then forks for every order that it reads, so that a thousand runs do not pay
for a thousand imports. Each run is a process of its own, with its own memory, files, lock and death.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from world import catalog

from reconciler.cli.commands import apply, plan  # noqa: F401 - so that no run pays for it
from reconciler.cli.main import run
from reconciler.operations.clock import SystemClock
from reconciler.operations.workspace import open_workspace
from reconciler.transport import Exchange


class Hurried(SystemClock):
    """Rest is over at once, and everybody's time within this process has passed."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead = 0.0

    def now(self) -> datetime:
        """The present moment in UTC."""
        return super().now() + timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return super().monotonic() + self._ahead

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        super().sleep(0)
        self._ahead += seconds


class Appointment:
    """Dies at the `nth` time that `route` comes by, under a lock, so that nothing overtakes death."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        self._route: str = order["route"]
        self._nth: int = order["nth"]
        self._witness = Path(order["witness"])
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def tell(self) -> None:
        """It was not met: say what came by."""
        self._witness.write_text(json.dumps(self._seen), encoding="utf-8")

    def passes(self, route: str) -> None:
        """Notice that it happens; perhaps nothing happens after it."""
        with self._lock:
            self._seen[route] += 1
            if route == self._route and self._seen[route] == self._nth:
                self._witness.write_text(f"{route} {self._nth}", encoding="utf-8")
                os.kill(os.getpid(), signal.SIGKILL)


def shape(method: str, path: str, shapes: Sequence[str]) -> str:
    """`PATCH /exports/configs/{}` for a path with an id in it."""
    for known in shapes:
        pattern = "[^/]+".join(re.escape(part) for part in known.split("{}"))
        if found := re.fullmatch(rf"{pattern}(/[a-z]+)?", path):
            return f"{method} {known}{found[1] or ''}"
    return f"{method} {path}"


def _watch_sending(appointment: Appointment, order: Mapping[str, Any]) -> None:
    """Python itself tells of every piece that an HTTP connection is about to send."""
    prefix: str = order["prefix"]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "http.client.send" and isinstance(arguments[1], bytes):
            first = re.match(rb"([A-Z]+) ([^ ?]+)[^ ]* HTTP/1\.1\r\n", arguments[1])
            if first:
                path = first[2].decode().removeprefix(prefix)
                appointment.passes(shape(first[1].decode(), path, order["shapes"]))

    sys.addaudithook(hook)


def _watch_storing(appointment: Appointment) -> None:
    """
    Python itself tells of every change of the file system, where only the state's folder counts, and of every piece
    that is sent to a bucket: `store journal`, `store state`, … for an object about to be made.
    """
    sending = threading.local()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"os.link", "os.remove"} and ".reconciler" in str(arguments[0]):
            appointment.passes(event)
        elif event == "http.client.send" and isinstance(arguments[1], bytes):
            # The object's name stands in the first line at S3, and behind the headers at Google.
            begins = re.match(rb"([A-Z]+) [^ ]+ HTTP/1\.1\r\n", arguments[1])
            if begins:
                sending.method = begins[1]
            name = re.search(rb"shop(?:/|%2F)default(?:/|%2F)([a-z]+)(?:/|%2F)[0-9]{12}\.json", arguments[1])
            if name and sending.method in {b"PUT", b"POST"}:
                appointment.passes(f"store {name[1].decode()}")

    sys.addaudithook(hook)


def _live(order: Mapping[str, Any]) -> int:
    """One run of the program, in the child."""
    on_request: Callable[[Exchange], None] = lambda _: None  # noqa: E731 - like the parameter's own default
    if order.get("moment"):
        appointment = Appointment(order)
        match order["moment"]:
            case "unsent":
                _watch_sending(appointment, order)
            case "storing":
                _watch_storing(appointment)
            case "answered":

                def on_request(exchange: Exchange) -> None:
                    appointment.passes(shape(exchange.method, exchange.path, order["shapes"]))
            case moment:
                raise ValueError(moment)

    clock = Hurried() if order["hurried"] else None
    code = run(order["words"], partial(open_workspace, catalog=catalog(), clock=clock, on_request=on_request))
    if order.get("nth") == 0:
        appointment.tell()
    return code


def _become(order: Mapping[str, Any]) -> None:
    """Take the place of a process that was started for this alone."""
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environ"])
    for name, number in (("/dev/null", 0), (order["out"], 1), (order["err"], 2)):
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as the process lives
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115


def main() -> None:
    """Fork for every order on stdin; say the child's number when it begins and its status when it has ended."""
    known = catalog()
    for vendor in known.names:
        known.provider(vendor)
    for module in sys.argv[1:]:
        import_module(module)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 70
            try:
                _become(order)
                code = _live(order)
                sys.stdout.flush()
            except BaseException:  # noqa: BLE001 - nothing may return into the loop above
                sys.excepthook(*sys.exc_info())
            finally:
                sys.stderr.flush()
                os._exit(code)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
