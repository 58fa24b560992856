"""Secrets in files encrypted with age: defined in the project file, used as `{named: …}`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from reconciler.secrets.entries import decoded, entry_of_text, raised, without_line_break
from reconciler.secrets.errors import SecretUnavailable
from reconciler.secrets.places import Age, Found
from reconciler.values import Secret

LARGEST = 1024 * 1024
"""In bytes. More is a wrong path rather than a secret."""


class AgeSource:
    """Decrypts with pyrage, the extra `age`; `reveal` gives the identity that the project file refers to."""

    def __init__(self, root: Path, reveal: Callable[[Secret], str]) -> None:
        self._root = root
        self._reveal = reveal

    def read(self, secret: Secret, age: Age) -> Found:
        """The file's text without one trailing line break."""
        try:
            import pyrage  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra, without types
        except ImportError:
            raise SecretUnavailable(
                secret, "reading a file of age needs the extra `age`", "run `pip install 'reconciler[age]'`"
            ) from None
        return raised(self._opened(secret, age, pyrage.decrypt))

    def _opened(
        self, secret: Secret, age: Age, decrypt: Callable[[bytes, Sequence[object]], bytes]
    ) -> Found | SecretUnavailable:
        content = self._content(secret, age)
        identities = _identities(self._reveal(age.identity))
        if not identities:
            return SecretUnavailable(
                secret,
                f"`{age.identity}` holds no identity of age",
                "it begins with `AGE-SECRET-KEY-1`, or is a private key of SSH without a passphrase",
            )
        text = _text(decrypt, content, identities)
        if text is None:
            return SecretUnavailable(
                secret,
                f"the file `{age.path}` cannot be opened with the identity in `{age.identity}`, or holds no text",
                "encrypt it for that identity",
            )
        return entry_of_text(secret, text)

    def _content(self, secret: Secret, age: Age) -> bytes:
        try:
            with (self._root / age.path).open("rb") as file:
                content = file.read(LARGEST + 1)
        except OSError as error:
            raise SecretUnavailable(
                secret, f"the file `{age.path}` cannot be read ({error.strerror})", "correct `secrets.named`"
            ) from None
        if len(content) > LARGEST:
            raise SecretUnavailable(
                secret, f"the file `{age.path}` is larger than {LARGEST // 1024} KiB", "correct `secrets.named`"
            )
        return content


def _identities(text: str) -> Sequence[object]:
    """The identities in a file as `age-keygen` writes it (comments allowed), or the one private key of SSH."""
    from pyrage import IdentityError, ssh, x25519  # noqa: PLC0415 - an extra

    try:
        if text.startswith("-----BEGIN"):
            return [ssh.Identity.from_buffer(text.encode())]
        lines = (line.strip() for line in text.splitlines())
        return [x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except IdentityError:
        return []


def _text(
    decrypt: Callable[[bytes, Sequence[object]], bytes], content: bytes, identities: Sequence[object]
) -> str | None:
    from pyrage import DecryptError  # noqa: PLC0415 - an extra

    try:
        return without_line_break(decoded(decrypt(content, identities)))
    except DecryptError:
        return None
