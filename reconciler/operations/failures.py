"""Why a command ends without doing what it was asked, as data; the sentence and the exit code are made above."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.values import Plan, Problem


class Failure(Exception):
    """The command cannot go on. `problems` are for the user, all of them at once."""

    def __init__(self, message: str, problems: Sequence[Problem] = (), *, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.problems = tuple(problems)
        self.help = help


class Invalid(Failure):
    """The manifests or the project file are wrong."""


class Misused(Failure):
    """The words on the command line do not go together."""


class Denied(Failure):
    """Credentials or permissions are missing."""


class NotSafe(Failure):
    """A safety limit or a finding of the plan forbids to go on."""

    def __init__(
        self,
        message: str,
        problems: Sequence[Problem] = (),
        *,
        help: str | None = None,
        plan: Plan | None = None,
    ) -> None:
        super().__init__(message, problems, help=help)
        self.plan = plan


class Stale(Failure):
    """A saved plan no longer matches reality."""


class Interrupted(Failure):
    """A signal asked to stop; the state is consistent."""

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.signal = signal
