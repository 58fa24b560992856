"""`reconciler schema`."""

from __future__ import annotations

import json

import click

from reconciler.cli.session import Session
from reconciler.cli.session import command as running


@click.command()
@click.argument("of", type=click.Choice(["manifests", "plan", "saved-plan"]), default="manifests")
@running
def command(session: Session, /, of: str) -> int:
    """
    Print a JSON Schema: of manifests, for editors, or of what `plan --format json` or `plan -o` writes.

    Write that of manifests to a file and name the file in the first line of each:
    `# yaml-language-server: $schema=../reconciler.schema.json`.
    """
    from reconciler.engine.schemas import saved_plan_schema
    from reconciler.operations.workspace import installed
    from reconciler.reports.plan_json import plan_schema
    from reconciler.specs import json_schema

    del session
    match of:
        case "plan":
            found = json.loads(plan_schema())
        case "saved-plan":
            found = saved_plan_schema()
        case _:
            found = json_schema(installed())
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    return 0
