"""How many requests a caller may make in a window of time."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What is left after one request: `reset` is whole seconds until the window ends, at least 1."""

    allowed: bool
    limit: int
    remaining: int
    reset: int


class Window:
    """A fixed window per caller, opened by the caller's first request and counted on the world's clock."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[float, int]] = {}

    def take(self, caller: str, *, limit: int, seconds: float, now: float) -> Allowance:
        """Count one request of `caller`; `now` is in seconds since 1970."""
        opened, used = self._open.get(caller, (now, 0))
        if now - opened >= seconds:
            opened, used = now, 0
        allowed = used < limit
        used = used + 1 if allowed else used
        self._open[caller] = (opened, used)
        left = opened + seconds - now
        return Allowance(
            allowed=allowed,
            limit=limit,
            remaining=limit - used,
            reset=max(1, int(left) + (left > int(left))),
        )

    def clear(self) -> None:
        """Forget every caller."""
        self._open.clear()
