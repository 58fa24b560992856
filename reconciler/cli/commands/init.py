"""`reconciler init`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.offering import offer_vendors
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.reports.escape import plain

if TYPE_CHECKING:
    from reconciler.operations.init import Begun


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".", metavar="[DIR]")
@click.option(
    "--vendor",
    "vendors",
    multiple=True,
    metavar="VENDOR",
    shell_complete=offer_vendors,
    help="Begin with this vendor. Repeatable.",
)
@click.option("--project", metavar="NAME", help="The project's name, by default that of DIR.")
@running
def command(session: Session, folder: Path, vendors: tuple[str, ...], project: str | None) -> int:
    """
    Write a starter project into DIR: project file, first manifests, workflows, pre-commit, schema for editors.

    Without --vendor it has manifests for every vendor. Writes over no file. Afterwards the project can be applied to
    the stand-ins of `reconciler emulate` as it is.
    """
    from reconciler.operations.init import init

    begun = init(Path(session.settings.directory) / folder, vendors, project)
    for name in begun.files:
        click.echo(plain(str(folder / name)))
    for line in _next(begun, folder):
        click.echo(plain(line), err=True)
    return 0


def _next(begun: Begun, folder: Path) -> list[str]:
    """What to do now, in the order of doing it."""
    lines = []
    for name, text in begun.kept.items():
        lines += [f"Kept {name} as it is; what it may want of this:", *(f"  {each}" for each in text.splitlines()), ""]
    where = str(folder)
    emulate = shlex.join(["reconciler", "emulate", *begun.vendors])
    width = max(len(emulate), 40)
    lines += ["Next:"]
    if where != ".":
        lines.append(f"  cd {shlex.quote(where)}")
    lines += [
        f"  {emulate:{width}}  # stand-ins, in another terminal",
        f"  {'export RECONCILER_ENVIRONMENT=rehearsal':{width}}  # talk to them",
        *(f"  export {name}={shlex.quote(value)}" for name, value in begun.variables.items()),
        "  reconciler validate",
        "  reconciler plan",
        "  reconciler apply",
        "",
        "For the vendors themselves: fill in `reconciler.yaml` and the manifests, and use",
        "`-e prod`. In the workflows put the program's place for `example/reconciler`.",
    ]
    return lines
