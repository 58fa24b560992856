"""Time as the stand-in world sees it: it can stand still, be moved forward, or follow real time from any day."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import RLock


class Clock:
    """
    The one source of time of a stand-in world.

    `Clock()` follows real time from now; `Clock.frozen(when)` stands still until `advance` moves it. Time never
    runs backwards. Whoever must act when time passes (a schedule) subscribes; several vendors may share a clock.
    All instants are aware and in UTC.
    """

    def __init__(self, start: datetime | None = None, *, frozen: bool = False) -> None:
        self._lock = RLock()
        self._subscribers: list[Callable[[], None]] = []
        self._offset = timedelta(0) if start is None else _utc(start) - _real()
        self._stopped_at: datetime | None = (_utc(start) if start else _real()) if frozen else None

    @classmethod
    def frozen(cls, start: datetime | None = None) -> "Clock":
        """A clock that stands still, at `start` or at 2026-01-05T08:00:00Z, a Monday."""
        return cls(start or datetime(2026, 1, 5, 8, tzinfo=UTC), frozen=True)

    def now(self) -> datetime:
        """The present instant."""
        with self._lock:
            return self._stopped_at if self._stopped_at is not None else _real() + self._offset

    def timestamp(self) -> float:
        """The present instant in seconds since 1970, as `time.time` would say it."""
        return self.now().timestamp()

    def stands_still(self) -> bool:
        """Whether time passes only by `advance`."""
        return self._stopped_at is not None

    def advance(self, seconds: float) -> datetime:
        """
        Let `seconds` pass at once, and everything scheduled in them happen, in order; returns the new instant.

        May be handed to a client as its `sleep`. Raises `ValueError` when asked to go backwards.
        """
        if seconds < 0:
            raise ValueError("time does not run backwards: `seconds` must not be negative")
        with self._lock:
            if self._stopped_at is not None:
                self._stopped_at += timedelta(seconds=seconds)
            else:
                self._offset += timedelta(seconds=seconds)
        self.tick()
        return self.now()

    def advance_to(self, when: datetime) -> datetime:
        """Let time pass until `when`."""
        return self.advance((_utc(when) - self.now()).total_seconds())

    def freeze(self) -> None:
        """Stand still from now on."""
        with self._lock:
            self._stopped_at = self.now()

    def follow(self) -> None:
        """Follow real time from the present instant on."""
        with self._lock:
            self._offset = self.now() - _real()
            self._stopped_at = None

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Have `callback` called after every advance; it asks `now` itself."""
        with self._lock:
            self._subscribers.append(callback)

    def tick(self) -> None:
        """Let the subscribers catch up with the present."""
        with self._lock:
            subscribers = tuple(self._subscribers)
        for callback in subscribers:
            callback()


def iso(when: datetime) -> str:
    """An instant as JavaScript prints it: UTC, milliseconds, `Z`."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _real() -> datetime:
    return datetime.now(UTC)


def _utc(when: datetime) -> datetime:
    if when.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return when.astimezone(UTC)


def iso_milliseconds(milliseconds: int) -> str:
    """Milliseconds since 1970 as JavaScript prints that instant."""
    return iso(datetime.fromtimestamp(milliseconds / 1000, UTC))
