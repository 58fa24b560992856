"""Drift as the text that a cron job mails: what moved, who moved it, and what cannot be known."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import UTC

from reconciler.engine.drift import MOVED, Cause, Drift, Drifted, FieldDrift
from reconciler.reports.escape import columns, pad, plain, plural
from reconciler.reports.fields import label_of, path_order
from reconciler.reports.layout import ARROW
from reconciler.reports.names import Names
from reconciler.reports.paint import Style, paint
from reconciler.reports.problems import ascii_json, in_order, problem_object, render_problems
from reconciler.reports.shown import Reading, reading_of
from reconciler.values import LastChange, Problem, Traits, dotted

_CAUSES = {
    Cause.VENDOR: "changed at the vendor",
    Cause.SERVER_DEFAULT: "back at the vendor's default",
    Cause.MANIFEST: "changed in the manifest, not applied yet",
    Cause.SECRET: "another secret in the manifest, not applied yet",
}


def render_drift(
    drifted: Drifted, *, traits: Callable[[str], Traits], names: Names, colour: bool = False, width: int = 80
) -> str:
    """Objects that moved, each with its fields, then what only the manifests changed, then the counts."""
    blocks = [
        "\n".join(_object(each, reading_of(each.address.type, traits, names), colour=colour))
        for each in sorted(drifted.objects, key=lambda each: (not each.moved, each.address))
    ]
    if drifted.problems:
        blocks.append(
            render_problems(in_order(drifted.problems), lambda _mark: None, colour=colour, width=width).rstrip("\n")
        )
    return "\n\n".join([*blocks, _summary(drifted)])


def _object(each: Drift, reading: Reading, *, colour: bool) -> Iterator[str]:
    address = paint(plain(str(each.address)), Style.STRONG, colour=colour)
    if each.gone:
        yield f"{address}: gone at the vendor (`{plain(each.id)}` does not exist any more)"
        return
    yield f"{address}{'' if each.managed else ' (no manifest describes it any more)'}"
    ordered = sorted(each.fields, key=lambda field: (field.cause not in MOVED, path_order(field.path)))
    labels = [label_of(field.path, reading) for field in ordered]
    wide = max(columns(label) for label in labels)
    for field, label in zip(ordered, labels, strict=True):
        style = Style.CHANGED if field.cause in MOVED else Style.FAINT
        cause = paint(f"({_CAUSES[field.cause]})", style, colour=colour)
        yield f"    {pad(label, wide)}  {_move(field, reading)}  {cause}"
    if each.moved and each.last_change is not None:
        yield f"    {plain(str(each.last_change))}"


def _move(field: FieldDrift, reading: Reading) -> str:
    after = field.observed if field.cause in MOVED else field.wanted
    return f"{reading.text(field.applied, field.path)} {ARROW} {reading.text(after, field.path)}"


def _summary(drifted: Drifted) -> str:
    moved = [each for each in drifted.objects if each.moved]
    pending = sum(field.cause not in MOVED for each in drifted.objects for field in each.fields)
    lines = []
    if pending:
        lines.append(f"{plural(pending, 'field')} of the manifests not applied yet: `reconciler plan` shows them.")
    if drifted.unreadable:
        lines.append(f"{plural(drifted.unreadable, 'field')} cannot be read back.")
    if drifted.young:
        lines.append(f"{plural(drifted.young, 'object')} written a moment ago and not listed yet: look again later.")
    if moved:
        gone = sum(each.gone for each in moved)
        fields = sum(field.cause in MOVED for each in moved for field in each.fields)
        of = plural(drifted.looked_at, "object")
        lines.append(f"Drift: {len(moved)} of {of} moved, {plural(fields, 'field')}, {gone} gone.")
    elif drifted.problems:
        lines.append(f"Drift: none in {plural(drifted.looked_at, 'object')} that could be read.")
    else:
        lines.append(f"Drift: none in {plural(drifted.looked_at, 'object')}.")
    return "\n".join(lines)


def render_adopted(
    files: Collection[str], fields: int, *, left: int, shared: Collection[str] = (), dry_run: bool = False
) -> str:
    """What `drift --adopt` did, in a few lines."""
    if not files:
        lines = ["Nothing was adopted." if left else "Nothing moved that the manifests do not say already."]
    else:
        names = ", ".join(plain(each) for each in files)
        done = "would be adopted into" if dry_run else "adopted into"
        lines = [f"{plural(fields, 'field')} {done} {names}."]
        if shared:
            others = ", ".join(f"`{plain(each)}`" for each in shared)
            lines.append(f"Other environments read the same manifests: look at the next plan of {others} too.")
        if not dry_run:
            lines.append("Next: `reconciler plan`; an apply only remembers what is so already.")
    if left:
        lines.append(f"{plural(left, 'problem')}: what they name was left as it is.")
    return "\n".join(lines)


def drift_json(drifted: Drifted, *, traits: Callable[[str], Traits], names: Names) -> str:
    """The same for programs; values are shown as `plan` shows them, secrets by their place alone."""
    return ascii_json(
        {
            "format_version": "1.0",
            "moved": drifted.moved,
            "looked_at": drifted.looked_at,
            "cannot_be_read_back": drifted.unreadable,
            "not_listed_yet": drifted.young,
            "objects": [
                {
                    "address": str(each.address),
                    "id": each.id,
                    "moved": each.moved,
                    "gone": each.gone,
                    "managed": each.managed,
                    "revision": each.revision,
                    "last_change": _last_change(each.last_change),
                    "fields": [_field(field, reading_of(each.address.type, traits, names)) for field in each.fields],
                }
                for each in drifted.objects
            ],
            "problems": [problem_object(each) for each in in_order(_sorted(drifted.problems))],
        }
    )


def _last_change(found: LastChange | None) -> dict[str, object] | None:
    if found is None:
        return None
    at = found.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if found.at is not None else None
    return {"at": at, "by": found.by}


def _field(field: FieldDrift, reading: Reading) -> dict[str, object]:
    return {
        "path": dotted(field.path),
        "cause": field.cause.value,
        "drift": field.cause in MOVED,
        "applied": reading.text(field.applied, field.path),
        "observed": reading.text(field.observed, field.path),
        "wanted": reading.text(field.wanted, field.path),
    }


def _sorted(problems: tuple[Problem, ...]) -> list[Problem]:
    return sorted(problems, key=lambda each: (str(each.address), each.code))
