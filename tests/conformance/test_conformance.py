"""What every kind of every vendor must do, whatever the vendor leaves open."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conformance_cases import (
    RAN,
    VERBS,
    Case,
    Ending,
    Scenario,
    all_cases,
    concerns,
    possible,
    samples,
    scenario,
    switches,
)
from conformance_play import Play
from world import CANARY, Run, Status, World, catalog, listening, vendors

from reconciler import providers
from reconciler.reports.outcome_text import render_report
from reconciler.reports.plan_json import plan_json
from reconciler.reports.plan_markdown import render_plan_markdown
from reconciler.reports.plan_text import render_plan
from reconciler.values import Action, Change, OutcomeStatus, ReasonCode, Severity

WorldOf = Callable[..., World]

_EXPECTED = Path(__file__).parent / "expected_count.json"


# --- the suite itself ---


def test_every_installed_vendor_is_described() -> None:
    assert set(vendors()) >= set(providers.names())


def test_every_kind_that_is_no_composite_has_a_sample() -> None:
    # A job in parts leaves no object of its own at the vendor: `tests/events` plays those.
    kinds = {
        f"{vendor}/{kind.name}"
        for vendor in vendors()
        for kind in catalog().kinds(vendor).values()
        if not kind.expand and not kind.in_parts
    }

    assert {str(each.address).rpartition("/")[0] for each in samples()} == kinds


def test_every_switch_says_whom_it_concerns_or_why_nobody() -> None:
    silent = [
        f"{vendor}: {switch.name}"
        for vendor, switch, point in switches()
        if not point.get("not") and not any(concerns(point, each) for each in samples() if each.vendor == vendor)
    ]

    assert silent == []


def test_every_sample_can_do_what_its_kind_can() -> None:
    for sample in samples():
        traits = catalog().traits(f"{sample.vendor}/{sample.kind.name}")
        updates = sample.kind.updates or sample.kind.job

        assert possible(sample, "update") == updates, f"{sample}: `update`"
        assert possible(sample, "replace") == (bool(traits.immutable) and _has_immutable(sample.spec, traits.immutable))


def _has_immutable(spec: object, paths: frozenset[tuple[str, ...]]) -> bool:
    return any(_reaches(spec, path) and path[-1] != "typeId" for path in paths)


def _reaches(document: object, path: tuple[str, ...]) -> bool:
    if not path:
        return True
    return isinstance(document, dict) and path[0] in document and _reaches(document[path[0]], path[1:])


def test_the_suite_finds_as_much_as_it_should() -> None:
    positions: dict[str, int] = {}
    for case in all_cases():
        positions[str(case.sample)] = positions.get(str(case.sample), 0) + 1
    found = {"cases": {**positions, "all": len(all_cases())}, "tests": dict(sorted(RAN.items()))}

    assert found == json.loads(_EXPECTED.read_text(encoding="utf-8"))
    assert all(RAN.values())


# --- from nothing to nothing ---


@scenario("create", everywhere=True)
def test_a_whole_life_leaves_nothing_to_do_and_no_trace(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    for verb in _life(case):
        if verb == "delete":
            play.ready_for("delete")
        play.attempt(verb)

        assert play.left_to_do() == [], verb
        assert play.books_balance(), verb


def _life(case: Case) -> list[str]:
    """What can happen to the case's object, from its beginning to its end; that jobs pile up is their nature."""
    return [
        verb
        for verb in ("create", "update", "replace", "delete")
        if possible(case.sample, verb) and case.ending(verb) is Ending.DONE
    ]


@scenario("create", only=lambda case: case.switch is None)
def test_an_object_is_made_once_and_then_nothing_is_left_to_do(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.make()

    assert play.left_to_do() == []
    assert [row["id"] for row in play.ours] == [play.id]
    assert play.books_balance()


@scenario("create", only=lambda case: case.switch is None)
def test_a_second_run_writes_nothing(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.make()
    play.vendor.forget_requests()
    play.make()

    assert play.vendor.writes() == ()


@scenario("create", "update", only=lambda case: case.switch is None)
def test_a_change_is_made_in_place_or_by_a_new_job(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.make()
    before = play.id
    play.make(case.sample.update)

    assert play.left_to_do() == []
    assert (play.id != before) == case.sample.kind.job
    assert len(play.ours) == 1 + case.sample.kind.job
    assert play.books_balance()


@scenario("create", "replace")
def test_what_cannot_be_changed_is_replaced_before_the_old_object_goes(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.make()
    before = play.id
    play.vendor.forget_requests()
    run = play.make(case.sample.replace)

    methods = [each.method for each in play.vendor.writes() if case.sample.route in each.path]
    assert run.action(case.sample.address) is Action.REPLACE
    assert methods.index("POST") < methods.index("DELETE")
    assert [row["id"] for row in play.ours] == [play.id] != [before]
    assert play.left_to_do() == []
    assert play.books_balance()


@scenario("create", "update", "replace", only=lambda case: bool(case.sample.users))
def test_what_is_in_use_is_replaced_and_its_users_follow(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.make(users=True)
    play.make(case.sample.replace, users=True)

    assert [row["id"] for row in play.ours] == [play.id]
    assert play.left_to_do() == []
    assert play.books_balance()


@scenario("create", "delete", only=lambda case: case.switch is None and case.sample.kind.deletes)
def test_an_object_without_a_manifest_is_deleted_where_its_manifest_said_so(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.ready_for("delete")
    play.attempt("delete")

    assert play.ours == []
    assert play.record is None
    assert play.left_to_do() == []
    assert play.books_balance()


@scenario("create", "delete", only=lambda case: not case.sample.kind.deletes)
def test_what_cannot_be_deleted_is_forgotten_and_stays(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.ready_for("delete")
    play.vendor.forget_requests()
    play.attempt("delete")

    assert len(play.ours) == 1
    assert play.record is None
    assert play.vendor.writes() == ()
    assert play.left_to_do() == []


@scenario("create", only=lambda case: case.switch is None and case.sample.kind.deletes)
def test_an_object_without_a_manifest_stays_where_nothing_else_was_said(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.make()
    play.vendor.forget_requests()
    play.attempt("delete")

    record = play.record
    assert record is not None
    assert record.retired == "report"
    assert len(play.ours) == 1
    assert play.vendor.writes() == ()
    assert play.left_to_do() == []


@scenario("create", "disable")
def test_an_object_without_a_manifest_is_disabled_where_its_manifest_said_so(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.ready_for("disable")
    play.attempt("disable")

    assert [row.get("enabled", row.get("state") == "enabled") for row in play.ours] == [False]
    assert play.left_to_do() == []
    assert play.books_balance()


@scenario("create", "delete", only=lambda case: case.sample.kind.deletes)
def test_destroy_leaves_nothing_but_what_strangers_own(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.make(users=True)
    play.world.destroy()

    assert play.world.state.records == {}
    assert play.books_balance()


# --- what the vendor will not do ---


def _tried(case: Case, world: World, verb: str) -> tuple[Play, Run]:
    """The verb is tried after the switch moved, on an object that was made before."""
    play = Play(case, world, entered=False)
    play.ready_for(verb)
    play.enter()
    play.vendor.forget_requests()
    return play, play.attempt(verb, expect=None)


def _each_verb(ending: Ending) -> Callable[[Scenario], Scenario]:
    pairs = [
        (case, verb)
        for case in all_cases()
        for verb in VERBS
        if verb != "expiry" and case.ending(verb) is ending and possible(case.sample, verb)
    ]

    def decorate(test: Scenario) -> Scenario:
        RAN[test.__name__] = len(pairs)
        ids = [f"{verb}-{case}" for case, verb in pairs]
        parametrized: Scenario = pytest.mark.parametrize(("case", "verb"), pairs, ids=ids)(test)
        return parametrized

    return decorate


@_each_verb(Ending.UNREADABLE)
def test_what_cannot_be_read_is_said_and_nothing_is_written(case: Case, verb: str, world_of: WorldOf) -> None:
    play, run = _tried(case, world_of(case.sample.vendor), verb)

    assert run.status is Status.REFUSED
    assert "cannot-read" in {each.code for each in run.problems}
    assert {each.action for each in run.changes_to_make if each.address == case.sample.address} <= {Action.NOOP}
    assert play.vendor.writes() == ()


@_each_verb(Ending.DENIED)
def test_a_closed_door_is_said_and_nothing_is_written(case: Case, verb: str, world_of: WorldOf) -> None:
    play, run = _tried(case, world_of(case.sample.vendor), verb)

    assert run.status is Status.DENIED
    assert run.messages.strip()
    assert play.vendor.writes() == ()


@_each_verb(Ending.PROBLEM)
def test_what_the_plan_knows_to_be_impossible_is_not_tried(case: Case, verb: str, world_of: WorldOf) -> None:
    play, run = _tried(case, world_of(case.sample.vendor), verb)

    assert run.status is Status.REFUSED
    assert {each.address for each in run.problems} == {case.sample.address}
    assert [each for each in play.vendor.writes() if case.sample.route in each.path] == []


@_each_verb(Ending.REFUSED)
def test_a_refusal_is_said_and_loses_nothing(case: Case, verb: str, world_of: WorldOf) -> None:
    play, run = _tried(case, world_of(case.sample.vendor), verb)

    assert run.status is Status.FAILED
    assert any(each.status is OutcomeStatus.FAILED and each.message for each in run.report.outcomes)
    assert [row["id"] for row in play.ours] == [play.id]
    assert play.world.plan().changes_to_make
    assert play.books_balance()


@_each_verb(Ending.LEFT)
def test_an_old_object_that_cannot_be_deleted_is_remembered(case: Case, verb: str, world_of: WorldOf) -> None:
    play, run = _tried(case, world_of(case.sample.vendor), verb)
    again = play.attempt(verb, expect=Status.FAILED)

    record = play.record
    assert run.status is Status.FAILED
    assert any(each.message for each in again.report.outcomes)
    assert record is not None
    assert [row["id"] for row in play.ours] == [*(each.id for each in record.deposed), record.id]
    assert play.books_balance()


@_each_verb(Ending.BLOCKED)
def test_what_the_vendor_will_not_do_yet_is_blocked_and_tried_again(case: Case, verb: str, world_of: WorldOf) -> None:
    play, run = _tried(case, world_of(case.sample.vendor), verb)

    assert {each.status for each in run.report.outcomes} == {OutcomeStatus.BLOCKED}
    assert play.vendor.writes() == ()
    assert [each.action for each in play.world.plan().changes_to_make] == [Action.RUN]
    assert play.books_balance()


@_each_verb(Ending.FAILED)
def test_what_was_made_and_failed_is_remembered_and_made_again(case: Case, verb: str, world_of: WorldOf) -> None:
    play, run = _tried(case, world_of(case.sample.vendor), verb)

    assert run.status is Status.FAILED
    assert [row["id"] for row in play.ours] == [play.id]
    assert [_codes(each) for each in play.world.plan().changes_to_make] == [{ReasonCode.TAINTED}]
    assert play.books_balance()


def _codes(change: Change) -> set[ReasonCode]:
    return {each.code for each in change.reasons}


@_each_verb(Ending.KEPT)
def test_an_object_that_leaves_the_list_is_no_loss_where_what_it_made_stays(
    case: Case, verb: str, world_of: WorldOf
) -> None:
    play, run = _tried(case, world_of(case.sample.vendor), verb)

    assert run.status is Status.DONE
    assert run.changes_to_make == ()
    assert {each.address for each in run.problems} == {case.sample.address}
    assert {each.severity for each in run.problems} == {Severity.WARNING}
    assert play.vendor.writes() == ()


# --- what others do meanwhile ---


@scenario("create", "gone")
def test_an_object_that_is_gone_is_made_again(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.ready_for("gone")
    run = play.attempt("gone")

    change = next(each for each in run.changes_to_make if each.address == case.sample.address)
    assert change.action is (Action.RUN if case.sample.kind.job else Action.CREATE)
    assert ReasonCode.GONE in _codes(change)
    assert [row["id"] for row in play.ours] == [play.id]
    assert play.books_balance()


@scenario("create", "update", only=lambda case: case.sample.drift is not None)
def test_a_change_behind_our_back_is_seen_and_undone(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.make()
    assert case.sample.drift is not None
    play.vendor.emulator.edit(case.sample.collection, play.id, case.sample.drift)

    assert play.left_to_do() == [(str(case.sample.address), Action.UPDATE)]
    play.make()
    assert play.left_to_do() == []


@scenario("create", only=lambda case: case.sample.strange_fields, everywhere=True)
def test_fields_that_nobody_knows_are_ignored(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.make()
    novelty = {"novelty": {"since": "2031", "of": [1, None]}, "another": None}
    play.vendor.emulator.edit(case.sample.collection, play.id, novelty)

    assert play.left_to_do() == []


@scenario("create", only=lambda case: case.sample.paged, everywhere=True)
def test_a_list_of_many_pages_is_read_to_its_end(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.make()
    play.add_strangers(120)  # more than any vendor gives on one page
    play.vendor.forget_requests()

    assert play.left_to_do() == []
    assert len(play.vendor.requests("GET", case.sample.route)) > 1
    assert play.books_balance()


@scenario("create")
def test_a_page_that_lacks_an_object_makes_no_second_one(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.make()
    play.vendor.faults.short_page(f"GET {case.sample.route}", drop=2, consistent=True)
    play.make(expect=None)

    assert len(play.ours) == 1
    assert play.books_balance()


# --- what goes wrong on the way ---


@scenario("create", everywhere=True)
def test_a_rate_limit_is_waited_out_whether_it_says_how_long_or_not(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    for route in (f"GET {case.sample.route}", f"POST {case.sample.route}"):
        play.vendor.faults.answer(route, 429, retry_after=40)
        play.vendor.faults.answer(route, 429, nth=1)
    before = play.world.clock.timestamp()
    play.make()

    assert play.world.clock.timestamp() - before >= 80
    assert len(play.ours) == 1
    assert play.left_to_do() == []


@scenario("create", everywhere=True)
def test_a_failure_before_the_write_is_made_good(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.vendor.faults.answer(f"POST {case.sample.route}", 500)
    play.make()

    assert len(play.ours) == 1
    assert play.left_to_do() == []
    assert play.books_balance()


@scenario("create", everywhere=True)
def test_a_failure_after_the_write_makes_no_second_object(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.vendor.faults.answer_after_write(f"POST {case.sample.route}", 500)
    play.make()

    assert len(play.ours) == 1
    assert play.left_to_do() == []
    assert play.books_balance()


@scenario("create")
def test_a_cut_connection_before_the_write_is_made_good(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.vendor.faults.cut_before_write(f"POST {case.sample.route}")
    play.make()

    assert len(play.ours) == 1
    assert play.left_to_do() == []
    assert play.books_balance()


@scenario("create", everywhere=True)
def test_a_cut_connection_after_the_write_makes_no_second_object(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.vendor.cut_after_write(f"POST {case.sample.route}")
    play.make()

    assert len(play.ours) == 1
    assert play.left_to_do() == []
    assert play.books_balance()


@scenario("create", only=lambda case: case.switch is None)
def test_a_web_page_instead_of_the_reply_makes_no_second_object(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.vendor.faults.html(f"POST {case.sample.route}")
    play.make()

    assert len(play.ours) == 1
    assert play.left_to_do() == []
    assert play.books_balance()


@scenario("create", only=lambda case: case.switch is None)
def test_half_a_reply_makes_no_second_object(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.vendor.faults.cut_in_reply(f"POST {case.sample.route}")
    play.make()

    assert len(play.ours) == 1
    assert play.left_to_do() == []
    assert play.books_balance()


@scenario("create")
def test_what_a_run_could_not_find_out_the_next_run_finds(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))

    def nobody_answers_any_more() -> None:
        play.vendor.faults.answer("GET *", 503, times=None)

    play.vendor.faults.call(f"POST {case.sample.route}", nobody_answers_any_more, after_write=True)
    play.vendor.cut_after_write(f"POST {case.sample.route}")
    play.make(expect=None)
    play.vendor.faults.clear()
    unknown = len(play.world.open_intents)
    # Lists that lag behind do so for a while, and a while has passed.
    play.world.later()
    play.world.plan()
    play.world.plan()
    play.make()

    assert unknown == 1
    assert len(play.ours) == 1
    assert play.left_to_do() == []
    assert play.books_balance()


@scenario("create", "update", only=lambda case: not case.sample.kind.job)
def test_a_change_without_an_answer_is_made_sure_of(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.make()
    play.vendor.cut_after_write(f"PATCH {case.sample.route}/*")
    play.make(case.sample.update, expect=None)
    play.make(case.sample.update)

    assert play.left_to_do() == []
    assert play.books_balance()


@scenario("create", "gone", "delete", only=lambda case: case.sample.kind.deletes)
def test_a_deletion_without_an_answer_is_made_sure_of(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.ready_for("delete")
    play.vendor.cut_after_write(f"DELETE {case.sample.route}/*")
    play.attempt("delete", expect=None)
    play.world.later()
    play.attempt("delete")

    assert play.ours == []
    assert play.record is None
    assert play.left_to_do() == []
    assert play.books_balance()


@scenario("create", "expiry", everywhere=True)
def test_a_token_that_ends_within_a_run_is_renewed(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.vendor.faults.expire_tokens(f"POST {case.sample.route}")
    play.make()

    assert len(play.ours) == 1
    assert play.left_to_do() == []


@scenario(
    "create", "expiry", ending=Ending.DENIED, only=lambda case: case.ending("create") is Ending.DONE, everywhere=True
)
def test_a_key_that_ends_within_a_run_loses_nothing(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    play.vendor.faults.expire_tokens(f"POST {case.sample.route}")
    play.make(expect=Status.DENIED)
    assert play.vendor.renew is not None
    play.vendor.renew()
    play.make()

    assert len(play.ours) == 1
    assert play.left_to_do() == []
    assert play.books_balance()


# --- secrets ---


@scenario("create", "update", only=lambda case: "RECONCILER_SECRET_CANARY" in repr(case.sample.spec), everywhere=True)
def test_a_secret_is_seen_by_nobody_but_the_vendor(case: Case, world_of: WorldOf) -> None:
    play = Play(case, world_of(case.sample.vendor))
    with listening() as ear:
        said = [_everything(play.make())]
        for route in (f"POST {case.sample.route}", f"PATCH {case.sample.route}/*"):
            play.vendor.faults.answer(route, 400, body={"message": f"not {CANARY}", "errors": [CANARY]})
        said += [_everything(play.make(case.sample.update, expect=Status.FAILED))]

    assert CANARY in json.dumps(play.ours)
    assert CANARY not in "\n".join(said)
    assert CANARY not in "\n".join(ear.heard)
    assert CANARY.encode() not in play.world.stored


def _everything(run: Run) -> str:
    """All that the product says of a run, in every form it has."""
    traits = catalog().traits
    said = [run.messages, repr(run)]
    if run.plan is not None:
        said += [
            render_plan(run.plan, colour=False, width=120, traits=traits),
            plan_json(run.plan, traits=traits),
            render_plan_markdown(run.plan, traits=traits),
        ]
    said += [render_report(run.report, traits=traits, colour=False, width=120)]
    return "\n".join(said)
