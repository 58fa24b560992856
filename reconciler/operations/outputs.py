"""
Outputs of other projects: what the vendors computed for their objects, as their state remembers it.

Read without a lock and never written. Only outputs and ids are given away, which hold no secret.
"""

from __future__ import annotations

import threading
from pathlib import Path

from reconciler.backend import Backend, BackendError
from reconciler.specs import Project
from reconciler.specs.other_projects import OtherProject
from reconciler.specs.variables import NoOutput, NotAsked, Scalar
from reconciler.specs.words import did_you_mean, shown
from reconciler.stores import StoreError, StoreOptions
from reconciler.values import Address, Record, State

ID = "id"
"""The output that every object has: its id at the vendor."""


class OutputsOf:
    """
    The outputs that the manifests of one project may use.

    Each state is read once, when the first of its outputs is asked for. `given` are those that were.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._states: dict[str, State | None | NoOutput] = {}
        self._reading = threading.Lock()
        self.given: dict[tuple[str, Address, str], Scalar] = {}

    def __call__(self, project: str, address: Address, name: str) -> Scalar:
        """The value of an output. Raises `NoOutput`."""
        other = self._other(project)
        value = _output(self._state(project, other), f"{other.name}/{other.environment}", address, name)
        self.given[project, address, name] = value
        return value

    def offline(self, project: str, address: Address, name: str) -> Scalar:
        """For commands that open no connection: no value is known. Raises `NotAsked`, or `NoOutput`."""
        self._other(project)
        raise NotAsked

    def _other(self, project: str) -> OtherProject:
        other = self._project.others.get(project)
        if other is None:
            known = tuple(self._project.others)
            raise NoOutput(
                f"no project is called `{shown(project)}` here",
                did_you_mean(project, known, what="known projects")
                or f"add it to `reconciler.yaml`: `projects: {{{shown(project)}: {{state: …}}}}`",
                code="unknown-project",
            )
        own = self._project
        if (other.name, other.environment, other.url) == (own.name, own.environment, own.state.url):
            raise NoOutput(
                f"`{shown(project)}` is this project itself",
                "refer to the manifest by its name",
                code="unknown-project",
            )
        return other

    def _state(self, project: str, other: OtherProject) -> State | None:
        with self._reading:
            if project not in self._states:
                self._states[project] = _read(other, self._project.root)
            found = self._states[project]
        if isinstance(found, NoOutput):
            raise found
        return found


def _read(other: OtherProject, root: Path) -> State | None | NoOutput:
    options = StoreOptions(endpoint=other.endpoint, region=other.region)
    try:
        backend = Backend.open(other.url, root=root, project=other.name, environment=other.environment, options=options)
        return backend.load().state
    except (BackendError, StoreError) as error:
        message = f"the state of `{other.name}/{other.environment}` cannot be read: {error}"
        return NoOutput(message, code="no-output")


def _output(state: State | None, where: str, address: Address, name: str) -> Scalar:
    if state is None:
        raise NoOutput(
            f"`{where}` has no state at that place: it was never applied, or lies elsewhere",
            "apply that project first, and compare its name, environment and `state`",
            code="no-output",
        )
    record = state.records.get(address)
    if record is None or record.id is None:
        known = [str(each) for each, one in state.records.items() if one.id is not None]
        raise NoOutput(
            f"`{where}` manages no `{address}`",
            did_you_mean(str(address), known, what="managed there") or "apply that project first",
            code="no-output",
        )
    return _value_of(record, where, name)


def _value_of(record: Record, where: str, name: str) -> Scalar:
    outputs = {ID: record.id, **record.outputs}
    value = outputs.get(name)
    if isinstance(value, str | bool | int | float):
        return value
    known = tuple(sorted(key for key, each in outputs.items() if isinstance(each, str | bool | int | float)))
    what = "is no single value" if name in outputs else "does not exist"
    raise NoOutput(
        f"the output `{shown(name)}` of `{record.address}` in `{where}` {what}",
        did_you_mean(name, known, what="its outputs"),
        code="no-output",
    )
