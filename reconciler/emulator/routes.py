"""Which function of a vendor answers a method and a path."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

H = TypeVar("H", bound=Callable[..., object])


class WrongMethod(LookupError):
    """The path is known, the method is not; carries the methods that are."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(", ".join(allowed))
        self.allowed = allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Match(Generic[H]):
    """A found route: its handler, its template and what the braces of the template stood for."""

    handler: H
    template: str
    values: Mapping[str, str]


class Router(Generic[H]):
    """Routes such as `GET /connections/{id}`; a literal segment wins over one in braces."""

    def __init__(self) -> None:
        self._routes: dict[int, list[tuple[tuple[str, ...], str, dict[str, H]]]] = {}

    def add(self, method: str, template: str, handler: H) -> None:
        """Answer `method` on paths like `template` with `handler`."""
        segments = _segments(template)
        routes = self._routes.setdefault(len(segments), [])
        for known, _, handlers in routes:
            if known == segments:
                handlers[method] = handler
                return
        routes.append((segments, template, {method: handler}))
        routes.sort(key=lambda route: [segment.startswith("{") for segment in route[0]])

    def find(self, method: str, path: str) -> Match[H] | None:
        """The route of a request, None when no path fits. Raises `WrongMethod` when only the path fits."""
        segments = _segments(path)
        for pattern, template, handlers in self._routes.get(len(segments), []):
            values = _fit(pattern, segments)
            if values is None:
                continue
            handler = handlers.get(method)
            if handler is None:
                raise WrongMethod(tuple(sorted(handlers)))
            return Match(handler=handler, template=template, values=values)
        return None


def _segments(path: str) -> tuple[str, ...]:
    return tuple(segment for segment in path.split("/") if segment)


def _fit(pattern: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    values: dict[str, str] = {}
    for wanted, found in zip(pattern, segments, strict=True):
        if wanted.startswith("{"):
            values[wanted[1:-1]] = found
        elif wanted != found:
            return None
    return values
