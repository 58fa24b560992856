"""What the manifests of each commit say of a resource; every file is read once, however many commits hold it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.history.blame import UNREADABLE, Look, Unreadable, Version
from reconciler.history.fields import Key, Leaf
from reconciler.history.git import Commit, Repository
from reconciler.operations.workspace import Workspace
from reconciler.specs import PROJECT_FILE, Project
from reconciler.specs.past import ENDINGS, Undecided, is_manifest, project_as_of, resource_as_of
from reconciler.values import Address, Document, Resource

_Files = tuple[tuple[str, str], ...]
"""Names within the project, and what the repository calls their content."""


class Versions:
    """The resources of a project's commits, by today's rules."""

    def __init__(self, workspace: Workspace, repository: Repository) -> None:
        self._workspace = workspace
        self._repository = repository
        self._projects: dict[str | None, Project | None] = {}
        self._looked: dict[tuple[str, Address], Resource | Unreadable | None] = {}
        self._naming: dict[str, dict[str, bool]] = {}
        self._found: dict[tuple[Address, str | None, _Files, _Files], Resource | Unreadable | None] = {}

    def looking(self, taken_apart: Callable[[Document], dict[Key, Leaf]]) -> Look:
        """What asks for versions, with their documents taken apart in this way."""
        known: dict[int, dict[Key, Leaf]] = {}

        def look(commit: Commit, address: Address) -> Version | Unreadable | None:
            if (commit.id, address) not in self._looked:
                self._looked[commit.id, address] = self.resource(commit, address)
            resource = self._looked[commit.id, address]
            if not isinstance(resource, Resource):
                return resource
            if id(resource) not in known:
                known[id(resource)] = taken_apart(resource.attributes)
            return Version(address=address, leaves=known[id(resource)], renamed_from=resource.renamed_from)

        return look

    def resource(self, commit: Commit, address: Address) -> Resource | Unreadable | None:
        """What the commit says of the address, `UNREADABLE` when that cannot be told; `None` when it says nothing."""
        files = self._repository.files(commit)
        project_blob = files.get(PROJECT_FILE)
        project = self._project(project_blob)
        if project is None:
            return UNREADABLE
        naming = tuple(each for each in self._naming_files(address.name, files) if is_manifest(each[0], project))
        laid = tuple((name, files[name]) for name in project.overlays if name in files)
        if not naming:
            return None
        key = (address, project_blob, naming, laid)
        if key not in self._found:
            self._found[key] = self._read(address, project, naming, laid)
        return self._found[key]

    def _read(self, address: Address, project: Project, naming: _Files, laid: _Files) -> Resource | Unreadable | None:
        contents, overlays = ({name: self._repository.blob(blob) for name, blob in each} for each in (naming, laid))
        try:
            return resource_as_of(
                address,
                project,
                self._workspace.catalog,
                contents,
                overlays,
                outputs=self._workspace.outputs,
            )
        except Undecided:
            return UNREADABLE

    def _project(self, blob: str | None) -> Project | None:
        """The project as a commit has it; before there was a project file, with everything where it usually is."""
        if blob not in self._projects:
            content = self._repository.blob(blob) if blob is not None else b"project: none"
            self._projects[blob] = project_as_of(content, self._workspace.project, self._workspace.environ)
        return self._projects[blob]

    def _naming_files(self, name: str, files: Mapping[str, str]) -> list[tuple[str, str]]:
        """The files that mention the name at all: most do not, and need not be read as YAML."""
        known = self._naming.setdefault(name, {})
        new = [blob for file, blob in files.items() if blob not in known and file.endswith(ENDINGS)]
        for blob, content in self._repository.blobs(new):
            known[blob] = name.encode() in content
        return sorted((file, blob) for file, blob in files.items() if known.get(blob))
