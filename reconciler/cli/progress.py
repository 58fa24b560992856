"""Progress for people: a moving line on a terminal, plain lines without one."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Protocol, Self

import click

from reconciler.cli.settings import Settings
from reconciler.reports.outcome_text import render_outcome
from reconciler.values import Outcome, Step

PATIENCE = 1.0
"""Seconds after which a phase is worth a word."""


class Speaking(Protocol):
    """A progress that is used as a context."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def phase(self, text: str) -> None: ...
    def planned(self, total: int) -> None: ...
    def started(self, step: Step) -> None: ...
    def ended(self, outcome: Outcome) -> None: ...
    def pause(self) -> None: ...


def progress(settings: Settings) -> Speaking:
    """What suits stderr: plain lines in CI and files, a moving line on a terminal."""
    if sys.stderr.isatty() and not settings.in_ci:
        return _Moving()
    return _Plain()


class _Plain:
    """One line per phase that takes over a second, and per finished step."""

    def __init__(self) -> None:
        self._total = 0
        self._done = 0
        self._timer: threading.Timer | None = None

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

    def ended(self, outcome: Outcome) -> None:
        self._done += 1
        click.echo(f"[{self._done}/{self._total}] {render_outcome(outcome)}", err=True)


class _Moving:
    """A line that moves while something takes over a second, and a bar over the steps of an apply."""

    def __init__(self) -> None:
        self._text = "reading the project"
        self._total = 0
        self._done = 0
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._move, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pause()

    def pause(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def phase(self, text: str) -> None:
        with self._writing:
            self._text = text
            self._began = time.monotonic()

    def planned(self, total: int) -> None:
        self._total = total
        if self._stop.is_set():
            self._stop.clear()
            self._thread = threading.Thread(target=self._move, daemon=True)
            self._thread.start()

    def started(self, step: Step) -> None:
        with self._writing:
            self._text = step.name

    def ended(self, outcome: Outcome) -> None:
        with self._writing:
            self._done += 1
            click.echo(f"\r\x1b[K{render_outcome(outcome)}", err=True)

    def _move(self) -> None:
        from rich.spinner import Spinner

        frames = Spinner("dots").frames
        turn = 0
        shown = False
        while not self._stop.wait(0.1):
            with self._writing:
                if time.monotonic() - self._began >= PATIENCE or self._total:
                    turn += 1
                    count = f"[{self._done}/{self._total}] " if self._total else ""
                    seconds = time.monotonic() - self._began
                    line = f"{frames[turn % len(frames)]} {count}{self._text} ({seconds:.0f} s)"
                    click.echo(f"\r\x1b[K{line[:100]}", err=True, nl=False)
                    shown = True
        if shown:
            click.echo("\r\x1b[K", err=True, nl=False)
