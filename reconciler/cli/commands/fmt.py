"""`reconciler fmt`."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.exits import Exit
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.reports.escape import plain, plural


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when a file has another form.")
@click.option("--diff", "showing", is_flag=True, help="Write nothing; print what would change.")
@running
def command(session: Session, paths: tuple[Path, ...], *, check: bool, showing: bool) -> int:
    """
    Bring YAML into one form: order of the envelope's keys, indentation, quotes. Comments and values stay.

    Without PATH the project file and all that it names are formatted. A file that cannot be read as YAML is said and
    left alone, and the exit code is 8.
    """
    from reconciler.operations.fmt import diff, fmt, secret_keys

    tidied = fmt(Path(session.settings.directory), paths, write=not (check or showing))
    keys = secret_keys() if showing and tidied.changed else frozenset()
    for name, (before, after) in tidied.changed.items():
        for line in diff(name, before, after, keys) if showing else [name]:
            click.echo(plain(line))
    session.say_problems(tidied.problems)
    what = "would be formatted" if check or showing else "formatted"
    left = f", {plural(tidied.fine, 'file')} left as before" if tidied.fine else ""
    click.echo(f"{plural(len(tidied.changed), 'file')} {what}{left}.", err=True)
    if tidied.problems:
        return Exit.INVALID
    return Exit.FAILED if check and tidied.changed else Exit.DONE
