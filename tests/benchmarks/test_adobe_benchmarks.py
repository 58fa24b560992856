"""A sandbox at Adobe is measured as the benchmarks say. No test here asserts a time."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import estate  # noqa: E402 - a folder of programs, not a package
import measure  # noqa: E402 - as above
import run  # noqa: E402 - as above

from reconciler.operations.workspace import open_workspace  # noqa: E402 - sorted after the above

SIZE = 20
NOTHING = measure.Usage(wall=0.02, cpu=0.02, peak_mb=10)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[run.Project]:
    with run.serving("adobe") as vendor:
        yield run.prepared(SIZE, tmp_path, vendor)


def test_a_thousand_exports_are_four_thousand_valid_objects(tmp_path: Path) -> None:
    estate.write_project(tmp_path, size=1_000, url="http://127.0.0.1:1", vendor="adobe")
    loaded = open_workspace(tmp_path, environ={}).load()

    assert loaded.problems == ()
    assert len(loaded.desired.resources) == 4_000


def test_a_plan_at_adobe_asks_for_pages_and_a_login_alone(project: run.Project) -> None:
    line = project.check()

    assert line is not None
    assert line.figure == 4 + 3 + 1  # four lists, 225 + 20 datasets that may be exported, a login
    assert line.limit == 80 // 100 + 3 + 6 + 4 + 5


def test_a_plan_at_adobe_with_something_to_do_is_no_figure(project: run.Project, tmp_path: Path) -> None:
    objects = json.loads((project.folder / "objects.json").read_text(encoding="utf-8"))
    objects["flows"][0]["name"] = "Changed in the console"
    (tmp_path / "changed.json").write_text(json.dumps(objects), encoding="utf-8")
    project.vendor.hold(tmp_path / "changed.json")

    with pytest.raises(measure.Broken, match="Changed in the console"):
        project.plan()


def test_a_floor_that_sees_less_is_no_figure(project: run.Project, tmp_path: Path) -> None:
    objects = json.loads((project.folder / "objects.json").read_text(encoding="utf-8"))
    del objects["flows"][0]
    (tmp_path / "fewer.json").write_text(json.dumps(objects), encoding="utf-8")
    project.vendor.hold(tmp_path / "fewer.json")

    with pytest.raises(measure.Broken, match="'objects': 79"):
        project.fetch()


@pytest.mark.parametrize(("count", "code"), [(60, 0), (61, 1)])
def test_one_request_above_the_budget_fails(count: int, code: int) -> None:
    line = measure.requests_line("plan", 1_000, NOTHING, count=count, limit=60)

    assert measure.exit_code([line]) == code
    assert ("61 req  60 req" in measure.table([line])) is (count == 61)
