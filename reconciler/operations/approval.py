"""What an approval is bound to: the digest of what a plan would do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.engine.codec import Builtin, digest_of, encode_object, encode_value, to_json
from reconciler.engine.planner import to_do
from reconciler.operations.failures import Stale
from reconciler.operations.rotation import without_stamps
from reconciler.values import Change, FieldChange, Lifecycle, Plan, Problem

LIMIT = "too-many-deletes"
"""The problem that an approval of exactly this plan answers: a limit is there to have somebody look."""


def digest_of_plan(plan: Plan) -> str:
    """
    `sha256:…` of all that the plan would do, to which object, as the vendor was read.

    When it was made, the words of its reasons and where manifests stand are not in it, nor what is known of the
    values of secrets: who cannot read them may approve all the same.
    """
    done = sorted((_essence(change) for change in to_do(plan)), key=to_json)
    return digest_of(to_json({"project": plan.project, "environment": plan.environment, "changes": done}))


def with_digest(plan: Plan) -> Plan:
    """The plan that knows its digest, and says how exactly it is approved where a limit was exceeded."""
    digest = digest_of_plan(plan) if to_do(plan) else None
    problems = tuple(_approvable(each, digest) if each.code == LIMIT else each for each in plan.problems)
    return replace(plan, digest=digest, problems=problems)


def check_approved(plan: Plan, approved: str | None) -> Plan:
    """
    The plan without the limits that its approval answers, when it is the one that was approved.

    Raises `Stale` when it would do anything else; without an approval, or anything to do, the plan is as it was.
    """
    if approved is None or plan.digest is None:
        return plan
    if plan.digest != approved:
        raise Stale(
            f"the plan is not the one that was approved: it has the digest `{plan.digest}`, and `{approved}` was "
            "approved; nothing was applied",
            help="plan again, look at it, and approve what it says now",
        )
    return replace(plan, problems=tuple(each for each in plan.problems if each.code != LIMIT))


def _approvable(problem: Problem, digest: str | None) -> Problem:
    return replace(
        problem,
        help=(
            f"look at each of them; `reconciler apply --approve {digest}` approves exactly this plan, and `limits` in "
            "the project file allows more in every plan"
        ),
    )


def _essence(change: Change) -> Builtin:
    resource = change.resource
    discard: list[Builtin] = [*sorted(change.discard)]
    return {
        "address": str(change.address),
        "action": change.action.value,
        "id": change.id,
        "observed": change.digest,
        "fields": _fields(change.fields),
        "discard": discard,
        "delete_first": change.delete_first,
        "wanted": encode_value(without_stamps(resource.attributes)) if resource is not None else None,
        "labels": dict(resource.labels) if resource is not None else None,
        "lifecycle": encode_object(Lifecycle, resource.lifecycle) if resource is not None else None,
    }


def _fields(fields: Sequence[FieldChange]) -> Builtin:
    bare = (replace(each, before=without_stamps(each.before), after=without_stamps(each.after)) for each in fields)
    return sorted((encode_object(FieldChange, each) for each in bare), key=to_json)
