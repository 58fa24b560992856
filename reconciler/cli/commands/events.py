"""`reconciler events`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.applying import run_apply
from reconciler.cli.exits import Exit
from reconciler.cli.progress import progress
from reconciler.cli.selection import ADDRESS
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.operations.failures import Failure, Misused
from reconciler.reports.escape import plain, plural, wrap
from reconciler.values import Address, Options

if TYPE_CHECKING:
    from reconciler.operations.events import Checked, Summary
    from reconciler.operations.events_undo import Undoing

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


class SizeType(click.ParamType[int]):
    """`50MB`."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes; a usage error when it is none."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d{1,12})([KMG]?)B?", str(value).strip(), re.IGNORECASE)
        if found is None or not int(found[1]):
            self.fail(f"`{value}` is no size; write `50MB`", param, ctx)
        return int(found[1]) * _UNITS[found[2].upper()]


files = click.argument("files", nargs=-1, required=True, metavar="FILE…")


@click.group()
def command() -> None:
    """Look at, cut and import files of consent events (Didomi)."""


@command.command("digest")
@files
@running
def digest(_session: Session, /, files: tuple[str, ...]) -> int:
    """
    Print the lines that name these files in a manifest.

    Whoever merges them approves exactly these bytes. Paths are printed as given; in the manifest they are relative
    to it.
    """
    from reconciler.operations.events import digests

    for name, found in digests(files):
        click.echo(f"    - path: {json.dumps(name, ensure_ascii=False) if _needs_quotes(name) else name}")
        click.echo(f"      sha256: {found.sha256}")
    return Exit.DONE


def _needs_quotes(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_/.][A-Za-z0-9_/.:-]*", name) is None


@command.command("validate")
@files
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--derive-ids", is_flag=True, help="Allow events without an id, as `missingIds: derive` does.")
@click.option("--organization", metavar="ID", help="The organization that events may name.")
@click.option(
    "--examples", type=click.IntRange(1), default=5, show_default=True, metavar="N", help="Rejects shown for each rule."
)
@click.option("--jobs", type=click.IntRange(1, 64), metavar="N", help="Files looked at at once; by default the cores.")
@click.option("--scheduler", metavar="URL", help="A dask scheduler (`tcp://host:port`) whose workers look instead.")
@running
def validate(session: Session, /, files: tuple[str, ...], form: str, derive_ids: bool, **words: Any) -> int:
    """
    Check every event of these files; nothing is sent. Exit code 1 when one cannot be imported.

    Says lines, paths and reasons, and nothing of what stands there. FILE is a path, or an address at s3:// or
    gs://; plain or gzip.
    """
    from reconciler.operations.events import check

    as_text = form == "text"
    summary = check(
        files,
        derive=derive_ids,
        organization=words["organization"],
        examples=words["examples"],
        jobs=words["jobs"],
        scheduler=words["scheduler"],
        done=_say_file if as_text else None,
    )
    if as_text:
        _say_summary(summary, session.settings.width)
    else:
        click.echo(json.dumps(_document(summary), indent=2, ensure_ascii=True))
    return Exit.DONE if summary.valid else Exit.FAILED


def _say_file(checked: Checked) -> None:
    verdict = "ok " if checked.valid else "BAD"
    end = "" if checked.readable else ", not read to its end"
    click.echo(f"{verdict}  {plain(checked.object)}  {plural(checked.records, 'event')}{end}")


def _say_summary(summary: Summary, width: int) -> None:
    for count in summary.counts:
        click.echo(f"\n{count.level.value}[{plain(count.rule)}]: {count.total:,}")
        for each in summary.findings:
            if each.rule == count.rule:
                where = f"{each.object}:{each.line}" if each.line is not None else each.object
                value = f" ({each.value})" if each.value else ""
                said = f"{each.path} {each.message}{value}".strip()
                click.echo("\n".join(wrap(f"{plain(where)}  {plain(said)}", width, first="  ", rest="    ")))
    broken = sum(each.total for each in summary.counts if each.level.value == "error")
    click.echo(f"{plural(summary.records, 'event')}, {broken or 'nothing'} wrong", err=True)


def _document(summary: Summary) -> dict[str, object]:
    return {
        "valid": summary.valid,
        "events": summary.records,
        "files": [
            {
                "file": each.object,
                "valid": each.valid,
                "readable": each.readable,
                "events": each.records,
                "bytes": each.size,
            }
            for each in summary.objects
        ],
        "counts": [{"rule": each.rule, "level": each.level.value, "total": each.total} for each in summary.counts],
        "examples": [
            {
                "rule": each.rule,
                "level": each.level.value,
                "file": each.object,
                "line": each.line,
                "path": each.path,
                "message": each.message,
                "value": each.value,
            }
            for each in summary.findings
        ],
    }


@command.command("split")
@files
@click.option(
    "--out-dir", required=True, type=click.Path(path_type=Path), metavar="DIR", help="A new folder for the files."
)
@click.option(
    "--size", type=SizeType(), default="50MB", show_default=True, help="Most of one file, before compression."
)
@click.option("--gzip/--no-gzip", "packed", default=True, show_default=True, help="Compress the files.")
@click.option(
    "--derive-ids", metavar="SOURCE", help="Derive missing ids from this source, as the kind's `source` does."
)
@click.option("--batch", metavar="NAME", help="Mark every event with this import batch.")
@running
def split(_session: Session, /, files: tuple[str, ...], out_dir: Path, **words: Any) -> int:
    """
    Write these events into files for Didomi's support.

    A manifest.json beside them has counts and digests. All events of one user stand in one file, in their order.
    The files hold personal data: only you may read them.
    """
    from reconciler.operations.events import split as cut

    pieces = cut(
        files,
        out_dir,
        most=words["size"],
        packed=words["packed"],
        derive=words["derive_ids"],
        batch=words["batch"],
    )
    for each in pieces:
        click.echo(f"{out_dir / each.name}  {plural(each.events, 'event')}, {each.size:,} bytes")
    total = sum(each.events for each in pieces)
    click.echo(f"{plural(total, 'event')} in {plural(len(pieces), 'file')}, manifest.json beside them", err=True)
    return Exit.DONE


@command.command("import")
@click.argument("address", required=False, type=ADDRESS)
@click.option("--undo", metavar="ADDRESS|BATCH", help="Delete what this import has brought.")
@click.option("--dry-run", is_flag=True, help="Only say what would be imported, as `plan --target` does.")
@click.option("--resume", is_flag=True, help="Go on with an import that was cut short, and begin none.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@running
def import_(session: Session, /, address: Address | None, undo: str | None, **words: Any) -> int:
    """
    Import the events of one manifest.

    This is what `apply --target ADDRESS` does.

    Killed or interrupted at any moment, the next one goes on where it ended, and no event is imported twice.
    """
    from reconciler.operations.events_undo import TYPE

    if (address is None) == (undo is None):
        raise Misused("name the import: an ADDRESS, or `--undo` with an address or a batch")
    if undo is not None:
        if words["dry_run"] or words["resume"]:
            raise Misused("`--undo` goes on by itself where it ended; leave out the other option")
        return _undo(session, undo, yes=words["yes"])
    assert address is not None
    if address.type != TYPE:
        raise Misused(f"`{address}` is no import; an address begins with `{TYPE}/`")
    options = Options(targets=frozenset({address}))
    if words["dry_run"]:
        return _dry(session, options)
    return run_apply(
        session, _importing(address, options, resume=words["resume"]), yes=words["yes"], question="Import?"
    )


def _importing(address: Address, options: Options, *, resume: bool) -> Callable[..., Any]:
    from reconciler.operations.apply import apply
    from reconciler.operations.events_undo import is_unfinished

    def importing(workspace: Any, confirm: Any) -> Any:
        if resume and not is_unfinished(workspace, address):
            raise Failure(
                f"`{address}` has nothing to go on with", help="leave out `--resume` to import what is not imported yet"
            )
        return apply(workspace, options=options, confirm=confirm)

    return importing


def _dry(session: Session, options: Options) -> int:
    from reconciler.operations.plan import make_plan
    from reconciler.reports.plan_text import render_plan

    with progress(session.settings) as speaking:
        workspace = session.open(speaking)
        planned = make_plan(workspace, options)
    settings = session.settings
    traits = workspace.catalog.traits
    click.echo(render_plan(planned.plan, colour=settings.coloured(), width=settings.width, traits=traits))
    return Exit.REFUSED if planned.refused else Exit.DONE


def _undo(session: Session, word: str, *, yes: bool) -> int:
    from reconciler.operations.events_undo import undo

    if not yes and not session.settings.interactive:
        raise Misused("there is no terminal to ask on; add `-y` to undo without a question")
    with progress(session.settings) as speaking:
        workspace = session.open(speaking)
        session.stop_gracefully()

        def agreed(what: Undoing) -> bool:
            speaking.pause()
            _say_undoing(what, session.settings.width)
            if yes:
                return True
            session.stop_at_once()
            answer = click.prompt("Delete these events? Only `yes` is accepted", err=True, default="no")
            session.stop_gracefully()
            return bool(answer == "yes")

        done = undo(workspace, word, agreed)
    if done is None:
        click.echo("Nothing was deleted.", err=True)
        return Exit.FAILED
    click.echo(f"Undone: no event carries the batch `{plain(done.batch)}` any more.")
    return Exit.DONE


def _say_undoing(what: Undoing, width: int) -> None:
    said = [
        f"{what.address}: the batch `{what.batch}`, {what.events:,} events at most.",
        "Deleted is, user by user, what carries this batch; their consents become as if it had never been.",
        "What stays: events that were there before or came from elsewhere, and users who were made by the import.",
    ]
    if what.with_integrations:
        said.append("Connected tools were told of these events (`integrations: true`) and are not called back.")
    for each in said:
        click.echo("\n".join(wrap(plain(each), width, first="", rest="  ")), err=True)
