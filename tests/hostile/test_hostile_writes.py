"""Whatever a server answers to a write, nothing is made twice or lost, and an honest vendor gets everything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hostile_server import Act, Turn
from hostile_stage import TARGETS, besieged, is_mute, leaks_of
from tricks import TRICKS, Trick
from world import Status, Theatre, listening

from reconciler.values import Options

_TRICKS = [each for each in TRICKS if each.written and not each.heavy]

# What an answer means when the vendor itself did what it was asked: these words deny it, and are believed.
_DENYING = frozenset(
    {
        "a redirect to itself",
        "status 304 and nothing else",
        *(f"a redirect {each}" for each in (301, 302, 303, 307, 308)),
    }
)


@dataclass(frozen=True, slots=True)
class Case:
    """One trick, played on the first request of a route; `done` says that the vendor does what it is asked before."""

    vendor: str
    verb: str
    route: str
    done: bool
    trick: Trick

    def __str__(self) -> str:
        return f"{self.trick} {'after' if self.done else 'instead of'} {self.route}"


_CASES = [
    Case(vendor, verb, route, done, trick)
    for vendor, target in TARGETS.items()
    for verb, routes in target.writes.items()
    for route in routes
    for done in (False, True)
    for trick in _TRICKS
    if not (done and trick.name in _DENYING)
]
# In every run each trick once or twice, on a route that is its own; in the slow one a fifth of all.
_QUICK = _CASES[:: len(_CASES) // 30]
_MORE = [each for each in _CASES[3::5] if each not in _QUICK]


def _once(case: Case) -> Act:
    """Play the trick once, on the first request; then be honest."""

    def play(turn: Turn) -> bool:
        if turn.nth > 1:
            return turn.pass_on()
        if case.done:
            turn.honest()
        return case.trick.act(turn)

    return play


def _wrongs(case: Case, folder: Path, theatre: Theatre) -> list[str]:
    with besieged(folder, theatre, case.vendor) as siege:
        if case.verb != "create":
            siege.settled()
        siege.server.spoil(_once(case), case.route)
        wanted = siege.target.manifests if case.verb == "create" else siege.target.edited
        with listening() as ear:
            run = siege.destroy(expect=None) if case.verb == "delete" else siege.apply(wanted, expect=None)
        struck = siege.server.heal(case.route)
        wrongs = [] if struck else ["the trick was never played"]
        wrongs += leaks_of(siege, run, ear.heard)
        if is_mute(run):
            wrongs.append(f"ended as {run.status.value} and says only {run.messages!r}")
        if case.verb == "delete":
            siege.later(7200)
            again = siege.apply(options=Options(destroy=True), expect=None)
            left = siege.there()
            wrongs += [f"then: {again.status.value} {again.messages}"] if again.status is not Status.DONE else []
            wrongs += [f"left: {left}"] if left or siege.state.records else []
        else:
            siege.converges(wanted)
    return wrongs


@pytest.mark.parametrize("case", _QUICK, ids=str)
def test_an_honest_vendor_gets_everything_once(case: Case, project_folder: Path, theatre: Theatre) -> None:
    assert _wrongs(case, project_folder, theatre) == []


@pytest.mark.slow
@pytest.mark.parametrize("case", _MORE, ids=str)
def test_an_honest_vendor_gets_everything_once_whatever_the_answer(
    case: Case, project_folder: Path, theatre: Theatre
) -> None:
    assert _wrongs(case, project_folder, theatre) == []
