"""A project in a folder, and problems as lines of text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from example_vendor import catalog

from reconciler.specs import Loaded, Project, load, load_project
from reconciler.values import Address, Problem, Resource

PROJECT = "project: demo\nvendors: {example: {organization: example}}\n"

LAKE = """\
apiVersion: example.reconciler/v1
kind: Lake
metadata: {name: lake}
spec:
  login: {type: bucket, bucket: example, secretKey: {env: RECONCILER_SECRET_LAKE}}
"""


def manifest(kind: str, name: str, spec: str, more: str = "") -> str:
    """A manifest whose `spec` begins on its fifth line (later by the lines of `more`)."""
    body = textwrap.indent(textwrap.dedent(spec).strip(), "  ")
    return f"apiVersion: example.reconciler/v1\nkind: {kind}\nmetadata: {{name: {name}}}\n{more}spec:\n{body}\n"


def said(problems: Iterable[Problem]) -> list[str]:
    """The problems as `place code message | help`."""
    return [f"{each.mark} {each.code} {each.message} | {each.help}" for each in problems]


class Stage:
    """A project folder; files are written as they are needed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("reconciler.yaml", PROJECT)

    def write(self, name: str, content: str | bytes) -> Path:
        """A file below the project's root."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def project(self, environment: str | None = None, environ: Mapping[str, str] | None = None) -> Project:
        """The project, which has no problems."""
        project, problems = load_project(self.root, environment, environ or {}, catalog())
        assert said(problems) == []
        assert project is not None
        return project

    def refused(self, environment: str | None = None, environ: Mapping[str, str] | None = None) -> list[str]:
        """What is wrong with the project file."""
        project, problems = load_project(self.root, environment, environ or {}, catalog())
        assert project is None
        return said(problems)

    def load(
        self, *manifests: str, environment: str | None = None, paths: Sequence[str | Path] | None = None
    ) -> Loaded:
        """Everything loaded; `manifests` become the documents of `specs/a.yaml`."""
        if manifests:
            self.write("specs/a.yaml", "---\n".join(manifests))
        return load(self.project(environment), catalog(), paths)

    def problems(self, *manifests: str, environment: str | None = None) -> list[str]:
        """What is wrong with these manifests."""
        return said(self.load(*manifests, environment=environment).problems)

    def resource(self, address: str, *manifests: str, environment: str | None = None) -> Resource:
        """One resource of manifests with which nothing is wrong."""
        loaded = self.load(*manifests, environment=environment)
        assert said(loaded.problems) == []
        return loaded.desired.resources[Address.parse(address)]
