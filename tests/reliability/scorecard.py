"""
The scorecard: how often each promise of reliability was put to the test, and how often it was broken.

    python tests/reliability/scorecard.py [--row R1 …] [--write] [--only-broken | --no-broken] [--jobs N]

Every row of `rows.py` runs in processes of its own. Then four builds that are broken on purpose must each turn their
row red (`broken.py`). With `--write` the figures go to `figures.json` and `REPORT.md`, the other rows keeping theirs.
The exit code is 0 only when no row lost anything and no broken build stayed green.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).parent
sys.path.append(str(HERE))

from broken import BROKEN, MARK, Broken, build, witnesses  # noqa: E402 - found only now
from report import render  # noqa: E402
from rows import ROWS, Part, Row  # noqa: E402

TESTS = HERE.parent
FIGURES = HERE / "figures.json"
REPORT = HERE / "REPORT.md"


@dataclass(slots=True)
class Figures:
    """What running some tests came to, also file by file; `version` is that of the program they ran."""

    attempts: int = 0
    losses: int = 0
    skipped: int = 0
    seconds: int = 0
    lost: list[str] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)
    files: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""

    @property
    def is_green(self) -> bool:
        """Whether something was attempted and nothing lost."""
        return self.attempts > 0 and self.losses == 0


def run(
    paths: Sequence[str],
    *,
    chosen: str = "",
    more: Sequence[str] = (),
    program: Path | None = None,
    workers: int = 0,
    is_sample: bool = False,
) -> Figures:
    """
    Run tests below `tests` in a process of their own; `program` is where a copy of the package lies.

    For a sample those tests that make many attempts make a few of them.
    """
    with TemporaryDirectory(prefix="scorecard-") as folder:
        file = Path(folder) / "figures.json"
        words = ["-p", "counting", "--figures", str(file), "--timeout", "300", "-q", "--tb", "line", *more]
        words += ["-n", str(workers)] if workers else ["-p", "no:xdist"]
        words += ["-k", chosen] if chosen else []
        began = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "pytest", *words, *(str(TESTS / each) for each in paths)],
            cwd=TESTS.parent,
            env={**os.environ, "PYTHONPATH": _path(program), "RECONCILER_SAMPLE": "1" if is_sample else ""},
            capture_output=True,
            text=True,
            check=False,
        )
        if not file.is_file():
            return Figures(
                losses=1, lost=[f"pytest ended with {ended.returncode}: {ended.stdout[-500:]}{ended.stderr[-500:]}"]
            )
        return _summed(json.loads(file.read_text(encoding="utf-8")), time.monotonic() - began)


def _path(program: Path | None) -> str:
    """What Python looks through first: a copy of the package, or what our caller wants, and the plugin."""
    return os.pathsep.join(
        each for each in (str(program or ""), str(HERE), "" if program else os.environ.get("PYTHONPATH", "")) if each
    )


def _summed(found: Mapping[str, Any], seconds: float) -> Figures:
    total = Figures(seconds=round(seconds), version=found["version"], files=found["files"])
    for each in found["files"].values():
        total.attempts += each["attempts"]
        total.losses += each["losses"]
        total.skipped += each["skipped"]
        total.lost += each["lost"]
        for reason, count in each["reasons"].items():
            total.reasons[reason] = total.reasons.get(reason, 0) + count
    return total


def run_part(part: Part, jobs: int) -> Figures:
    """All tests of a part."""
    return run(part.paths, chosen=part.chosen, workers=part.workers or jobs)


# --- broken builds ---


def run_broken(broken: Broken) -> tuple[Figures, str]:
    """
    What the tests of a row make of a broken build, and what is wrong with that; an empty text when they notice.

    The same tests must find nothing in a whole copy, or they would be red whatever they are shown.
    """
    whole, _ = _run_copy(broken, is_broken=False)
    figures, seen = _run_copy(broken, is_broken=True)
    if not whole.is_green:
        return figures, f"the same tests lose {whole.losses} of {whole.attempts} with a whole build"
    if not figures.version.endswith(MARK):
        return figures, f"the tests ran {figures.version or 'nothing'} and not the broken copy"
    if broken.starts_programs and all("pytest" in each for each in seen):
        return figures, "no process that the tests started ran the broken copy"
    return figures, "" if figures.losses else "it was not noticed"


def _run_copy(broken: Broken, *, is_broken: bool) -> tuple[Figures, list[str]]:
    with TemporaryDirectory(prefix="broken-build-") as name:
        folder = build(broken, Path(name), is_broken=is_broken)
        return run(broken.tests, chosen=broken.chosen, program=folder), witnesses(folder)


# --- what is told ---


def _tell(name: str, figures: Figures, verdict: str) -> None:
    skipped = f", {figures.skipped} skipped" if figures.skipped else ""
    print(f"{name}: {verdict}, {figures.attempts} attempts, {figures.losses} losses{skipped}, {figures.seconds} s")
    for each in figures.lost[:20]:
        print(f"    {each}")
    sys.stdout.flush()


def machine() -> str:
    """The machine in one line."""
    return f"{os.cpu_count()} cores, {platform.system()} on {platform.machine()}, Python {platform.python_version()}"


def commit() -> str:
    """The commit that is tried, with a `+` when files differ from it."""
    words = ["git", "-C", str(TESTS.parent)]
    head = subprocess.run([*words, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    changed = subprocess.run(
        [*words, "status", "--porcelain", "--untracked-files=no", "reconciler"],
        capture_output=True,
        text=True,
        check=False,
    )
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "") or "unknown"


def load() -> dict[str, Any]:
    """The figures of earlier runs."""
    known: dict[str, Any] = {"rows": {}, "broken": {}}
    if FIGURES.is_file():
        known = json.loads(FIGURES.read_text(encoding="utf-8"))
    return known


def keep(known: Mapping[str, Any]) -> None:
    """Write figures and report."""
    FIGURES.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    REPORT.write_text(render(known, ROWS, BROKEN), encoding="utf-8")


def _entry(figures: Figures) -> dict[str, object]:
    kept = asdict(figures)
    del kept["version"], kept["files"]
    kept["lost"] = figures.lost[:50]
    return kept


def _run_row(row: Row, jobs: int, known: dict[str, Any], *, write: bool) -> bool:
    parts: dict[str, object] = {}
    known["rows"][row.number] = {"commit": commit(), "machine": machine(), "parts": parts}
    green = True
    for part in row.parts:
        figures = run_part(part, jobs)
        green = green and figures.is_green
        _tell(f"{row.number} {part.name}", figures, "green" if figures.is_green else "RED")
        parts[part.name] = _entry(figures)
        if write:
            keep(known)
    return green


def _run_broken_builds(known: dict[str, Any], chosen: Sequence[str], *, write: bool) -> bool:
    noticed = True
    for broken in BROKEN:
        if chosen and broken.row not in chosen:
            continue
        figures, wrong = run_broken(broken)
        noticed = noticed and not wrong
        _tell(
            f"broken: {broken.name}",
            figures,
            f"NOT NOTICED: {wrong}" if wrong else f"{broken.row} is red, as it should be",
        )
        known["broken"][broken.name] = {**_entry(figures), "commit": commit(), "wrong": wrong}
        if write:
            keep(known)
    return noticed


def main(words: Sequence[str]) -> int:
    """Run what is asked for; gives the exit code."""
    parser = argparse.ArgumentParser(description="the scorecard of reliability")
    parser.add_argument("--row", action="append", default=[], choices=[each.number for each in ROWS])
    parser.add_argument("--write", action="store_true", help="write figures.json and REPORT.md")
    parser.add_argument("--only-broken", action="store_true", help="only the broken builds")
    parser.add_argument("--no-broken", action="store_true", help="without the broken builds")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once")
    asked = parser.parse_args(words)
    known = load()
    good = True
    if not asked.only_broken:
        for row in ROWS:
            if not asked.row or row.number in asked.row:
                good = _run_row(row, asked.jobs, known, write=asked.write) and good
    if not asked.no_broken:
        good = _run_broken_builds(known, asked.row, write=asked.write) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
