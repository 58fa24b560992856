"""The YAML files of a project, whichever environment reads them: what can be formatted without opening the project."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from reconciler.specs.files import Found, find, read_bytes
from reconciler.specs.project import PROJECT_FILE
from reconciler.specs.project_file import EnvironmentFile, PoliciesFile
from reconciler.specs.reader import read
from reconciler.specs.tree import Node
from reconciler.values import Problem


def project_files(root: Path) -> tuple[tuple[Found, ...], tuple[Problem, ...]]:
    """
    The project file, and every manifest, overlay and file of rules that it names in any environment.

    A path that needs a variable, or that is not there, is left out: `validate` speaks of those.
    """
    own = Found(PROJECT_FILE, root / PROJECT_FILE)
    content = read_bytes(own)
    if isinstance(content, Problem):
        return (), (content,)
    named = [
        each
        for tree in read(content, PROJECT_FILE).trees[:1]
        for each in _named(tree.data)
        if "${" not in each and (root / each).exists() and _is_filled(root / each)
    ]
    found, problems = find(root, list(dict.fromkeys(named)), frozenset({PROJECT_FILE}))
    return (own, *found), problems


def given_files(start: Path, paths: Sequence[Path]) -> tuple[tuple[Found, ...], tuple[Problem, ...]]:
    """The YAML files that the paths name or hold; relative ones begin at `start`."""
    found: dict[Path, Found] = {}
    problems: list[Problem] = []
    begin = start.resolve()
    for each in paths:
        path = Path(os.path.normpath(begin / each))
        is_within = path.is_relative_to(begin) and path.resolve().is_relative_to(begin)
        base = begin if is_within else path if path.is_dir() else path.parent
        some, wrong = find(base, [path.relative_to(begin) if is_within else path], frozenset())
        problems += wrong
        for one in some:
            found.setdefault(one.path, one if is_within else Found(str(one.path), one.path))
    return tuple(found.values()), tuple(problems)


def _named(project: Node) -> Iterator[str]:
    """The paths that the project file names: at its top, and in each environment."""
    if not isinstance(project, dict):
        return
    environments = project.get("environments")
    said = [each for each in environments.values() if isinstance(each, dict)] if isinstance(environments, dict) else []
    if "manifests" not in project:
        yield from EnvironmentFile().manifests
    for holder in (project, *said):
        rules = holder.get("policies")
        if isinstance(rules, dict) and "paths" not in rules:
            yield from PoliciesFile().paths
        for each in (holder.get("manifests"), holder.get("overlays"), rules):
            listed = each.get("paths") if isinstance(each, dict) else each
            yield from (one for one in listed if isinstance(one, str)) if isinstance(listed, list) else ()


def _is_filled(path: Path) -> bool:
    """Whether it is a file, or a folder that holds anything."""
    return not path.is_dir() or next(path.iterdir(), None) is not None
