"""Connections that are watched: whether anything was sent, and that an answer ends in time."""

from __future__ import annotations

import http.client
import io
import socket
import threading
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_LONGEST_LINE = 65_536
"""Bytes of a line between the pieces of an answer; the library knows no bound there."""


class Watch:
    """
    Watches over one sending: whether anything was sent, and that the answer ends in time.

    A socket's own timeout begins anew with every byte, so a server that sends one a second would hold us for ever.
    """

    def __init__(self, total: float) -> None:
        self.sent = False
        self.cut = False
        self.received = 0
        self._total = total
        self._timer: threading.Timer | None = None

    def sending(self, over: socket.socket) -> None:
        """Bytes are about to leave through this socket."""
        self.sent = True
        if self._timer is None:
            self._timer = threading.Timer(self._total, self._expire, (over,))
            self._timer.daemon = True
            self._timer.start()

    def end(self) -> None:
        """The answer is here, or never will be."""
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self, over: socket.socket) -> None:
        self.cut = True
        try:
            # Not the TLS socket's own method, which takes the session away under the reading thread.
            socket.socket.shutdown(over, socket.SHUT_RDWR)
        except OSError:
            return


class _Local(threading.local):
    watch: Watch | None = None


LOCAL = _Local()
"""Who watches over what this thread sends."""


class _Watched(http.client.HTTPConnection):
    def send(self, data: Any) -> None:  # noqa: ANN401 - as in the class above
        if self.sock is None:
            self.connect()
        # What a proxy is asked first is not yet the request.
        if LOCAL.watch is not None and not (isinstance(data, bytes) and data.startswith(b"CONNECT ")):
            LOCAL.watch.sending(self.sock)
        super().send(data)


class _Lines(io.BufferedReader):
    """What a server sends, without lines that never end: the size of a piece is read with no bound by the library."""

    def readline(self, size: int | None = -1, /) -> bytes:
        if size is not None and size >= 0:
            return super().readline(size)
        line = super().readline(_LONGEST_LINE + 1)
        if len(line) > _LONGEST_LINE:
            raise http.client.LineTooLong("size of a piece")
        return line


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *more: Any, **words: Any) -> None:  # noqa: ANN401 - as in the class above
        super().__init__(sock, *more, **words)
        self.fp = _Lines(self.fp.detach())


class _PlainConnection(_Watched, HTTPConnection):
    response_class = _Response


class _EncryptedConnection(_Watched, HTTPSConnection):
    response_class = _Response


class PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class EncryptedPool(HTTPSConnectionPool):
    ConnectionCls = _EncryptedConnection
