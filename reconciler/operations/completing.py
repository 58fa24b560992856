"""What a shell may offer: names that stand in files of this machine. Nothing is connected, written or complained of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from reconciler.backend import Backend, BackendError
from reconciler.specs import DEFAULT_ENVIRONMENT, PROJECT_FILE, environments, find_project
from reconciler.specs.envelope import identify
from reconciler.specs.files import Found, read_bytes
from reconciler.specs.project_paths import project_files
from reconciler.specs.reader import read
from reconciler.specs.tree import Node
from reconciler.stores import StoreError
from reconciler.values import Address, Problem
from reconciler.values.address import is_name

_VENDOR = re.compile(r"([a-z][a-z0-9-]*)\.reconciler/v[0-9]+\Z")


def environment_names(start: Path) -> tuple[str, ...]:
    """The environments of the project that `start` lies in."""
    root = find_project(start)
    return environments(root) if root is not None else ()


def addresses(start: Path, environment: str | None) -> tuple[str, ...]:
    """
    The addresses of the project's manifests, and of its state while that lies in a folder; sorted.

    Costs a tenth of a second and about 0.1 ms for each manifest: no kind is loaded. What cannot be read is passed over.
    """
    root = find_project(start)
    if root is None:
        return ()
    return tuple(sorted({*_of_manifests(root), *_of_states(root, environment)}))


def _of_manifests(root: Path) -> Iterator[str]:
    found, _ = project_files(root)
    for each in found:
        content = read_bytes(each)
        for tree in read(content, each.name).trees if not isinstance(content, Problem) else ():
            version, kind, name = identify(tree.data)
            vendor = _VENDOR.match(version) if isinstance(version, str) else None
            if vendor is not None and isinstance(kind, str) and kind and isinstance(name, str) and is_name(name):
                yield str(Address(vendor[1], kind, name))


def _of_states(root: Path, environment: str | None) -> Iterator[str]:
    """Those of the chosen environment, or of all."""
    project = _project(root)
    name = project.get("project")
    for each in [environment] if environment is not None else environments(root) or (DEFAULT_ENVIRONMENT,):
        url = _state_url(project, each)
        if url is None or not isinstance(name, str):
            continue
        try:
            state = Backend.open(url, root=root, project=name, environment=each).load().state
        except (BackendError, StoreError, OSError):
            continue
        yield from map(str, state.records if state is not None else ())


def _project(root: Path) -> Mapping[str, Node]:
    content = read_bytes(Found(PROJECT_FILE, root / PROJECT_FILE))
    trees = read(content, PROJECT_FILE).trees if not isinstance(content, Problem) else ()
    data = trees[0].data if trees else None
    return data if isinstance(data, dict) else {}


def _state_url(project: Mapping[str, Node], environment: str) -> str | None:
    """Where the state lies, when that is a folder and no variable is needed to know it."""
    declared = project.get("environments")
    own = declared.get(environment) if isinstance(declared, dict) else None
    said = (
        own["state"] if isinstance(own, dict) and "state" in own else project.get("state", "file://.reconciler/state")
    )
    url = said.get("url") if isinstance(said, dict) else said
    return url if isinstance(url, str) and url.startswith("file://") and "${" not in url else None
