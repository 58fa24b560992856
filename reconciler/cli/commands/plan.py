"""`reconciler plan`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from reconciler.cli.exits import Exit
from reconciler.cli.printing import PLAN_FORMS, plan_in
from reconciler.cli.progress import progress
from reconciler.cli.reports import report, write_reports
from reconciler.cli.selection import limit, limits_of, options_of, renew, select
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.operations.failures import Misused


@click.command()
@select
@renew
@click.option("--destroy", is_flag=True, help="Plan the deletion of what is managed.")
@limit
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Save the plan for `apply FILE`.",
)
@click.option(
    "--snapshot",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Ask nobody: plan from what `reconciler snapshot` has written.",
)
@click.option("--format", "form", type=click.Choice(PLAN_FORMS), default="text", show_default=True)
@report(PLAN_FORMS)
@click.option("--verbose", "-v", is_flag=True, help="Shorten nothing and name what stays as it is.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes.")
@click.option(
    "--ignore-freshness", is_flag=True, help="With --detailed-exitcode: what only does jobs again is no change."
)
@running
def command(session: Session, /, **words: Any) -> int:
    """
    Show what would change and why; sends no write.

    The last line is for scripts: `Plan: 3 to add, 1 to change, 1 to replace, 0 to destroy.`
    """
    from reconciler.engine.planner import to_do
    from reconciler.operations.plan import make_plan
    from reconciler.operations.saved import save

    if words["out"] is not None and words["snapshot"] is not None:
        raise Misused("a plan from a snapshot cannot be applied, so it is not saved; leave out `-o`")
    if words["out"] is not None and not words["out"].absolute().parent.is_dir():
        raise Misused(f"the plan cannot be written to `{words['out']}`: its folder does not exist")
    options = options_of(
        **{name: words[name] for name in ("target", "exclude", "label", "replace", "resend", "destroy")}
    )
    with progress(session.settings) as speaking:
        workspace = session.open(speaking)
        limits = limits_of(
            workspace, **{name: words[name] for name in ("max_deletes", "max_delete_percent", "accept_short")}
        )
        if words["snapshot"] is not None:
            from reconciler.operations.snapshot_plan import plan_from, read_published

            planned = plan_from(workspace, read_published(workspace, words["snapshot"]), options, limits=limits)
        else:
            planned = make_plan(workspace, options, limits=limits)
    rendered = partial(
        plan_in,
        session,
        planned.plan,
        traits=workspace.catalog.traits,
        verbose=words["verbose"],
        root=workspace.project.root,
        locate=workspace.read().locate,
        warnings=workspace.warnings,
    )
    click.echo(rendered(form=words["form"], colour=session.settings.coloured(), width=session.settings.width))
    write_reports(words["reports"], lambda form: rendered(form=form))
    session.say_problems(workspace.warnings)
    if planned.refused:
        return Exit.REFUSED
    if words["out"] is not None:
        save(planned, words["out"], commit=session.settings.environ.get("GITHUB_SHA"))
        click.echo(f"saved to {words['out']}, digest {planned.plan.digest or 'of nothing to do'}", err=True)
    counted = [each for each in to_do(planned.plan) if not (words["ignore_freshness"] and each.is_freshness)]
    return Exit.CHANGES if words["detailed_exitcode"] and counted else Exit.DONE
