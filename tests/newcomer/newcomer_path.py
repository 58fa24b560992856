"""
The README's first export, typed as a newcomer would, and how long each command takes.

`python tests/newcomer/newcomer_path.py` prints a line for each command. Nothing but the page says what is typed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))

from docs_stage import ROOT, Block, blocks, commands, terminal

HEADING = "## A first export, step by step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """One command of the page: how it ended, how it should have, what it printed, and the seconds it took."""

    text: str
    code: int
    expected: int
    printed: str
    seconds: float


def steps() -> list[Block]:
    """The fences of the section, in order."""
    page = ROOT / "README.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    begin = lines.index(HEADING) + 1
    end = next(number for number, line in enumerate(lines[begin:], begin) if line.startswith("## "))
    return [block for block in blocks(page) if begin < block.at <= end]


def walk(folder: Path) -> Iterator[Typed]:
    """Do what the section says in an empty folder."""
    with terminal(folder) as shell:
        for block in steps():
            if block.language == "diff" and block.words:
                shell.edit(block.words, block.lines)
            for command in commands(block) if block.language == "console" else ():
                began = time.monotonic()
                code, printed = shell.run(command)
                yield Typed(
                    text=command.text,
                    code=code,
                    expected=command.code,
                    printed=printed,
                    seconds=time.monotonic() - began,
                )


def main() -> int:
    """Print what each command took; the exit code is 1 when one did not do what the page says."""
    total, wrong = 0.0, 0
    with TemporaryDirectory(prefix="reconciler-newcomer-") as folder:
        for each in walk(Path(folder)):
            total += each.seconds
            verdict = "" if each.code == each.expected else f"  exit code {each.code} instead of {each.expected}"
            wrong += bool(verdict)
            print(f"{each.seconds:6.1f} s  {each.text}{verdict}", flush=True)
    print(f"{total:6.1f} s  from nothing to an applied, changed and removed export")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
