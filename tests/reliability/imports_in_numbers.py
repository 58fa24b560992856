"""Two hundred thousand events, however the vendor fails and takes doubles, through faults, timeouts and two kills."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from program import Project, RealTime

sys.path.append(str(Path(__file__).parent.parent / "events"))

from event_stage import events, importing, is_whole, rejects, write

EVENTS = int(os.environ.get("RECONCILER_EVENTS", "200000"))
POST = "POST /consents/events"
KILLS = ((0.35, True), (0.3, False))
"""After which part of the batches, and whether the vendor has stored the one that is under way."""
_IN_A_BATCH = 100
_IN_A_PART = 3_200
_HANG = 65.0
"""Longer than the client waits for the next byte of an answer."""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    theatre = RealTime()
    yield Project(tmp_path, theatre, "didomi")
    theatre.close()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("dup", ["ack", "conflict_item", "conflict_batch"])
@pytest.mark.parametrize("failure", ["atomic", "prefix", "best_effort"])
def test_the_vendor_holds_every_valid_event_once_and_in_order(
    project: Project, record_property: Callable[[str, object], None], failure: str, dup: str
) -> None:
    record_property("attempts", EVENTS)
    batches = EVENTS // _IN_A_BATCH
    bad = (7, EVENTS // 3, EVENTS // 3 + 1, EVENTS - 1)
    found = events(EVENTS, users=EVENTS // 7 + 1, refused=bad)
    project.vendor.switch(import_failure=failure, dup=dup)
    project.begin(importing(write(project.folder, found), sampleCheck=100, onRejects="quarantine"))
    faults = project.vendor.faults
    for part in (0.02, 0.15, 0.45, 0.75):
        nth = 3 + int(batches * part)
        faults.answer(POST, 503, nth=nth)
        faults.cut_after_write(POST, nth=nth + 5)
        faults.cut_before_write(POST, nth=nth + 10)
        faults.expire_tokens(POST, nth=nth + 15)
    faults.delay(POST, _HANG, nth=int(batches * 0.1))
    faults.delay(POST, _HANG, nth=int(batches * 0.5), after_write=True)

    for part, after_write in KILLS:
        running = project.start("apply", "-y")
        at = int(batches * part)
        faults.call(POST, partial(os.kill, running.pid, signal.SIGKILL), after_write=after_write, nth=at)
        running.end(expect=-signal.SIGKILL, within=500)
    project.start("apply", "-y").end(expect=None, within=700)

    is_whole(project.vendor, [each for number, each in enumerate(found) if number not in bad])
    assert sorted(each["line"] for each in rejects(project.folder)) == [each + 1 for each in bad]
    # Beside the batches: halves around bad events, what a fault hid, and the part that a kill left, whose events are
    # tried one by one where doubles are refused.
    more = 300 if dup == "ack" else 2 * _IN_A_PART * len(KILLS) + 3_000
    assert len(project.vendor.requests("POST", "/consents/events")) < batches + more
    project.run("plan", "--detailed-exitcode")
