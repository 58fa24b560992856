"""Which projects of a repository a change concerns: with the real git, and in doubt all of them."""

from __future__ import annotations

import json
import os
import posixpath
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline_stage import Runner, workflows
from world import World

from reconciler.operations.failures import Failure
from reconciler.operations.projects import _concerns, _joined, survey

PROJECT = """project: {name}
vendors:
  didomi: {{organizationId: example-org, credentials: {{key: {{env: K}}, secret: {{env: S}}}}}}
{more}
"""
LAKE = """apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {{name: {name}}}
spec: {{typeId: aws-s3-didomi, config: {{accountId: "210987654321"}}}}
{more}
"""
ENVIRON = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


class Repository:
    """A repository that git keeps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        """Ask git."""
        who = {
            f"GIT_{role}_{word}": "someone@example.com"
            for role in ("AUTHOR", "COMMITTER")
            for word in ("NAME", "EMAIL")
        }
        return subprocess.run(
            ["git", "-C", str(self.folder), *words],
            env={**ENVIRON, **who},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def project(self, folder: str, name: str, *, more: str = "", manifest: str = "") -> None:
        """A project with one manifest."""
        self.write(f"{folder}/reconciler.yaml", PROJECT.format(name=name, more=more))
        self.write(f"{folder}/specs/lake.yaml", LAKE.format(name=name, more=manifest))

    def commit(self) -> str:
        """Commit all that there is."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "as it is now")
        return self.git("rev-parse", "HEAD").strip()

    def changed(self, since: str, folder: str = "") -> list[str]:
        """The folders of the projects that changed."""
        found = survey(self.folder / folder, ENVIRON, since=since)
        return [each.path for each in found.projects if each.because]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "repository")
    repository.project("crm", "crm", more="environments: {prod: {}, test: {overlays: [overlays/test.yaml]}}")
    repository.project("ads", "ads")
    repository.write("crm/README.md", "what this is")
    repository.write("README.md", "what this is")
    return repository


def test_a_repository_without_a_change_has_no_changed_project(repository: Repository) -> None:
    assert repository.changed(repository.commit()) == []


@pytest.mark.parametrize(
    ("name", "projects"),
    [
        ("crm/specs/lake.yaml", ["crm"]),
        ("crm/specs/new/deep.yml", ["crm"]),
        ("crm/reconciler.yaml", ["crm"]),
        ("crm/overlays/test.yaml", ["crm"]),
        ("crm/README.md", []),
        ("README.md", []),
        ("ads/specs/lake.yaml", ["ads"]),
        ("crm/spécs with\ttab.yaml", []),
        ("crm/specs/\u00fcber\nline.yaml", ["crm"]),
    ],
)
def test_a_change_concerns_whoever_names_its_path(repository: Repository, name: str, projects: list[str]) -> None:
    before = repository.commit()
    path = repository.folder / name
    repository.write(name, (path.read_text(encoding="utf-8") if path.exists() else "") + "\n# more\n")
    uncommitted = repository.changed(before)
    repository.commit()

    assert uncommitted == repository.changed(before) == projects


def test_what_is_deleted_or_moved_away_concerns_its_project(repository: Repository) -> None:
    before = repository.commit()
    repository.git("mv", "crm/specs/lake.yaml", "crm/lake.yaml")
    (repository.folder / "ads/specs/lake.yaml").unlink()

    assert repository.changed(before) == ["ads", "crm"]


def test_schemas_events_policies_and_what_a_link_leads_to_concern_a_project(repository: Repository) -> None:
    more = "policies: {paths: [../rules/]}"
    manifest = "delivery: {contract: ../schemas/order.json}\nfiles: [{path: events/*.jsonl}]"
    repository.project("crm", "crm", more=more, manifest=manifest)
    repository.write("shared/pool.yaml", LAKE.format(name="pool", more=""))
    (repository.folder / "ads/specs/pool.yaml").symlink_to("../shared.yaml")
    repository.write("ads/shared.yaml", LAKE.format(name="pool", more=""))
    before = repository.commit()
    told = {}
    for name in (
        "rules/own.yaml",
        "schemas/order.json",
        "crm/specs/events/a.jsonl",
        "ads/shared.yaml",
        "schemas/b.json",
    ):
        repository.write(name, "changed: 1\n")
        told[name] = repository.changed(before)
        repository.git("checkout", "-q", "--", ".")
        repository.git("clean", "-qfd")

    assert told == {
        "rules/own.yaml": ["crm"],
        "schemas/order.json": ["crm"],
        "crm/specs/events/a.jsonl": ["crm"],
        "ads/shared.yaml": ["ads"],
        "schemas/b.json": [],
    }


def test_who_refers_to_a_changed_project_has_changed_too_however_far(repository: Repository) -> None:
    repository.project("ads", "ads", more="projects: {base: {project: crm, state: 's3://example/state'}}")
    repository.project("web", "web", more="environments: {prod: {projects: {ads: {state: 's3://example/state'}}}}")
    repository.project("apart", "apart")
    before = repository.commit()
    repository.write("crm/specs/more.yaml", LAKE.format(name="more", more=""))
    found = survey(repository.folder, ENVIRON, since=before)

    assert {each.path: each.because for each in found.projects} == {
        "ads": "it refers to `crm`, which changed",
        "apart": "",
        "crm": "`crm/specs/more.yaml` changed",
        "web": "it refers to `ads`, which changed",
    }


def test_changes_of_main_since_the_branch_left_it_are_not_those_of_the_branch(repository: Repository) -> None:
    repository.commit()
    repository.git("checkout", "-q", "-b", "branch")
    repository.write("ads/specs/more.yaml", LAKE.format(name="more", more=""))
    repository.commit()
    repository.git("checkout", "-q", "main")
    repository.write("crm/specs/more.yaml", LAKE.format(name="more", more=""))
    repository.commit()
    repository.git("checkout", "-q", "branch")

    assert repository.changed("main") == ["ads"]


def test_from_a_folder_below_the_top_paths_are_still_right(repository: Repository) -> None:
    repository.project("teams/web", "web", more="policies: {paths: [../../rules/]}")
    before = repository.commit()
    repository.write("rules/own.yaml", "rules: []\n")

    assert repository.changed(before, "teams") == ["web"]


# --- in doubt everything ---


@pytest.mark.parametrize("revision", ["0" * 40, "nowhere", "--help", "-C/", "main..main", "\n", ""])
def test_an_unknown_revision_means_that_everything_changed(repository: Repository, revision: str) -> None:
    repository.commit()
    found = survey(repository.folder, ENVIRON, since=revision)

    assert "is not known in this clone" in found.unsure
    assert all(each.because == found.unsure for each in found.projects)


def test_a_shallow_clone_means_that_everything_changed(repository: Repository, tmp_path: Path) -> None:
    before = repository.commit()
    repository.write("README.md", "more")
    repository.commit()
    shallow = tmp_path / "shallow"
    repository.git("clone", "-q", "--depth", "1", f"file://{repository.folder}", str(shallow))
    found = survey(shallow, ENVIRON, since=before)

    assert found.unsure.startswith("the clone is shallow: fetch the whole history")
    assert [each.path for each in found.projects if each.because] == ["ads", "crm"]


def test_without_git_everything_changed(repository: Repository, tmp_path: Path) -> None:
    repository.commit()
    bare = tmp_path / "elsewhere"
    (repository.folder / "crm").rename(bare)

    assert survey(bare, ENVIRON, since="main").unsure == "git cannot say what changed here"
    assert (
        survey(repository.folder, {"PATH": "/nonexistent"}, since="main").unsure == "git cannot say what changed here"
    )


def test_branches_with_nothing_in_common_mean_that_everything_changed(repository: Repository) -> None:
    repository.commit()
    repository.git("checkout", "-q", "--orphan", "apart")
    repository.write("README.md", "another history")
    repository.commit()

    assert survey(repository.folder, ENVIRON, since="main").unsure == "this branch and `main` have nothing in common"


@pytest.mark.parametrize("name", ["crm/reconciler.yaml", "crm/specs/lake.yaml"])
def test_a_project_that_cannot_be_read_changes_with_anything(repository: Repository, name: str) -> None:
    repository.write(name, "a: [\n")
    before = repository.commit()
    quiet = repository.changed(before)
    repository.write("docs/page.md", "more")
    found = survey(repository.folder, ENVIRON, since=before)

    assert quiet == []
    assert [each.path for each in found.projects if each.because] == ["crm"]
    assert "cannot be read" in found.projects[1].because


def test_a_path_that_the_environment_decides_may_be_any_below_the_project(repository: Repository) -> None:
    repository.project("crm", "crm", more="manifests: ['${FOLDER:-specs}/']")
    before = repository.commit()
    repository.write("crm/README.md", "more")

    assert repository.changed(before) == ["crm"]


def test_no_project_at_all_is_a_failure_and_not_an_empty_matrix(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"there is no `reconciler.yaml`"):
        survey(tmp_path, ENVIRON)


NAMES = st.text(alphabet="ab.*/ \0\n", max_size=8)


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_a_path_is_never_looked_for_above_the_top(parts: list[str]) -> None:
    path = _joined(*parts)

    assert not path.startswith(("/", "../"))
    assert path != ".."
    assert not set(path) & set("*\0")


@given(st.frozensets(st.sampled_from(["a", "a/b", "b", "a/b/c"])), st.sampled_from(["a", "a/b", "ab", "a/b/c", "b/c"]))
def test_a_path_is_concerned_when_it_or_a_folder_above_it_is_named(named: frozenset[str], path: str) -> None:
    above = {path}
    while posixpath.dirname(path):
        path = posixpath.dirname(path)
        above.add(path)

    assert _concerns(named, max(above, key=len)) == bool(above & named)
    assert _concerns(named | {"."}, path)


# --- the command ---


def program(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reconciler", *words],
        cwd=folder,
        env=ENVIRON,
        capture_output=True,
        text=True,
        check=True,
    )


def test_the_command_prints_a_table_and_a_matrix(repository: Repository) -> None:
    before = repository.commit()
    repository.write("crm/specs/more.yaml", LAKE.format(name="more", more=""))
    table = program(repository.folder, "projects", "--changed-since", before).stdout
    said = program(repository.folder, "projects", "--changed-since", before, "--format", "json").stdout
    because = "`crm/specs/more.yaml` changed"

    assert [line.split("  ")[0] for line in table.splitlines()] == ["PATH", "ads", "crm"]
    assert table.splitlines()[2].endswith(f"prod, test    yes      {because}")
    assert said.count("\n") == 1
    assert json.loads(said) == {
        "include": [
            {"path": "crm", "project": "crm", "environment": environment, "because": because}
            for environment in ("prod", "test")
        ]
    }


@pytest.mark.slow
def test_a_pull_request_plans_the_projects_that_it_concerns(
    world_of: Callable[..., World], repository: Repository, tmp_path: Path
) -> None:
    world = world_of("didomi")
    world.vendor.switch(rate_limit="off")
    settings = json.dumps(world.vendor.settings())
    for name in ("crm", "ads"):
        repository.write(f"{name}/reconciler.yaml", f"project: {name}\nvendors: {{didomi: {settings}}}\n")
    before = repository.commit()
    repository.write("ads/specs/more.yaml", LAKE.format(name="more", more=""))
    repository.commit()
    runner = Runner(repository.folder, tmp_path / "runner", world.environ)
    runner.pull_request()
    runner.github["event.pull_request.base.sha"] = before
    jobs = workflows()["plan-changed-projects.yml"]["jobs"]
    asked = runner.job(jobs["projects"])
    (entry,) = json.loads(asked.outputs["matrix"])["include"]
    planned = runner.job(jobs["plan"], also={f"matrix.{k}": v for k, v in entry.items()})
    repository.git("checkout", "-q", before)
    quiet = runner.job(jobs["projects"])

    assert asked.outputs["has-changes"] == "true"
    assert entry["path"] == "ads"
    assert planned.code == 0
    assert "Plan for `ads/default`" in planned.summary
    assert "Plan: 2 to add" in planned.log
    assert (quiet.outputs["has-changes"], quiet.outputs["matrix"]) == ("false", '{"include": []}')
