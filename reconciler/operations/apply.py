"""`apply`: do exactly the plan, journal every step, then prove that nothing is left to do."""

from __future__ import annotations

import secrets as random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.backend import Journal
from reconciler.engine.codec import SavedPlan
from reconciler.engine.graph import downstream
from reconciler.engine.planner import is_refused, to_do
from reconciler.engine.safety import Limits
from reconciler.engine.shape import references, secrets
from reconciler.operations.applying import Tools, carry_out
from reconciler.operations.approval import check_approved
from reconciler.operations.clock import Stopped
from reconciler.operations.failures import Denied, Failure, NotSafe, Stale
from reconciler.operations.plan import Planned, decide, errors
from reconciler.operations.saved import moved, open_saved
from reconciler.operations.workspace import Workspace
from reconciler.secrets import SecretUnavailable
from reconciler.values import (
    Action,
    Change,
    Desired,
    Options,
    Outcome,
    OutcomeStatus,
    Plan,
    Problem,
    ReasonCode,
    Report,
)
from reconciler.values.ledger import Ending

WRITING = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE, Action.RUN})
"""Actions that send a document, secrets included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """
    What was planned, whether it was carried out, and how that ended.

    `left_out` says which parts of a saved plan were not carried out because reality has moved, and how.
    """

    plan: Plan
    carried_out: bool
    report: Report
    denied: bool = False
    interrupted: bool = False
    left_out: tuple[Problem, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether the proof was made and found nothing left to do."""
        return not self.report.remaining and not errors(self.report.problems)


def apply(
    workspace: Workspace,
    *,
    options: Options | None = None,
    limits: Limits | None = None,
    saved: Path | None = None,
    confirm: Callable[[Plan], bool] = lambda _plan: True,
    parallelism: int | None = None,
    lock_timeout: float = 0.0,
    allow_new_local_state: bool = True,
    allow_partial: bool = False,
    approved: str | None = None,
) -> Applied:
    """
    Plan (or take the saved plan) under the lock, ask `confirm`, carry out, prove.

    With `allow_partial` what has moved since a plan was saved is left out, with everything that needs it. `approved` is
    the digest of the one plan that may be carried out, limits or not.

    Raises `NotSafe` for a plan with problems, `Stale` for a saved plan that no longer matches or a plan that is not the
    approved one, `Denied` when a secret or a credential is missing, and the backend's `Locked`.
    """
    contract = open_saved(workspace, saved) if saved is not None else None
    options = contract.options if contract is not None else options or Options()
    desired = contract.desired if contract is not None else _desired(workspace, options)
    run = random.token_hex(8)
    with workspace.locked("destroy" if options.destroy else "apply", timeout=lock_timeout) as journal:
        if journal.is_new and not allow_new_local_state and workspace.project.state_url.startswith("file:"):
            raise NotSafe(
                "there is no state yet, and one on this machine's disk would be lost with the CI job",
                help="set `state:` in the project file to a place that lasts, or add `--allow-local-state`",
            )

        def plan(options: Options) -> Planned:
            return decide(workspace, desired, journal.state, journal.open_intents, options, limits=limits, patient=True)

        planned = plan(options)
        left_out: tuple[Problem, ...] = ()
        if workspace.stopping:
            raise Stopped
        if contract is not None:
            check_approved(contract.plan, approved)
            planned, left_out = _as_saved(contract, planned, plan, allow_partial=allow_partial)
        else:
            planned = replace(planned, plan=check_approved(planned.plan, approved))
        if is_refused(planned.plan):
            raise NotSafe("the plan is refused", planned.plan.problems, plan=planned.plan)
        settlements = planned.decision.settlements
        if not to_do(planned.plan) and not settlements:
            return Applied(plan=planned.plan, carried_out=True, report=Report(outcomes=()))
        if to_do(planned.plan) and not confirm(planned.plan):
            journal.conclude(Ending.REFUSED)
            return Applied(plan=planned.plan, carried_out=False, report=Report(outcomes=()))
        _resolve_secrets(workspace, planned.plan)
        journal.describe(plan=planned.plan.digest, commit=_commit_in(contract))
        if settlements:
            journal.settle(*settlements)
        tools = Tools(
            catalog=workspace.catalog,
            session=workspace.session,
            reveal=workspace.reveal,
            journal=journal,
            clock=workspace.clock,
            progress=workspace.progress,
            draw=lambda: random.token_hex(6),
            stopping=lambda: workspace.stopping,
            redact=workspace.redact,
            requests=workspace.requests,
            within=workspace.within,
            parallelism=parallelism or workspace.project.parallelism,
        )
        with workspace.writing(journal.check):
            carried = carry_out(planned.plan, planned.decision.state.records, planned.snapshot, tools, run=run)
        journal.conclude(_ending(carried.outcomes, interrupted=workspace.stopping))
        remaining: tuple[Change, ...] = ()
        problems: tuple[Problem, ...] = ()
        refused = False
        if not workspace.stopping:
            journal.compact()
            workspace.progress.phase("proving that nothing is left to do")
            remaining, problems, refused = _prove(workspace, desired, journal, planned.options, limits)
            problems = tuple(each for each in problems if each not in planned.plan.problems)
        return Applied(
            plan=planned.plan,
            carried_out=True,
            report=Report(outcomes=tuple(carried.outcomes), remaining=remaining, problems=problems),
            denied=carried.denied or refused,
            interrupted=workspace.stopping,
            left_out=left_out,
        )


def _ending(outcomes: Sequence[Outcome], *, interrupted: bool) -> Ending:
    """How carrying out ended, for the ledger."""
    if interrupted:
        return Ending.INTERRUPTED
    ended = {outcome.status for outcome in outcomes}
    if ended <= {OutcomeStatus.DONE}:
        return Ending.DONE
    waits = ended <= {OutcomeStatus.BLOCKED, OutcomeStatus.WAIT, OutcomeStatus.SKIPPED}
    return Ending.PARTLY if waits or OutcomeStatus.DONE in ended else Ending.FAILED


def _commit_in(contract: SavedPlan | None) -> str | None:
    """The commit that a saved plan was made from, if it knows."""
    commit = contract.meta.get("commit") if contract is not None else None
    return commit if isinstance(commit, str) else None


def _prove(
    workspace: Workspace, desired: Desired, journal: Journal, options: Options, limits: Limits | None
) -> tuple[tuple[Change, ...], tuple[Problem, ...], bool]:
    """
    What is still different, what is wrong, and whether a vendor let nobody in.

    A proof that cannot be made is a problem, and no reason to hide what was done.
    """
    try:
        # The rules have judged what was applied; what is left of it is no new proposal.
        proof = decide(
            workspace,
            desired,
            journal.state,
            journal.open_intents,
            _without_orders(options),
            limits=limits,
            judged=False,
        )
    except Stopped:
        return (), (), False
    except Failure as failure:
        problem = Problem(
            code="not-proven",
            message=f"what was applied could not be read again: {failure.message}",
            help="run `reconciler plan --detailed-exitcode`: exit code 0 is the proof",
        )
        return (), (problem, *failure.problems), isinstance(failure, Denied)
    left = tuple(change for change in to_do(proof.plan) if not _is_freshness(change))
    # The plan knew every name that was given; one that nobody knows any more is that of an object that was deleted.
    problems = (each for each in proof.plan.problems if each.code != "unknown-address")
    return left, tuple(problems), False


def _desired(workspace: Workspace, options: Options) -> Desired:
    return Desired({}) if options.destroy else workspace.load().desired


def _as_saved(
    contract: SavedPlan, planned: Planned, plan: Callable[[Options], Planned], *, allow_partial: bool
) -> tuple[Planned, tuple[Problem, ...]]:
    """The plan if it does what the saved one does, or what is left of it, and everything that has moved."""
    stale = moved(contract, planned)
    if not stale:
        return planned, ()
    if not allow_partial:
        raise Stale(
            "reality has moved since the plan was made; nothing was applied",
            stale,
            help="plan again; or add `--allow-partial` to apply what has not moved",
        )
    state, wanted = planned.decision.state.records, planned.desired.resources
    needs = {
        **{address: record.needs for address, record in state.items()},
        **{address: references(resource.attributes) for address, resource in wanted.items()},
    }
    out = downstream(needs, {each.address for each in stale if each.address is not None}) & {*state, *wanted}
    rest = plan(replace(planned.options, excludes=planned.options.excludes | out))
    again = tuple(each for each in moved(contract, rest) if each.address not in out)
    if again or not to_do(rest.plan):
        raise Stale("reality has moved since the plan was made; nothing was applied", again or stale, help="plan again")
    return rest, stale


def _resolve_secrets(workspace: Workspace, plan: Plan) -> None:
    """Every secret that will be sent is at hand before the first write, and so is the key of their fingerprints."""
    problems = []
    sends_secrets = False
    for change in plan.changes:
        if change.action in WRITING and change.resource is not None:
            found = secrets(change.resource.attributes)
            sends_secrets = sends_secrets or bool(found)
            for path, secret in found:
                why = workspace.missing(secret)
                if why is not None:
                    problem = Problem(code="secret-unavailable", message=why, address=change.address, path=path)
                    problems.append(workspace.place(problem))
    if sends_secrets:
        try:
            workspace.check_fingerprints()
        except SecretUnavailable as missing:
            problems.append(missing.problem())
    if problems:
        raise Denied("a secret that would be sent cannot be read; nothing was sent", problems)


def _without_orders(options: Options) -> Options:
    """The same selection without what was asked for this one time."""
    return replace(options, replace=frozenset(), resend=frozenset())


def _is_freshness(change: Change) -> bool:
    return bool(change.reasons) and all(reason.code is ReasonCode.STALE for reason in change.reasons)
