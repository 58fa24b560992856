"""What was asked and what was answered, with every secret masked before it is kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from hashlib import sha256
from threading import RLock
from typing import Any

from reconciler.emulator.clock import iso
from reconciler.emulator.messages import JsonObject, NotJson, Request, query_of

MASK = "***"
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"})
_MOST_VALUES = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One request and what became of it.

    `number` counts from 1 in order of arrival and `time` is the world's. `status` is what the client saw: None
    while the request is being worked on, and for ever when the connection was cut. `wrote` says that the
    vendor's objects changed, whatever the client was told. `faults` names the scripted faults that applied.
    """

    number: int
    time: datetime
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    status: int | None = None
    wrote: bool = False
    faults: tuple[str, ...] = ()

    def parameter(self, name: str) -> str | None:
        """The first value of a query parameter, or None."""
        return next((value for known, value in self.query if known == name), None)

    def document(self) -> JsonObject:
        """The entry as plain JSON."""
        plain = asdict(self)
        plain["time"] = iso(self.time)
        plain["query"] = [list(pair) for pair in self.query]
        plain["faults"] = list(self.faults)
        return plain


class Mask:
    """Replaces secrets by asterisks: the values of certain keys and headers, and registered values anywhere."""

    def __init__(self, keys: Iterable[str] = (), headers: Iterable[str] = ()) -> None:
        self._keys = frozenset(key.lower() for key in keys)
        self._headers = _SECRET_HEADERS | {name.lower() for name in headers}
        self._values: dict[str, None] = {}

    def register(self, value: str) -> None:
        """Mask this value wherever it turns up; the last 256 are remembered."""
        if not value:
            return
        self._values[value] = None
        if len(self._values) > _MOST_VALUES:
            del self._values[next(iter(self._values))]

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers with secrets masked; the scheme of an `Authorization` stays readable."""
        return {name: self._header(name, value) for name, value in headers.items()}

    def pairs(self, query: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """A query with secrets masked."""
        return tuple((name, MASK if name.lower() in self._keys else self.text(value)) for name, value in query)

    def document(self, value: object) -> Any:  # noqa: ANN401 - JSON in, JSON out
        """A JSON document with secrets masked."""
        if isinstance(value, dict):
            return {
                key: MASK if key.lower() in self._keys and item is not None else self.document(item)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.document(item) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def fingerprints(self, value: object) -> Any:  # noqa: ANN401 - JSON in, JSON out
        """As `document`, but equal secrets can still be told from different ones."""
        if isinstance(value, dict):
            return {
                key: f"{MASK}{sha256(str(item).encode()).hexdigest()[:12]}"
                if key.lower() in self._keys and item is not None
                else self.fingerprints(item)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.fingerprints(item) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def text(self, value: str) -> str:
        """Text with registered values masked."""
        for secret in tuple(self._values):
            if secret in value:
                value = value.replace(secret, MASK)
        return value

    def _header(self, name: str, value: str) -> str:
        if name.lower() not in self._headers:
            return self.text(value)
        scheme, space, _ = value.partition(" ")
        return f"{scheme} {MASK}" if space else MASK


class Log:
    """Every request since the start or the last reset. Safe to read from any thread."""

    def __init__(self, mask: Mask) -> None:
        self._lock = RLock()
        self._mask = mask
        self._entries: list[Entry] = []
        self._first = 1

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    def begin(self, request: Request, time: datetime) -> int:
        """Write down that a request arrived; returns its number."""
        with self._lock:
            number = self._first + len(self._entries)
            self._entries.append(
                Entry(
                    number=number,
                    time=time,
                    method=request.method,
                    path=self._mask.text(request.path),
                    query=self._mask.pairs(request.query),
                    headers=self._mask.headers(request.headers),
                    body=self._body(request),
                )
            )
            return number

    def finish(self, number: int, *, status: int | None, wrote: bool, faults: tuple[str, ...]) -> None:
        """Write down what became of a request; a number from before a reset is ignored."""
        with self._lock:
            index = number - self._first
            if 0 <= index < len(self._entries):
                self._entries[index] = replace(self._entries[index], status=status, wrote=wrote, faults=faults)

    def entries(self, method: str = "*", path: str = "*") -> tuple[Entry, ...]:
        """The entries whose method and path fit; `*` stands for anything."""
        with self._lock:
            return tuple(
                entry for entry in self._entries if method in ("*", entry.method) and fnmatchcase(entry.path, path)
            )

    def writes(self) -> tuple[Entry, ...]:
        """The entries that changed the vendor's objects."""
        with self._lock:
            return tuple(entry for entry in self._entries if entry.wrote)

    def clear(self) -> None:
        """Forget all entries; numbers go on."""
        with self._lock:
            self._first += len(self._entries)
            self._entries.clear()

    def _body(self, request: Request) -> object:
        if (request.header("content-type") or "").startswith("application/x-www-form-urlencoded"):
            return dict(self._mask.pairs(query_of(request.body)))
        try:
            return self._mask.document(request.json())
        except NotJson:
            return f"{len(request.body)} bytes that are not JSON"
