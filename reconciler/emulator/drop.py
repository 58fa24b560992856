"""Where a stand-in vendor delivers files: buckets of keys, by default folders on this machine."""

import shutil
from pathlib import Path
from typing import Protocol


class Drop(Protocol):
    """Something files can be delivered to; a real object store may stand behind it."""

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Write one object whole."""
        ...

    def expire(self, bucket: str, prefix: str) -> None:
        """Remove everything below a prefix, or the one object it names."""
        ...


class MemoryDrop:
    """Buckets in memory, for whoever gives no folder; `objects` are the contents by bucket and key."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Keep one object whole."""
        self.objects[bucket, key] = content

    def expire(self, bucket: str, prefix: str) -> None:
        """Forget everything below a prefix."""
        for known in [known for known in self.objects if known[0] == bucket and known[1].startswith(prefix)]:
            del self.objects[known]


class FolderDrop:
    """Buckets as folders below `root`; keys are relative paths."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Write the file under a temporary name first, so that nobody reads half of it."""
        path = self._path(bucket, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.unfinished")
        unfinished.write_bytes(content)
        unfinished.replace(path)

    def expire(self, bucket: str, prefix: str) -> None:
        """Remove the folder or the file that the prefix names."""
        path = self._path(bucket, prefix)
        if path.is_file():
            path.unlink()
        else:
            shutil.rmtree(path, ignore_errors=True)

    def _path(self, bucket: str, key: str) -> Path:
        path = (self.root / bucket / key).resolve()
        if not path.is_relative_to(self.root.resolve()) or path == self.root.resolve():
            # Bucket names come from requests: one such as `../..` must not leave the folder.
            raise ValueError(f"`{bucket}/{key}` leaves the folder that deliveries go to")
        return path
