"""Which files are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from example_vendor import catalog
from specs_stage import LAKE, Stage, said

from reconciler.specs import load


def lake(name: str) -> str:
    return LAKE.replace("name: lake", f"name: {name}")


def names(stage: Stage, *paths: str | Path) -> list[str]:
    loaded = stage.load(paths=paths or None)
    assert said(loaded.problems) == []
    return [address.name for address in loaded.desired.resources]


def test_every_yaml_file_below_the_path_is_read_once(stage: Stage) -> None:
    stage.write("specs/b.yml", lake("b"))
    stage.write("specs/deep/er/a.yaml", lake("a") + "---\n" + lake("c"))
    stage.write("specs/notes.txt", "no: [yaml")
    stage.write("specs/.hidden.yaml", lake("x"))
    stage.write("specs/.git/y.yaml", lake("y"))

    assert names(stage) == ["a", "b", "c"]
    assert stage.load().files == 2
    assert names(stage, "specs/", "specs/b.yml", stage.root / "specs") == ["a", "b", "c"]
    assert names(stage, "specs/deep") == ["a", "c"]


def test_the_project_file_and_overlays_are_no_manifests(stage: Stage) -> None:
    stage.write(
        "reconciler.yaml",
        (stage.root / "reconciler.yaml").read_text() + "environments: {a: {overlays: [o.yaml]}, b: {}}\n",
    )
    stage.write("o.yaml", LAKE)
    stage.write("a.yaml", LAKE)

    assert [str(each) for each in load(stage.project("b"), catalog(), ["."]).desired.resources] == ["example/Lake/lake"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("specs/", "no-manifests no manifest lies under `specs/`"),
        ("gone/", "no-manifests `gone/` does not exist"),
        ("notes.txt", "no-manifests `notes.txt` is no YAML file"),
        ("../", "outside-project `../` leads out of the project"),
        ("specs/../../x.yaml", "outside-project `specs/../../x.yaml` leads out of the project"),
        ("/etc", "outside-project `/etc` leads out of the project"),
    ],
)
def test_a_path_that_gives_nothing_is_an_error(stage: Stage, path: str, expected: str) -> None:
    stage.write("notes.txt", "")
    (stage.root / "specs").mkdir()
    problems = said(stage.load(paths=[path]).problems)

    assert len(problems) == 1
    assert problems[0].startswith(f"None {expected} | ")


def test_a_link_out_of_the_project_is_refused(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "x.yaml").write_text(lake("x"))
    stage.write("specs/a.yaml", lake("a"))
    (stage.root / "specs/folder").symlink_to(outside)
    (stage.root / "specs/file.yaml").symlink_to(outside / "x.yaml")
    (stage.root / "specs/loop.yaml").symlink_to("loop.yaml")
    help = "manifests lie in the folder of the project file or below"
    loaded = stage.load()

    assert said(loaded.problems) == [
        f"specs/file.yaml:1:1 outside-project `specs/file.yaml` leads out of the project | {help}",
        f"specs/folder:1:1 outside-project `specs/folder` leads out of the project | {help}",
        f"specs/loop.yaml:1:1 outside-project `specs/loop.yaml` leads out of the project | {help}",
    ]
    assert [each.name for each in loaded.desired.resources] == ["a"]
    assert said(stage.load(paths=["specs/folder"]).problems) == [
        f"None outside-project `specs/folder` leads out of the project | {help}"
    ]


def test_links_within_the_project_are_followed_once(stage: Stage) -> None:
    stage.write("specs/real/a.yaml", lake("a"))
    (stage.root / "specs/again").symlink_to("real")
    (stage.root / "specs/real/round").symlink_to("..")
    (stage.root / "specs/b.yaml").symlink_to("real/a.yaml")

    assert names(stage) == ["a"]


def test_a_pipe_is_not_waited_for(stage: Stage) -> None:
    stage.write("specs/a.yaml", lake("a"))
    os.mkfifo(stage.root / "specs/pipe.yaml")

    assert names(stage) == ["a"]


def test_a_name_that_is_no_text_can_be_printed(stage: Stage) -> None:
    stage.write("specs/a.yaml", lake("a"))
    (Path(os.fsdecode(os.fsencode(stage.root) + b"/specs/\xff.yaml"))).write_text("a: [")

    assert said(stage.load().problems) == ["specs/\\xff.yaml:2:1 syntax a value is missing here | None"]


def test_an_unreadable_file_does_not_hide_the_others(stage: Stage, tmp_path: Path) -> None:
    stage.write("specs/a.yaml", lake("a"))
    stage.write("specs/b.yaml", b"\xff\xfe")

    loaded = stage.load()
    assert said(loaded.problems) == ["specs/b.yaml:1:1 encoding the file is UTF-16 | save it as UTF-8"]
    assert [each.name for each in loaded.desired.resources] == ["a"]
