"""`fmt`: YAML files in one form, written in place of what they were."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.operations.failures import Invalid
from reconciler.operations.putting import put
from reconciler.operations.workspace import installed
from reconciler.specs import find_project
from reconciler.specs.files import Found, read_bytes
from reconciler.specs.formatting import formatted
from reconciler.specs.project_paths import given_files, project_files
from reconciler.specs.sources import without_secrets
from reconciler.values import Mark, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidied:
    """
    What became of the files.

    `changed` are those that were written, or would be, each with its text before and after. `fine` counts those that
    have the form already. What `problems` speak of is as it was.
    """

    changed: Mapping[str, tuple[str, str]]
    fine: int
    problems: tuple[Problem, ...]


def fmt(start: Path, paths: Sequence[Path] = (), *, write: bool) -> Tidied:
    """
    Bring the files under the paths into the one form, or without paths those of the project that `start` lies in.

    With `write` off nothing is written. Opens no connection. Raises `Invalid` when there is no project to ask.
    """
    if paths:
        found, problems = given_files(start, paths)
    else:
        root = find_project(start)
        if root is None:
            raise Invalid(
                f"there is no `reconciler.yaml` in `{start}` or above it",
                help="change to the project's folder, or name files to format",
            )
        found, problems = project_files(root)
    changed: dict[str, tuple[str, str]] = {}
    wrong = list(problems)
    fine = 0
    for each in found:
        content = read_bytes(each)
        if isinstance(content, Problem):
            wrong.append(content)
            continue
        result = formatted(content, each.name)
        trouble = result.problems
        if not trouble and result.text.encode() == content:
            fine += 1
            continue
        if not trouble and write:
            trouble = _written(each, content, result.text.encode())
        if trouble:
            wrong += trouble
            continue
        changed[each.name] = (content.decode(), result.text)
    return Tidied(changed=changed, fine=fine, problems=tuple(wrong))


def diff(name: str, before: str, after: str, secret_keys: Collection[str]) -> list[str]:
    """The lines of the change as a unified diff, in which no value of a key that holds a secret is shown."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{name}", f"b/{name}"
    )
    return [without_secrets(line.rstrip("\r\n"), secret_keys) for line in lines]


def secret_keys() -> frozenset[str]:
    """The keys that hold secrets, in any kind."""
    catalog = installed()
    return frozenset(
        path[-1]
        for vendor in catalog.names
        for kind in catalog.kinds(vendor)
        for path in catalog.traits(f"{vendor}/{kind}").secrets
    )


def _written(file: Found, before: bytes, after: bytes) -> tuple[Problem, ...]:
    """Put the new content in the file's place; a problem when that cannot be."""
    try:
        path = file.path.resolve()  # a link stays one
        if path.read_bytes() != before:
            why = "has changed since it was read"
        elif not os.access(path, os.W_OK):
            why = "may not be written"
        else:
            put(path, after)
            return ()
    except OSError as error:
        why = f"cannot be written: {(error.strerror or 'unknown reason').lower()}"
    message = f"`{file.name}` {why}"
    return (Problem(code="not-formatted", message=message, mark=Mark(file.name, 1, 1), help="run the command again"),)
