"""A small sample of the worlds that the scorecard lives through by the thousand, and proof that a loss shows."""

from __future__ import annotations

import pytest
from world import Theatre
from world_generator import generate
from world_runs import Figures, live, run_worlds


def test_some_worlds_are_made_taken_back_edited_and_removed_without_a_loss() -> None:
    figures = run_worlds(0, 12)

    assert figures.details == ()
    assert (figures.attempts, figures.losses) == (12, 0)


def test_a_seed_gives_the_same_world_every_time() -> None:
    assert [generate(seed) for seed in range(20)] == [generate(seed) for seed in range(20)]


def test_worlds_take_every_vendor_and_every_kind_and_are_mostly_small() -> None:
    worlds = [generate(seed) for seed in range(500)]
    sizes = sorted(len(each.manifests) for each in worlds)
    kinds = {(each["apiVersion"].partition(".")[0], each["kind"]) for world in worlds for each in world.manifests}

    assert kinds == {
        ("adobe", "BaseConnection"),
        ("adobe", "SourceConnection"),
        ("adobe", "TargetConnection"),
        ("adobe", "Dataflow"),
        ("adobe", "DatasetExport"),
        ("didomi", "Destination"),
        ("didomi", "ExportConfig"),
        ("didomi", "Integration"),
        ("domo", "DatasetExport"),
        ("harbor", "Account"),
        ("harbor", "Cargo"),
        ("harbor", "Route"),
        ("quarry", "Extract"),
    }
    assert sizes[len(sizes) // 2] <= 4
    assert sizes[-1] >= 10


def test_figures_of_several_processes_add_up() -> None:
    one = Figures(attempts=3, losses=1, details=("seed 2: why",), seconds=1.0)
    other = Figures(attempts=4, losses=0, details=(), seconds=2.0)

    assert one + other == Figures(attempts=7, losses=1, details=("seed 2: why",), seconds=3.0)


@pytest.mark.parametrize(
    ("route", "what"),
    [
        pytest.param("POST */accounts", "`POST /accounts` (422)", id="what is not made"),
        pytest.param("DELETE */accounts/*", "`DELETE /accounts/", id="what is not removed"),
    ],
)
def test_a_loss_is_found_and_told(theatre: Theatre, route: str, what: str) -> None:
    seed = next(seed for seed in range(100) if generate(seed).vendors == ("harbor",))
    why = live(seed, theatre, spoil=lambda world: world.vendor.faults.answer(route, 422, times=None))

    assert why is not None
    assert what in why
