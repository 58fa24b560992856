"""Uvicorn, made to start and stop at once; imported only by a server that starts."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from socket import socket
from types import FrameType

import uvicorn

from reconciler.emulator.application import Receive, Scope, Send


def build(app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> tuple[uvicorn.Server, threading.Event]:
    """A server for `app`, and the event that says it answers requests."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,  # the application sends the world's date
        interface="asgi3",
        ws="none",
        lifespan="off",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    started = threading.Event()
    return _Prompt(config, started), started


class _Prompt(uvicorn.Server):
    """Uvicorn looks ten times a second whether it should stop, and waits for idle clients; this does neither."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._ready.set()
        await self._stop.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        del sig, frame
        self.should_exit = True
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()
        tasks = tuple(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
