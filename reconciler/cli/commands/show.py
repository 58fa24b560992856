"""`reconciler show`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from reconciler.cli.printing import PLAN_FORMS, print_plan
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.operations.failures import Misused, Stale


@click.command()
@click.argument("planfile", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(PLAN_FORMS), default="text", show_default=True)
@click.option("--verbose", "-v", is_flag=True, help="Shorten nothing and name what stays as it is.")
@running
def command(session: Session, /, planfile: Path | None, **words: Any) -> int:
    """
    Show the saved plan PLANFILE, or without it the state.

    Opens no connection and shows no secret.
    """
    return _show_plan(session, planfile, **words) if planfile is not None else _show_state(session, words["form"])


def _show_plan(session: Session, planfile: Path, *, form: str, verbose: bool) -> int:
    from reconciler.engine.codec import CodecError, decode_saved_plan
    from reconciler.operations.workspace import installed
    from reconciler.specs import find_project

    try:
        plan = decode_saved_plan(planfile.read_bytes()).plan
    except CodecError as error:
        raise Stale(f"`{planfile}` cannot be used: {error}", help="make it again with `plan -o`") from None
    root = find_project(Path(session.settings.directory))
    print_plan(session, plan, form, traits=installed().traits, verbose=verbose, root=root)
    return 0


def _show_state(session: Session, form: str) -> int:
    from reconciler.engine.codec import encode_record
    from reconciler.operations.state import read_state
    from reconciler.reports.state_text import render_state

    if form not in {"text", "json"}:
        raise Misused(f"the state is shown as text or JSON; `--format {form}` needs a PLANFILE")
    workspace = session.open()
    state = read_state(workspace)
    if form == "json":
        whole = {
            "project": state.project,
            "environment": state.environment,
            "lineage": state.lineage,
            "serial": state.serial,
            "records": [encode_record(record) for _, record in sorted(state.records.items())],
        }
        click.echo(json.dumps(whole, indent=2, sort_keys=True))
    else:
        click.echo(render_state(state, traits=workspace.catalog.traits))
    return 0
