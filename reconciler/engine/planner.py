"""One pass from what is wanted, remembered and observed to what should be done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from reconciler.engine.deciding import Decider, TraitsOf
from reconciler.engine.recovery import recover
from reconciler.engine.renames import Renaming, moved, settlements
from reconciler.engine.safety import Limits, over_limits, short_lists
from reconciler.engine.scheduler import deadlock, steps
from reconciler.values import (
    Action,
    Address,
    Change,
    Desired,
    Intent,
    Options,
    Plan,
    Problem,
    Resource,
    Settlement,
    Severity,
    Snapshot,
    State,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A plan, the state it starts from once open intents are resolved, and the settlements that resolve them."""

    plan: Plan
    state: State
    settlements: tuple[Settlement, ...]


def plan(
    desired: Desired,
    prior: State | None,
    snapshot: Snapshot,
    traits: TraitsOf,
    *,
    project: str,
    environment: str,
    intents: Iterable[Intent] = (),
    options: Options | None = None,
    limits: Limits | None = None,
) -> Decision:
    """
    What to do. Pure: the clock is `snapshot.taken`, and the order of the input is irrelevant.

    The plan is refused when one of its problems is an error.
    """
    options = options or Options()
    limits = limits or Limits()
    state = prior or State(project=project, environment=environment, lineage="", serial=0)
    intents = tuple(intents)
    never_written = state.serial == 0 and not state.records and not intents
    if never_written and not options.rebuild and _holds_our_objects(snapshot, project, environment):
        return Decision(plan=_lost_state(state, snapshot), state=state, settlements=())
    wanted: Mapping[Address, Resource] = {} if options.destroy else desired.resources
    found = recover(state, intents, snapshot, traits, wanted)
    renaming = Renaming.of(wanted, intents, found)
    recovery, snapshot = renaming.recovered(found), renaming.read(snapshot)
    decider = Decider(wanted, recovery, snapshot, traits, renaming.options(options), renaming=renaming)
    changes = decider.changes()
    problems = [
        *recovery.problems,
        *snapshot.problems,
        *decider.problems,
        *short_lists(snapshot, recovery.state.records, limits, traits),
    ]
    if not options.destroy:
        problems += over_limits(changes, recovery.state.records, limits)
    problems += _deadlock_problems(changes)
    result = Plan(
        project=project,
        environment=environment,
        lineage=state.lineage,
        serial=state.serial,
        taken=snapshot.taken,
        changes=changes,
        problems=tuple(sorted(problems, key=_problem_order)),
        partial=decider.partial,
        retired=sum(
            record.retired is not None and address not in wanted for address, record in recovery.state.records.items()
        ),
        notes=decider.notes,
    )
    done = decider.renamed()
    return Decision(
        plan=result,
        state=replace(found.state, records=moved(found.state.records, done)),
        settlements=(*found.settlements, *settlements(found.state.records, done, snapshot.taken)),
    )


def is_refused(decided: Plan) -> bool:
    """Whether a problem forbids to apply the plan."""
    return any(problem.severity is Severity.ERROR for problem in decided.problems)


def to_do(decided: Plan) -> tuple[Change, ...]:
    """The changes that would do something, at the vendor or in the state."""
    return tuple(
        change for change in decided.changes if change.action not in {Action.NOOP, Action.WAIT, Action.BLOCKED}
    )


def _problem_order(problem: Problem) -> tuple[str, str, str]:
    return (str(problem.address or ""), problem.code, problem.message)


def _holds_our_objects(snapshot: Snapshot, project: str, environment: str) -> bool:
    return any(
        each.owner is not None and each.owner.project == project and each.owner.environment == environment
        for objects in snapshot.objects.values()
        for each in objects
    )


def _lost_state(state: State, snapshot: Snapshot) -> Plan:
    return Plan(
        project=state.project,
        environment=state.environment,
        lineage="",
        serial=0,
        taken=snapshot.taken,
        changes=(),
        problems=(
            Problem(
                code="state-lost",
                message=(
                    f"objects at the vendor carry the mark of `{state.project}/{state.environment}`, "
                    "but there is no state for it"
                ),
                help=(
                    "check the state URL and `-e`; to take these objects back by their marks, "
                    "run `reconciler state rebuild`"
                ),
            ),
        ),
    )


def _deadlock_problems(changes: Iterable[Change]) -> tuple[Problem, ...]:
    path = deadlock(steps(changes))
    if not path:
        return ()
    return (
        Problem(
            code="replacement-cycle",
            message=f"steps wait for each other: {' → '.join(path)}",
            help="a replacement that deletes first waits until everybody lets go; leave out `replace: deleteFirst`",
        ),
    )
