"""`doctor`: whether the project, its state, its credentials and its vendors are well."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.backend import BackendError
from reconciler.operations.failures import Failure
from reconciler.operations.workspace import Workspace
from reconciler.reports.escape import plural
from reconciler.sdk import Check, VendorError
from reconciler.secrets import SecretUnavailable
from reconciler.stores import StoreError


def doctor(workspace: Workspace) -> Iterator[Check]:
    """One check after the other; a check that cannot be made is a check that is not well. Sends safe requests only."""
    project = workspace.project
    yield Check(subject="project", well=True, detail=f"{project.name}, environment {project.environment}")
    yield _manifests(workspace)
    yield _state(workspace)
    for vendor in sorted(project.vendors):
        try:
            yield from workspace.session(vendor).doctor()
        except (VendorError, SecretUnavailable) as error:
            yield Check(subject=vendor, well=False, detail=str(error), help="correct the vendor's settings")


def _manifests(workspace: Workspace) -> Check:
    try:
        loaded = workspace.load()
    except Failure as failure:
        return Check(
            subject="manifests",
            well=False,
            detail=plural(len(failure.problems), "problem"),
            help="run `reconciler validate`",
        )
    return Check(subject="manifests", well=True, detail=plural(len(loaded.desired.resources), "resource"))


def _state(workspace: Workspace) -> Check:
    try:
        stored = workspace.backend.load()
    except (BackendError, StoreError) as error:
        return Check(subject="state", well=False, detail=str(error), help="restore an earlier copy of the state")
    if stored.state is None:
        return Check(subject="state", well=True, detail=f"nothing yet at {workspace.project.state_url}")
    detail = f"serial {stored.state.serial}, {plural(len(stored.state.records), 'record')}"
    if stored.open_intents:
        return Check(
            subject="state",
            well=False,
            detail=f"{detail}, {plural(len(stored.open_intents), 'call')} of unknown outcome",
            help="run `reconciler apply`: it finds out what became of them",
        )
    return Check(subject="state", well=True, detail=detail)
