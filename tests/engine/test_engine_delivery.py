from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.delivery import GRAVITY, judge, size
from reconciler.values import (
    Address,
    Broken,
    Content,
    Expectation,
    Finding,
    Lying,
    LyingFile,
    Promised,
    Recognition,
    Remark,
    RunStatus,
    Told,
    Trouble,
    Verdict,
    Verification,
)

ADDRESS = Address("didomi", "ExportConfig", "daily")
DAY = datetime(2026, 11, 20, tzinfo=UTC)
DUE = DAY + timedelta(days=1)
LATE = DUE + timedelta(hours=6)
MISSING = LATE + timedelta(days=1)
MARKED = Recognition(prefix="data/", markers=("users/_SUCCESS",))

OWED = Expectation(
    address=ADDRESS,
    name="2026-11-20",
    begins=DAY,
    ends=DUE,
    due=DUE,
    late=LATE,
    missing=MISSING,
    place="s3://example/",
    recognition=MARKED,
)
COMPLETED = Told(status=RunStatus.COMPLETED, run="r1")
RUNNING = Told(status=RunStatus.RUNNING)
FAILED = Told(status=RunStatus.FAILED, reason="access denied")
NOTHING = Lying(exposed=())
SOON, LATER, LATEST = DUE + timedelta(hours=1), LATE, MISSING


def lying(*sizes: int, done: bool = True, **more: object) -> Lying:
    at = DAY + timedelta(hours=9)
    files = tuple(
        LyingFile(key=f"f{number}", object=f"s3://example/data/f{number}", size=each, modified=at, etag=f"e{number}")
        for number, each in enumerate(sizes)
    )
    words: dict[str, object] = {"files": files, "completed": at if done else None, "exposed": (), **more}
    return Lying(**words)  # type: ignore[arg-type]  # words of the class, as above


def verdict(expectation: Expectation, found: Lying | None, now: datetime = SOON) -> Verdict:
    return judge(expectation, found, now).verdict


def text(expectation: Expectation, found: Lying | None, now: datetime = SOON) -> str:
    return judge(expectation, found, now).remarks[0].text


# --- nothing lies there ---


@pytest.mark.parametrize(
    ("told", "now", "expected"),
    [
        (None, DAY, Verdict.AWAITED),
        (None, SOON, Verdict.AWAITED),
        (None, LATER, Verdict.LATE),
        (None, LATEST, Verdict.MISSING),
        (RUNNING, SOON, Verdict.IN_PROGRESS),
        (RUNNING, LATER, Verdict.LATE),
        (RUNNING, LATEST, Verdict.LATE),
        (COMPLETED, SOON, Verdict.MISSING),
        (FAILED, SOON, Verdict.FAILED),
        (FAILED, LATEST, Verdict.FAILED),
    ],
)
def test_nothing_there_is_judged_by_the_run_and_then_by_the_clock(
    told: Told | None, now: datetime, expected: Verdict
) -> None:
    assert verdict(replace(OWED, told=told), NOTHING, now) is expected


def test_what_is_older_than_its_place_keeps_has_expired() -> None:
    owed = replace(OWED, kept_until=SOON)

    assert verdict(owed, NOTHING) is Verdict.EXPIRED
    assert verdict(replace(owed, told=COMPLETED), NOTHING) is Verdict.EXPIRED
    assert verdict(replace(owed, told=RUNNING), NOTHING) is Verdict.IN_PROGRESS
    assert verdict(replace(owed, told=FAILED), NOTHING) is Verdict.FAILED


def test_without_any_time_nobody_knows() -> None:
    owed = replace(OWED, due=None, late=None, missing=None)

    assert judge(owed, NOTHING, SOON).remarks == (
        Remark(verdict=Verdict.UNKNOWN, text="nothing lies there, and when it is due is not known"),
    )


def test_a_delivery_that_is_never_late_is_awaited_until_it_is_lost() -> None:
    owed = replace(OWED, due=None, late=None)

    assert text(owed, NOTHING, LATER) == "not due yet"
    assert text(owed, NOTHING, LATEST) == "nothing lies there, and the vendor tells of no run"


def test_a_late_delivery_is_dated_by_what_is_known() -> None:
    assert text(OWED, NOTHING, LATER) == "nothing lies there, due 2026-11-21 00:00 UTC"
    assert text(replace(OWED, due=None), NOTHING, LATER) == "nothing lies there, due 2026-11-21 06:00 UTC"


@pytest.mark.parametrize(
    ("told", "least", "now", "expected"),
    [
        (COMPLETED, 0, SOON, Verdict.DELIVERED),
        (COMPLETED, None, SOON, Verdict.UNKNOWN),
        (COMPLETED, 7, SOON, Verdict.MISSING),
        (None, None, SOON, Verdict.AWAITED),
        (None, None, LATER, Verdict.UNKNOWN),
    ],
)
def test_nothing_may_be_all_there_was_where_the_vendor_allows_it(
    told: Told | None, least: int | None, now: datetime, expected: Verdict
) -> None:
    owed = replace(OWED, may_be_empty=True, told=told, records_at_least=least)

    assert verdict(owed, NOTHING, now) is expected


def test_a_missing_bucket_holds_nothing_and_says_why() -> None:
    gone = Lying(trouble=Trouble(code="place-missing", where="s3://example/", reason="no such bucket", help="look"))

    found = judge(replace(OWED, told=COMPLETED), gone, SOON)

    assert found.verdict is Verdict.MISSING
    assert found.remarks[0].text.startswith("nothing lies there: no such bucket")
    assert found.remarks[0].help == "look"


def test_a_place_that_cannot_be_read_leaves_the_rest_open() -> None:
    closed = Lying(trouble=Trouble(code="not-allowed", where="s3://example/", reason="access is denied", help="ask"))

    assert verdict(OWED, closed) is Verdict.UNREADABLE
    assert [each.verdict for each in judge(replace(OWED, told=FAILED), closed, SOON).remarks] == [
        Verdict.UNREADABLE,
        Verdict.FAILED,
    ]


def test_a_failed_run_gives_the_vendors_reason() -> None:
    assert text(replace(OWED, told=FAILED), NOTHING) == "the vendor says that the run failed: access denied"
    assert text(replace(OWED, told=replace(FAILED, reason=None)), NOTHING) == (
        "the vendor says that the run failed, and not why"
    )


@pytest.mark.parametrize(
    ("told", "now", "expected"),
    [
        (COMPLETED, SOON, Verdict.UNKNOWN),
        (None, DAY, Verdict.AWAITED),
        (None, SOON, Verdict.UNKNOWN),
        (RUNNING, LATEST, Verdict.UNKNOWN),
        (FAILED, SOON, Verdict.FAILED),
    ],
)
def test_where_the_place_is_not_known_only_the_vendor_and_the_clock_speak(
    told: Told | None, now: datetime, expected: Verdict
) -> None:
    assert verdict(replace(OWED, place=None, told=told), None, now) is expected


# --- something lies there ---


def test_files_with_their_marker_have_arrived() -> None:
    found = judge(OWED, lying(1_000, 2_000_000), SOON)

    assert found.remarks == (Remark(verdict=Verdict.DELIVERED, text="2 files, 2.0 MB, written 2026-11-20 09:00 UTC"),)
    assert found.unknown == ()


def test_a_delivery_that_came_late_has_arrived_and_says_so() -> None:
    assert text(replace(OWED, late=DAY), lying(5)).endswith("UTC, which was late")


def test_a_copy_from_after_the_judged_moment_is_not_called_late() -> None:
    assert text(replace(OWED, late=DAY), lying(5), DAY + timedelta(hours=1)).endswith("09:00 UTC")


@pytest.mark.parametrize(
    ("told", "now", "expected"),
    [
        (None, SOON, Verdict.IN_PROGRESS),
        (None, LATER, Verdict.LATE),
        (None, LATEST, Verdict.INCOMPLETE),
        (RUNNING, SOON, Verdict.IN_PROGRESS),
        (RUNNING, LATEST, Verdict.LATE),
        (COMPLETED, SOON, Verdict.INCOMPLETE),
        (FAILED, SOON, Verdict.FAILED),
    ],
)
def test_without_its_marker_a_delivery_is_in_progress_until_it_should_be_whole(
    told: Told | None, now: datetime, expected: Verdict
) -> None:
    assert verdict(replace(OWED, told=told), lying(5, done=False), now) is expected


def test_a_missing_manifest_is_named_as_one() -> None:
    owed = replace(OWED, recognition=Recognition(manifest=r"manifest-.*\.json"))

    assert text(owed, lying(5, done=False)) == "files lie there, and the manifest not yet"


def test_an_optional_manifest_that_is_not_there_is_no_fault() -> None:
    owed = replace(OWED, recognition=Recognition(manifest="m", manifest_optional=True))

    assert verdict(replace(owed, told=COMPLETED), lying(5, done=False)) is Verdict.DELIVERED
    assert verdict(owed, lying(5, done=False)) is Verdict.UNKNOWN
    assert verdict(owed, lying(5)) is Verdict.DELIVERED
    assert judge(owed, lying(5), SOON).unknown == ()


def test_without_anything_that_says_complete_nobody_knows_whether_it_is_all() -> None:
    owed = replace(OWED, recognition=Recognition())

    assert text(owed, lying(5, done=False)) == "1 file, 5 B; nothing says whether that is all"
    assert verdict(replace(owed, told=COMPLETED), lying(5, done=False)) is Verdict.DELIVERED
    assert judge(replace(owed, told=COMPLETED), lying(5, done=False), SOON).unknown == (
        "whether these are all files: nothing at the place says so",
    )


@pytest.mark.parametrize(
    ("empty", "records", "least", "kept", "expected"),
    [
        (True, None, None, None, Verdict.DELIVERED),
        (True, None, 0, None, Verdict.DELIVERED),
        (False, 0, None, None, Verdict.DELIVERED),
        (True, None, 3, None, Verdict.INCOMPLETE),
        (False, None, None, None, Verdict.INCOMPLETE),
        (False, 3, None, DUE, Verdict.EXPIRED),
    ],
)
def test_a_marker_alone_is_judged_by_what_there_was_to_deliver(
    empty: bool, records: int | None, least: int | None, kept: datetime | None, expected: Verdict
) -> None:
    owed = replace(OWED, may_be_empty=empty, records=records, records_at_least=least, kept_until=kept)

    assert verdict(owed, lying()) is expected


def test_a_marker_alone_says_how_much_there_should_be() -> None:
    owed = replace(OWED, records=1)

    assert text(owed, lying()) == "no file lies there, and the vendor says that it is 1 record"


def test_files_without_a_byte_are_incomplete_unless_that_was_promised() -> None:
    promised = replace(MARKED, promised=(Promised(key="f0", size=0), Promised(key="f1", records=0)))

    assert text(OWED, lying(0, 0)) == "2 files without a byte: `f0`, …"
    assert text(OWED, lying(0, 3)) == "1 file without a byte: `f0`"
    assert verdict(replace(OWED, recognition=promised), lying(0, 0)) is Verdict.DELIVERED
    assert verdict(replace(OWED, records=0), lying(0)) is Verdict.DELIVERED


def promising(*promised: Promised) -> Expectation:
    return replace(OWED, recognition=Recognition(promised=promised))


def test_every_promised_file_is_looked_for() -> None:
    owed = promising(Promised(key="f0", size=5), Promised(key="f1"), Promised(key="f2"))

    assert text(owed, lying(5, done=False)) == "2 of 3 files that the vendor names are not there: `f1`, …"
    assert text(owed, lying(5, 6, done=False)) == "1 of 3 files that the vendor names are not there: `f2`"
    assert verdict(owed, lying(5, 6, 7, done=False)) is Verdict.DELIVERED
    assert verdict(replace(owed, kept_until=DUE), lying(5, done=False)) is Verdict.EXPIRED


def test_promises_wait_for_the_end_of_the_run() -> None:
    owed = replace(promising(Promised(key="f0"), Promised(key="f1")), told=RUNNING)

    assert verdict(owed, lying(5, done=False)) is Verdict.IN_PROGRESS


def test_another_size_is_incomplete_and_another_content_invalid() -> None:
    assert text(promising(Promised(key="f0", size=9)), lying(5, done=False)) == "`f0` has 5 bytes instead of 9"
    assert verdict(promising(Promised(key="f0", size=9)), lying(5, done=False)) is Verdict.INCOMPLETE
    assert verdict(promising(Promised(key="f0", size=5, etag="e0")), lying(5, done=False)) is Verdict.DELIVERED
    assert verdict(promising(Promised(key="f0", size=5, etag="e9")), lying(5, done=False)) is Verdict.INVALID


# --- what it holds ---


def holding(**words: object) -> Lying:
    content = Content(contract="example", **words)  # type: ignore[arg-type]  # words of the class
    return lying(5, 5, content=content)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"files": {"f0": 3, "f1": 4}}, Verdict.DELIVERED),
        ({"unread": ("f0",)}, Verdict.UNREADABLE),
        ({"cut": ("f0",)}, Verdict.INCOMPLETE),
        ({"broken": (Broken(rule="a", level="error", total=1),)}, Verdict.INVALID),
        ({"broken": (Broken(rule="a", level="warning", total=9),)}, Verdict.DELIVERED),
    ],
)
def test_content_decides_with_the_rest(words: dict[str, object], expected: Verdict) -> None:
    assert verdict(OWED, holding(**words)) is expected


def test_breaches_are_counted_and_a_few_rules_named() -> None:
    one = (Broken(rule="a", level="error", total=1),)
    many = tuple(Broken(rule=each, level="error", total=2) for each in "abcd")

    assert text(OWED, holding(broken=one)) == "1 breach of `a`"
    assert text(OWED, holding(broken=many)) == "8 breaches of `a`, `b`, `c`, …"


def test_files_that_end_early_are_named_once() -> None:
    assert text(OWED, holding(cut=("f0",))) == "1 file ends too early: `f0`"
    assert text(OWED, holding(cut=("f0", "f1"))) == "2 files end too early: `f0`, …"
    assert [each.text for each in judge(OWED, replace(holding(cut=("f0",)), files=lying(0).files), SOON).remarks] == [
        "1 file without a byte: `f0`"
    ]


@pytest.mark.parametrize(
    ("exact", "least", "expected"),
    [
        (7, None, Verdict.DELIVERED),
        (8, None, Verdict.INCOMPLETE),
        (6, None, Verdict.INVALID),
        (None, 7, Verdict.DELIVERED),
        (None, 3, Verdict.DELIVERED),
        (None, 8, Verdict.INCOMPLETE),
    ],
)
def test_records_are_compared_with_what_the_vendor_reports(
    exact: int | None, least: int | None, expected: Verdict
) -> None:
    owed = replace(OWED, records=exact, records_at_least=least)

    assert verdict(owed, holding(files={"f0": 3, "f1": 4})) is expected
    assert verdict(owed, holding(files={"f0": 3, "f1": 4}, sampled=True)) is Verdict.DELIVERED


def test_records_of_a_promised_file_are_compared() -> None:
    owed = promising(Promised(key="f0", records=4), Promised(key="f1"), Promised(key="f2", records=1))
    found = lying(5, 5, 5, content=Content(contract="example", files={"f0": 3, "f1": 4}))

    assert text(owed, found) == "`f0` holds 3 records instead of the 4 that the vendor reports"


# --- who may read it ---

OPEN = ("the permissions of `s3://example/` let everybody read",)


def test_a_public_place_is_the_gravest_of_all() -> None:
    found = judge(replace(OWED, told=COMPLETED), replace(lying(5, done=False), exposed=OPEN), SOON)

    assert [each.verdict for each in found.remarks] == [Verdict.EXPOSED, Verdict.INCOMPLETE]


def test_a_public_place_matters_before_the_first_file_and_not_after_the_last() -> None:
    empty = replace(NOTHING, exposed=OPEN)

    assert verdict(OWED, empty, DAY) is Verdict.EXPOSED
    assert verdict(replace(OWED, kept_until=DUE), empty) is Verdict.EXPIRED


def test_a_place_may_be_meant_to_be_public() -> None:
    assert verdict(replace(OWED, private=False), replace(lying(5), exposed=OPEN)) is Verdict.DELIVERED


def test_what_could_not_be_found_out_is_said() -> None:
    unsure = replace(lying(5), exposed=None, unsure=("whether others may read it (denied)",))

    assert judge(OWED, unsure, SOON).unknown == ("whether others may read it (denied)",)
    assert judge(OWED, replace(unsure, unsure=()), SOON).unknown == ("whether others may read the place",)
    assert judge(replace(OWED, private=False, unknown=("a", "a")), unsure, SOON).unknown == ("a",)


# --- words ---


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (99_960, "100 kB"),
        (999_400, "999 kB"),
        (999_600, "1.0 MB"),
        (5_000_000_000, "5.0 GB"),
        (2_000_000_000_000, "2.0 TB"),
    ],
)
def test_sizes_are_said_in_decimal_units(count: int, words: str) -> None:
    assert size(count) == words


# --- any delivery ---

moments = st.one_of(st.none(), st.integers(-50, 90).map(lambda hours: DAY + timedelta(hours=hours)))
counts = st.one_of(st.none(), st.integers(0, 4))
tellings = st.one_of(
    st.none(), st.builds(Told, status=st.sampled_from(RunStatus), reason=st.one_of(st.none(), st.just("no")))
)
promises = st.lists(
    st.builds(
        Promised,
        key=st.sampled_from(["f0", "f1", "f2"]),
        size=counts,
        records=counts,
        etag=st.sampled_from([None, "e0", "e1"]),
    ),
    max_size=2,
    unique_by=lambda each: each.key,
).map(tuple)
recognitions = st.builds(
    Recognition,
    markers=st.sampled_from([(), ("_SUCCESS",)]),
    manifest=st.sampled_from([None, "m"]),
    manifest_optional=st.booleans(),
    promised=promises,
)
expectations = st.builds(
    Expectation,
    address=st.just(ADDRESS),
    name=st.just("one"),
    begins=moments,
    due=moments,
    late=moments,
    missing=moments,
    kept_until=moments,
    recognition=recognitions,
    private=st.booleans(),
    may_be_empty=st.booleans(),
    told=tellings,
    records=counts,
    records_at_least=counts,
)
contents = st.builds(
    Content,
    contract=st.just("example"),
    files=st.dictionaries(st.sampled_from(["f0", "f1"]), st.integers(0, 4)),
    unread=st.sampled_from([(), ("f0",)]),
    cut=st.sampled_from([(), ("f0",)]),
    sampled=st.booleans(),
    broken=st.sampled_from([(), (Broken(rule="r", level="error", total=2),)]),
)
troubles = st.sampled_from(["not-allowed", "place-missing", "unreachable"]).map(
    lambda code: Lying(trouble=Trouble(code=code, where="w", reason="r", help="h"))
)


@st.composite
def stocks(draw: st.DrawFn) -> Lying | None:
    if draw(st.booleans()):
        return draw(st.one_of(st.none(), troubles))
    found = lying(*draw(st.lists(st.integers(0, 4), max_size=3)), done=draw(st.booleans()))
    exposed = draw(st.sampled_from([None, (), ("open",)]))
    return replace(found, exposed=exposed, content=draw(st.one_of(st.none(), contents)) if found.files else None)


nows = st.integers(-60, 120).map(lambda hours: DAY + timedelta(hours=hours))


@given(expectation=expectations, found=stocks(), now=nows)
def test_every_delivery_has_a_verdict_and_the_gravest_remark_makes_it(
    expectation: Expectation, found: Lying | None, now: datetime
) -> None:
    finding = judge(expectation, found, now)

    order = [GRAVITY.index(each.verdict) for each in finding.remarks]
    assert finding.verdict is finding.remarks[0].verdict
    assert order == sorted(order)
    assert all(each.text for each in finding.remarks)


@given(expectation=expectations, found=stocks(), now=nows)
def test_nothing_is_delivered_that_nobody_vouches_for(
    expectation: Expectation, found: Lying | None, now: datetime
) -> None:
    finding = judge(expectation, found, now)

    if finding.verdict is Verdict.DELIVERED:
        assert found is not None
        vouched = expectation.told is not None and expectation.told.status is RunStatus.COMPLETED
        assert vouched or found.completed is not None or expectation.recognition.promised
        assert found.trouble is None or found.trouble.code == "place-missing"
        there = {each.key for each in found.files}
        assert not found.files or all(each.key in there for each in expectation.recognition.promised)


@given(expectation=expectations, found=stocks(), now=nows)
def test_a_running_delivery_is_never_given_up(expectation: Expectation, found: Lying | None, now: datetime) -> None:
    finding = judge(replace(expectation, told=RUNNING), found, now)

    assert {each.verdict for each in finding.remarks}.isdisjoint({Verdict.MISSING, Verdict.EXPIRED})


@given(expectation=expectations, now=nows, later=st.integers(0, 100))
def test_time_alone_only_makes_it_worse(expectation: Expectation, now: datetime, later: int) -> None:
    steps = [
        Verdict.AWAITED,
        Verdict.IN_PROGRESS,
        Verdict.DELIVERED,
        Verdict.UNKNOWN,
        Verdict.LATE,
        Verdict.MISSING,
        Verdict.FAILED,
        Verdict.EXPIRED,
    ]
    ordered = replace(
        expectation, may_be_empty=False, due=DUE, late=LATE, missing=MISSING, kept_until=MISSING + timedelta(1)
    )

    before = judge(ordered, NOTHING, now).verdict
    after = judge(ordered, NOTHING, now + timedelta(hours=later)).verdict

    assert steps.index(before) <= steps.index(after)


# --- values ---


def finding(verdict: Verdict) -> Finding:
    return Finding(expectation=OWED, verdict=verdict, remarks=(Remark(verdict=verdict, text="x"),))


def test_verdicts_are_well_or_trouble_or_not_known() -> None:
    assert [each for each in Verdict if not each.is_well and not each.is_trouble] == [Verdict.UNKNOWN]
    assert {each for each in Verdict if each.is_well} == {
        Verdict.DELIVERED,
        Verdict.AWAITED,
        Verdict.IN_PROGRESS,
        Verdict.EXPIRED,
    }
    assert set(GRAVITY) == set(Verdict)


def test_a_verification_counts_and_says_whether_it_is_whole() -> None:
    found = Verification(
        project="shop",
        environment="prod",
        since=DAY,
        now=DUE,
        findings=(finding(Verdict.LATE), finding(Verdict.DELIVERED), finding(Verdict.LATE)),
    )

    assert dict(found.counts) == {Verdict.DELIVERED: 1, Verdict.LATE: 2}
    assert found.is_troubled
    assert not found.is_partial
    assert replace(found, findings=(finding(Verdict.UNREADABLE),)).is_partial
    assert not replace(found, findings=(finding(Verdict.UNKNOWN),)).is_troubled


def test_a_delivery_is_dated_by_its_period_or_its_schedule() -> None:
    assert OWED.moment == DAY
    assert replace(OWED, begins=None).moment == DUE
    assert replace(OWED, begins=None, due=None).moment == DUE
    assert replace(OWED, begins=None, due=None, ends=None).moment is None


def test_what_was_found_knows_its_size_and_when_it_was_whole() -> None:
    assert lying(2, 3).size == 5
    assert NOTHING.arrived is None
    assert Content(contract="x", files={"a": 2, "b": 3}).records == 5
