"""Builds that are broken on purpose: each must turn its row red, or the scorecard proves nothing."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "reconciler"
MARK = "+copy"
"""What the version of every copy ends with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """
    One small textual change, and the tests of a row that must notice it.

    With `starts_programs` these start the program as a process, which must run the broken copy too.
    """

    name: str
    row: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]
    chosen: str
    starts_programs: bool


BROKEN = (
    Broken(
        name="the ownership mark is not written",
        row="R1",
        file="sdk/ownership.py",
        before='    return f"{plain} {mark}" if plain else mark\n',
        after="    return plain\n",
        tests=("kills/test_kills.py",),
        chosen="create-committed-POST.exports",
        starts_programs=True,
    ),
    Broken(
        name="the intent is written after the act",
        row="R1",
        file="operations/applying.py",
        before="""\
        intent = self._intend(step, change, order, memo, there)
        reply: Observed | None
        try:
            reply = yield from _call(self._noting(intent, lambda: handler.create(replace(order, memo=memo))))
""",
        after="""\
        reply: Observed | None
        early = yield from _call(lambda: handler.create(replace(order, memo=memo)))
        intent = self._intend(step, change, order, memo, there)
        try:
            reply = early
""",
        tests=("kills/test_kills.py",),
        chosen="create-committed-POST.exports or quarry-again-committed-POST.extracts",
        starts_programs=True,
    ),
    Broken(
        name="the first page of a list is believed to be all",
        row="R8",
        file="providers/didomi/client.py",
        before="""\
            if total is not None and len(found) == total:
                return list(found.values())
""",
        after="""\
            return list(found.values())
""",
        tests=("reliability/short_lists.py",),
        chosen="whichever_page and didomi",
        starts_programs=False,
    ),
    Broken(
        name="the lock is ignored",
        row="R4",
        file="backend/locks.py",
        before="""\
                    other = read_holder(held.body)
                rest""",
        after="""\
                    left_behind = held.body
                    break
                rest""",
        tests=("reliability/many_applies.py",),
        chosen="turned_away and file and 2",
        starts_programs=True,
    ),
)


def build(broken: Broken, folder: Path, *, is_broken: bool = True) -> Path:
    """
    A copy of the package, with the change in it unless it is to stay whole; gives what to put on Python's path.

    Its version ends with a mark, and every process that imports it leaves its command line in `witnesses`.
    """
    copy = folder / "reconciler"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "witnesses").mkdir()
    if is_broken:
        _change(copy / broken.file, broken.before, broken.after)
    first = copy / "__init__.py"
    line = next(each for each in first.read_text(encoding="utf-8").splitlines() if each.startswith("__version__"))
    _change(first, line, f'{line[:-1]}{MARK}"\n{_witness(folder / "witnesses")}')
    return folder


def is_in(broken: Broken) -> bool:
    """Whether the text to be changed stands in the package exactly once."""
    return (PACKAGE / broken.file).read_text(encoding="utf-8").count(broken.before) == 1


def witnesses(folder: Path) -> list[str]:
    """The command lines of all processes that ran the copy."""
    return [each.read_text(encoding="utf-8") for each in (folder / "witnesses").iterdir()]


def _change(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    if text.count(before) != 1:
        raise ValueError(f"{path.name} does not hold the text to be changed exactly once: {before!r}")
    path.write_text(text.replace(before, after), encoding="utf-8")


def _witness(folder: Path) -> str:
    return (
        "import os, pathlib, sys\n"
        f"pathlib.Path({str(folder)!r}, str(os.getpid())).write_text(' '.join(sys.orig_argv), encoding='utf-8')\n"
    )
