"""`reconciler validate`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click

from reconciler.cli.exits import Exit
from reconciler.cli.printing import VALIDATE_FORMS, annotations_in
from reconciler.cli.rules import policies
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.reports.escape import plural
from reconciler.reports.problems import in_order, problem_object, tally
from reconciler.values import Severity


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@click.option("--format", "form", type=click.Choice(VALIDATE_FORMS), default="text", show_default=True)
@policies
@running
def command(session: Session, paths: tuple[Path, ...], form: str) -> int:
    """
    Check everything that can be known offline and say all problems at once.

    Opens no connection. Without PATH the project's manifests are checked, without -e in every environment.
    Exits with 5 when nothing is wrong but that rules of the project are broken.
    """
    from reconciler.operations.validate import validate

    workspaces = [session.open(environment=each) for each in session.environments()]
    seen = [validate(each, paths or None) for each in workspaces]
    found = replace(seen[-1], problems=tuple(dict.fromkeys(problem for each in seen for problem in each.problems)))
    errors = [each.code for each in found.problems if each.severity is Severity.ERROR]
    wrong = bool(errors)
    if form == "json":
        click.echo(
            json.dumps(
                {
                    "files": found.files,
                    "resources": found.resources,
                    "problems": [problem_object(each) for each in in_order(found.problems)],
                },
                indent=2,
            )
        )
    elif form == "junit":
        from reconciler.reports.plan_junit import problems_junit

        click.echo(session.redact(problems_junit(found.problems, files=found.files, resources=found.resources)))
    elif form in {"github", "sarif"}:
        from reconciler.reports.annotations import of_problems

        project = workspaces[-1].project
        looked = f"{plural(found.resources, 'resource')} in {plural(found.files, 'file')}: {tally(found.problems)}"
        click.echo(
            annotations_in(
                session,
                of_problems(found.problems),
                form,
                root=project.root,
                title=f"Manifests of {project.name}",
                summary=looked,
                category=f"{project.name}/manifests",
            )
        )
    else:
        session.say_problems(found.problems)
        if not wrong:
            click.echo(f"{plural(found.resources, 'resource')} in {plural(found.files, 'file')}: no errors.")
    if wrong and all(code.startswith("policy/") for code in errors):
        return Exit.REFUSED
    return Exit.INVALID if wrong else Exit.DONE
