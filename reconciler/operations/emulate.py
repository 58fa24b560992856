"""`emulate`: the vendors on this machine."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from reconciler import providers
from reconciler.emulator import Clock, Emulator, Server, UnknownSwitch, joined
from reconciler.operations.failures import Misused


def emulated() -> tuple[str, ...]:
    """The vendors that have an emulator, sorted."""
    found = []
    for vendor in providers.names():
        folder = importlib.import_module(f"reconciler.providers.{vendor}")
        if any(each.name == "emulator" for each in pkgutil.iter_modules(folder.__path__)):
            found.append(vendor)
    return tuple(found)


def make_emulators(
    vendors: Iterable[str],
    *,
    switches: Mapping[str, Mapping[str, str]] | None = None,
    folder: Path | None = None,
    clock: Clock | None = None,
    objects: str | None = None,
) -> dict[str, Emulator]:
    """
    One emulator per vendor, not yet served; `switches` per vendor, `folder` receives delivered files.

    `objects` is the endpoint of an object store, for vendors that upload with the credentials of a request.

    Raises `Misused` for a vendor without an emulator and for a switch or position that does not exist.
    """
    made = {}
    for vendor in vendors:
        if vendor not in emulated():
            raise Misused(f"there is no emulator of `{vendor}`; there is one of {', '.join(emulated())}")
        module = importlib.import_module(f"reconciler.providers.{vendor}.emulator")
        try:
            made[vendor] = module.create(
                switches=(switches or {}).get(vendor), clock=clock, folder=folder / vendor if folder else None
            )
            if objects is not None:
                made[vendor].deliver_to(objects)
        except UnknownSwitch as error:
            raise Misused(str(error)) from None
    return made


@contextmanager
def serving(emulators: Mapping[str, Emulator], *, port: int = 0) -> Iterator[Mapping[str, str]]:
    """Serve all on one port for as long as the block lasts; gives each vendor's base URL."""
    with Server(joined({name: each.app for name, each in emulators.items()}), port=port) as server:
        yield {name: f"{server.url}/{name}" for name in emulators}
