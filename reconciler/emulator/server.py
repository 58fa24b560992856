"""Real sockets for a stand-in world, on the loopback interface only."""

import ipaddress
import signal
import socket
import threading
from collections.abc import Iterable, Mapping
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from reconciler.emulator.application import CUT, Receive, Scope, Send
from reconciler.emulator.clock import Clock
from reconciler.emulator.messages import Answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import uvicorn

    App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LONGEST_START = 30.0
_LONGEST_STOP = 10.0


class Server:
    """
    Serves one ASGI application from a thread of its own, with real connections that can really be cut.

    `port=0` takes any free port; the port is bound at construction, so `url` is known before the start. Use it
    as a context manager, or call `start` and `stop`. Raises `ValueError` for a host that is not loopback.
    """

    def __init__(self, app: "App", host: str = "127.0.0.1", port: int = 0) -> None:
        if not _is_loopback(host):
            raise ValueError(f"emulators listen on the loopback interface only, not on `{host}`")
        self._app = app
        self._socket = _listening(host, port)
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        self._thread: threading.Thread | None = None
        self._uvicorn: uvicorn.Server | None = None

    @property
    def url(self) -> str:
        """The address of the application, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> Self:
        """Serve; returns when requests are answered."""
        # Imported late: whoever only scripts a world needs no server.
        from reconciler.emulator.serving import build  # noqa: PLC0415

        self._uvicorn, started = build(self._serve)
        self._thread = threading.Thread(
            target=self._uvicorn.run, args=([self._socket],), name=f"emulator-{self.port}", daemon=True
        )
        self._thread.start()
        if not started.wait(_LONGEST_START):
            raise TimeoutError("the emulator did not start")
        return self

    def stop(self) -> None:
        """Close every connection and wait until the thread has ended. May be called twice."""
        if self._uvicorn is not None and self._thread is not None:
            self._uvicorn.handle_exit(signal.SIGTERM, None)
            self._thread.join(_LONGEST_STOP)
        self._thread = None
        self._uvicorn = None
        self._socket.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("extensions", {})[CUT] = _Cut(self._uvicorn, scope, receive)
        await self._app(scope, receive, send)


class _Cut:
    """Closes the connection of one request and waits until it is closed."""

    def __init__(self, server: "uvicorn.Server | None", scope: Scope, receive: Receive) -> None:
        self._server = server
        self._client = tuple(scope["client"])
        self._receive = receive

    async def __call__(self) -> None:
        assert self._server is not None
        for connection in tuple(self._server.server_state.connections):
            if connection.transport.get_extra_info("peername")[:2] == self._client:
                # `close` and not `abort`: half a reply that was written must still arrive.
                connection.transport.close()
        # Uvicorn answers 500 for an application that returns too early, unless it knows that nobody listens.
        await self._disconnected()

    async def _disconnected(self) -> None:
        message = await self._receive()
        while message["type"] != "http.disconnect":
            message = await self._receive()


def joined(apps: Mapping[str, "App"]) -> "App":
    """
    Several vendors on one port: each below its name, `http://127.0.0.1:8700/didomi/…`.

    The root answers with the list of names.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await next(iter(apps.values()))(scope, receive, send)
            return
        name, _, _ = scope["path"].lstrip("/").partition("/")
        if name in apps:
            inner = {**scope, "root_path": f"/{name}"}
            await apps[name](inner, receive, send)
            return
        answer = Answer(status=200 if scope["path"] == "/" else 404, body={"vendors": sorted(apps)})
        headers = [(b"content-type", answer.content_type.encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.content()})

    return app


def serve_forever(servers: Iterable[Server], clocks: Iterable[Clock] = ()) -> int:
    """
    Serve until SIGINT or SIGTERM, then stop cleanly; returns the signal's number. Main thread only.

    Clocks that follow real time are looked at every second, so that scheduled exports happen unasked.
    """
    stop = threading.Event()
    received = 0

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal received
        received = number
        stop.set()

    previous: dict[int, Any] = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    running = list(servers)
    watched = list(clocks)
    try:
        for server in running:
            server.start()
        while not stop.wait(1.0):
            for clock in watched:
                clock.tick()
    finally:
        for server in running:
            server.stop()
        for number, handler in previous.items():
            signal.signal(number, handler)
    return received


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(1024)
    except OSError:
        listening.close()
        raise
    return listening
