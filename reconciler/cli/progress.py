"""Progress for people: a moving line on a terminal, plain lines without one."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import click

from reconciler.cli.log_lines import JsonLines, lines
from reconciler.cli.settings import Settings
from reconciler.reports.escape import plain
from reconciler.reports.outcome_text import render_outcome
from reconciler.values import Outcome, OutcomeStatus, Step

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PATIENCE = 1.0
"""Seconds after which a phase is worth a word."""


EVERY = 10.0
"""Seconds between two lines about one step, where lines cannot be written over."""


class _Pace:
    """How far steps that are made in parts have come, how fast, and how long it will take; a line now and then."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._began: dict[str, tuple[float, int]] = {}
        self._said: dict[str, float] = {}

    def line(self, step: Step, done: int, total: int) -> str | None:
        """A line about the step, if it is time for one; the rate counts from the first that was told of it."""
        now = time.monotonic()
        began, first = self._began.setdefault(step.name, (now, done))
        last = self._said.setdefault(step.name, began)
        if now - last < self._every or (self._every and done >= total):
            return None
        self._said[step.name] = now
        text = f"{step.name}: {done:,} of {total:,}"
        rate = (done - first) / (now - began) if now > began else 0.0
        if rate <= 0:
            return text
        return f"{text}, {rate:,.0f} a second, {_length((total - done) / rate)} left"


def _length(seconds: float) -> str:
    """A time that is left, as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Speaking(Protocol):
    """A progress that is used as a context."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def phase(self, text: str) -> None: ...
    def planned(self, total: int) -> None: ...
    def started(self, step: Step) -> None: ...
    def moved(self, step: Step, done: int, total: int) -> None: ...
    def ended(self, outcome: Outcome) -> None: ...
    def pause(self) -> None: ...


def progress(settings: Settings) -> Speaking:
    """What suits stderr: objects where asked for, plain lines in CI and files, a moving line on a terminal."""
    out = lines()
    if out is not None:
        return _Objects(out)
    if sys.stderr.isatty() and not settings.in_ci:
        return _Moving()
    return _Plain()


class _Plain:
    """One line per phase that takes over a second, and per finished step."""

    def __init__(self) -> None:
        self._total = 0
        self._done = 0
        self._timer: threading.Timer | None = None
        self._pace = _Pace(EVERY)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pause()

    def pause(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def phase(self, text: str) -> None:
        self.pause()
        self._timer = threading.Timer(PATIENCE, lambda: click.echo(f"{text} …", err=True))
        self._timer.daemon = True
        self._timer.start()

    def planned(self, total: int) -> None:
        self.pause()
        self._total = total

    def started(self, step: Step) -> None:
        pass

    def moved(self, step: Step, done: int, total: int) -> None:
        line = self._pace.line(step, done, total)
        if line is not None:
            click.echo(line, err=True)

    def ended(self, outcome: Outcome) -> None:
        self._done += 1
        click.echo(f"[{self._done}/{self._total}] {render_outcome(outcome)}", err=True)


_LEVELS = {OutcomeStatus.DONE: "info", OutcomeStatus.FAILED: "error", OutcomeStatus.UNKNOWN: "error"}


class _Objects:
    """One object for every phase, and for the beginning and the end of every step."""

    def __init__(self, out: JsonLines) -> None:
        self._out = out
        self._pace = _Pace(EVERY)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def pause(self) -> None:
        pass

    def phase(self, text: str) -> None:
        self._out.say("info", "phase", text)

    def planned(self, total: int) -> None:
        self._out.say("info", "planned", f"{total} steps are to be made", steps=total)

    def started(self, step: Step) -> None:
        self._out.say("info", "step", step.name, status="started", **self._words(step))

    def moved(self, step: Step, done: int, total: int) -> None:
        line = self._pace.line(step, done, total)
        if line is not None:
            self._out.say("info", "step", line, status="moved", done=done, total=total, **self._words(step))

    def ended(self, outcome: Outcome) -> None:
        self._out.say(
            _LEVELS.get(outcome.status, "warning"),
            "step",
            render_outcome(outcome),
            status=outcome.status.value,
            seconds=round(outcome.seconds, 3),
            id=outcome.id,
            reason=outcome.message,
            **self._words(outcome.step),
        )

    @staticmethod
    def _words(step: Step) -> dict[str, str]:
        return {"address": str(step.address), "verb": step.verb.value}


class _Moving:
    """A moving line while something takes over a second, and a bar over the steps of an apply."""

    def __init__(self) -> None:
        self._moving: Progress | None = None
        self._timer: threading.Timer | None = None
        self._task: TaskID | None = None
        self._under_way: dict[str, None] = {}
        self._pace = _Pace(0.0)
        self._come: dict[str, str] = {}

    @staticmethod
    def _line(*, bar: bool) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        middle = (BarColumn(bar_width=20), MofNCompleteColumn()) if bar else ()
        return Progress(
            SpinnerColumn(),
            *middle,
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=Console(stderr=True, highlight=False),
            transient=True,
        )

    def __enter__(self) -> Self:
        self.phase("reading the project")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pause()

    def pause(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._moving is not None:
            self._moving.stop()
            self._moving = None

    def phase(self, text: str) -> None:
        self.pause()
        moving = self._line(bar=False)
        moving.add_task(plain(text), total=None)
        self._moving = moving
        self._timer = threading.Timer(PATIENCE, lambda: moving.start() if self._moving is moving else None)
        self._timer.daemon = True
        self._timer.start()

    def planned(self, total: int) -> None:
        self.pause()
        self._moving = self._line(bar=True)
        self._task = self._moving.add_task("", total=total)
        self._moving.start()

    def started(self, step: Step) -> None:
        self._under_way[step.name] = None
        self._show()

    def moved(self, step: Step, done: int, total: int) -> None:
        line = self._pace.line(step, done, total)
        if line is not None:
            self._come[step.name] = line
            self._show()

    def ended(self, outcome: Outcome) -> None:
        self._under_way.pop(outcome.step.name, None)
        self._come.pop(outcome.step.name, None)
        if self._moving is not None and self._task is not None:
            self._moving.advance(self._task)
            self._moving.console.print(render_outcome(outcome), markup=False, soft_wrap=True)
        self._show()

    def _show(self) -> None:
        if self._moving is not None and self._task is not None:
            first = next(iter(self._come.values()), None) or next(iter(self._under_way), "")
            self._moving.update(self._task, description=plain(first))
