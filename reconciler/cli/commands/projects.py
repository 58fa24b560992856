"""`reconciler projects`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.reports.escape import plain
from reconciler.reports.tables import render_table

if TYPE_CHECKING:
    from reconciler.operations.projects import Found


@click.command()
@click.option("--changed-since", "since", metavar="REV", help="Of those that changed since this branch left REV.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@running
def command(session: Session, since: str | None, form: str) -> int:
    """
    List the projects of a repository: every folder with a `reconciler.yaml`.

    With --changed-since, JSON holds only those that a change concerns: their manifests, project files, overlays,
    policies, whatever path these name, and projects whose outputs they refer to. In doubt a project has changed. The
    JSON is a matrix for GitHub Actions, one entry for each environment.
    """
    from reconciler.operations.projects import survey

    found = survey(Path(session.settings.directory), session.settings.environ, since=since)
    if found.unsure:
        click.echo(plain(f"every project counts as changed: {found.unsure}"), err=True)
    if form == "json":
        counted = [each for each in found.projects if since is None or each.because]
        click.echo(json.dumps({"include": [entry for each in counted for entry in _entries(each)]}))
        return 0
    rows = [
        (
            each.path,
            each.name,
            ", ".join(each.environments),
            *(() if since is None else ("yes" if each.because else "no", "" if found.unsure else each.because)),
        )
        for each in found.projects
    ]
    headings = ("path", "project", "environments", *(() if since is None else ("changed", "because")))
    click.echo(render_table(headings, rows, colour=session.settings.coloured()))
    return 0


def _entries(found: Found) -> list[dict[str, str]]:
    """One entry for each environment; where the project declares none, the name is empty as the action takes it."""
    return [
        {"path": found.path, "project": found.name, "environment": each, "because": found.because}
        for each in found.environments or ("",)
    ]
