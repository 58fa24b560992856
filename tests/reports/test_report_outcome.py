from __future__ import annotations

import pytest
from report_samples import BLOCKED, PROBLEMS, UPDATE, WAIT, address, expect, traits

from reconciler.reports.outcome_text import render_outcome, render_report
from reconciler.values import Document, Outcome, OutcomeStatus, Report, Step, Verb

LAKE = "didomi/Destination/lake"


def outcome(
    name: str,
    verb: Verb,
    status: OutcomeStatus = OutcomeStatus.DONE,
    *,
    message: str | None = None,
    id: str | None = None,
    after: tuple[str, ...] = (),
    outputs: Document | None = None,
) -> Outcome:
    step = Step(name=f"{verb.value} {name}", address=address(name), verb=verb, after=after)
    return Outcome(step=step, status=status, message=message, id=id, seconds=0.42, outputs=outputs or {})


def report(*outcomes: Outcome) -> str:
    return render_report(Report(outcomes=outcomes), traits=traits)


def last_line(text: str) -> str:
    return text.rsplit("\n", 1)[-1]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (outcome(LAKE, Verb.CREATE, id="7h2kq9x4pd"), f"{LAKE}: created 7h2kq9x4pd in 0.4 s"),
        (outcome(LAKE, Verb.DELETE, id="7h"), f"{LAKE}: deleted 7h in 0.4 s"),
        (
            outcome(LAKE, Verb.UPDATE, OutcomeStatus.FAILED, message="`region` is unknown", id="7h"),
            f"{LAKE}: could not change 7h after 0.4 s: `region` is unknown",
        ),
        (
            outcome(LAKE, Verb.CREATE, OutcomeStatus.SKIPPED, message="it needs a step that failed"),
            f"{LAKE}: not created: it needs a step that failed",
        ),
        (
            outcome(LAKE, Verb.CREATE, OutcomeStatus.UNKNOWN, message="no answer"),
            f"{LAKE}: creation was sent and not answered in 0.4 s: no answer",
        ),
        (
            outcome(LAKE, Verb.RUN, OutcomeStatus.WAIT, message="one is running"),
            f"{LAKE}: not run yet: one is running",
        ),
        (
            outcome(LAKE, Verb.DISABLE, OutcomeStatus.BLOCKED, message="no licence"),
            f"{LAKE}: disabling is blocked: no licence",
        ),
    ],
)
def test_a_finished_step_is_one_line(given: Outcome, line: str) -> None:
    assert render_outcome(given) == line


def test_a_message_cannot_break_the_line() -> None:
    shown = render_outcome(outcome(LAKE, Verb.CREATE, OutcomeStatus.FAILED, message="a\n\x1b[2Jb"))

    assert shown.endswith(": a\\n\\x1b[2Jb")


def test_a_good_apply_ends_like_this() -> None:
    shown = report(
        outcome("adobe/SourceConnection/orders", Verb.CREATE, id="new"),
        outcome("adobe/SourceConnection/orders", Verb.DELETE, id="old"),
        outcome("adobe/Dataflow/orders", Verb.UPDATE, id="f1"),
        outcome(LAKE, Verb.CREATE, id="7h", outputs={"bucketName": "example-lake", "port": 22}),
        outcome("didomi/Destination/a", Verb.CREATE, id="7i", outputs={"bucketName": "example-a"}),
        outcome("domo/DatasetExport/sales", Verb.RUN),
    )

    expect("report-good.txt", shown)


def test_a_bad_apply_ends_like_this() -> None:
    failed = outcome(LAKE, Verb.CREATE, OutcomeStatus.FAILED, message="`bucketName` is taken (409)")
    shown = render_report(
        Report(
            outcomes=(
                outcome("domo/DatasetExport/a", Verb.RUN, OutcomeStatus.WAIT, message="a run is under way"),
                outcome(
                    "didomi/ExportConfig/b", Verb.UPDATE, OutcomeStatus.SKIPPED, after=("create didomi/ExportConfig/a",)
                ),
                outcome("didomi/ExportConfig/a", Verb.CREATE, OutcomeStatus.SKIPPED, after=(failed.step.name,)),
                failed,
                outcome("adobe/Dataflow/x", Verb.CREATE, OutcomeStatus.UNKNOWN, message="no answer within 30 s"),
                outcome("adobe/Dataflow/y", Verb.UPDATE, OutcomeStatus.SKIPPED, message="interrupted"),
                outcome("adobe/Dataflow/z", Verb.UPDATE),
            ),
            remaining=(WAIT, UPDATE, BLOCKED),
            problems=PROBLEMS[:1],
        ),
        traits=traits,
    )

    expect("report-bad.txt", shown)


def test_the_order_in_which_steps_ended_does_not_matter() -> None:
    steps = (outcome(LAKE, Verb.CREATE, id="7h"), outcome("didomi/Destination/a", Verb.DELETE))

    assert report(*steps) == report(*steps[::-1])


def test_an_apply_that_did_nothing_is_complete() -> None:
    assert report() == "Apply complete: 0 added, 0 changed, 0 replaced, 0 destroyed."


def test_half_a_replacement_is_not_called_a_replacement() -> None:
    shown = report(outcome(LAKE, Verb.CREATE), outcome(LAKE, Verb.DELETE, OutcomeStatus.FAILED, message="in use"))

    assert last_line(shown) == "Apply incomplete: 1 added, 0 changed, 0 replaced, 0 destroyed, 1 failed."


def test_waiting_is_no_failure() -> None:
    shown = report(outcome(LAKE, Verb.RUN, OutcomeStatus.WAIT, message="busy"))

    assert last_line(shown) == "Apply complete: 0 added, 0 changed, 0 replaced, 0 destroyed, 1 waiting."
