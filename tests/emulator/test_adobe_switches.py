"""Every switch of the Flow Service emulator, in every position, really changes what a caller sees."""

import json
from pathlib import Path

import adobe_probes_of_lists  # noqa: F401 - registers its probes
import adobe_probes_of_runs  # noqa: F401 - as above
import adobe_probes_of_writes  # noqa: F401 - as above
import pytest
from adobe_probes import EXPECTED
from adobe_stage import staged

from reconciler.emulator import UnknownSwitch
from reconciler.providers.adobe.emulator import SWITCHES, create

CASES = [(name, position) for name, switch in SWITCHES.items() for position in switch.positions]


@pytest.mark.parametrize(("name", "position"), CASES)
def test_an_adobe_switch_shows_in_each_of_its_positions(name: str, position: str, tmp_path: Path) -> None:
    expectation = EXPECTED[name]

    with staged({**expectation.others, name: position}, folder=tmp_path) as stage:
        seen = expectation.probe(stage)

    assert seen == expectation.seen[position]


def test_every_adobe_switch_has_a_probe() -> None:
    assert set(EXPECTED) == set(SWITCHES)


@pytest.mark.parametrize("name", SWITCHES)
def test_every_position_of_an_adobe_switch_has_an_expectation_of_its_own(name: str) -> None:
    seen = EXPECTED[name].seen

    assert set(seen) == set(SWITCHES[name].positions)
    assert len({json.dumps(value, default=str) for value in seen.values()}) == len(seen)


@pytest.mark.parametrize("name", SWITCHES)
def test_every_adobe_switch_says_what_it_means(name: str) -> None:
    assert SWITCHES[name].name == name
    assert len(SWITCHES[name].meaning) > 20


def test_an_unknown_adobe_switch_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(UnknownSwitch, match="`secrets_on_read`"):
        create(switches={"secrets": "clear"})


def test_an_unknown_position_of_an_adobe_switch_is_refused_with_the_positions_that_exist() -> None:
    with pytest.raises(UnknownSwitch, match="use `masked`, `absent`"):
        create(switches={"secrets_on_read": "sideways"})


def test_an_adobe_switch_for_numbers_takes_other_numbers() -> None:
    assert create(switches={"settle": "17"}).world.switches.number("settle") == 17
