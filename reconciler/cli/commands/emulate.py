"""`reconciler emulate`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.session import Session, leave_signals_alone
from reconciler.cli.session import command as running
from reconciler.operations.failures import Failure, Misused

if TYPE_CHECKING:
    from reconciler.emulator import Emulator


@click.command()
@click.argument("vendors", nargs=-1, metavar="[VENDOR]...")
@click.option("--port", type=click.IntRange(0, 65535), default=8700, show_default=True, help="0 takes any free port.")
@click.option(
    "--switch",
    "switches",
    multiple=True,
    metavar="VENDOR.NAME=POSITION",
    help="How the vendor behaves where its documents are silent. Repeatable.",
)
@click.option("--switches", "listing", is_flag=True, help="List all switches with their positions, and leave.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Write delivered files here.")
@running
def command(
    session: Session,
    /,
    *,
    vendors: tuple[str, ...],
    port: int,
    switches: tuple[str, ...],
    listing: bool,
    folder: Path | None,
) -> int:
    """
    Serve the vendors on this machine's loopback interface, for rehearsals and tests.

    Each vendor is served below its name, such as http://127.0.0.1:8700/didomi. Its world is scripted under
    `/_emulator/`: clock, switches, faults, and the log of requests.
    """
    try:
        from reconciler.emulator import Server, joined, serve_forever
        from reconciler.operations.emulate import emulated, make_emulators
    except ModuleNotFoundError as missing:
        raise Failure(
            f"the emulators need `{missing.name}`, which is not installed", help="pip install 'reconciler[emulator]'"
        ) from None
    chosen: dict[str, dict[str, str]] = {}
    for setting in switches:
        place, _, position = setting.partition("=")
        vendor, _, name = place.partition(".")
        if not position or not name:
            raise Misused(f"`{setting}` sets no switch; write `vendor.name=position`, such as `didomi.read=404`")
        chosen.setdefault(vendor, {})[name] = position
    emulators = make_emulators(vendors or emulated(), switches=chosen, folder=folder)
    if listing:
        _list_switches(emulators)
        return 0
    try:
        server = Server(joined({name: each.app for name, each in emulators.items()}), port=port)
    except OSError as error:
        raise Failure(f"port {port} cannot be used: {error.strerror}", help="name another with `--port`") from None
    for name, each in emulators.items():
        click.echo(f"{name}: {server.url}/{name}")
        for line in _accepted(each, session.settings.width):
            click.echo(line)
        click.echo(f"  log and controls: {server.url}/{name}/_emulator/")
    click.echo("Ctrl-C stops.", err=True)
    leave_signals_alone()
    return 128 + serve_forever([server], [each.world.clock for each in emulators.values()])


def _accepted(emulator: Emulator, width: int) -> Iterator[str]:
    """The credentials that the vendor takes, each on one line; what is wider than that is broken after its commas."""
    line, margin = "  accepts", " " * 10
    for word, value in emulator.credentials.items():
        pair = f" {word} {value},"
        pieces = re.findall("[^,]+,", pair) if len(margin + pair) > width else [pair]
        for piece in pieces:
            if len(line + piece) > width:
                yield line
                line = margin + piece.lstrip()
            else:
                line += piece
    yield line.removesuffix(",")


def _list_switches(emulators: dict[str, Emulator]) -> None:
    for name, each in emulators.items():
        for switch in each.world.switches.known.values():
            click.echo(f"{name}.{switch.name}={'|'.join(switch.positions)}")
            click.echo(f"    {switch.meaning}")
