"""One import under way: parts read from the files, sent, and remembered in a record that holds nobody's data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from reconciler.deliveries import SourceError
from reconciler.providers.didomi.imports.files import Input
from reconciler.providers.didomi.imports.parts import Damaged, Part, Position, Reading, parts
from reconciler.providers.didomi.imports.quarantine import Quarantine, Reject
from reconciler.providers.didomi.imports.sending import Refusal, Sender
from reconciler.sdk import Batch, Batches, Refused, Sent, VendorError
from reconciler.values import Document, Observed, Value

BEGIN = Position(0, 0)

SENDING = "sending"
DONE = "done"
UNDOING = "undoing"
UNDONE = "undone"
"""What an import's record says of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Come:
    """
    How far an import has come, as its record keeps it.

    `at` is the last line that is behind us, `acked` the digests of requests of the next part that are done already.
    """

    digest: str
    batch: str
    state: str = SENDING
    at: Position = BEGIN
    acked: tuple[str, ...] = ()
    lines: int = 0
    stored: int = 0
    there: int = 0
    rejected: int = 0
    repeated: int = 0

    @classmethod
    def of(cls, memo: Document) -> Come | None:
        """From a record's memo; `None` when it is no import's."""
        digest, batch, state, at = (memo.get(key) for key in ("digest", "batch", "state", "at"))
        if not (isinstance(digest, str) and isinstance(batch, str) and isinstance(state, str)):
            return None
        place = [each for each in at if isinstance(each, int)] if isinstance(at, tuple) else []
        acked = memo.get("acked")
        figures = {key: each for key in _FIGURES if isinstance(each := memo.get(key), int)}
        return cls(
            digest=digest,
            batch=batch,
            state=state,
            at=Position(*place) if len(place) == 2 else BEGIN,
            acked=tuple(str(each) for each in acked) if isinstance(acked, tuple) else (),
            **figures,
        )

    @property
    def memo(self) -> dict[str, Value]:
        """What the record keeps."""
        return {
            "digest": self.digest,
            "batch": self.batch,
            "state": self.state,
            "at": tuple(self.at),
            "acked": self.acked,
            **{key: getattr(self, key) for key in _FIGURES},
        }


_FIGURES = ("lines", "stored", "there", "rejected", "repeated")


class ImportJob(Batches):
    """
    See `Batches`. `total` counts lines.

    With `stops` the first event that is refused ends it; else it goes to the quarantine and the rest goes on.
    """

    def __init__(
        self,
        come: Come,
        *,
        total: int,
        files: Sequence[Input],
        reading: Reading,
        sender: Sender,
        quarantine: Quarantine,
        stops: bool,
        shown: str,
    ) -> None:
        self.id = come.batch
        self.memo = come.memo
        self.done = come.lines
        self.total = total
        self._come = come
        self._files = files
        self._sender = sender
        self._quarantine = quarantine
        self._stops = stops
        self._shown = shown
        self._parts = parts(reading.items(files, come.at), files, come.at)
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="lines")
        self._ahead: Future[Part | None] | None = None

    def next(self) -> Batch | None:
        """The next lines of the files, read while the last were sent. Raises `Refused` when they are others now."""
        ahead = self._ahead or self._read_ahead()
        self._ahead = None
        try:
            part = ahead.result()
        except (SourceError, Damaged) as error:
            raise Refused(f"the import stops: {error}") from None
        if part is None:
            return None
        chunks = tuple(chunk.digest for chunk in part.chunks)
        memo: dict[str, Value] = {"batch": self.id, "from": tuple(part.begin), "to": tuple(part.end), "chunks": chunks}
        return Batch(memo=memo, content=part)

    def send(self, batch: Batch, stopping: Callable[[], bool]) -> Sent:
        """See `Batches.send`. Rejects are on the disk before the record says that the part is behind us."""
        part = batch.content
        assert isinstance(part, Part)
        come = self._come
        if part.rejects and self._stops:
            self._quarantine.add(part.rejects)
            return self._sent(come, self._rejected(len(part.rejects), "not fit to be imported"))
        self._ahead = self._ahead or self._read_ahead()
        arrived = self._sender.send(part, frozenset(come.acked), stopping, stop_at_refusal=self._stops)
        refused = [self._reject(each) for each in sorted(arrived.refused, key=lambda each: each.event.at)]
        self._quarantine.add([*part.rejects, *refused])
        whole = arrived.acked.union(come.acked) >= {chunk.digest for chunk in part.chunks}
        come = replace(
            come,
            stored=come.stored + arrived.stored,
            there=come.there + arrived.there,
            rejected=come.rejected + (0 if self._stops else len(refused)),
        )
        if not whole:
            self._come = replace(come, acked=tuple(sorted(arrived.acked.union(come.acked))))
            if arrived.error is not None and not isinstance(arrived.error, VendorError) and not stopping():
                raise arrived.error
            error = arrived.error if isinstance(arrived.error, VendorError) else None
            if error is None and refused and self._stops:
                error = self._rejected(len(refused), "refused by Didomi")
            return self._sent(self._come, error)
        self._come = replace(
            come,
            at=part.end,
            acked=(),
            lines=come.lines + part.lines,
            rejected=come.rejected + len(part.rejects),
            repeated=come.repeated + part.repeated,
        )
        return self._sent(self._come, None, whole=True)

    def finish(self) -> Observed:
        """Read the sample back. Raises `Refused` when one of it is not there as it was sent."""
        looked, missing = self._sender.check_sample()
        if missing:
            places = ", ".join(f"`{self._files[each.at.file].name}` line {each.at.line}" for each in missing[:3])
            raise Refused(
                f"{len(missing)} of {looked} events that were read back are not there as they were sent ({places});"
                " apply again to ask once more, or ask Didomi's support"
            )
        self._come = come = replace(self._come, state=DONE)
        outputs: dict[str, Value] = {
            "batch": come.batch,
            "stored": come.stored,
            "alreadyThere": come.there + come.repeated,
            "rejected": come.rejected,
            "readBack": looked,
        }
        if come.rejected:
            outputs["quarantine"] = self._shown
        return Observed(id=self.id, attributes={}, memo=come.memo, outputs=outputs)

    def close(self) -> None:
        """Let go of the files."""
        self._reader.shutdown(wait=True, cancel_futures=True)
        self._parts.close()

    def _read_ahead(self) -> Future[Part | None]:
        return self._reader.submit(next, self._parts, None)

    def _sent(self, come: Come, error: VendorError | None, *, whole: bool = False) -> Sent:
        return Sent(memo=come.memo, done=come.lines, error=error, interrupted=not whole and error is None)

    def _reject(self, refusal: Refusal) -> Reject:
        at = refusal.event.at
        reasons = (refusal.reason, *((refusal.said,) if refusal.said else ()))
        return Reject(file=self._files[at.file].name, line=at.line, reasons=reasons, event=refusal.event.body)

    def _rejected(self, number: int, why: str) -> Refused:
        return Refused(
            f"{number} {'event' if number == 1 else 'events'} {why} (kept in `{self._shown}`), nothing more was sent;"
            " correct file and digest, or write `onRejects: quarantine` to import the others"
        )
