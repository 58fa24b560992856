"""`fmt` as people and pre-commit run it: which files it takes, what it writes, and how it ends."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from reconciler.operations.failures import Invalid
from reconciler.operations.fmt import diff, fmt, secret_keys

ROOT = Path(__file__).parents[2]
ROUGH = (
    "kind: Destination\napiVersion: didomi.reconciler/v1\nmetadata: {name: lake}\nspec:\n    typeId: 'aws-s3-didomi'\n"
)
FINE = "apiVersion: didomi.reconciler/v1\nkind: Destination\nmetadata: {name: lake}\nspec:\n  typeId: aws-s3-didomi\n"


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reconciler", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose files lie where each environment says."""
    for name, text in {
        "reconciler.yaml": (
            "project:   exports\nmanifests: [specs/]\npolicies: {}\nenvironments:\n"
            "  prod: {manifests: [more/a.yml, '$" + "{ELSEWHERE}'], overlays: [overlays/prod.yaml]}\n"
        ),
        "specs/a.yaml": ROUGH,
        "specs/deep/b.yml": ROUGH,
        "specs/.hidden/c.yaml": ROUGH,
        "specs/notes.txt": ROUGH,
        "more/a.yml": ROUGH,
        "more/b.yml": ROUGH,
        "overlays/prod.yaml": ROUGH,
        "policies/mine.yaml": "rules:   []\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_without_paths_all_that_the_project_names_is_formatted(project: Path) -> None:
    ended = run(project, "fmt")

    assert ended.stdout.splitlines() == [
        "reconciler.yaml",
        "more/a.yml",
        "overlays/prod.yaml",
        "policies/mine.yaml",
        "specs/a.yaml",
        "specs/deep/b.yml",
    ]
    assert (ended.returncode, ended.stderr) == (0, "6 files formatted.\n")
    assert (project / "specs" / "a.yaml").read_text(encoding="utf-8") == FINE
    assert (project / "more" / "b.yml").read_text(encoding="utf-8") == ROUGH
    assert (project / "specs" / ".hidden" / "c.yaml").read_text(encoding="utf-8") == ROUGH


def test_check_names_files_writes_nothing_and_exits_with_1(project: Path) -> None:
    ended = run(project, "fmt", "--check", "specs/a.yaml", "more")

    assert (ended.returncode, ended.stdout.splitlines()) == (1, ["specs/a.yaml", "more/a.yml", "more/b.yml"])
    assert ended.stderr == "3 files would be formatted.\n"
    assert (project / "specs" / "a.yaml").read_text(encoding="utf-8") == ROUGH


def test_nothing_is_left_to_do_afterwards(project: Path) -> None:
    fmt(project, write=True)
    tidied = fmt(project, write=False)

    assert (tidied.changed, tidied.fine, tidied.problems) == ({}, 6, ())


def test_diff_shows_the_change_and_writes_nothing(project: Path) -> None:
    ended = run(project, "fmt", "--diff", "specs/a.yaml")

    assert ended.returncode == 0
    assert (
        ended.stdout
        == """\
--- a/specs/a.yaml
+++ b/specs/a.yaml
@@ -1,5 +1,5 @@
+apiVersion: didomi.reconciler/v1
 kind: Destination
-apiVersion: didomi.reconciler/v1
 metadata: {name: lake}
 spec:
-    typeId: 'aws-s3-didomi'
+  typeId: aws-s3-didomi
"""
    )
    assert (project / "specs" / "a.yaml").read_text(encoding="utf-8") == ROUGH


def test_diff_shows_no_secret_that_was_written_by_mistake(project: Path) -> None:
    text = "spec:\n    config:\n        key: canary-sings\n        servicePrincipalKey: canary-sings\n"
    (project / "specs" / "a.yaml").write_text(text, encoding="utf-8")
    [(name, (before, after))] = fmt(project, [Path("specs/a.yaml")], write=False).changed.items()
    shown = diff(name, before, after, secret_keys())

    assert "+    servicePrincipalKey: …" in shown
    assert "canary" not in "".join(shown)


def test_a_broken_file_is_said_with_its_place_and_the_others_are_formatted(project: Path) -> None:
    (project / "specs" / "a.yaml").write_text("spec: [\n", encoding="utf-8")
    ended = run(project, "fmt", "specs")

    assert (ended.returncode, ended.stdout) == (8, "specs/deep/b.yml\n")
    assert "error[syntax]" in ended.stderr
    assert "--> specs/a.yaml:2:1" in ended.stderr
    assert (project / "specs" / "a.yaml").read_text(encoding="utf-8") == "spec: [\n"


def test_mode_and_links_stay(project: Path) -> None:
    path, link = project / "specs" / "a.yaml", project / "link.yaml"
    path.chmod(0o640)
    link.symlink_to(path)
    tidied = fmt(project, [Path("link.yaml")], write=True)

    assert tidied.problems == ()
    assert link.is_symlink()
    assert (stat.S_IMODE(path.stat().st_mode), path.read_text(encoding="utf-8")) == (0o640, FINE)
    assert sorted(each.name for each in path.parent.iterdir()) == [".hidden", "a.yaml", "deep", "notes.txt"]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [("nowhere", "`nowhere` does not exist"), ("specs/notes.txt", "`specs/notes.txt` is no YAML file")],
)
def test_a_path_without_yaml_is_said(path: str, sentence: str, project: Path) -> None:
    tidied = fmt(project, [Path(path)], write=True)

    assert [each.message for each in tidied.problems] == [sentence]


def test_without_project_and_paths_there_is_nothing_to_format(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"there is no `reconciler\.yaml`"):
        fmt(tmp_path, write=True)


def test_files_elsewhere_need_no_project(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "a.yaml").write_text(ROUGH, encoding="utf-8")
    tidied = fmt(tmp_path / "here", [Path("../a.yaml")], write=True)

    assert tidied.problems == ()
    assert (tmp_path / "a.yaml").read_text(encoding="utf-8") == FINE


def hooks() -> list[dict[str, object]]:
    found = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(("hook", "code"), [("reconciler-fmt", 0), ("reconciler-validate", 8)])
def test_hooks_run_as_pre_commit_runs_them(hook: str, code: int, project: Path) -> None:
    [found] = [each for each in hooks() if each["id"] == hook]
    names = ["specs/a.yaml", "specs/deep/b.yml"] if found.get("pass_filenames", True) else []
    words = str(found["entry"]).split()
    ended = run(project, *words[1:], *names)

    assert words[0] == "reconciler"
    assert found["language"] == "python"
    assert ended.returncode == code, ended.stdout + ended.stderr


def test_hooks_take_the_files_that_a_project_has() -> None:

    names = ["reconciler.yaml", "specs/a.yaml", "specs/b/c.yml", "overlays/a.yaml", "policies/a.yaml"]
    others = ["README.md", ".github/workflows/plan.yaml", "docker-compose.yaml"]

    for each in hooks():
        assert [name for name in (*names, *others) if re.search(str(each["files"]), name)] == names
