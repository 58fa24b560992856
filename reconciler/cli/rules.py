"""The flag `--policies`, wherever manifests or plans are judged."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

KEY: Final = "reconciler.policies"
"""Where the running command's context keeps what the flag says."""


def _keep(context: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    context.meta[KEY] = value


policies = click.option(
    "--policies",
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    expose_value=False,
    callback=_keep,
    help="Judge by the rules in DIR, whatever the project says of rules.",
)


def chosen() -> Path | None:
    """What the running command's flag says; `None` when it has none, or it was not given."""
    context = click.get_current_context(silent=True)
    return context.meta.get(KEY) if context is not None else None
