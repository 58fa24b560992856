"""What `history` and `blame` tell of a repository whose story is known; `UPDATE_EXPECTED=1` rewrites the files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_stage import Repository, live
from world import Theatre

from reconciler.operations import history
from reconciler.operations.blame import find_blame
from reconciler.operations.history import Question
from reconciler.reports.blame_text import render_blame
from reconciler.reports.history_text import render_history
from reconciler.reports.names import Names
from reconciler.reports.shown import reading_of
from reconciler.values import Address

EXPECTED = Path(__file__).parent / "expected"
LAKE = Address("didomi", "Destination", "consent-lake")
ARCHIVE = Address("didomi", "Destination", "archive")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """The story, lived once; its vendors have a clock of their own, so that it is the same story every time."""
    theatre = Theatre()
    yield live(tmp_path_factory.mktemp("story"), theatre)
    theatre.close()


def as_expected(name: str, text: str) -> bool:
    path = EXPECTED / name
    if os.environ.get("UPDATE_EXPECTED"):
        path.write_text(f"{text}\n", encoding="utf-8")
    assert f"{text}\n" == path.read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 80
    return True


def told(story: Repository, question: Question | None = None) -> str:
    with story.world.workspace() as workspace:
        leaves = list(history.listed(workspace, question))
    return "\n".join(render_history((each.number, each.record or "unreadable") for each in leaves))


def blamed(story: Repository, address: str, *, offline: bool = False) -> str:
    with story.world.workspace() as workspace:
        (found,), state = find_blame(workspace, Address.parse(address), offline=offline)
        names = Names.of_records(state.records.values())
        return render_blame(found, reading_of(found.address.type, workspace.catalog.traits, names))


def test_history_tells_what_happened(story: Repository) -> None:
    assert as_expected("history.txt", told(story))


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("blame-lake.txt", "didomi/Destination/consent-lake"),
        ("blame-former.txt", "didomi/Destination/lake"),
        ("blame-daily.txt", "didomi/ExportConfig/daily"),
        ("blame-archive.txt", "didomi/Destination/archive"),
    ],
)
def test_blame_tells_who_set_what(story: Repository, name: str, address: str) -> None:
    assert as_expected(name, blamed(story, address))


def test_blame_without_the_vendor_tells_the_same_of_git_and_the_ledger(story: Repository) -> None:
    story.world.vendor.forget_requests()
    online, offline = blamed(story, str(LAKE)), blamed(story, str(LAKE), offline=True)
    without = [line for line in online.splitlines() if "the vendor has" not in line]

    assert without[:-1] == offline.splitlines()[:-1]
    assert offline.endswith("4 fields: 4 not asked for.")


def test_blame_sends_no_write(story: Repository) -> None:
    story.world.vendor.forget_requests()
    blamed(story, str(LAKE))

    assert story.world.vendor.requests()
    assert story.world.vendor.writes() == ()


def test_a_resource_is_followed_to_the_names_that_it_had(story: Repository) -> None:
    listed = [line.split()[0] for line in told(story, Question(address=LAKE)).splitlines() if line[0].isdigit()]

    assert listed == ["6", "5", "4", "3", "2", "1"]


def test_a_name_that_others_have_now_is_not_mixed_up(story: Repository) -> None:
    listed = [line.split()[0] for line in told(story, Question(address=ARCHIVE)).splitlines() if line[0].isdigit()]

    assert listed == ["8", "7"]
