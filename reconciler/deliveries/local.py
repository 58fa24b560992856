"""Files in a folder of this machine."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from reconciler.deliveries.locations import LocalFolder
from reconciler.deliveries.source import (
    Changed,
    Delivered,
    NotAllowed,
    NotThere,
    PlaceMissing,
    Posture,
    SourceError,
    Unreachable,
)

_PIECE = 1024 * 1024


class LocalSource:
    """
    See `Source`. Symbolic links below the folder are not followed, so that no name leads out of it.

    `etag` is made of the file's identity, size and time, which every writing moves.
    """

    def __init__(self, location: LocalFolder) -> None:
        self._root = location.path

    def where(self, key: str = "") -> str:
        """The path."""
        return str(self._root / key) if key else str(self._root)

    def list(self, prefix: str = "") -> Iterator[Delivered]:
        """See `Source.list`."""
        with self._explained(""):
            if not self._root.is_dir():
                raise PlaceMissing(self.where(), "there is no such folder", "check the path, and that it is mounted")
        folder = prefix.rpartition("/")[0]
        if folder and not self._is_safe(folder):
            return
        yield from self._below(f"{folder}/" if folder else "", prefix)

    def head(self, key: str) -> Delivered:
        """See `Source.head`."""
        with self._explained(key):
            return _described(key, self._stat(key))

    def stream(self, key: str, start: int = 0) -> Iterator[bytes]:
        """See `Source.stream`."""
        with self._explained(key):
            before = self._stat(key)
            with (self._root / key).open("rb") as file:
                if _tag(os.fstat(file.fileno())) != _tag(before):
                    raise Changed(self.where(key), "it was replaced while it was opened", "run again")
                file.seek(start)
                while piece := file.read(_PIECE):
                    yield piece
                if _tag(os.fstat(file.fileno())) != _tag(before):
                    raise Changed(self.where(key), "it was written while it was read", "run again")

    def range(self, key: str, start: int, length: int) -> bytes:
        """See `Source.range`."""
        with self._explained(key):
            self._stat(key)
            with (self._root / key).open("rb") as file:
                file.seek(start)
                return file.read(length)

    def posture(self) -> Posture:
        """Whether the folder's mode lets everybody of this machine in."""
        with self._explained(""):
            found = self._root.stat()
        everybody = bool(found.st_mode & stat.S_IROTH and found.st_mode & stat.S_IXOTH)
        unknown = ("a folder does not tell how its disk is encrypted",)
        return Posture(place=self.where(), public_policy=everybody, unknown=unknown)

    def close(self) -> None:
        """Nothing to let go of."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _below(self, folder: str, prefix: str) -> Iterator[Delivered]:
        path = self._root / folder
        with self._explained(folder):
            try:
                entries = list(os.scandir(path))
            except (FileNotFoundError, NotADirectoryError):
                return
        # A folder sorts as if its name ended with the slash that follows it in every key below.
        for name, entry in sorted((each.name + "/" * each.is_dir(follow_symlinks=False), each) for each in entries):
            key = folder + name
            if name.endswith("/"):
                if key.startswith(prefix) or prefix.startswith(key):
                    yield from self._below(key, prefix)
            elif key.startswith(prefix) and entry.is_file(follow_symlinks=False):
                with self._explained(key):
                    try:
                        found = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:  # deleted since the folder was read
                        continue
                yield _described(key, found)

    def _stat(self, key: str) -> os.stat_result:
        if not self._is_safe(key):
            raise NotThere(self.where(key), "there is no such file", "check the name")
        found = (self._root / key).lstat()
        if not stat.S_ISREG(found.st_mode):
            raise NotThere(self.where(key), "it is no file", "check the name")
        return found

    def _is_safe(self, key: str) -> bool:
        """Whether the name stays below the folder, links considered."""
        if key.startswith("/") or "\0" in key or {"", ".", ".."} & set(key.split("/")):
            return False
        path = self._root
        for part in Path(key).parent.parts:
            path /= part
            if path.is_symlink():
                return False
        return True

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        where = self.where(key)
        try:
            yield
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            if not self._root.is_dir():
                message = "there is no such folder"
                raise PlaceMissing(self.where(), message, "check the path, and that it is mounted") from None
            raise NotThere(where, "there is no such file", "check the name") from None
        except PermissionError:
            reason = "this user may not read it"
            raise NotAllowed(where, reason, "allow this user to read folder and files") from None
        except OSError as error:
            name = errno.errorcode.get(error.errno or 0, "an error")
            if error.errno in (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENOTCONN):
                raise Unreachable(where, f"the disk does not answer ({name})", "check that it is mounted") from None
            raise SourceError(where, f"the system refuses ({name})", "check the path") from None


def _tag(found: os.stat_result) -> str:
    return f"{found.st_dev:x}-{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"


def _described(key: str, found: os.stat_result) -> Delivered:
    modified = datetime.fromtimestamp(found.st_mtime, UTC)
    mode = {"mode": f"{stat.S_IMODE(found.st_mode):04o}"}
    return Delivered(key=key, size=found.st_size, modified=modified, etag=_tag(found), metadata=mode)
