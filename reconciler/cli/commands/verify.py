"""`reconciler verify`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from reconciler.cli.exits import Exit
from reconciler.cli.progress import progress
from reconciler.cli.reports import Report, report, write_reports
from reconciler.cli.selection import ADDRESS
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.values import Address, Verification

_FORMS = ("text", "json", "junit", "html", "markdown")


class MomentType(click.ParamType[datetime]):
    """A day or an instant; without a zone it is UTC."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The instant; a usage error when it is none."""
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"`{value}` is no time; write `2026-11-21` or `2026-11-21T06:00:00Z`", param, ctx)
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


class SinceType(click.ParamType["datetime | timedelta"]):
    """A length of time, a day or an instant."""

    name = "since"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime | timedelta:
        """The instant or the length; a usage error when it is neither."""
        from reconciler.specs import duration

        if isinstance(value, datetime | timedelta):
            return value
        try:
            return duration(str(value))
        except ValueError:
            pass
        try:
            return MomentType().convert(value, param, ctx)
        except click.UsageError:
            self.fail(f"`{value}` is neither a length of time (`7d`, `12h`) nor a day (`2026-11-21`)", param, ctx)


@click.command()
@click.argument("addresses", nargs=-1, type=ADDRESS, metavar="[ADDRESS]...")
@click.option(
    "--since",
    type=SinceType(),
    default="7d",
    show_default=True,
    metavar="7d|DATE",
    help="Look at deliveries since then, a length of time or a day in UTC.",
)
@click.option("--content", is_flag=True, help="Read the files, and check what they hold.")
@click.option("--sample", type=click.IntRange(1), metavar="N", help="With `--content`: read N files of each delivery.")
@click.option(
    "--examples",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    metavar="N",
    help="With `--content`: show so many places of each broken rule; all are counted.",
)
@click.option("--show-values", is_flag=True, help="With `--content`: print values from the files, personal data too.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="With `--content`: read in N processes.")
@click.option("--scheduler", metavar="URL", help="With `--content`: read on the workers of dask, `tcp://host:port`.")
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMS),
    default="text",
    show_default=True,
)
@report(_FORMS)
@click.option("--all", "every", is_flag=True, help="In text: a line for each delivery, also where all is well.")
@click.option("--at", type=MomentType(), metavar="TIME", help="Judge as if it were then, for rehearsals.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when a delivery needs somebody.")
@running
def command(
    session: Session,
    /,
    addresses: tuple[Address, ...],
    since: datetime | timedelta,
    form: str,
    at: datetime | None,
    *,
    reports: tuple[Report, ...],
    content: bool,
    every: bool,
    detailed_exitcode: bool,
    **closeness: Any,
) -> int:
    """
    Prove that files have arrived: there, fresh, complete, private and, with --content, valid.

    Joins what the vendors say of their runs with what lies in the stores, for everything managed or for ADDRESS. Sends
    no write to anybody. Stores are read as `deliveries` in `reconciler.yaml` says, else with this machine's own
    credentials. What nobody can know is said, and is no failure.
    """
    from reconciler.operations.verify import verify
    from reconciler.operations.verify_content import Depth

    _check_words(closeness, content=content)
    depth = Depth(**closeness)
    with progress(session.settings) as speaking:
        workspace = session.open(speaking)
        found = verify(workspace, addresses, since=since, now=at, depth=depth if content else None)
    if session.tells("verify"):
        from reconciler.operations.happenings import of_verification

        session.happened = of_verification(found)
    settings = session.settings
    text = _rendered(found, form, every=every, colour=settings.coloured(), width=settings.width)
    click.echo(session.redact(text), nl=form not in ("html", "markdown"))
    write_reports(reports, lambda each: session.redact(_rendered(found, each, every=every)))
    session.say_problems(found.problems)
    if found.denied:
        return Exit.DENIED
    if found.is_partial:
        return Exit.FAILED
    return Exit.CHANGES if detailed_exitcode and found.is_troubled else Exit.DONE


def _check_words(closeness: Mapping[str, object], *, content: bool) -> None:
    """`closeness` is how content is to be read, by the names of the flags; only a default says nothing."""
    for name in ("sample", "jobs", "scheduler", "show_values"):
        if closeness[name] and not content:
            raise click.UsageError(f"`--{name.replace('_', '-')}` says how content is read; add `--content`")
    if closeness["jobs"] and closeness["scheduler"]:
        raise click.UsageError("`--jobs` is for this machine and `--scheduler` for others; give one of them")


def _rendered(found: Verification, form: str, *, every: bool, colour: bool = False, width: int = 80) -> str:
    if form == "json":
        from reconciler.reports.verify_json import verification_json

        return verification_json(found)
    if form == "junit":
        from reconciler.reports.junit import verification_junit

        return verification_junit(found)
    if form == "html":
        from reconciler.reports.verify_html import render_html

        return render_html(found)
    if form == "markdown":
        from reconciler.reports.verify_markdown import render_markdown

        return render_markdown(found)
    from reconciler.reports.verify_text import render_verification

    return render_verification(found, colour=colour, width=width, every=every)
