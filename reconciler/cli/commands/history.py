"""`reconciler history`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler.cli.exits import Exit
from reconciler.cli.selection import ADDRESS
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.reports.escape import plain, plural, wrap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.engine.ledger import Leaf
    from reconciler.operations.history import Question, Verified
    from reconciler.operations.workspace import Workspace

_AGO = re.compile(r"([0-9]{1,5})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class MomentType(click.ParamType["datetime | timedelta"]):
    """A day, a moment, or a time before now."""

    name = "moment"

    def __init__(self, *, end_of_day: bool = False) -> None:
        self._end_of_day = end_of_day

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime | timedelta:
        """The moment, in UTC unless it says otherwise; a usage error when it is none."""
        if isinstance(value, datetime | timedelta):
            return value
        text = str(value)
        if ago := _AGO.fullmatch(text):
            return timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"`{text}` is no time; write `2026-12-01`, `2026-12-01T06:00:00Z` or `7d`", param, ctx)
        if self._end_of_day and len(text) == len("2026-12-01"):
            moment += timedelta(days=1, microseconds=-1)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class DigestType(click.ParamType[str]):
    """`sha256:…`."""

    name = "digest"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The digest; a usage error when it is none."""
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", str(value)):
            self.fail(f"`{value}` is no digest; they begin with `sha256:`, and 64 digits follow", param, ctx)
        return str(value)


FORM = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)


F = TypeVar("F", bound=Callable[..., Any])


def choose(function: F) -> F:
    """Which records are meant."""
    for option in (
        click.option("--commit", metavar="COMMIT", help="Only what was done for this commit, which may be shortened."),
        click.option("--until", type=MomentType(end_of_day=True), metavar="TIME", help="Only up to then."),
        click.option(
            "--since", type=MomentType(), metavar="TIME", help="Only from then on: a day, a time, or `7d` ago."
        ),
        click.option("--who", metavar="NAME", help="Only what this person or job did."),
        click.option(
            "--address", type=ADDRESS, metavar="ADDRESS", help="Only what was done to this resource, renamed or not."
        ),
    ):
        function = option(function)
    return function


@click.group(invoke_without_command=True)
@choose
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, metavar="N", help="0: all of them.")
@FORM
@click.pass_context
def command(context: click.Context, /, **words: Any) -> int | None:
    """
    List which command changed what, when, for whom and how it ended, newest first.

    Read from the ledger, in which every command that writes leaves one record. Asks no vendor.
    """
    return None if context.invoked_subcommand is not None else _list(**words)


@running
def _list(session: Session, /, limit: int, form: str, **words: Any) -> int:
    from reconciler.operations.history import listed
    from reconciler.reports.history_text import render_history

    workspace = session.open()
    found = listed(workspace, _question(workspace, words))
    chosen = list(islice(found, limit)) if limit else list(found)
    if form == "json":
        click.echo(json.dumps([_row(each) for each in chosen], indent=2))
        return 0
    settings = session.settings
    told = ((each.number, each.record or f"{each.name} {each.trouble}") for each in chosen)
    for block in render_history(told, colour=settings.coloured(), width=settings.width):
        click.echo(block)
    if not chosen:
        click.echo("The ledger has no such record.", err=True)
    elif limit and next(found, None) is not None:
        click.echo(f"Older records are left out; `--limit 0` shows all, this showed {limit}.", err=True)
    return 0


def _question(workspace: Workspace, words: Mapping[str, Any]) -> Question:
    """What was asked for, with times before now counted from now."""
    from reconciler.operations.history import Question

    now = workspace.clock.now()
    whole: dict[str, Any] = {word: now - each if isinstance(each, timedelta) else each for word, each in words.items()}
    return Question(**whole)


def _row(leaf: Leaf) -> Mapping[str, object]:
    from reconciler.reports.history_text import addresses, counts

    record = leaf.record
    if record is None:
        return {"number": leaf.number, "digest": leaf.digest, "trouble": f"{leaf.name} {leaf.trouble}"}
    command = record.command
    return {
        "number": record.number,
        "digest": leaf.digest,
        "began": _moment(command.since),
        "ended": _moment(record.ended),
        "who": command.who,
        "operation": command.operation,
        "how": record.how.value,
        "commit": command.commit,
        "plan": command.plan,
        "ci_run": command.ci_run,
        "serial": record.serial,
        "counts": dict(counts(record)),
        "addresses": [str(each) for each in addresses(record)],
    }


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@command.command("show")
@click.argument("number", type=click.IntRange(1))
@FORM
@click.option("--verbose", "-v", is_flag=True, help="Shorten nothing.")
@running
def show(session: Session, number: int, form: str, *, verbose: bool) -> int:
    """Show record NUMBER whole: who, why, and field by field what was changed. Secrets are references."""
    from reconciler.engine.codec import encode_object
    from reconciler.operations.history import record
    from reconciler.reports.history_text import render_record
    from reconciler.values.ledger import LedgerRecord

    workspace = session.open()
    found, digest = record(workspace, number)
    if form == "json":
        click.echo(json.dumps({"digest": digest, **encode_object(LedgerRecord, found)}, indent=2, sort_keys=True))
        return 0
    settings = session.settings
    click.echo(
        render_record(
            found,
            digest,
            traits=workspace.catalog.traits,
            colour=settings.coloured(),
            width=settings.width,
            verbose=verbose,
        )
    )
    return 0


@command.command("export")
@click.option("--format", "form", type=click.Choice(["csv", "json", "html"]), default="json", show_default=True)
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it there.")
@choose
@running
def export(session: Session, /, form: str, out: Path | None, **words: Any) -> int:
    """
    Give the records away whole, oldest first: as a table, as JSON, or as one page to read in a browser.

    A table has one line for each field, safe to open in a spreadsheet. The page needs no server and fetches nothing:
    timeline, search, the life of every resource, and who needs whom now. Secrets are references.
    """
    workspace = session.open()
    text = session.redact(_exported(workspace, _question(workspace, words), form))
    if out is None:
        click.echo(text, nl=False)
        return 0
    try:
        out.write_bytes(text.encode())
    except OSError as error:
        from reconciler.operations.failures import Failure

        raise Failure(f"the export cannot be written to `{out}`: {error.strerror}") from None
    click.echo(f"written to {plain(str(out))}", err=True)
    return 0


def _exported(workspace: Workspace, question: Question, form: str) -> str:
    from reconciler.operations.history_export import as_page, exported

    if form == "html":
        from reconciler.reports.history_html import render_history_html

        return render_history_html(as_page(workspace, question), traits=workspace.catalog.traits)
    found = exported(workspace, question)
    if form == "csv":
        from reconciler.reports.history_csv import history_csv

        return "".join(history_csv(found.records, traits=workspace.catalog.traits, names=found.names))
    from reconciler.engine.codec import encode_object
    from reconciler.values.ledger import LedgerRecord

    whole = [{"digest": digest, **encode_object(LedgerRecord, record)} for record, digest in found.records]
    return json.dumps(whole, indent=2, sort_keys=True) + "\n"


@command.command("verify")
@click.option("--head", type=DigestType(), metavar="DIGEST", help="A digest that `apply` has printed at any time.")
@click.option(
    "--signers",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Check signatures against these keys, a file of allowed signers of OpenSSH.",
)
@FORM
@running
def verify(session: Session, head: str | None, signers: Path | None, form: str) -> int:
    """
    Read the whole ledger: is every record as it was written, and does the state say the same?

    Without --head or --signers the records are found consistent with each other, which somebody who wrote them all
    anew would see to. With one of them everything up to that record, or to the newest that is signed, is proven
    unaltered. Exits with 1 when anything is wrong.
    """
    from reconciler.operations.history import verify

    found = verify(session.open(), head, signers)
    if form == "json":
        click.echo(json.dumps(_verdict(found), indent=2))
    else:
        is_proof = head is not None or signers is not None
        for line in _sentences(found, session.settings.width, is_proof=is_proof):
            click.echo(line)
    return Exit.FAILED if found.troubles else Exit.DONE


def _verdict(found: Verified) -> Mapping[str, object]:
    return {
        "records": found.count,
        "newest": found.newest.number if found.newest else None,
        "head": found.head,
        "consistent": not found.troubles,
        "unaltered_up_to": found.proven,
        "signed_up_to": found.signed,
        "signed_by": found.signer,
        "troubles": list(found.troubles),
        "notes": list(found.notes),
    }


def _sentences(found: Verified, width: int, *, is_proof: bool) -> list[str]:
    lines = [line for each in found.troubles for line in wrap(plain(f"wrong: {each}"), width, rest="    ")]
    lines += [line for each in found.notes for line in wrap(plain(f"note: {each}"), width, rest="    ")]
    if not found.count:
        return [*lines, "The ledger has no records: no command has written yet."] if not found.troubles else lines
    number = found.newest.number if found.newest else None
    if found.proven is not None:
        lines.append(f"Records 1 to {found.proven} are unaltered: they lead to the digest that was given.")
    if found.signed is not None and found.signer is not None:
        text = f"Records 1 to {found.signed} are unaltered since {plain(found.signer)} signed record {found.signed}."
        lines += wrap(text, width)
    if found.troubles:
        return [*lines, f"{plural(found.count, 'record')} read: the ledger is not whole."]
    lines.append(f"{plural(found.count, 'record')}, and the state: consistent.")
    if not is_proof:
        lines += wrap(
            "Whether they are unaltered, only a digest can say that somebody has kept elsewhere: add `--head DIGEST`. "
            "Of a signed ledger a signature can: add `--signers FILE`.",
            width,
        )
    lines.append(f"Ledger: record {number}, {found.head}")
    return lines


@command.command("seal")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@running
def seal(session: Session, yes: bool) -> int:
    """
    Go on after a damaged ledger when `apply` refuses to: nothing is taken away, and a new record says what is wrong.

    First look for a backup of what `history verify` names: putting it back heals the ledger.
    """
    from reconciler.operations.failures import Misused
    from reconciler.operations.history import seal

    if not yes:
        if not session.settings.interactive:
            raise Misused("there is no terminal to ask on; add `-y` to seal without a question")
        question = "The ledger stays damaged for ever, and its new record says so. Only `yes` is accepted"
        if click.prompt(question, err=True, default="no", show_default=False) != "yes":
            click.echo("Nothing was sealed.", err=True)
            return Exit.FAILED
    sealed = seal(session.open())
    for line in wrap(plain(f"sealed: {sealed.reason}"), session.settings.width, rest="    "):
        click.echo(line)
    click.echo(f"Ledger: record {sealed.head.number}, {sealed.head.digest}")
    return Exit.DONE
