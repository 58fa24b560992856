"""Secrets in files, as mounted by an orchestrator: `{file: /run/secrets/s3}`."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from reconciler.secrets.errors import SecretUnavailable
from reconciler.secrets.places import Found
from reconciler.secrets.policy import Policy
from reconciler.values import Problem, Secret, Severity

LARGEST = 64 * 1024
"""In bytes; as much as the secret stores of the clouds hold. More is a wrong path rather than a secret."""

_MOUNT = Path("/run/secrets")


class FileSource:
    """Reads files within the folders that the policy allows, wherever links lead."""

    def __init__(self, root: Path, policy: Policy) -> None:
        self._root = root
        self._policy = policy
        self._readable_by_all: set[str] = set()

    def read(self, secret: Secret) -> Found:
        """
        The file's text without one trailing line break.

        Links are followed first, and the place where they end is judged and opened.
        """
        path = self._really(secret)
        try:
            value = self._value(secret, path)
        except OSError as error:
            raise _unreadable(secret, error) from None
        if value:
            return Found(value)
        if value is None:
            raise SecretUnavailable(
                secret,
                f"the file `{secret.name}` is no UTF-8 text of at most {LARGEST // 1024} KiB",
                "name the file that holds the secret",
            )
        raise SecretUnavailable(secret, f"the file `{secret.name}` is empty", "write the secret into it")

    def warnings(self) -> tuple[Problem, ...]:
        """What is said but stops nothing: files read so far that every user of the machine can read."""
        return tuple(
            Problem(
                code="secret-file-readable-by-all",
                message=f"the file `{name}` can be read by every user of this machine",
                help=f"run `chmod o-r {name}`",
                severity=Severity.WARNING,
            )
            for name in sorted(self._readable_by_all)
        )

    def _really(self, secret: Secret) -> Path:
        try:
            real = (self._root / secret.name).resolve(strict=True)
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
            raise _unreadable(secret, error) from None
        if not self._policy.permits_file(real, self._root):
            raise SecretUnavailable(
                secret,
                f"the file `{secret.name}` is a link that leaves the allowed folders",
                "move the file into an allowed folder, or allow its folder in `reconciler.yaml`",
            )
        return real

    def _value(self, secret: Secret, path: Path) -> str | None:
        # Not blocking: opening a pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            self._judge(secret, path, os.fstat(descriptor))
            return _text(_content(descriptor))
        finally:
            os.close(descriptor)

    def _judge(self, secret: Secret, path: Path, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise SecretUnavailable(
                secret, f"`{secret.name}` is no regular file", "name the file that holds the secret"
            )
        # A platform that mounts secrets into a container lets everybody in the container read them.
        if status.st_mode & stat.S_IROTH and not path.is_relative_to(_MOUNT):
            self._readable_by_all.add(secret.name)


def _content(descriptor: int) -> bytes:
    """At most one byte more than is allowed; the size that the system reports is no promise."""
    content = b""
    while len(content) <= LARGEST and (part := os.read(descriptor, LARGEST + 1 - len(content))):
        content += part
    return content


def _text(content: bytes) -> str | None:
    """None rather than an error, which would carry the bytes that it complains about."""
    try:
        text = content.decode() if len(content) <= LARGEST else None
    except UnicodeDecodeError:
        return None
    return text.removesuffix("\n").removesuffix("\r") if text and text.endswith("\n") else text


def _unreadable(secret: Secret, error: Exception) -> SecretUnavailable:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "its links lead in a circle"
    return SecretUnavailable(
        secret, f"the file `{secret.name}` cannot be read ({reason})", "mount it there, or give this user access to it"
    )
