"""`reconciler dump`."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.progress import progress
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.reports.escape import plain, plural


@click.command()
@click.option(
    "--out-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("specs/imported"),
    show_default=True,
    metavar="DIR",
    help="Where to write; no file is written over.",
)
@click.option("--kind", "kinds", multiple=True, metavar="VENDOR/KIND", help="Only this kind. Repeatable.")
@running
def command(session: Session, out_dir: Path, kinds: tuple[str, ...]) -> int:
    """
    Write manifests for everything at the vendors that is not managed; sends no write.

    Afterwards `reconciler import --all` puts the objects under their management, and the plan is empty.
    """
    from reconciler.operations.dump import dump

    with progress(session.settings) as speaking:
        dumped = dump(session.open(speaking), out_dir, kinds)
    for path, number in dumped.files.items():
        click.echo(f"{plain(str(path))}: {plural(number, 'manifest')}")
    for address, paths in dumped.to_fill_in.items():
        click.echo(f"fill in {address}: {', '.join(f'`{each}`' for each in paths)}", err=True)
    for what, why in dumped.passed_over.items():
        click.echo(f"passed over {plain(what)}: {plain(why)}", err=True)
    if not dumped.files:
        click.echo("Nothing was written: everything that can be is managed.", err=True)
    else:
        click.echo("Next: `reconciler validate`, then `reconciler import --all`.", err=True)
    return 0
