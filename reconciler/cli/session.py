"""Running one operation for the command line: opening the project, saying what went wrong, stopping when asked."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Concatenate, ParamSpec

import click

from reconciler.backend import BackendError, Locked
from reconciler.cli.exits import Exit
from reconciler.cli.settings import Settings
from reconciler.operations.clock import Stopped
from reconciler.operations.failures import Denied, Failure, Invalid, Misused, NotSafe, Stale
from reconciler.reports.problems import render_problems
from reconciler.sdk import CredentialsRefused, PermissionRefused, VendorError
from reconciler.secrets import SecretUnavailable
from reconciler.specs import Sources, find_project
from reconciler.stores import StoreError
from reconciler.values import Problem

if TYPE_CHECKING:
    from reconciler.operations.progress import Progress
    from reconciler.operations.workspace import Workspace

P = ParamSpec("P")

_EXITS: tuple[tuple[type[Exception], Exit], ...] = (
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


class Session:
    """One command's run."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.signal: int | None = None
        self._workspace: Workspace | None = None
        self._sources: Sources | None = None

    def open(self, progress: Progress | None = None) -> Workspace:
        """The project that the current folder belongs to. Raises `Invalid` when there is none or it is wrong."""
        from reconciler.operations.workspace import open_workspace

        root = find_project(Path(self.settings.directory))
        if root is None:
            raise Invalid(
                f"there is no `reconciler.yaml` in `{self.settings.directory}` or above it",
                help="change to the project's folder, or name it with `-C`",
            )
        self._sources = Sources(root)
        self._workspace = open_workspace(
            root, environ=self.settings.environ, environment=self.settings.environment, progress=progress
        )
        return self._workspace

    def say_problems(self, problems: Iterable[Problem], *, stderr: bool = True) -> None:
        """All problems, each with its place."""
        line_of = self._sources.line if self._sources is not None else lambda _mark: None
        text = render_problems(
            problems, line_of, colour=self.settings.coloured(stderr=stderr), width=self.settings.width
        )
        if text:
            click.echo(text, err=stderr)

    def fail(self, error: Exception) -> int:
        """Say why the command ends and give its exit code. Raises the error again when it is the program's own."""
        if isinstance(error, Stopped):
            click.echo("interrupted; the state is consistent", err=True)
            return Exit.SIGTERM if self.signal == signal.SIGTERM else Exit.SIGINT
        if isinstance(error, Failure):
            self.say_problems(error.problems)
        elif not isinstance(error, BackendError | StoreError | VendorError | SecretUnavailable):
            raise error
        click.echo(f"error: {error}", err=True)
        if isinstance(error, Failure) and error.help:
            click.echo(f"  help: {error.help}", err=True)
        return next((code for kind, code in _EXITS if isinstance(error, kind)), Exit.FAILED)

    def stop_gracefully(self) -> None:
        """From now on a first signal lets calls under way end, and a second one leaves at once."""

        def stop(number: int, _frame: FrameType | None) -> None:
            if self.signal is not None:
                os._exit(128 + number)
            self.signal = number
            click.echo("stopping: waiting for calls under way; once more to leave at once", err=True)
            if self._workspace is not None:
                self._workspace.stop()

        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)

    def stop_at_once(self) -> None:
        """From now on a signal ends the program, which has written nothing."""

        def stop(number: int, _frame: FrameType | None) -> None:
            sys.stderr.write("interrupted; nothing was written\n")
            sys.stderr.flush()
            os._exit(128 + number)

        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)


def command(function: Callable[Concatenate[Session, P], int]) -> Callable[P, int]:
    """A command that is given its session first; what the operations raise becomes words and an exit code."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> int:
        settings = click.get_current_context().obj
        assert isinstance(settings, Settings)
        _log_to_stderr(settings.log_level)
        session = Session(settings)
        session.stop_at_once()
        try:
            return function(session, *args, **kwargs)
        except click.ClickException:
            raise
        except Exception as error:  # noqa: BLE001 - the program's own errors are raised again
            return session.fail(error)

    return run


def _log_to_stderr(level: str) -> None:
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    logging.getLogger("reconciler").setLevel(level.upper())
