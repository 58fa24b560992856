"""`lifecycle.ignoreChanges` as it is written: entries that have ended, and those that nothing answers to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from reconciler.specs.envelope import end_of
from reconciler.specs.guide import knows
from reconciler.specs.kinds import ReadyKind
from reconciler.specs.tree import Node
from reconciler.specs.words import shown
from reconciler.values import Ignored, Path

_STEP = re.compile(r"""\.?(?P<key>[^.\[\]"]+)|\[(?P<position>[0-9]+)\]|\["(?P<quoted>(?:\\.|[^"\\])*)"\]""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry: what it ignores, and where its text stands in the manifest."""

    text: str
    path: Path
    ignored: Ignored

    @property
    def field(self) -> Path | None:
        """The path within `spec`; `None` when the text is none."""
        return steps_of(self.text.removeprefix("spec."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What is to be said of an entry, at a path from the root of the manifest."""

    code: str
    message: str
    path: Path
    help: str


def entries(data: Node) -> Iterator[Entry]:
    """The well-formed entries of a manifest."""
    lifecycle = data.get("lifecycle") if isinstance(data, dict) else None
    written = lifecycle.get("ignoreChanges") if isinstance(lifecycle, dict) else None
    for position, each in enumerate(written if isinstance(written, list) else ()):
        here: Path = ("lifecycle", "ignoreChanges", position)
        if isinstance(each, str):
            yield Entry(text=each, path=here, ignored=Ignored(path=each))
        elif isinstance(each, dict) and isinstance(text := each.get("path"), str):
            yield Entry(text=text, path=(*here, "path"), ignored=Ignored(path=text, ends=end_of(each.get("until"))))


def remarks(data: Node, ready: ReadyKind, now: datetime | None) -> Iterator[Remark]:
    """Warnings about entries that count no longer at this time, and about those that name no field of the kind."""
    for each in entries(data):
        if now is not None and each.ignored.has_ended(now):
            yield Remark(
                code="expired-exception",
                message=f"the exception for `{shown(each.text)}` ended on {each.ignored.last}: it is compared again",
                path=(*each.path[:-1], "until"),
                help="remove the entry, or give it a later `until`",
            )
        why = _why_idle(each.field, ready)
        if why is not None:
            yield Remark(
                code="idle-exception",
                message=f"the exception for `{shown(each.text)}` has no effect: {why}",
                path=each.path,
                help="correct the path, or remove the entry",
            )


def _why_idle(field: Path | None, ready: ReadyKind) -> str | None:
    if field is None:
        return "this is no path"
    if not knows(ready.kind.spec, field):
        return f"`{ready.kind.name}` has no such field"
    for path in sorted(ready.traits.unordered):
        if len(path) < len(field) and all(rule in ("*", step) for rule, step in zip(path, field, strict=False)):
            return f"the order of `{'.'.join(path)}` means nothing, so it is compared as a whole"
    return None


def steps_of(text: str) -> Path | None:
    """The path that `dotted` writes so; `None` when it writes none so."""
    steps: list[str | int] = []
    place = 0
    while place < len(text):
        found = _STEP.match(text, place)
        if found is None or (found[0].startswith(".") != bool(steps) and found["key"] is not None):
            return None
        if found["position"] is not None:
            steps.append(int(found["position"]))
        elif found["quoted"] is not None:
            steps.append(re.sub(r"\\(.)", r"\1", found["quoted"]))
        else:
            steps.append(found["key"])
        place = found.end()
    return tuple(steps) or None
