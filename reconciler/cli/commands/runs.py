"""`reconciler runs`."""

from __future__ import annotations

import json
from datetime import datetime

import click

from reconciler.cli.progress import progress
from reconciler.cli.selection import ADDRESS
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.reports.tables import render_table
from reconciler.values import Address


@click.command()
@click.argument("address", required=False, type=ADDRESS)
@click.option("--limit", "most", type=click.IntRange(1), default=20, show_default=True, help="So many runs of each.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@running
def command(session: Session, address: Address | None, most: int, form: str) -> int:
    """List recent runs of ADDRESS, or of everything managed, as the vendor reports them."""
    from reconciler.operations.runs import runs

    with progress(session.settings) as speaking:
        workspace = session.open(speaking)
        counted: dict[Address, int] = {}
        found = []
        for each, run in runs(workspace, address):
            counted[each] = counted.get(each, 0) + 1
            if counted[each] <= most:
                found.append((each, run))
    if form == "json":
        rows = [
            {
                "address": str(each),
                "id": run.id,
                "status": run.status,
                "started": _moment(run.started) or None,
                "finished": _moment(run.finished) or None,
                "figures": dict(run.figures),
                "message": run.message,
            }
            for each, run in found
        ]
        click.echo(json.dumps(rows, indent=2))
        return 0
    if not found:
        click.echo("No runs are reported.", err=True)
        return 0
    click.echo(
        render_table(
            ("address", "run", "status", "started", "figures", "message"),
            [
                (
                    str(each),
                    run.id,
                    run.status,
                    _moment(run.started),
                    ", ".join(f"{figure} {name}" for name, figure in sorted(run.figures.items())),
                    run.message or "",
                )
                for each, run in found
            ],
            colour=session.settings.coloured(),
        )
    )
    return 0


def _moment(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment is not None else ""
