"""
A vendor as a process of its own: `python benchmarks/vendor.py NAME` prints its address and serves until its input ends.

Lines on its input: `hold FILE` takes the objects in the file and no others, `asked` gives the requests since the last
time as JSON, whatever their order.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from reconciler.emulator import Clock, Emulator, Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a vendor is set up: switches, the path of its API, and where its credentials have key and secret."""

    switches: Mapping[str, str]
    path: str
    credentials: tuple[str, str]


SETTINGS: Mapping[str, Setting] = {
    "adobe": Setting(
        switches={"rate_limit": "off", "destinations_most": "1000"},
        path="",
        credentials=("client_id", "client_secret"),
    ),
    "didomi": Setting(
        switches={"rate_limit": "off", "quota_exports_configs": "100000", "quota_exports_destinations": "100000"},
        path="/v1",
        credentials=("key", "secret"),
    ),
}


def main(name: str) -> None:
    """Serve, and answer each line of input with one line."""
    setting = SETTINGS[name]
    # A clock that stands still: nothing is delivered while we measure.
    module = import_module(f"reconciler.providers.{name}.emulator")
    vendor: Emulator = module.create(switches=setting.switches, clock=Clock.frozen())
    with Server(vendor.app) as server:
        key, secret = (vendor.credentials[each] for each in setting.credentials)
        print(json.dumps({"url": f"{server.url}{setting.path}", "key": key, "secret": secret}), flush=True)
        for line in sys.stdin:
            word, _, rest = line.strip().partition(" ")
            print(hold(vendor, Path(rest)) if word == "hold" else json.dumps(asked(vendor)), flush=True)


def hold(vendor: Emulator, file: Path) -> int:
    """Forget everything and hold the objects in the file; gives their number."""
    vendor.reset()
    collections = json.loads(file.read_text(encoding="utf-8"))
    for collection, rows in collections.items():
        for row in rows:
            vendor.insert(collection, row)
    return sum(len(rows) for rows in collections.values())


def asked(vendor: Emulator) -> list[str]:
    """What was asked since the last time, sorted."""
    entries = vendor.world.log.entries()
    vendor.world.log.clear()
    return sorted(f"{each.method} {each.path} {sorted(each.query)}" for each in entries)


if __name__ == "__main__":
    main(sys.argv[1])
