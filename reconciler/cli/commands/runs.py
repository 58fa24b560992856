"""`reconciler runs`."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

import click

from reconciler.cli.progress import progress
from reconciler.cli.selection import ADDRESS
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.reports.escape import plain
from reconciler.reports.run_text import figures_of, render_runs
from reconciler.values import Address

if TYPE_CHECKING:
    from reconciler.sdk import Run


@click.command()
@click.argument("address", required=False, type=ADDRESS)
@click.option("--limit", "most", type=click.IntRange(1), default=20, show_default=True, help="So many runs of each.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--watch", "watching", is_flag=True, help="Go on, and print a run when it begins and when it ends.")
@click.option(
    "--interval",
    type=click.FloatRange(1.0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="With `--watch`: how often to look.",
)
@running
def command(session: Session, address: Address | None, most: int, form: str, *, watching: bool, interval: float) -> int:
    """
    List recent runs of ADDRESS, or of everything managed, as the vendor reports them.

    With `--watch` one line is printed for each run and for each change of one, oldest first, until Ctrl-C.
    """
    from reconciler.operations.runs import runs, watch

    with progress(session.settings) as speaking:
        workspace = session.open(speaking)
        if watching:
            for each, run in watch(workspace, address, every=interval):
                speaking.pause()
                click.echo(json.dumps(_row(each, run)) if form == "json" else _line(each, run))
        counted: Counter[Address] = Counter()
        found = []
        for each, run in runs(workspace, address):
            counted[each] += 1
            if counted[each] <= most:
                found.append((each, run))
    if form == "json":
        click.echo(json.dumps([_row(each, run) for each, run in found], indent=2))
        return 0
    if not found:
        click.echo("No runs are reported.", err=True)
        return 0
    click.echo(render_runs(found, width=session.settings.width, colour=session.settings.coloured()))
    return 0


def _row(address: Address, run: Run) -> dict[str, object]:
    return {
        "address": str(address),
        "id": run.id,
        "status": run.status,
        "started": _moment(run.started) or None,
        "finished": _moment(run.finished) or None,
        "figures": dict(run.figures),
        "message": run.message,
    }


def _line(address: Address, run: Run) -> str:
    words = [_moment(run.finished or run.started), str(address), run.id, run.status, figures_of(run), run.message or ""]
    return "  ".join(plain(each) for each in words if each)


def _moment(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment is not None else ""
