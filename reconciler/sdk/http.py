"""The narrow face of the HTTP client that a vendor sees, and what a vendor declares about its requests."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SafeRequest:
    """
    A request that changes nothing at the vendor.

    `path` is a pattern with `{}` for one path segment, relative to the vendor's base URL, such as `/flows/{}`.
    A POST that only reads (a session, a query) is declared here like any GET.
    """

    method: str
    path: str

    def allows(self, method: str, path: str) -> bool:
        """Whether the request is this one; `path` without query."""
        pattern = "[^/]+".join(re.escape(part) for part in self.path.split("{}"))
        return method == self.method and re.fullmatch(pattern, path) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What a reply said about how many more requests are welcome: `remaining` within the next `reset_seconds`."""

    remaining: int
    reset_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer: status, headers with lower-case names, and the body, decoded from JSON when it was JSON."""

    status: int
    headers: Mapping[str, str]
    body: object
    is_json: bool
    text: str


class Http(Protocol):
    """
    One vendor's host.

    Waits out rate limits, follows no redirect to another host, repeats what is safe to repeat, and shows no secret.
    """

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
        Send and return the answer, whatever its status, 429 and retried failures apart.

        The body is `json`, or `form` as `application/x-www-form-urlencoded` (a token request), or none.
        `repeatable` says that sending twice does no harm; by default all methods but POST are, and a POST that is
        declared safe. Raises `Uncertain` when a request that changes something got no answer or a 5xx to the last,
        `Unreachable` when it was never sent or only read, `NotDeclaredSafe` when the caller may only read.
        """
        ...

    def hide(self, secret: str) -> None:
        """From now on replace this text in every log line and error."""
        ...
