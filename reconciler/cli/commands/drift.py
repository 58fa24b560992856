"""`reconciler drift`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.exits import Exit
from reconciler.cli.printing import DRIFT_FORMS, annotations_in
from reconciler.cli.progress import progress
from reconciler.cli.reports import Report, report, write_reports
from reconciler.cli.selection import ADDRESS
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.operations.failures import Misused
from reconciler.values import Address

if TYPE_CHECKING:
    from reconciler.operations.drift import Found
    from reconciler.operations.workspace import Workspace


@click.command()
@click.argument("addresses", nargs=-1, type=ADDRESS, metavar="[ADDRESS]...")
@click.option("--adopt", is_flag=True, help="Write what moved into the manifests: of ADDRESS, or all of it.")
@click.option("--dry-run", is_flag=True, help="With --adopt: show the change and write nothing.")
@click.option("--format", "form", type=click.Choice(DRIFT_FORMS), default="text", show_default=True)
@report(DRIFT_FORMS)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when something moved.")
@running
def command(
    session: Session,
    addresses: tuple[Address, ...],
    form: str,
    reports: tuple[Report, ...],
    *,
    adopt: bool,
    dry_run: bool,
    detailed_exitcode: bool,
) -> int:
    """
    Say what moved at the vendors since the last apply, and who moved it; sends no write.

    Compares with what was applied, not with the manifests: those only tell whose move a difference is.
    """
    if adopt and (form != "text" or reports or detailed_exitcode):
        raise Misused("`--adopt` prints a diff; leave out `--format`, `--report` and `--detailed-exitcode`")
    if not adopt and (addresses or dry_run):
        raise Misused("addresses and `--dry-run` belong to `--adopt`")
    if adopt:
        return _adopt(session, addresses, dry_run=dry_run)
    from reconciler.operations.drift import find_drift

    with progress(session.settings) as speaking:
        workspace = session.open(speaking)
        found = find_drift(workspace)
    if session.tells("drift"):
        from reconciler.operations.happenings import of_drift

        session.happened = of_drift(found.drifted)
    settings = session.settings
    click.echo(_rendered(session, workspace, found, form, colour=settings.coloured(), width=settings.width))
    write_reports(reports, lambda each: _rendered(session, workspace, found, each))
    if found.manifests:
        session.say_problems(found.manifests)
        click.echo("the manifests have problems, so nothing is said of what they changed", err=True)
    if found.drifted.problems:
        return Exit.FAILED
    return Exit.CHANGES if detailed_exitcode and found.drifted.moved else Exit.DONE


def _adopt(session: Session, addresses: tuple[Address, ...], *, dry_run: bool) -> int:
    from reconciler.operations.writing_back import write_back
    from reconciler.reports.drift_text import render_adopted

    with progress(session.settings) as speaking:
        adopted = write_back(session.open(speaking), addresses, dry_run=dry_run)
    for diff in adopted.diffs.values():
        click.echo(session.redact(diff), nl=False)
    session.say_problems(adopted.problems)
    click.echo(
        render_adopted(
            adopted.diffs, adopted.fields, left=len(adopted.problems), shared=adopted.shared, dry_run=dry_run
        ),
        err=True,
    )
    return Exit.FAILED if adopted.problems else Exit.DONE


def _rendered(
    session: Session, workspace: Workspace, found: Found, form: str, *, colour: bool = False, width: int = 80
) -> str:
    from reconciler.reports.drift_text import drift_json, render_drift
    from reconciler.reports.names import Names

    traits = workspace.catalog.traits
    names = Names.of_records(found.state.records.values())
    if form == "json":
        return drift_json(found.drifted, traits=traits, names=names)
    if form == "markdown":
        from reconciler.reports.drift_markdown import render_drift_markdown

        return render_drift_markdown(found.drifted, traits=traits, names=names)
    if form in {"github", "sarif"}:
        from reconciler.reports.annotations import of_drift

        project, locate = workspace.project, workspace.read().locate
        where = f"{project.name}/{project.environment}"
        return annotations_in(
            session,
            of_drift(found.drifted, traits=traits, names=names, locate=locate),
            form,
            root=project.root,
            title=f"Drift of {where}",
            summary=render_drift(found.drifted, traits=traits, names=names).rpartition("\n")[2],
            category=f"{where}/drift",
        )
    return render_drift(found.drifted, traits=traits, names=names, colour=colour, width=width)
