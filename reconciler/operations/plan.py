"""`plan`: read, decide, send no write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from reconciler.engine.planner import Decision, is_refused, to_do
from reconciler.engine.planner import plan as decide_on
from reconciler.engine.recovery import recover
from reconciler.engine.renames import known_as
from reconciler.engine.safety import Limits
from reconciler.operations.addresses import guess
from reconciler.operations.approval import with_digest
from reconciler.operations.failures import Invalid
from reconciler.operations.policies import judged_plan
from reconciler.operations.reading import Reader
from reconciler.operations.rotation import Asked, look_at, told
from reconciler.operations.vendors import asking
from reconciler.operations.workspace import Workspace
from reconciler.values import Address, Change, Desired, Intent, Options, Plan, Problem, Severity, Snapshot, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan and all that it was made of."""

    plan: Plan
    decision: Decision
    desired: Desired
    snapshot: Snapshot
    options: Options

    @property
    def refused(self) -> bool:
        """Whether a problem forbids to apply it."""
        return is_refused(self.plan)

    @property
    def has_changes(self) -> bool:
        """Whether it would do anything, at the vendors or in the state."""
        return bool(to_do(self.plan))


def make_plan(workspace: Workspace, options: Options | None = None, *, limits: Limits | None = None) -> Planned:
    """
    The plan for the whole project.

    Raises `Invalid` for wrong manifests, `Denied` for refused credentials, and what the stores raise.
    """
    options = options or Options()
    desired = Desired({}) if options.destroy else workspace.load().desired
    stored = workspace.backend.load()
    return decide(workspace, desired, stored.state, stored.open_intents, options, limits=limits)


def decide(
    workspace: Workspace,
    desired: Desired,
    state: State | None,
    intents: Sequence[Intent],
    options: Options,
    *,
    limits: Limits | None = None,
    patient: bool = False,
    judged: bool = True,
) -> Planned:
    """
    The plan from a state that is at hand.

    A `patient` one first waits until the vendors' lists can be believed about what was just written. One that is not
    `judged` is not held to the project's rules.
    """
    reader = Reader(
        catalog=workspace.catalog,
        session=workspace.session,
        clock=workspace.clock,
        progress=workspace.progress,
        patient=patient,
    )
    workspace.learn(HERE)
    workspace.progress.phase("reading the vendors")
    try:
        snapshot = reader.read(desired, state, intents)
    except Invalid as invalid:
        raise Invalid(invalid.message, [workspace.place(each) for each in invalid.problems]) from None
    planned = weigh(
        workspace,
        desired,
        state,
        intents,
        snapshot,
        options=options,
        asked=workspace,
        limits=limits,
        judged=judged,
        preflight=lambda plan: _preflight(workspace, plan, snapshot),
    )
    return replace(planned, plan=with_digest(planned.plan))


def weigh(
    workspace: Workspace,
    desired: Desired,
    state: State | None,
    intents: Sequence[Intent],
    snapshot: Snapshot,
    *,
    options: Options,
    asked: Asked,
    limits: Limits | None,
    judged: bool = True,
    preflight: Callable[[Plan], Iterable[Problem]] = lambda _plan: (),
) -> Planned:
    """The plan from all that was read, yet without a digest; `asked` knows the secrets, `preflight` asks vendors."""
    wanted = resolved(desired, snapshot)
    traits = workspace.catalog.traits
    records = state.records if state is not None else {}
    if state is not None and intents:
        records = recover(state, intents, snapshot, traits, wanted.resources).state.records
    records = known_as(wanted.resources, records)
    secrets = look_at(wanted, records, traits, asked, now=snapshot.taken)
    decision = decide_on(
        secrets.desired,
        state,
        snapshot,
        traits,
        project=workspace.project.name,
        environment=workspace.project.environment,
        intents=intents,
        options=options,
        limits=limits or workspace.limits,
    )
    decision = replace(decision, plan=told(decision.plan, secrets, snapshot))
    known = {*desired.resources, *(state.records if state is not None else ())}
    found = (_with_guess(each, known) for each in decision.plan.problems)
    rules = judged_plan(workspace, wanted, decision.plan) if judged else ()
    problems = (*found, *rules, *preflight(decision.plan))
    plan = replace(decision.plan, problems=tuple(workspace.place(each) for each in problems))
    plan = _without_secrets(plan, workspace.redact)
    return Planned(plan=plan, decision=decision, desired=desired, snapshot=snapshot, options=options)


HERE = frozenset({"env", "file"})
"""Places of secrets on this machine: what is kept there is known before a vendor is asked anything."""


def _without_secrets(plan: Plan, redact: Callable[[str], str]) -> Plan:
    """The plan in whose sentences, some of them a vendor's own, no secret that is known stands."""

    def change_of(change: Change) -> Change:
        if not change.reasons and not change.notes and change.hold is None:
            return change
        hold = change.hold and replace(change.hold, reason=redact(change.hold.reason))
        reasons = tuple(replace(each, text=redact(each.text)) for each in change.reasons)
        return replace(change, reasons=reasons, notes=tuple(map(redact, change.notes)), hold=hold)

    problems = tuple(
        replace(each, message=redact(each.message), help=redact(each.help) if each.help is not None else None)
        for each in plan.problems
    )
    return replace(plan, changes=tuple(map(change_of, plan.changes)), problems=problems)


def _with_guess(problem: Problem, known: Iterable[Address]) -> Problem:
    """A problem about an address that is none, with the one that was probably meant."""
    if problem.code != "unknown-address" or problem.address is None:
        return problem
    return replace(problem, help=guess(problem.address, known))


def resolved(desired: Desired, snapshot: Snapshot) -> Desired:
    """What is wanted, with what only the vendors know filled in."""
    if not snapshot.resolved:
        return desired
    filled_in = {
        address: replace(desired.resources[address], attributes=attributes)
        for address, attributes in snapshot.resolved.items()
    }
    return replace(desired, resources={**desired.resources, **filled_in})


def _preflight(workspace: Workspace, plan: Plan, snapshot: Snapshot) -> tuple[Problem, ...]:
    """What each vendor with something to do has to say about the plan as a whole."""
    found: list[Problem] = []
    for vendor, _ in groupby(to_do(plan), key=lambda change: change.address.vendor):
        with asking():
            found.extend(workspace.session(vendor).preflight(plan, snapshot))
    return tuple(found)


def errors(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Those that forbid to go on."""
    return tuple(each for each in problems if each.severity is Severity.ERROR)
