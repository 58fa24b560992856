"""The kind `EventImport`: what a manifest says, and what is wrong with it before a file is opened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from reconciler.deliveries import LocalFolder, S3Access, SourceError
from reconciler.providers.didomi.imports.files import Input, Outside, input_of, measured, whole_digest
from reconciler.sdk import Kind, Spec
from reconciler.values import Document, Identity, OnRemoval, Problem, Resource

Text = Annotated[str, Field(min_length=1)]


class File(Spec):
    """One JSONL file, plain or gzip, and the digest of its bytes as they lie there."""

    path: Text
    """The file: beside the manifest and within the project, or `s3://…`, `gs://…`; plain or gzip."""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """The digest of its bytes, as `reconciler events digest` prints it."""


class S3(Spec):
    """How files at `s3://` are reached; credentials are found where AWS documents to look."""

    region: Text | None = None
    """The bucket's region."""
    role_arn: Text | None = None
    """A role to assume."""


class EventImport(Spec):
    """A batch import. Didomi keeps nothing of it but the events: all of this is ours, but `integrations`."""

    files: Annotated[list[File], Field(min_length=1)]
    """What is imported."""
    batch: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}$")] | None = None
    """What every event is marked with; by default the name and the beginning of the content's digest."""
    integrations: bool = False
    """Whether connected tools are told of the events; false when left out."""
    missing_ids: Literal["refuse", "derive"] = "refuse"
    """Events without an id: `refuse` them, or `derive` the same id in every run."""
    source: Text | None = None
    """For derived ids; the organization when left out."""
    on_rejects: Literal["stop", "quarantine"] = "stop"
    """Events that cannot be imported: `stop`, or `quarantine` them and import the others."""
    sample_check: Annotated[int, Field(ge=0, le=1000)] = 20
    """How many events are read back at the end; 20 when left out."""
    s3: S3 | None = None
    """How files at `s3://` are reached."""


def digest_of(spec: Document) -> str:
    """One digest for all that the manifest's files hold: an import is done once for each."""
    return whole_digest([str(each.get("sha256")) for each in _files(spec)])


def batch_of(name: str, spec: Document) -> str:
    """The import batch that its events are marked with."""
    return str(spec.get("batch") or f"{name}-{digest_of(spec)[:12]}")


def inputs_of(spec: Document, *, folder: PurePosixPath, root: Path) -> tuple[Input, ...]:
    """The manifest's files. Raises `Outside`."""
    found = spec.get("s3")
    s3 = found if isinstance(found, Mapping) else {}
    region, role = s3.get("region"), s3.get("roleArn")
    access = S3Access(region=str(region) if region else None, role_arn=str(role) if role else None) if s3 else None
    return tuple(
        input_of(str(each.get("path")), folder=folder, root=root, sha256=str(each.get("sha256")), access=access)
        for each in _files(spec)
    )


def folder_of(resource: Resource) -> PurePosixPath:
    """The folder of the manifest, below the project's."""
    return PurePosixPath(resource.mark.file).parent if resource.mark is not None else PurePosixPath()


def _files(spec: Document) -> Iterator[Mapping[str, object]]:
    found = spec.get("files")
    yield from (each for each in found if isinstance(each, Mapping)) if isinstance(found, tuple) else ()


def _check(resource: Resource) -> Iterable[Problem]:
    """Paths that lead nowhere good."""
    seen: dict[str, int] = {}
    for number, each in enumerate(_files(resource.attributes)):
        path = str(each.get("path"))
        try:
            file = input_of(path, folder=folder_of(resource), root=Path())
        except Outside as error:
            yield _problem(resource, number, "file-outside", f"`{path}` cannot be imported", str(error))
            continue
        if file.key in seen and "://" not in path:
            yield _problem(
                resource,
                number,
                "repeated-file",
                f"`{path}` is listed twice",
                "leave it out here, or name another file",
            )
        seen[file.key] = number


def look_at_files(resource: Resource, root: Path) -> Iterator[Problem]:
    """Files of this machine that are not there, or not those that the manifest names by their digest."""
    try:
        files = inputs_of(resource.attributes, folder=folder_of(resource), root=root)
    except Outside:
        return  # `_check` says so
    for number, file in enumerate(files):
        if isinstance(file.place.location, LocalFolder):
            try:
                found = measured(file)
            except SourceError as error:
                yield unreadable(resource, number, file, error)
                continue
            if found.sha256 != file.sha256:
                yield changed(resource, number, file)


def unreadable(resource: Resource, number: int, file: Input, error: SourceError) -> Problem:
    """A file that cannot be read."""
    message = f"`{file.name}` cannot be read: {error.reason}"
    return _problem(resource, number, "file-unreadable", message, error.help)


def changed(resource: Resource, number: int, file: Input) -> Problem:
    """A file that is another one than the manifest approves."""
    return _problem(
        resource,
        number,
        "file-changed",
        f"`{file.name}` is not the file that the manifest names: its sha256 is another",
        "if the new content is meant, paste what `reconciler events digest` prints; whoever merges it approves it",
        key="sha256",
    )


def _problem(resource: Resource, number: int, code: str, message: str, help: str, *, key: str = "path") -> Problem:
    return Problem(code=code, message=message, address=resource.address, path=("files", number, key), help=help)


EVENT_IMPORT = Kind(
    name="EventImport",
    summary="A batch import of consent events from JSONL files, done once for each content",
    spec=EventImport,
    # Didomi keeps no object of an import: what is known of it stands in the state alone.
    identity=Identity.DIFFERENCE,
    name_field=None,
    updates=False,
    deletes=False,
    job=True,
    in_parts=True,
    on_removal=OnRemoval.FORGET,
    settle_seconds=0.0,
    check=_check,
    files=look_at_files,
    example="""\
apiVersion: didomi.reconciler/v1
kind: EventImport
metadata:
  name: crm-2026
spec:
  files:
    - path: events/crm-2026.jsonl.gz
      sha256: 0d1ac1e6ed3bd0f1c1a2e5c3a2d1c2b9b1a7f4e5d6c7b8a9fdecba9876543210
  onRejects: stop
""",
)
