"""`reconciler graph`."""

from __future__ import annotations

import click

from reconciler.cli.session import Session
from reconciler.cli.session import command as running


@click.command()
@click.option("--format", "form", type=click.Choice(["dot", "mermaid", "svg"]), default="mermaid", show_default=True)
@click.option("--plan", "with_plan", is_flag=True, help="Read the vendors and colour what would change.")
@running
def command(session: Session, form: str, with_plan: bool) -> int:
    """Draw who needs whom. Without --plan no connection is opened."""
    from reconciler.operations import graph
    from reconciler.operations.plan import make_plan
    from reconciler.reports.graph import to_dot, to_mermaid, to_svg

    workspace = session.open()
    nodes, edges = graph.of_plan(make_plan(workspace)) if with_plan else graph.of_manifests(workspace.load().desired)
    draw = {"dot": to_dot, "mermaid": to_mermaid, "svg": to_svg}[form]
    click.echo(draw(nodes, edges), nl=False)
    return 0
