"""The files that an import names: where they lie, what they must be, and their lines."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from reconciler.deliveries import (
    Access,
    Format,
    Limits,
    LocalFolder,
    NotALocation,
    Place,
    S3Access,
    SourceError,
    open_source,
    parse_location,
)
from reconciler.deliveries.content import Flaw, Record, Unpacked, format_of, peeked
from reconciler.deliveries.lines import ndjson

LIMITS = Limits()

MILD = frozenset({"byte-order-mark", "blank-line"})
"""Flaws of a file that cost no event."""


class Outside(ValueError):
    """A path that leads out of the project, or an address that names no file; the message says what is wrong."""


class Changed(SourceError):
    """The file is not the one that the manifest names."""

    code = "file-changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One file: `name` as people wrote it, `sha256` what its bytes must be, where that is said."""

    name: str
    place: Place
    key: str
    sha256: str | None = None


def input_of(
    path: str, *, folder: PurePosixPath, root: Path, sha256: str | None = None, access: Access | None = None
) -> Input:
    """
    The file that a manifest names: at `s3://` or `gs://`, or relative to the manifest, in `folder` below `root`.

    Raises `Outside`.
    """
    if "://" in path:
        base, _, name = path.rpartition("/")
        if not path.startswith(("s3://", "gs://")) or not name or base.endswith(("s3:/", "gs:/")):
            raise Outside("a file lies beside the manifest, at `s3://bucket/file` or at `gs://bucket/file`")
        try:
            location = parse_location(base)
        except NotALocation as error:
            raise Outside(str(error)) from None
        access = access if isinstance(access, S3Access) and path.startswith("s3://") else None
        return Input(name=path, place=Place(location=location, access=access), key=name, sha256=sha256)
    key = posixpath.normpath(str(folder / path))
    if path.startswith("/") or key.startswith("../") or key in (".", ".."):
        raise Outside("the path is relative to the manifest and stays within the project")
    return Input(name=path, place=Place(location=LocalFolder(path=root)), key=key, sha256=sha256)


def named(word: str) -> Input:
    """The file that a word of the command line names: a path, or an address in a bucket. Raises `Outside`."""
    if "://" in word:
        return input_of(word, folder=PurePosixPath(), root=Path())
    path = Path(word).resolve()
    return Input(name=word, place=Place(location=LocalFolder(path=path.parent)), key=path.name)


def whole_digest(digests: Sequence[str]) -> str:
    """One digest for all files, in their order: the name of an import's content."""
    return hashlib.sha256("\n".join(digests).encode("ascii")).hexdigest()


class Measured(NamedTuple):
    """The digest of a file's bytes as they lie there, and how many there are."""

    sha256: str
    size: int


def measured(file: Input) -> Measured:
    """Read the file to its end. Raises `SourceError`."""
    tap = _Tap()
    with open_source(file.place.location, file.place.access) as source:
        for _ in tap.through(source.stream(file.key)):
            pass
    return Measured(tap.sha256, tap.size)


class _Tap:
    """Counts and digests the bytes that pass."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def through(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._digest.update(piece)
            self.size += len(piece)
            yield piece


class Lines:
    """
    The lines of one file, plain or gzip, in constant memory: a record, or what is wrong with the line.

    Once they have all been read, the digest of the bytes is compared with the one that was promised. Iterating raises
    `SourceError`, among them `Changed`.
    """

    def __init__(self, file: Input) -> None:
        self._file = file
        self._tap = _Tap()

    @property
    def measured(self) -> Measured:
        """What was read so far."""
        return Measured(self._tap.sha256, self._tap.size)

    def __iter__(self) -> Iterator[Record | Flaw]:
        file = self._file
        with open_source(file.place.location, file.place.access) as source:
            pieces = self._tap.through(source.stream(file.key))
            for each in self._unpacked(pieces):
                if isinstance(each, Flaw) and each.ends:
                    for _ in pieces:  # to its end, so that a file that was changed is called that
                        pass
                    self._check(source.where(file.key))
                yield each
            self._check(source.where(file.key))

    def _unpacked(self, pieces: Iterator[bytes]) -> Iterator[Record | Flaw]:
        stream = Unpacked(pieces, LIMITS)
        if stream.is_empty:
            yield Flaw("empty-file", None, "the file has no bytes", ends=True)
            return
        head, rest = peeked(iter(stream))
        found = format_of(head, Format.NDJSON) if head else Format.NDJSON
        if isinstance(found, Flaw):
            yield found
            return
        for each in ndjson(rest, LIMITS):
            assert isinstance(each, Record | Flaw), "columns are of tables"
            yield each

    def _check(self, where: str) -> None:
        expected = self._file.sha256
        if expected is not None and self._tap.sha256 != expected:
            raise Changed(
                where,
                "its bytes are not those that the manifest names by their digest",
                "if the new content is meant, write the line that `reconciler events digest` prints into the manifest",
            )
