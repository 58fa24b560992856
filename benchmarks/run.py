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
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import event_lines
import record_lines
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
    requests_line,
    run,
    start_line,
    table,
    typical,
    with_retry,
)

Samples = dict[tuple[str, str, int], list[Usage]]
"""What was measured, by vendor, command or floor, and size."""

HERE = Path(__file__).parent
START = 0.25
"""Seconds on the wall of an idle core."""
VALIDATE = 5.0
PLAN = 4.0
"""Multiples of the floor's CPU time."""
ADOBE_PLAN = 5.5
"""The same, where one manifest makes four objects."""
STARTS = {("version",): START, ("--help",): START, ("plan", "--help"): None}
"""What is started, and its limit. The help of one command only informs: it is not what has to be there at once."""
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
EXPORTS = 1_000
"""Dataset exports of one sandbox at Adobe."""
MADE = {"adobe": 4, "didomi": 1}
"""How many objects one manifest makes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """
    How much is measured.

    `repeats` says how often each count of Didomi's manifests is measured in one round, `adobe` how often Adobe's are.
    """

    repeats: Mapping[int, int]
    adobe: int
    rounds: int
    starts: int


FULL = Effort(repeats={LEAST: 4, 1_000: 4, 10_000: 2}, adobe=2, rounds=3, starts=20)
QUICK = Effort(repeats={LEAST: 1, 1_000: 1, 3_000: 1}, adobe=1, rounds=2, starts=12)


class Vendor:
    """An emulated vendor in another process."""

    def __init__(self, name: str, process: subprocess.Popen[str], said: Mapping[str, str]) -> None:
        self.name = name
        self._process = process
        self.url, self.key, self.secret = said["url"], said["key"], said["secret"]
        self.environ = {**os.environ, "BENCHMARK_KEY": self.key, "BENCHMARK_SECRET": self.secret}

    def hold(self, file: Path) -> None:
        """Hold these objects and no others."""
        self._ask(f"hold {file}")

    def asked(self) -> Counter[str]:
        """What was asked since the last time, and how often."""
        return Counter(json.loads(self._ask("asked")))

    def cpu(self) -> float:
        """Seconds of CPU that it has used so far; nothing where the system does not tell."""
        file = Path(f"/proc/{self._process.pid}/stat")
        if not file.exists():
            return 0.0
        user, system = file.read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return _line(self._process.stdout)


@contextmanager
def serving(name: str = "didomi") -> Iterator[Vendor]:
    """The vendor for as long as the block lasts."""
    with subprocess.Popen(
        [PYTHON, str(HERE / "vendor.py"), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Vendor(name, process, json.loads(_line(process.stdout)))
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

    @property
    def objects(self) -> int:
        """How many objects the manifests make."""
        return self.size * MADE[self.vendor.name]

    def parse(self) -> Usage:
        """The floor of reading: parse the same files."""
        used, _ = self._floor("parse", str(self.folder / "specs"), documents=self.size)
        return used

    def fetch(self) -> Usage:
        """The floor of asking: fetch the same pages."""
        return self._fetched()[0]

    def validate(self) -> Usage:
        """`reconciler validate`."""
        used, said = self._product("validate")
        if not said.startswith(f"{self.objects} resources "):
            raise Broken(f"`validate` says: {said}")
        return used

    def plan(self) -> Usage:
        """`reconciler plan`, which finds nothing to do."""
        used, said = self._product("plan", "--detailed-exitcode")
        if f"{self.objects} unchanged" not in said.replace(",", ""):
            raise Broken(f"`plan` says: {said}")
        return used

    def check(self) -> Line | None:
        """
        Whether a plan asks for exactly the pages that its floor fetches. Also warms every cache there is.

        Where there is a budget of requests, a plan may also ask for more, and the line says how many there were.
        """
        self.vendor.asked()
        used = self.plan()
        asked = self.vendor.asked()
        _, seen = self._fetched()
        least = self.vendor.asked()
        budget = _budget(seen) if "datasets" in seen else None
        if least - asked or (asked != least and budget is None):
            raise Broken("`plan` and its floor ask for different pages")
        if budget is None:
            return None
        return requests_line(
            f"{self.vendor.name}: requests of plan", self.size, used, count=asked.total(), limit=budget
        )

    def _fetched(self) -> tuple[Usage, Mapping[str, int]]:
        vendor = self.vendor
        return self._floor("fetch", vendor.name, vendor.url, vendor.key, vendor.secret, objects=self.objects)

    def _floor(self, *words: str, **expected: int) -> tuple[Usage, Mapping[str, int]]:
        used, said = run((str(HERE / "floors.py"), *words), self.vendor.environ)
        seen: dict[str, int] = json.loads(said)
        if not expected.items() <= seen.items():
            raise Broken(f"the floor `{words[0]}` saw {seen} and not {expected}")
        return used, seen

    def _product(self, *words: str) -> tuple[Usage, str]:
        return run(("-m", "reconciler", "-C", str(self.folder), *words), self.vendor.environ)


def _budget(seen: Mapping[str, int]) -> int:
    """
    How many requests a plan at Adobe may send when there is nothing to do.

    One for every page of a hundred objects, every page of datasets that may be exported, every connection spec in
    use and every kind, and five more.
    """
    return seen["objects"] // 100 + -(-seen["datasets"] // 100) + seen["specs"] + seen["kinds"] + 5


def start_lines(effort: Effort) -> list[Line]:
    """How long the program takes to say anything at all."""
    commands = {"nothing": ("-c", "pass"), **{" ".join(words): ("-m", "reconciler", *words) for words in STARTS}}
    rounds = [{name: _used(words) for name, words in commands.items()} for _ in range(effort.starts)]
    found = {name: best(each[name] for each in rounds) for name in commands}
    floor = found.pop("nothing")
    limits = {" ".join(words): limit for words, limit in STARTS.items()}
    return [start_line(f"start: {name}", used, floor, limits[name]) for name, used in found.items()]


def _used(words: Sequence[str]) -> Usage:
    return run(words, os.environ)[0]


def loaded_for_help() -> list[str]:
    """Heavy libraries that are loaded in order to print help."""
    words = "import sys; from reconciler.cli.main import run; run(['--help']); print('\\n' + ' '.join(sys.modules))"
    _, said = run(("-c", words), os.environ)
    return sorted({each.partition(".")[0] for each in said.splitlines()[-1].split()} & set(HEAVY))


def prepared(size: int, folder: Path, vendor: Vendor) -> Project:
    """A project of this size whose objects the vendor holds."""
    project = Project(folder=folder / vendor.name / str(size), size=size, vendor=vendor)
    run((str(HERE / "prepare.py"), str(project.folder), str(size), vendor.url, vendor.name), vendor.environ)
    vendor.hold(project.folder / "objects.json")
    return project


def sample(projects: Sequence[Project], effort: Effort, samples: Samples) -> None:
    """More samples of everything; every round has all sizes, so that all meet the same weather."""
    for _ in range(effort.rounds):
        for project in projects:
            name = project.vendor.name
            for _ in range(effort.adobe if name == "adobe" else effort.repeats[project.size]):
                for measured in (project.parse, project.validate, project.fetch, project.plan):
                    samples.setdefault((name, measured.__name__, project.size), []).append(measured())


def size_lines(samples: Samples) -> list[Line]:
    """Validation and an empty plan of each size, and how they grow; at Adobe, of one size."""
    found = {(name, size): typical(usages) for (vendor, name, size), usages in samples.items() if vendor == "didomi"}
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
    parse, validate, fetch, plan = (
        typical(samples["adobe", name, EXPORTS]) for name in ("parse", "validate", "fetch", "plan")
    )
    return [
        *lines,
        ratio_line("adobe: validate / parse", EXPORTS, validate, parse, VALIDATE),
        ratio_line("adobe: plan / fetch and parse", EXPORTS, plan, fetch.plus(parse), ADOBE_PLAN),
        ratio_line("adobe: plan / fetch alone", EXPORTS, plan, fetch, None),
    ]


def measure_all(effort: Effort, folder: Path) -> list[Line]:
    """Every line of the table."""
    lines = with_retry(partial(start_lines, effort))
    with serving() as vendor:
        sizes = event_lines.QUICK if effort is QUICK else event_lines.FULL
        lines += with_retry(partial(event_lines.event_lines, vendor, folder / "events", sizes))
    records = record_lines.QUICK if effort is QUICK else record_lines.FULL
    lines += with_retry(partial(record_lines.record_lines, folder / "records", records, dict(os.environ)))
    samples: Samples = {}
    with ExitStack() as stack:
        projects = [prepared(size, folder, stack.enter_context(serving())) for size in effort.repeats]
        projects.append(prepared(EXPORTS, folder, stack.enter_context(serving("adobe"))))
        requests = [line for line in (project.check() for project in projects) if line is not None]
        sample(projects, effort, samples)
        found = size_lines(samples)
        if exit_code(found):
            # Once more, and the median of all counts.
            sample(projects, effort, samples)
            found = size_lines(samples)
    return lines + found + requests


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
