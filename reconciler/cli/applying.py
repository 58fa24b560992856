"""What `apply`, `destroy` and `state rebuild` have in common: showing the plan, asking, carrying out, reporting."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from reconciler.cli.exits import Exit
from reconciler.cli.progress import Speaking, progress
from reconciler.cli.session import Session
from reconciler.operations.failures import Misused, NotSafe
from reconciler.reports.outcome_text import render_report
from reconciler.reports.plan_text import render_plan
from reconciler.values import OutcomeStatus, Plan

if TYPE_CHECKING:
    from reconciler.operations.apply import Applied
    from reconciler.operations.workspace import Workspace

Operation = Callable[["Workspace", Callable[[Plan], bool]], "Applied"]


def run_apply(session: Session, operation: Operation, *, yes: bool, question: str) -> int:
    """Open the project, run `operation` with the question whether to go on, print how it ended, give the exit code."""
    if not yes and not session.settings.interactive:
        raise Misused("there is no terminal to ask on; add `-y` to apply without a question, or `--approve DIGEST`")
    with progress(session.settings) as speaking:
        workspace = session.open(speaking)
        session.stop_gracefully()
        try:
            applied = operation(
                workspace, lambda plan: _agreed(session, workspace, speaking, plan, yes=yes, question=question)
            )
        except NotSafe as refused:
            if refused.plan is None:
                raise
            speaking.pause()
            _show(session, workspace, refused.plan)
            # The plan has said its problems.
            raise NotSafe(refused.message, plan=refused.plan) from None
    code = exit_code(session, applied)
    if session.tells("apply"):
        from reconciler.operations.happenings import of_applied

        name = click.get_current_context().info_name or "apply"
        session.happened = of_applied(applied, command=name, code=code)
    if applied.left_out:
        session.say_problems(applied.left_out)
        click.echo("what has moved since the plan was made was left out, with everything that needs it", err=True)
    if not applied.carried_out:
        click.echo("Nothing was applied.", err=True)
        return Exit.FAILED
    traits, settings = workspace.catalog.traits, session.settings
    if not applied.report.outcomes:
        _show(session, workspace, applied.plan)
        say_head(workspace)
        return code
    click.echo(render_report(applied.report, traits=traits, colour=settings.coloured(), width=settings.width))
    if applied.proven and not applied.interrupted:
        click.echo("Planned again: nothing is left to do.")
    say_head(workspace)
    session.say_problems(workspace.warnings)
    return code


def say_head(workspace: Workspace) -> None:
    """The digest by which `history verify --head` later knows whether anything up to here was altered."""
    if workspace.head is not None:
        click.echo(f"Ledger: record {workspace.head.number}, {workspace.head.digest}")


def _show(session: Session, workspace: Workspace, plan: Plan) -> None:
    settings = session.settings
    click.echo(render_plan(plan, colour=settings.coloured(), width=settings.width, traits=workspace.catalog.traits))


def _agreed(
    session: Session, workspace: Workspace, speaking: Speaking, plan: Plan, *, yes: bool, question: str
) -> bool:
    speaking.pause()
    _show(session, workspace, plan)
    if yes:
        return True
    session.stop_at_once()
    answer = click.prompt(f"{question} Only `yes` is accepted", err=True, default="no", show_default=False)
    session.stop_gracefully()
    return bool(answer == "yes")


def exit_code(session: Session, applied: Applied) -> int:
    """How `apply` ends for scripts."""
    if applied.interrupted:
        return Exit.SIGTERM if session.signal == signal.SIGTERM else Exit.SIGINT
    if applied.denied:
        return Exit.DENIED
    ended = {outcome.status for outcome in applied.report.outcomes}
    if applied.left_out and OutcomeStatus.DONE in ended:
        return Exit.PARTLY
    if ended <= {OutcomeStatus.DONE}:
        return Exit.DONE if applied.proven else Exit.FAILED
    if OutcomeStatus.DONE in ended or ended <= {OutcomeStatus.BLOCKED, OutcomeStatus.WAIT, OutcomeStatus.SKIPPED}:
        return Exit.PARTLY
    return Exit.FAILED
