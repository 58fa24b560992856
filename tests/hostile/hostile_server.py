"""
A server in front of a vendor that passes requests on, or plays a trick instead, byte for byte on a real socket.

What a trick may do is anything: it is given the connection, and the vendor's honest answer if it asks for that.
"""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any, Self, TypeAlias
from urllib.parse import urlsplit

_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The address without its query."""
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Honest:
    """What the vendor itself answers."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON
        """The body, which is JSON or nothing."""
        return json.loads(self.body) if self.body else None


class Turn:
    """One request's turn to be tricked."""

    def __init__(self, connection: socket.socket, asked: Asked, ask: Callable[[], Honest], nth: int) -> None:
        self.connection = connection
        self.asked = asked
        self.nth = nth
        """How many requests this trick has met before, this one included."""
        self._ask = ask
        self._honest: Honest | None = None

    def honest(self) -> Honest:
        """Do what is asked at the vendor, once, and see what it answers."""
        if self._honest is None:
            self._honest = self._ask()
        return self._honest

    def send(self, content: bytes) -> None:
        """Send bytes as they are."""
        self.connection.sendall(content)

    def answer(
        self,
        body: bytes | object,
        *,
        status: int = 200,
        headers: Sequence[tuple[str, str]] = (("Content-Type", "application/json"),),
    ) -> bool:
        """A whole answer: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(content)}", *(f"{a}: {b}" for a, b in headers)]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content)
        return True

    def pass_on(self, *more: tuple[str, str], body: bytes | None = None, status: int | None = None) -> bool:
        """The honest answer with further headers, or with another body or status."""
        honest = self.honest()
        content = honest.body if body is None else body
        headers = [each for each in honest.headers if each[0].lower() not in _FRAMING]
        return self.answer(content, status=status or honest.status, headers=[*headers, *more])

    def reset(self) -> bool:
        """Cut the connection so that the other side notices at once."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False


_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "server"})

Act: TypeAlias = Callable[[Turn], bool]
"""What to do with a request; tells whether the connection stays open."""


@dataclass
class _Spoiled:
    act: Act
    method: str
    path: str
    struck: int = 0

    def fits(self, asked: Asked) -> bool:
        return self.method in ("*", asked.method) and fnmatchcase(asked.path, self.path)


@dataclass
class HostileServer:
    """Listens on loopback in front of `behind`, a vendor's address; without one, every request must be tricked."""

    behind: str = ""
    seen: list[Asked] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._spoiled: list[_Spoiled] = []
        self._open: list[socket.socket] = []
        self.accepted = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for each in self._open:
                each.close()

    def spoil(self, act: Act, route: str = "* *") -> None:
        """From now on play this trick on the requests of a route, `METHOD /path` with `*` for anything."""
        method, _, path = route.partition(" ")
        with self._lock:
            self._spoiled.insert(0, _Spoiled(act, method, path))

    def heal(self, route: str = "* *") -> int:
        """From now on pass everything on; gives how many requests of the route (or of all) were tricked."""
        method, _, path = route.partition(" ")
        with self._lock:
            struck = sum(
                each.struck for each in self._spoiled if route == "* *" or (each.method, each.path) == (method, path)
            )
            self._spoiled.clear()
            return struck

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.accepted += 1
                self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(_PATIENCE)
        onward: list[http.client.HTTPConnection] = []
        try:
            with connection, connection.makefile("rb") as lines:
                while self._one(connection, lines.readline, lines.read, onward):
                    pass
        except (OSError, http.client.HTTPException):
            return
        finally:
            for each in onward:
                each.close()

    def _one(
        self,
        connection: socket.socket,
        readline: Callable[[], bytes],
        read: Callable[[int], bytes],
        onward: list[http.client.HTTPConnection],
    ) -> bool:
        first = readline().decode("latin-1").split()
        if len(first) != 3:
            return False
        headers: dict[str, str] = {}
        while line := readline().decode("latin-1").strip():
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        asked = Asked(first[0], first[1], headers, read(int(headers.get("content-length", 0))))
        with self._lock:
            self.seen.append(asked)
            spoiled = next((each for each in self._spoiled if each.fits(asked)), None)
            if spoiled is not None:
                spoiled.struck += 1
        turn = Turn(connection, asked, lambda: self._ask(asked, onward), spoiled.struck if spoiled is not None else 0)
        return spoiled.act(turn) if spoiled is not None else turn.pass_on()

    def _ask(self, asked: Asked, onward: list[http.client.HTTPConnection]) -> Honest:
        if not onward:
            onward.append(http.client.HTTPConnection(urlsplit(self.behind).netloc, timeout=_PATIENCE))
        headers = {name: value for name, value in asked.headers.items() if name != "host"}
        onward[0].request(asked.method, asked.target, asked.body or None, headers)
        response = onward[0].getresponse()
        return Honest(response.status, response.getheaders(), response.read())
