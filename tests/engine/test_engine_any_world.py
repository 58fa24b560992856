"""From any world to any world, whatever happens in between."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from datetime import timedelta

from generators import Genes, chaos, codes, drift, examples, options, world
from hypothesis import event, given
from hypothesis import strategies as st
from simulation import Chaos, Killed, Project, address, causes, line, orphans, traits_of, untruths

from reconciler.engine.planner import is_refused, plan, to_do
from reconciler.engine.records import to_send
from reconciler.engine.scheduler import steps
from reconciler.engine.shape import pointed_ids, shape_of
from reconciler.values import Action, Address, Desired, Intent, Options, Resource, Severity, Snapshot, State, Verb


def new_project(genes: Genes) -> Project:
    """A project whose vendor refuses nothing silently: at no moment may a reference dangle."""
    project = Project()
    project.vendor.lag = timedelta(seconds=20 * genes.pick(2))

    def watch() -> None:
        assert project.vendor.dangling() == []

    project.watch = watch
    return project


def unexplained(project: Project, desired: Desired, chosen: Options | None = None) -> list[str]:
    """Errors of the plan for which the world gives no cause."""
    decision = project.decide(desired, chosen)
    return [
        f"{problem.code}: {problem.message}"
        for problem in decision.plan.problems
        if problem.severity is Severity.ERROR and not causes(problem, decision, project, desired, chosen or Options())
    ]


def converge(genes: Genes, *, strict: bool) -> str:
    """Three worlds one after the other, with drift before each: what became of it."""
    project, desired = new_project(genes), None
    for _ in range(3):
        desired = world(genes, desired if genes.pick(4) else None, strict=strict)
        drift(genes, project)
        project.vendor.now += timedelta(minutes=1)
        decision, _ = project.apply(desired)
        if is_refused(decision.plan):
            assert unexplained(project, desired) == []
            return "refused"
        assert [line(change) for change in to_do(project.decide(desired).plan)] == []
        assert orphans(project) == []
        assert untruths(project, desired) == []
    return "converged"


def survive(genes: Genes, *, strict: bool) -> str:
    """Two worlds, each applied by processes that are killed at any moment, then once in peace."""
    project, desired = new_project(genes), None
    for _ in range(2):
        desired = world(genes, desired if genes.pick(4) else None, strict=strict)
        for _ in range(1 + genes.pick(3)):
            other = world(genes, desired, strict=strict) if genes.rarely(3) else desired
            project.vendor.now += timedelta(seconds=1 + genes.pick(60))
            with suppress(Killed):
                project.apply(other, chaos=chaos(genes))
        decision = project.settled(desired)
        if is_refused(decision.plan):
            assert unexplained(project, desired) == []
            return "refused"
        assert orphans(project) == []
        assert untruths(project, desired) == []
    return "converged"


@examples(150)
@given(genes=codes(900))
def test_any_world_reaches_any_other_in_one_apply(genes: Genes) -> None:
    event(converge(genes, strict=True))


@examples(100)
@given(genes=codes(900))
def test_any_world_under_every_rule_reaches_any_other_or_is_refused_for_a_cause(genes: Genes) -> None:
    event(converge(genes, strict=False))


@examples(200)
@given(genes=codes(900))
def test_kills_lost_replies_and_refusals_leave_no_double_and_no_orphan(genes: Genes) -> None:
    event(survive(genes, strict=True))


@examples(100)
@given(genes=codes(900))
def test_kills_under_every_rule_end_well_or_are_refused_for_a_cause(genes: Genes) -> None:
    event(survive(genes, strict=False))


def test_most_worlds_converge_and_are_not_refused() -> None:
    chance = random.Random(7)
    ends = Counter(
        end
        for _ in range(40)
        for end in (
            converge(Genes(chance.randbytes(900)), strict=True),
            survive(Genes(chance.randbytes(900)), strict=True),
        )
    )

    assert ends["converged"] > 60


def test_an_interrupted_creation_waits_for_a_human_when_its_like_was_forgotten_before_any_list_showed_it() -> None:
    project = Project()
    project.vendor.lag = timedelta(seconds=20)
    desired = Desired.of([Resource(address=address("Label"), attributes={"name": "L", "color": "red"})])
    for each in (desired, Desired.of([])):
        project.apply(each)
        project.vendor.now += timedelta(seconds=1)
    with suppress(Killed):
        project.apply(desired, chaos=Chaos(kill_at=2))
    project.vendor.now += timedelta(minutes=1)
    codes = {problem.code for problem in project.decide(desired).plan.problems}

    assert codes == {"lookalike", "several-candidates"}
    assert unexplained(project, desired) == []


@examples(60)
@given(genes=codes(500))
def test_a_process_killed_at_its_first_moments_one_after_the_other_still_ends_well(genes: Genes) -> None:
    project, desired = new_project(genes), world(genes, strict=True)
    for moment in range(12):
        project.vendor.now += timedelta(seconds=31)
        with suppress(Killed):
            project.apply(desired, chaos=Chaos(random=genes.seed(), kill_at=moment))
    decision = project.settled(desired)

    assert is_refused(decision.plan) or (orphans(project), untruths(project, desired)) == ([], [])


@examples(60)
@given(genes=codes(700))
def test_a_step_that_fails_skips_only_what_depends_on_it(genes: Genes) -> None:
    project, first = new_project(genes), world(genes, strict=True)
    project.apply(first)
    desired = world(genes, first, strict=True)
    before = project.decide(desired)
    _, outcomes = project.apply(desired, chaos=Chaos(random=genes.seed(), refuse=0.2, parallel=3))
    ended = {outcome.step.name: outcome.status.value for outcome in outcomes}
    waits = {step.name: step.after for step in steps(before.plan.changes)}

    assert all(
        (status == "skipped") == any(ended[earlier] in {"failed", "skipped"} for earlier in waits[name])
        for name, status in ended.items()
    )


@examples(120)
@given(genes=codes(900), seed=st.integers(0, 1 << 16))
def test_the_order_of_the_input_does_not_matter(genes: Genes, seed: int) -> None:
    project, first = new_project(genes), world(genes)
    project.apply(first)
    drift(genes, project)
    desired = world(genes, first)
    try:
        project.apply(desired, chaos=chaos(genes))
    except Killed:
        project.vendor.now += timedelta(seconds=genes.pick(60))
    chosen = options(genes, desired) if genes.rarely(2) else Options()
    state, snapshot = project.state(), project.vendor.snapshot(project.recorded_ids())
    shuffled = shuffle(random.Random(seed), desired, state, snapshot, project.open_intents())

    assert decide(desired, state, snapshot, project.open_intents(), chosen) == decide(*shuffled, chosen)


def decide(desired: Desired, state: State, snapshot: Snapshot, intents: tuple[Intent, ...], chosen: Options) -> object:
    decision = plan(desired, state, snapshot, traits_of, project="p", environment="e", intents=intents, options=chosen)
    return decision.plan, dict(decision.state.records), decision.settlements, steps(decision.plan.changes)


def shuffle(
    chance: random.Random, desired: Desired, state: State, snapshot: Snapshot, intents: tuple[Intent, ...]
) -> tuple[Desired, State, Snapshot, tuple[Intent, ...]]:
    objects = list(snapshot.objects.items())
    chance.shuffle(objects)
    resources = list(desired.resources.items())
    chance.shuffle(resources)
    records = list(state.records.items())
    chance.shuffle(records)
    return (
        Desired(dict(resources)),
        State(
            project=state.project,
            environment=state.environment,
            lineage=state.lineage,
            serial=state.serial,
            records=dict(records),
        ),
        Snapshot(
            taken=snapshot.taken,
            objects={type: tuple(chance.sample(found, len(found))) for type, found in objects},
            scopes=snapshot.scopes,
            listed=snapshot.listed,
        ),
        tuple(chance.sample(intents, len(intents))),
    )


@examples(100)
@given(genes=codes(900))
def test_a_selection_is_carried_out_and_leaves_the_rest_alone(genes: Genes) -> None:
    project, first = new_project(genes), world(genes, strict=True)
    project.apply(first)
    desired = world(genes, first, strict=True)
    chosen = options(genes, desired)
    before = {address: record.id for address, record in project.records().items()}
    decision, outcomes = project.apply(desired, chosen)
    touched = {change.address for change in decision.plan.changes}
    touched |= {
        change.resource.renamed_from
        for change in decision.plan.changes
        if change.resource is not None and change.resource.renamed_from is not None
    }

    assert {outcome.status.value for outcome in outcomes} <= {"done"}
    assert project.vendor.dangling() == []
    assert all(project.records()[each].id == id for each, id in before.items() if each not in touched)
    assert orphans(project) == []


@examples(60)
@given(genes=codes(600))
def test_a_target_brings_along_exactly_what_it_needs(genes: Genes) -> None:
    project, desired = new_project(genes), world(genes, strict=True)
    known = sorted(desired.resources)
    target = known[genes.pick(len(known))] if known else None
    chosen = Options(targets=frozenset({target} if target else ()))
    planned = {change.address for change in project.decide(desired, chosen).plan.changes}

    assert planned == (needed_by(desired, target) if target else set())


def needed_by(desired: Desired, address: Address) -> set[Address]:
    """The address and what it needs, found without the engine."""
    text = repr(desired.resources[address].attributes)
    direct = {each for each in desired.resources if repr(each) in text}
    return {address}.union(*(needed_by(desired, each) for each in direct))


@examples(60)
@given(genes=codes(600))
def test_destroying_everything_leaves_nothing_of_ours_that_can_be_deleted(genes: Genes) -> None:
    project, desired = new_project(genes), world(genes, strict=True)
    project.apply(desired)
    drift(genes, project)
    decision, _ = project.apply(desired, Options(destroy=True))
    left = [id for id, type in project.vendor.all().items() if traits_of(type).deletes]

    if is_refused(decision.plan):
        assert unexplained(project, desired, Options(destroy=True)) == []
    else:
        assert set(left) <= project.vendor.foreign


@examples(60)
@given(genes=codes(600))
def test_everything_that_was_replaced_was_made_before_the_old_one_went(genes: Genes) -> None:
    project, first = new_project(genes), world(genes, strict=True)
    project.apply(first)
    desired = world(genes, first, strict=True)
    decision, _ = project.apply(desired)
    log = project.vendor.log

    for change in decision.plan.changes:
        if change.action is Action.REPLACE and not is_refused(decision.plan):
            made, gone = log.index(f"create {project.records()[change.address].id}"), log.index(f"delete {change.id}")
            assert (gone < made) == (not traits_of(change.address.type).coexists)


@examples(60)
@given(genes=codes(600))
def test_nothing_is_deleted_while_somebody_points_at_it(genes: Genes) -> None:
    project, first = new_project(genes), world(genes, strict=True)
    project.apply(first)
    desired = world(genes, first, strict=True)
    decision = project.decide(desired)
    order = {step.name: step for step in steps(decision.plan.changes)}
    objects = {(type, each.id): each for type, found in project.snapshot().objects.items() for each in found}
    by_id = {(change.address.type, change.id): change for change in decision.plan.changes if change.id}

    if is_refused(decision.plan):
        return
    for step in order.values():
        if step.verb is not Verb.DELETE:
            continue
        for (type, id), each in objects.items():
            if traits_of(type).job or (step.address.type, step.id) not in set(
                pointed_ids(each.attributes, shape_of(traits_of(type)))
            ):
                continue
            holder = by_id[type, id]
            letting_go = (
                f"update {holder.address}" if holder.action is Action.UPDATE else f"delete {holder.address} {id}"
            )
            assert letting_go in step.after


@examples(60)
@given(genes=codes(600))
def test_what_is_sent_for_an_unchanged_resource_is_what_was_sent_last(genes: Genes) -> None:
    project, desired = new_project(genes), world(genes, strict=True)
    decision, _ = project.apply(desired)
    records = project.records()

    if not is_refused(decision.plan):
        assert all(
            to_send(
                resource,
                lambda to: records[to].id,
                traits_of(address.type),
                now=project.vendor.now,
                record=records[address],
                observed=project.vendor.observed(address.type, records[address].ids[0]),
            )
            == records[address].applied
            for address, resource in desired.resources.items()
        )
