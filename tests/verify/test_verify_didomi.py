"""Didomi's exports over real stores: every verdict, each from what was done to the world by hand."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from verify_stage import DAY, GcsDrop, VerifyStage, by_name, didomi_stage, verdicts
from world import Theatre, World

from reconciler.emulator.objects import ObjectStore
from reconciler.operations.failures import Failure, Invalid
from reconciler.operations.verify_content import Depth
from reconciler.values import Address, Finding, Verdict, Verification

LAKE: Mapping[str, object] = {
    "apiVersion": "didomi.reconciler/v1",
    "kind": "Destination",
    "metadata": {"name": "lake"},
    "spec": {"typeId": "aws-s3-didomi", "config": {"accountId": "210987654321"}},
}
EXPORT = Address("didomi", "ExportConfig", "daily")


SPEC: Mapping[str, object] = {
    "data": {"users": {"enabled": True}, "proofs": {"enabled": False}},
    "destinations": ["lake"],
}


def export(destination: str = "lake", **delivery: Any) -> dict[str, object]:  # noqa: ANN401 - words of the block
    return {
        "apiVersion": "didomi.reconciler/v1",
        "kind": "ExportConfig",
        "metadata": {"name": "daily"},
        "delivery": {"private": destination == "lake", **delivery},
        "spec": {**SPEC, "destinations": [destination]},
    }


def drop(bucket: str) -> dict[str, object]:
    key = {"env": "RECONCILER_SECRET_CANARY"}
    return {
        "apiVersion": "didomi.reconciler/v1",
        "kind": "Destination",
        "metadata": {"name": "drop"},
        "spec": {"typeId": "gcp-storage", "config": {"projectId": "example", "bucketName": bucket, "key": key}},
    }


def bucket(stage: VerifyStage, number: int = 0) -> str:
    """Didomi's own bucket, the first or one that came later."""
    rows: list[Any] = stage.world.vendor.objects("destinations")
    return str([row["config"]["bucket_name"] for row in rows if row["type_id"] == "aws-s3-didomi"][number])


def emulator(stage: VerifyStage) -> Any:  # noqa: ANN401 - what only Didomi's stand-in can
    return stage.world.vendor.emulator


def delivered(stage: VerifyStage, days: float = 1, **delivery: Any) -> VerifyStage:  # noqa: ANN401 - as above
    """An export that has run for so many days, and has just ended its last run."""
    stage.world.apply([LAKE, export(**delivery)])
    stage.world.later(days * DAY + 3600)
    return stage


def day(stage: VerifyStage, back: int) -> str:
    """The name of the delivery of so many days ago."""
    return str((stage.now - timedelta(days=back)).date())


def judged(stage: VerifyStage, back: int = 0, depth: Depth | None = None) -> Finding:
    return by_name(stage.verify(EXPORT, since=timedelta(days=30), depth=depth))[day(stage, back)]


# --- a month, with damage done by hand to one day after the other ---

WHOLE, GONE, UNMARKED, EMPTIED, BARE, CUT, SHORT, BROKEN, FAILED = 0, 1, 2, 3, 4, 5, 6, 7, 8
"""How many days ago what was done."""


@dataclass(frozen=True)
class Month:
    """Thirty days in a bucket of the customer's at Google and in Didomi's own; what `verify` found there at the end."""

    stage: VerifyStage
    found: Verification

    def at(self, place: str, back: int) -> Finding:
        """The delivery of so many days ago."""
        here = [each for each in self.found.findings if (each.expectation.place or "").startswith(place)]
        return by_name(replace(self.found, findings=tuple(here)))[day(self.stage, back)]


@pytest.fixture(scope="module")
def month(object_store: ObjectStore, cloud_storage: GcsDrop, spared: set[str]) -> Iterator[Month]:
    theatre = Theatre()
    with TemporaryDirectory(prefix="reconciler-test-") as folder:
        world = World(Path(folder), theatre, ["didomi"])
        with didomi_stage(world, object_store, cloud_storage) as stage:
            world.vendor.switch(parts="2")
            # The first bucket of every world has the same name, and those of the other tests come and go.
            spare = {**LAKE, "metadata": {"name": "a-spare"}}
            archive = {**export("drop"), "metadata": {"name": "archive"}}
            world.apply([spare])
            world.apply([spare, LAKE, drop("example-month"), export(), archive])
            spared.add(lake := bucket(stage, 1))
            world.later((30 - FAILED - 1) * DAY + 3600)
            for each in world.vendor.objects("configs"):
                emulator(stage).fail_next_run(each["id"], "the destination refused the files")
            world.later((FAILED + 1) * DAY)
            damage(stage, lake)
            stage.s3.guard(lake)
            found = stage.verify(since=timedelta(days=30), depth=Depth())
            yield Month(stage, found)
    spared.clear()
    theatre.close()


def damage(stage: VerifyStage, lake: str) -> None:
    def parts(back: int) -> list[str]:
        return stage.keys(lake, f"date={day(stage, back)}/users/part-")

    for key in stage.keys(lake, f"date={day(stage, GONE)}/"):
        stage.s3.remove(lake, key)
    stage.remove(lake, f"date={day(stage, UNMARKED)}/users/_SUCCESS")
    stage.put(lake, parts(EMPTIED)[0], b"")
    stage.remove(lake, f"date={day(stage, BARE)}/users/part-")
    body = stage.read(lake, parts(CUT)[1])
    stage.put(lake, parts(CUT)[1], body[: len(body) // 2])
    stage.s3.remove(lake, parts(SHORT)[0])
    google = [each for each in stage.gcs.keys("example-month") if f"date={day(stage, BROKEN)}/users/part-" in each]
    records = [json.loads(each) for each in gzip.decompress(stage.gcs.read("example-month", google[0])).splitlines()]
    del records[0]["user"]["id"]
    records[2]["user"]["version"] = "seven"
    broken = gzip.compress(b"\n".join(json.dumps(each).encode() for each in records))
    stage.gcs.put("example-month", google[0], broken)


def test_a_month_lies_at_google_as_far_as_nobody_damaged_it(month: Month) -> None:
    given = [month.at("gs://", back) for back in range(30)]

    well = [each for back, each in enumerate(given) if back not in (BROKEN, FAILED)]
    assert {each.verdict for each in well} == {Verdict.DELIVERED}
    assert sum(each.lying.content.records for each in well if each.lying and each.lying.content) == 28 * 5


def test_didomis_own_bucket_keeps_seven_days(month: Month) -> None:
    older = [month.at("s3://", back) for back in range(FAILED + 1, 30)]

    assert {each.verdict for each in older} == {Verdict.EXPIRED}
    assert month.at("s3://", BROKEN).verdict is Verdict.EXPIRED
    assert month.at("s3://", WHOLE).verdict is Verdict.DELIVERED


def test_a_failed_run_is_told_with_the_vendors_reason(month: Month) -> None:
    for place in ("s3://", "gs://"):
        found = month.at(place, FAILED)

        assert found.verdict is Verdict.FAILED
        assert found.remarks[0].text == "the vendor says that the run failed: the destination refused the files"


@pytest.mark.parametrize(
    ("back", "verdict", "text"),
    [
        (GONE, Verdict.MISSING, "nothing lies there, and the vendor says that it was delivered"),
        (UNMARKED, Verdict.INCOMPLETE, "`_SUCCESS` is not there, and the vendor says that it was delivered"),
        (BARE, Verdict.INCOMPLETE, "no file lies there, and the vendor says that it is 5 records"),
        (SHORT, Verdict.INCOMPLETE, "it holds 2 records instead of the 5 that the vendor reports"),
    ],
)
def test_what_was_taken_away_is_missed(month: Month, back: int, verdict: Verdict, text: str) -> None:
    found = month.at("s3://", back)

    assert (found.verdict, found.remarks[0].text) == (verdict, text)


def test_files_without_a_byte_and_files_that_were_cut_are_incomplete(month: Month) -> None:
    emptied, cut = month.at("s3://", EMPTIED), month.at("s3://", CUT)

    assert (emptied.verdict, cut.verdict) == (Verdict.INCOMPLETE, Verdict.INCOMPLETE)
    assert emptied.remarks[0].text.startswith("1 file without a byte: `users/part-")
    assert cut.remarks[0].text.startswith("1 file ends too early: `users/part-")


def test_records_that_break_the_contract_are_invalid_with_line_and_path(month: Month) -> None:
    found = month.at("gs://", BROKEN)

    assert found.verdict is Verdict.INVALID
    assert found.lying is not None
    assert found.lying.content is not None
    lines = {(each.rule, each.line, each.path) for each in found.lying.content.examples if each.level == "error"}
    assert ("schema.required:user.id", 1, "user.id") in lines
    assert ("schema.type:user.version", 3, "user.version") in lines


def test_a_guarded_bucket_is_known_to_be_private(month: Month) -> None:
    guarded = month.at("s3://", WHOLE)

    assert guarded.lying is not None
    assert guarded.lying.exposed == ()
    assert guarded.unknown == ()


# --- the other verdicts ---


@pytest.mark.slow
def test_nothing_is_asked_of_days_before_the_first_run(didomi: VerifyStage) -> None:
    delivered(didomi, days=2)

    assert sorted(verdicts(didomi.verify().findings)) == [day(didomi, 1), day(didomi, 0)]


def test_an_export_that_has_not_run_yet_owes_nothing(didomi: VerifyStage) -> None:
    didomi.world.apply([LAKE, export()])

    found = didomi.verify()

    assert found.findings == ()
    assert found.silent == (EXPORT,)


def test_a_delivery_of_today_is_awaited_until_its_day_is_over(didomi: VerifyStage) -> None:
    didomi.world.apply([LAKE, export()])
    didomi.world.later(DAY - 60)

    assert verdicts(didomi.verify().findings) == {day(didomi, 0): Verdict.AWAITED}


def test_files_without_their_marker_are_in_progress_while_the_run_goes_on(didomi: VerifyStage) -> None:
    didomi.world.apply([LAKE, export()])
    didomi.world.later(DAY + 60)

    assert judged(didomi).verdict is Verdict.IN_PROGRESS
    assert didomi.keys(bucket(didomi), "part-")


def test_a_run_that_never_ends_makes_its_delivery_late(didomi: VerifyStage) -> None:
    didomi.world.vendor.switch(runs="stuck")
    delivered(didomi, days=3)

    assert judged(didomi, 2).verdict is Verdict.LATE


@pytest.mark.slow
def test_a_day_without_a_run_is_late_and_then_missing(didomi: VerifyStage) -> None:
    delivered(didomi)
    before = emulator(didomi).deliveries._agenda[:]
    emulator(didomi).deliveries._agenda.clear()  # the vendor forgets to run
    didomi.world.later(DAY + 22 * 3600)

    assert before
    assert judged(didomi, 1).verdict is Verdict.LATE
    didomi.world.later(DAY)
    assert judged(didomi, 2).verdict is Verdict.MISSING


@pytest.mark.slow
def test_a_vendors_reason_is_shown_without_a_secret_that_it_repeats(didomi: VerifyStage) -> None:
    canary = didomi.world.environ["RECONCILER_SECRET_CANARY"]
    didomi.world.apply([drop("example-secret"), export("drop", private=False)])
    emulator(didomi).fail_next_run(result=f"the key {canary} is refused")
    didomi.world.later(DAY + 3600)

    found = judged(didomi)

    assert found.verdict is Verdict.FAILED
    assert canary not in repr(found)


def test_a_bucket_that_everybody_may_read_is_exposed(didomi: VerifyStage) -> None:
    delivered(didomi, days=9)
    didomi.s3.make_public(bucket(didomi))

    found = judged(didomi, 2)

    assert found.verdict is Verdict.EXPOSED
    assert "let everybody read" in found.remarks[0].text
    assert judged(didomi, 8).verdict is Verdict.EXPIRED


def test_what_the_bucket_does_not_tell_of_its_readers_is_said_and_no_failure(didomi: VerifyStage) -> None:
    found = judged(delivered(didomi))

    assert found.verdict is Verdict.DELIVERED
    assert found.unknown == ("whether others may read the place (access control list: access is denied)",)


def test_a_place_that_refuses_us_is_unreadable_and_a_matter_of_permissions(didomi: VerifyStage) -> None:
    delivered(didomi)
    stranger = didomi.s3.make_user(f"stranger-{didomi.s3.keys.key[-4:].lower()}", ["sts:GetCallerIdentity"])
    didomi.world.environ["STAGE_STRANGER"] = stranger.secret
    words = {"accessKeyId": stranger.key, "secretAccessKey": {"env": "STAGE_STRANGER"}}
    didomi.entries[0] = {**didomi.entries[0], "match": "didomi/ExportConfig/*", **words}
    didomi.said()

    found = didomi.verify()

    assert {each.verdict for each in found.findings} == {Verdict.UNREADABLE}
    assert found.denied


def test_a_bucket_that_is_gone_holds_nothing(didomi: VerifyStage) -> None:
    delivered(didomi)
    name = bucket(didomi)
    didomi.remove(name, "")
    didomi.s3.client().delete_bucket(Bucket=name)

    found = judged(didomi)

    assert found.verdict is Verdict.MISSING
    assert "there is no such bucket" in found.remarks[0].text


# --- what is open ---


@pytest.mark.slow
@pytest.mark.parametrize(
    "switches",
    [
        {"success_folder": "date"},
        {"log_order": "oldest"},
        {"first_run": "full"},
        {"parts": "3"},
        {"events": "history"},
        {"shape": "v2"},
        {"source_shape": "object"},
        {"source_shape": "null"},
        {"bare_array": "true"},
        {"extra_fields": "true"},
    ],
    ids=lambda each: "-".join(*each.items()),
)
def test_every_undocumented_variant_is_delivered_and_valid(didomi: VerifyStage, switches: dict[str, str]) -> None:
    didomi.world.vendor.switch(**switches)
    delivered(didomi)

    found = didomi.verify(depth=Depth())

    assert set(verdicts(found.findings).values()) == {Verdict.DELIVERED}


@pytest.mark.slow
@pytest.mark.parametrize("empty", ["success", "nothing"])
def test_an_empty_day_is_delivered_whether_it_leaves_something_or_nothing(didomi: VerifyStage, empty: str) -> None:
    didomi.world.vendor.switch(users_per_run="0", empty_day=empty)
    delivered(didomi, days=2)

    assert set(verdicts(didomi.verify().findings).values()) == {Verdict.DELIVERED}


@pytest.mark.slow
def test_without_times_in_the_log_the_marker_decides(didomi: VerifyStage) -> None:
    didomi.world.vendor.switch(log_times="false")
    delivered(didomi, days=3)
    didomi.remove(bucket(didomi), f"date={day(didomi, 1)}/")
    didomi.remove(bucket(didomi), f"date={day(didomi, 2)}/users/_SUCCESS")

    assert judged(didomi, 0).verdict is Verdict.DELIVERED
    assert judged(didomi, 2).verdict is Verdict.INCOMPLETE
    found = judged(didomi, 1)
    assert found.verdict is Verdict.LATE
    assert "which run made which delivery: the run log has no times" in found.unknown


@pytest.mark.slow
def test_guests_break_the_contract_unless_the_manifest_expects_them(didomi: VerifyStage) -> None:
    didomi.world.vendor.switch(guests="true", users_per_run="40")
    delivered(didomi, days=1)

    assert judged(didomi, 0, Depth()).verdict is Verdict.INVALID
    didomi.world.apply([LAKE, export(options={"guests": True})])
    assert judged(didomi, 0, Depth()).verdict is Verdict.DELIVERED


@pytest.mark.slow
def test_one_record_per_user_is_asked_for_by_the_manifest(didomi: VerifyStage) -> None:
    didomi.world.vendor.switch(users_per_run="60")
    delivered(didomi, days=1, options={"oneRecordPerUser": "error"})

    found = judged(didomi, 0, Depth())

    assert found.lying is not None
    assert found.lying.content is not None
    rules = {each.rule for each in found.lying.content.broken}
    assert ("repeated-organization-user" in rules) == (found.verdict is Verdict.INVALID)
    assert "repeated-organization-user" in rules


@pytest.mark.slow
def test_proofs_are_said_to_be_unknown(didomi: VerifyStage) -> None:
    manifest = export()
    manifest["spec"] = {**SPEC, "data": {"users": {"enabled": False}, "proofs": {"enabled": True}}}
    didomi.world.apply([LAKE, manifest])
    didomi.world.later(DAY + 3600)

    found = judged(didomi, 0)

    assert found.verdict is Verdict.UNKNOWN
    assert "proof files: Didomi documents neither their folder nor their names" in found.unknown


@pytest.mark.slow
def test_an_export_that_is_gone_at_the_vendor_is_told(didomi: VerifyStage) -> None:
    delivered(didomi, days=2)
    config = didomi.world.vendor.objects("configs")[0]
    emulator(didomi).remove("configs", config["id"])

    (found,) = didomi.verify().findings

    assert found.verdict is Verdict.UNKNOWN
    assert "any more" in found.unknown[0]


@pytest.mark.slow
def test_an_export_that_was_switched_off_owes_only_its_logged_runs(didomi: VerifyStage) -> None:
    delivered(didomi, days=2)
    manifest = export()
    manifest["spec"] = {**SPEC, "enabled": False}
    didomi.world.apply([LAKE, manifest])
    didomi.world.later(3 * DAY)

    assert len(didomi.verify(since=timedelta(days=6)).findings) == 2


@pytest.mark.slow
def test_an_integration_is_verified_like_an_export(didomi: VerifyStage) -> None:
    integration = {
        "apiVersion": "didomi.reconciler/v1",
        "kind": "Integration",
        "metadata": {"name": "lake"},
        "spec": {
            "typeId": "batch-exports-s3",
            "authentication": {"accountId": "210987654321"},
            "properties": {"frequency": 1, "data": ["users"]},
        },
    }
    didomi.world.apply([integration])
    didomi.world.later(2 * DAY + 3600)

    found = didomi.verify(depth=Depth())

    assert set(verdicts(found.findings).values()) == {Verdict.DELIVERED}
    assert len(found.findings) == 2


# --- what the owner says ---


@pytest.mark.slow
def test_late_is_when_the_manifest_says_so(didomi: VerifyStage) -> None:
    didomi.world.vendor.switch(runs="stuck")
    delivered(didomi, days=2, lateAfter="3d")

    assert judged(didomi, 1).verdict is Verdict.IN_PROGRESS


def test_a_schema_of_the_owners_is_asked_for_besides_the_vendors(didomi: VerifyStage) -> None:
    schema = {"type": "object", "properties": {"user": {"required": ["loyalty"]}}}
    (didomi.world.folder / "schemas").mkdir()
    (didomi.world.folder / "schemas" / "user.json").write_text(json.dumps(schema), encoding="utf-8")
    delivered(didomi, days=1, contract="schemas/user.json")

    found = judged(didomi, 0, Depth(examples=2))

    assert found.verdict is Verdict.INVALID
    assert found.lying is not None
    assert found.lying.content is not None
    assert [(each.rule, each.total) for each in found.lying.content.broken] == [("schema.required:user.loyalty", 5)]
    assert [each.line for each in found.lying.content.examples] == [1, 2]
    assert found.lying.content.contract == "Didomi export record and schemas/user.json"


def test_a_contract_that_is_not_there_keeps_content_from_being_read(didomi: VerifyStage) -> None:
    delivered(didomi, days=1, contract="schemas/nowhere.json")

    assert judged(didomi, 0).verdict is Verdict.DELIVERED
    with pytest.raises(Invalid):
        didomi.verify(depth=Depth())


@pytest.mark.slow
def test_a_sample_reads_some_files_and_compares_no_counts(didomi: VerifyStage) -> None:
    didomi.world.vendor.switch(parts="5")
    delivered(didomi, days=1)

    found = judged(didomi, 0, Depth(sample=2))

    assert found.verdict is Verdict.DELIVERED
    assert found.lying is not None
    assert found.lying.content is not None
    assert found.lying.content.sampled
    assert len(found.lying.content.files) == 2


@pytest.mark.slow
def test_values_are_described_and_shown_only_when_asked_for(didomi: VerifyStage) -> None:
    delivered(didomi, days=1)
    (key,) = didomi.keys(bucket(didomi), "users/part-")
    record = json.loads(gzip.decompress(didomi.read(bucket(didomi), key)).splitlines()[0])
    record["user"]["country"] = "Atlantis"
    didomi.put(bucket(didomi), key, gzip.compress(json.dumps(record).encode()))

    hidden, shown = (judged(didomi, 0, Depth(show_values=each)) for each in (False, True))

    assert "Atlantis" not in repr(hidden)
    assert "Atlantis" in repr(shown)


def test_an_address_without_a_record_or_without_files_is_refused(didomi: VerifyStage) -> None:
    delivered(didomi, days=1)

    with pytest.raises(Failure, match="no record of `didomi/ExportConfig/other`"):
        didomi.verify(Address("didomi", "ExportConfig", "other"))
    with pytest.raises(Failure, match="delivers no files by itself"):
        didomi.verify(Address("didomi", "Destination", "lake"))


# --- reading ---


def test_nothing_is_written_to_the_vendor_or_the_store(didomi: VerifyStage) -> None:
    delivered(didomi, days=2)
    before = didomi.s3.objects(bucket(didomi))
    didomi.world.vendor.forget_requests()

    didomi.verify(depth=Depth())

    assert didomi.world.vendor.writes() == ()
    assert didomi.s3.objects(bucket(didomi)) == before


def test_a_vendor_that_cannot_be_read_is_a_problem_and_no_verdict(didomi: VerifyStage) -> None:
    delivered(didomi, days=1)
    didomi.world.vendor.faults.answer("GET /v1/exports/configs*", status=503, times=20)

    found = didomi.verify()

    assert found.findings == ()
    assert [each.code for each in found.problems] == ["deliveries-not-read"]
    assert found.is_partial
