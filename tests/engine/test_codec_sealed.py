"""Files of other kinds are believed only whole, like the codec's own."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from reconciler.engine.codec import CodecError, decode_sealed, encode_sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    text: str
    tool: str = "1.0"


def test_a_file_of_another_kind_comes_back_as_it_was() -> None:
    note = Note(text="as it was")

    assert decode_sealed("note", Note, encode_sealed("note", Note, note)) == note


@pytest.mark.parametrize(
    ("kind", "old", "new", "why"),
    [
        ("letter", b"", b"", "the file is no letter but a note"),
        ("note", b"as it was", b"as it is.", "the note is damaged or was edited"),
    ],
)
def test_a_file_of_another_kind_is_believed_only_whole(kind: str, old: bytes, new: bytes, why: str) -> None:
    content = encode_sealed("note", Note, Note(text="as it was"))

    with pytest.raises(CodecError, match=why):
        decode_sealed(kind, Note, content.replace(old, new) if old else content)
