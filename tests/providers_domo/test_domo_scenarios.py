"""What must hold at Domo whatever it turns out to do: each scenario under both positions of every open point."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from domo_scene import CUSTOMERS, NAME, NEW_ROWS, NORTH, ORDERS, Knob, Scene, codes, elsewhere, manifest, only, query
from world import Status, catalog, listening

from reconciler.reports.outcome_text import render_report
from reconciler.reports.plan_json import plan_json
from reconciler.reports.plan_markdown import render_plan_markdown
from reconciler.reports.plan_text import render_plan
from reconciler.values import Action, OutcomeStatus, ReasonCode

pytest_plugins = ("domo_fixtures",)

SECOND = manifest("orders-north", query=query(filter=NORTH), destination=elsewhere(path="domo/north"))


def reasons(scene: Scene) -> set[ReasonCode]:
    return {each.code for each in only(scene.plan()).reasons}


def test_the_first_export_delivers_what_the_manifest_asks_for(scene: Scene) -> None:
    run = scene.apply(manifest(query=query("order_id", "region", filter=NORTH)))
    rows = scene.delivered(scene.id)

    assert only(run).action is Action.RUN
    assert len(rows) == 6
    assert {row[1] for row in rows} == {"North"}
    assert scene.record.outputs["rows"] == (7 if scene.knob.stands("row_counts") else 6)
    assert scene.plan().changes_to_make == ()


def test_a_second_apply_asks_for_nothing(scene: Scene) -> None:
    scene.apply(manifest())
    scene.apply(manifest())

    assert scene.started == 1
    assert scene.plan().problems == ()


def test_new_data_is_exported_beside_the_old_files(scene: Scene) -> None:
    scene.apply(manifest())
    before = scene.files()
    scene.new_data()
    planned = scene.plan()
    scene.apply()

    assert {each.code for each in only(planned).reasons} == {ReasonCode.STALE}
    assert len(scene.delivered(scene.id)) == 25
    assert before.items() <= scene.files().items()
    assert scene.plan().changes_to_make == ()


def test_changed_metadata_is_no_newer_data(scene: Scene) -> None:
    scene.apply(manifest())
    scene.world.later()
    scene.domo.touch(ORDERS, description="orders of all shops")

    assert scene.plan().changes_to_make == ()


def test_a_changed_filter_is_blocked_until_the_data_changes(scene: Scene) -> None:
    scene.apply(manifest())
    first = scene.record
    changed = manifest(query=query(filter=NORTH))
    run = scene.apply(changed, expect=Status.FAILED)
    blocked = scene.record
    still = reasons(scene)
    scene.new_data()
    scene.apply()

    assert [each.status for each in run.report.outcomes] == [OutcomeStatus.BLOCKED]
    assert str(first.id) in run.messages
    assert "has not changed" in run.messages
    assert blocked == first
    assert ReasonCode.NOT_UPDATABLE in still
    assert len(scene.delivered(scene.id)) == 7
    assert scene.plan().changes_to_make == ()


def test_a_changed_filter_is_exported_at_once_where_domo_looks_at_the_request(scene: Scene) -> None:
    scene.vendor.switch(dedupe="dataset+request")
    scene.apply(manifest())
    scene.apply(manifest(query=query(filter=NORTH)))

    assert len(scene.delivered(scene.id)) == 6
    assert scene.plan().changes_to_make == ()


def test_what_was_asked_for_before_is_taken_back_where_domo_gives_it_back(scene: Scene) -> None:
    scene.vendor.switch(dedupe="dataset+request")
    scene.apply(manifest())
    first = scene.id
    scene.apply(manifest(query=query(filter=NORTH)))
    scene.apply(manifest())

    assert scene.id == first
    assert len(scene.exports) == 2
    assert scene.plan().changes_to_make == ()


def test_two_manifests_on_one_dataset_are_refused(scene: Scene) -> None:
    run = scene.apply(manifest(), SECOND, expect=Status.INVALID)

    assert codes(run) == {"shared-dataset"}
    assert scene.started == 0


def test_of_two_manifests_that_may_share_a_dataset_the_second_is_blocked(scene: Scene) -> None:
    shared = [_sharing(manifest()), _sharing(SECOND)]
    run = scene.apply(*shared, expect=Status.FAILED)

    statuses = sorted(each.status.value for each in run.report.outcomes)
    assert statuses == ["blocked", "done"]
    assert len(scene.exports) == 1
    with scene.world.workspace() as workspace:
        assert [each.code for each in workspace.read().problems] == ["shared-dataset"]


def _sharing(written: dict[str, object]) -> dict[str, object]:
    spec = written["spec"]
    assert isinstance(spec, dict)
    return {**written, "spec": {**spec, "dataset": {"id": ORDERS, "shared": True}}}


def test_nothing_is_started_while_an_export_of_somebody_else_is_under_way(scene: Scene) -> None:
    scene.domo.insert("exports", {"dataSourceId": ORDERS, "bucket": "elsewhere", "exportStatus": "exporting"})
    run = scene.apply(manifest(), expect=None)

    assert only(run).action is Action.WAIT
    assert "one at a time" in str(only(run).hold)
    assert scene.started == 0


@pytest.mark.parametrize("answer", ["return", "400", "409"])
def test_an_export_that_somebody_else_begins_meanwhile_is_not_taken_for_ours(scene: Scene, answer: str) -> None:
    scene.vendor.switch(on_active=answer)
    theirs = {"dataSourceId": ORDERS, "bucket": "elsewhere", "exportStatus": "exporting"}

    def begin() -> None:
        scene.domo.insert("exports", theirs)

    scene.vendor.faults.call(f"POST /api/query/v1/export/{ORDERS}", begin)
    run = scene.apply(manifest(), expect=Status.FAILED)

    assert [each.status for each in run.report.outcomes] == [OutcomeStatus.WAIT]
    assert scene.world.state.records == {}
    assert scene.world.open_intents == ()


WRONG: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "region": ({"destination": elsewhere(region="us-east-1")}, {}),
    "bucket": ({"destination": elsewhere(bucket="example-nowhere")}, {}),
    "secret": ({}, {"RECONCILER_SECRET_AWS_SECRET": "wrong-secret-wrong-secret"}),
    "token": ({}, {"temporary": "without its token"}),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_s3_refuses_is_said_in_its_words(cloud_scene: Scene, what: str) -> None:
    scene = cloud_scene
    changes, environ = WRONG[what]
    if what == "token":
        assert scene.store is not None
        temporary = scene.store.assume_role()
        environ = {"RECONCILER_SECRET_AWS_KEY": temporary.key, "RECONCILER_SECRET_AWS_SECRET": temporary.secret}
    scene.world.environ.update(environ)
    run = scene.apply(manifest(**changes), expect=Status.FAILED)

    (outcome,) = run.report.outcomes
    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.message
    assert any(word in outcome.message for word in ("S3", "Bucket", "bucket", "region", "Signature", "Token", "Key"))
    assert not any(each.get("exportStatus") == "success" for each in scene.exports)
    assert only(scene.plan()).action is Action.RUN


def test_rows_follow_the_user_and_another_user_is_another_audience(scene: Scene) -> None:
    somebody = scene.domo.add_user(displayName="Restricted", authorities=["dataset.export"])
    scene.domo.share(ORDERS, somebody["id"])
    north = {"name": "region", "values": ["North"], "type": "COLUMN", "operator": "EQUALS", "not": False}
    scene.domo.add_policy(ORDERS, "North only", users=[int(somebody["id"])], parameters=[north])
    scene.domo.set_pdp(ORDERS)
    ours = scene.world.environ["DOMO_TOKEN"]
    scene.world.environ["DOMO_TOKEN"] = scene.domo.add_token(somebody["id"])
    scene.apply(manifest())
    few = len(scene.delivered(scene.id))
    scene.world.environ["DOMO_TOKEN"] = ours
    run = scene.plan()

    assert few == 6
    assert scene.record.memo["user"] == str(somebody["id"])
    assert {each.code for each in only(run).reasons} == {ReasonCode.TAINTED}
    assert "audience changed" in only(run).reasons[0].text


def test_an_export_whose_answer_was_lost_is_found_and_not_made_twice(scene: Scene) -> None:
    scene.vendor.cut_after_write(f"POST /api/query/v1/export/{ORDERS}")
    scene.apply(manifest())

    assert len(scene.exports) == 1
    assert scene.id == scene.exports[0]["id"]
    assert scene.plan().changes_to_make == ()


def test_an_export_that_a_crash_left_behind_is_found_by_the_next_run(scene: Scene) -> None:
    route = f"POST /api/query/v1/export/{ORDERS}"
    scene.vendor.faults.call(route, lambda: scene.vendor.faults.answer("GET *", 503, times=None), after_write=True)
    scene.vendor.cut_after_write(route)
    scene.apply(manifest(), expect=None)
    unknown = len(scene.world.open_intents)
    scene.vendor.faults.clear()
    scene.world.later()
    scene.apply()

    assert unknown == 1
    assert len(scene.exports) == 1
    assert scene.id == scene.exports[0]["id"]
    assert scene.plan().changes_to_make == ()


@pytest.mark.parametrize("retry_after", [None, 40])
def test_a_rate_limit_and_a_broken_gateway_are_waited_out(scene: Scene, retry_after: int | None) -> None:
    route = f"/api/query/v1/export/{ORDERS}"
    scene.vendor.faults.answer(f"POST {route}", 429, retry_after=retry_after)
    scene.vendor.faults.answer(f"GET {route}", 502, nth=2)
    scene.apply(manifest())

    assert len(scene.exports) == 1
    assert scene.plan().changes_to_make == ()


def test_the_page_of_a_blocked_address_is_told_from_an_answer(scene: Scene) -> None:
    scene.vendor.switch(fault="html_blocked_200")
    run = scene.plan(manifest())

    assert "allow-list" in run.messages


def test_a_file_that_is_gone_is_reported_and_so_is_that_domo_keeps_the_export(cloud_scene: Scene) -> None:
    scene = cloud_scene
    scene.apply(manifest(checkObjects=True))
    fine = scene.plan().changes_to_make
    key = min(scene.files())
    assert scene.store is not None
    scene.store.remove("example-lake", key)
    planned = scene.plan()
    run = scene.apply(expect=Status.FAILED)

    assert fine == ()
    assert key in only(planned).reasons[0].text
    assert {each.code for each in only(planned).reasons} == {ReasonCode.TAINTED}
    assert [each.status for each in run.report.outcomes] == [OutcomeStatus.BLOCKED]
    assert "Domo may give back the same export" in only(planned).reasons[0].text


@pytest.mark.parametrize("vocabulary", ["internal", "hub"])
@pytest.mark.parametrize("timestamps", ["ms", "iso"])
def test_both_vocabularies_and_both_forms_of_time_are_understood(
    scene: Scene, vocabulary: str, timestamps: str
) -> None:
    scene.vendor.switch(status_vocabulary=vocabulary, timestamps=timestamps)
    scene.apply(manifest())

    started = datetime.fromisoformat(str(scene.record.outputs["started"]))
    assert timedelta() < scene.world.clock.now() - started < timedelta(minutes=2)
    assert scene.plan().changes_to_make == ()


def test_a_status_that_nobody_knows_is_waited_for_and_then_named(scene: Scene) -> None:
    scene.vendor.switch(status_vocabulary="odd")
    run = scene.apply(manifest(), expect=Status.FAILED)

    (outcome,) = run.report.outcomes
    assert outcome.status is OutcomeStatus.WAIT
    assert str(outcome.message).startswith(f"`{scene.id}` is still ")


def test_an_export_that_left_the_list_is_no_loss(scene: Scene) -> None:
    scene.apply(manifest())
    scene.domo.remove("exports", scene.id)
    scene.world.later()
    run = scene.plan()

    assert run.changes_to_make == ()
    assert codes(run) == {"export-not-listed"}


def test_no_secret_is_seen_by_anybody_but_domo(stage_it: Callable[..., Scene], knob: Knob) -> None:
    scene = stage_it(knob)
    secret = scene.world.environ["RECONCILER_SECRET_AWS_SECRET"]
    hidden = [secret, scene.world.environ["RECONCILER_SECRET_AWS_KEY"], scene.world.environ["DOMO_TOKEN"]]
    with listening() as ear:
        runs = [scene.apply(manifest())]
        route = f"POST /api/query/v1/export/{ORDERS}"
        scene.vendor.faults.answer(route, 400, body={"message": f"not {secret}", "toe": hidden[1]})
        scene.new_data()
        runs.append(scene.apply(expect=Status.FAILED))
    said = [repr(run) + run.messages for run in runs]
    for run in runs:
        traits = catalog().traits
        assert run.plan is not None
        said += [
            render_plan(run.plan, colour=False, width=100, traits=traits),
            plan_json(run.plan, traits=traits),
            render_plan_markdown(run.plan, traits=traits),
            render_report(run.report, traits=traits, colour=False, width=100),
        ]

    everything = "\n".join([*said, *ear.heard, repr(scene.exports)]).encode() + scene.world.stored
    assert [each for each in hidden if each.encode() in everything] == []


def test_an_export_that_never_begins_is_named_when_patience_ends(scene: Scene) -> None:
    scene.vendor.switch(runs="stuck")
    run = scene.apply(manifest(), expect=Status.FAILED)
    scene.world.later(7200)
    later = scene.plan()

    (outcome,) = run.report.outcomes
    assert outcome.status is OutcomeStatus.WAIT
    assert scene.id in str(outcome.message)
    assert only(later).action is Action.WAIT
    assert scene.id in str(only(later).hold)


def test_exports_of_two_datasets_do_not_wait_for_each_other(scene: Scene) -> None:
    other = manifest(
        "customers",
        dataset={"id": CUSTOMERS},
        destination=elsewhere(path="domo/customers"),
        query=query("customer_id", "city"),
    )
    scene.apply(manifest(), other)

    assert len(scene.exports) == 2
    assert scene.world.state.records[NAME].id != scene.world.state.records[_CUSTOMERS].id
    assert scene.plan().changes_to_make == ()


_CUSTOMERS = type(NAME)("domo", "DatasetExport", "customers")


def test_data_that_changes_while_an_export_runs_is_exported_once_more(scene: Scene) -> None:
    route = f"POST /api/query/v1/export/{ORDERS}"
    scene.vendor.faults.call(route, lambda: _grow(scene), after_write=True)
    scene.apply(manifest())

    assert {each.code for each in only(scene.plan()).reasons} == {ReasonCode.STALE}


def _grow(scene: Scene) -> None:
    scene.world.later(1)
    scene.domo.append_rows(ORDERS, NEW_ROWS)
