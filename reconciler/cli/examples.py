"""One or two examples for every command, printed at the end of its help; a test types each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

_EXPORT: Final = "didomi/ExportConfig/daily-consents"
_LAKE: Final = "didomi/Destination/lake"

EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "validate": ("reconciler validate", "reconciler validate --format github specs"),
    "fmt": ("reconciler fmt", "reconciler fmt --check --diff specs"),
    "plan": ("reconciler plan -o plan.json", f"reconciler plan --target {_LAKE} --format markdown"),
    "apply": ("reconciler apply plan.json -y", "reconciler -e rehearsal apply -y --lock-timeout 600"),
    "destroy": (f"reconciler destroy --target {_LAKE} -y", "reconciler destroy -y"),
    "import": (f"reconciler import {_LAKE} 58g9gnu3b5", "reconciler import --all"),
    "dump": ("reconciler dump --out-dir specs/imported",),
    "policies": ("reconciler policies list",),
    "policies list": ("reconciler policies list",),
    "policies test": ("reconciler policies test --policies policies",),
    "watch": ("reconciler watch --interval 5m --rounds 1",),
    "events": ("reconciler events validate specs/events/loyalty.jsonl",),
    "events digest": ("reconciler events digest specs/events/loyalty.jsonl",),
    "events validate": ("reconciler events validate --derive-ids specs/events/loyalty.jsonl",),
    "events split": ("reconciler events split --out-dir parts specs/events/loyalty.jsonl",),
    "events import": (
        "reconciler events import didomi/EventImport/loyalty-2025 -y",
        "reconciler events import --undo loyalty-2025 -y",
    ),
    "show": ("reconciler show plan.json", "reconciler show --format json"),
    "explain": (f"reconciler explain {_EXPORT}",),
    "graph": ("reconciler graph --format mermaid", "reconciler graph --format svg > graph.svg"),
    "runs": (f"reconciler runs {_EXPORT} --limit 5",),
    "verify": ("reconciler verify --since 2d", "reconciler verify --format html > verify.html"),
    "drift": ("reconciler drift --detailed-exitcode", "reconciler drift --adopt --dry-run"),
    "history": (f"reconciler history --address {_EXPORT} --since 30d", "reconciler history verify"),
    "history show": ("reconciler history show 1",),
    "history export": ("reconciler history export --format html -o history.html",),
    "history verify": ("reconciler history verify",),
    "history seal": ("reconciler history seal",),
    "blame": (f"reconciler blame {_EXPORT}",),
    "snapshot": ("reconciler snapshot -o snapshot.json",),
    "projects": ("reconciler projects --changed-since HEAD --format json",),
    "comment": ("reconciler comment --plan plan.json",),
    "doctor": ("reconciler doctor",),
    "secrets": ("reconciler secrets check",),
    "secrets check": ("reconciler secrets check",),
    "state": ("reconciler state list", "reconciler state backup backup.json"),
    "state list": ("reconciler state list",),
    "state show": (f"reconciler state show {_LAKE}",),
    "state mv": (f"reconciler state mv {_LAKE} didomi/Destination/sea",),
    "state rm": (f"reconciler state rm {_LAKE}",),
    "state pull": ("reconciler state pull > state.json",),
    "state push": ("reconciler state push state.json",),
    "state backup": ("reconciler state backup", "reconciler state backup backup.json"),
    "state restore": ("reconciler state restore --force backup.json",),
    "state unlock": ("reconciler state unlock 4f9a1c02",),
    "state rebuild": ("reconciler state rebuild -y",),
    "init": ("reconciler init --vendor didomi my-exports",),
    "demo": ("reconciler demo",),
    "emulate": ("reconciler emulate didomi --folder delivered", "reconciler emulate --switches"),
    "schema": ("reconciler schema > reconciler.schema.json",),
    "version": ("reconciler version",),
}
"""Command → what one may type, as a shell takes it."""


def with_examples(command: click.Command, name: str) -> click.Command:
    """The command, and those within it, with their examples at the end of their help."""
    found = EXAMPLES.get(name, ())
    if found and command.epilog is None:
        lines = "\n".join(f"  {each}" for each in found)
        command.epilog = f"\b\n{'Examples' if len(found) > 1 else 'Example'}:\n{lines}"
    for inner, each in command.commands.items() if isinstance(command, click.Group) else ():
        with_examples(each, f"{name} {inner}")
    return command
