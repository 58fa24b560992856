"""
What the conformance suite runs: every kind of every vendor under every position of every switch that concerns it.

Nothing here knows a vendor. Kinds come from the catalog, switches from the emulators; which concerns which, and what
may then be expected, is written in `vendors/`, and what is made of a kind in `samples/`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from world import Description, catalog, emulator_of, vendors

from reconciler.emulator import Switch
from reconciler.sdk import Kind
from reconciler.values import Address

_HERE = Path(__file__).parent

Row = dict[str, Any]


class Ending(enum.Enum):
    """How trying a verb must end in some position of a switch."""

    DONE = "done"
    REFUSED = "refused"
    """The vendor says no, the message says so, and everything stays as it was."""
    BLOCKED = "blocked"
    """The vendor will not do it now, and everything stays as it was."""
    FAILED = "failed"
    """It was made and did not succeed; the next run tries again."""
    LEFT = "left"
    """The new object is there and the old one could not be deleted: both are remembered."""
    PROBLEM = "problem"
    """The plan says that it cannot be, and nothing is sent."""
    UNREADABLE = "unreadable"
    """The plan says what cannot be read, and nothing is sent."""
    DENIED = "denied"
    """The vendor lets nobody in, and nothing is sent."""
    KEPT = "kept"
    """The vendor does not show the object any more, what it made is there all the same, and nothing is done."""


VERBS = ("create", "update", "replace", "delete", "disable", "gone", "expiry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """
    One object of a kind, as `samples/<vendor>/<label>.yaml` describes it.

    `collection` is where the emulator keeps its like and `route` where the API does; `needs` and `users` are manifests
    that it points at and that point at it; `update` and `replace` are laid over `spec`; `drift` is a change of the row
    behind our back; `stranger` is an object of somebody else. `paged` says whether lists come in pages, and
    `strange_fields` whether objects can be given fields that nobody knows.
    """

    vendor: str
    label: str
    kind: Kind = field(repr=False)
    collection: str
    route: str
    name: str
    spec: Mapping[str, object]
    stranger: Row
    needs: Sequence[Mapping[str, Any]] = ()
    users: Sequence[Mapping[str, Any]] = ()
    update: Mapping[str, object] | None = None
    replace: Mapping[str, object] | None = None
    drift: Row | None = None
    paged: bool = True
    strange_fields: bool = True

    @property
    def address(self) -> Address:
        """Its address."""
        return Address(self.vendor, self.kind.name, self.name)

    def __str__(self) -> str:
        return f"{self.vendor}/{self.label}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """
    One sample in one position of one switch; `switch` is None where all stand as they stand by default.

    `thorough` says that the position may matter to what is beyond an object's ordinary life.
    """

    sample: Sample
    switch: str | None = None
    position: str | None = None
    thorough: bool = True
    positions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    endings: Mapping[str, Ending] = field(default_factory=dict)

    def ending(self, verb: str) -> Ending:
        """How the verb must end."""
        return self.endings.get(verb, Ending.DONE)

    def __str__(self) -> str:
        return f"{self.sample}-{self.switch}={self.position}" if self.switch else str(self.sample)


@cache
def samples() -> tuple[Sample, ...]:
    """Every sample there is."""
    found = []
    for vendor in vendors():
        for path in sorted((_HERE / "samples" / vendor).glob("*.yaml")):
            kind = catalog().kind(f"{vendor}/{path.stem.partition('.')[0]}")
            found.append(Sample(vendor=vendor, label=path.stem, kind=kind, **yaml.safe_load(path.read_text("utf-8"))))
    return tuple(found)


@cache
def all_cases() -> tuple[Case, ...]:
    """Every sample in every position of every switch that concerns it, the default positions once."""
    return tuple(case for sample in samples() for case in _cases_of(sample))


def _cases_of(sample: Sample) -> Iterator[Case]:
    open_points = Description.of(sample.vendor).open_points
    always = _endings(open_points.get("always", {}))
    yield Case(sample=sample, endings=always)
    for name, switch in emulator_of(sample.vendor).SWITCHES.items():
        point = open_points.get(name, {})
        if not concerns(point, sample):
            continue
        also: Mapping[str, str] = point.get("with", {})
        for position in switch.positions if also else switch.positions[1:]:
            yield Case(
                sample=sample,
                switch=name,
                position=position,
                thorough=point.get("thorough", False),
                positions={**also, name: position},
                settings=point.get("settings", {}).get(position, {}),
                endings={**always, **_endings(point.get("expect", {}).get(position, {}))},
            )


def concerns(point: Mapping[str, Any], sample: Sample) -> bool:
    """
    Whether a switch concerns a sample.

    `all` are the samples that bear the name of their kind; a variant (`Destination.s3`) is listed where its difference
    matters.
    """
    kinds = point.get("kinds", ())
    return sample.label == sample.kind.name if kinds == "all" else sample.label in kinds


def switches() -> Iterator[tuple[str, Switch, Mapping[str, Any]]]:
    """Every switch of every vendor with what is written about it."""
    for vendor in vendors():
        open_points = Description.of(vendor).open_points
        for name, switch in emulator_of(vendor).SWITCHES.items():
            yield vendor, switch, open_points.get(name, {})


def _endings(written: Mapping[str, str]) -> dict[str, Ending]:
    return {verb: Ending(ending) for verb, ending in written.items()}


def possible(sample: Sample, verb: str) -> bool:
    """Whether the verb makes sense for the sample, which its kind's description alone decides."""
    match verb:
        case "update":
            return sample.update is not None
        case "replace":
            return sample.replace is not None
        case "disable":
            return sample.kind.disables
        case _:
            return True


RAN: dict[str, int] = {}
"""How many cases each scenario has, filled as scenarios are defined."""

Scenario = Callable[..., None]


def scenario(
    *verbs: str,
    ending: Ending = Ending.DONE,
    everywhere: bool = False,
    only: Callable[[Case], bool] = lambda _: True,
) -> Callable[[Scenario], Scenario]:
    """
    Run the test for the cases in which the last of `verbs` ends so, and those before it are done.

    `everywhere` means in every position, else in those that may matter; `only` looks at the case's sample and kind.
    All but the default positions run in the slow suite: there are thousands of them.
    """

    def fits(case: Case) -> bool:
        *before, last = verbs
        return (
            (everywhere or case.thorough)
            and all(possible(case.sample, verb) for verb in verbs)
            and case.ending(last) is ending
            # What must be there before the switch is moved is made in the default positions.
            and (ending is not Ending.DONE or all(case.ending(verb) is Ending.DONE for verb in before))
            and only(case)
        )

    def decorate(test: Scenario) -> Scenario:
        cases = [
            pytest.param(case, id=str(case), marks=[] if case.switch is None else pytest.mark.slow)
            for case in all_cases()
            if fits(case)
        ]
        RAN[test.__name__] = len(cases)
        parametrized: Scenario = pytest.mark.parametrize("case", cases)(test)
        return parametrized

    return decorate
