"""`reconciler explain`."""

from __future__ import annotations

import click

from reconciler.cli.progress import progress
from reconciler.cli.selection import ADDRESS
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.values import Address


@click.command()
@click.argument("address", type=ADDRESS)
@click.option("--verbose", "-v", is_flag=True, help="Shorten nothing.")
@running
def command(session: Session, address: Address, verbose: bool) -> int:
    """Say why ADDRESS gets the action it gets: every compared field with its verdict, what it needs, who needs it."""
    from reconciler.operations.explain import explain
    from reconciler.reports.explain import render_explanation

    with progress(session.settings) as speaking:
        workspace = session.open(speaking)
        explanations = explain(workspace, address)
    settings = session.settings
    for explanation in explanations:
        traits = workspace.catalog.traits(explanation.change.address.type)
        click.echo(
            render_explanation(
                explanation, traits=traits, colour=settings.coloured(), width=settings.width, verbose=verbose
            )
        )
    return 0
