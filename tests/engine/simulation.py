"""
A vendor in memory, fictional kinds that between them use every trait, and an apply that can be killed at any moment.

The vendor is strict: no reference may dangle, what cannot be edited cannot be edited, unique keys are unique. What
it hides it still keeps, so that a test can compare the truth and not only what is reported.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from reconciler.engine.diff import agree, has_unknown, same_document
from reconciler.engine.planner import Decision, is_refused, plan, to_do
from reconciler.engine.records import resolve, to_send
from reconciler.engine.recovery import natural_key
from reconciler.engine.safety import Limits
from reconciler.engine.scheduler import Schedule, steps
from reconciler.engine.shape import pointed_ids, shape_of
from reconciler.engine.steps import intent_of, record_after, record_of
from reconciler.values import (
    HIDDEN,
    MISSING,
    Action,
    Address,
    Change,
    Desired,
    Document,
    FieldChange,
    Identity,
    Intent,
    Observed,
    OnRemoval,
    Options,
    Outcome,
    OutcomeStatus,
    Ownership,
    Problem,
    Record,
    Resource,
    Settlement,
    SettlementStatus,
    Snapshot,
    State,
    Step,
    Traits,
    Value,
    Verb,
)

VENDOR = "sim"
SCOPE = "organization sim"
START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)

KINDS: Mapping[str, Traits] = {
    each.type: each
    for each in (
        Traits(
            type="sim/Account",
            identity=Identity.MARK,
            immutable=frozenset({("region",)}),
            secrets=frozenset({("token",)}),
            write_only=frozenset({("access", "role"), ("pin",)}),
            unordered=frozenset({("tags",)}),
            defaults={("mode",): "safe", ("options", "retries"): 3},
            natural_key=(("name",),),
            on_removal=OnRemoval.DELETE,
        ),
        Traits(
            type="sim/Source",
            identity=Identity.MARK,
            immutable=frozenset({("account",), ("datasets",), ("key",)}),
            references={("account",): "sim/Account"},
            secrets=frozenset({("key",)}),
            unordered=frozenset({("datasets",)}),
            natural_key=(("name",),),
            on_removal=OnRemoval.DELETE,
        ),
        Traits(
            type="sim/Target",
            identity=Identity.MARK,
            references={("account",): "sim/Account"},
            immutable=frozenset({("path",)}),
            natural_key=(("name",),),
            on_removal=OnRemoval.DELETE,
            replacement_cost="files start again in the new path",
        ),
        Traits(
            type="sim/Flow",
            identity=Identity.MARK,
            references={("source",): "sim/Source", ("targets", "*"): "sim/Target", ("slot",): "sim/Slot"},
            secrets=frozenset({("rules", "*", "token")}),
            keyed={("rules",): "name"},
            unordered=frozenset({("targets",)}),
            defaults={("enabled",): True, ("schedule",): {"every": "1d"}},
            natural_key=(("name",), ("source",)),
            disables=True,
            on_removal=OnRemoval.DELETE,
        ),
        Traits(
            type="sim/Slot",
            identity=Identity.DIFFERENCE,
            immutable=frozenset({("size",), ("account",)}),
            references={("account",): "sim/Account"},
            write_only=frozenset({("pin",)}),
            natural_key=(("name",),),
            coexists=False,
            on_removal=OnRemoval.DELETE,
        ),
        Traits(
            type="sim/Token",
            identity=Identity.DIFFERENCE,
            secrets=frozenset({("secret",)}),
            references={("account",): "sim/Account"},
            natural_key=(("name",),),
            updates=False,
            on_removal=OnRemoval.DELETE,
        ),
        Traits(
            type="sim/Backfill",
            identity=Identity.MARK,
            references={("source",): "sim/Source"},
            secrets=frozenset({("key",)}),
            updates=False,
            deletes=False,
            job=True,
        ),
        Traits(
            type="sim/Label",
            identity=Identity.DIFFERENCE,
            immutable=frozenset({("color",)}),
            natural_key=(("name",),),
            deletes=False,
            on_removal=OnRemoval.FORGET,
        ),
    )
}
EXTRAS: Document = {"createdBy": "vendor", "status": {"phase": "ready"}}
"""What the vendor reports of every object although nobody wrote it."""


def traits_of(type: str) -> Traits:
    return KINDS[type]


def address(kind: str, name: str = "a") -> Address:
    return Address(VENDOR, kind, name)


class No(Exception):
    """The vendor refuses; nothing happened."""


@dataclass(slots=True)
class Stored:
    """One object as it really is, hidden fields included."""

    attributes: dict[str, Value]
    owner: Ownership | None
    made: datetime
    revision: int = 1


@dataclass(slots=True)
class Vendor:
    """All objects by type and id; `foreign` are ids that somebody else made."""

    now: datetime = START
    lag: timedelta = timedelta(0)
    objects: dict[str, dict[str, Stored]] = field(default_factory=lambda: {type: {} for type in KINDS})
    foreign: set[str] = field(default_factory=set)
    sent: dict[str, set[str]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    _count: int = 0

    # --- what may be asked ---

    def create(self, type: str, attributes: Document, owner: Ownership | None) -> Observed:
        self._check_references(type, attributes)
        traits = KINDS[type]
        if not traits.coexists:
            key = natural_key(attributes, traits)
            if any(natural_key(each.attributes, traits) == key for each in self.objects[type].values()):
                raise No(f"{type} {key} exists already")
        self._count += 1
        id = f"{type.partition('/')[2].lower()}-{self._count}"
        whole = {**EXTRAS, **{key: value for key, value in attributes.items() if value is not None}}
        self.objects[type][id] = Stored(
            attributes=_with_defaults(whole, traits),
            owner=owner if traits.identity is Identity.MARK else None,
            made=self.now,
        )
        self.sent[id] = set(attributes)
        self.log.append(f"create {id}")
        return self.observed(type, id)

    def update(self, type: str, id: str, attributes: Document, fields: Iterable[FieldChange] = ()) -> Observed:
        """Set every given field, and what `fields` says is to be unset; the rest stays."""
        stored = self._get(type, id)
        traits = KINDS[type]
        assert traits.updates, f"{type} cannot be updated"
        after = dict(stored.attributes)
        unset = {str(each.path[0]) for each in fields if each.path[0] not in attributes}
        after = {key: value for key, value in after.items() if key not in unset}
        after.update(attributes)
        after = _with_defaults({key: value for key, value in after.items() if value is not None}, traits)
        self._check_references(type, after)
        if not _same_immutable(stored.attributes, after, traits):
            raise No(f"{id} cannot be edited so: {stored.attributes} -> {after}")
        stored.attributes = after
        stored.revision += 1
        self.sent[id] = (self.sent.get(id, set()) - unset) | set(attributes)
        self.log.append(f"update {id}")
        return self.observed(type, id)

    def delete(self, type: str, id: str) -> None:
        if id not in self.objects[type]:
            return
        assert KINDS[type].deletes, f"{type} cannot be deleted"
        holders = self.holders(type, id)
        if holders:
            raise No(f"{id} is used by {holders}")
        del self.objects[type][id]
        self.log.append(f"delete {id}")

    def disable(self, type: str, id: str) -> Observed:
        assert KINDS[type].disables
        stored = self._get(type, id)
        stored.attributes["enabled"] = False
        stored.revision += 1
        self.log.append(f"disable {id}")
        return self.observed(type, id)

    def observed(self, type: str, id: str) -> Observed:
        stored = self.objects[type][id]
        shown = _shown(stored.attributes, KINDS[type])
        return Observed(
            id=id,
            attributes=shown,
            revision=str(stored.revision),
            owner=stored.owner,
            outputs={"url": f"https://sim.example/{id}"},
        )

    def snapshot(self, recorded: Mapping[str, frozenset[str]]) -> Snapshot:
        """A reading: lists may lack what was made within the lag, unless it is asked for by id."""
        objects = {}
        listed = {}
        for type, each in self.objects.items():
            seen = [id for id, stored in each.items() if stored.made + self.lag <= self.now]
            by_id = [id for id in each if id not in seen and id in recorded.get(type, frozenset())]
            objects[type] = tuple(self.observed(type, id) for id in (*seen, *by_id))
            listed[type] = frozenset(seen)
        return Snapshot(taken=self.now, objects=objects, scopes={VENDOR: SCOPE}, listed=listed)

    # --- what a test may look at ---

    def all(self) -> dict[str, str]:
        """Every id with its type."""
        return {id: type for type, objects in self.objects.items() for id in objects}

    def holders(self, type: str, id: str) -> list[str]:
        """Ids of the objects that point at this one; what a job once used, it does not hold."""
        return [
            other
            for kind, objects in self.objects.items()
            if not KINDS[kind].job
            for other, stored in objects.items()
            if (type, id) in set(pointed_ids(stored.attributes, shape_of(KINDS[kind])))
        ]

    def dangling(self) -> list[str]:
        """References that lead nowhere."""
        return [
            f"{id} -> {target}"
            for type, objects in self.objects.items()
            if not KINDS[type].job
            for id, stored in objects.items()
            for kind, target in pointed_ids(stored.attributes, shape_of(KINDS[type]))
            if target not in self.objects[kind]
        ]

    # --- what others do behind our back ---

    def edit(self, type: str, id: str, key: str, value: Value) -> None:
        stored = self.objects[type][id]
        stored.attributes[key] = value
        stored.revision += 1
        self.sent.get(id, set()).discard(key)

    def remove(self, type: str, id: str) -> None:
        """Somebody deletes the object, when nothing holds it."""
        if not self.holders(type, id):
            self.objects[type].pop(id, None)

    def add(self, type: str, attributes: Document) -> str:
        """Somebody makes an object by hand."""
        id = self.create(type, attributes, None).id
        self.foreign.add(id)
        return id

    def _get(self, type: str, id: str) -> Stored:
        if id not in self.objects[type]:
            raise No(f"{id} does not exist")
        return self.objects[type][id]

    def _check_references(self, type: str, attributes: Document) -> None:
        for kind, id in pointed_ids(attributes, shape_of(KINDS[type])):
            if id not in self.objects[kind]:
                raise No(f"{type} points at {id}, which does not exist")


def _same_immutable(one: Document, other: Document, traits: Traits) -> bool:
    bare = replace(traits, secrets=frozenset(), write_only=frozenset(), defaults={})
    paths = [path[0] for path in traits.immutable]
    return same_document(
        {path: one.get(path, MISSING) for path in paths}, {path: other.get(path, MISSING) for path in paths}, bare
    )


def _with_defaults(attributes: Mapping[str, Value], traits: Traits) -> dict[str, Value]:
    result = dict(attributes)
    for path, value in traits.defaults.items():
        if len(path) == 1:
            result.setdefault(path[0], value)
        elif isinstance(inner := result.get(path[0]), Mapping):
            result[path[0]] = {path[1]: value, **inner}
    return result


def _shown(attributes: Mapping[str, Value], traits: Traits) -> dict[str, Value]:
    """As reported: hidden fields left out, unordered and keyed lists in an order of the vendor's own."""
    shape = shape_of(traits)

    def walk(value: Value, path: tuple[str, ...]) -> Value:
        here = shape
        for step in path:
            here = here.child(step)
        if here.hidden:
            return HIDDEN if path[-1] == "pin" else MISSING
        if isinstance(value, Mapping):
            inner = {key: walk(item, (*path, key)) for key, item in value.items()}
            return {key: item for key, item in inner.items() if item is not MISSING}
        if isinstance(value, tuple):
            items = tuple(walk(item, (*path, "*")) for item in value)
            return items[::-1] if here.unordered or here.key is not None else items
        return value

    return {key: value for key in sorted(attributes) if (value := walk(attributes[key], (key,))) is not MISSING}


class Killed(Exception):
    """The process is no more."""


@dataclass(slots=True)
class Chaos:
    """
    What goes wrong during one apply.

    `kill_at` is the moment, counted from zero, at which the process dies; of calls under way then, chance decides
    whether they arrived. `lose` and `refuse` are the chances of a lost reply and of a refused call.
    """

    random: random.Random = field(default_factory=lambda: random.Random(0))
    kill_at: int | None = None
    lose: float = 0.0
    refuse: float = 0.0
    parallel: int = 1
    moments: int = 0

    def moment(self) -> None:
        if self.kill_at is not None and self.moments >= self.kill_at:
            raise Killed
        self.moments += 1


@dataclass(slots=True)
class Call:
    """One step under way."""

    step: Step
    change: Change
    intent: Intent
    arrived: bool = False
    reply: Observed | None = None
    error: No | None = None


@dataclass(slots=True)
class Project:
    """
    One project's memory, and the only reader and writer of the vendor on its behalf.

    State is folded from the journal, as an apply would find it after a crash.
    """

    vendor: Vendor = field(default_factory=Vendor)
    journal: list[Intent | Settlement] = field(default_factory=list)
    let_go: set[str] = field(default_factory=set)
    watch: Callable[[], None] = lambda: None
    _count: int = 0

    # --- memory ---

    def records(self) -> dict[Address, Record]:
        found: dict[Address, Record] = {}
        for entry in self.journal:
            if isinstance(entry, Settlement) and entry.status is SettlementStatus.DONE:
                if entry.record is None:
                    found.pop(entry.address, None)
                else:
                    found[entry.address] = entry.record
        return found

    def open_intents(self) -> tuple[Intent, ...]:
        settled = {entry.intent for entry in self.journal if isinstance(entry, Settlement)}
        return tuple(entry for entry in self.journal if isinstance(entry, Intent) and entry.id not in settled)

    def state(self) -> State:
        return State(project="p", environment="e", lineage="l", serial=len(self.journal), records=self.records())

    def recorded_ids(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for record in self.records().values():
            found.setdefault(record.address.type, set()).update(record.ids)
        return {type: frozenset(ids) for type, ids in found.items()}

    # --- the two commands ---

    def decide(self, desired: Desired, options: Options | None = None, limits: Limits | None = None) -> Decision:
        return plan(
            desired,
            self.state(),
            self.vendor.snapshot(self.recorded_ids()),
            traits_of,
            project="p",
            environment="e",
            intents=self.open_intents(),
            options=options,
            limits=limits or Limits(max_deletes=1000, max_delete_percent=100.0, accept_short=frozenset(KINDS)),
        )

    def apply(
        self, desired: Desired, options: Options | None = None, chaos: Chaos | None = None
    ) -> tuple[Decision, tuple[Outcome, ...]]:
        """Plan, then do all of it, unless the plan is refused. Raises `Killed` when chaos wills it."""
        chaos = chaos or Chaos()
        decision = self.decide(desired, options)
        if is_refused(decision.plan):
            return decision, ()
        if decision.settlements:  # one page of the journal: all or nothing
            chaos.moment()
            self.journal += decision.settlements
            chaos.moment()
        return decision, _Apply(self, decision, chaos).run()

    def settled(self, desired: Desired) -> Decision:
        """Apply twice, a minute apart: then nothing is left, unless the plan is refused."""
        for _ in range(2):
            self.vendor.now += timedelta(minutes=1)
            decision, _ = self.apply(desired)
            if is_refused(decision.plan) or not to_do(self.decide(desired).plan):
                return decision
        raise AssertionError([line(change) for change in to_do(self.decide(desired).plan)])

    def snapshot(self) -> Snapshot:
        """What the next plan would read."""
        return self.vendor.snapshot(self.recorded_ids())


def line(change: Change) -> str:
    """The change in one line, for the messages of failing tests."""
    fields = ", ".join(f"{each.path}: {each.before!r} -> {each.after!r}" for each in change.fields)
    reasons = ", ".join(each.text for each in change.reasons)
    return f"{change.action.value} {change.address} {change.id} [{fields}] ({reasons})"


class _Apply:
    def __init__(self, project: Project, decision: Decision, chaos: Chaos) -> None:
        self.project = project
        self.vendor = project.vendor
        self.chaos = chaos
        self.changes = {}
        for change in to_do(decision.plan):
            for step in steps([change]):
                self.changes[step.name] = change
        self.listed = steps(to_do(decision.plan))
        self.snapshot = project.vendor.snapshot(project.recorded_ids())
        self.outcomes: list[Outcome] = []
        self.schedule = Schedule(self.listed)

    def run(self) -> tuple[Outcome, ...]:
        under_way: list[Call] = []
        try:
            while True:
                step = self.schedule.next() if len(under_way) < self.chaos.parallel else None
                if step is not None:
                    if step.verb is Verb.RECORD:
                        self.remember(step)
                    else:
                        under_way.append(self.begin(step))
                elif under_way:
                    self.end(under_way.pop(self.chaos.random.randrange(len(under_way))))
                else:
                    break
        except Killed:
            for call in under_way:
                if not call.arrived and self.chaos.random.random() < 0.5:
                    self.send(call)
            raise
        left = {step.name for step in self.listed} - {outcome.step.name for outcome in self.outcomes}
        assert not left, f"steps that were never given out: {left}"
        return tuple(self.outcomes)

    def remember(self, step: Step) -> None:
        change = self.changes[step.name]
        self.chaos.moment()
        records = self.project.records()
        document = self.document(change)
        record = record_of(change, records, document, self.vendor.now)
        if change.action is Action.FORGET and change.id in self.vendor.all():
            assert change.id is not None
            self.project.let_go.add(change.id)
            self.vendor.sent.pop(change.id, None)
        self.settle("", step.address, record)
        self.outcomes.append(Outcome(step=step, status=OutcomeStatus.DONE))
        self.schedule.succeeded(step)

    def document(self, change: Change) -> dict[str, Value]:
        if change.resource is None:
            return {}
        records = self.project.records()
        type = change.address.type
        observed = next((each for each in self.snapshot.objects[type] if each.id == change.id), None)
        document = to_send(
            change.resource,
            lambda to: records[to].id if to in records else None,
            KINDS[type],
            now=self.snapshot.taken,
            record=records.get(change.address),
            observed=observed if change.action in {Action.UPDATE, Action.RECORD, Action.RECOVER} else None,
        )
        assert not has_unknown(document), f"{change.address} is sent before what it needs exists: {document}"
        return document

    def begin(self, step: Step) -> Call:
        change = self.changes[step.name]
        self.chaos.moment()
        self.project._count += 1
        document = self.document(change) if step.verb in {Verb.CREATE, Verb.UPDATE, Verb.RUN} else {}
        key = natural_key(document, KINDS[step.address.type])
        intent = intent_of(
            step,
            change,
            id=f"i{self.project._count}",
            run="r",
            at=self.vendor.now,
            scope=SCOPE,
            applied=document,
            seen=tuple(
                each.id
                for each in self.snapshot.objects[step.address.type]
                if natural_key(each.attributes, KINDS[step.address.type]) == key
            ),
            memo={},
            records=self.project.records(),
        )
        self.project.journal.append(intent)
        call = Call(step=step, change=change, intent=intent)
        self.chaos.moment()
        if self.chaos.random.random() < 0.5:
            self.send(call)
        return call

    def send(self, call: Call) -> None:
        call.arrived = True
        step, type = call.step, call.step.address.type
        if self.chaos.random.random() < self.chaos.refuse:
            call.error = No("chance")
            return
        try:
            match step.verb:
                case Verb.CREATE | Verb.RUN:
                    assert call.intent.record is not None
                    owner = Ownership(
                        project="p",
                        environment="e",
                        kind=step.address.kind,
                        name=step.address.name,
                        intent=call.intent.id,
                    )
                    call.reply = self.vendor.create(type, call.intent.record.applied, owner)
                    if step.verb is Verb.RUN and call.change.id is not None:
                        self.project.let_go.add(call.change.id)
                case Verb.UPDATE:
                    assert call.intent.record is not None
                    assert step.id is not None
                    document = call.intent.record.applied
                    call.reply = self.vendor.update(type, step.id, document, call.change.fields)
                case Verb.DELETE:
                    assert step.id is not None
                    self.vendor.delete(type, step.id)
                case Verb.DISABLE:
                    assert step.id is not None
                    call.reply = self.vendor.disable(type, step.id)
                case Verb.RECORD:
                    raise AssertionError(step)
        except No as error:
            call.error = error
        self.project.watch()

    def end(self, call: Call) -> None:
        if not call.arrived:
            self.send(call)
        self.chaos.moment()
        step = call.step
        if call.error is None and self.chaos.random.random() < self.chaos.lose:
            self.finish(step, OutcomeStatus.UNKNOWN, "no reply")
        elif call.error is not None:
            self.project.journal.append(
                Settlement(
                    intent=call.intent.id,
                    status=SettlementStatus.REFUSED,
                    at=self.vendor.now,
                    address=step.address,
                )
            )
            self.finish(step, OutcomeStatus.FAILED, str(call.error))
        else:
            before = next((each for each in self.snapshot.objects[step.address.type] if each.id == step.id), None)
            record = record_after(step, call.intent, call.reply, before, self.project.records())
            self.settle(call.intent.id, step.address, record)
            self.finish(step, OutcomeStatus.DONE, None)

    def finish(self, step: Step, status: OutcomeStatus, message: str | None) -> None:
        self.outcomes.append(Outcome(step=step, status=status, message=message))
        if status is OutcomeStatus.DONE:
            self.schedule.succeeded(step)
        else:
            for lost in self.schedule.failed(step):
                self.outcomes.append(Outcome(step=lost, status=OutcomeStatus.SKIPPED))

    def settle(self, intent: str, address: Address, record: Record | None) -> None:
        self.project.journal.append(
            Settlement(intent=intent, status=SettlementStatus.DONE, at=self.vendor.now, address=address, record=record)
        )


# --- what must be true ---


def orphans(project: Project) -> list[str]:
    """Objects that we made and nobody remembers, and objects that two records claim."""
    claimed = [id for ids in project.recorded_ids().values() for id in ids]
    counted = [id for record in project.records().values() for id in record.ids]
    wrong = [f"{id} is recorded twice" for id in {each for each in counted if counted.count(each) > 1}]
    known = {*claimed, *project.vendor.foreign, *project.let_go}
    return wrong + [f"{id} is recorded nowhere" for id in sorted(project.vendor.all()) if id not in known]


def untruths(project: Project, desired: Desired) -> list[str]:
    """Fields that really, hidden ones included, are not as wanted, and fields once sent that were left behind."""
    wrong = []
    records = project.records()
    for address, resource in desired.resources.items():
        record = records.get(address)
        stored = project.vendor.objects[address.type].get(record.id) if record and record.id else None
        if record is None or record.id is None or stored is None:
            wrong.append(f"{address} does not exist")
            continue
        bare = replace(KINDS[address.type], secrets=frozenset(), write_only=frozenset())
        ignored = frozenset(each.removeprefix("spec.") for each in resource.lifecycle.ignore_changes)
        document = resolve(resource.attributes, lambda to: records[to].id if to in records else None)
        sent = project.vendor.sent.get(record.id, ())
        ours = {key: value for key, value in stored.attributes.items() if key in sent}
        if not agree(document, ours, stored.attributes, bare, ignored=ignored):
            wrong.append(f"{address} is {stored.attributes}, wanted {document}, sent {sorted(ours)}")
    return wrong


def causes(problem: Problem, decision: Decision, project: Project, desired: Desired, options: Options) -> bool:
    """Whether the world really gives cause for this problem."""
    records = decision.state.records
    if problem.code == "replacement-cycle":
        return any(change.delete_first for change in decision.plan.changes)
    assert problem.address is not None, problem
    resource, record = desired.resources.get(problem.address), records.get(problem.address)
    traits = KINDS[problem.address.type]
    match problem.code:
        case "prevent-destroy":
            rules = resource.lifecycle if resource is not None and not options.destroy else None
            rules = rules or (record.lifecycle if record is not None else None)
            return rules is not None and rules.prevent_destroy
        case "not-replaceable" | "not-deletable":
            return not traits.deletes
        case "rename-clash":
            return resource is not None and {resource.renamed_from, resource.address} <= records.keys()
        case "lookalike":
            assert resource is not None
            known = {id for ids in project.recorded_ids().values() for id in ids}
            document = resolve(resource.attributes, lambda to: records[to].id if to in records else None)
            return not resource.lifecycle.create_anyway and any(
                natural_key(stored.attributes, traits) == natural_key(document, traits)
                for id, stored in project.vendor.objects[problem.address.type].items()
                if id not in known and stored.owner is None
            )
        case "several-candidates":
            return traits.identity is Identity.DIFFERENCE and _forgotten_unlisted(problem.address, project)
        case "still-needed":
            return _is_held(problem.address, decision, project, {} if options.destroy else desired.resources)
        case _:
            return False


def _forgotten_unlisted(address: Address, project: Project) -> bool:
    """
    Whether an object was made, forgotten and wanted again before any list showed it.

    Then a creation that is interrupted has two outcomes that it may have led to, and nothing tells them apart.
    """
    vendor, traits = project.vendor, KINDS[address.type]
    return any(
        id in project.let_go
        and intent.at < stored.made + vendor.lag
        and natural_key(stored.attributes, traits) == natural_key(intent.record.applied, traits)
        for intent in project.open_intents()
        if intent.address == address and intent.record is not None
        for id, stored in vendor.objects[address.type].items()
    )


def _is_held(address: Address, decision: Decision, project: Project, wanted: Mapping[Address, Resource]) -> bool:
    """Whether an object of the address would go that is held by one which stays and keeps pointing at it."""
    records = decision.state.records
    owner = {id: each for each in records.values() for id in each.ids}
    going = {change.id for change in decision.plan.changes if change.action in {Action.DELETE, Action.REPLACE}}
    for id in {change.id for change in decision.plan.changes if change.address == address} & going:
        assert id is not None
        for holder in set(project.vendor.holders(address.type, id)) - going:
            record = owner.get(holder)
            resource = wanted.get(record.address) if record is not None else None
            if record is None or resource is None or resource.lifecycle.ignore_changes:
                return True
            stored = project.vendor.objects[record.address.type][holder]
            if _points_by_itself(stored, record, resource, (address.type, id)):
                return True
    return False


def _points_by_itself(stored: Stored, record: Record, wanted: Resource, target: tuple[str, str]) -> bool:
    """Whether the holder points at the target with a field that nobody here wrote."""
    written = {*wanted.attributes, *record.applied}
    foreign = {key: value for key, value in stored.attributes.items() if key not in written}
    return target in set(pointed_ids(foreign, shape_of(KINDS[record.address.type])))
