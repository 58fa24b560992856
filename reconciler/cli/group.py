"""The list of commands, grouped as people look for them; a command's module is loaded when it is called."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import NoReturn

import click

from reconciler.cli.examples import with_examples

PROGRAM = "reconciler"

GROUPS: Mapping[str, Mapping[str, str]] = {
    "Every day": {
        "validate": "Check everything that can be known offline.",
        "fmt": "Bring YAML files into one form.",
        "plan": "Show what would change and why; sends no write.",
        "apply": "Do exactly the plan, then prove that nothing is left to do.",
        "destroy": "Delete what is managed.",
        "import": "Bring existing objects under management.",
        "dump": "Write manifests for what exists at the vendors.",
        "policies": "List and try the rules that manifests and plans must keep.",
        "watch": "Plan or apply again and again, and say how that goes.",
        "events": "Look at, cut and import files of consent events.",
    },
    "Looking": {
        "show": "Show a saved plan or the state.",
        "explain": "Say why a resource gets the action it gets.",
        "graph": "Draw who needs whom.",
        "runs": "List recent runs as the vendor reports them.",
        "verify": "Prove that deliveries are there, fresh, complete, private and valid.",
        "drift": "Say what moved at the vendors since the last apply.",
        "history": "Say who changed what, when and why, and prove it.",
        "blame": "Say who set each field, and which apply carried it out.",
        "projects": "List the projects of a repository, and which of them changed.",
        "snapshot": "Write what a plan without credentials needs.",
        "comment": "Keep one comment on a pull request up to date.",
    },
    "When something broke": {
        "doctor": "Check settings, credentials, clock and permissions.",
        "secrets": "Check the secrets that manifests refer to; shows none.",
        "state": "Look into the state, and mend it as a last resort.",
    },
    "Getting started": {
        "init": "Write a starter project.",
        "demo": "A guided run of everything against emulated vendors.",
        "emulate": "Serve the vendors on this machine.",
        "schema": "Print the JSON Schema of manifests for editors.",
        "completion": "Print shell completion.",
        "version": "Print the version.",
    },
}
"""Group → command → the line that help shows."""

_MODULES = {"import": "import_"}
"""Commands whose name is a word of Python."""


class Commands(click.Group):
    """A group whose commands are modules of `reconciler.cli.commands`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands in the order of their groups."""
        return [name for group in GROUPS.values() for name in group]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, from its module."""
        if not any(cmd_name in group for group in GROUPS.values()):
            return None
        command = importlib.import_module(f"reconciler.cli.commands.{_MODULES.get(cmd_name, cmd_name)}").command
        assert isinstance(command, click.Command)
        return with_examples(command, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a guess at what was meant."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            self._unknown(ctx, args[0])
        return super().resolve_command(ctx, args)

    def _unknown(self, ctx: click.Context, name: str) -> NoReturn:
        near = difflib.get_close_matches(name, self.list_commands(ctx), 1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        raise click.UsageError(f"there is no command `{name}`{hint}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands under their headings, without loading one."""
        width = max(len(name) for group in GROUPS.values() for name in group)
        for heading, group in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), text) for name, text in group.items()])
