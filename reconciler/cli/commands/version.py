"""`reconciler version`."""

from __future__ import annotations

import platform

import click

from reconciler import __version__


@click.command()
def command() -> None:
    """Print the version of the program and of Python."""
    click.echo(f"reconciler {__version__} (Python {platform.python_version()})")
