"""Events come to the vendor once, in their users' order, whatever it does with a batch and whatever breaks."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable

import pytest
from event_stage import ADDRESS, PURPOSE, UNKNOWN, event, events, importing, is_whole, rejects, stored, write
from world import Status, World

from reconciler.values import Action, Address, Options

POST = "POST /consents/events"
CRM = Address.parse(ADDRESS)
NUMBER = 300

Worlds = Callable[..., World]


@pytest.fixture
def didomi(world_of: Worlds) -> World:
    world = world_of("didomi")
    world.vendor.switch(rate_limit="off")
    return world


# --- the ordinary life of an import ---


def test_an_import_brings_every_event_once_in_its_users_order(didomi: World) -> None:
    found = events(NUMBER)
    didomi.apply(importing(write(didomi.folder, found)))

    is_whole(didomi.vendor, found)


def test_a_plan_counts_events_users_and_days_and_sends_nothing(didomi: World) -> None:
    run = didomi.plan(importing(write(didomi.folder, events(NUMBER))))

    assert run.action(CRM) is Action.RUN
    assert run.plan is not None
    (change,) = run.plan.changes
    assert change.resource is not None
    content = change.resource.attributes["content"]
    assert isinstance(content, dict)
    assert (content["events"], content["users"], content["rejects"], content["files"]) == (NUMBER, 40, 0, 1)
    assert (content["first"], content["last"]) == ("2026-01-01T00:00:00Z", "2026-01-01T04:59:00Z")
    assert didomi.vendor.writes() == ()


def test_what_is_imported_is_not_imported_again(didomi: World) -> None:
    manifests = importing(write(didomi.folder, events(20)))
    didomi.apply(manifests)
    didomi.vendor.forget_requests()

    assert didomi.plan(manifests).changes_to_make == ()
    didomi.apply(manifests)
    assert didomi.vendor.requests("POST", "/consents/events") == ()


def test_files_of_an_import_that_is_done_may_go(didomi: World) -> None:
    manifests = importing(write(didomi.folder, events(20)))
    didomi.apply(manifests)
    (didomi.folder / "specs" / "events.jsonl").unlink()

    assert didomi.plan(manifests).changes_to_make == ()


def test_another_content_is_another_import(didomi: World) -> None:
    didomi.apply(importing(write(didomi.folder, events(20))))
    didomi.apply(importing(write(didomi.folder, events(30))))

    is_whole(didomi.vendor, events(30))


def test_a_changed_option_sends_nothing_again(didomi: World) -> None:
    file = write(didomi.folder, events(20))
    didomi.apply(importing(file))
    didomi.vendor.forget_requests()
    didomi.apply(importing(file, batch="another", sampleCheck=1))

    assert didomi.vendor.requests("POST", "/consents/events") == ()
    assert didomi.plan().changes_to_make == ()


def test_a_removed_manifest_forgets_the_import_and_leaves_the_events(didomi: World) -> None:
    didomi.apply(importing(write(didomi.folder, events(20))))
    didomi.apply([])

    assert didomi.state.records == {}
    assert len(stored(didomi.vendor)) == 20


def test_several_files_are_one_import(didomi: World) -> None:
    found = events(90)
    names = [write(didomi.folder, found[at : at + 30], f"part-{at}.jsonl") for at in (0, 30, 60)]
    didomi.apply(importing(*names))

    is_whole(didomi.vendor, found)


def test_events_are_marked_with_their_batch_and_keep_their_metadata(didomi: World) -> None:
    found = [event(1, metadata={"origin": "crm"})]
    didomi.apply(importing(write(didomi.folder, found), batch="crm-2026"))

    (there,) = didomi.vendor.objects("events")
    assert there["metadata"] == {"origin": "crm", "import_batch": "crm-2026"}


@pytest.mark.parametrize(("integrations", "expected"), [(False, "true"), (True, None)])
def test_connected_tools_are_told_only_when_somebody_asks(
    didomi: World, integrations: bool, expected: str | None
) -> None:
    didomi.apply(importing(write(didomi.folder, events(3)), integrations=integrations))

    (sent,) = didomi.vendor.requests("POST", "/consents/events")
    assert sent.parameter("$disable_integrations") == expected


def test_missing_ids_are_refused(didomi: World) -> None:
    found = [{key: each for key, each in event(1).items() if key != "id"}]
    run = didomi.apply(importing(write(didomi.folder, found)), expect=Status.REFUSED)

    assert [each.code for each in run.problems] == ["import-rejects"]


def test_derived_ids_are_the_same_in_every_import(didomi: World) -> None:
    found = [{key: each for key, each in event(number).items() if key != "id"} for number in range(10)]
    didomi.apply(importing(write(didomi.folder, found), missingIds="derive"))
    first = stored(didomi.vendor)
    didomi.apply(importing(write(didomi.folder, [*found[5:], event(77)], "again.jsonl"), missingIds="derive"))

    assert len(set(first)) == 10
    assert stored(didomi.vendor) == [*first, event(77)["id"]]


# --- what is refused before anything is sent ---


def test_a_changed_file_with_an_unchanged_digest_is_refused_before_anything_is_sent(didomi: World) -> None:
    manifests = importing(write(didomi.folder, events(20)))
    write(didomi.folder, events(21))
    run = didomi.apply(manifests, expect=Status.INVALID)

    assert [each.code for each in run.problems] == ["file-changed"]
    assert didomi.vendor.writes() == ()


def test_a_missing_file_is_refused_before_anything_is_sent(didomi: World) -> None:
    run = didomi.apply(importing({"path": "nothing.jsonl", "sha256": "0" * 64}), expect=Status.INVALID)

    assert [each.code for each in run.problems] == ["file-unreadable"]
    assert didomi.vendor.writes() == ()


def test_a_damaged_file_is_refused_before_anything_is_sent(didomi: World) -> None:
    file = write(didomi.folder, [], "cut.jsonl.gz")
    path = didomi.folder / "specs" / "cut.jsonl.gz"
    path.write_bytes(b"\x1f\x8b\x08\x00 no gzip at all")
    run = didomi.apply(importing({**file, "sha256": _sha256(path.read_bytes())}), expect=Status.INVALID)

    assert [each.code for each in run.problems] == ["file-damaged"]


def test_a_plan_without_the_product_is_refused(didomi: World) -> None:
    didomi.vendor.switch(premium_consents_api="false")
    run = didomi.apply(importing(write(didomi.folder, events(2))), expect=Status.REFUSED)

    assert [each.code for each in run.problems] == ["product-not-enabled"]


def test_purposes_that_nobody_knows_are_named_in_the_plan(didomi: World) -> None:
    run = didomi.plan(importing(write(didomi.folder, events(5, refused=[1, 3]))))

    (problem,) = run.problems
    assert problem.code == "unknown-purposes"
    assert f"`{UNKNOWN}`, which events name 2 times" in problem.message


def test_events_out_of_their_users_order_are_pointed_at(didomi: World) -> None:
    run = didomi.plan(importing(write(didomi.folder, [event(81), event(41), event(1)])))

    (problem,) = run.problems
    assert problem.code == "events-out-of-order"
    assert "2 events are older" in problem.message
    assert "line 2; `events.jsonl` line 3" in problem.message


def test_a_repeated_id_is_a_reject(didomi: World) -> None:
    run = didomi.apply(importing(write(didomi.folder, [*events(3), event(1)])), expect=Status.REFUSED)

    (problem,) = run.problems
    assert "1 have the id of an earlier one (`events.jsonl` line 4)" in problem.message


# --- rejects ---


def test_rejects_stop_an_import_before_anything_is_sent(didomi: World) -> None:
    run = didomi.apply(importing(write(didomi.folder, [*events(5), {"id": "no"}])), expect=Status.REFUSED)

    assert [each.code for each in run.problems] == ["import-rejects"]
    assert didomi.vendor.writes() == ()
    assert not (didomi.folder / ".reconciler" / "quarantine").exists()


def test_rejects_go_into_quarantine_and_the_others_are_imported(didomi: World) -> None:
    good = events(5)
    bad = {"id": "no", "secret": "canary"}
    didomi.apply(importing(write(didomi.folder, [*good[:2], bad, *good[2:]]), onRejects="quarantine"))

    is_whole(didomi.vendor, good)
    (kept,) = rejects(didomi.folder)
    assert (kept["file"], kept["line"], kept["event"]) == ("events.jsonl", 3, bad)
    assert "created_at: is missing" in kept["reasons"]


def test_the_quarantine_is_for_its_owner_alone_and_not_in_the_state(didomi: World) -> None:
    didomi.apply(importing(write(didomi.folder, [*events(2), {"id": "canary"}]), onRejects="quarantine"))

    folder = didomi.folder / ".reconciler" / "quarantine"
    (path,) = folder.glob("*.jsonl")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    state = b"".join(
        each.read_bytes() for each in (didomi.folder / ".reconciler" / "state").rglob("*") if each.is_file()
    )
    assert b"canary" not in state


def test_an_event_that_the_vendor_refuses_stops_the_import_and_is_asked_again(didomi: World) -> None:
    found = events(120, refused=[7])
    didomi.apply(importing(write(didomi.folder, found)), expect=Status.FAILED)
    again = didomi.apply(expect=Status.FAILED)

    assert [each["line"] for each in rejects(didomi.folder)] == [8]
    assert "1 event refused by Didomi" in again.messages
    assert found[7]["id"] not in stored(didomi.vendor)


def test_an_import_that_was_stopped_goes_on_once_the_vendor_takes_the_event(didomi: World) -> None:
    found = events(120, refused=[7])
    didomi.apply(importing(write(didomi.folder, found)), expect=Status.FAILED)
    didomi.vendor.emulator.insert("purposes", {"id": UNKNOWN, "name": "Made meanwhile"})
    didomi.apply()

    is_whole(didomi.vendor, found)


# --- under every position of what the vendor leaves open ---


@pytest.mark.parametrize(
    ("failure", "dup"),
    [
        # Where a first request leaves something behind, every half is refused again: hundreds of requests.
        pytest.param(failure, dup, marks=pytest.mark.slow if failure != "atomic" and dup == "conflict_batch" else ())
        for failure in ("atomic", "prefix", "best_effort")
        for dup in ("ack", "conflict_item", "conflict_batch")
    ],
)
def test_good_events_come_once_and_bad_ones_are_kept_however_a_batch_fails(
    didomi: World, failure: str, dup: str
) -> None:
    bad = {3, 104, 105, 299}
    found = events(NUMBER, refused=bad)
    didomi.vendor.switch(import_failure=failure, dup=dup, batch_order="reversed")
    didomi.apply(importing(write(didomi.folder, found), onRejects="quarantine"))

    is_whole(didomi.vendor, [each for number, each in enumerate(found) if number not in bad])
    assert [each["line"] for each in rejects(didomi.folder)] == [4, 105, 106, 300]


@pytest.mark.parametrize("dup", ["ack", "conflict_item", "conflict_batch"])
def test_events_that_are_there_already_are_no_trouble(didomi: World, dup: str) -> None:
    found = events(30)
    didomi.vendor.switch(dup=dup)
    didomi.apply(importing(write(didomi.folder, found[10:20])))
    didomi.apply(importing(write(didomi.folder, found)))

    there = stored(didomi.vendor)
    assert sorted(there) == sorted(each["id"] for each in found)
    assert rejects(didomi.folder) == []


@pytest.mark.parametrize("dup", ["ack", "conflict_item", "conflict_batch"])
def test_another_event_with_the_same_id_is_told_and_never_overwritten(didomi: World, dup: str) -> None:
    didomi.vendor.switch(dup=dup)
    didomi.apply(importing(write(didomi.folder, [event(1)])))
    other = event(1, created_at="2025-05-05T05:05:05Z")
    didomi.apply(importing(write(didomi.folder, [event(0), other, event(2)]), onRejects="quarantine"))

    assert sorted(stored(didomi.vendor)) == [event(number)["id"] for number in (0, 1, 2)]
    assert [(each["line"], each["event"]["created_at"]) for each in rejects(didomi.folder)] == [
        (2, "2025-05-05T05:05:05Z")
    ]
    assert "another event with this id" in rejects(didomi.folder)[0]["reasons"][0]


# --- when something breaks ---


@pytest.mark.parametrize(
    "fault",
    ["answer_after_write", "cut_before_write", "cut_after_write", "cut_in_reply", "expire_tokens"],
)
def test_what_breaks_once_is_repeated(didomi: World, fault: str) -> None:
    found = events(NUMBER)
    getattr(didomi.vendor.faults, fault)(POST, nth=2)
    didomi.apply(importing(write(didomi.folder, found)))

    is_whole(didomi.vendor, found)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_failure_of_the_vendor_is_repeated(didomi: World, status: int) -> None:
    found = events(NUMBER)
    didomi.vendor.faults.answer(POST, status, nth=2, times=2)
    didomi.apply(importing(write(didomi.folder, found)))

    is_whole(didomi.vendor, found)


def test_a_rate_limit_is_waited_out(didomi: World) -> None:
    found = events(NUMBER)
    didomi.vendor.faults.answer(POST, 429, headers={"Retry-After": "7"}, nth=2)
    didomi.apply(importing(write(didomi.folder, found)))

    is_whole(didomi.vendor, found)


def test_an_event_whose_answers_are_all_lost_is_read_back(didomi: World) -> None:
    found = events(NUMBER)
    didomi.vendor.faults.cut_after_write(POST, nth=2, times=None)
    didomi.apply(importing(write(didomi.folder, found)))

    is_whole(didomi.vendor, found)


@pytest.mark.parametrize("fault", ["cut_before_write", "unavailable"])
def test_a_vendor_that_stays_away_ends_the_run_and_the_next_one_goes_on(didomi: World, fault: str) -> None:
    found = events(NUMBER)
    manifests = importing(write(didomi.folder, found))
    if fault == "unavailable":
        didomi.vendor.faults.answer(POST, 503, nth=2, times=None)
    else:
        didomi.vendor.faults.cut_before_write(POST, nth=2, times=None)
    didomi.apply(manifests, expect=Status.FAILED)
    didomi.vendor.faults.clear()
    run = didomi.plan()

    assert run.action(CRM) is Action.RUN
    didomi.apply()
    is_whole(didomi.vendor, found)
    assert didomi.open_intents == ()


@pytest.mark.parametrize("fault", ["html", "broken_json"])
def test_an_answer_that_is_none_is_made_up_for_by_reading_back(didomi: World, fault: str) -> None:
    found = events(120)
    getattr(didomi.vendor.faults, fault)(POST)
    didomi.apply(importing(write(didomi.folder, found)))

    is_whole(didomi.vendor, found)


def test_what_was_done_before_a_run_broke_off_is_not_sent_again(didomi: World) -> None:
    found = events(NUMBER, users=NUMBER)
    didomi.settings["parallelism"] = 1
    didomi.vendor.faults.answer(POST, 500, nth=3, times=None)
    didomi.apply(importing(write(didomi.folder, found)), expect=Status.FAILED)
    didomi.vendor.faults.clear()
    didomi.vendor.forget_requests()
    didomi.apply()

    sent = didomi.vendor.requests("POST", "/consents/events")
    assert len(sent) == 1
    is_whole(didomi.vendor, found)


def test_a_sample_that_is_not_there_fails_the_import(didomi: World) -> None:
    didomi.vendor.faults.answer("GET /consents/events/*", 404, times=None)
    run = didomi.apply(importing(write(didomi.folder, events(20)), sampleCheck=5), expect=Status.FAILED)

    assert "5 of 5 events that were read back are not there" in run.messages
    didomi.vendor.faults.clear()
    didomi.apply()


def test_without_a_sample_nothing_is_read_back(didomi: World) -> None:
    didomi.apply(importing(write(didomi.folder, events(20)), sampleCheck=0))

    assert didomi.vendor.requests("GET", "/consents/events/*") == ()


# --- what is remembered ---


def test_the_state_holds_no_users_and_no_events(didomi: World) -> None:
    didomi.apply(importing(write(didomi.folder, events(NUMBER))))

    stored_bytes = didomi.stored
    assert b"canary-user" not in stored_bytes
    assert event(5)["id"].encode() not in stored_bytes
    assert PURPOSE.encode() not in stored_bytes


def test_the_record_stays_small_however_many_events_there_are(didomi: World) -> None:
    didomi.apply(importing(write(didomi.folder, events(3300))))

    (record,) = didomi.state.records.values()
    assert len(json.dumps(dict(record.memo), default=str)) < 500
    assert record.memo["lines"] == 3300
    assert record.memo["acked"] == ()


def test_replace_imports_once_more_and_doubles_nothing(didomi: World) -> None:
    found = events(20)
    manifests = importing(write(didomi.folder, found))
    didomi.apply(manifests)
    didomi.apply(manifests, options=Options(replace=frozenset({CRM})))

    is_whole(didomi.vendor, found)


def _sha256(content: bytes) -> str:
    import hashlib  # noqa: PLC0415

    return hashlib.sha256(content).hexdigest()
