"""The ASGI application around a vendor: log, faults, admin routes, and the vendor's answer in between."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from reconciler.emulator import faults
from reconciler.emulator.admin import PREFIX, administer
from reconciler.emulator.faults import Effect, Fault
from reconciler.emulator.messages import Answer, Request, query_of

if TYPE_CHECKING:
    from reconciler.emulator.base import Emulator

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# The scope extension under which a server offers to close a connection with no (further) reply.
CUT = "emulator.cut"

_logger = logging.getLogger(__name__)


class Application:
    """One vendor as an ASGI application. Requests are done one at a time; only waiting faults overlap."""

    def __init__(self, emulator: "Emulator") -> None:
        self._emulator = emulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the start and stop of the server."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        request = await _read(scope, receive)
        if request is None:
            return
        if request.path.startswith(PREFIX):
            await self._send(administer(self._emulator, request), request, send)
            return
        await self._serve(request, scope, send)

    async def _serve(self, request: Request, scope: Scope, send: Send) -> None:
        world = self._emulator.world
        struck = world.faults.strike(request.method, self._emulator.path_names(request.path))
        names = tuple(fault.name() for fault in struck)
        number = world.log.begin(request, world.clock.now())

        answer = await self._before(struck, request)
        if answer is None and not _any(struck, Effect.CUT_BEFORE_WRITE):
            answer, wrote = self._do(request)
            # Noted before any hook runs, so that a hook finds the write in the log.
            world.log.finish(number, status=None, wrote=wrote, faults=names)
            answer = await self._after(struck, answer)
        else:
            wrote = False
        if answer is None or _any(struck, Effect.CUT_AFTER_WRITE):
            world.log.finish(number, status=None, wrote=wrote, faults=names)
            await _cut(scope)
            return
        halved = _any(struck, Effect.CUT_IN_REPLY)
        world.log.finish(number, status=None if halved else answer.status, wrote=wrote, faults=names)
        if halved:
            await self._send(answer, request, send, half=True)
            await _cut(scope)
            return
        await self._send(answer, request, send)

    async def _before(self, struck: tuple[Fault, ...], request: Request) -> Answer | None:
        for fault in struck:
            if fault.effect is Effect.DELAY:
                await asyncio.sleep(fault.seconds)
            elif fault.effect is Effect.EXPIRE_TOKENS:
                self._emulator.world.expire_tokens()
            elif fault.effect is Effect.CALL and not await _called(fault):
                return self._emulator.error(500)
            elif fault.effect in (Effect.ANSWER, Effect.REDIRECT):
                return faults.instead_of(fault, request, self._emulator.error)
        return None

    def _do(self, request: Request) -> tuple[Answer, bool]:
        world = self._emulator.world
        with world.lock:
            self._emulator.happen()
            revision = world.revision
            try:
                answer = self._emulator.answer(request)
            except Exception:
                _logger.exception("the emulator failed at `%s %s`", request.method, request.path)
                answer = self._emulator.error(500, "the emulator itself failed; see its error output")
            return answer, world.revision != revision

    async def _after(self, struck: tuple[Fault, ...], answer: Answer) -> Answer:
        for fault in struck:
            if fault.effect is Effect.DELAY_AFTER_WRITE:
                await asyncio.sleep(fault.seconds)
            elif fault.effect is Effect.CALL_AFTER_WRITE and not await _called(fault):
                return self._emulator.error(500)
            answer = faults.after(fault, answer, self._emulator.error)
        return answer

    async def _send(self, answer: Answer, request: Request, send: Send, *, half: bool = False) -> None:
        content = answer.content()
        headers = {
            "Content-Type": answer.content_type,
            "Content-Length": str(len(content)),
            "Date": format_datetime(self._emulator.world.clock.now(), usegmt=True),
            **answer.headers,
        }
        if answer.status == 204 or (not content and answer.raw is None and answer.body is None):
            headers.pop("Content-Type")
        if answer.status == 204:
            headers.pop("Content-Length")
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        if request.method == "HEAD":
            content = b""
        if half:
            await send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})
            return
        await send({"type": "http.response.body", "body": content})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _read(scope: Scope, receive: Receive) -> Request | None:
    """The whole request, None when the client went away before it was complete."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    root = scope.get("root_path", "")
    path = scope["path"]
    if root and path.startswith(root):
        path = path[len(root) :] or "/"
    return Request(
        method=scope["method"],
        path=path,
        query=query_of(scope.get("query_string", b"")),
        headers=headers,
        body=b"".join(parts),
        base=f"{scope.get('scheme', 'http')}://{headers.get('host', 'localhost')}{root}",
    )


async def _called(fault: Fault) -> bool:
    assert fault.hook is not None
    try:
        await asyncio.to_thread(fault.hook)
    except Exception:
        _logger.exception("the hook of the fault `%s` failed", fault.name())
        return False
    return True


async def _cut(scope: Scope) -> None:
    cut = scope.get("extensions", {}).get(CUT)
    if cut is None:
        raise ConnectionAbortedError("this server cannot close a connection without a reply: use `Server`")
    await cut()


def _any(struck: tuple[Fault, ...], effect: Effect) -> bool:
    return any(fault.effect is effect for fault in struck)
