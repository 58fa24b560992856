"""The one way in which a secret fails to be there."""

from __future__ import annotations

from reconciler.values import Problem, Secret


class SecretUnavailable(Exception):
    """
    The place that a reference names gives no value that could be sent.

    `message` says which place and why, `help` what to do; neither holds anything of a value.
    """

    def __init__(self, secret: Secret, message: str, help: str) -> None:
        super().__init__(f"{message}; {help}")
        self.secret = secret
        self.message = message
        self.help = help

    def problem(self) -> Problem:
        """The same as a finding among others."""
        return Problem(code="secret-unavailable", message=self.message, help=self.help)
