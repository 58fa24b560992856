"""The entry point: finds the command, and turns every way of failing into a sentence and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

import click

from reconciler import __version__
from reconciler.cli.exits import Exit
from reconciler.cli.group import PROGRAM, Commands
from reconciler.cli.log_lines import FORMATS, lines, spoken
from reconciler.cli.offering import offer_environments
from reconciler.cli.settings import Opening, Settings

EPILOG = """\b
Exit codes: 0 done or nothing to do, 1 failure, 2 changes (only with
--detailed-exitcode), 3 stale plan, 4 partly applied, 5 refused by a limit or rule,
6 locked, 7 credentials or permissions, 8 invalid manifests, 64 wrong usage,
130/143 interrupted with the state consistent.

\b
Every flag has an environment variable: RECONCILER_ENVIRONMENT for -e,
RECONCILER_PLAN_TARGET for `plan --target`."""


@click.command(
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "-C",
    "--directory",
    type=click.Path(exists=True, file_okay=False),  # else a misspelt folder would mean the project above it
    default=".",
    metavar="DIR",
    help="Run as if started in DIR.",
)
@click.option(
    "-e",
    "--environment",
    metavar="NAME",
    shell_complete=offer_environments,
    help="Which environment of the project file to use.",
)
@click.option(
    "--log-level",
    type=click.Choice(["error", "warning", "info", "debug"]),
    default="warning",
    show_default=True,
    help="What to log on stderr.",
)
@click.option(
    "--log-format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="How stderr is written; `json` is one object a line.",
)
@click.option("--colour/--no-colour", default=None, help="Colour, by default only on a terminal.")
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def program(context: click.Context, /, **words: object) -> None:
    """Keep data exports the way the repository says they should be."""
    context.obj = Settings.of(words, os.environ, context.obj)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and leave with its exit code."""
    # A plan keeps nearly every object it makes; searching all of them for garbage again and again costs a fifth.
    gc.set_threshold(200_000, 100, 10)
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None, opening: Opening | None = None) -> int:
    """Run the program and give its exit code; `opening` opens the project in place of `open_workspace`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    with spoken(words, os.environ):
        return _run(words, opening)


def _run(words: list[str], opening: Opening | None) -> int:
    try:
        result = program.main(
            args=words,
            prog_name=PROGRAM,
            standalone_mode=False,
            obj=opening,
            auto_envvar_prefix="RECONCILER",
        )
    except click.UsageError as error:
        _show(_with_its_place(error), Exit.USAGE)
        return Exit.USAGE
    except click.ClickException as error:
        _show(error, Exit.FAILED)
        return Exit.FAILED
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; nothing was left half done", err=True)
        return Exit.SIGINT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    return result if isinstance(result, int) else Exit.DONE


def _show(error: click.ClickException, code: Exit) -> None:
    out = lines()
    if out is None:
        error.show()
    else:
        out.say("error", "error", error.format_message(), exitCode=int(code))


def _with_its_place(error: click.UsageError) -> click.UsageError:
    """The error, or a better one for an option of the program that was written behind the command."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None or error.ctx.parent is None:
        return error
    if not any(error.option_name in (*each.opts, *each.secondary_opts) for each in program.params):
        return error
    there = f"{PROGRAM} {error.option_name} … {error.ctx.info_name}"
    return click.UsageError(f"`{error.option_name}` stands before the command: `{there}`", error.ctx)
