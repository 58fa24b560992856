"""`reconciler apply`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reconciler.cli.applying import run_apply
from reconciler.cli.selection import approve, limit, limits_of, options_of, renew, select
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.operations.failures import Misused


@click.command()
@click.argument("planfile", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@select
@renew
@limit
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@approve
@click.option("--allow-local-state", is_flag=True, help="In CI, begin with a state on this machine's disk.")
@click.option(
    "--allow-partial", is_flag=True, help="With PLANFILE: leave out what has moved, apply the rest, exit with 4."
)
@click.option("--parallelism", type=click.IntRange(1, 64), metavar="N", help="Steps under way at the same time.")
@click.option(
    "--lock-timeout",
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="Wait so long for another apply to end.",
)
@running
def command(session: Session, /, planfile: Path | None, yes: bool, **words: Any) -> int:
    """
    Do exactly the plan, journal every step, then prove that nothing is left to do.

    With PLANFILE the saved plan is applied, or refused with exit code 3 when reality has moved. Killed at
    any moment, the next apply finds out what happened and carries on.
    """
    from reconciler.operations.apply import apply

    chosen = {name: words[name] for name in ("target", "exclude", "label", "replace", "resend")}
    if planfile is not None and any(chosen.values()):
        raise Misused(
            "a saved plan has its own selection; leave out --target, --exclude, -l, --replace and --resend-secrets"
        )
    if words["allow_partial"] and planfile is None:
        raise Misused("`--allow-partial` is about a saved plan; name its file")
    bounds = {name: words[name] for name in ("max_deletes", "max_delete_percent", "accept_short")}
    return run_apply(
        session,
        lambda workspace, confirm: apply(
            workspace,
            options=options_of(**chosen),
            limits=limits_of(workspace, **bounds),
            saved=planfile,
            confirm=confirm,
            parallelism=words["parallelism"],
            lock_timeout=words["lock_timeout"],
            approved=words["approve"],
            allow_partial=words["allow_partial"],
            allow_new_local_state=words["allow_local_state"] or not session.settings.in_ci,
        ),
        yes=yes or words["approve"] is not None,
        question="Apply this plan?",
    )
