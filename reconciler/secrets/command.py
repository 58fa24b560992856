"""Secrets that a program prints, such as `sops`, `op` or `vault`: defined in the project file, used as `{named: …}`."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from reconciler.secrets.entries import entry_of_text
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
        printed = self._printed(secret, command)
        text = _text(printed)
        if text is None:
            raise SecretUnavailable(
                secret, f"the command of `{secret.name}` printed no UTF-8 text", "have it print the secret as text"
            )
        return Found(entry_of_text(secret, text))

    def _printed(self, secret: Secret, command: Command) -> bytes:
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
            raise SecretUnavailable(
                secret,
                f"the command of `{secret.name}` cannot be run ({error.strerror})",
                f"install `{command.words[0]}` where this runs, or correct `secrets.named`",
            ) from None
        except subprocess.TimeoutExpired:
            raise SecretUnavailable(
                secret,
                f"the command of `{secret.name}` did not end within {self._longest:g} seconds",
                "run it by hand to see what it waits for",
            ) from None
        if ended.returncode != 0:
            code = ended.returncode
            del ended
            raise SecretUnavailable(
                secret,
                f"the command of `{secret.name}` ended with exit code {code}",
                "run it by hand to see why",
            )
        return ended.stdout


def _text(content: bytes) -> str | None:
    """None rather than an error, which would carry the bytes that it complains about."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
