"""`reconciler comment`."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.operations.failures import Misused, Stale

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--plan", "planfile", type=_FILE, metavar="PLANFILE", help="Say what the saved plan would do.")
@click.option("--from", "file", type=_FILE, metavar="FILE", help="Say what this Markdown file says.")
@click.option(
    "--name", default="plan", show_default=True, metavar="WORD", help="One comment is kept for each of these words."
)
@click.option("--author", metavar="LOGIN", help="Who writes with the token, where an app's token cannot say.")
@running
def command(session: Session, planfile: Path | None, file: Path | None, name: str, author: str | None) -> int:
    """
    Keep one comment on this pull request up to date.

    At GitHub with GITHUB_TOKEN, at GitLab with GITLAB_TOKEN; which pull request it is, the CI system's variables say.
    """
    from reconciler.operations.clock import SystemClock
    from reconciler.operations.comment import comment, marker, room
    from reconciler.operations.forges import forge_of
    from reconciler.reports.escape import plain, plural

    if (planfile is None) == (file is None):
        raise Misused("name one: `--plan PLANFILE` or `--from FILE`")
    forge = forge_of(session.settings.environ, SystemClock(), author=author)
    if planfile is not None:
        from reconciler.engine.codec import CodecError, decode_saved_plan
        from reconciler.operations.workspace import installed
        from reconciler.reports.plan_markdown import LIMIT, render_plan_markdown

        try:
            plan = decode_saved_plan(planfile.read_bytes()).plan
        except CodecError as error:
            raise Stale(f"`{planfile}` cannot be used: {error}", help="make it again with `plan -o`") from None
        mark = marker(plan.project, plan.environment, name)
        text = render_plan_markdown(
            plan, traits=installed().traits, limit=min(LIMIT - len(mark) - 1, room(forge, mark))
        )
    else:
        assert file is not None
        project = session.open().project
        mark = marker(project.name, project.environment, name)
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise Misused(f"`{file}` is not text in UTF-8") from None
    ended = comment(forge, mark, text)
    doubles = f", {plural(ended.doubles, 'double')} removed" if ended.doubles else ""
    click.echo(plain(f"comment {ended.done.value}{doubles}{': ' + ended.address if ended.address else ''}"), err=True)
    return 0
