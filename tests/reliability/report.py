"""The report as text: what was measured, and nothing that changes from day to day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from broken import Broken
from rows import Row

INTRODUCTION = """\
# What it survives, and how often that was tried

The yardstick is what the peers do. Terraform 1.11.4 left duplicates after 16 of 21
kills during `apply`, and reads a state of zero bytes as "nothing exists". Pulumi and
Crossplane stop after a crash and wait for a human. None of them checks a saved plan
against the live object.

`make reliability` runs everything below, and then four builds that are broken on
purpose, each of which must turn a row red. One row: `tests/reliability/scorecard.py
--row R1`. An attempt is one kill, one fault, one damaged byte, one world, one event; a
loss is an attempt after which the sentence of the row did not hold. A row that says
`not run` waits for a machine with the time for it. Minutes are those of the clock,
whatever else the machine did meanwhile. One core takes about a third of a second for a
world of R11 and a fifth of a second for an attempt of R2; `RECONCILER_WORLDS=1000` makes
R11 smaller, `RECONCILER_EVENTS=20000` R14, and `RECONCILER_BUCKET_KILLS=all` makes R1
larger.
"""


def render(known: Mapping[str, Any], rows: Sequence[Row], broken: Sequence[Broken]) -> str:
    """The report for these figures; a row without figures is `not run`."""
    lines = [
        INTRODUCTION,
        "| row | promise | attempts | losses | skipped | minutes |",
        "| --- | --- | --: | --: | --: | --: |",
    ]
    lines += [_row(row, known["rows"].get(row.number)) for row in rows]
    lines += ["", "## In parts", "", "| row | part | attempts | losses | skipped | seconds |"]
    lines.append("| --- | --- | --: | --: | --: | --: |")
    for row in rows:
        found = known["rows"].get(row.number, {"parts": {}})["parts"]
        lines += [f"| {row.number} | {part.name} | {_figures(found.get(part.name))} |" for part in row.parts]
    lines += _losses(known, rows)
    lines += _skips(known, rows)
    lines += [
        "",
        "## Broken builds",
        "",
        "| what is broken | row | losses of attempts | noticed |",
        "| --- | --- | --: | --- |",
    ]
    lines += [f"| {each.name} | {each.row} | {_noticed(known['broken'].get(each.name))} |" for each in broken]
    return "\n".join([*lines, *_places(known, rows), ""])


def _row(row: Row, entry: Mapping[str, Any] | None) -> str:
    parts = list(entry["parts"].values()) if entry else []
    if not parts:
        return f"| {row.number} | {row.sentence} | not run | | | |"
    sums = {key: sum(each[key] for each in parts) for key in ("attempts", "losses", "skipped", "seconds")}
    minutes = f"{sums['seconds'] / 60:.1f}"
    left = len(row.parts) - len(parts)
    promise = row.sentence + (f" ({left} of {len(row.parts)} parts not run)" if left else "")
    return f"| {row.number} | {promise} | {sums['attempts']:,} | {sums['losses']:,} | {sums['skipped']} | {minutes} |"


def _figures(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return "not run | | | "
    return f"{entry['attempts']:,} | {entry['losses']:,} | {entry['skipped']} | {entry['seconds']:,}"


def _noticed(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return "not run | not run"
    return f"{entry['losses']} of {entry['attempts']} | {'no: ' + entry['wrong'] if entry['wrong'] else 'yes'}"


def _losses(known: Mapping[str, Any], rows: Sequence[Row]) -> list[str]:
    lost = [
        f"* {row.number}: `{each.replace('`', chr(39))[:400]}`"
        for row in rows
        for part in known["rows"].get(row.number, {"parts": {}})["parts"].values()
        for each in part["lost"]
    ]
    return ["", "## Losses", "", *lost] if lost else []


def _skips(known: Mapping[str, Any], rows: Sequence[Row]) -> list[str]:
    skipped = [
        f"* {row.number}: {count} times: {reason}"
        for row in rows
        for part in known["rows"].get(row.number, {"parts": {}})["parts"].values()
        for reason, count in sorted(part["reasons"].items())
    ]
    return ["", "## Skipped", "", *skipped] if skipped else []


def _places(known: Mapping[str, Any], rows: Sequence[Row]) -> list[str]:
    """Which commit and which machine the figures are of."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        entry = known["rows"].get(row.number)
        if entry:
            found.setdefault((entry["commit"], entry["machine"]), []).append(row.number)
    told = [f"* {', '.join(numbers)}: commit {commit}, {machine}" for (commit, machine), numbers in found.items()]
    return ["", "## Where", "", *told] if told else []
