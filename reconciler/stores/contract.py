"""What every store promises, and how it says that it could not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*\Z")
_PREFIX = re.compile(rf"(?:{_NAME.pattern[:-2]}/?)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """
    What a bucket needs to know beside its URL; what is not said is left to the cloud's own library.

    `endpoint` is the address of another server that speaks the cloud's language, `encryption` the word that S3 has
    for how objects are encrypted at rest (`AES256`, `aws:kms`, `aws:kms:dsse`), `kms_key` the name of the key.
    """

    endpoint: str | None = None
    region: str | None = None
    encryption: str | None = None
    kms_key: str | None = None


class StoreError(Exception):
    """The store could not do it; the message is a sentence for people that says what, where and what to do."""


class AlreadyThere(StoreError):
    """An object of this name exists; it was left as it is."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} exists already")


class NotThere(StoreError):
    """No object has this name."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} does not exist")


class Held(StoreError):
    """Somebody else holds the name; `body` is what they wrote into it, empty when they are about to."""

    def __init__(self, where: str, body: bytes) -> None:
        super().__init__(f"{where} is held by another process")
        self.body = body


@dataclass(frozen=True, slots=True)
class Look:
    """What stands in an exclusive name: written by its holder, or left behind by one that died."""

    held: bool
    body: bytes


class Store(Protocol):
    """
    Objects under names such as `shop/prod/state/000000000042.json`.

    Names are parts of letters, digits, `.`, `_` and `-` between slashes, none beginning with a dot; anything else is
    a mistake of the program (`ValueError`). Methods raise `StoreError` when the place itself fails.
    """

    def create(self, name: str, body: bytes) -> None:
        """
        Make an object, durable before this returns; raises `AlreadyThere` when the name is taken.

        All of it or nothing: no reader ever sees a part, whenever the process or the machine dies. After any
        other error the object may or may not be there.
        """

    def read(self, name: str) -> bytes:
        """The object's bytes; raises `NotThere`."""

    def list(self, prefix: str) -> Sequence[str]:
        """The full names that begin with `prefix`, sorted; nothing there at all is an empty list."""

    def delete(self, name: str) -> None:
        """Remove an object; removing what is not there is no error."""

    def where(self, name: str) -> str:
        """The object's place as people find it."""


@runtime_checkable
class Exclusive(Protocol):
    """A store whose place can say that a process has died."""

    def exclusive(self, name: str, body: bytes) -> AbstractContextManager[bytes]:
        """
        Hold `name` alone until the block ends or the process dies, with `body` in it for others to read.

        Gives what the last holder left behind by dying, empty after an orderly end. Raises `Held` at once when
        somebody holds it. A held name is no object: it is not listed.
        """

    def look(self, name: str) -> Look:
        """Who holds `name` now, or died holding it."""


def checked_name(name: str) -> str:
    """The name, or `ValueError` when no store may take it."""
    if not _NAME.match(name):
        raise ValueError(f"`{name}` is no name of an object")
    return name


def checked_prefix(prefix: str) -> str:
    """The prefix, or `ValueError` when no name could begin with it."""
    if not _PREFIX.match(prefix):
        raise ValueError(f"`{prefix}` is no beginning of a name")
    return prefix
