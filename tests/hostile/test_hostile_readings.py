"""Whatever a vendor's server answers to a reading, nothing is made, replaced or deleted because of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile_server import Act, HostileServer, Turn
from hostile_stage import TARGETS, Siege, Target, besieged, harm_of, is_mute, leaks_of
from tricks import TRICKS, Trick
from world import Run, Status, Theatre, listening

_LIGHT = [each for each in TRICKS if not each.heavy and not each.slow]
_SLOW = [each for each in TRICKS if each.slow]

# A lie that nobody can tell from the truth: the object is in no list, and its own route says that it is gone.
_GONE = "status 404 and nothing else"
# A lie that reads like somebody's change of a field, which is undone like any other.
_DRIFT = "numbers as texts"


def _without_rows(turn: Turn) -> bool:
    """A list in its usual form that is empty, so that what is recorded is asked for by its id."""
    document: Any = turn.honest().document
    empty: dict[str, object] = {key: [] for key in ("items", "data") if key in document}
    return turn.pass_on(
        body=json.dumps({**document, **empty, **({"total": 0} if "total" in document else {})}).encode()
    )


def _under_siege(siege: Siege, route: str, act: Act) -> tuple[Run, list[str], int]:
    """One command while the trick is played; gives how it ended, what was logged, and how often it was played."""
    target = siege.target
    if route in target.singles:
        for each in target.lists:
            siege.server.spoil(_without_rows, each)
    siege.server.spoil(act, route)
    siege.vendor.forget_requests()
    with listening() as ear:
        # Most of what is read besides is read only for a change.
        edits = route in target.others and target.vendor != "domo"
        run = siege.plan(target.edited) if edits else siege.apply(target.manifests, expect=None)
    return run, ear.heard, siege.server.heal(route)


def _wrongs(siege: Siege, route: str, trick: Trick) -> list[str]:
    run, heard, struck = _under_siege(siege, route, trick.act)
    harm = [each for each in harm_of(siege, run) if trick.name != _DRIFT or not each.startswith("sent PATCH")]
    wrongs = [*harm, *leaks_of(siege, run, heard)]
    if struck and trick.believable and run.status is not Status.DONE:
        wrongs.append(f"ended as {run.status.value}: {run.messages[:200]}")
    if is_mute(run):
        wrongs.append(f"ended as {run.status.value} and says only {run.messages!r}")
    siege.later(7200)
    after = siege.plan(siege.target.manifests)
    if after.status is not Status.DONE or after.changes_to_make:
        wrongs.append(f"afterwards, with an honest vendor: {after.status.value} {after.messages[:200]}")
        siege.apply(siege.target.manifests, expect=None)
    return [f"{route}, {trick}: {each}" for each in wrongs]


def _tricks_of(target: Target, route: str) -> Iterator[Trick]:
    yield from (each for each in _LIGHT if each.name != _GONE or route not in target.singles)


# Every trick once, each on another route, in every run; all of them on every route in the slow one.
_ROUTES = [(vendor, route) for vendor, target in TARGETS.items() for route in (*target.lists, *target.others[:2])]
_DEALT = {vendor: [] for vendor in TARGETS}  # type: dict[str, list[tuple[str, Trick]]]
for _number, _trick in enumerate(_LIGHT):
    _vendor, _route = _ROUTES[_number % len(_ROUTES)]
    _DEALT[_vendor].append((_route, _trick))


@pytest.mark.parametrize("vendor", TARGETS)
def test_no_answer_to_a_reading_makes_harm(vendor: str, project_folder: Path, theatre: Theatre) -> None:
    with besieged(project_folder, theatre, vendor) as siege:
        siege.settled()
        wrongs = [each for route, trick in _DEALT[vendor] for each in _wrongs(siege, route, trick)]

    assert wrongs == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("vendor", "route"),
    [(vendor, route) for vendor, target in TARGETS.items() for route in target.readings],
)
def test_no_answer_of_any_route_makes_harm(vendor: str, route: str, project_folder: Path, theatre: Theatre) -> None:
    with besieged(project_folder, theatre, vendor) as siege:
        siege.settled()
        wrongs = [each for trick in _tricks_of(siege.target, route) for each in _wrongs(siege, route, trick)]

    assert wrongs == []


@pytest.mark.slow
@pytest.mark.parametrize("trick", _SLOW, ids=str)
@pytest.mark.parametrize("vendor", TARGETS)
def test_a_server_that_takes_its_time_is_given_up(
    vendor: str, trick: Trick, project_folder: Path, theatre: Theatre
) -> None:
    with besieged(project_folder, theatre, vendor) as siege:
        siege.settled()
        wrongs = [
            each for route in (siege.target.lists[0], siege.target.others[0]) for each in _wrongs(siege, route, trick)
        ]

    assert wrongs == []


@pytest.mark.parametrize("vendor", TARGETS)
def test_nothing_is_sent_to_another_host_or_followed(vendor: str, project_folder: Path, theatre: Theatre) -> None:
    with besieged(project_folder, theatre, vendor) as siege, HostileServer() as elsewhere:
        siege.settled()

        def redirect(turn: Turn) -> bool:
            location = elsewhere.url + turn.asked.path
            return turn.answer(b"", status=307, headers=[("Location", location), ("Refresh", f"0; url={location}")])

        for route in siege.target.readings:
            run, _, _ = _under_siege(siege, route, redirect)
            assert harm_of(siege, run) == [], route

        assert elsewhere.seen == []
        assert elsewhere.accepted == 0


@pytest.mark.parametrize("vendor", TARGETS)
def test_cookies_are_not_kept(vendor: str, project_folder: Path, theatre: Theatre) -> None:
    with besieged(project_folder, theatre, vendor) as siege:
        siege.server.spoil(lambda turn: turn.pass_on(("Set-Cookie", "session=evil; Path=/")))
        siege.apply(siege.target.manifests)

        assert [each.path for each in siege.server.seen if "cookie" in each.headers] == []


@pytest.mark.parametrize("vendor", ["adobe", "didomi"])
def test_pages_that_never_end_are_given_up(vendor: str, project_folder: Path, theatre: Theatre) -> None:
    model: dict[str, object] = {}

    def endless(turn: Turn) -> bool:
        if not model:
            model.update(turn.honest().document[key][0])
        rows = [{**model, "id": f"n{turn.nth}-{each}"} for each in range(50)]
        siege.later(20)
        return turn.answer({key: rows, "_links": {"next": {"href": f"/x?continuationToken=t{turn.nth}"}}})

    key = "items" if vendor == "adobe" else "data"
    with besieged(project_folder, theatre, vendor) as siege:
        siege.settled()
        route = siege.target.lists[0]
        run, _, struck = _under_siege(siege, route, endless)

        assert run.status is Status.REFUSED
        assert "does not come to an end" in run.messages
        assert harm_of(siege, run) == []
        assert struck < 500
