"""`reconciler drift`."""

from __future__ import annotations

import click

from reconciler.cli.exits import Exit
from reconciler.cli.progress import progress
from reconciler.cli.session import Session
from reconciler.cli.session import command as running


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when something moved.")
@running
def command(session: Session, form: str, *, detailed_exitcode: bool) -> int:
    """
    Say what moved at the vendors since the last apply, and who moved it; sends no write.

    Compares with what was applied, not with the manifests: those only tell whose move a difference is.
    """
    from reconciler.operations.drift import find_drift
    from reconciler.reports.drift_text import drift_json, render_drift
    from reconciler.reports.names import Names

    with progress(session.settings) as speaking:
        workspace = session.open(speaking)
        found = find_drift(workspace)
    traits, settings = workspace.catalog.traits, session.settings
    names = Names.of_records(found.state.records.values())
    if form == "json":
        click.echo(drift_json(found.drifted, traits=traits, names=names))
    else:
        click.echo(
            render_drift(found.drifted, traits=traits, names=names, colour=settings.coloured(), width=settings.width)
        )
    if found.manifests:
        session.say_problems(found.manifests)
        click.echo("the manifests have problems, so nothing is said of what they changed", err=True)
    if found.drifted.problems:
        return Exit.FAILED
    return Exit.CHANGES if detailed_exitcode and found.drifted.moved else Exit.DONE
