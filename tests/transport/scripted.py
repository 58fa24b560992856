"""A server that does what a script says, byte for byte, on a real socket: written for these tests alone."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self, TypeAlias

Step: TypeAlias = Callable[[socket.socket], bool]
"""What to do with a connection once a whole request has been read; tells whether the connection stays open."""


@dataclass(frozen=True)
class Seen:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> object:
        return json.loads(self.body)


@dataclass
class Scripted:
    """Follows `steps`, one per request; the last one is repeated for ever."""

    steps: list[Step]
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for each in self._open:
            each.close()

    @property
    def lines(self) -> list[str]:
        return [f"{each.method} {each.target}" for each in self.seen]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as lines:
                while self._one(connection, lines.readline, lines.read):
                    pass
        except OSError:
            return

    def _one(self, connection: socket.socket, readline: Callable[[], bytes], read: Callable[[int], bytes]) -> bool:
        first = readline().decode()
        if not first:
            return False
        method, target, _ = first.split(" ")
        headers: dict[str, str] = {}
        while line := readline().decode().strip():
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        body = read(int(headers.get("content-length", 0)))
        with self._lock:
            self.seen.append(Seen(method, target, headers, body))
            step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return step(connection)
        finally:
            with self._lock:
                self.at_once -= 1


def answer(
    status: int = 200,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    *,
    raw: bytes | None = None,
    after: float = 0.0,
) -> Step:
    """A whole answer, JSON unless `raw` is given."""

    def step(connection: socket.socket) -> bool:
        time.sleep(after)
        content = raw if raw is not None else json.dumps(body if body is not None else {}).encode()
        lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(content)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
        return True

    return step


def cut(connection: socket.socket) -> bool:
    """No answer: the connection is closed."""
    return False


def half(connection: socket.socket) -> bool:
    """Half an answer, then the connection is closed."""
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id": "')
    return False


def silence(seconds: float) -> Step:
    """No answer for a while."""

    def step(connection: socket.socket) -> bool:
        time.sleep(seconds)
        return False

    return step


def dripping(content: bytes, every: float) -> Step:
    """One byte at a time."""

    def step(connection: socket.socket) -> bool:
        for each in content:
            connection.sendall(bytes([each]))
            time.sleep(every)
        return False

    return step
