"""Events to import, files of them, and what of them the vendor really holds."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from program import manifest
from world import Stage

sys.path.insert(0, str(Path(__file__).parents[1] / "kills"))

from kill_stage import Mortal

PURPOSE = "newsletter"
UNKNOWN = "no-such-purpose"
"""A purpose that Didomi refuses and that no file can be known to name wrongly."""

ADDRESS = "didomi/EventImport/crm"

Event = dict[str, Any]


def event(number: int, *, users: int = 40, purpose: str = PURPOSE, **more: object) -> Event:
    """One event; the same user comes again after `users` others, each time a minute later."""
    return {
        "id": f"{number:08d}-0000-4000-8000-000000000000",
        "created_at": f"2026-01-{1 + number // 1440 % 28:02d}T{number // 60 % 24:02d}:{number % 60:02d}:00Z",
        "user": {"organization_user_id": f"canary-user-{number % users}@example.org"},
        "consents": {"purposes": [{"id": purpose, "enabled": number % 2 == 0}]},
        **more,
    }


def events(number: int, *, users: int = 40, refused: Iterable[int] = ()) -> list[Event]:
    """So many events, those of some numbers such that Didomi refuses them."""
    bad = set(refused)
    return [event(each, users=users, purpose=UNKNOWN if each in bad else PURPOSE) for each in range(number)]


def lines(found: Iterable[object]) -> bytes:
    """One JSON document a line."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in found)


def write(folder: Path, found: Iterable[object], name: str = "events.jsonl") -> dict[str, str]:
    """A file beside the manifests, as a manifest names it."""
    path = folder / "specs" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(lines(found))
    return {"path": name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def importing(*files: Mapping[str, str], **more: object) -> list[Mapping[str, object]]:
    """The manifest of an import."""
    return [manifest("EventImport", "crm", {"files": list(files), **more})]


def stored(stage: Stage) -> list[str]:
    """The ids of the events that the vendor holds, in the order in which they came."""
    return [each["id"] for each in stage.objects("events")]


def by_user(found: Iterable[Event]) -> dict[str, list[str]]:
    """The ids of each user's events, in their order."""
    users: dict[str, list[str]] = {}
    for each in found:
        users.setdefault(each["user"]["organization_user_id"], []).append(each["id"])
    return users


def is_whole(stage: Stage, wanted: Sequence[Event]) -> None:
    """The vendor holds these events, each once, and each user's in their order."""
    there = stage.objects("events")
    assert len(there) == len(wanted)
    assert by_user(there) == by_user(wanted)


def rejects(folder: Path) -> list[dict[str, Any]]:
    """What lies in quarantine."""
    found: list[dict[str, Any]] = []
    for path in sorted((folder / ".reconciler" / "quarantine").glob("*.jsonl")):
        found += map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return found


class Shell:
    """
    The program as a process of its own, forked from one that has imported it already.

    Every run has its own memory, files and signals, and costs a tenth of one that is started anew.
    """

    def __init__(self) -> None:
        self.mortal = Mortal("reconciler.cli.commands.events", "reconciler.operations.events")

    def run(
        self, folder: Path, *words: str, environ: Mapping[str, str] | None = None, expect: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; `expect` is its exit code, None for any."""
        out, err = folder / ".out", folder / ".err"
        order = {
            "words": words,
            "folder": str(folder),
            "environ": {"COLUMNS": "80", "LANG": "C.UTF-8", **(environ or {})},
            "hurried": False,
            "out": str(out),
            "err": str(err),
            "prefix": "",
            "shapes": [],
        }
        code = self.mortal.run(order)
        ended = subprocess.CompletedProcess(
            words, code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8")
        )
        for path in (out, err):
            path.unlink()
        assert expect is None or code == expect, f"{code}\n{ended.stdout}\n{ended.stderr}"
        return ended
