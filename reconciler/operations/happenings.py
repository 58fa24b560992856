"""What a command did or found, in the few words that may leave for a webhook: addresses and counts, never a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from reconciler.engine.drift import MOVED, Drift, Drifted
from reconciler.engine.planner import is_refused, to_do
from reconciler.operations.apply import Applied
from reconciler.operations.failures import Failure
from reconciler.operations.plan import errors
from reconciler.values import OutcomeStatus, Plan, Problem, Verification, dotted

Event = Literal["apply", "drift", "verify"]
"""What may be told; `drift` also stands for what `watch` found to do."""

ENDINGS: Mapping[int, str] = {
    0: "done",
    3: "stale",
    4: "partly",
    5: "refused",
    6: "locked",
    7: "denied",
    8: "invalid",
    130: "interrupted",
    143: "interrupted",
}
"""The word for each exit code; `failed` for any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """
    One object and what became of it: `what` is done or found to do, `how` it ended.

    `fields` are the paths that are meant, without what stands in them; `message` is a sentence, a vendor's perhaps.
    """

    address: str
    what: str
    how: str
    message: str | None = None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """
    How a command ended.

    `happened` says that something was done or found, `failed` that somebody has to look. `counts` are of what became of
    objects or deliveries.
    """

    event: Event
    command: str
    status: str
    happened: bool
    failed: bool
    counts: Mapping[str, int] = field(default_factory=dict)
    objects: tuple[Touched, ...] = ()
    problems: tuple[Problem, ...] = ()
    message: str | None = None


def of_applied(applied: Applied, *, command: str, code: int) -> Happening | None:
    """What `apply` or `destroy` did; None when somebody said no to its plan."""
    if not applied.carried_out:
        return None
    report = applied.report
    left = tuple(
        Touched(address=str(each.address), what=each.action.value, how="left to do") for each in report.remaining
    )
    outcomes = tuple(
        Touched(address=str(each.step.address), what=each.step.verb.value, how=each.status.value, message=each.message)
        for each in report.outcomes
    )
    return Happening(
        event="apply",
        command=command,
        status=ENDINGS.get(code, "failed") if outcomes or code else "nothing",
        happened=bool(outcomes),
        failed=code != 0,
        counts=Counter(each.how for each in (*outcomes, *left)),
        objects=_gravest_first((*outcomes, *left)),
        problems=(*applied.left_out, *report.problems),
    )


def of_drift(drifted: Drifted) -> Happening:
    """What `drift` found."""
    moved = tuple(_moved(each) for each in drifted.objects if each.moved)
    return Happening(
        event="drift",
        command="drift",
        status="failed" if drifted.problems else "moved" if moved else "nothing",
        happened=bool(moved),
        failed=bool(drifted.problems),
        counts={"looked at": drifted.looked_at, "moved": len(moved)},
        objects=moved,
        problems=drifted.problems,
    )


def of_plan(plan: Plan, *, command: str) -> Happening:
    """What a plan that is only looked at would do."""
    found = tuple(
        Touched(
            address=str(each.address),
            what=each.action.value,
            how="to do",
            fields=tuple(dotted(field.path) for field in each.fields),
        )
        for each in to_do(plan)
    )
    refused = is_refused(plan)
    return Happening(
        event="drift",
        command=command,
        status="refused" if refused else "changes" if found else "nothing",
        happened=bool(found),
        failed=refused,
        counts=Counter(each.what for each in found),
        objects=found,
        problems=errors(plan.problems),
    )


def of_verification(found: Verification) -> Happening:
    """What `verify` found; a delivery that needs somebody is a failure of the delivery."""
    troubled = tuple(
        Touched(
            address=str(each.expectation.address),
            what=each.expectation.name,
            how=each.verdict.value,
            message=each.remarks[0].text if each.remarks else None,
        )
        for each in found.findings
        if each.verdict.is_trouble
    )
    partial = found.denied or found.is_partial
    return Happening(
        event="verify",
        command="verify",
        status="failed" if partial else "trouble" if troubled else "nothing",
        happened=bool(troubled),
        failed=partial or bool(troubled),
        counts={verdict.value: count for verdict, count in found.counts.items()},
        objects=troubled,
        problems=found.problems,
    )


def of_failure(error: Exception, *, event: Event, command: str, code: int) -> Happening:
    """A command that could not do what it was asked."""
    problems: Sequence[Problem] = error.problems if isinstance(error, Failure) else ()
    if isinstance(error, Failure) and not problems and getattr(error, "plan", None) is not None:
        problems = error.plan.problems  # type: ignore[attr-defined]  # of the one failure that has a plan
    return Happening(
        event=event,
        command=command,
        status=ENDINGS.get(code, "failed"),
        happened=False,
        failed=True,
        problems=errors(problems),
        message=str(error),
    )


def _moved(drift: Drift) -> Touched:
    fields = tuple(dotted(each.path) for each in drift.fields if each.cause in MOVED)
    by = str(drift.last_change) if drift.last_change is not None else None
    return Touched(
        address=str(drift.address), what="gone" if drift.gone else "changed", how="moved", message=by, fields=fields
    )


_ORDER = (OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN, OutcomeStatus.BLOCKED, OutcomeStatus.WAIT, OutcomeStatus.SKIPPED)


def _gravest_first(touched: Sequence[Touched]) -> tuple[Touched, ...]:
    """What needs somebody before what went well, each in its order."""
    grave = {each.value: position for position, each in enumerate(_ORDER)}
    return tuple(sorted(touched, key=lambda each: grave.get(each.how, len(grave))))
