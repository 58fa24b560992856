"""A store in a folder: whole files by link, and locks that the operating system frees when their holder dies."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from reconciler.stores.contract import (
    AlreadyThere,
    Held,
    Look,
    NotThere,
    StoreError,
    checked_name,
    checked_prefix,
)

_LEFTOVER = ".tmp-"
_LOCK = ".lock"
_LOOKS = 10
_PAUSE = 0.005

_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space and run again",
    errno.EDQUOT: "the quota is used up; free some space and run again",
    errno.EFBIG: "the file would be larger than this process may write; raise the limit (`ulimit -f`) and run again",
    errno.EROFS: "the file system is read-only; choose another folder or mount it writable",
    errno.EACCES: "permission denied; give this user access to the folder or choose another",
    errno.EPERM: "the system does not permit it; give this user access to the folder or choose another",
    errno.ENOTDIR: "a part of the path is a file and no folder; move it away or choose another folder",
    errno.EISDIR: "a folder is in its place; move it away",
    errno.ENOLCK: "this file system has no locks; choose a folder on another",
    errno.ENOTSUP: "this file system lacks what a state needs (links and locks); choose a folder on another",
}


class LocalStore:
    """
    Objects as files below one folder, mode 0600 in folders of mode 0700.

    An object is written under a name that nobody lists, made durable, and linked to its own name, which fails when
    that is taken: a name never shows less than the whole. Names that begin with a dot are the store's own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def where(self, name: str) -> str:
        """The file that holds the object, also for what was found under a name that is none."""
        return str(self._folder / name)

    def create(self, name: str, body: bytes) -> None:
        """See `Store.create`."""
        path = self._path(name)
        with _explained("write", path):
            _make_folder(path.parent)
            unfinished = path.parent / f"{_LEFTOVER}{secrets.token_hex(8)}"
            try:
                _write(unfinished, body)
                os.link(unfinished, path)
            except FileExistsError:
                raise AlreadyThere(str(path)) from None
            finally:
                with suppress(OSError):
                    unfinished.unlink()
            _make_durable(path.parent)

    def read(self, name: str) -> bytes:
        """See `Store.read`."""
        path = self._path(name)
        with _explained("read", path):
            try:
                return path.read_bytes()
            except FileNotFoundError:
                raise NotThere(str(path)) from None

    def list(self, prefix: str) -> Sequence[str]:
        """See `Store.list`."""
        base = self._folder / checked_prefix(prefix).rpartition("/")[0]
        with _explained("list", base):
            try:
                base.stat()
            except FileNotFoundError:  # only this means "nothing"; whatever fails further down is an error
                return ()
            found = [path.relative_to(self._folder).as_posix() for path in _files_below(base)]
        return sorted(name for name in found if name.startswith(prefix))

    def delete(self, name: str) -> None:
        """See `Store.delete`."""
        path = self._path(name)
        with _explained("delete", path), suppress(FileNotFoundError):
            path.unlink()
            _make_durable(path.parent)

    @contextmanager
    def exclusive(self, name: str, body: bytes) -> Iterator[bytes]:
        """See `Exclusive.exclusive`; a program started meanwhile does not inherit the lock, a mere fork would."""
        path = self._lock_path(name)
        with _explained("lock", path):
            _make_folder(path.parent)
            descriptor = _acquire(path)
        try:
            with _explained("lock", path):
                left_behind = _content(descriptor)
                _replace_content(descriptor, body)
                _sweep(path.parent)
            yield left_behind
        finally:
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
            os.close(descriptor)

    def look(self, name: str) -> Look:
        """See `Exclusive.look`."""
        path = self._lock_path(name)
        with _explained("read", path), ExitStack() as stack:
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return Look(held=False, body=b"")
            stack.callback(os.close, descriptor)
            held = not _locked(descriptor, fcntl.LOCK_SH)
            return Look(held=held, body=_content(descriptor))

    def _path(self, name: str) -> Path:
        return self._folder / checked_name(name)

    def _lock_path(self, name: str) -> Path:
        path = self._path(name)
        return path.with_name(f".{path.name}{_LOCK}")


@contextmanager
def _explained(doing: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = _ADVICE.get(error.errno or 0, f"{error.strerror}; look at the folder and run again")
        raise StoreError(f"cannot {doing} `{path}`: {reason}") from error


def _make_folder(folder: Path) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        with suppress(FileExistsError):  # somebody else makes the same folders
            each.mkdir(mode=0o700)
        _make_durable(each.parent)


def _make_durable(folder: Path) -> None:
    """A new or removed name survives a power cut only once its folder is synced too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, body: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        rest = memoryview(body)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _files_below(base: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(base, onerror=_raise):
        folders[:] = [each for each in folders if not each.startswith(".")]
        yield from (Path(folder, each) for each in files if not each.startswith("."))


def _raise(error: OSError) -> NoReturn:
    raise error


def _acquire(path: Path) -> int:
    """
    An open descriptor that holds the lock of `path`.

    Looks several times before it believes in a holder: `look` takes a shared lock for a moment. A lock on a file
    that somebody has removed meanwhile is worth nothing, hence the comparison.
    """
    body = b""
    for _ in range(_LOOKS):
        with ExitStack() as stack:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            stack.callback(os.close, descriptor)
            if _locked(descriptor, fcntl.LOCK_EX) and _is_at(descriptor, path):
                stack.pop_all()
                return descriptor
            body = _content(descriptor)
        time.sleep(_PAUSE)
    raise Held(str(path), body)


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, 1 << 16, 0)


def _replace_content(descriptor: int, body: bytes) -> None:
    os.pwrite(descriptor, body, 0)
    os.ftruncate(descriptor, len(body))
    os.fsync(descriptor)


def _sweep(folder: Path) -> None:
    """Remove what a killed writer left unfinished; whoever holds the folder's lock is its only writer."""
    for leftover in folder.rglob(f"{_LEFTOVER}*"):
        leftover.unlink(missing_ok=True)
