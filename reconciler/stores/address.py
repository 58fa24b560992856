"""From a URL to the store behind it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from reconciler.stores.contract import Store, StoreError


def open_store(url: str, root: Path) -> Store:
    """
    The store at `file://folder`; a relative folder is one of the project's, whose place is `root`.

    Touches nothing yet: the folder is made by the first write. Raises `StoreError` for any other URL.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or not rest:
        raise StoreError(f"`{url}` is no address of a state; write `file://folder`, such as `file://.reconciler/state`")
    match scheme:
        case "file":
            # Imported late: the file lock it needs does not exist on every system.
            from reconciler.stores.local import LocalStore  # noqa: PLC0415

            return LocalStore(root / unquote(rest))
        case "s3" | "gs":
            raise StoreError(f"`{url}`: `{scheme}://` is not supported by this version; use `file://folder`")
        case _:
            raise StoreError(f"`{url}`: `{scheme}://` is no kind of store; use `file://folder`")
