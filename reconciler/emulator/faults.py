"""Scripted misfortune: what goes wrong with which request, the how-manieth time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from threading import RLock
from typing import Any, assert_never

from reconciler.emulator.messages import Answer, JsonObject, Request

Hook = Callable[[], object]


class Effect(StrEnum):
    """What a fault does."""

    ANSWER = "answer"  # answers at once; nothing is written
    ANSWER_AFTER_WRITE = "answer_after_write"  # does what was asked, then answers something else
    CUT_BEFORE_WRITE = "cut_before_write"  # closes the connection; nothing is written
    CUT_AFTER_WRITE = "cut_after_write"  # does what was asked, then closes the connection without a reply
    CUT_IN_REPLY = "cut_in_reply"  # does what was asked, sends half of the reply, then closes the connection
    DELAY = "delay"  # waits, in real seconds, before anything is written
    DELAY_AFTER_WRITE = "delay_after_write"  # waits, in real seconds, before the reply
    HTML = "html"  # does what was asked and answers 200 with a web page
    BROKEN_JSON = "broken_json"  # does what was asked and answers JSON that ends in the middle
    SHORT_PAGE = "short_page"  # leaves objects out of a list
    EXPIRE_TOKENS = "expire_tokens"  # makes every token issued so far worthless, before the request is looked at
    REDIRECT = "redirect"  # answers 307 with another address; nothing is written
    CALL = "call"  # calls a Python function before anything is written
    CALL_AFTER_WRITE = "call_after_write"  # calls a Python function after the write, before the reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    One scripted fault.

    It counts the requests that fit `method` and `path` (`*` stands for anything, slashes included; a vendor's
    version prefix may be left out) from the moment it is scripted, and strikes from the `nth` on, `times`
    times; None is for ever. The other fields belong to single effects, see `Faults`.
    """

    effect: Effect
    method: str = "*"
    path: str = "*"
    nth: int = 1
    times: int | None = 1
    status: int = 500
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    drop: int = 1
    consistent: bool = False
    location: str = ""
    hook: Hook | None = None

    def __post_init__(self) -> None:
        if self.nth < 1 or (self.times is not None and self.times < 1):
            raise ValueError("`nth` and `times` count from 1")
        if self.effect in (Effect.CALL, Effect.CALL_AFTER_WRITE) and self.hook is None:
            raise ValueError(f"`{self.effect}` needs a `hook`, which only Python can give")

    def name(self) -> str:
        """The fault as the log names it."""
        return f"{self.effect.value} {self.method} {self.path}"

    def fits(self, method: str, paths: tuple[str, ...]) -> bool:
        """Whether a request under any of its paths is meant."""
        return self.method in ("*", method) and any(fnmatchcase(path, self.path) for path in paths)

    def document(self) -> JsonObject:
        """The fault as plain JSON, without its hook."""
        return {
            "effect": self.effect.value,
            "route": f"{self.method} {self.path}",
            "nth": self.nth,
            "times": self.times,
            "status": self.status,
            "body": self.body,
            "headers": dict(self.headers),
            "seconds": self.seconds,
            "drop": self.drop,
            "consistent": self.consistent,
            "location": self.location,
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Fault":
        """
        The fault that plain JSON describes: `effect`, `route` and any other field of a fault.

        Raises `ValueError` that names what is wrong.
        """
        known = {"effect", "route", "nth", "times", "status", "body", "headers", "seconds", "drop"}
        known |= {"consistent", "location", "retry_after"}
        unknown = sorted(set(document) - known)
        if unknown:
            raise ValueError(f"a fault has no `{unknown[0]}`: use {', '.join(sorted(known))}")
        names = [effect.value for effect in Effect]
        if document.get("effect") not in names:
            raise ValueError(f"`effect` must be one of {', '.join(names)}")
        fields = {name: value for name, value in document.items() if name not in ("effect", "route", "retry_after")}
        headers = dict(fields.pop("headers", {})) | retry_after_header(document.get("retry_after"))
        method, path = split_route(document.get("route", "* *"))
        return cls(effect=Effect(document["effect"]), method=method, path=path, headers=headers, **fields)


class Faults:
    """The faults that are scripted, in order. Safe to script from any thread."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._scripted: list[tuple[Fault, list[int]]] = []

    def add(self, fault: Fault) -> Fault:
        """Script a fault; it counts requests from now on."""
        with self._lock:
            self._scripted.append((fault, [0]))
        return fault

    def scripted(self) -> tuple[Fault, ...]:
        """The faults that may still strike."""
        with self._lock:
            return tuple(fault for fault, seen in self._scripted if not _spent(fault, seen[0]))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._scripted.clear()

    def strike(self, method: str, paths: tuple[str, ...]) -> tuple[Fault, ...]:
        """Count a request and return the faults that hit it."""
        with self._lock:
            hit = []
            for fault, seen in self._scripted:
                if not fault.fits(method, paths):
                    continue
                seen[0] += 1
                if seen[0] >= fault.nth and not _spent(fault, seen[0] - 1):
                    hit.append(fault)
            self._scripted = [(fault, seen) for fault, seen in self._scripted if not _spent(fault, seen[0])]
            return tuple(hit)

    def answer(
        self,
        route: str,
        status: int,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        retry_after: int | datetime | None = None,
        after_write: bool = False,
        nth: int = 1,
        times: int | None = 1,
    ) -> Fault:
        """
        Answer `route` with a status instead of doing what was asked, or after doing it.

        Without `body` the vendor's own error for that status is sent. `retry_after` is whole seconds, or an
        instant that is sent as an HTTP date.
        """
        effect = Effect.ANSWER_AFTER_WRITE if after_write else Effect.ANSWER
        all_headers = dict(headers or {}) | retry_after_header(retry_after)
        return self._script(route, effect, nth=nth, times=times, status=status, body=body, headers=all_headers)

    def answer_after_write(self, route: str, status: int = 500, *, nth: int = 1, times: int | None = 1) -> Fault:
        """Do what was asked, then answer a status as if it had failed."""
        return self.answer(route, status, after_write=True, nth=nth, times=times)

    def cut_before_write(self, route: str, *, nth: int = 1, times: int | None = 1) -> Fault:
        """Close the connection without having done anything."""
        return self._script(route, Effect.CUT_BEFORE_WRITE, nth=nth, times=times)

    def cut_after_write(self, route: str, *, nth: int = 1, times: int | None = 1) -> Fault:
        """Do what was asked, then close the connection without a reply."""
        return self._script(route, Effect.CUT_AFTER_WRITE, nth=nth, times=times)

    def cut_in_reply(self, route: str, *, nth: int = 1, times: int | None = 1) -> Fault:
        """Do what was asked, then close the connection in the middle of the reply."""
        return self._script(route, Effect.CUT_IN_REPLY, nth=nth, times=times)

    def delay(
        self, route: str, seconds: float, *, after_write: bool = False, nth: int = 1, times: int | None = 1
    ) -> Fault:
        """Wait real seconds before, or after, doing what was asked."""
        effect = Effect.DELAY_AFTER_WRITE if after_write else Effect.DELAY
        return self._script(route, effect, nth=nth, times=times, seconds=seconds)

    def html(self, route: str, *, status: int = 200, nth: int = 1, times: int | None = 1) -> Fault:
        """Do what was asked, then answer a web page, as a proxy does."""
        return self._script(route, Effect.HTML, nth=nth, times=times, status=status)

    def broken_json(self, route: str, *, nth: int = 1, times: int | None = 1) -> Fault:
        """Do what was asked, then answer JSON that ends in the middle, with a complete response around it."""
        return self._script(route, Effect.BROKEN_JSON, nth=nth, times=times)

    def short_page(
        self, route: str, drop: int = 1, *, consistent: bool = False, nth: int = 1, times: int | None = 1
    ) -> Fault:
        """
        Leave the last `drop` objects out of a page.

        With `consistent` the total shrinks too, so that nothing in the answer betrays the lie.
        """
        return self._script(route, Effect.SHORT_PAGE, nth=nth, times=times, drop=drop, consistent=consistent)

    def expire_tokens(self, route: str = "* *", *, nth: int = 1, times: int | None = 1) -> Fault:
        """Make every token issued so far worthless when this request arrives."""
        return self._script(route, Effect.EXPIRE_TOKENS, nth=nth, times=times)

    def redirect(self, route: str, location: str, *, status: int = 307, nth: int = 1, times: int | None = 1) -> Fault:
        """Send the client somewhere else; `location` gets the path of the request appended when it has none."""
        return self._script(route, Effect.REDIRECT, nth=nth, times=times, status=status, location=location)

    def call(self, route: str, hook: Hook, *, after_write: bool = False, nth: int = 1, times: int | None = 1) -> Fault:
        """
        Call a function at exactly that moment, for instance to kill the client.

        It runs in a thread of its own, outside every lock, and the request waits for it. What it raises becomes
        the vendor's 500.
        """
        effect = Effect.CALL_AFTER_WRITE if after_write else Effect.CALL
        return self._script(route, effect, nth=nth, times=times, hook=hook)

    def _script(self, route: str, effect: Effect, **fields: Any) -> Fault:  # noqa: ANN401 - fields of `Fault`
        method, path = split_route(route)
        return self.add(Fault(effect=effect, method=method, path=path, **fields))


def split_route(route: str) -> tuple[str, str]:
    """`POST /connections/*` as method and path."""
    method, _, path = route.strip().partition(" ")
    if not path.strip():
        raise ValueError(f"`{route}` is no route: write a method and a path, `POST /connections` or `* /connections/*`")
    return method.upper(), path.strip()


def retry_after_header(wait: object) -> dict[str, str]:
    """The `Retry-After` header for whole seconds, an instant, an instant's ISO text, or nothing."""
    match wait:
        case None:
            return {}
        case datetime():
            return {"Retry-After": format_datetime(wait, usegmt=True)}
        case int():
            return {"Retry-After": str(wait)}
        case str():
            return retry_after_header(datetime.fromisoformat(wait))
        case _:
            raise ValueError("`retry_after` is whole seconds or an instant")


def instead_of(fault: Fault, request: Request, error: Callable[[int], Answer]) -> Answer:
    """The answer of a fault that keeps the request from being done."""
    if fault.effect is Effect.REDIRECT:
        location = fault.location
        if location.count("/") <= 2:  # only a scheme and a host
            location += request.path
        return Answer(status=fault.status if fault.status != 500 else 307, headers={"Location": location})
    return _replaced(fault, error)


def after(fault: Fault, answer: Answer, error: Callable[[int], Answer]) -> Answer:
    """The answer of a fault that strikes after the request was done; the answer itself when it changes none."""
    match fault.effect:
        case Effect.ANSWER_AFTER_WRITE:
            return _replaced(fault, error)
        case Effect.HTML:
            page = b"<!DOCTYPE html><html><head><title>Please wait</title></head><body>Please wait</body></html>"
            status = 200 if fault.status == 500 else fault.status
            return Answer(status=status, raw=page, content_type="text/html; charset=utf-8")
        case Effect.BROKEN_JSON:
            content = answer.content() or b'{"id": "unfinished"}'
            return Answer(status=answer.status, raw=content[: max(1, len(content) // 2)], headers=answer.headers)
        case Effect.SHORT_PAGE:
            return Answer(status=answer.status, body=_shortened(answer.body, fault), headers=answer.headers)
        case (
            Effect.ANSWER
            | Effect.CUT_BEFORE_WRITE
            | Effect.CUT_AFTER_WRITE
            | Effect.CUT_IN_REPLY
            | Effect.DELAY
            | Effect.DELAY_AFTER_WRITE
            | Effect.EXPIRE_TOKENS
            | Effect.REDIRECT
            | Effect.CALL
            | Effect.CALL_AFTER_WRITE
        ):
            return answer
        case _:
            assert_never(fault.effect)


def _replaced(fault: Fault, error: Callable[[int], Answer]) -> Answer:
    if fault.body is not None:
        return Answer(status=fault.status, body=fault.body, headers=fault.headers)
    plain = error(fault.status)
    return Answer(status=fault.status, body=plain.body, headers={**plain.headers, **fault.headers})


def _shortened(body: object, fault: Fault) -> object:
    if isinstance(body, list):
        return body[: max(0, len(body) - fault.drop)]
    if not isinstance(body, dict):
        return body
    short = dict(body)
    for name, value in body.items():
        if isinstance(value, list):
            short[name] = value[: max(0, len(value) - fault.drop)]
            lost = len(value) - len(short[name])
            break
    else:
        return body
    if fault.consistent:
        for name in ("total", "count", "totalCount", "_totalCount"):
            if isinstance(short.get(name), int):
                short[name] -= lost
    return short


def _spent(fault: Fault, seen: int) -> bool:
    return fault.times is not None and seen >= fault.nth - 1 + fault.times
