"""Secrets that a program prints, such as `sops`, `op` or `vault`: defined in the project file, used as `{named: …}`."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from reconciler.secrets.entries import decoded, entry_of_text, raised, without_line_break
from reconciler.secrets.errors import SecretUnavailable
from reconciler.secrets.places import Command, Found
from reconciler.values import Secret

LONGEST = 60.0
"""Seconds after which a program counts as hanging, for example because it asks somebody something."""


class CommandSource:
    """Runs the program in the project's folder, with the environment that was passed in and no input."""

    def __init__(self, root: Path, environ: Mapping[str, str], longest: float = LONGEST) -> None:
        self._root = root
        self._environ = environ
        self._longest = longest

    def read(self, secret: Secret, command: Command) -> Found:
        """What it printed, without one trailing line break."""
        return raised(self._said(secret, command))

    def _said(self, secret: Secret, command: Command) -> Found | SecretUnavailable:
        printed = self._printed(secret, command)
        if isinstance(printed, SecretUnavailable):
            return printed
        text = without_line_break(decoded(printed))
        if text is not None:
            return entry_of_text(secret, text)
        return SecretUnavailable(
            secret, f"the command of `{secret.name}` printed no UTF-8 text", "have it print the secret as text"
        )

    def _printed(self, secret: Secret, command: Command) -> bytes | SecretUnavailable:
        try:
            # What it says on stderr is dropped: programs that handle secrets have been known to quote them.
            ended = subprocess.run(  # noqa: S603 - the words stand in the project file, and no shell reads them
                command.words,
                cwd=self._root,
                env=dict(self._environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=self._longest,
                check=False,
            )
        except OSError as error:
            return SecretUnavailable(
                secret,
                f"the command of `{secret.name}` cannot be run ({error.strerror})",
                f"install `{command.words[0]}` where this runs, or correct `secrets.named`",
            )
        except subprocess.TimeoutExpired:
            return SecretUnavailable(
                secret,
                f"the command of `{secret.name}` did not end within {self._longest:g} seconds",
                "run it by hand to see what it waits for",
            )
        if ended.returncode != 0:
            return SecretUnavailable(
                secret,
                f"the command of `{secret.name}` ended with exit code {ended.returncode}",
                "run it by hand to see why",
            )
        return ended.stdout
