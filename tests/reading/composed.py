"""
The program with every vendor that tests know, the rogue included: `composed.py [--guarded] COMMAND …`.

With `--guarded` it dies with code 99 and a word at the first attempt to reach anybody by a socket.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent)]

import rogue  # noqa: E402 - as those below, found only now
from world import catalog  # noqa: E402

from reconciler.cli.main import run  # noqa: E402
from reconciler.operations.workspace import open_workspace  # noqa: E402
from reconciler.sdk import Catalog  # noqa: E402

REACHING = frozenset(
    {
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.sendmsg",
        "socket.sendto",
    }
)


def _guard(event: str, arguments: tuple[object, ...]) -> None:
    if event in REACHING:
        os.write(2, f"guard: {event} {arguments}\n".encode())
        os._exit(99)


def main(words: list[str]) -> int:
    """Run the program; gives its exit code."""
    if words[:1] == ["--guarded"]:
        sys.addaudithook(_guard)
        words = words[1:]
    known = catalog()
    everybody = Catalog(
        {*known.names, "rogue"}, lambda name: rogue.PROVIDER if name == "rogue" else known.provider(name)
    )
    return run(words, partial(open_workspace, catalog=everybody))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
