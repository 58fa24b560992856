"""Requests and what becomes of them: sent once or again, in their turn, within their time."""

from __future__ import annotations

import http.client
import ipaddress
import logging
import math
import random
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode, urlsplit

import urllib3

from reconciler import __version__
from reconciler.sdk import NotDeclaredSafe, Pace, Reply, SafeRequest, Uncertain, Unreachable, Unreadable, VendorError
from reconciler.transport.curtain import Curtain
from reconciler.transport.documents import decode, encoded
from reconciler.transport.turns import Turns
from reconciler.transport.watch import LOCAL, EncryptedPool, PlainPool, Watch

_log = logging.getLogger("reconciler.transport")

_CHUNK = 65_536
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/=+-]{0,127}")
"""What the name of a request may look like: it is kept for years and shown to people."""
_LONG_WAIT = 300.0
"""Seconds above which a rate limit's wait is announced as a warning rather than as information."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """
    How long one sending may take, in seconds.

    `connect` bounds the connection with its TLS handshake, `read` the silence between two pieces of an answer, `total`
    everything from the first byte sent to the last byte received.
    """

    connect: float = 10.0
    read: float = 60.0
    total: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """
    One sending and what came of it, for logs and figures; `status` is absent when there was no whole answer.

    `request_id` is what the vendor calls it, if that may have changed something and the vendor gave it a name.
    `vendor` is whose host it was, where that was said.
    """

    method: str
    path: str
    seconds: float
    status: int | None = None
    failure: str | None = None
    received: int = 0
    request_id: str | None = None
    vendor: str | None = None


class Gate:
    """
    Whether requests that change something may be sent at all. Closed at first; `apply` opens it.

    While it is open, `check` is called before every sending of such a request, each repetition included, and what it
    raises goes through to the caller: the place to ask whether the lock is still held.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._check: Callable[[], None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether requests that change something pass."""
        with self._lock:
            return self._check is not None

    def open(self, check: Callable[[], None] = lambda: None) -> None:
        """From now on let pass what `check` does not stop."""
        with self._lock:
            self._check = check

    def close(self) -> None:
        """From now on let nothing pass that is not declared safe."""
        with self._lock:
            self._check = None

    def admit(self, method: str, path: str) -> None:
        """Return if the request may be sent now; raises `NotDeclaredSafe` while the gate is closed."""
        with self._lock:
            check = self._check
        if check is None:
            raise NotDeclaredSafe(method, path)
        check()


class Transport:
    """
    One vendor's host: what a provider sees as `Http`. Safe to share between threads.

    Every path is relative to `base_url`, which may carry a prefix. Nothing is ever redirected: a 3xx is an answer like
    any other, so credentials cannot leave the host.

    A failure is repeated up to `attempts` times when repeating does no harm; a 429 did not happen and is waited out
    whatever the method. No wait ends later than `deadline` seconds after the first request of this transport. `pace`
    reads a vendor's rate headers, so that a 429 is the exception; `at_once` bounds the requests on their way;
    `request_ids` are the reply's headers that name the request in the vendor's logs.

    `clock` (monotonic seconds), `now` (for a `Retry-After` that is a date) and `sleep` pass time; `jitter` draws from
    0 to 1. Raises `ValueError` for a base URL that is neither https nor on this machine.
    """

    def __init__(
        self,
        base_url: str,
        *,
        safe: Sequence[SafeRequest],
        gate: Gate,
        vendor: str | None = None,
        pace: Callable[[Mapping[str, str]], Pace | None] = lambda _headers: None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        deadline: float = 1800.0,
        timeouts: Timeouts = Timeouts(),
        attempts: int = 5,
        max_body: int = 32 * 2**20,
        at_once: int = 4,
        request_ids: Sequence[str] = (),
        user_agent: str = f"reconciler/{__version__}",
        proxy: str | None = None,
        on_request: Callable[[Exchange], None] = lambda _exchange: None,
    ) -> None:
        scheme, host, port, self._prefix = _split(base_url)
        self._where = host if port is None else f"{host}:{port}"
        self._safe = tuple(safe)
        self._gate = gate
        self._vendor = vendor
        self._read_pace = pace
        self._request_ids = tuple(request_ids)
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._jitter = jitter
        self._deadline = deadline
        self._until = math.inf
        self._started = threading.Lock()
        self._timeouts = timeouts
        self._attempts = attempts
        self._max_body = max_body
        self._user_agent = user_agent
        self._on_request = on_request
        self._at_once = threading.BoundedSemaphore(at_once)
        self._turns = Turns(clock)
        self._curtain = Curtain()
        # A proxy is for hosts elsewhere: what runs on this machine is reached directly.
        manager = urllib3.ProxyManager(proxy) if proxy and scheme == "https" else urllib3.PoolManager()
        manager.pool_classes_by_scheme = {"http": PlainPool, "https": EncryptedPool}
        self._pool = manager.connection_from_host(host, port, scheme, {"maxsize": at_once, "block": False})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of idle connections."""
        self._pool.close()

    def hide(self, secret: str) -> None:
        """From now on replace this text, however it is encoded, in every log line and error."""
        self._curtain.hide(secret)

    def redact(self, text: str) -> str:
        """The text without anything that was hidden."""
        return self._curtain.redact(text)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        json: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> Reply:
        """
        Send and return the answer, whatever its status, 429 and 5xx apart.

        `repeatable` says that sending twice does no harm; by default all are but a POST that is not declared safe. What
        an answer of 400 or above says is for people, so hidden texts are replaced in it.

        Raises `NotDeclaredSafe` before anything is sent, `Unreachable` when nothing can have changed: nothing was
        sent, or the request is safe and failed to the last, `Uncertain` when it may have taken effect, and
        `Unreadable` when the answer to a safe request is larger than `max_body`.
        """
        declared = any(each.allows(method, path) for each in self._safe)
        call = _Call(
            method=method,
            path=path,
            target=self._target(path, query),
            shown=self.redact(f"{method} {path}{_names_only(query)}"),
            body=_body(json, form),
            headers=self._headers(headers or {}, media_type=_media_type(json, form)),
            declared=declared,
            changes_nothing=declared or method in ("GET", "HEAD"),
            repeatable=declared or method != "POST" if repeatable is None else repeatable,
        )
        if not call.declared:
            self._gate.admit(method, path)
        with self._started:
            if self._until == math.inf:
                self._until = self._clock() + self._deadline
        return self._persist(call)

    def _persist(self, call: _Call) -> Reply:
        failures = refusals = 0
        arrived = False
        while True:
            self._wait_for_turn(call, arrived=arrived)
            outcome = self._send(call)
            if isinstance(outcome, Reply):
                if outcome.status == 429:
                    refusals += 1
                    self._close_window(outcome, refusals)
                    continue
                if _is_an_end(outcome.status):
                    return outcome
                outcome = _Failure(
                    f"the answer was {outcome.status}",
                    sent=True,
                    status=outcome.status,
                    wait=_retry_after(outcome.headers, self._now),
                )
            failures += 1
            arrived = arrived or outcome.sent
            times = f", {failures} times" if failures > 1 else ""
            if outcome.sent and not call.repeatable:
                raise self._given_up(call, outcome, outcome.reason, arrived=True)
            if outcome.final or failures >= self._attempts:
                raise self._given_up(call, outcome, f"{outcome.reason}{times}", arrived=arrived)
            wait = max(outcome.wait or 0.0, _backoff(failures, self._jitter()))
            if self._clock() + wait > self._until:
                reason = f"{outcome.reason}{times}, and the time for this run is used up"
                raise self._given_up(call, outcome, reason, arrived=arrived)
            _log.info("%s: %s; asking again in %.1f s", call.shown, self.redact(outcome.reason), wait)
            self._sleep(wait)

    def _given_up(self, call: _Call, failure: _Failure, reason: str, *, arrived: bool) -> VendorError:
        request = self.redact(f"{call.method} {call.path}")
        if arrived and not call.changes_nothing:
            message = f"`{request}` may or may not have taken effect: {reason}"
            return Uncertain(self.redact(message), status=failure.status, request=request)
        if failure.too_large:
            message = f"`{request}` cannot be read: {reason}"
            return Unreadable(self.redact(message), status=failure.status, request=request)
        message = f"`{request}` got no usable answer: {reason}"
        return Unreachable(self.redact(message), status=failure.status, request=request)

    def _wait_for_turn(self, call: _Call, *, arrived: bool) -> None:
        while (turn := self._turns.take()) is not None:
            if self._clock() + turn.wait > self._until:
                minutes = self._deadline / 60
                reason = f"{turn.reason}, which is beyond the {minutes:g} minutes that this run may take"
                raise self._given_up(call, _Failure(reason, sent=False, status=turn.status), reason, arrived=arrived)
            level = logging.WARNING if turn.wait > _LONG_WAIT else logging.INFO
            _log.log(level, "%s: %s", call.shown, turn.reason)
            self._sleep(turn.wait)
            # The clock may stand still in a rehearsal: what was waited for is over all the same.
            self._turns.over(turn)

    def _close_window(self, reply: Reply, refusals: int) -> None:
        named = _retry_after(reply.headers, self._now)
        if named is None:
            pace = self._read_pace(reply.headers)
            wait = max(pace.reset_seconds if pace else 0.0, _backoff(refusals + 1, self._jitter()))
            self._turns.closed(wait, f"too many requests; asking again in {wait:.0f} s", status=429)
        else:
            # A server that names no time at all, or the same too short one again, is asked ever more slowly.
            wait = max(named, _backoff(refusals - 1, self._jitter()) if refusals > 1 else 0.0)
            self._turns.closed(wait, f"too many requests; the vendor asks to wait {named:.0f} s", status=429)

    def _send(self, call: _Call) -> Reply | _Failure:
        """One sending. Returns failures instead of raising, so that no foreign text hangs on an error of ours."""
        watch = Watch(self._timeouts.total)
        LOCAL.watch = watch
        pace: Pace | None = None
        try:
            with self._at_once:
                if not call.declared:  # nothing stands between this and the sending, least of all a queue
                    self._gate.admit(call.method, call.path)
                began = time.monotonic()
                outcome = self._exchange(call, watch)
                seconds = time.monotonic() - began
            if isinstance(outcome, Reply) and outcome.status != 429:
                pace = self._read_pace(outcome.headers)
        finally:
            self._turns.done(pace)
        status = outcome.status if isinstance(outcome, Reply) else None
        failure = None if isinstance(outcome, Reply) else self.redact(outcome.reason)
        _log.debug("%s -> %s in %.0f ms", call.shown, failure or status, seconds * 1000)
        path = self.redact(call.path)
        self._on_request(
            Exchange(
                method=call.method,
                path=path,
                seconds=seconds,
                status=status,
                failure=failure,
                received=watch.received,
                request_id=None if call.changes_nothing else self._name_of(outcome),
                vendor=self._vendor,
            )
        )
        return outcome

    def _name_of(self, outcome: Reply | _Failure) -> str | None:
        """What the vendor calls the request; a text that is no name is none."""
        if isinstance(outcome, _Failure):
            return None
        names = (outcome.headers.get(header, "") for header in self._request_ids)
        return next((self.redact(name) for name in names if _NAME.fullmatch(name)), None)

    def _exchange(self, call: _Call, watch: Watch) -> Reply | _Failure:
        response: urllib3.BaseHTTPResponse | None = None
        whole = False
        try:
            response = self._pool.urlopen(
                call.method,
                call.target,
                body=call.body,
                headers=call.headers,
                retries=False,
                redirect=False,
                timeout=urllib3.Timeout(connect=self._timeouts.connect, read=self._timeouts.read),
                preload_content=False,
            )
            pieces = bytearray()
            for piece in response.stream(_CHUNK, decode_content=True):
                pieces += piece
                watch.received = len(pieces)
                if len(pieces) > self._max_body:
                    reason = f"the answer is larger than {self._max_body:,} bytes"
                    return _Failure(reason, sent=True, status=response.status, final=True, too_large=True)
            if watch.cut:
                return self._failure(None, watch)
            whole = True
            return self._reply(response, bytes(pieces))
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            # A piece of a size below zero is a `ValueError` to the library; all of ours were raised before.
            return self._failure(error, watch)
        finally:
            watch.end()
            if response is not None:
                if not whole:
                    response.close()
                response.release_conn()

    def _reply(self, response: urllib3.BaseHTTPResponse, body: bytes) -> Reply:
        decoded: object = None
        is_json = False
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = body.decode("utf-8-sig", errors="replace")
        else:
            try:
                decoded = decode(body, text)
                is_json = True
            except (ValueError, RecursionError):
                pass
        if response.status >= 400:
            text, decoded = self.redact(text), self._curtain.redact_document(decoded)
        headers = {name.lower(): value for name, value in response.headers.itermerged()}
        return Reply(status=response.status, headers=headers, body=decoded, is_json=is_json, text=text)

    def _failure(self, error: Exception | None, watch: Watch) -> _Failure:
        """What went wrong in our own words: the library's hold addresses and whatever the server sent."""
        sent = watch.sent
        if watch.cut:
            return _Failure(f"the answer was not complete after {self._timeouts.total:g} s", sent=sent)
        match error:
            case urllib3.exceptions.ProxyError():
                return _Failure(f"the proxy makes no connection to `{self._where}`", sent=sent)
            case urllib3.exceptions.SSLError() if not sent:
                detail = _certificate_trouble(error)
                # A certificate does not become good by asking again.
                return _Failure(f"no TLS connection to `{self._where}`: {detail}", sent=False, final=True)
            case urllib3.exceptions.NameResolutionError():
                return _Failure(f"the name `{self._where}` is not known", sent=sent)
            case urllib3.exceptions.NewConnectionError():
                return _Failure(f"no connection to `{self._where}`: {_system_words(error)}", sent=sent)
            case urllib3.exceptions.ConnectTimeoutError():
                return _Failure(f"no connection to `{self._where}` within {self._timeouts.connect:g} s", sent=sent)
            case urllib3.exceptions.ReadTimeoutError():
                return _Failure(f"silence for {self._timeouts.read:g} s", sent=sent)
            case urllib3.exceptions.DecodeError():
                return _Failure("the answer's compression is damaged", sent=sent)
            case _ if sent:
                return _Failure("the connection was cut before the answer was complete", sent=True)
            case _:
                return _Failure(f"no connection to `{self._where}`", sent=False)

    def _target(self, path: str, query: Sequence[tuple[str, str]]) -> str:
        # A segment `..` would leave the declared path after the library has normalised it.
        if not path.startswith("/") or re.search(r"[?#\\\s]", path) or {".", ".."} & set(path.split("/")):
            raise ValueError(f"`{path}` is not a path below the base URL")
        return self._prefix + path + (f"?{urlencode(query, quote_via=quote, safe='$')}" if query else "")

    def _headers(self, given: Mapping[str, str], *, media_type: str | None) -> dict[str, str]:
        for name, value in given.items():
            # Checked here because the library's own complaint would show the value.
            if not re.fullmatch(r"[A-Za-z0-9-]+", name) or not re.fullmatch(r"[\x20-\x7e]*", value):
                raise ValueError(f"the value of header `{name}` cannot be sent")
        known = {"User-Agent": self._user_agent, "Accept": "application/json", "Accept-Encoding": "gzip"}
        return {**known, **({"Content-Type": media_type} if media_type else {}), **given}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One request as asked for; `shown` is how log lines name it."""

    method: str
    path: str
    target: str
    shown: str
    body: bytes | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    declared: bool
    changes_nothing: bool
    repeatable: bool


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a sending brought no usable answer; `sent` says that anything may have reached the server."""

    reason: str
    sent: bool = field(kw_only=True)
    status: int | None = field(kw_only=True, default=None)
    wait: float | None = field(kw_only=True, default=None)
    final: bool = field(kw_only=True, default=False)
    too_large: bool = field(kw_only=True, default=False)


def _split(base_url: str) -> tuple[str, str, int | None, str]:
    parts = urlsplit(base_url)
    host = parts.hostname
    if parts.scheme not in ("https", "http") or not host:
        raise ValueError("a base URL begins with `https://` and a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("a base URL holds no credentials, query or fragment")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError(f"`http://{host}` would send credentials in the clear; write `https://{host}`")
    return parts.scheme, host, parts.port, parts.path.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _names_only(query: Sequence[tuple[str, str]]) -> str:
    """A query without its values, which may be personal data."""
    return "?" + "&".join(f"{name}=…" for name, _ in query) if query else ""


def _body(document: object, form: Mapping[str, str] | None) -> bytes | None:
    if form is not None:
        return urlencode(form).encode("ascii")
    return None if document is None else encoded(document)


def _media_type(document: object, form: Mapping[str, str] | None) -> str | None:
    if form is not None:
        return "application/x-www-form-urlencoded"
    return None if document is None else "application/json"


def _is_an_end(status: int) -> bool:
    """
    Whether an answer with this status is whole and final, whatever it means.

    What is only announced (1xx) or a part that nobody asked for (206) says nothing about the request.
    """
    return 200 <= status < 500 and status != 206


def _backoff(attempt: int, jitter: float) -> float:
    """Half a second, doubling up to half a minute, plus up to a fifth; `attempt` counts from 1."""
    return min(30.0, 0.5 * 2.0 ** min(attempt - 1, 10)) * (1 + jitter / 5)


def _retry_after(headers: Mapping[str, str], now: Callable[[], datetime]) -> float | None:
    """
    What `Retry-After` asks for, in seconds from now, or `None` when it says nothing intelligible.

    A date is taken against the answer's own `Date`, so that a clock that is wrong here does no harm (RFC 9110, 10.2.3).
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return float(text)
    until = _date(text)
    if until is None:
        return None
    return max(0.0, (until - (_date(headers.get("date", "")) or now())).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _certificate_trouble(error: Exception) -> str:
    reason = error.args[0] if error.args else None
    words = getattr(reason, "verify_message", "") or getattr(reason, "reason", "") or "the handshake failed"
    return str(words)


def _system_words(error: BaseException) -> str:
    """The operating system's words for a failure, such as `Connection refused`."""
    cause = error.__cause__
    return cause.strerror if isinstance(cause, OSError) and cause.strerror else "it cannot be made"
