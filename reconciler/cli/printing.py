"""Plans, problems and drift in the form that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.session import Session

if TYPE_CHECKING:
    from reconciler.reports.annotations import Annotation, Locate
    from reconciler.values import Plan, Problem, Traits

PLAN_FORMS = ("text", "json", "markdown", "github", "sarif", "junit", "html")
"""What `plan` and `show` print."""

VALIDATE_FORMS = ("text", "json", "github", "sarif", "junit")
"""What `validate` prints."""

DRIFT_FORMS = ("text", "json", "markdown", "github", "sarif")
"""What `drift` prints."""


def print_plan(
    session: Session,
    plan: Plan,
    form: str,
    *,
    traits: Callable[[str], Traits],
    verbose: bool,
    root: Path | None,
) -> None:
    """Print the plan."""
    colour, width = session.settings.coloured(), session.settings.width
    click.echo(plan_in(session, plan, form, traits=traits, verbose=verbose, root=root, colour=colour, width=width))


def plan_in(
    session: Session,
    plan: Plan,
    form: str,
    *,
    traits: Callable[[str], Traits],
    verbose: bool,
    root: Path | None,
    locate: Locate | None = None,
    warnings: Sequence[Problem] = (),
    colour: bool = False,
    width: int = 80,
) -> str:
    """The plan in one form; `warnings` of the manifests are told on their lines by the forms that speak of lines."""
    if form in {"github", "sarif"}:
        from reconciler.reports.annotations import of_plan, of_problems
        from reconciler.reports.counts import summary
        from reconciler.reports.sentences import FROM_SNAPSHOT

        found = [*of_plan(plan, traits=traits, locate=locate), *of_problems(warnings)]
        where = f"{plan.project}/{plan.environment}"
        digest = f"\ndigest {plan.digest}" if plan.digest is not None else ""
        told = "".join(f"\n{each}" for each in plan.notes if each.startswith(FROM_SNAPSHOT))
        line = f"{summary(plan).line}{digest}{told}"
        title = f"Plan for {where}"
        return annotations_in(session, found, form, root=root, title=title, summary=line, category=where)
    if form == "json":
        from reconciler.reports.plan_json import plan_json

        return plan_json(plan, traits=traits)
    if form == "markdown":
        from reconciler.reports.plan_markdown import render_plan_markdown

        return render_plan_markdown(plan, traits=traits)
    if form == "junit":
        from reconciler.reports.plan_junit import plan_junit

        return plan_junit(plan, traits=traits)
    if form == "html":
        from reconciler.reports.plan_html import render_plan_html

        return render_plan_html(plan, traits=traits)
    from reconciler.reports.plan_text import render_plan

    return render_plan(plan, colour=colour, width=width, verbose=verbose, traits=traits)


def annotations_in(
    session: Session,
    annotations: Sequence[Annotation],
    form: str,
    *,
    root: Path | None,
    title: str,
    summary: str,
    category: str,
) -> str:
    """What is to be told on lines, with files named from the top of the repository."""
    from reconciler.operations.repository import folder_within_repository
    from reconciler.reports.annotations import within
    from reconciler.reports.github import render_github
    from reconciler.reports.sarif import render_sarif

    folder = folder_within_repository(root, session.settings.environ) if root is not None else ""
    placed = within(annotations, folder)
    if form == "github":
        return session.redact(render_github(placed, title=title, summary=summary))
    project_file = f"{folder}/reconciler.yaml" if folder else "reconciler.yaml"
    return session.redact(render_sarif(placed, category=category, project_file=project_file))
