"""A server between a store and the real one: it answers what a test wants, or loses replies, or passes on."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

Answer = tuple[int, str]
"""Status and body."""


class StrangeServer:
    """
    Answers on loopback. `answers` are used up first: a status with a body, `lose` (pass on and hang up), `cut`.

    Afterwards requests are passed on to `behind`, or answered with the last of `answers` when there is nobody behind.
    """

    def __init__(self, *answers: Answer | str, behind: str | None = None) -> None:
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._answers = list(answers)
        self._behind = behind
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def next(self) -> Answer | str:
        """What the request at hand gets."""
        with self._lock:
            if len(self._answers) > 1 or (self._answers and self._behind):
                return self._answers.pop(0)
            return self._answers[0] if self._answers else "pass"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        strange = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                strange.asked.append(f"{self.command} {self.path}")
                strange.headers.append({name.lower(): value for name, value in self.headers.items()})
                answer = strange.next()
                if isinstance(answer, tuple):
                    self.answer(
                        answer[0], answer[1].encode(), "application/xml" if "<" in answer[1] else "application/json"
                    )
                    return
                if answer in ("pass", "lose"):
                    status, kind, found = self.pass_on(body)
                    if answer == "pass":
                        self.answer(status, found, kind)
                        return
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

            def pass_on(self, body: bytes) -> tuple[int, str, bytes]:
                assert strange._behind
                onward = http.client.HTTPConnection(urlsplit(strange._behind).netloc, timeout=10)
                onward.request(self.command, self.path, body, dict(self.headers))
                response = onward.getresponse()
                found = response.read()
                onward.close()
                return response.status, response.headers.get("Content-Type", ""), found

            def answer(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        handle: Callable[[Handler], None] = Handler.handle_any
        for method in ("GET", "PUT", "POST", "DELETE", "HEAD"):
            setattr(Handler, f"do_{method}", handle)
        return Handler
