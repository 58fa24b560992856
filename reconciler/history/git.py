"""
What a git repository holds: its commits and the files of each, read through the `git` program.

One process lists the commits and one serves all files; neither writes, asks a server or runs what a repository's
settings name.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Self

_LONGEST = 60.0
"""Seconds that listing the commits may take."""
_FIELDS = ("%H", "%T", "%P", "%aN", "%aE", "%aI", "%s")
_NAMES = ("PATH", "HOME", "XDG_CONFIG_HOME")
_FOLDER, _LINK, _MODULE = b"40000", b"120000", b"160000"
_AT_ONCE = 400
"""Objects asked for together: their names fit into a pipe, so that nobody waits for anybody."""
_AHEAD = 100
"""Commits whose files are listed together."""
_KEPT = 1000
"""Commits whose lists of files are remembered: both sides of a merge lie near each other."""


class GitUnusable(Exception):
    """There is no history that could be read; says why, and what to do."""

    def __init__(self, what: str, help: str | None = None) -> None:
        super().__init__(what)
        self.help = help


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """
    One commit; `parents` are the nearest commits before it that touch what was asked for.

    `tree` is what git calls its files. `ends` says that the clone is shallow and what came before this commit is not
    in it.
    """

    id: str
    tree: str
    parents: tuple[str, ...]
    author: str
    email: str
    at: datetime
    subject: str
    ends: bool = False


class Repository:
    """
    One repository, to be closed after use.

    `folder` is where the project lies in it, with `/` at the end, and `""` at its top.
    """

    def __init__(self, root: Path, environ: Mapping[str, str], git_dir: Path | None = None) -> None:
        self._root = root
        given = {name: text for name, text in environ.items() if name in _NAMES or name.startswith("GIT_CONFIG")}
        # No server is asked for what a partial clone lacks, and nothing is rewritten meanwhile.
        self._environ = {**given, "LC_ALL": "C", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"}
        named = environ.get("GIT_DIR")
        self._git_dir = git_dir or (Path(named) if named else None)
        self._process: subprocess.Popen[bytes] | None = None
        self._order: tuple[Commit, ...] = ()
        self._trees: dict[str, list[tuple[str, str, bool]]] = {}
        self._files: dict[str, dict[str, str]] = {}
        self.folder = ""
        self.blob = lru_cache(maxsize=512)(self._blob)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process that serves files."""
        if self._process is not None:
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()
            self._process.wait()
            self._process = None

    def open(self, project_file: str) -> bool:
        """
        Find the project in the repository, and say whether that has a commit.

        Raises `GitUnusable` when there is no git or no repository, or when nobody can tell where the project lies.
        """
        head = self._said("rev-parse", "--verify", "--quiet", "HEAD^{tree}", empty=True).strip()
        if self._git_dir is None:
            self.folder = self._said("rev-parse", "--show-prefix").rstrip("\n")
        elif head:
            self.folder = self._found(head, project_file)
        return bool(head)

    def _found(self, head: str, project_file: str) -> str:
        """The folder of the project in a repository that is not the one around it."""
        holding = {
            path.removesuffix(project_file): blob
            for path, blob in self._listed([head])[head].items()
            if path == project_file or path.endswith(f"/{project_file}")
        }
        if len(holding) > 1:
            with suppress(OSError):
                own = (self._root / project_file).read_bytes()
                holding = {folder: blob for folder, blob in holding.items() if self.blob(blob) == own}
        if len(holding) == 1:
            return next(iter(holding))
        if holding:
            raise GitUnusable(f"several folders of the repository hold the same `{project_file}`")
        raise GitUnusable(
            f"the repository's present commit has no `{project_file}` like the one here",
            "name the repository that this project was copied from",
        )

    def commits(self, endings: Sequence[str] = (".yaml", ".yml")) -> tuple[Commit, ...]:
        """The commits up to the present one that touch such files of the project, each before its parents."""
        escaped = "".join(f"\\{sign}" if sign in "*?[\\" else sign for sign in self.folder)
        said = self._said(
            "log",
            "--topo-order",
            "--parents",
            "--no-show-signature",
            "-z",
            "--format=tformat:" + "%x00".join(_FIELDS),
            "HEAD",
            "--",
            *(f":(top,glob){escaped}**/*{each}" for each in endings),
        )
        shallow = self._shallow()
        fields = said.split("\0")
        self._order = tuple(
            _commit(fields[start : start + len(_FIELDS)], shallow)
            for start in range(0, len(fields) - len(_FIELDS) + 1, len(_FIELDS))
        )
        return self._order

    def _shallow(self) -> frozenset[str]:
        path = self._root / self._said("rev-parse", "--git-path", "shallow").rstrip("\n")
        try:
            return frozenset(path.read_text(encoding="ascii").split())
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise GitUnusable(f"`{path}` cannot be read: {error.strerror}") from None

    def files(self, commit: Commit) -> dict[str, str]:
        """
        The files of the project in a commit: names within the project, and what to ask `blob` for.

        Those of the commits behind it are listed with it.
        """
        if commit.tree not in self._files:
            start = self._order.index(commit)
            self._files |= self._listed([each.tree for each in self._order[start : start + _AHEAD]], self.folder)
            while len(self._files) > _KEPT:
                del self._files[next(iter(self._files))]
        return self._files[commit.tree]

    def blobs(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The bytes of many files, each once, none kept. Raises `GitUnusable` when the clone lacks one."""
        yield from self._objects(dict.fromkeys(names))

    def _listed(self, trees: Sequence[str], folder: str = "") -> dict[str, dict[str, str]]:
        """The files below a folder of each tree; what begins with a dot is no manifest, and left out."""
        here = {tree: tree for tree in trees}
        self._trees = {}
        for part in (each for each in folder.split("/") if each):
            self._learn(here.values())
            here = {
                tree: blob
                for tree, inner in here.items()
                for name, blob, is_folder in self._trees[inner]
                if is_folder and name == part
            }
        waiting = set(here.values())
        while waiting:
            self._learn(waiting)
            waiting = {
                blob
                for tree in waiting
                for name, blob, is_folder in self._trees[tree]
                if is_folder and not name.startswith(".") and blob not in self._trees
            }
        return {tree: dict(self._below(here[tree])) if tree in here else {} for tree in trees}

    def _below(self, tree: str) -> Iterator[tuple[str, str]]:
        for name, blob, is_folder in self._trees[tree]:
            if name.startswith("."):
                continue
            if is_folder:
                yield from ((f"{name}/{path}", inner) for path, inner in self._below(blob))
            else:
                yield name, blob

    def _learn(self, trees: Iterable[str]) -> None:
        """Know what these trees hold: names, what they are called, and whether they are folders."""
        for tree, content in self._objects({each: None for each in trees if each not in self._trees}):
            # An entry is its mode, a blank, its name, a zero and its digest in bytes (git, "Git Internals").
            entry = re.compile(rb"([0-7]+) ([^\0]+)\0(.{%d})" % (len(tree) // 2), re.DOTALL)
            self._trees[tree] = [
                (name.decode("utf-8", "backslashreplace"), blob.hex(), mode == _FOLDER)
                for mode, name, blob in entry.findall(content)
                if mode not in {_LINK, _MODULE}
            ]

    def _blob(self, name: str) -> bytes:
        """The bytes of a file. Raises `GitUnusable` when the clone does not hold it."""
        return next(iter(self._objects((name,))))[1]

    def _objects(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        rest = list(names)
        while rest:
            some, rest = rest[:_AT_ONCE], rest[_AT_ONCE:]
            yield from self._asked(some)

    def _asked(self, names: Sequence[str]) -> list[tuple[str, bytes]]:
        if self._process is None:
            self._process = self._started("cat-file", "--batch")
        asking, answering = self._process.stdin, self._process.stdout
        assert asking is not None
        assert answering is not None
        found: list[tuple[str, bytes]] = []
        with suppress(OSError):
            asking.write("".join(f"{name}\n" for name in names).encode())
            asking.flush()
            for name in names:
                head = answering.readline().split()
                if len(head) != 3:
                    break
                content = answering.read(int(head[2]) + 1)[:-1]
                if len(content) != int(head[2]):
                    break
                found.append((name, content))
        if len(found) < len(names):
            self.close()  # a clone that lacks a file and may not fetch it ends the process
            raise GitUnusable(
                f"the clone does not hold `{names[len(found)][:12]}`, or git ended early",
                "fetch the history whole, with its files",
            )
        return found

    def _words(self, *words: str) -> list[str]:
        where = [f"--git-dir={self._git_dir}"] if self._git_dir is not None else []
        # Settings of a repository may name programs to run and change what is printed; these do not.
        settings = (
            "log.showSignature=false",
            "log.follow=false",
            "i18n.logOutputEncoding=UTF-8",
            "core.fsmonitor=",
            "protocol.allow=never",
        )
        return ["git", *where, "--no-pager", *(word for each in settings for word in ("-c", each)), *words]

    def _started(self, *words: str) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 - nothing in it is a stranger's
                self._words(*words),
                cwd=self._root,
                env=self._environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError:
            raise _absent() from None

    def _said(self, *words: str, empty: bool = False) -> str:
        """What git prints; with `empty` a refusal without a word is nothing."""
        try:
            ended = subprocess.run(  # noqa: S603 - nothing in it is a stranger's
                self._words(*words),
                cwd=self._root,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_LONGEST,
                check=False,
            )
        except OSError:
            raise _absent() from None
        except subprocess.TimeoutExpired:
            raise GitUnusable(f"git has not answered within {_LONGEST:.0f} seconds") from None
        if ended.returncode and (ended.stderr.strip() or not empty):
            words_of_git = ended.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
            help = "run it in a clone of the repository, or name one with `--git-dir`"
            if "dubious ownership" in words_of_git[0]:  # as in containers of CI, where another user has cloned
                help = "if it is yours, say so: `git config --global --add safe.directory FOLDER`"
            raise GitUnusable(f"git cannot read the history: {words_of_git[0].removeprefix('fatal: ')}", help)
        return ended.stdout.decode("utf-8", "replace")


def _absent() -> GitUnusable:
    return GitUnusable("the `git` program is not installed", "install git; what others know of the fields is in it")


def _commit(fields: Sequence[str], shallow: frozenset[str]) -> Commit:
    name, tree, parents, author, email, at, subject = fields
    try:
        moment = datetime.fromisoformat(at).astimezone(UTC)
    except ValueError:  # a commit may say anything
        moment = datetime.fromtimestamp(0, UTC)
    return Commit(
        id=name,
        tree=tree,
        parents=tuple(parents.split()),
        author=author,
        email=email,
        at=moment,
        subject=subject,
        ends=name in shallow,
    )
