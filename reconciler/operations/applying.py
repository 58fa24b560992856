"""
Carrying out the steps of a plan.

The main thread alone writes the journal and owns the records; calls to vendors run in a bounded pool. Each step
is a generator that yields the calls it wants made, so that it reads from top to bottom.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol, TypeVar, assert_never, cast

from reconciler.engine.diff import differences, has_unknown
from reconciler.engine.records import made, to_send, with_reply
from reconciler.engine.recovery import may_be, natural_key, traces
from reconciler.engine.scheduler import Schedule, steps
from reconciler.engine.steps import intent_of, record_after, record_of
from reconciler.operations.clock import Clock, Stopped
from reconciler.operations.progress import Progress
from reconciler.sdk import (
    Batch,
    Batches,
    BatchHandler,
    BlockedByVendor,
    Catalog,
    CredentialsRefused,
    Gone,
    Handler,
    Order,
    PermissionRefused,
    Refused,
    Session,
    StillRunning,
    Uncertain,
    Unreachable,
    VendorError,
    owned,
)
from reconciler.values import (
    Address,
    Change,
    Document,
    Identity,
    Intent,
    Observed,
    Outcome,
    OutcomeStatus,
    Plan,
    Record,
    Resource,
    Secret,
    Settlement,
    SettlementStatus,
    Snapshot,
    Step,
    Traits,
    Verb,
)

_log = logging.getLogger(__name__)

T = TypeVar("T")
Call = Callable[[], object]
Work = Generator[Call, object, T]


class Journal(Protocol):
    """Where intents and settlements are made durable."""

    def intend(self, intent: Intent) -> None:
        """Make the intent durable before returning."""
        ...

    def settle(self, *settlements: Settlement) -> None:
        """Make the settlements durable."""
        ...


@contextmanager
def _unnamed() -> Iterator[list[str]]:
    yield []


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """
    What carrying out a plan needs of the world; `redact` gives a vendor's words without any secret.

    `requests` gives what vendors call the requests that the present thread sends meanwhile; `within` wraps each call of
    a step before it is handed to the pool.
    """

    catalog: Catalog
    session: Callable[[str], Session]
    reveal: Callable[[Secret], str]
    journal: Journal
    clock: Clock
    progress: Progress
    draw: Callable[[], str]
    stopping: Callable[[], bool]
    redact: Callable[[str], str]
    requests: Callable[[], AbstractContextManager[list[str]]] = _unnamed
    within: Callable[[Step, Call], Call] = lambda _step, call: call
    parallelism: int = 4
    ready_seconds: float = 600.0


@dataclass(slots=True)
class Carried:
    """How it went: outcomes as they ended, the records as they are now, and whether credentials failed."""

    records: dict[Address, Record]
    outcomes: list[Outcome] = field(default_factory=list)
    denied: bool = False


def carry_out(plan: Plan, records: Mapping[Address, Record], snapshot: Snapshot, tools: Tools, *, run: str) -> Carried:
    """
    Run every step of the plan that can run; a failed step skips only its dependents.

    When `tools.stopping` turns true no further step is begun and those under way are waited for. Raises what the
    journal raises, after the calls under way have ended: an intent that could not be written is never acted upon.
    """
    carried = Carried(records=dict(records))
    executor = _Executor(plan, snapshot, tools, carried, run)
    schedule = Schedule(executor.steps)
    tools.progress.planned(len(executor.steps))
    with ThreadPoolExecutor(tools.parallelism, thread_name_prefix="apply") as pool:
        _Loop(executor, schedule, pool, tools).run()
    return carried


@dataclass(slots=True)
class _Loop:
    executor: _Executor
    schedule: Schedule
    pool: ThreadPoolExecutor
    tools: Tools
    under_way: dict[Future[object], tuple[Work[Outcome], Step, float]] = field(default_factory=dict)
    crash: Exception | None = None

    def run(self) -> None:
        while True:
            while len(self.under_way) < self.tools.parallelism and not self.tools.stopping() and self.crash is None:
                step = self.schedule.next()
                if step is None:
                    break
                self.tools.progress.started(step)
                self._advance(self.executor.work(step), step, self.tools.clock.monotonic())
            if not self.under_way:
                break
            done, _ = wait(self.under_way, return_when=FIRST_COMPLETED)
            for future in done:
                self._advance(*self.under_way.pop(future), future)
        if self.crash is not None:
            raise self.crash
        for step in self.executor.left():
            self.executor.note(Outcome(step=step, status=OutcomeStatus.SKIPPED, message="the run was stopped"))

    def _advance(self, work: Work[Outcome], step: Step, began: float, future: Future[object] | None = None) -> None:
        """Let the step go on until it wants the next call made, or ends."""
        try:
            if future is None:
                call = next(work)
            else:
                error = future.exception()
                call = work.send(future.result()) if error is None else work.throw(error)
        except StopIteration as stop:
            outcome = replace(cast("Outcome", stop.value), seconds=self.tools.clock.monotonic() - began)
            self._end(outcome)
        except Exception as error:  # noqa: BLE001 - raised again once the calls under way have been journaled
            self.crash = self.crash or error
        else:
            self.under_way[self.pool.submit(self.tools.within(step, call))] = (work, step, began)

    def _end(self, outcome: Outcome) -> None:
        self.executor.note(outcome)
        if outcome.status is OutcomeStatus.DONE:
            self.schedule.succeeded(outcome.step)
            return
        for step in self.schedule.failed(outcome.step):
            self.executor.note(
                Outcome(step=step, status=OutcomeStatus.SKIPPED, message=f"`{outcome.step.name}` did not succeed")
            )


def _call(call: Callable[[], T]) -> Work[T]:
    """Have the call made in the pool; its result is what the pool sends back."""
    result = yield call
    return cast("T", result)  # the loop sends exactly what `call` returned


class _Executor:
    def __init__(self, plan: Plan, snapshot: Snapshot, tools: Tools, carried: Carried, run: str) -> None:
        self.steps = steps(plan.changes)
        self._plan = plan
        self._snapshot = snapshot
        self._tools = tools
        self._carried = carried
        self._run = run
        self._changes: dict[tuple[Address, str | None], Change] = {}
        for change in plan.changes:
            self._changes[change.address, change.id if change.resource is None else None] = change
        self._objects = {(type, each.id): each for type, found in snapshot.objects.items() for each in found}
        self._ended: set[str] = set()
        self._requests: dict[str, tuple[str, ...]] = {}

    # --- around the steps ---

    def note(self, outcome: Outcome) -> None:
        if outcome.message is not None:
            outcome = replace(outcome, message=self._tools.redact(outcome.message))
        self._ended.add(outcome.step.name)
        self._carried.outcomes.append(outcome)
        self._tools.progress.ended(outcome)

    def left(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.name not in self._ended)

    def _change(self, step: Step) -> Change:
        change = self._changes.get((step.address, None))
        if change is not None and (step.verb is not Verb.DELETE or change.id == step.id) and self._fits(step, change):
            return change
        return self._changes[step.address, step.id]

    @staticmethod
    def _fits(step: Step, change: Change) -> bool:
        return step.verb is not Verb.RECORD or step.id == change.id

    def work(self, step: Step) -> Work[Outcome]:
        """The step from its beginning to its outcome; raises nothing but what the journal raises."""
        try:
            return (yield from self._verb(step))
        except (BlockedByVendor, StillRunning) as error:
            status = OutcomeStatus.WAIT if isinstance(error, StillRunning) else OutcomeStatus.BLOCKED
            return Outcome(step=step, status=status, message=error.message)
        except (CredentialsRefused, PermissionRefused) as error:
            self._carried.denied = True
            return Outcome(step=step, status=OutcomeStatus.FAILED, message=error.message)
        except (Uncertain, Unreachable) as error:
            return Outcome(step=step, status=OutcomeStatus.UNKNOWN, message=error.message)
        except VendorError as error:
            return Outcome(step=step, status=OutcomeStatus.FAILED, message=error.message)
        except Stopped:
            return Outcome(step=step, status=OutcomeStatus.UNKNOWN, message="interrupted while it was under way")

    def _verb(self, step: Step) -> Work[Outcome]:
        change = self._change(step)
        match step.verb:
            case Verb.CREATE | Verb.RUN:
                return self._make(step, change)
            case Verb.UPDATE:
                return self._update(step, change)
            case Verb.DELETE:
                return self._delete(step, change)
            case Verb.DISABLE:
                return self._disable(step, change)
            case Verb.RECORD:
                return self._record(step, change)
            case _:
                assert_never(step.verb)

    # --- the verbs ---

    def _make(self, step: Step, change: Change) -> Work[Outcome]:
        handler = self._handler(step.address)
        if isinstance(handler, BatchHandler):
            return (yield from self._in_parts(step, change, handler))
        reply, applied = yield from self._create(step, change, handler)
        if reply is None:
            _log.debug("%s: the lost call had no effect and is made once more", step.name)
            reply, applied = yield from self._create(step, change, handler)
        if reply is None:
            raise Unreachable("no answer came, twice, and the vendor's list shows no trace of the object")
        return (yield from self._finish(step, change, handler, reply, applied))

    def _create(self, step: Step, change: Change, handler: Handler) -> Work[tuple[Observed | None, Document]]:
        """The new object and what was sent; no object when the reply was lost and a later look found nothing."""
        order = self._order(step, change, self._tools.draw())
        memo = yield from _call(lambda: handler.prepare(order))
        there: Sequence[Observed] = self._snapshot.objects.get(step.address.type, ())
        if self._traits(step.address).identity is Identity.DIFFERENCE:
            # What tells the new object from others is that it was not there just before.
            there = yield from _call(handler.list)
        intent = self._intend(step, change, order, memo, there)
        reply: Observed | None
        try:
            reply = yield from _call(self._noting(intent, lambda: handler.create(replace(order, memo=memo))))
        except Uncertain:
            reply = yield from self._look_for(intent, handler)
        except VendorError:
            self._close(intent, SettlementStatus.REFUSED)
            raise
        if reply is None:
            self._close(intent, SettlementStatus.VOID)
        else:
            self._done(intent, record_after(step, intent, reply, None, self._carried.records))
        return reply, order.attributes

    def _finish(
        self, step: Step, change: Change, handler: Handler, reply: Observed, applied: Document
    ) -> Work[Outcome]:
        """Wait until the new object is ready, bring it the rest of the way, and test it before an old one goes."""
        observed = yield from self._ready(step, handler, reply)
        traits = self._traits(step.address)
        if traits.job and observed.taint is not None and not observed.taint.freshness:
            message = observed.taint.reason
            return Outcome(step=step, status=OutcomeStatus.FAILED, message=message, id=observed.id)
        rest = differences(applied, applied, observed.attributes, traits)
        if rest and traits.updates and not traits.job and not any(each.forces_replacement for each in rest):
            second = Step(name=step.name, address=step.address, verb=Verb.UPDATE, id=observed.id)
            order = replace(
                self._order(second, change, self._tools.draw()), id=observed.id, fields=rest, observed=observed
            )
            observed = yield from self._change_in_place(second, change, handler, order)
        if step.verb is Verb.CREATE and change.id is not None:
            yield from _call(lambda: handler.test(observed.id))
        return Outcome(step=step, status=OutcomeStatus.DONE, id=observed.id, outputs=observed.outputs)

    def _in_parts(self, step: Step, change: Change, handler: BatchHandler) -> Work[Outcome]:
        """A job in parts: the intent of each is durable before it is sent, its end says how far the job has come."""
        assert change.resource is not None
        order = self._order(step, change, self._tools.draw())
        job = yield from _call(lambda: handler.begin(order))
        try:
            before = self._carried.records.get(step.address)
            scope = self._tools.session(step.address.vendor).scope
            record = made(
                change.resource, order.attributes, id=job.id, scope=scope, at=self._tools.clock.now(), before=before
            )
            record = replace(record, memo=job.memo)
            self._keep(step.address, record)
            self._tools.progress.moved(step, job.done, job.total)
            while (part := (yield from _call(job.next))) is not None:
                record = yield from self._part(step, job, part, record)
            observed = yield from _call(job.finish)
        finally:
            job.close()
        record = replace(record, memo=observed.memo, outputs=observed.outputs, touched=self._tools.clock.now())
        self._keep(step.address, record)
        return Outcome(step=step, status=OutcomeStatus.DONE, id=observed.id, outputs=observed.outputs)

    def _part(self, step: Step, job: Batches, part: Batch, record: Record) -> Work[Record]:
        """The record once the part has been sent. Raises what the part's end says, `Stopped` when it was cut short."""
        tools = self._tools
        if tools.stopping():
            raise Stopped
        # To recovery it is a change of what the record names: the part may have arrived, and is sent again.
        intent = Intent(
            id=tools.draw(),
            run=self._run,
            address=step.address,
            verb=Verb.UPDATE.value,
            scope=record.scope,
            at=tools.clock.now(),
            target=job.id,
            memo=part.memo,
        )
        tools.journal.intend(intent)
        sent = yield from _call(self._noting(intent, lambda: job.send(part, tools.stopping)))
        record = replace(record, memo=sent.memo, touched=tools.clock.now())
        if sent.interrupted or isinstance(sent.error, Uncertain):
            self._keep(step.address, record)
        else:
            self._done(intent, record)
        tools.progress.moved(step, sent.done, job.total)
        if sent.error is not None:
            raise sent.error
        if sent.interrupted:
            raise Stopped
        return record

    def _update(self, step: Step, change: Change) -> Work[Outcome]:
        order = self._order(step, change, self._tools.draw())
        observed = yield from self._change_in_place(step, change, self._handler(step.address), order)
        return Outcome(step=step, status=OutcomeStatus.DONE, id=observed.id, outputs=observed.outputs)

    def _change_in_place(self, step: Step, change: Change, handler: Handler, order: Order) -> Work[Observed]:
        intent = self._intend(step, change, order, {})
        reply = yield from self._attempt(intent, lambda: handler.update(order))
        self._done(intent, record_after(step, intent, reply, None, self._carried.records))
        return (yield from self._ready(step, handler, reply))

    def _delete(self, step: Step, change: Change) -> Work[Outcome]:
        handler = self._handler(step.address)
        assert step.id is not None
        id = step.id
        successor = self._carried.records.get(step.address)
        new = successor.id if successor is not None else None
        if new is not None and new != id:
            yield from _call(lambda: handler.test(new))
        intent = self._intend(step, change, None, {})
        try:
            yield from self._attempt(intent, lambda: handler.delete(id))
        except Gone:
            _log.debug("%s: it was gone already", step.name)
        self._done(intent, record_after(step, intent, None, None, self._carried.records))
        return Outcome(step=step, status=OutcomeStatus.DONE, id=id)

    def _disable(self, step: Step, change: Change) -> Work[Outcome]:
        handler = self._handler(step.address)
        assert step.id is not None
        id = step.id
        intent = self._intend(step, change, None, {})
        reply = yield from self._attempt(intent, lambda: handler.disable(id))
        observed = yield from self._ready(step, handler, reply)
        before = self._objects.get((step.address.type, id))
        self._done(intent, record_after(step, intent, observed, before, self._carried.records))
        return Outcome(step=step, status=OutcomeStatus.DONE, id=id)

    def _record(self, step: Step, change: Change) -> Work[Outcome]:
        applied: Document = {}
        if change.resource is not None:
            observed = self._objects.get((step.address.type, step.id)) if step.id else None
            applied = self._document(change.resource, observed)
        self._keep(step.address, record_of(change, self._carried.records, applied, self._tools.clock.now()))
        yield from ()  # a generator like its siblings, though it has nothing to ask of a vendor
        return Outcome(step=step, status=OutcomeStatus.DONE, id=step.id)

    # --- parts of verbs ---

    def _order(self, step: Step, change: Change, drawn: str) -> Order:
        assert change.resource is not None
        observed = self._objects.get((step.address.type, step.id)) if step.id else None
        attributes = self._document(change.resource, observed)
        if has_unknown(attributes):
            raise Refused(f"something that `{step.address}` needs does not exist")
        return Order(
            address=step.address,
            attributes=attributes,
            reveal=self._tools.reveal,
            owner=owned(step.address, project=self._plan.project, environment=self._plan.environment, intent=drawn),
            now=self._tools.clock.now(),
            id=step.id,
            fields=change.fields,
            observed=observed,
            record=self._carried.records.get(step.address),
        )

    def _document(self, resource: Resource, observed: Observed | None) -> Document:
        """What is sent and remembered of a resource: what its owner ignores stays as it is at the object that stays."""
        return to_send(
            resource,
            self._id_of,
            self._traits(resource.address),
            now=self._snapshot.taken,
            record=self._carried.records.get(resource.address),
            observed=observed,
        )

    def _id_of(self, address: Address) -> str | None:
        record = self._carried.records.get(address)
        return record.id if record is not None else None

    def _intend(
        self,
        step: Step,
        change: Change,
        order: Order | None,
        memo: Document,
        there: Sequence[Observed] = (),
    ) -> Intent:
        """Write down what is about to be done; `there` are the kind's objects just before a creation."""
        applied = order.attributes if order is not None else {}
        traits = self._traits(step.address)
        key = natural_key(applied, traits)
        # Objects without a key look alike too: none of them is what this call makes.
        intent = intent_of(
            step,
            change,
            id=order.owner.intent if order is not None else self._tools.draw(),
            run=self._run,
            at=self._tools.clock.now(),
            scope=self._tools.session(step.address.vendor).scope,
            applied=applied,
            seen=tuple(sorted(each.id for each in there if may_be(natural_key(each.attributes, traits), key))),
            memo=memo,
            records=self._carried.records,
        )
        self._tools.journal.intend(intent)
        return intent

    def _attempt(self, intent: Intent, call: Callable[[], T]) -> Work[T]:
        """Make the call of an intent; a plain refusal closes the intent, an unknown outcome leaves it open."""
        try:
            return (yield from _call(self._noting(intent, call)))
        except (Uncertain, Unreachable):
            raise
        except VendorError as error:
            if not isinstance(error, Gone) or intent.verb != Verb.DELETE.value:
                self._close(intent, SettlementStatus.REFUSED)
            raise

    def _noting(self, intent: Intent, call: Callable[[], T]) -> Callable[[], T]:
        """The call, with the vendor's names of what it sends kept for the intent's end."""

        def noting() -> T:
            with self._tools.requests() as names:
                try:
                    return call()
                finally:
                    self._requests[intent.id] = tuple(names)

        return noting

    def _look_for(self, intent: Intent, handler: Handler) -> Work[Observed | None]:
        """
        The object that a creation without an answer made after all, or `None` when there is none.

        Asks the list until the vendor's settle time has passed. Raises `Uncertain` when several objects may be it.
        """
        traits = self._traits(intent.address)
        until = intent.at + timedelta(seconds=traits.settle_seconds)
        records = self._carried.records.values()
        taken = {id for record in records if record.address.type == traits.type for id in record.ids}
        pause = max(0.05, min(2.0, traits.settle_seconds / 10))
        while True:
            objects = yield from _call(handler.list)
            found = [each for each in traces(intent, objects, traits) if each.id not in taken]
            if len(found) > 1:
                ids = ", ".join(f"`{each.id}`" for each in found)
                raise Uncertain(f"no answer came, and any of {ids} may be what was made")
            if found:
                return found[0]
            if self._tools.clock.now() >= until:
                return None
            yield from _call(lambda: self._tools.clock.sleep(pause))

    def _ready(self, step: Step, handler: Handler, reply: Observed) -> Work[Observed]:
        """The object once its transient state has passed, with what the vendor computed kept in the record."""
        observed = reply
        until = self._tools.clock.monotonic() + self._tools.ready_seconds
        pauses = [0.2]
        while observed.settling is not None:
            if self._tools.clock.monotonic() >= until:
                raise StillRunning(f"`{observed.id}` is still {observed.settling}")
            yield from _call(lambda: self._tools.clock.sleep(pauses[-1]))
            pauses.append(min(pauses[-1] * 1.5, 5.0))
            observed = (yield from _call(lambda: handler.read(reply.id))) or observed
        record = self._carried.records.get(step.address)
        if observed is not reply and record is not None and record.id == observed.id:
            self._keep(step.address, with_reply(record, observed))
        return observed

    def _done(self, intent: Intent, record: Record | None) -> None:
        self._close(intent, SettlementStatus.DONE, record)
        self._remember(intent.address, record)

    def _close(self, intent: Intent, status: SettlementStatus, record: Record | None = None) -> None:
        now = self._tools.clock.now()
        requests = self._requests.pop(intent.id, ())
        self._tools.journal.settle(
            Settlement(
                intent=intent.id, status=status, at=now, address=intent.address, record=record, requests=requests
            )
        )

    def _keep(self, address: Address, record: Record | None) -> None:
        now = self._tools.clock.now()
        self._tools.journal.settle(
            Settlement(intent="", status=SettlementStatus.DONE, at=now, address=address, record=record)
        )
        self._remember(address, record)

    def _remember(self, address: Address, record: Record | None) -> None:
        if record is None:
            self._carried.records.pop(address, None)
        else:
            self._carried.records[address] = record

    def _handler(self, address: Address) -> Handler:
        return self._tools.session(address.vendor).handler(address.kind)

    def _traits(self, address: Address) -> Traits:
        return self._tools.catalog.traits(address.type)
