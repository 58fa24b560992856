"""
A stand-in for the comments of GitHub and GitLab, on loopback.

Written from what both say of their REST APIs: pages with `Link` and with `X-Next-Page`, tokens with and without rights,
an installation's token that may not ask who it is. It shares nothing with the client.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

TOKENS = {
    "token-of-robot": ("robot", True),
    "token-of-actions": ("github-actions[bot]", False),
    "token-of-other-app": ("exports-app[bot]", False),
    "token-that-reads": ("reader", True),
}
"""Token → whose it is, and whether it may ask that."""

Fault = tuple[int, Mapping[str, str]] | str
"""A status with headers, or `lost`: the thing is done, and nobody hears of it."""


class ForgeStage:
    """One pull request, number 7, that both forges show."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.faults: dict[str, list[Fault]] = {}
        """Method → what its next requests come to."""
        self.together: threading.Barrier | None = None
        """Listings wait here for each other, as two runs at once do."""
        self._last = 1000
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
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def github(self, token: str = "token-of-robot") -> dict[str, str]:
        """What GitHub Actions sets for a job of the pull request."""
        return {
            "GITHUB_REPOSITORY": "example/exports",
            "GITHUB_REF": "refs/pull/7/merge",
            "GITHUB_API_URL": self.url,
            "GITHUB_TOKEN": token,
        }

    def gitlab(self, token: str = "token-of-robot") -> dict[str, str]:
        """What GitLab sets for a job of the merge request."""
        return {
            "CI_PROJECT_ID": "42",
            "CI_MERGE_REQUEST_IID": "7",
            "CI_API_V4_URL": f"{self.url}/api/v4",
            "GITLAB_TOKEN": token,
        }

    def say(self, author: str, body: str) -> int:
        """Somebody comments."""
        with self._lock:
            self._last += 1
            id = self._last
            self.comments.append({"id": id, "author": author, "body": body})
            return id

    def by(self, author: str) -> list[str]:
        """What somebody's comments say."""
        return [each["body"] for each in self.comments if each["author"] == author]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stage = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                sent = json.loads(self.rfile.read(length)) if length else None
                with stage._lock:
                    stage.asked.append(f"{self.command} {self.path}")
                    faults = stage.faults.get(self.command)
                    fault = faults.pop(0) if faults else None
                if isinstance(fault, tuple):
                    self.answer(fault[0], {"message": "not now"}, fault[1])
                    return
                status, body, headers = stage._answer(self.command, self.path, self.headers, sent)
                if fault == "lost":
                    self.close_connection = True
                    self.connection.close()
                    return
                self.answer(status, body, headers)

            def answer(self, status: int, body: object, headers: Mapping[str, str]) -> None:
                text = b"" if status == 204 else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_any  # noqa: N815 - the library's names

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler

    def _answer(
        self,
        method: str,
        target: str,
        headers: Any,  # noqa: ANN401 - as below
        sent: Any,  # noqa: ANN401 - the library's own kinds
    ) -> tuple[int, object, Mapping[str, str]]:
        url = urlsplit(target)
        lab = url.path.startswith("/api/v4")
        token = headers.get("PRIVATE-TOKEN") if lab else (headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in TOKENS:
            return 401, {"message": "Bad credentials"}, {}
        user, may_ask = TOKENS[token]
        if url.path.removeprefix("/api/v4") == "/user":
            return (200, {"login": user, "username": user}, {}) if may_ask else (403, {"message": "integration"}, {})
        many = "/api/v4/projects/42/merge_requests/7/notes" if lab else "/repos/example/exports/issues/7/comments"
        one = many if lab else "/repos/example/exports/issues/comments"
        if url.path == many and method == "GET":
            return self._page(url.path, parse_qs(url.query), lab=lab)
        if token == "token-that-reads":
            return 403, {"message": "Resource not accessible by personal access token"}, {}
        if url.path == many and method == "POST":
            id = self.say(user, sent["body"])
            return 201, self._shown(id, user, sent["body"], lab=lab), {}
        found = re.fullmatch(rf"{one}/(\d+)", url.path)
        with self._lock:
            comment = next((each for each in self.comments if found and each["id"] == int(found[1])), None)
            if comment is None:
                return 404, {"message": "Not Found"}, {}
            if comment["author"] != user:
                return 403, {"message": "somebody else's"}, {}
            if method == "DELETE":
                self.comments.remove(comment)
                return 204, None, {}
            comment["body"] = sent["body"]
            return 200, self._shown(comment["id"], user, sent["body"], lab=lab), {}

    def _page(self, path: str, query: Mapping[str, list[str]], *, lab: bool) -> tuple[int, object, Mapping[str, str]]:
        size, page = int(query["per_page"][0]), int(query["page"][0])
        with self._lock:
            known = list(self.comments)
        if self.together is not None:
            self.together.wait(10)
        ordered = sorted(known, key=lambda each: each["id"], reverse=lab)  # GitLab's come newest first
        shown = [
            self._shown(each["id"], each["author"], each["body"], lab=lab)
            for each in ordered[(page - 1) * size : page * size]
        ]
        more = page * size < len(ordered)
        if lab:
            return 200, shown, {"X-Next-Page": str(page + 1) if more else ""}
        link = f'<{self.url}{path}?per_page={size}&page={page + 1}>; rel="next"'
        return 200, shown, {"Link": link} if more else {}

    def _shown(self, id: int, author: str, body: str, *, lab: bool) -> dict[str, Any]:
        if lab:
            return {"id": id, "body": body, "author": {"username": author}, "system": False}
        login = {"login": author} if author else None  # the account is gone
        return {"id": id, "body": body, "user": login, "html_url": f"https://github.example/pull/7#issuecomment-{id}"}


class Instant:
    """A clock that passes at once and remembers for how long somebody rested."""

    def __init__(self) -> None:
        self.rested: list[float] = []
        self._at = 0.0

    def now(self) -> datetime:
        """The present moment."""
        return datetime.fromtimestamp(1_800_000_000 + self._at, UTC)

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return self._at

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.rested.append(seconds)
        self._at += seconds
