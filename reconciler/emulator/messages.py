"""A request as a vendor sees it and the answer it gives, free of sockets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

JsonObject = dict[str, Any]


class NotJson(ValueError):
    """The body of a request is not the JSON it claims to be."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """
    One request, whole.

    `path` is decoded and carries no query; `query` is decoded, in order, repetitions kept; header names are
    lower-case. `base` is the address the vendor is reached at, for answers that contain links.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    base: str = ""

    @cached_property
    def parameters(self) -> dict[str, list[str]]:
        """The query by name; every name keeps all its values."""
        found: dict[str, list[str]] = {}
        for name, value in self.query:
            found.setdefault(name, []).append(value)
        return found

    def parameter(self, name: str) -> str | None:
        """The first value of a query parameter, or None."""
        values = self.parameters.get(name)
        return values[0] if values else None

    def header(self, name: str) -> str | None:
        """A header by its name in any case, or None."""
        return self.headers.get(name.lower())

    @cached_property
    def _document(self) -> object:
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as problem:
            raise NotJson(str(problem)) from None

    def json(self) -> Any:  # noqa: ANN401 - the border: strangers' data
        """The body as JSON, None when it is empty. Raises `NotJson`."""
        return self._document


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back: a JSON document, or `raw` bytes where the vendor does not speak JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = "application/json; charset=utf-8"

    def content(self) -> bytes:
        """The bytes of the body."""
        if self.raw is not None:
            return self.raw
        if self.body is None:
            return b""
        return json.dumps(self.body, separators=(",", ":"), ensure_ascii=False).encode()


def query_of(raw: bytes) -> tuple[tuple[str, str], ...]:
    """The pairs of a query string, decoded (`%24limit` is `$limit`), empty values kept."""
    return tuple(parse_qsl(raw.decode("latin-1"), keep_blank_values=True))
