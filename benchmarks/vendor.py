"""
The vendor as a process of its own: `python benchmarks/vendor.py` prints its address and serves until its input ends.

Lines on its input: `hold FILE` takes the objects in the file and no others, `asked` gives a digest of the requests
since the last time, whatever their order.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from reconciler.emulator import Clock, Emulator, Server
from reconciler.providers.didomi import emulator

SWITCHES = {"rate_limit": "off", "quota_exports_configs": "100000", "quota_exports_destinations": "100000"}


def main() -> None:
    """Serve, and answer each line of input with one line."""
    # A clock that stands still: nothing is delivered while we measure.
    didomi = emulator.create(switches=SWITCHES, clock=Clock.frozen())
    with Server(didomi.app) as server:
        print(json.dumps({"url": f"{server.url}/v1", **didomi.credentials}), flush=True)
        for line in sys.stdin:
            word, _, rest = line.strip().partition(" ")
            print(hold(didomi, Path(rest)) if word == "hold" else asked(didomi), flush=True)


def hold(didomi: Emulator, file: Path) -> int:
    """Forget everything and hold the objects in the file; gives their number."""
    didomi.reset()
    collections = json.loads(file.read_text(encoding="utf-8"))
    for collection, rows in collections.items():
        for row in rows:
            didomi.insert(collection, row)
    return sum(len(rows) for rows in collections.values())


def asked(didomi: Emulator) -> str:
    """How many requests came, and a digest of what they asked for."""
    entries = didomi.world.log.entries()
    didomi.world.log.clear()
    lines = sorted(f"{each.method} {each.path} {sorted(each.query)}" for each in entries)
    return f"{len(lines)} {hashlib.sha256(chr(10).join(lines).encode()).hexdigest()}"


if __name__ == "__main__":
    main()
