"""What the shell's completion offers for words that only a project knows; a project that cannot be read offers none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem


def offer_addresses(context: click.Context, incomplete: str) -> list[CompletionItem]:
    """Addresses of manifests and of what is remembered, of the project that the words before the command name."""
    from reconciler.operations.completing import addresses

    words = context.find_root().params
    return _beginning(addresses(Path(words.get("directory") or "."), words.get("environment")), incomplete)


def offer_environments(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The environments of the project file."""
    from reconciler.operations.completing import environment_names

    return _beginning(environment_names(Path(context.find_root().params.get("directory") or ".")), incomplete)


def offer_vendors(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The vendors that a project can begin with."""
    from reconciler.operations.init import beginnings

    return _beginning(beginnings(), incomplete)


def _beginning(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(each) for each in names if each.startswith(incomplete)]
