"""`reconciler schema`."""

from __future__ import annotations

import json

import click

from reconciler.cli.session import Session
from reconciler.cli.session import command as running


@click.command()
@running
def command(session: Session) -> int:
    """
    Print the JSON Schema of manifests, for editors.

    Write it to a file and name that file in the first line of a manifest:
    `# yaml-language-server: $schema=../reconciler.schema.json`.
    """
    from reconciler.operations.workspace import installed
    from reconciler.specs import json_schema

    del session
    click.echo(json.dumps(json_schema(installed()), indent=2, ensure_ascii=False))
    return 0
