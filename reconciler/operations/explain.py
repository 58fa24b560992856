"""`explain`: why a resource gets the action it gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from reconciler.engine.diff import covered
from reconciler.engine.records import ignored_paths
from reconciler.engine.shape import fields, hidden_paths, references
from reconciler.operations.addresses import guess
from reconciler.operations.failures import Failure
from reconciler.operations.plan import Planned, make_plan
from reconciler.operations.workspace import Workspace
from reconciler.reports.explain import Explanation, Judgement, Verdict
from reconciler.reports.names import Names
from reconciler.values import HIDDEN, MISSING, Address, Change, Observed, Path, Traits, Value


def explain(workspace: Workspace, address: Address) -> tuple[Explanation, ...]:
    """
    What there is to say of one address, or of every part of a composite.

    Raises `Failure` when neither a manifest nor a record has the address.
    """
    planned = make_plan(workspace)
    chosen = [change for change in planned.plan.changes if change.address == address or _origin(change) == address]
    if not chosen:
        known = [change.address for change in planned.plan.changes]
        raise Failure(f"neither a manifest nor a record has the address `{address}`", help=guess(address, known))
    return tuple(_explanation(planned, change, workspace.catalog.traits(change.address.type)) for change in chosen)


def _origin(change: Change) -> Address | None:
    if change.resource is not None:
        return change.resource.origin
    return change.record.origin if change.record is not None else None


def _explanation(planned: Planned, change: Change, traits: Traits) -> Explanation:
    objects = planned.snapshot.objects.get(change.address.type, ())
    observed = next((each for each in objects if each.id == change.id), None)
    others = planned.plan.changes
    return Explanation(
        change=change,
        judgements=tuple(_judgements(change, observed, traits, planned.snapshot.taken)),
        needs=references(change.resource.attributes) if change.resource is not None else change.points_at,
        needed_by=tuple(
            other.address
            for other in others
            if other.resource is not None and change.address in references(other.resource.attributes)
        ),
        names=Names.of(others),
    )


def _judgements(change: Change, observed: Observed | None, traits: Traits, taken: datetime) -> Iterator[Judgement]:
    differing = {field.path for field in change.fields}
    for field in change.fields:
        yield Judgement(path=field.path, verdict=Verdict.DIFFERS, before=field.before, after=field.after)
    if change.resource is None or observed is None:
        return
    wanted = change.resource.attributes
    hidden = frozenset(hidden_paths(wanted, traits))
    ignored = ignored_paths(change.resource.lifecycle, taken)
    for path, after in fields(wanted):
        if any(path[: len(each)] == each or each[: len(path)] == path for each in differing):
            continue
        before = _at(observed.attributes, path)
        if covered(path, ignored):
            verdict = Verdict.IGNORED
        elif covered(path, hidden):
            verdict, before = Verdict.HIDDEN, HIDDEN
        else:
            verdict = Verdict.SAME
        yield Judgement(path=path, verdict=verdict, before=before, after=after)
    for path, before in fields(observed.attributes):
        if _at(wanted, path) is MISSING and not any(path[: len(each)] == each for each in differing):
            yield Judgement(path=path, verdict=Verdict.SERVER_DEFAULT, before=before, after=MISSING)


def _at(value: Value, path: Path) -> Value:
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, tuple) and step < len(value) else MISSING
        else:
            value = value.get(step, MISSING) if isinstance(value, Mapping) else MISSING
    return value
