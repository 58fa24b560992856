"""A project that `init` has written is whole: it is right, in the one form, and can be applied to the stand-ins."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.emulator import Clock
from reconciler.operations.emulate import make_emulators, serving
from reconciler.operations.failures import Failure, Misused
from reconciler.operations.fmt import fmt
from reconciler.operations.init import SCHEMA_FILE, _project_file, _starter, beginnings, init
from reconciler.operations.validate import validate
from reconciler.operations.workspace import open_workspace
from reconciler.specs.reader import read

ROOT = Path(__file__).parents[2]
SERVED = "http://127.0.0.1:8700"


def program(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reconciler", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("vendor", beginnings())
def test_a_project_for_one_vendor_has_no_problem_in_any_environment(vendor: str, tmp_path: Path) -> None:
    init(tmp_path / "exports", [vendor])

    for environment in ("prod", "rehearsal"):
        found = validate(open_workspace(tmp_path / "exports", environ={}, environment=environment))
        assert (found.resources > 0, found.problems) == (True, ())


@pytest.mark.parametrize("vendors", [[], *([each] for each in beginnings())], ids=lambda each: "-".join(each) or "all")
def test_what_init_writes_has_the_one_form(vendors: list[str], tmp_path: Path) -> None:
    init(tmp_path / "exports", vendors)
    tidied = fmt(tmp_path / "exports", write=False)

    assert (tidied.changed, tidied.problems) == ({}, ())
    assert tidied.fine >= 2


def test_a_new_project_can_be_applied_to_the_stand_ins_with_the_words_that_init_prints(tmp_path: Path) -> None:
    began = program(tmp_path, "init", "my-exports")
    folder = tmp_path / "my-exports"
    printed = dict(re.findall(r"^  export (\w+)=(\S+)", began.stderr, re.MULTILINE))
    switches = {"didomi": {"rate_limit": "off"}}
    with serving(make_emulators(beginnings(), clock=Clock(), switches=switches)) as urls:
        served = next(iter(urls.values())).rpartition("/")[0]
        path = folder / "reconciler.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace(SERVED, served), encoding="utf-8")
        applied = program(folder, "apply", "-y", **printed)
        again = program(folder, "plan", "--detailed-exitcode", **printed)

    assert began.returncode == 0
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert "Planned again: nothing is left to do." in applied.stdout
    assert again.returncode == 0, again.stdout


def test_an_existing_project_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "reconciler.yaml").write_text("project: mine\n", encoding="utf-8")

    with pytest.raises(Failure, match=r"`reconciler\.yaml` exists already"):
        init(tmp_path)
    assert files(tmp_path) == {"reconciler.yaml"}
    assert (tmp_path / "reconciler.yaml").read_text(encoding="utf-8") == "project: mine\n"


def test_a_link_to_nowhere_is_in_the_way_too(tmp_path: Path) -> None:
    (tmp_path / "reconciler.yaml").symlink_to(tmp_path / "nowhere")

    with pytest.raises(Failure, match="exists already"):
        init(tmp_path)
    assert not (tmp_path / "nowhere").exists()


def test_files_that_any_repository_may_have_are_kept_and_spoken_of(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("build/\n", encoding="utf-8")
    ended = program(tmp_path, "init", "--vendor", "didomi", "--project", "exports")

    assert ended.returncode == 0
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == "build/\n"
    assert "Kept .gitignore" in ended.stderr
    assert "  .reconciler/\n" in ended.stderr
    assert ".gitignore" not in ended.stdout.splitlines()


def test_what_cannot_be_written_whole_is_not_written_at_all(tmp_path: Path) -> None:
    (tmp_path / "specs").write_text("in the way\n", encoding="utf-8")

    with pytest.raises(Failure, match="specs"):
        init(tmp_path, project="exports")
    assert files(tmp_path) == {"specs"}


def test_a_name_that_cannot_be_is_wrong_usage(tmp_path: Path) -> None:
    ended = program(tmp_path, "init", "--project", "My Exports", "exports")

    assert (ended.returncode, files(tmp_path)) == (64, set())
    assert "`My Exports` is no name for a project" in ended.stderr


@pytest.mark.parametrize(("folder", "name"), [("My Exports", "my-exports"), ("2027_q1", "2027-q1"), ("…", "exports")])
def test_a_project_is_called_like_its_folder(folder: str, name: str, tmp_path: Path) -> None:
    assert init(tmp_path / folder, ["didomi"]).project == name


@given(name=st.from_regex(r"[a-z0-9]([-a-z0-9]{0,12}[a-z0-9])?", fullmatch=True) | st.sampled_from(["null", "1e3"]))
def test_any_name_is_read_as_the_text_that_it_is(name: str) -> None:
    text = _project_file(name, [_starter("didomi")])
    [tree] = read(text.encode(), "reconciler.yaml").trees

    assert isinstance(tree.data, dict)
    assert tree.data["project"] == name


def test_editors_find_the_schema_where_the_manifests_say(tmp_path: Path) -> None:
    init(tmp_path)

    for path in sorted((tmp_path / "specs").iterdir()):
        [named] = re.findall(
            r"^# yaml-language-server: \$schema=(\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE
        )
        assert (path.parent / named).resolve() == tmp_path / SCHEMA_FILE


def test_a_workflow_is_given_every_credential_and_nothing_else(tmp_path: Path) -> None:
    begun = init(tmp_path)
    workflows = sorted((tmp_path / ".github" / "workflows").iterdir())
    named = {
        path.name: set(re.findall(r"(\w+): \$\{\{ secrets\.\1 \}\}", path.read_text(encoding="utf-8")))
        for path in workflows
    }

    needed = {each for each in begun.variables if not each.startswith("RECONCILER_SECRET_")}
    assert named == {"apply.yaml": needed, "plan.yaml": needed}
    for path in workflows:
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]


def test_workflows_are_what_github_takes(tmp_path: Path) -> None:
    init(tmp_path)
    workflows = sorted(map(str, (tmp_path / ".github" / "workflows").iterdir()))
    checked = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows]
    ended = subprocess.run(checked, capture_output=True, text=True, check=False, timeout=60)

    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_hooks_are_those_of_the_program_on_the_files_that_init_writes(tmp_path: Path) -> None:
    init(tmp_path)
    config = yaml.safe_load((tmp_path / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = {each["id"]: each for each in config["repos"][0]["hooks"]}
    published = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    ours = sorted(each for each in files(tmp_path) if each.startswith(("specs/", "overlays/", "reconciler.yaml")))

    assert {each["id"]: (each["entry"], each["files"]) for each in published} == {
        id: (each["entry"], each["files"]) for id, each in hooks.items()
    }
    assert [each for each in ours if re.search(hooks["reconciler-fmt"]["files"], each)] == ours


def test_the_readme_shows_the_manifests_that_init_writes(tmp_path: Path) -> None:
    init(tmp_path, ["didomi"])
    written = (tmp_path / "specs" / "didomi.yaml").read_text(encoding="utf-8")
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    step = page[page.index("**2. The first manifests**") : page.index("**3. Is it right?**")]
    [shown] = re.findall(r"^```yaml\n(.*?)^```$", step, re.MULTILINE | re.DOTALL)

    assert written.endswith(shown)


def test_a_vendor_without_a_beginning_is_not_offered() -> None:
    with pytest.raises(Misused, match="there are adobe, didomi, domo"):
        init(Path("nowhere"), ["harbor"])
