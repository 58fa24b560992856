"""Running one operation for the command line: opening the project, saying what went wrong, stopping when asked."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec

import click

from reconciler.cli.exits import Exit
from reconciler.cli.rules import chosen
from reconciler.cli.settings import Settings
from reconciler.operations.clock import Stopped
from reconciler.operations.failures import Denied, Failure, Invalid, Misused, NotSafe, Stale
from reconciler.reports.escape import plain
from reconciler.reports.problems import render_problems
from reconciler.values import Mark, Problem

if TYPE_CHECKING:
    from reconciler.operations.progress import Progress
    from reconciler.operations.workspace import Workspace

P = ParamSpec("P")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Session:
    """One command's run."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.signal: int | None = None
        self._workspace: Workspace | None = None
        self._root: Path | None = None

    def environments(self) -> tuple[str | None, ...]:
        """The environment that was chosen; when none was, all that the project declares."""
        from reconciler.specs import environments, find_project

        root = find_project(Path(self.settings.directory))
        if self.settings.environment is not None or root is None:
            return (self.settings.environment,)
        return environments(root) or (None,)

    def open(self, progress: Progress | None = None, environment: str | None = None) -> Workspace:
        """The project that the current folder belongs to. Raises `Invalid` when there is none or it is wrong."""
        from reconciler.operations.workspace import open_workspace
        from reconciler.specs import find_project

        root = find_project(Path(self.settings.directory))
        if root is None:
            raise Invalid(
                f"there is no `reconciler.yaml` in `{self.settings.directory}` or above it",
                help="change to the project's folder, or name it with `-C`",
            )
        self._root = root
        opening = self.settings.opening or open_workspace
        self._workspace = opening(
            root, environ=self.settings.environ, environment=environment or self.settings.environment, progress=progress
        )
        self._workspace.policies = chosen()
        return self._workspace

    def say_problems(self, problems: Iterable[Problem], *, stderr: bool = True) -> None:
        """All problems, each with its place."""
        found = tuple(problems)
        text = render_problems(
            found, self._line_of(found), colour=self.settings.coloured(stderr=stderr), width=self.settings.width
        )
        if text:
            click.echo(self.redact(text), err=stderr)

    def _line_of(self, problems: Sequence[Problem]) -> Callable[[Mark], str | None]:
        """Lines of the project's files in which no secret can be seen."""
        if self._workspace is not None:
            return self._workspace.line
        if self._root is None:
            return lambda _mark: None
        from reconciler.specs import Sources

        return Sources(self._root, problems).line

    def fail(self, error: Exception) -> int:
        """Say why the command ends and give its exit code; of a mistake of the program's own, with a traceback."""
        if isinstance(error, Stopped):
            click.echo("interrupted; the state is consistent", err=True)
            return Exit.SIGTERM if self.signal == signal.SIGTERM else Exit.SIGINT
        if isinstance(error, Failure):
            self.say_problems(error.problems)
        elif not isinstance(error, _ours()):
            return self._crash(error)
        click.echo(plain(self.redact(f"error: {error}")), err=True)  # a vendor's own words may stand in it
        if isinstance(error, Failure) and error.help:
            click.echo(plain(f"  help: {error.help}"), err=True)
        return next((code for kind, code in _exits() if isinstance(error, kind)), Exit.FAILED)

    def _crash(self, error: Exception) -> int:
        click.echo(self.redact("".join(traceback.format_exception(error))), err=True, nl=False)
        click.echo("error: a mistake of the program; what was done is remembered, so run it again", err=True)
        return Exit.FAILED

    def redact(self, text: str) -> str:
        """The text without any secret that was revealed so far."""
        return self._workspace.redact(text) if self._workspace is not None else text

    def stop_gracefully(self) -> None:
        """From now on a first signal lets calls under way end, and a second one leaves at once."""

        def stop(number: int) -> None:
            if self.signal is not None:
                os._exit(128 + number)
            self.signal = number
            _say_at_once("stopping: waiting for calls under way; once more to leave at once")
            if self._workspace is not None:
                self._workspace.stop()

        _on_signal(stop)

    def stop_at_once(self) -> None:
        """From now on a signal ends the program, which has written nothing."""

        def stop(number: int) -> None:
            _say_at_once("interrupted; nothing was written")
            os._exit(128 + number)

        _on_signal(stop)


def _on_signal(stop: Callable[[int], None]) -> None:
    """
    Have `stop` called for SIGINT and SIGTERM from now on, by a thread that does nothing else.

    A handler in Python runs when the main thread next runs Python, and one that has just begun to wait for another
    thread does not: the byte that the interpreter writes for every signal wakes the watcher whatever others do.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for number in _SIGNALS:
        signal.signal(number, lambda _number, _frame: None)
    earlier = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    if earlier != -1:
        os.close(earlier)

    def watch() -> None:
        while received := os.read(reader, 1):
            if received[0] in _SIGNALS:
                stop(received[0])
        os.close(reader)

    threading.Thread(target=watch, name="signals", daemon=True).start()


def leave_signals_alone() -> None:
    """From now on signals are somebody else's."""
    earlier = signal.set_wakeup_fd(-1)
    if earlier != -1:
        os.close(earlier)


def command(function: Callable[Concatenate[Session, P], int]) -> Callable[P, int]:
    """A command that is given its session first; what the operations raise becomes words and an exit code."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> int:
        settings = click.get_current_context().obj
        assert isinstance(settings, Settings)
        session = Session(settings)
        _log_to_stderr(settings.log_level, session.redact)
        session.stop_at_once()
        try:
            return function(session, *args, **kwargs)
        except (click.ClickException, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 - every end has an exit code, and no traceback shows a secret
            return session.fail(error)

    return run


def _ours() -> tuple[type[Exception], ...]:
    """Failures of the world below that are no mistakes of the program."""
    from reconciler.backend import BackendError
    from reconciler.sdk import VendorError
    from reconciler.secrets import SecretUnavailable
    from reconciler.stores import StoreError

    return (BackendError, StoreError, VendorError, SecretUnavailable)


def _exits() -> tuple[tuple[type[Exception], Exit], ...]:
    """Which code says which failure; the first that fits."""
    from reconciler.backend import Locked
    from reconciler.sdk import CredentialsRefused, PermissionRefused
    from reconciler.secrets import SecretUnavailable

    return (
        (Locked, Exit.LOCKED),
        (Invalid, Exit.INVALID),
        (Denied, Exit.DENIED),
        (CredentialsRefused, Exit.DENIED),
        (PermissionRefused, Exit.DENIED),
        (SecretUnavailable, Exit.DENIED),
        (Stale, Exit.STALE),
        (NotSafe, Exit.REFUSED),
        (Misused, Exit.USAGE),
    )


def _say_at_once(text: str) -> None:
    """Past Python's streams: the signal may have struck in the middle of a line, and they are not reentrant."""
    with suppress(OSError):
        os.write(2, f"{text}\n".encode())


class _Hiding(logging.Formatter):
    """Writes log lines without secrets, whoever logged them."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """The line, with the traceback if there is one."""
        return self._redact(super().format(record))


def _log_to_stderr(level: str, redact: Callable[[str], str]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Hiding(redact))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("reconciler").setLevel(level.upper())
