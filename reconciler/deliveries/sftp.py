"""Files on an SFTP server that has proved who it is."""

from __future__ import annotations

import base64
import binascii
import io
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from reconciler.deliveries.access import SftpAccess
from reconciler.deliveries.locations import SftpLocation
from reconciler.deliveries.source import (
    Changed,
    Delivered,
    NotAllowed,
    NotThere,
    PlaceMissing,
    Posture,
    SourceError,
    Unreachable,
    UntrustedHost,
    library_missing,
)

if TYPE_CHECKING:
    import paramiko

_SECONDS = 15.0
_REQUEST = 32 * 1024
"""Bytes of one request: every server serves that many (SFTP version 3 draft, section 3: packets of 34,000 bytes)."""

_WINDOW = 64
"""Requests under way at once; their answers are all that is kept in memory."""


class SftpSource:
    """
    See `Source`. One thread uses it at a time. Symbolic links are not followed below the folder.

    `etag` is made of size and time in seconds, which is all that the protocol tells.
    """

    def __init__(self, location: SftpLocation, access: SftpAccess) -> None:
        self._location = location
        self._access = access
        self._client: paramiko.SSHClient | None = None
        self._session: paramiko.SFTPClient | None = None
        self._making = threading.Lock()

    def where(self, key: str = "") -> str:
        """The file's address."""
        base = str(self._location)
        return f"{base.rstrip('/')}/{key}" if key else base

    def list(self, prefix: str = "") -> Iterator[Delivered]:
        """See `Source.list`."""
        with self._explained(""):
            if not stat.S_ISDIR(self._sftp().stat(self._path("")).st_mode or 0):
                raise PlaceMissing(self.where(), "it is no folder", "check the path")
        folder = prefix.rpartition("/")[0]
        if not folder or _is_safe(folder):
            yield from self._below(f"{folder}/" if folder else "", prefix)

    def head(self, key: str) -> Delivered:
        """See `Source.head`."""
        with self._explained(key):
            return _described(key, self._stat(key))

    def stream(self, key: str, start: int = 0) -> Iterator[bytes]:
        """See `Source.stream`; many requests are under way at once, and no more than are soon needed."""
        with self._explained(key):
            before = self._stat(key)
            file = self._sftp().open(self._path(key), "rb")
        size = before.st_size or 0
        with file:
            for position in range(start, size, _REQUEST * _WINDOW):
                end = min(position + _REQUEST * _WINDOW, size)
                wanted = [(each, min(_REQUEST, end - each)) for each in range(position, end, _REQUEST)]
                with self._explained(key):
                    piece = b"".join(file.readv(wanted))
                if len(piece) != end - position:
                    raise Changed(self.where(key), "it became shorter while it was read", "run again")
                yield piece
        with self._explained(key):
            after = self._stat(key)
        if _tag(after) != _tag(before):
            raise Changed(self.where(key), "it was written while it was read", "run again")

    def range(self, key: str, start: int, length: int) -> bytes:
        """See `Source.range`."""
        with self._explained(key):
            size = self._stat(key).st_size or 0
            end = min(start + length, size)
            if start >= end:
                return b""
            with self._sftp().open(self._path(key), "rb") as file:
                wanted = [(each, min(_REQUEST, end - each)) for each in range(start, end, _REQUEST)]
                return b"".join(file.readv(wanted))

    def posture(self) -> Posture:
        """Whether the folder's mode lets every user of that server in; the protocol tells no more."""
        with self._explained(""):
            mode = self._sftp().stat(self._path("")).st_mode
        everybody = None if mode is None else bool(mode & stat.S_IROTH and mode & stat.S_IXOTH)
        unknown = ("a server does not tell who may sign in, nor how its disks are encrypted",)
        return Posture(place=self.where(), public_policy=everybody, unknown=unknown)

    def close(self) -> None:
        """See `Source.close`."""
        with self._making:
            if self._client is not None:
                self._client.close()
            self._client = self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _below(self, folder: str, prefix: str) -> Iterator[Delivered]:
        with self._explained(folder):
            try:
                entries = self._sftp().listdir_attr(self._path(folder))
            except FileNotFoundError:
                return
        # A folder sorts as if its name ended with the slash that follows it in every key below.
        named = {each.filename + "/" * stat.S_ISDIR(each.st_mode or 0): each for each in entries}
        for name in sorted(named):
            key = folder + name
            if name.strip("/") in {"", ".", ".."} or "/" in name[:-1]:
                continue  # no name of a file, whatever the server says
            if name.endswith("/"):
                if key.startswith(prefix) or prefix.startswith(key):
                    yield from self._below(key, prefix)
            elif key.startswith(prefix) and stat.S_ISREG(named[name].st_mode or 0):
                yield _described(key, named[name])

    def _is_there(self) -> bool:
        """Whether the folder of the location is there, asked when something in it is not."""
        try:
            self._sftp().stat(self._path(""))
        except OSError:
            return False
        return True

    def _path(self, key: str) -> str:
        base = self._location.path.rstrip("/")
        path = f"{base}/{key}".rstrip("/") if base or self._location.path.startswith("/") else key.rstrip("/")
        return path or ("/" if self._location.path.startswith("/") else ".")

    def _stat(self, key: str) -> paramiko.SFTPAttributes:
        if not _is_safe(key):
            raise NotThere(self.where(key), "there is no such file", "check the name")
        found = self._sftp().lstat(self._path(key))
        if not stat.S_ISREG(found.st_mode or 0):
            raise NotThere(self.where(key), "it is no file", "check the name")
        return found

    def _sftp(self) -> paramiko.SFTPClient:
        with self._making:
            if self._session is None:
                self._client = self._connected()
                self._session = self._client.open_sftp()
                channel = self._session.get_channel()
                if channel is not None:
                    channel.settimeout(_SECONDS * 2)
            return self._session

    def _connected(self) -> paramiko.SSHClient:
        import paramiko  # noqa: PLC0415 - takes a quarter of a second, which only its users should wait

        access, location = self._access, self._location
        if access.password is None and access.private_key is None:
            raise NotAllowed(self.where(), "neither a password nor a key is given", "give one of them")
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(_policy(access.host_key, self.where()))
        name = location.host.strip("[]")
        if access.host_key is None:
            self._load_known(client)
        elif not access.host_key.startswith("SHA256:"):
            entry = name if location.port == 22 else f"[{name}]:{location.port}"
            key = _public_key(access.host_key, self.where())
            client.get_host_keys().add(entry, key.get_name(), key)
        try:
            client.connect(
                name,
                port=location.port,
                username=access.user,
                password=access.password,
                pkey=_private_key(access, self.where()),
                look_for_keys=False,
                allow_agent=False,
                timeout=_SECONDS,
                banner_timeout=_SECONDS,
                auth_timeout=_SECONDS,
            )
        except BaseException:
            client.close()
            raise
        return client

    def _load_known(self, client: paramiko.SSHClient) -> None:
        known = Path(self._access.known_hosts or "~/.ssh/known_hosts").expanduser()
        try:
            client.load_host_keys(str(known))
        except OSError:
            if self._access.known_hosts is not None:
                reason = f"the file of known hosts `{known}` cannot be read"
                raise UntrustedHost(self.where(), reason, "check its path") from None

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        try:
            import paramiko  # noqa: PLC0415 - as above
        except ImportError:
            raise library_missing(self.where(), "paramiko") from None
        where = self.where(key)
        sign_in = "check user, password or key, and that the server allows this way of signing in"
        try:
            yield
        except paramiko.BadHostKeyException as error:
            shown = error.key.fingerprint
            reason = f"the server shows another key than the known one ({shown})"
            help = "find out why before anything else: it may be somebody else's server"
            raise UntrustedHost(self.where(), reason, help) from None
        except (paramiko.AuthenticationException, paramiko.PasswordRequiredException):
            raise NotAllowed(self.where(), "signing in was refused", sign_in) from None
        except FileNotFoundError:
            if not key or not self._is_there():
                raise PlaceMissing(self.where(), "there is no such folder", "check the path") from None
            raise NotThere(where, "there is no such file", "check the name") from None
        except PermissionError:
            raise NotAllowed(where, "access is denied", "allow this user to read folder and files") from None
        except (paramiko.SSHException, EOFError, OSError) as error:
            if _is_answer(error):
                raise SourceError(where, "the server refuses the request", "check the path") from None
            self.close()  # the next call begins anew
            help = "check the network, the host's name and the port"
            raise Unreachable(where, "the server cannot be reached, or hung up", help) from None


def _policy(pinned: str | None, where: str) -> Any:  # noqa: ANN401 - a class of a library that is imported late
    import paramiko  # noqa: PLC0415 - as above

    class Strangers(paramiko.MissingHostKeyPolicy):
        """Asked about a server that no known key belongs to."""

        def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
            if pinned is not None and key.fingerprint.rstrip("=") == pinned.rstrip("="):
                return
            reason = f"the server's key is not known (it shows a {key.get_name()} key, {key.fingerprint})"
            help = "compare it with what its owner publishes, then say it as `hostKey` or add it to the known hosts"
            raise UntrustedHost(where, reason, help)

    return Strangers()


def _public_key(text: str, where: str) -> paramiko.PKey:
    import paramiko  # noqa: PLC0415 - as above

    words = text.split()
    # `ssh-keyscan` puts the host in front.
    kinds = [at for at, word in enumerate(words) if word.startswith(("ssh-", "ecdsa-"))]
    try:
        at = kinds[0]
        return paramiko.PKey.from_type_string(words[at], base64.b64decode(words[at + 1], validate=True))
    except (IndexError, binascii.Error, paramiko.SSHException, ValueError):
        help = "write `ssh-ed25519 AAAA…` as `ssh-keyscan` prints it, or a fingerprint `SHA256:…`"
        raise UntrustedHost(where, "the host key that is given is no public key", help) from None


def _private_key(access: SftpAccess, where: str) -> paramiko.PKey | None:
    import paramiko  # noqa: PLC0415 - as above

    if access.private_key is None:
        return None
    text = access.private_key
    if "-----BEGIN" not in text:
        # Adobe keeps the key as "Base64-encoded SSH private key" (SFTP destination, connection parameters; certain).
        try:
            text = base64.b64decode("".join(text.split()), validate=True).decode("ascii")
        except (binascii.Error, UnicodeDecodeError):
            raise NotAllowed(where, "the private key is no key file's text", "give the whole file") from None
    for kind in (paramiko.Ed25519Key, paramiko.RSAKey, paramiko.ECDSAKey):
        try:
            return kind.from_private_key(io.StringIO(text), password=access.passphrase)
        except paramiko.PasswordRequiredException:
            raise NotAllowed(where, "the private key is locked", "give its passphrase") from None
        except (paramiko.SSHException, ValueError, IndexError, TypeError):
            continue
    raise NotAllowed(where, "the private key cannot be read", "check its text and its passphrase")


def _is_answer(error: Exception) -> bool:
    """Whether the server said "failure", which the library gives as an error without a number."""
    return type(error) is OSError and error.errno is None and "closed" not in str(error).lower()


def _is_safe(key: str) -> bool:
    return not key.startswith("/") and "\0" not in key and not {"", ".", ".."} & set(key.split("/"))


def _tag(found: paramiko.SFTPAttributes) -> str:
    return f"{found.st_size or 0:x}-{int(found.st_mtime or 0):x}"


def _described(key: str, found: paramiko.SFTPAttributes) -> Delivered:
    modified = datetime.fromtimestamp(found.st_mtime or 0, UTC)
    return Delivered(key=key, size=found.st_size or 0, modified=modified, etag=_tag(found))
