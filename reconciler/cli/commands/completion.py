"""`reconciler completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from reconciler.cli.group import PROGRAM


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """
    Print shell completion for SHELL.

    \b
    bash: reconciler completion bash > ~/.local/share/bash-completion/completions/reconciler
    zsh:  reconciler completion zsh > "${fpath[1]}/_reconciler"
    fish: reconciler completion fish > ~/.config/fish/completions/reconciler.fish
    """  # noqa: D301 - click reads \b as "keep these lines"
    root = click.get_current_context().find_root().command
    found = get_completion_class(shell)
    assert found is not None
    # Asked for directly, so that the shell that happens to run this does not matter.
    click.echo(found(root, {}, PROGRAM, "_RECONCILER_COMPLETE").source())
