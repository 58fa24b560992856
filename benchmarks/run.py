"""
Time and memory of the program, each against a floor measured in the same run; not 0 when a limit is exceeded.

`python benchmarks/run.py [--quick] [--json FILE]`; README.md says what is measured and how to read it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from measure import (
    PYTHON,
    Broken,
    Line,
    Usage,
    best,
    document,
    exit_code,
    linear_line,
    ratio_line,
    run,
    start_line,
    table,
    typical,
    with_retry,
)

Samples = dict[tuple[str, int], list[Usage]]
"""What was measured, by command or floor and by size."""

HERE = Path(__file__).parent
START = 0.25
"""Seconds on the wall of an idle core."""
VALIDATE = 5.0
PLAN = 4.0
"""Multiples of the floor's CPU time."""
STARTS = (("version",), ("--help",), ("plan", "--help"))
HEAVY = (
    "boto3",
    "deepdiff",
    "google",
    "jsonschema",
    "msgspec",
    "networkx",
    "pydantic",
    "rich",
    "ruamel",
    "stamina",
    "urllib3",
    "uvicorn",
    "yaml",
)
"""What must not be loaded in order to print help."""
LEAST = 10
"""The size whose cost counts as start-up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured; `repeats` says how often each count of manifests is measured in one round."""

    repeats: Mapping[int, int]
    rounds: int
    starts: int


FULL = Effort(repeats={LEAST: 2, 1_000: 2, 10_000: 1}, rounds=3, starts=20)
QUICK = Effort(repeats={LEAST: 1, 1_000: 1, 3_000: 1}, rounds=2, starts=12)


class Vendor:
    """The emulated vendor in another process."""

    def __init__(self, process: subprocess.Popen[str], said: Mapping[str, str]) -> None:
        self._process = process
        self.url, self.key, self.secret = said["url"], said["key"], said["secret"]
        self.environ = {**os.environ, "BENCHMARK_KEY": self.key, "BENCHMARK_SECRET": self.secret}

    def hold(self, file: Path) -> None:
        """Hold these objects and no others."""
        self._ask(f"hold {file}")

    def asked(self) -> str:
        """A digest of what was asked since the last time."""
        return self._ask("asked")

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return _line(self._process.stdout)


@contextmanager
def serving() -> Iterator[Vendor]:
    """The vendor for as long as the block lasts."""
    with subprocess.Popen(
        [PYTHON, str(HERE / "vendor.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Vendor(process, json.loads(_line(process.stdout)))
        process.stdin.close()


def _line(stream: IO[str]) -> str:
    line = stream.readline()
    if not line:
        raise Broken("the emulated vendor has ended")
    return line.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project of `size` manifests that are all applied already."""

    folder: Path
    size: int
    vendor: Vendor

    def parse(self) -> Usage:
        """The floor of reading: parse the same files."""
        return self._floor("parse", str(self.folder / "specs"))

    def fetch(self) -> Usage:
        """The floor of asking: fetch the same pages."""
        return self._floor("fetch", self.vendor.url, self.vendor.key, self.vendor.secret)

    def validate(self) -> Usage:
        """`reconciler validate`."""
        used, said = self._product("validate")
        if not said.startswith(f"{self.size} resources "):
            raise Broken(f"`validate` says: {said}")
        return used

    def plan(self) -> Usage:
        """`reconciler plan`, which finds nothing to do."""
        used, said = self._product("plan", "--detailed-exitcode")
        if f"{self.size} unchanged" not in said.replace(",", ""):
            raise Broken(f"`plan` says: {said}")
        return used

    def check(self) -> None:
        """Whether a plan asks for exactly the pages that its floor fetches. Also warms every cache there is."""
        self.vendor.asked()
        self.plan()
        asked = self.vendor.asked()
        self.fetch()
        if self.vendor.asked() != asked:
            raise Broken("`plan` and its floor ask for different pages")

    def _floor(self, *words: str) -> Usage:
        used, said = run((str(HERE / "floors.py"), *words), self.vendor.environ)
        if said.strip() != str(self.size):
            raise Broken(f"the floor `{words[0]}` saw {said.strip()} of {self.size}")
        return used

    def _product(self, *words: str) -> tuple[Usage, str]:
        return run(("-m", "reconciler", "-C", str(self.folder), *words), self.vendor.environ)


def start_lines(effort: Effort) -> list[Line]:
    """How long the program takes to say anything at all."""
    commands = {"nothing": ("-c", "pass"), **{" ".join(words): ("-m", "reconciler", *words) for words in STARTS}}
    rounds = [{name: _used(words) for name, words in commands.items()} for _ in range(effort.starts)]
    found = {name: best(each[name] for each in rounds) for name in commands}
    floor = found.pop("nothing")
    return [start_line(f"start: {name}", used, floor, START) for name, used in found.items()]


def _used(words: Sequence[str]) -> Usage:
    return run(words, os.environ)[0]


def loaded_for_help() -> list[str]:
    """Heavy libraries that are loaded in order to print help."""
    words = "import sys; from reconciler.cli.main import run; run(['--help']); print('\\n' + ' '.join(sys.modules))"
    _, said = run(("-c", words), os.environ)
    return sorted({each.partition(".")[0] for each in said.splitlines()[-1].split()} & set(HEAVY))


def prepared(size: int, folder: Path, vendor: Vendor) -> Project:
    """A project of this size whose objects the vendor holds."""
    project = Project(folder=folder / str(size), size=size, vendor=vendor)
    run((str(HERE / "prepare.py"), str(project.folder), str(size), vendor.url), vendor.environ)
    vendor.hold(project.folder / "objects.json")
    project.check()
    return project


def sample(projects: Sequence[Project], effort: Effort, samples: Samples) -> None:
    """More samples of everything; every round has all sizes, so that all meet the same weather."""
    for _ in range(effort.rounds):
        for project in projects:
            for _ in range(effort.repeats[project.size]):
                for measured in (project.parse, project.validate, project.fetch, project.plan):
                    samples.setdefault((measured.__name__, project.size), []).append(measured())


def size_lines(samples: Samples) -> list[Line]:
    """Validation and an empty plan of each size, and how they grow."""
    found = {key: typical(usages) for key, usages in samples.items()}
    sizes = sorted({size for _, size in found})
    lines: list[Line] = []
    for size in sizes[1:]:
        parse, validate, fetch, plan = (found[name, size] for name in ("parse", "validate", "fetch", "plan"))
        lines += [
            ratio_line("validate / parse", size, validate, parse, VALIDATE),
            ratio_line("plan / fetch and parse", size, plan, fetch.plus(parse), PLAN),
            ratio_line("plan / fetch alone", size, plan, fetch, None),
        ]
    for name in ("validate", "plan"):
        lines.append(linear_line(f"{name}: growth over linear", {size: found[name, size] for size in sizes}))
    return lines


def measure_all(effort: Effort, folder: Path) -> list[Line]:
    """Every line of the table."""
    lines = with_retry(partial(start_lines, effort))
    samples: Samples = {}
    with ExitStack() as stack:
        projects = [prepared(size, folder, stack.enter_context(serving())) for size in effort.repeats]
        sample(projects, effort, samples)
        found = size_lines(samples)
        if exit_code(found):
            # Once more, and the median of all counts.
            sample(projects, effort, samples)
            found = size_lines(samples)
    return lines + found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether every limit is kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller sizes and fewer rounds, under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    given = parser.parse_args(arguments)
    effort = QUICK if given.quick else FULL
    began = time.monotonic()
    load = os.getloadavg()[0]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f} at the start", flush=True)
    heavy = loaded_for_help()
    with tempfile.TemporaryDirectory(prefix="reconciler-benchmarks-") as name:
        lines = measure_all(effort, Path(name))
    print(f"\n{table(lines)}\n")
    print(f"took {time.monotonic() - began:.0f} s; load {os.getloadavg()[0]:.1f} at the end")
    if heavy:
        print(f"`--help` loads {', '.join(heavy)}")
    if given.json is not None:
        given.json.write_text(json.dumps(document(lines), indent=2) + "\n", encoding="utf-8")
    return max(exit_code(lines), int(bool(heavy)))


if __name__ == "__main__":
    sys.exit(main())
