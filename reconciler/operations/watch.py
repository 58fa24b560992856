"""`watch`: one round after the other, and what is told of them to whoever asks over HTTP."""

from __future__ import annotations

import ipaddress
import json
import logging
import socket
import socketserver
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Self

from reconciler import __version__
from reconciler.operations.clock import Clock, Stopped
from reconciler.operations.failures import Failure, Misused
from reconciler.operations.workspace import Hearing, Workspace
from reconciler.transport import Exchange

_log = logging.getLogger(__name__)

LONGEST_REST = 3600.0
"""Seconds of rest after failures, unless the interval itself is longer."""
_SPREAD = 0.1
"""The part of a rest that is left to chance, so that many do not ask at the same moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """
    How one look, or one apply, ended.

    `outcome` is a word of the exit codes, or `nothing` or `changes`; `code` is the exit code that the command itself
    would have had. `changes` counts by action what was found to do, `steps` by outcome what was done.
    """

    outcome: str
    code: int
    failed: bool
    changes: Mapping[str, int] = field(default_factory=dict)
    steps: Mapping[str, int] = field(default_factory=dict)

    @property
    def interrupted(self) -> bool:
        """Whether it was cut short because the program is to end."""
        return self.outcome == "interrupted"


def next_rest(interval: float, failures: int, draw: float) -> float:
    """
    Seconds until the next round.

    `interval` after a good round, and twice that for every failure in a row, up to an hour or to the interval if that
    is longer. `draw`, 0 to 1, adds up to a tenth.
    """
    rest = min(interval * 2.0 ** min(failures, 20), max(LONGEST_REST, interval))
    return rest * (1 + _SPREAD * draw)


def watch(
    look: Callable[[], Round],
    book: Book,
    *,
    interval: float,
    clock: Clock,
    draw: Callable[[], float],
    rounds: int | None = None,
    told: Callable[[int, Round, float | None], None] = lambda _number, _round, _rest: None,
) -> Round:
    """
    Call `look` again and again and give its last round: of so many `rounds`, or once the clock was stopped.

    `told` hears the number of each round, how it ended, and how long is rested then. What `look` raises goes through.
    """
    number = failures = 0
    while True:
        number += 1
        began = clock.monotonic()
        book.begin(clock.now())
        found = look()
        failures = failures + 1 if found.failed else 0
        book.end(found, clock.now(), seconds=clock.monotonic() - began, failures=failures)
        if found.interrupted or number == rounds:
            told(number, found, None)
            return found
        rest = next_rest(interval, failures, draw())
        told(number, found, rest)
        try:
            clock.sleep(rest)
        except Stopped:
            return found


def hearing(book: Book, workspace: Callable[[], Workspace | None], *, stopping: Callable[[], bool]) -> Hearing:
    """Counts every request; when the program is to end and nothing is being written, the call under way is the last."""

    def hear(exchange: Exchange) -> None:
        book.request(exchange.vendor, exchange.status)
        found = workspace()
        if stopping() and found is not None and not found.gate.is_open:
            raise Stopped

    return hear


class Book:
    """What is known of the rounds so far, safe to read from other threads; holds no text of a vendor or manifest."""

    def __init__(self, *, mode: str) -> None:
        self._lock = threading.Lock()
        self._mode = mode
        self._rounds: Counter[str] = Counter()
        self._steps: Counter[str] = Counter()
        self._requests: Counter[tuple[str, str]] = Counter()
        self._last: Round | None = None
        self._began: datetime | None = None
        self._ended: datetime | None = None
        self._succeeded: datetime | None = None
        self._seconds = 0.0
        self._failures = 0
        self._stopping = False

    def begin(self, at: datetime) -> None:
        """A round begins."""
        with self._lock:
            self._began = at

    def end(self, found: Round, at: datetime, *, seconds: float, failures: int) -> None:
        """A round has ended, the last of so many failures in a row."""
        with self._lock:
            self._began, self._ended, self._last = None, at, found
            self._seconds, self._failures = seconds, failures
            self._succeeded = self._succeeded if found.failed or found.interrupted else at
            self._rounds[found.outcome] += 1
            self._steps.update(found.steps)

    def request(self, vendor: str | None, status: int | None) -> None:
        """A vendor was asked; without a status there was no whole answer."""
        with self._lock:
            self._requests[vendor or "other", str(status or "none")] += 1

    def stop(self) -> None:
        """The program is about to end."""
        with self._lock:
            self._stopping = True

    @property
    def is_alive(self) -> bool:
        """Whether rounds go on."""
        with self._lock:
            return not self._stopping

    @property
    def is_ready(self) -> bool:
        """Whether the last round was good, and there was one."""
        with self._lock:
            return self._last is not None and not self._last.failed and not self._stopping

    def summary(self) -> dict[str, object]:
        """In a few words for people who look with a browser."""
        with self._lock:
            return {
                "mode": self._mode,
                "rounds": sum(self._rounds.values()),
                "last": self._last.outcome if self._last is not None else None,
                "ended": _instant(self._ended),
                "succeeded": _instant(self._succeeded),
                "underWaySince": _instant(self._began),
                "failuresInARow": self._failures,
                "stopping": self._stopping,
            }

    def exposition(self) -> str:
        """Everything as Prometheus reads it (its text format, version 0.0.4)."""
        with self._lock:
            last = self._last.changes if self._last is not None else {}
            families = [
                _family(
                    "reconciler_watch_info",
                    "gauge",
                    "What runs here.",
                    [({"mode": self._mode, "version": __version__}, 1)],
                ),
                _family(
                    "reconciler_watch_rounds_total",
                    "counter",
                    "Rounds by how they ended.",
                    [({"outcome": name}, count) for name, count in sorted(self._rounds.items())],
                ),
                _family(
                    "reconciler_watch_failures_in_a_row",
                    "gauge",
                    "Rounds that have failed since the last good one.",
                    [({}, self._failures)],
                ),
                _family(
                    "reconciler_watch_last_round_seconds",
                    "gauge",
                    "How long the last round took.",
                    [({}, self._seconds)] if self._last is not None else [],
                ),
                _family(
                    "reconciler_watch_last_round_timestamp_seconds",
                    "gauge",
                    "When the last round ended.",
                    _moment(self._ended),
                ),
                _family(
                    "reconciler_watch_last_success_timestamp_seconds",
                    "gauge",
                    "When the last good round ended.",
                    _moment(self._succeeded),
                ),
                _family(
                    "reconciler_watch_changes",
                    "gauge",
                    "What the last round found to do, by action.",
                    [({"action": name}, count) for name, count in sorted(last.items())],
                ),
                _family(
                    "reconciler_watch_steps_total",
                    "counter",
                    "Steps of applies by how they ended.",
                    [({"outcome": name}, count) for name, count in sorted(self._steps.items())],
                ),
                _family(
                    "reconciler_watch_requests_total",
                    "counter",
                    "Requests to vendors by status; `none` without a whole answer.",
                    [
                        ({"vendor": vendor, "status": status}, count)
                        for (vendor, status), count in sorted(self._requests.items())
                    ],
                ),
            ]
        return "".join(families)


_Sample = tuple[Mapping[str, str], float]


def _family(name: str, type: str, help: str, samples: list[_Sample]) -> str:
    lines = [f"# HELP {name} {help}", f"# TYPE {name} {type}"]
    for labels, value in samples:
        words = ",".join(f'{key}="{_label(each)}"' for key, each in labels.items())
        lines.append(f"{name}{{{words}}} {value!r}" if words else f"{name} {value!r}")
    return "\n".join(lines) + "\n"


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _moment(at: datetime | None) -> list[_Sample]:
    return [({}, at.timestamp())] if at is not None else []


def _instant(at: datetime | None) -> str | None:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else None


# --- over HTTP ---


def address_of(text: str) -> tuple[str, int]:
    """
    Host and port of `HOST:PORT`, or of a port alone, which means this machine's loopback.

    Raises `Misused` for anything else; a host is a number, so that no name server decides who may look.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if colon else ""
    try:
        found = str(ipaddress.ip_address(host or "127.0.0.1"))
        number = int(port)
    except ValueError:
        number, found = -1, ""
    if not 0 <= number <= 65535 or not port.isascii() or not port.isdigit():
        raise Misused(f"`{text}` is no address to listen on; write `127.0.0.1:8080`, or the port alone")
    return found, number


class _Listener(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, host: str, port: int, book: Book) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.book = book
        super().__init__((host, port), _Answering)

    def server_bind(self) -> None:
        # The library's own asks a name server what this machine is called.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "reconciler", int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        _log.debug("whoever asked about health has gone", exc_info=True)


class _Answering(BaseHTTPRequestHandler):
    server_version = f"reconciler/{__version__}"
    sys_version = ""
    timeout = 5.0  # seconds that somebody may take to ask

    def do_GET(self) -> None:
        assert isinstance(self.server, _Listener)
        book = self.server.book
        match self.path.partition("?")[0]:
            case "/healthz":
                self._answer(200 if book.is_alive else 503, "application/json", json.dumps(book.summary()))
            case "/readyz":
                self._answer(200 if book.is_ready else 503, "application/json", json.dumps(book.summary()))
            case "/metrics":
                self._answer(200, "text/plain; version=0.0.4; charset=utf-8", book.exposition())
            case _:
                self._answer(404, "application/json", '{"paths": ["/healthz", "/readyz", "/metrics"]}')

    do_HEAD = do_GET  # noqa: N815 - the library's word

    def _answer(self, status: int, media_type: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        _log.debug(format, *args)


class Health:
    """Answers `/healthz`, `/readyz` and `/metrics` while it is open. Raises `Failure` for an address in use."""

    def __init__(self, address: str, book: Book) -> None:
        host, port = address_of(address)
        try:
            self._listener = _Listener(host, port, book)
        except OSError as error:
            raise Failure(
                f"nobody can listen on `{address}`: {error.strerror}", help="name another with `--health-address`"
            ) from None
        number = self._listener.server_address[1]
        self.url = f"http://[{host}]:{number}" if ":" in host else f"http://{host}:{number}"
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.1,), name="health", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown()
        self._listener.server_close()
