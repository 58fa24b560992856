"""Putting new content in the place of a file: all of it or nothing, with the file's mode."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile


def put(path: Path, content: bytes) -> None:
    """Replace what the file, which is there, holds. Raises `OSError`, and then the file is as it was."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as temporary:
        try:
            temporary.write(content)
            temporary.flush()
            os.fchmod(temporary.fileno(), path.stat().st_mode & 0o7777)
            os.fsync(temporary.fileno())
            Path(temporary.name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(temporary.name).unlink()
            raise
