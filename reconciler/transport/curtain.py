"""What nobody may see, struck from every text."""

from __future__ import annotations

import base64
import json as jsonlib
import re
import threading
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

_HIDDEN = "***"
_LEAST = 4
"""Characters of the shortest secret that is hidden: gaps in ordinary words would tell a shorter one."""


class Curtain:
    """Texts that nobody may see, in every form in which they may turn up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def hide(self, secret: str) -> None:
        """Strike this out from now on; what is too short to be told from chance is not."""
        if len(secret) < _LEAST:
            return
        with self._lock:
            if secret in self._forms:
                return
            self._forms.update(_forms(secret))
            longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
            self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def redact(self, text: str) -> str:
        """The text without what is hidden."""
        pattern = self._pattern
        return pattern.sub(_HIDDEN, text) if pattern else text

    def redact_document(self, value: object) -> object:
        """A JSON document likewise, its keys included."""
        match value:
            case str():
                return self.redact(value)
            case dict():
                return {self.redact(str(key)): self.redact_document(each) for key, each in value.items()}
            case list():
                return [self.redact_document(each) for each in value]
            case _:
                return value


def _forms(secret: str) -> Iterator[str]:
    for part in _parts(secret):
        yield part
        for escaped in (jsonlib.dumps(part)[1:-1], jsonlib.dumps(part, ensure_ascii=False)[1:-1]):
            yield escaped
            yield jsonlib.dumps(escaped)[1:-1]  # a JSON text inside a JSON text, as a service-account key is sent
        yield from (quote(part), quote(part, safe=""), quote_plus(part))
        if len(part) < 6:
            continue  # too few characters for base64 to tell them from chance
        raw = part.encode("utf-8", errors="surrogatepass")
        for shift in range(3):
            # In the middle of an encoded text a secret may begin at any of three positions within a group; the
            # characters that it shares with its neighbours are left out.
            code = base64.b64encode(b"\0" * shift + raw).rstrip(b"=").decode()
            begin, spare = (0, 2, 3)[shift], (len(raw) + shift) % 3
            inner = code[begin : len(code) - (1 if spare else 0)]
            yield inner
            yield inner.replace("+", "-").replace("/", "_")


def _parts(secret: str) -> Iterator[str]:
    """The secret, its long lines and, if it is a JSON object, its long texts: servers quote parts of what they get."""
    if secret:
        yield secret
    lines = secret.splitlines()
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= 16 and not line.startswith("-----"))
    if secret.lstrip().startswith("{"):
        try:
            document = jsonlib.loads(secret)
        except (ValueError, RecursionError):
            return
        for value in document.values():
            if isinstance(value, str) and len(value) >= 16 and not value.startswith(("http://", "https://")):
                yield from _parts(value)
