"""What a commit says of a resource is what the manifests said when they lay there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from audit_stage import ANA, Repository
from hypothesis import given
from hypothesis import strategies as st
from world import Theatre, catalog

from reconciler.history.blame import UNREADABLE
from reconciler.history.git import Repository as Git
from reconciler.operations.versions import Versions
from reconciler.operations.workspace import open_workspace
from reconciler.specs import PROJECT_FILE, environments
from reconciler.specs.past import project_as_of
from reconciler.specs.project import Project
from reconciler.values import Address

EXAMPLES = Path(__file__).parents[2] / "examples"
PROJECTS = sorted(path.parent for path in EXAMPLES.glob("*/reconciler.yaml"))


@pytest.mark.parametrize("example", PROJECTS, ids=lambda path: path.name)
def test_the_newest_commit_says_what_the_loader_says(example: Path, tmp_path: Path, theatre: Theatre) -> None:
    folder = tmp_path / "project"
    shutil.copytree(example, folder)
    it = Repository(folder, theatre)
    it.commit(ANA, "Begin")
    for environment in environments(folder) or (None,):
        workspace = open_workspace(folder, environ=it.world.environ, environment=environment, catalog=catalog())
        loaded = workspace.read()
        with Git(folder, it.world.environ) as git:
            git.open(PROJECT_FILE)
            (commit,) = git.commits()
            versions = Versions(workspace, git)
            said = {address: versions.resource(commit, address) for address in loaded.desired.resources}

        assert loaded.desired.resources
        assert said == dict(loaded.desired.resources)


def test_what_no_commit_says_is_none_and_what_cannot_be_read_is_not_known(tmp_path: Path, theatre: Theatre) -> None:
    folder = tmp_path / "project"
    shutil.copytree(EXAMPLES / "environments", folder)
    it = Repository(folder, theatre)
    it.commit(ANA, "Begin")
    it.write("specs/consents.yaml", "name: lake\n  - nonsense: [")
    it.commit(ANA, "Break the manifests")
    it.write("reconciler.yaml", "- nonsense")
    it.commit(ANA, "Break the project")
    it.git("checkout", "-q", "HEAD~1", "--", "reconciler.yaml")
    workspace = open_workspace(folder, environ=it.world.environ, environment="prod", catalog=catalog())
    lake, pond = (Address("didomi", "Destination", name) for name in ("lake", "pond"))
    with Git(folder, it.world.environ) as git:
        git.open(PROJECT_FILE)
        last, middle, first = git.commits()
        versions = Versions(workspace, git)

        assert versions.resource(last, lake) is UNREADABLE
        assert versions.resource(middle, lake) is UNREADABLE
        assert versions.resource(middle, pond) is None
        assert versions.resource(first, lake) not in (None, UNREADABLE)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["project", "manifests", "values", "overlays", "environments", "prod", "a"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_a_project_file_held_reading_it_fails_in_no_way(written: object) -> None:
    project = Project(root=Path("/nonexistent"), name="shop", environment="prod")
    content = repr(written).replace("None", "null").replace("True", "true").replace("False", "false").encode()
    found = project_as_of(content, project, {})

    assert found is None or found.paths
