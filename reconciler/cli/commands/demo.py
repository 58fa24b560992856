"""`reconciler demo`."""

from __future__ import annotations

import click

from reconciler.cli.log_lines import lines
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.operations.failures import Failure


@click.command()
@running
def command(session: Session) -> int:
    """Run everything against emulated vendors on this machine, step by step. Needs no account and no network."""
    try:
        from reconciler.operations.demo import demo
    except ModuleNotFoundError as missing:
        raise Failure(
            f"the demo needs `{missing.name}`, which is not installed", help="pip install 'reconciler[emulator]'"
        ) from None
    environ = session.settings.environ
    demo(click.echo, environ if lines() is None else {**environ, "RECONCILER_LOG_FORMAT": "json"})
    return 0
