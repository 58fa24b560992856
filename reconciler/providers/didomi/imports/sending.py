"""
One part on its way: requests that may be repeated, cut in half when they are refused, and read back when in doubt.

What an array gets of which one event is bad, and what an event gets whose id exists, is not documented (Batch import).
So nothing is concluded from a refusal but that each half must be asked for itself, and nothing about a single event
but what is found when it is read back.
"""

from __future__ import annotations

import hashlib
import heapq
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from reconciler.providers.didomi.client import Client, segment
from reconciler.providers.didomi.imports.events import Body, is_same, questions, users_of
from reconciler.providers.didomi.imports.parts import Chunk, Event, Part
from reconciler.providers.didomi.imports.valve import Valve
from reconciler.providers.didomi.mapping import Row
from reconciler.sdk import Gone, PermissionRefused, Refused, Uncertain, Unreachable, VendorError

ROUTE = "/consents/events"

_log = logging.getLogger(__name__)

# What an array is answered with that holds a bad or a known event: which of them is not documented.
_DIVIDE = frozenset({400, 409, 413, 422})
_ANOTHER = "id: another event with this id is stored at Didomi"
_LOOKS = 3
_REST = 0.5

Asleep = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that Didomi does not take, and why, in words of our own and in Didomi's."""

    event: Event
    reason: str
    said: str = field(default="", repr=False)


@dataclass(slots=True)
class Arrived:
    """What became of a part: digests of requests that are done, and how many events took which end."""

    acked: set[str] = field(default_factory=set)
    stored: int = 0
    there: int = 0
    refused: list[Refusal] = field(default_factory=list)
    error: Exception | None = None
    interrupted: bool = False


class _Stop(Exception):
    """Somebody asked to stop between two requests."""


@dataclass(slots=True)
class _Ends:
    """
    How the events of one request ended, before it is known whether all of them have.

    `stops` says that a refused event is asked for again one day; then what follows it of the same user, whose names are
    in `held`, waits with it.
    """

    stops: bool = False
    held: set[str] = field(default_factory=set)
    stored: int = 0
    there: int = 0
    refused: list[Refusal] = field(default_factory=list)
    kept: list[Event] = field(default_factory=list)

    def refuse(self, refusal: Refusal) -> None:
        """The event is not taken."""
        self.refused.append(refusal)
        if self.stops:
            self.held.update(users_of(refusal.event.body))


class Sender:
    """
    Sends parts of one import. `samples` events are kept to be read back at the end, the same in every run.

    Safe within one `send` at a time.
    """

    def __init__(
        self, client: Client, valve: Valve, *, sleep: Asleep, integrations: bool = False, samples: int = 0
    ) -> None:
        self._client = client
        self._valve = valve
        self._sleep = sleep
        self._query = [("organization_id", client.organization)]
        if not integrations:
            # "Do not forward to connected tools" (Events; documented): what happened long ago is no news to them.
            self._query.append(("$disable_integrations", "true"))
        self._most = samples
        self._samples: list[tuple[int, str, Event]] = []
        self._lock = threading.Lock()

    def send(
        self, part: Part, acked: frozenset[str], stopping: Callable[[], bool], *, stop_at_refusal: bool
    ) -> Arrived:
        """
        Send every request of the part that is not among `acked`.

        At the first error nothing more is begun, and what is under way ends; with `stop_at_refusal` an event that
        Didomi does not take is one too. Requests of one chain follow each other; others may be under way meanwhile.
        """
        arrived = Arrived()
        chains: queue.SimpleQueue[Sequence[Chunk]] = queue.SimpleQueue()
        for chain in part.chains:
            chains.put(chain)

        def is_over() -> bool:
            with self._lock:
                over = arrived.error is not None or (stop_at_refusal and bool(arrived.refused))
                arrived.interrupted = arrived.interrupted or stopping()
                return over or arrived.interrupted

        def work() -> None:
            while not is_over():
                try:
                    chain = chains.get_nowait()
                except queue.Empty:
                    return
                self._chain(chain, acked, arrived, is_over, stop_at_refusal=stop_at_refusal)

        workers = min(self._valve.most, len(part.chains)) or 1
        with ThreadPoolExecutor(workers, thread_name_prefix="events") as pool:
            for ended in [pool.submit(work) for _ in range(workers)]:
                ended.result()
        left = {chunk.digest for chunk in part.chunks} - arrived.acked - acked
        arrived.interrupted = arrived.interrupted and bool(left)
        return arrived

    def _chain(
        self,
        chain: Sequence[Chunk],
        acked: frozenset[str],
        arrived: Arrived,
        is_over: Callable[[], bool],
        *,
        stop_at_refusal: bool,
    ) -> None:
        for chunk in chain:
            if chunk.digest in acked:
                continue
            ends = _Ends(stops=stop_at_refusal)
            if is_over():
                return
            try:
                self._deliver(chunk.events, ends, is_over)
            except _Stop:
                return
            except Exception as error:  # noqa: BLE001 - told, or raised again, once the others have ended
                if not isinstance(error, Uncertain) or not self._all_there(chunk, ends):
                    with self._lock:
                        arrived.error = arrived.error or error
                    return
            with self._lock:
                arrived.refused += ends.refused
                if ends.refused and stop_at_refusal:
                    return  # not done: a later run asks for these events again
                arrived.acked.add(chunk.digest)
                arrived.stored += ends.stored
                arrived.there += ends.there
                self._sample(ends.kept)

    # --- one request ---

    def _deliver(self, events: Sequence[Event], ends: _Ends, is_over: Callable[[], bool]) -> None:
        try:
            rows = self._post(events)
        except (Gone, PermissionRefused):
            raise
        except Refused as refused:
            if refused.status not in _DIVIDE:
                raise
            if len(events) == 1:
                self._settle(events[0], refused, ends)
                return
            middle = len(events) // 2
            for half in (events[:middle], events[middle:]):  # in this order: one user's events may be in both
                if is_over():
                    raise _Stop from None
                waiting = [each for each in half if ends.held.isdisjoint(users_of(each.body))]
                if waiting:
                    self._deliver(waiting, ends, is_over)
            return
        for event in events:
            row = rows.get(event.id)
            if row is None:
                row = self._read(event, looks=_LOOKS)
            if row is None:
                raise Uncertain(f"Didomi took {len(events)} events and does not give one of them back")
            if not is_same(event.body, row):
                ends.refuse(Refusal(event, _ANOTHER))
            else:
                ends.stored += 1
                ends.kept.append(event)

    def _post(self, events: Sequence[Event]) -> Mapping[str, Row]:
        """The events that the answer gives back, by their id: its order is not documented."""
        began = time.monotonic()
        good = False
        self._valve.enter()
        try:
            # Every event has an id, so that sending twice does no harm (Batch import, OpenAPI; documented).
            reply = self._client.change(
                "POST", ROUTE, query=self._query, body=[each.body for each in events], repeatable=True
            )
            good = True
        except Refused:
            good = True
            raise
        finally:
            self._valve.leave(time.monotonic() - began, good=good)
        body = reply.body
        if isinstance(body, Mapping):
            body = body.get("data", [body])
        rows = body if isinstance(body, list) else []
        return {str(row.get("id")): row for row in rows if isinstance(row, Mapping)}

    def _settle(self, event: Event, refused: Refused, ends: _Ends) -> None:
        """A single event that was refused is already there, another one with its id is, or it is not wanted."""
        row = self._read(event, looks=_LOOKS if refused.status == 409 else 1)
        if row is None:
            ends.refuse(Refusal(event, f"refused by Didomi ({refused.status})", refused.message))
        elif is_same(event.body, row):
            ends.there += 1
            ends.kept.append(event)
        else:
            ends.refuse(Refusal(event, _ANOTHER, refused.message))

    def _all_there(self, chunk: Chunk, ends: _Ends) -> bool:
        """Whether a request of which nobody knows the outcome has arrived as a whole."""
        fresh = _Ends()
        try:
            for event in chunk.events:
                row = self._read(event, looks=1)
                if row is None:
                    return False
                if is_same(event.body, row):
                    fresh.there += 1
                    fresh.kept.append(event)
                else:
                    fresh.refuse(Refusal(event, _ANOTHER))
        except Exception as error:  # noqa: BLE001 - then nobody knows
            _log.debug("a request of unknown outcome could not be read back: %s", type(error).__name__)
            return False
        ends.stored, ends.there, ends.refused, ends.kept = 0, fresh.there, fresh.refused, fresh.kept
        return True

    def _read(self, event: Event, *, looks: int) -> Body | None:
        """The event as it is stored; `None` after so many looks that did not find it."""
        for look in range(looks):
            if look:
                self._sleep(_REST * look)
            for question in questions(event.body):
                try:
                    row = self._client.row(
                        f"{ROUTE}/{segment(event.id)}", [("organization_id", self._client.organization), *question]
                    )
                except Gone:  # what cannot be anybody's id
                    return None
                except VendorError as error:
                    if isinstance(error, Unreachable):
                        raise
                    # Its own words name the event.
                    raise type(error)(
                        f"`GET {ROUTE}/…` cannot be read ({error.status or 'no answer'})",
                        status=error.status,
                        request=f"GET {ROUTE}/…",
                    ) from None
                if row is not None:
                    return row
        return None

    # --- a sample, to be read back at the end ---

    def _sample(self, events: Sequence[Event]) -> None:
        for event in events if self._most else ():
            rank = -int.from_bytes(hashlib.sha256(event.id.encode("utf-8", "surrogatepass")).digest()[:8])
            if len(self._samples) < self._most:
                heapq.heappush(self._samples, (rank, event.id, event))
            elif rank > self._samples[0][0]:
                heapq.heapreplace(self._samples, (rank, event.id, event))

    def check_sample(self) -> tuple[int, list[Event]]:
        """How many events were read back, and those that are not there as they were sent."""
        missing = []
        for _, _, event in sorted(self._samples, key=lambda each: each[:2]):
            row = self._read(event, looks=_LOOKS)
            if row is None or not is_same(event.body, row):
                missing.append(event)
        return len(self._samples), missing
