"""
`python benchmarks/prepare.py FOLDER SIZE URL`: a project of so many manifests, its objects, and the state joining them.

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
from reconciler.values import Address, State

OBJECTS = "objects.json"


def prepare(folder: Path, *, size: int, url: str, environ: Mapping[str, str]) -> None:
    """Write everything into `folder`."""
    estate.write_project(folder, size=size, url=url)
    estate.write_objects(folder / OBJECTS, size=size)
    remember(folder, environ)


def remember(folder: Path, environ: Mapping[str, str]) -> None:
    """Write the state of a project whose objects exist, as an `apply` would have left it."""
    workspace = open_workspace(folder, environ=environ)
    scope = workspace.session("didomi").scope

    def id_of(address: Address) -> str:
        return estate.identifier(address.kind, int(address.name.rpartition("-")[2]))

    records = {
        address: made(
            resource, resolve(resource.attributes, id_of), id=id_of(address), scope=scope, at=estate.BEGINNING
        )
        for address, resource in workspace.load().desired.resources.items()
    }
    state = State(
        project=workspace.project.name,
        environment=workspace.project.environment,
        lineage="0" * 32,
        serial=1,
        records=records,
    )
    with workspace.backend.lock(workspace.holder("benchmark")) as journal:
        journal.begin(state)


if __name__ == "__main__":
    prepare(Path(sys.argv[1]), size=int(sys.argv[2]), url=sys.argv[3], environ=os.environ)
