"""`reconciler policies`."""

from __future__ import annotations

import json
import textwrap

import click

from reconciler.cli.exits import Exit
from reconciler.cli.rules import policies
from reconciler.cli.session import Session
from reconciler.cli.session import command as running


@click.group()
def command() -> None:
    """List the rules that manifests and plans must keep, and try them on their examples."""


@command.command("list")
@policies
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@running
def list_(session: Session, form: str) -> int:
    """
    Name every rule: what it is about, how much it counts, and where it is written.

    Opens no connection. Built-in rules count when the project file says `policies`.
    """
    from reconciler.operations.policies import has_rules, rulebook
    from reconciler.policy import On
    from reconciler.reports.escape import plain

    workspace = session.open()
    book = rulebook(workspace)
    counts = has_rules(workspace)
    if form == "json":
        click.echo(
            json.dumps(
                [
                    {
                        "id": each.words.id,
                        "on": each.words.on.value,
                        "level": each.level if counts else "off",
                        "reason": each.reason,
                        "kinds": sorted(each.words.kinds),
                        "labels": dict(each.words.labels),
                        "message": each.words.message,
                        "place": str(each.words.mark),
                        "builtin": each.words.built_in,
                    }
                    for each in book.listed
                ],
                indent=2,
            )
        )
    else:
        width = max(len(each.words.id) for each in book.listed)
        for each in book.listed:
            words, level = each.words, each.level if counts else "off"
            about = ", ".join(sorted(words.kinds)) or ("every kind" if words.on is not On.PLAN else "the whole plan")
            click.echo(plain(f"{words.id:{width}}  {level:7}  {words.on.value:8}  {about}"))
            lines = [words.message, *([f"{level} because {each.reason}"] if each.reason is not None else [])]
            for line in lines:
                wrapped = textwrap.wrap(plain(line), session.settings.width - 4)
                click.echo("\n".join(f"    {part}" for part in wrapped))
        if not counts:
            click.echo("no rule counts: the project file does not say `policies`", err=True)
    session.say_problems(book.problems)
    return Exit.INVALID if book.problems else Exit.DONE


@command.command("test")
@policies
@running
def test(session: Session) -> int:
    """
    Ask every rule about its own examples, and say where the answer is another one.

    Opens no connection. Exits with 1 when a rule or an example is wrong.
    """
    from reconciler.operations.policy_examples import try_examples
    from reconciler.reports.escape import plural

    tested = try_examples(session.open())
    session.say_problems(tested.problems)
    if tested.untested:
        click.echo(f"without an example: {', '.join(tested.untested)}", err=True)
    if not tested.problems:
        click.echo(f"{plural(tested.examples, 'example')} of {plural(tested.rules, 'rule')}: all as expected.")
    return Exit.FAILED if tested.problems else Exit.DONE
