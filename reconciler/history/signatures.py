"""
Signatures under the ledger's newest record, made and checked by `ssh-keygen`: keys that people have already.

A signature is a short text in OpenSSH's own form (PROTOCOL.sshsig). It binds the record's digest to its number and to
the project and environment, so that it cannot be shown for another ledger.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

NAMESPACE = "reconciler-ledger"
"""What the key signs for: a signature under anything else is none under a ledger."""
_LONGEST = 30.0
"""Seconds that one signature may take: an agent may ask somebody to touch a key."""
_NAMES = ("PATH", "HOME", "SSH_AUTH_SOCK", "SSH_SK_PROVIDER")


class CannotSign(Exception):
    """There is no signature, or no way to check one; says why."""


def statement(project: str, environment: str, number: int, digest: str) -> bytes:
    """What is signed: that record `number` of this ledger has this digest, and so all records before it theirs."""
    return f"reconciler ledger 1\n{project}/{environment}\nrecord {number}\n{digest}\n".encode()


def sign(content: bytes, key: Path, environ: Mapping[str, str]) -> bytes:
    """
    The signature of a key: a private one without passphrase, or a public one whose other half an agent holds.

    Raises `CannotSign`.
    """
    ended = _run(["-Y", "sign", "-q", "-f", str(key), "-n", NAMESPACE], environ, content)
    if ended.returncode or not ended.stdout.startswith(b"-----BEGIN SSH SIGNATURE-----"):
        raise CannotSign(f"`ssh-keygen` does not sign with `{key}`: {_said(ended)}")
    return ended.stdout


def signer(content: bytes, signature: bytes, signers: Path, environ: Mapping[str, str]) -> str | None:
    """
    Who of the allowed signers has signed the content; `None` when the signature is of nobody there, or not of this.

    `signers` is a file as `ssh-keygen` reads it (ALLOWED SIGNERS in its manual). Raises `CannotSign` when nothing can
    be checked.
    """
    with TemporaryDirectory(prefix="reconciler-") as folder:
        path = Path(folder) / "signature"
        path.write_bytes(signature)
        common = ["-f", str(signers), "-n", NAMESPACE, "-s", str(path)]
        found = _run(["-Y", "find-principals", "-f", str(signers), "-s", str(path)], environ, b"")
        for name in found.stdout.decode("utf-8", "replace").splitlines() if not found.returncode else ():
            ended = _run(["-Y", "verify", *common, "-I", name], environ, content)
            if not ended.returncode:
                return name
    return None


def _run(words: Sequence[str], environ: Mapping[str, str], content: bytes) -> subprocess.CompletedProcess[bytes]:
    given = {name: environ[name] for name in _NAMES if name in environ}
    try:
        return subprocess.run(  # noqa: S603 - the project file names the key, and the command line the signers
            ["ssh-keygen", *words],  # noqa: S607 - the user's own OpenSSH
            env={**given, "LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"},
            input=content,
            capture_output=True,
            timeout=_LONGEST,
            start_new_session=True,  # without a terminal it asks nobody for a passphrase
            check=False,
        )
    except OSError:
        raise CannotSign("the program `ssh-keygen` is not installed; it comes with OpenSSH") from None
    except subprocess.TimeoutExpired:
        raise CannotSign(f"`ssh-keygen` has not answered within {_LONGEST:.0f} seconds") from None


def _said(ended: subprocess.CompletedProcess[bytes]) -> str:
    """The last line that says why; banners about files stand before it."""
    lines = [line.strip() for line in ended.stderr.decode("utf-8", "replace").splitlines()]
    return next((line for line in reversed(lines) if line and not line.startswith("@")), "it gives no reason")
