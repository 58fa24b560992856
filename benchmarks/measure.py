"""Processes measured from outside, and the lines of the table with what they are held to."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce
from statistics import median

PYTHON = sys.executable
LINEAR = 1.5
"""
How much more than in proportion the larger size may cost: a larger heap outgrows the processor's caches, and since
start-up is taken off, an unlucky tenth of a second weighs twice. What grew with the square would stand at 10.
"""
_TOLD = 9
_BETWEEN = f"""
import os, sys, time
began = time.perf_counter()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_CLOSE, {_TOLD})])
_, status, used = os.wait4(pid, 0)
wall = time.perf_counter() - began
os.write({_TOLD}, f"{{status}} {{wall}} {{used.ru_utime + used.ru_stime}} {{used.ru_maxrss}}".encode())
"""
"""Starts the words that follow and writes down what they cost."""


class Broken(Exception):
    """A measured process did not do what it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one process cost: seconds on the wall and of CPU (user and system, all threads), and its peak memory."""

    wall: float
    cpu: float
    peak_mb: float

    def better(self, other: Usage) -> Usage:
        """The least time of both, and the larger memory."""
        return Usage(
            wall=min(self.wall, other.wall), cpu=min(self.cpu, other.cpu), peak_mb=max(self.peak_mb, other.peak_mb)
        )

    def plus(self, other: Usage) -> Usage:
        """One after the other."""
        return Usage(wall=self.wall + other.wall, cpu=self.cpu + other.cpu, peak_mb=max(self.peak_mb, other.peak_mb))


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[Usage, str]:
    """
    What `python ARGUMENTS` cost and printed. Raises `Broken` when it fails.

    The kernel counts the memory of whoever starts a process as the process's own until it becomes another program, so
    a small process stands between.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
        words = [PYTHON, "-I", "-S", "-c", _BETWEEN, PYTHON, *arguments]
        streams = [
            (os.POSIX_SPAWN_DUP2, out.fileno(), 1),
            (os.POSIX_SPAWN_DUP2, said.fileno(), 2),
            (os.POSIX_SPAWN_DUP2, told.fileno(), _TOLD),
        ]
        pid = os.posix_spawn(PYTHON, words, environ, file_actions=streams)
        os.waitpid(pid, 0)
        for file in (out, said, told):
            file.seek(0)
        text, errors = out.read().decode(), said.read().decode()
        status, wall, cpu, peak = map(float, told.read().split())
    code = os.waitstatus_to_exitcode(int(status))
    if code != 0:
        raise Broken(f"`python {' '.join(arguments)}` ended with {code}\n{text[-2000:]}{errors[-2000:]}")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return Usage(wall=wall, cpu=cpu, peak_mb=peak / unit), text


def best(usages: Iterable[Usage]) -> Usage:
    """The least time, and the largest memory: for what is so short that only a neighbour could make it longer."""
    return reduce(Usage.better, usages)


def typical(usages: Sequence[Usage]) -> Usage:
    """
    The median time, and the largest memory.

    A short run meets a lucky moment more easily than a long one, so the best of each would not compare them fairly.
    """
    return Usage(
        wall=median(each.wall for each in usages),
        cpu=median(each.cpu for each in usages),
        peak_mb=max(each.peak_mb for each in usages),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    One line of the table.

    `figure` is what is held to `limit`, in the `unit` that the heading of the table explains; a line without a limit
    only informs.
    """

    what: str
    size: int | None
    used: Usage
    floor: Usage | None
    figure: float
    unit: str
    limit: float | None = None

    @property
    def exceeded(self) -> bool:
        """Whether the figure is above its limit."""
        return self.limit is not None and self.figure > self.limit


def start_line(what: str, used: Usage, floor: Usage, limit: float | None) -> Line:
    """A start-up, held to seconds on the wall."""
    return Line(what=what, size=None, used=used, floor=floor, figure=used.wall, unit="s", limit=limit)


def ratio_line(what: str, size: int, used: Usage, floor: Usage, limit: float | None) -> Line:
    """A command, held to a multiple of its floor's CPU time."""
    return Line(what=what, size=size, used=used, floor=floor, figure=used.cpu / floor.cpu, unit="x", limit=limit)


def requests_line(what: str, size: int, used: Usage, *, count: int, limit: int) -> Line:
    """A command, held to a number of requests, whatever they cost."""
    return Line(what=what, size=size, used=used, floor=None, figure=count, unit="req", limit=limit)


def linear_line(what: str, costs: Mapping[int, Usage]) -> Line:
    """
    How much more the largest of three sizes costs than in proportion to the middle one, in CPU time.

    What the smallest costs is start-up and is taken off both.
    """
    least, small, large = sorted(costs)
    expected = (large - least) / (small - least)
    grown = (costs[large].cpu - costs[least].cpu) / max(costs[small].cpu - costs[least].cpu, 1e-3)
    return Line(
        what=what,
        size=large,
        used=costs[large],
        floor=costs[small],
        figure=grown / expected,
        unit="x",
        limit=LINEAR,
    )


def table(lines: Sequence[Line]) -> str:
    """The lines as a table for people."""
    heading = ("what", "size", "wall s", "cpu s", "floor wall", "floor cpu", "figure", "limit", "peak MB", "")
    rows = [heading, *(_row(each) for each in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heading))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _row(line: Line) -> tuple[str, ...]:
    used, floor = line.used, line.floor
    return (
        line.what,
        f"{line.size:,}" if line.size is not None else "",
        f"{used.wall:.2f}",
        f"{used.cpu:.2f}",
        f"{floor.wall:.2f}" if floor is not None else "",
        f"{floor.cpu:.2f}" if floor is not None else "",
        f"{line.figure:{'.0f' if line.unit in ('req', '/s') else '.2f'}} {line.unit}",
        f"{line.limit:g} {line.unit}" if line.limit is not None else "none",
        f"{used.peak_mb:.0f}",
        "TOO MUCH" if line.exceeded else "",
    )


def with_retry(measure: Callable[[], list[Line]]) -> list[Line]:
    """The lines, measured a second time when one is above its limit; of two figures the lower one counts."""
    lines = measure()
    if not any(each.exceeded for each in lines):
        return lines
    again = {(each.what, each.size): each for each in measure()}
    return [min(each, again[each.what, each.size], key=lambda line: line.figure) for each in lines]


def exit_code(lines: Sequence[Line]) -> int:
    """0 when every line keeps its limit, else 1."""
    return int(any(each.exceeded for each in lines))


def document(lines: Sequence[Line]) -> list[dict[str, object]]:
    """The lines as JSON data, rounded to what they are worth."""
    return [asdict(replace(each, figure=round(each.figure, 3))) for each in lines]
