"""`reconciler secrets`."""

from __future__ import annotations

import json

import click

from reconciler.cli.exits import Exit
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.reports.escape import plain, plural


@click.group()
def command() -> None:
    """Look after the secrets that manifests and the project file refer to."""


@command.command("check")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@running
def check(session: Session, form: str) -> int:
    """Read every secret, say whether it can be had, and print none. Exit code 7 when one cannot."""
    from reconciler.operations.secrets import check_secrets

    found = check_secrets(session.open())
    missing = sum(each.missing is not None for each in found)
    if form == "json":
        document = [
            {
                "reference": str(each.secret),
                "usedBy": list(each.used_by),
                "available": each.missing is None,
                "version": each.version,
                "reason": each.missing,
                "help": each.help,
            }
            for each in found
        ]
        click.echo(json.dumps({"secrets": document}, indent=2, ensure_ascii=True))
        return Exit.DENIED if missing else Exit.DONE
    for each in found:
        version = f", version {each.version}" if each.version is not None else ""
        click.echo(f"{'ok ' if each.missing is None else 'BAD'}  {plain(str(each.secret))}{plain(version)}")
        for place in each.used_by:
            click.echo(f"     used by {plain(place)}")
        if each.missing is not None:
            click.echo(f"     {plain(each.missing)}")
            click.echo(f"     help: {plain(each.help or '')}")
    click.echo(f"{plural(len(found), 'secret')}, {missing or 'none'} missing", err=True)
    return Exit.DENIED if missing else Exit.DONE
