"""Every call is answered a byte at a time, or never: the client hangs up by itself, and the next apply finishes."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest
from kill_scenarios import ADOBE_SWAP, CREATE, DOMO_RUN, HARBOR_CREATE, QUARRY_RUN, Scenario
from scene import Peace, Scene
from tally import Tally, some
from world import Theatre

from reconciler.transport import Timeouts

ONE_OF_EACH_VENDOR = (CREATE, ADOBE_SWAP, DOMO_RUN, HARBOR_CREATE, QUARRY_RUN)
SHORT = Timeouts(connect=5.0, read=0.3, total=0.5)
"""Real seconds, so that nobody has to wait for two minutes: `total` is the deadline of one call."""

LONGEST = 40.0
"""Seconds for which the slow server keeps on; a client that bears with it would make the test run out of time."""

_BEAT = 0.02
"""Seconds between two bytes."""


class Slow:
    """Passes requests on to a vendor, and answers one of them slowly once it has been carried out."""

    def __init__(self, behind: str) -> None:
        self._behind = urlsplit(behind)
        self._lock = threading.Lock()
        self._left: int | None = None
        self._way = ""
        self.hung_up = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def spoil(self, number: int, way: str) -> None:
        """The request of this number from now on, counted from 0, is answered this way."""
        with self._lock:
            self._left, self._way = number, way
            self.hung_up.clear()

    def _turn(self) -> str:
        with self._lock:
            if self._left is None:
                return ""
            self._left -= 1
            return self._way if self._left == -1 else ""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        slow = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                way = slow._turn()
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, answer = slow._ask(self.command, self.path, dict(self.headers), body)
                if way:
                    slow._crawl(self.connection, way, status, answer)
                    self.close_connection = True
                    return
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def do_GET(self) -> None:
                self._pass_on()

            def do_POST(self) -> None:
                self._pass_on()

            def do_PUT(self) -> None:
                self._pass_on()

            def do_PATCH(self) -> None:
                self._pass_on()

            def do_DELETE(self) -> None:
                self._pass_on()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler

    def _crawl(self, client: socket.socket, way: str, status: int, answer: bytes) -> None:
        """Keep on, or keep still, until the client hangs up."""
        head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
        whole = head.encode() + answer + b" " * 4000
        client.settimeout(_BEAT)
        for number in range(int(LONGEST / _BEAT)):
            try:
                if way == "a byte at a time":
                    client.sendall(whole[number : number + 1])
                if client.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        self.hung_up.set()

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(cast("str", self._behind.hostname), self._behind.port, timeout=20)
        try:
            kept = {name: value for name, value in headers.items() if name.lower() != "connection"}
            connection.request(method, path, body or None, kept)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


@pytest.fixture
def slow_scene(theatre: Theatre, project_folder: Path) -> Iterator[Callable[[str, Scenario], tuple[Scene, Slow]]]:
    opened: list[Slow] = []

    def make(name: str, scenario: Scenario) -> tuple[Scene, Slow]:
        scene = Scene(project_folder / name, theatre, scenario)
        slow = Slow(scene.stage.server.url)
        opened.append(slow)
        scene.stage.words["baseUrl"] = slow.url + scene.stage.description.path
        scene.write()
        return scene, slow

    yield make
    for each in opened:
        each.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", ["a byte at a time", "never"])
@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(each, id=str(each), marks=[pytest.mark.sample] if each is QUARRY_RUN else [])
        for each in ONE_OF_EACH_VENDOR
    ],
)
def test_whichever_call_is_answered_slowly_the_client_hangs_up_and_the_next_apply_finishes(
    slow_scene: Callable[[str, Scenario], tuple[Scene, Slow]], tally: Tally, scenario: Scenario, way: str
) -> None:
    first, _ = slow_scene("peace", scenario)
    peace = Peace(first)
    # Credentials may be fetched from another host, which is not slow here.
    numbers = [number for number, (route, _) in enumerate(peace.calls) if "token" not in route]
    skipped = len(peace.calls) - len(numbers)

    for number in some(numbers):
        route, nth = peace.calls[number]
        with tally.attempt(f"{route} {nth}"):
            scene, slow = slow_scene(str(number), scenario)
            scene.timeouts = SHORT
            slow.spoil(number - (skipped if scenario.vendor == "adobe" else 0), way)
            scene.apply(expect=None)

            assert slow.hung_up.wait(LONGEST / 2), "the client bore with it"
            scene.timeouts = None
            scene.finishes()
            assert scene.picture() == peace.picture
            assert scene.made() == peace.made, "an object was made that nobody needed"

    tally.has_no_loss()
