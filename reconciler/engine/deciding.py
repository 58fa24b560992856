"""What is to be done about each address: the decisions of which a plan consists."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from reconciler.engine.diff import agree, compared_form, covered, differences, overlaps, plain, same_document
from reconciler.engine.graph import in_order
from reconciler.engine.holders import still_needed
from reconciler.engine.records import ended_exceptions, ignored_paths, needs_record, resolve
from reconciler.engine.recovery import Recovery, natural_key
from reconciler.engine.renames import Renaming
from reconciler.engine.selection import select
from reconciler.engine.shape import hidden, hidden_paths, pointed_ids, references, shape_of
from reconciler.values import (
    Action,
    Address,
    Change,
    Document,
    FieldChange,
    Hold,
    HoldKind,
    Observed,
    OnRemoval,
    Options,
    Problem,
    Reason,
    ReasonCode,
    Record,
    ReplaceOrder,
    Resource,
    Secret,
    Snapshot,
    Traits,
    Value,
)

TraitsOf = Callable[[str], Traits]


class Decider:
    """Decides for every address of a project what is to be done."""

    def __init__(
        self,
        wanted: Mapping[Address, Resource],
        recovery: Recovery,
        snapshot: Snapshot,
        traits: TraitsOf,
        options: Options,
        *,
        renaming: Renaming,
    ) -> None:
        self._wanted = wanted
        self._renaming = renaming
        self._former = {new: old for old, new in renaming.renames.items()}
        self._records = recovery.state.records
        self._recovery = recovery
        self._snapshot = snapshot
        self._traits = traits
        self._options = options
        self._objects: dict[tuple[str, str | None], Observed] = {
            (type, each.id): each for type, objects in snapshot.objects.items() for each in objects
        }
        self._recorded = {
            (record.address.type, id): record.address for record in self._records.values() for id in record.ids
        }
        self._needed = {address: references(resource.attributes) for address, resource in wanted.items()}
        self._ids: dict[Address, str | None] = {}
        self._undetectable: set[Address] = set()
        self._held_back: set[Address] = set()
        needs = {**{address: record.needs for address, record in self._records.items()}, **self._needed}
        self._selection = select(wanted, self._records, needs, options)
        self.problems: list[Problem] = [*self._selection.problems]
        for old, new in renaming.clashes.items():
            if self._selection.chosen & {old, new}:
                self._problem(
                    new,
                    "rename-clash",
                    f"it is to be renamed from `{old}`, and both have an object",
                    "leave out `renamedFrom` when the two are not the same; "
                    "`reconciler state show ADDRESS` shows which object is whose",
                )

    # --- deciding ---

    def changes(self) -> tuple[Change, ...]:
        """Every change of the plan, in the order of the addresses; afterwards `problems` and `notes` are known."""
        found: list[Change] = []
        for address in self._order():
            if address not in self._selection.chosen:
                record = self._records.get(address)
                self._ids[address] = record.id if record else None
                continue
            change = self._decide(address)
            survives = change.action not in {Action.CREATE, Action.REPLACE, Action.RUN}
            self._ids[address] = change.id if survives else None
            if survives and change.id is None:
                self._held_back.add(address)
            found.append(change)
            found.extend(self._deposed(address))
        found.extend(self._vanished())
        found.extend(self._needed_renames())
        found.sort(key=lambda change: (change.address, change.resource is None, change.id or ""))
        self._check_needs(found)
        self.problems += still_needed(found, self._snapshot, self._traits, self._recorded, self._selection.chosen)
        return tuple(found)

    def _vanished(self) -> Iterable[Change]:
        """Addresses of which recovery found that an interrupted deletion had been carried out."""
        for address, reason in self._recovery.reasons.items():
            if address not in self._wanted and address not in self._records:
                yield Change(address=address, action=Action.RECOVER, reasons=(reason,))

    def renamed(self) -> dict[Address, Address]:
        """The renames that this plan does, old address to new: those of what it may touch, and of what that needs."""
        needed = {need for address in self._selection.chosen for need in self._needed.get(address, ())}
        doing = self._selection.chosen | needed
        return {old: new for old, new in self._renaming.renames.items() if new in doing}

    def _needed_renames(self) -> Iterable[Change]:
        """Renames of what is left out itself, but needed under its new name."""
        for old, new in self.renamed().items():
            if new not in self._selection.chosen:
                record = self._records[new]
                yield Change(
                    address=new, action=Action.RECORD, id=record.id, record=record, reasons=(_renamed_from(old),)
                )

    def _order(self) -> tuple[Address, ...]:
        """Wanted resources after what they need; a cycle among manifests is refused before planning."""
        return in_order({**dict.fromkeys(self._records, ()), **self._needed})

    def _decide(self, address: Address) -> Change:
        record = self._records.get(address)
        resource = self._wanted.get(address)
        id = record.id if record is not None else None
        nothing = Change(address=address, action=Action.NOOP, id=id, resource=resource, record=record)
        if not self._readable(address):
            return nothing
        if record is not None and not self._in_scope(record):
            return nothing
        if address in self._recovery.holds:
            return self._held(nothing, self._recovery.holds[address])
        observed = self._objects.get((address.type, id))
        if id is not None and observed is None and address in self._snapshot.holds:
            return self._with_rename(self._held(nothing, self._snapshot.holds[address]))
        if resource is None:
            assert record is not None
            return self._with_recovery(self._remove(nothing, record, observed))
        waits_for = sorted(self._held_back.intersection(self._needed[address]))
        if waits_for:
            hold = Hold(kind=HoldKind.WAIT, reason=f"it waits for `{waits_for[0]}`")
            return self._with_rename(self._held(nothing, hold))
        return self._with_recovery(self._with_rename(self._keep(nothing, resource, record, observed)))

    def _readable(self, address: Address) -> bool:
        """Whether anything is known of the address; says once for a whole type when nothing is."""
        unreadable = self._snapshot.unreadable.get(address)
        if unreadable is not None:
            self.problems.append(replace(unreadable, address=address))
            return False
        unreadable = self._snapshot.unreadable.get(address.type)
        if unreadable is not None and unreadable not in self.problems:
            self.problems.append(unreadable)
        return unreadable is None

    def _in_scope(self, record: Record) -> bool:
        scope = self._snapshot.scopes.get(record.address.vendor)
        if scope is None or scope == record.scope:
            return True
        self._problem(
            record.address,
            "wrong-scope",
            f"it was made in {record.scope}, and the project now names {scope}",
            "correct the settings of the vendor, or use another environment with a state of its own",
        )
        return False

    def _keep(self, base: Change, resource: Resource, record: Record | None, observed: Observed | None) -> Change:
        traits = self._traits(resource.address.type)
        document = resolve(resource.attributes, self._ids.get)
        if record is None or record.id is None:
            return self._create(base, document, traits, Reason(code=ReasonCode.NEW, text="it does not exist yet"))
        if observed is None:
            reason = Reason(code=ReasonCode.GONE, text=f"gone at the vendor: `{record.id}` does not exist any more")
            return self._create(replace(base, id=None), document, traits, reason)
        return self._compare(base, resource, record, observed, document)

    def _create(self, base: Change, document: Document, traits: Traits, reason: Reason) -> Change:
        assert base.resource is not None
        hold = self._snapshot.holds.get(base.address)
        if hold is not None:
            return self._held(base, hold)
        if not base.resource.lifecycle.create_anyway:
            self._check_lookalikes(base.address, document, traits)
        action = Action.RUN if traits.job else Action.CREATE
        return replace(base, action=action, reasons=(reason,))

    def _check_lookalikes(self, address: Address, document: Document, traits: Traits) -> None:
        key = natural_key(document, traits)
        if key is None or traits.job:
            return
        alike = [
            each.id
            for each in self._snapshot.objects.get(address.type, ())
            if each.owner is None
            and (address.type, each.id) not in self._recorded
            and natural_key(each.attributes, traits) == key
        ]
        if alike:
            ids = ", ".join(f"`{each}`" for each in sorted(alike))
            fields = " and ".join(f"`{'.'.join(path)}`" for path in traits.natural_key)
            self._problem(
                address,
                "lookalike",
                f"{ids} at the vendor has the same {fields} and is not managed here",
                f"to manage it, run `reconciler import {address} {min(alike)}`; to have both, write "
                "`lifecycle: {createAnyway: true}`",
            )

    def _compare(
        self,
        base: Change,
        resource: Resource,
        record: Record,
        observed: Observed,
        document: Document,
    ) -> Change:
        traits = self._traits(resource.address.type)
        resend = resource.address in self._selection.resend
        unsure = frozenset({*record.unsure, *(hidden_paths(document, traits) if resend else ())})
        ignored = ignored_paths(resource.lifecycle, self._snapshot.taken)
        fields: tuple[FieldChange, ...] = ()
        if not agree(document, record.applied, observed.attributes, traits, unsure=unsure, ignored=ignored):
            fields = differences(document, record.applied, observed.attributes, traits, unsure=unsure, ignored=ignored)
        reasons = self._reasons(resource, record, observed, fields, traits, resend=resend)
        self._note_undetectable(resource, traits)
        change = replace(
            base,
            fields=fields,
            reasons=reasons,
            revision=observed.revision,
            points_at=self._points_at(record.address, record.applied, observed),
            notes=tuple(self._ended_exceptions(resource, fields, ignored)),
        )
        if not reasons:
            needs = self._needed[resource.address]
            same = same_document(document, record.applied, traits, ignored=ignored)
            if same and not needs_record(record, resource, needs):
                return change
            text = "it is wanted again" if record.retired else "only what is remembered of it changes"
            code = ReasonCode.RETURNED if record.retired else ReasonCode.STATE_ONLY
            return replace(change, action=Action.RECORD, reasons=(Reason(code=code, text=text),))
        hold = observed.hold or self._snapshot.holds.get(resource.address)
        if hold is not None:
            return self._held(change, hold)
        compared = compared_form(document, record.applied, observed.attributes, traits, ignored=ignored)
        change = replace(change, digest=_digest(compared))
        anew = any(reason.code in _ANEW for reason in reasons)
        if not anew:
            return replace(change, action=Action.UPDATE)
        if traits.job:
            return replace(change, action=Action.RUN)
        return self._replace(change, resource, traits)

    def _ended_exceptions(
        self, resource: Resource, fields: tuple[FieldChange, ...], ignored: frozenset[str]
    ) -> Iterable[str]:
        """A note for every field that differs and was ignored until a while ago."""
        for path, each in sorted(ended_exceptions(resource.lifecycle, self._snapshot.taken).items()):
            if path not in ignored and any(overlaps(field.path, path) for field in fields):
                why = f" ({each.reason})" if each.reason else ""
                yield f"`{path}` is compared again: its exception ended on {each.last}{why}"

    def _replace(self, change: Change, resource: Resource, traits: Traits) -> Change:
        if resource.lifecycle.prevent_destroy:
            self._problem(
                resource.address,
                "prevent-destroy",
                "the change can only be made by replacing the object, which `lifecycle.preventDestroy` forbids",
                "undo the change, or remove `preventDestroy` in a commit of its own",
            )
        if not traits.deletes:
            self._problem(
                resource.address,
                "not-replaceable",
                f"only a replacement could make the change, and the vendor deletes no `{resource.address.kind}`",
                "give the new one another name and set `onRemoval: forget` on this one",
            )
        asked = resource.lifecycle.replace
        delete_first = asked is ReplaceOrder.DELETE_FIRST or (asked is None and not traits.coexists)
        notes = (*change.notes, *((traits.replacement_cost,) if traits.replacement_cost else ()))
        return replace(change, action=Action.REPLACE, delete_first=delete_first, notes=notes)

    def _reasons(
        self,
        resource: Resource,
        record: Record,
        observed: Observed,
        fields: tuple[FieldChange, ...],
        traits: Traits,
        *,
        resend: bool,
    ) -> tuple[Reason, ...]:
        found: list[Reason] = []
        if observed.taint is not None:
            code = ReasonCode.STALE if observed.taint.freshness else ReasonCode.TAINTED
            found.append(Reason(code=code, text=observed.taint.reason))
        if resource.address in self._selection.anew:
            found.append(Reason(code=ReasonCode.REQUESTED, text="`--replace` asks for it"))
        if fields and not traits.updates and not traits.job:
            found.append(
                Reason(code=ReasonCode.NOT_UPDATABLE, text=f"the vendor cannot change a `{resource.address.kind}`")
            )
        forcing = [field for field in fields if field.forces_replacement]
        if forcing:
            names = ", ".join(f"`{'.'.join(str(step) for step in field.path)}`" for field in forcing)
            found.append(Reason(code=ReasonCode.IMMUTABLE, text=f"{names} cannot be changed in place"))
        if fields and resend:
            found.append(Reason(code=ReasonCode.RESEND, text="`--resend-secrets` asks for it"))
        elif any(field.hidden and covered(field.path, frozenset(record.unsure)) for field in fields):
            found.append(Reason(code=ReasonCode.UNSURE, text="nobody knows whether the last change arrived"))
        if fields and not found:
            found.append(Reason(code=ReasonCode.CHANGED, text=_count(len(fields), "field differs", "fields differ")))
        if fields and traits.job and not any(reason.code in _ANEW for reason in found):
            found.append(Reason(code=ReasonCode.NOT_UPDATABLE, text="a job cannot be changed, it is run again"))
        return tuple(found)

    def _note_undetectable(self, resource: Resource, traits: Traits) -> None:
        if traits.secrets and not traits.job and _has_secret_without_version(resource.attributes):
            self._undetectable.add(resource.address)

    @property
    def partial(self) -> bool:
        """Whether a selection left something out."""
        return self._selection.partial

    @property
    def notes(self) -> tuple[str, ...]:
        """What the plan cannot know, and what is not needed any more, said once."""
        return (*self._on_secrets(), *self._on_renames())

    def _on_renames(self) -> Iterable[str]:
        done = [
            address
            for address in sorted(self._selection.chosen & self._wanted.keys())
            if (old := self._wanted[address].renamed_from) is not None
            and address in self._records
            and address not in self._former
            and old not in self._records
        ]
        if done:
            names = ", ".join(f"`{each}`" for each in done[:3])
            more = f" and {len(done) - 3} more" if len(done) > 3 else ""
            yield f"`renamedFrom` has been done and can be removed from {names}{more}"

    def _on_secrets(self) -> tuple[str, ...]:
        if not self._undetectable:
            return ()
        count = _count(len(self._undetectable), "resource has", "resources have")
        return (
            (
                f"rotation not detectable: {count} secrets without a `version`; "
                "after rotating one, use `--resend-secrets ADDRESS`"
            ),
        )

    def _remove(self, base: Change, record: Record, observed: Observed | None) -> Change:
        if record.id is None:
            return base
        if observed is None:
            reason = Reason(code=ReasonCode.GONE, text=f"`{record.id}` does not exist any more")
            return replace(base, action=Action.FORGET, reasons=(reason,))
        traits = self._traits(record.address.type)
        points_at = self._points_at(record.address, record.applied, observed)
        change = replace(base, revision=observed.revision, points_at=points_at)
        why = "`destroy` asks for it" if self._options.destroy else "its manifest is gone"
        reason = Reason(code=ReasonCode.REMOVED, text=why)
        policy = record.lifecycle.on_removal or traits.on_removal
        if self._options.destroy:
            # What a vendor cannot delete, and is to be forgotten when its manifest goes, is forgotten.
            policy = OnRemoval.DELETE if traits.deletes or policy is not OnRemoval.FORGET else policy
        elif record.retired is not None:
            return change
        # Somebody who looked at the object agreed to lose it as it was then.
        compared = compared_form(record.applied, record.applied, observed.attributes, traits)
        change = replace(change, digest=_digest(compared))
        if policy is OnRemoval.DELETE:
            return self._delete(change, record, reason, traits)
        return replace(change, action=_LEAVING[policy], reasons=(reason,))

    def _delete(self, change: Change, record: Record, reason: Reason, traits: Traits) -> Change:
        if record.lifecycle.prevent_destroy:
            self._problem(
                record.address,
                "prevent-destroy",
                "it would be deleted, which its recorded `lifecycle.preventDestroy` forbids",
                "bring its manifest back without `preventDestroy` and apply that first",
            )
        if not traits.deletes:
            self._problem(
                record.address,
                "not-deletable",
                f"the vendor deletes no `{record.address.kind}`",
                "set `onRemoval: forget` in its manifest and apply that first",
            )
        return replace(change, action=Action.DELETE, reasons=(reason,))

    def _deposed(self, address: Address) -> Iterable[Change]:
        """Objects left by an interrupted replacement: deleted when still there, dropped from the record when not."""
        record = self._records.get(address)
        if record is None or {address, address.type} & self._snapshot.unreadable.keys():
            return
        if self._snapshot.scopes.get(address.vendor, record.scope) != record.scope:
            return
        for each in record.deposed:
            observed = self._objects.get((address.type, each.id))
            reason = Reason(code=ReasonCode.DEPOSED, text=f"left over: {each.reason}")
            change = Change(address=address, action=Action.DELETE, id=each.id, record=record, reasons=(reason,))
            if observed is None:
                yield replace(change, action=Action.FORGET)
            else:
                yield replace(change, revision=observed.revision, points_at=self._points_at(address, {}, observed))

    def _with_rename(self, change: Change) -> Change:
        """The change of an object whose manifest has another name than before: at least its record changes."""
        if change.address not in self._former:
            return change
        reason = _renamed_from(self._former[change.address])
        if change.action not in {Action.NOOP, Action.RECORD}:
            return replace(change, reasons=(reason, *change.reasons))
        others = tuple(each for each in change.reasons if each.code is not ReasonCode.STATE_ONLY)
        return replace(change, action=Action.RECORD, reasons=(reason, *others))

    def _with_recovery(self, change: Change) -> Change:
        reason = self._recovery.reasons.get(change.address)
        if reason is None:
            return change
        action = Action.RECOVER if change.action in {Action.NOOP, Action.RECORD} else change.action
        return replace(change, action=action, reasons=(reason, *change.reasons))

    def _held(self, change: Change, hold: Hold) -> Change:
        action = Action.WAIT if hold.kind is HoldKind.WAIT else Action.BLOCKED
        reason = Reason(code=ReasonCode.HELD, text=hold.reason)
        return replace(change, action=action, hold=hold, reasons=(reason, *change.reasons))

    # --- who points at whom ---

    def _points_at(self, address: Address, applied: Document, observed: Observed) -> tuple[Address, ...]:
        """The addresses that the object points at now, by what the vendor reports and what it hides."""
        traits = self._traits(address.type)
        if not traits.references:
            return ()
        shape = shape_of(traits)
        pointed = [
            *pointed_ids(observed.attributes, shape),
            *(each for _, rules, value in hidden(applied, shape) for each in pointed_ids(value, rules)),
        ]
        return tuple(sorted({self._recorded[each] for each in pointed if each in self._recorded}))

    def _check_needs(self, changes: Iterable[Change]) -> None:
        """A selection may leave out what a selected resource needs; then its reference can never be filled."""
        for change in changes:
            if change.resource is None or change.action in {Action.NOOP, Action.WAIT, Action.BLOCKED}:
                continue
            for needed in self._needed[change.address]:
                if needed not in self._selection.chosen and (needed.type, self._ids.get(needed)) not in self._objects:
                    self._problem(
                        change.address,
                        "excluded-need",
                        f"it needs `{needed}`, which does not exist and is left out",
                        f"leave out `--exclude {needed}`, or exclude `{change.address}` too",
                    )

    def _problem(self, address: Address, code: str, message: str, help: str | None = None) -> None:
        self.problems.append(Problem(code=code, message=message, address=address, help=help))


def _renamed_from(old: Address) -> Reason:
    return Reason(code=ReasonCode.STATE_ONLY, text=f"renamed from `{old}`")


def _has_secret_without_version(value: Value) -> bool:
    if isinstance(value, Secret):
        return value.version is None
    if isinstance(value, Mapping):
        return any(_has_secret_without_version(item) for item in value.values())
    return isinstance(value, tuple) and any(_has_secret_without_version(item) for item in value)


_LEAVING: Mapping[OnRemoval, Action] = {
    OnRemoval.FORGET: Action.FORGET,
    OnRemoval.REPORT: Action.RETIRE,
    OnRemoval.DISABLE: Action.DISABLE,
}
"""What is done about an object that stays although its manifest is gone."""

_ANEW = frozenset(
    {
        ReasonCode.TAINTED,
        ReasonCode.STALE,
        ReasonCode.REQUESTED,
        ReasonCode.NOT_UPDATABLE,
        ReasonCode.IMMUTABLE,
    }
)
"""Reasons that an update cannot satisfy."""


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _digest(form: object) -> str:
    text = json.dumps(plain(form), separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
