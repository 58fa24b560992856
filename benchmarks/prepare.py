"""
`python benchmarks/prepare.py FOLDER SIZE URL [VENDOR]`: so many manifests, their objects, and the state joining them.

A process of its own, because whoever measures must be small.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import estate

from reconciler.engine.records import made, resolve
from reconciler.operations.workspace import open_workspace
from reconciler.values import Address, Record, Resource, State

OBJECTS = "objects.json"


def prepare(folder: Path, *, size: int, url: str, environ: Mapping[str, str], vendor: str = "didomi") -> None:
    """Write everything into `folder`."""
    estate.write_project(folder, size=size, url=url, vendor=vendor)
    estate.write_objects(folder / OBJECTS, size=size, vendor=vendor)
    remember(folder, environ, vendor)


def remember(folder: Path, environ: Mapping[str, str], vendor: str) -> None:
    """Write the state of a project whose objects exist, as an `apply` would have left it."""
    workspace = open_workspace(folder, environ=environ)
    scope = workspace.session(vendor).scope
    company = estate.COMPANIES[vendor]

    def id_of(address: Address) -> str:
        return company.identifier(address.kind, address.name)

    def record(address: Address, resource: Resource) -> Record:
        document = {**resolve(resource.attributes, id_of), **company.applied(address.kind, address.name)}
        return made(resource, document, id=id_of(address), scope=scope, at=estate.BEGINNING)

    state = State(
        project=workspace.project.name,
        environment=workspace.project.environment,
        lineage="0" * 32,
        serial=1,
        records={address: record(address, each) for address, each in workspace.load().desired.resources.items()},
    )
    with workspace.backend.lock(workspace.holder("benchmark")) as journal:
        journal.begin(state)


if __name__ == "__main__":
    prepare(
        Path(sys.argv[1]),
        size=int(sys.argv[2]),
        url=sys.argv[3],
        environ=os.environ,
        vendor=sys.argv[4] if len(sys.argv) > 4 else "didomi",
    )
