"""`reconciler destroy`."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.applying import run_apply
from reconciler.cli.selection import approve, options_of, select
from reconciler.cli.session import Session
from reconciler.cli.session import command as running


@click.command()
@select
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@approve
@click.option("--parallelism", type=click.IntRange(1, 64), metavar="N", help="Steps under way at the same time.")
@click.option(
    "--lock-timeout",
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="Wait so long for another apply to end.",
)
@running
def command(session: Session, /, yes: bool, **words: Any) -> int:
    """
    Delete what is managed at the vendors, whatever `onRemoval` says.

    `preventDestroy` still protects. With --target also what needs the target is deleted. The limits on deletions do
    not apply; the question does.
    """
    from reconciler.operations.apply import apply

    options = options_of(**{name: words[name] for name in ("target", "exclude", "label")}, destroy=True)
    return run_apply(
        session,
        lambda workspace, confirm: apply(
            workspace,
            options=options,
            confirm=confirm,
            parallelism=words["parallelism"],
            lock_timeout=words["lock_timeout"],
            approved=words["approve"],
        ),
        yes=yes or words["approve"] is not None,
        question="Delete all of this?",
    )
