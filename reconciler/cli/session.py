"""Running one operation for the command line: opening the project, saying what went wrong, stopping when asked."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec

import click

from reconciler.cli.exits import Exit
from reconciler.cli.log_lines import JsonLines, lines
from reconciler.cli.rules import chosen
from reconciler.cli.settings import Opening, Settings
from reconciler.operations.clock import Stopped
from reconciler.operations.failures import Denied, Failure, Invalid, Misused, NotSafe, Stale
from reconciler.reports.escape import plain
from reconciler.reports.problems import in_order, problem_object, render_problems
from reconciler.values import Mark, Problem

if TYPE_CHECKING:
    from reconciler.operations.happenings import Event, Happening
    from reconciler.operations.progress import Progress
    from reconciler.operations.recording import Recorder
    from reconciler.operations.workspace import Hearing, Workspace

P = ParamSpec("P")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_EVENTS: Mapping[str, Event] = {
    "apply": "apply",
    "destroy": "apply",
    "rebuild": "apply",
    "drift": "drift",
    "verify": "verify",
}
"""Commands of whose end webhooks are told, and under which name."""

_RECORDED = frozenset({"plan", "apply", "destroy", "drift", "verify", "watch"})
"""Commands of which traces and figures are recorded, where that is asked for."""


class Session:
    """One command's run."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.signal: int | None = None
        self.happened: Happening | None = None
        """What webhooks are to be told of, once the command has ended."""
        self._recorder: Recorder | None = None
        self._looked_for_telemetry = False
        self._workspace: Workspace | None = None
        self._root: Path | None = None

    def environments(self) -> tuple[str | None, ...]:
        """The environment that was chosen; when none was, all that the project declares."""
        from reconciler.specs import environments, find_project

        root = find_project(Path(self.settings.directory))
        if self.settings.environment is not None or root is None:
            return (self.settings.environment,)
        return environments(root) or (None,)

    def open(
        self,
        progress: Progress | None = None,
        environment: str | None = None,
        on_request: Hearing | None = None,
    ) -> Workspace:
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
        opening: Opening = self.settings.opening or open_workspace
        hearing = on_request
        recorder = self._recording()
        if recorder is not None:
            from reconciler.operations.progress import Silent

            progress = recorder.watching(progress or Silent())
            hearing = recorder.hearing(on_request)
        if hearing is not None:
            opening = partial(opening, on_request=hearing)
        self._workspace = opening(
            root,
            environ=self.settings.environ,
            environment=environment or self.settings.environment,
            progress=progress,
        )
        if recorder is not None:
            self._workspace.within = recorder.within
            recorder.about(self._workspace.project.name, self._workspace.project.environment)
        if self.signal is not None:  # it came while the project was opened
            self._workspace.stop()
        self._workspace.policies = chosen()
        out = lines()
        if out is not None:
            project = self._workspace.project
            out.common = {**out.common, "project": project.name, "environment": project.environment}
        return self._workspace

    def _recording(self) -> Recorder | None:
        """What records traces and figures of this command, if that is asked for; a round begins with it."""
        command = click.get_current_context().info_name or ""
        if command not in _RECORDED or not any(each.startswith("OTEL_") for each in self.settings.environ):
            return None
        if not self._looked_for_telemetry:
            from reconciler.operations.telemetry import begin

            self._looked_for_telemetry = True
            found = begin(self.settings.environ)
            if isinstance(found, Problem):
                self.say_problems((found,))
            else:
                self._recorder = found
        if self._recorder is not None and not self._recorder.is_recording:
            self._recorder.start(command)
        return self._recorder

    def end_round(self, code: int) -> None:
        """Tell the webhooks what happened, and let the recording of it end here."""
        self.tell()
        if self._recorder is not None:
            self._recorder.end(code=code)

    def end(self, code: int) -> None:
        """What is left to do when the command has ended with this code."""
        self.end_round(code)
        if self._recorder is not None:
            lost = self._recorder.deliver()
            self.say_problems((lost,) if lost is not None else ())

    @property
    def workspace(self) -> Workspace | None:
        """The project, once it has been opened."""
        return self._workspace

    def say_problems(self, problems: Iterable[Problem], *, stderr: bool = True) -> None:
        """All problems, each with its place."""
        found = tuple(problems)
        out = lines() if stderr else None
        if out is not None:
            for each in in_order(found):
                out.say(each.severity.value, "problem", each.message, problem=problem_object(each))
            return
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
        code = next((code for kind, code in _exits() if isinstance(error, kind)), Exit.FAILED)
        help = error.help if isinstance(error, Failure) else None
        out = lines()
        if out is not None:
            out.say("error", "error", str(error), help=help, exitCode=int(code))
            return code
        click.echo(plain(self.redact(f"error: {error}")), err=True)  # a vendor's own words may stand in it
        if help:
            click.echo(plain(f"  help: {help}"), err=True)
        return code

    def _crash(self, error: Exception) -> int:
        out = lines()
        if out is not None:
            trace = "".join(traceback.format_exception(error))
            message = "a mistake of the program; what was done is remembered, so run it again"
            out.say("error", "error", message, traceback=trace, exitCode=int(Exit.FAILED))
            return Exit.FAILED
        click.echo(self.redact("".join(traceback.format_exception(error))), err=True, nl=False)
        click.echo("error: a mistake of the program; what was done is remembered, so run it again", err=True)
        return Exit.FAILED

    def redact(self, text: str) -> str:
        """The text without any secret that was revealed so far."""
        return self._workspace.redact(text) if self._workspace is not None else text

    def tells(self, event: Event) -> bool:
        """Whether a webhook wants to know of such an event."""
        return self._workspace is not None and any(event in each.events for each in self._workspace.project.notify)

    def tell_of_failure(self, error: Exception, *, command: str, code: int) -> None:
        """Remember for the webhooks that a command failed which would have told them how it ended."""
        event = _EVENTS.get(command)
        if event is None or isinstance(error, Stopped | Misused) or not self.tells(event):
            return
        from reconciler.operations.happenings import of_failure

        self.happened = of_failure(error, event=event, command=command, code=code)

    def tell(self) -> None:
        """Tell the webhooks what happened, and people which of them could not be told."""
        if self.happened is None or self._workspace is None:
            return
        from reconciler.operations.notify import notify

        self.say_problems(notify(self._workspace, self.happened))
        self.happened = None

    def stop_gracefully(self, also: Callable[[], None] = lambda: None) -> None:
        """From now on a first signal lets calls under way end and calls `also`, and a second one leaves at once."""

        def stop(number: int) -> None:
            if self.signal is not None:
                os._exit(128 + number)
            self.signal = number
            _say_at_once("stopping: waiting for calls under way; once more to leave at once")
            if self._workspace is not None:
                self._workspace.stop()
            also()

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
        name = click.get_current_context().info_name or ""
        out = lines()
        if out is not None:
            out.redact, out.common = session.redact, {"command": name}
        _log_to_stderr(settings.log_level, session.redact)
        session.stop_at_once()
        try:
            code = function(session, *args, **kwargs)
        except click.ClickException:
            raise
        except BrokenPipeError:  # nobody reads any more what was done, and it was done all the same
            session.end(Exit.FAILED)
            raise
        except Exception as error:  # noqa: BLE001 - every end has an exit code, and no traceback shows a secret
            code = session.fail(error)
            session.tell_of_failure(error, command=name, code=code)
        session.end(code)
        if out is not None:
            out.say("info", "ended", f"{name} ended with exit code {code:d}", exitCode=int(code))
        return code

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
    out = lines()
    line = f"{text}\n" if out is None else out.line("warning", "signal", text)
    with suppress(OSError):
        os.write(2, line.encode())


class _Hiding(logging.Formatter):
    """Writes log lines without secrets, whoever logged them."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """The line, with the traceback if there is one."""
        return self._redact(super().format(record))


class _Objects(logging.Handler):
    """Writes log lines as objects."""

    def __init__(self, out: JsonLines) -> None:
        super().__init__()
        self._out = out

    def emit(self, record: logging.LogRecord) -> None:
        """The object, with the traceback if there is one."""
        try:
            trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else None
            self._out.say(record.levelname.lower(), "log", record.getMessage(), logger=record.name, traceback=trace)
        except Exception:  # noqa: BLE001 - as every handler of the library does
            self.handleError(record)


def _log_to_stderr(level: str, redact: Callable[[str], str]) -> None:
    out = lines()
    handler: logging.Handler
    if out is not None:
        handler = _Objects(out)
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Hiding(redact))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("reconciler").setLevel(level.upper())
