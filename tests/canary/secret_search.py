"""Looks for secrets in whatever was said or kept, in every form in which they may have got there."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

LONG_ENOUGH = 12


def forms(secret: str) -> frozenset[bytes]:
    """The secret, and every longer piece of it, as it is, escaped, quoted and encoded."""
    return frozenset(form.encode() for piece in _pieces(secret) for form in _written(piece))


def _pieces(secret: str) -> Iterator[str]:
    """The whole, its lines, and what stands in it if it is JSON."""
    yield secret
    for line in secret.splitlines():
        if len(line) >= LONG_ENOUGH and not line.startswith(("-----", "{")):
            yield line
    if secret.lstrip().startswith("{"):
        for value in json.loads(secret).values():
            if "canary" in value.lower():
                yield from _pieces(value)


def _written(piece: str) -> Iterator[str]:
    yield piece
    once = json.dumps(piece)[1:-1]
    yield once
    yield json.dumps(once)[1:-1]
    yield repr(piece)[1:-1]
    yield from (quote(piece), quote(piece, safe=""), quote_plus(piece))
    raw = piece.encode()
    yield raw.hex()
    for before in range(3):
        # Wherever it stands in a longer text, these characters of base64 are its alone.
        code = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        inner = code[(0, 2, 3)[before] : -1]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")


def hits(secrets: Mapping[str, str], places: Mapping[str, bytes]) -> list[str]:
    """`place: name of the secret: form` for everything that was found."""
    return [
        f"{place}: {name} as {form[:40]!r}"
        for place, text in places.items()
        for name, secret in secrets.items()
        for form in sorted(forms(secret))
        if form in text or form in _unpacked(text)
    ]


def _unpacked(text: bytes) -> bytes:
    try:
        return zlib.decompress(text, wbits=47)
    except zlib.error:
        return b""


def files_below(folder: Path, besides: Iterable[Path] = ()) -> dict[str, bytes]:
    """Every file, hidden ones too, and every name."""
    left_out = set(besides)
    found = sorted(each for each in folder.rglob("*") if each not in left_out)
    texts = {str(each): each.read_bytes() for each in found if each.is_file()}
    return {**texts, "names of files": "\n".join(map(str, found)).encode()}
