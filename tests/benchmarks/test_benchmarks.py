"""The benchmarks measure what they say, and fail when they should. No test here asserts a time."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import estate  # noqa: E402 - a folder of programs, not a package
import measure  # noqa: E402 - as above
import run  # noqa: E402 - as above
from measure import Line, Usage, exit_code, linear_line, ratio_line, start_line, table, with_retry  # noqa: E402

from reconciler.operations.workspace import open_workspace  # noqa: E402 - sorted after the above

SIZE = 20
NOTHING = Usage(wall=0.02, cpu=0.02, peak_mb=10)


def usage(seconds: float) -> Usage:
    return Usage(wall=seconds, cpu=seconds, peak_mb=50)


def line(figure: float, size: int = 1_000) -> Line:
    return ratio_line("plan", size, usage(figure), usage(1.0), 4.0)


# --- what is measured ---


def test_the_generated_manifests_are_valid(tmp_path: Path) -> None:
    estate.write_project(tmp_path, size=SIZE, url="http://127.0.0.1:1/v1")
    loaded = open_workspace(tmp_path, environ={}).load()

    assert loaded.problems == ()
    assert len(loaded.desired.resources) == SIZE
    assert loaded.files == SIZE // estate.PER_FILE


def test_the_generated_manifests_are_as_long_as_people_write_them() -> None:
    lines = [each.manifest.count("\n") for each in estate.exported(1_000)]

    assert 16 <= sum(lines) / len(lines) <= 20


def test_the_same_size_is_the_same_estate(tmp_path: Path) -> None:
    for name in ("one", "other"):
        estate.write_objects(tmp_path / name, size=SIZE)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[run.Project]:
    with run.serving() as vendor:
        project = run.Project(folder=tmp_path / "project", size=SIZE, vendor=vendor)
        words = (str(BENCHMARKS / "prepare.py"), str(project.folder), str(SIZE), vendor.url)
        measure.run(words, vendor.environ)
        vendor.hold(project.folder / "objects.json")
        yield project


def test_a_plan_finds_nothing_to_do_and_asks_for_the_pages_that_its_floor_fetches(project: run.Project) -> None:
    project.check()
    project.parse()


def test_a_plan_with_something_to_do_is_no_figure(project: run.Project, tmp_path: Path) -> None:
    objects = json.loads((project.folder / "objects.json").read_text(encoding="utf-8"))
    objects["configs"][0]["name"] = "Changed in the console"
    (tmp_path / "changed.json").write_text(json.dumps(objects), encoding="utf-8")
    project.vendor.hold(tmp_path / "changed.json")

    with pytest.raises(measure.Broken, match="Changed in the console"):
        project.plan()


def test_help_loads_nothing_heavy() -> None:
    assert run.loaded_for_help() == []


def test_a_process_that_fails_is_no_figure() -> None:
    with pytest.raises(measure.Broken, match="ended with 3"):
        measure.run(("-c", "raise SystemExit(3)"), os.environ)


def test_memory_is_that_of_the_process() -> None:
    large, said = measure.run(("-c", "print(len(bytearray(200_000_000)))"), os.environ)

    assert said.strip() == "200000000"
    assert large.peak_mb > 190
    assert large.cpu > 0


def test_memory_of_whoever_asks_is_not_counted() -> None:
    held = bytearray(b"x" * 200_000_000)
    small, _ = measure.run(("-c", "pass"), os.environ)

    assert len(held) > 100 * 2**20
    assert small.peak_mb < 60


# --- what it is held to ---


def test_a_ratio_above_its_limit_fails() -> None:
    assert exit_code([line(3.9), line(4.1)]) == 1


def test_a_ratio_at_its_limit_is_kept() -> None:
    assert exit_code([line(4.0)]) == 0


def test_a_line_without_a_limit_only_informs() -> None:
    assert exit_code([ratio_line("plan", 1_000, usage(40.0), usage(1.0), None)]) == 0


def test_a_start_is_held_to_seconds_on_the_wall() -> None:
    slow = Usage(wall=0.3, cpu=0.1, peak_mb=20)

    assert exit_code([start_line("start", slow, NOTHING, 0.25)]) == 1


@pytest.mark.parametrize(
    ("costs", "kept"),
    [
        ({10: 0.5, 1_000: 1.5, 10_000: 10.6}, True),  # in proportion, once start-up is taken off
        ({10: 0.5, 1_000: 1.5, 10_000: 90.0}, False),
        ({10: 0.5, 1_000: 1.5, 10_000: 2.0}, True),  # less than in proportion
    ],
)
def test_cost_grows_in_proportion(costs: Mapping[int, float], kept: bool) -> None:
    found = linear_line("plan", {size: usage(seconds) for size, seconds in costs.items()})

    assert found.exceeded is not kept


def test_a_failed_line_is_measured_once_more_and_the_lower_figure_counts() -> None:
    figures = iter([[line(4.4), line(2.0, 9)], [line(3.0), line(2.5, 9)]])

    assert [each.figure for each in with_retry(lambda: next(figures))] == [3.0, 2.0]
    assert next(figures, None) is None


def test_what_fails_twice_fails() -> None:
    assert exit_code(with_retry(lambda: [line(4.4)])) == 1


def test_what_keeps_its_limit_is_not_measured_again() -> None:
    figures = iter([[line(3.0)]])
    with_retry(lambda: next(figures))

    assert next(figures, None) is None


def test_the_table_names_what_is_too_much() -> None:
    heading, kept, exceeded = table([line(3.0), line(4.4)]).splitlines()

    assert heading.split()[:4] == ["what", "size", "wall", "s"]
    assert not kept.endswith("TOO MUCH")
    assert " ".join(exceeded.split()) == "plan 1,000 4.40 4.40 1.00 1.00 4.40 x 4 x 50 TOO MUCH"
