"""What stands around the program: webhooks and collectors on loopback sockets that keep what they are sent."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from program import until

LONGEST = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:  # noqa: ANN401 - a stranger's JSON
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def unpacked(self) -> bytes:
        """The body without its compression."""
        return gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body


@dataclass(slots=True)
class Answer:
    """What is answered: a status, and where to go instead; without a status nothing, ever."""

    status: int | None = 200
    headers: dict[str, str] = field(default_factory=dict)


class Receiver:
    """Takes what is posted. `answers` are given in turn, the last one from then on."""

    def __init__(self, answers: Sequence[Answer] = (Answer(),)) -> None:
        self.posts: list[Post] = []
        self._answers: Iterator[Answer] = iter(answers)
        self._last = Answer()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = receiver._take(Post(path=self.path, headers=headers, body=body))
                if answer.status is None:
                    receiver._closed.wait(LONGEST)
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in {"Content-Length": "2", **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def _take(self, post: Post) -> Answer:
        with self._lock:
            self.posts.append(post)
            self._last = next(self._answers, self._last)
            return self._last

    @property
    def url(self) -> str:
        """The address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def gets(self, count: int) -> None:
        """Wait until so many have come."""
        until(lambda: len(self.posts) >= count, f"{count} requests had come")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()
