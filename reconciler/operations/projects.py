"""
`projects`: the projects of a repository, and which of them a change concerns.

In doubt a project counts as changed: a plan too many costs a minute, a plan too few is a change that nobody saw.
"""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.operations.failures import Failure
from reconciler.specs import PROJECT_FILE
from reconciler.specs.files import find
from reconciler.specs.reader import MAX_BYTES, read
from reconciler.specs.tree import Node

_LONGEST = 60.0
"""Seconds that git may take."""

_SKIPPED = frozenset({"node_modules", "__pycache__"})
_GLOB = re.compile(r"[*?\[]")
_MANIFESTS = "specs/"
_POLICIES = "policies/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """
    One project: its folder from where the search began (`.` for that), its name and its environments.

    `because` says why it counts as changed, and is empty when it does not. `name` is empty when nobody can say it.
    """

    path: str
    name: str
    environments: tuple[str, ...] = ()
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The projects in the order of their paths; `unsure` says why all of them count as changed, if they do."""

    projects: tuple[Found, ...]
    unsure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """
    A project, the paths that concern it, from the top of the repository, and the names of the projects it refers to.

    `unread` says why nobody knows all of that.
    """

    found: Found
    concerns: frozenset[str]
    refers: frozenset[str] = frozenset()
    unread: str = ""


def survey(top: Path, environ: Mapping[str, str], *, since: str | None = None) -> Survey:
    """
    Every project below the folder `top`, and with `since` (a revision) which of them changed since then.

    What is not committed yet counts too. Raises `Failure` when there is no project.
    """
    folders = _folders(top)
    if not folders:
        raise Failure(
            f"there is no `{PROJECT_FILE}` in `{top}` or below it",
            help="name the folder of the repository with `-C`",
        )
    git = _Git(top, environ)
    prefix = (git.ask("rev-parse", "--show-prefix") or "").rstrip("\n")
    readings = [_read_project(top, folder, prefix) for folder in folders]
    if since is None:
        return Survey(projects=tuple(each.found for each in readings))
    changed = _changed(git, since)
    if isinstance(changed, str):
        told = tuple(replace(each.found, because=changed) for each in readings)
        return Survey(projects=told, unsure=changed)
    return Survey(projects=tuple(_judged(readings, changed)))


def _judged(readings: Sequence[_Reading], changed: Sequence[str]) -> Iterator[Found]:
    because = {each.found.path: _because(each, changed) for each in readings}
    names: dict[str, list[str]] = {}
    for each in readings:
        names.setdefault(each.found.name, []).append(each.found.path)
    waiting = [each.found for each in readings if because[each.found.path]]
    while waiting:
        cause = waiting.pop()
        for each in readings:
            if cause.name and cause.name in each.refers and not because[each.found.path]:
                because[each.found.path] = f"it refers to `{cause.name}`, which changed"
                waiting.append(each.found)
    for each in readings:
        yield replace(each.found, because=because[each.found.path])


def _because(reading: _Reading, changed: Sequence[str]) -> str:
    if reading.unread and changed:
        return reading.unread
    hits = [each for each in changed if _concerns(reading.concerns, each)]
    if not hits:
        return ""
    rest = f" and {len(hits) - 1} more" if len(hits) > 1 else ""
    return f"`{hits[0]}`{rest} changed"


def _concerns(named: frozenset[str], path: str) -> bool:
    """Whether the path, or a folder that it lies in, is named."""
    parts = path.split("/")
    return "." in named or any("/".join(parts[:length]) in named for length in range(1, len(parts) + 1))


# --- what a project names ---


def _folders(top: Path) -> list[str]:
    """The folders with a project file, nothing hidden; links are not followed."""
    found = []
    for folder, names, files in os.walk(top):
        names[:] = sorted(each for each in names if not each.startswith(".") and each not in _SKIPPED)
        if PROJECT_FILE in files:
            found.append(Path(folder).relative_to(top).as_posix())
    return sorted(found)


def _read_project(top: Path, folder: str, prefix: str) -> _Reading:
    root = top / folder
    home = f"{prefix}{folder}"
    own = _joined(home, PROJECT_FILE)
    whole = _documents(root / PROJECT_FILE)
    if whole is None or len(whole) != 1 or not isinstance(whole[0], dict):
        why = f"its `{PROJECT_FILE}` cannot be read, so that nobody knows what concerns it"
        return _Reading(found=Found(path=folder, name=""), concerns=frozenset({own}), unread=why)
    written = whole[0]
    environments = written.get("environments")
    declared = environments if isinstance(environments, dict) else {}
    blocks = [written, *(each for each in declared.values() if isinstance(each, dict))]
    folders = {each for block in blocks for each in _texts(block.get("manifests", [_MANIFESTS]))}
    policies = [block["policies"] for block in blocks if "policies" in block]
    rules = {_POLICIES, *_texts(policies)} if policies else set()
    texts = {*folders, *rules, *(each for block in blocks for each in _texts(block.get("overlays")))}
    if any("${" in each for each in texts):
        texts.add(".")  # a path that the environment decides may be any
    named = {_joined(home, each) for each in texts}
    unread = ""
    for each in find(root, sorted(folders), frozenset())[0]:
        documents = _documents(each.path)
        if documents is None:
            unread = f"`{_joined(home, each.name)}` cannot be read, and may name any file"
            break
        # A link leads to the file that changes, and whatever path stands in a manifest (a schema, events) concerns it.
        named.add(_joined(home, os.path.relpath(each.path.resolve(), root.resolve())))
        for text in _texts(documents):
            named |= {_joined(home, text), _joined(home, posixpath.dirname(each.name), text)}
    name = written.get("project")
    return _Reading(
        found=Found(path=folder, name=name if isinstance(name, str) else "", environments=tuple(sorted(declared))),
        concerns=frozenset({own, *named}) - {""},
        refers=frozenset(each for block in blocks for each in _referred(block.get("projects"))),
        unread=unread,
    )


def _referred(projects: Node) -> Iterator[str]:
    """The names of the projects that a project file refers to."""
    for name, each in projects.items() if isinstance(projects, dict) else ():
        given = each.get("project") if isinstance(each, dict) else None
        yield given if isinstance(given, str) else name


def _documents(path: Path) -> list[Node] | None:
    """What a YAML file holds; None when it cannot be read whole."""
    try:
        with path.open("rb") as file:
            reading = read(file.read(MAX_BYTES + 1), path.name, nulls=True)
    except OSError:
        return None
    return [each.data for each in reading.trees] if reading.complete else None


def _texts(node: Node) -> Iterator[str]:
    """Every text in it."""
    waiting = [node]
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case dict(mapping):
                waiting.extend(mapping.values())
            case list(items):
                waiting.extend(items)
            case _:
                pass


def _joined(*parts: str) -> str:
    """The path from the top, `.` for that; of a pattern the folder that it begins with; empty for what lies outside."""
    given = "/".join(each for each in parts if each)
    pattern = _GLOB.search(given)
    if pattern:
        given = given[: pattern.start()].rpartition("/")[0] or "."
    if parts[-1].startswith("/") or "\0" in given or len(given) > 4096:
        return ""
    path = posixpath.normpath(given)
    return "" if path == ".." or path.startswith(("../", "/")) else path


# --- what changed ---


def _changed(git: _Git, since: str) -> list[str] | str:
    """The repository's files that differ from where this branch left `since`, sorted; or why nobody can say."""
    if git.ask("rev-parse", "--is-inside-work-tree") != "true\n":
        return "git cannot say what changed here"
    if git.ask("rev-parse", "--is-shallow-repository") != "false\n":
        return "the clone is shallow: fetch the whole history (`fetch-depth: 0`) to have less planned"
    commit = git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{since}^{{commit}}")
    if commit is None:
        return f"the revision `{since}` is not known in this clone"
    base = git.ask("merge-base", commit.strip(), "HEAD")
    if base is None:
        return f"this branch and `{since}` have nothing in common"
    differing = git.ask(
        "diff", "--name-only", "--no-relative", "--no-renames", "--no-ext-diff", "-z", base.strip(), "--"
    )
    new = git.ask("ls-files", "--others", "--exclude-standard", "--full-name", "-z", "--", ":/")
    if differing is None or new is None:
        return "git cannot say what changed here"
    return sorted({each for each in (*differing.split("\0"), *new.split("\0")) if each})


class _Git:
    """The user's git, in one folder."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = {name: environ[name] for name in ("PATH", "HOME") if name in environ}

    def ask(self, *words: str) -> str | None:
        """What it answers; None when it fails or is not there."""
        try:
            said = subprocess.run(  # noqa: S603 - a revision is one word behind `--end-of-options`
                ["git", "-C", str(self._folder), *words],  # noqa: S607 - the user's own git
                env={**self._environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="surrogateescape",
                timeout=_LONGEST,
                check=False,
            )
        except (OSError, subprocess.SubprocessError, ValueError):
            return None
        return said.stdout if said.returncode == 0 else None
