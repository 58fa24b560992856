"""What every place with delivered files promises, and how it says that it could not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol, Self


class SourceError(Exception):
    """
    The place could not do it: `where` it was asked, the `reason`, and `help` that says what to do.

    The sentence is our own: what a server or a library says may hold addresses signed with credentials. `code` names
    the case in kebab case, as findings do.
    """

    code: ClassVar[str] = "unreadable"

    def __init__(self, where: str, reason: str, help: str) -> None:
        super().__init__(where, reason, help)
        self.where = where
        self.reason = reason
        self.help = help

    def __str__(self) -> str:
        return f"cannot read `{self.where}`: {self.reason}; {self.help}"


class NotThere(SourceError):
    """The place answers, and no object has this name."""

    code = "not-there"


class PlaceMissing(SourceError):
    """The place itself does not exist: no such bucket, container or folder."""

    code = "place-missing"


class NotAllowed(SourceError):
    """The place answers and does not let us: wrong or expired credentials, or a missing permission."""

    code = "not-allowed"


class Unreachable(SourceError):
    """No answer, or none that lasted: network, name, certificate, a server that fails or asks to slow down."""

    code = "unreachable"


class UntrustedHost(SourceError):
    """A server that does not prove to be the one that is meant; nothing was shown to it."""

    code = "untrusted-host"


class Changed(SourceError):
    """The object was written anew while it was read."""

    code = "changed"


class LibraryMissing(SourceError):
    """The program was installed without what reads this kind of place or file."""

    code = "library-missing"


def library_missing(where: str, library: str, extra: str = "verify") -> LibraryMissing:
    """What to say when an import fails."""
    return LibraryMissing(where, f"`{library}` is not installed", f"install `reconciler[{extra}]`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """
    One object: `key` is its name below the source's location, and `size` is in bytes.

    `etag` is opaque: equal tags mean equal content, nothing else. `metadata` is what the place keeps beside the bytes
    (content type, encryption, …) and is filled by `head`; lists seldom tell.
    """

    key: str
    size: int
    modified: datetime
    etag: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posture:
    """
    Who else may read a place, as far as it says so; None is "could not be found out", and `unknown` tells why.

    `public_blocked`: a setting of the place refuses public access whatever else is granted. `public_policy`: a policy,
    a list of permissions or a mode grants reading to everybody. `listed_by_anyone`: a request without credentials was
    answered with the list, which is a proof.
    """

    place: str
    public_blocked: bool | None = None
    public_policy: bool | None = None
    listed_by_anyone: bool | None = None
    encryption: str | None = None
    encryption_key: str | None = None
    region: str | None = None
    unknown: tuple[str, ...] = ()


class Source(Protocol):
    """
    The objects below one location, read and never written.

    Every method raises `SourceError` and nothing else. One thread uses a source at a time; another opens its own.
    A broken connection is taken up again where it broke, as long as the object is still the same.
    """

    def list(self, prefix: str = "") -> Iterator[Delivered]:
        """
        The objects whose key begins with `prefix`, in the order of their keys' code points.

        Folders are no objects, nor are symbolic links or devices. None at all is an empty iterator; a missing bucket,
        container or folder of the location is `PlaceMissing`, raised by the first step.
        """

    def head(self, key: str) -> Delivered:
        """The object with its metadata; raises `NotThere`."""

    def stream(self, key: str, start: int = 0) -> Iterator[bytes]:
        """The bytes from `start` on, in pieces of a few megabytes at most; raises `NotThere` at the first step."""

    def range(self, key: str, start: int, length: int) -> bytes:
        """`length` bytes from `start` on; fewer where the object ends."""

    def posture(self) -> Posture:
        """Who else may read this place; asks the server, and once without credentials."""

    def where(self, key: str = "") -> str:
        """The object's place as people find it, without credentials."""

    def close(self) -> None:
        """Let go of connections; the source is not used afterwards."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def exists(source: Source, key: str) -> bool:
    """Whether there is an object of this name."""
    try:
        source.head(key)
    except NotThere:
        return False
    return True


def read_small(source: Source, key: str, limit: int = 16 * 1024 * 1024) -> bytes:
    """A marker or manifest as a whole; raises `SourceError` when it is larger than `limit` bytes."""
    body = bytearray()
    pieces = source.stream(key)
    for piece in pieces:
        body += piece
        if len(body) > limit:
            raise SourceError(source.where(key), f"it is larger than {limit} bytes", "read it as a stream")
    return bytes(body)
