"""
The check of delivered records against merely decoding them: `python benchmarks/record_lines.py [--quick]`.

Also the floor and the parties themselves: `parse FILE` decodes every line with the fastest library that we use, `check
FILE` is what `verify --content` does with one file.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from measure import Broken, Line, Usage, exit_code, ratio_line, run, table, typical

HERE = Path(__file__).parent
CHECK = 4.0
"""Multiples of the CPU time that decoding the same file takes, start-up taken off both."""
FLAT = 1.25
"""Multiples of the memory that the smallest file takes."""
DISTINCT = 2_000
"""Records that are really different; a larger file repeats them with other ids, which are what must be unique."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many records: `small` against whose memory the largest is held, and `peer` for what keeps all in memory."""

    least: int
    peer: int
    small: int
    most: int
    rounds: int


FULL = Sizes(least=10, peer=5_000, small=10_000, most=1_000_000, rounds=2)
QUICK = Sizes(least=10, peer=1_000, small=10_000, most=60_000, rounds=2)


def write(path: Path, number: int) -> Path:
    """A file of so many records as Didomi's stand-in writes them, packed as Didomi packs."""
    from reconciler.providers.didomi.emulator.records import invented  # noqa: PLC0415 - the parties load only their own

    chance = random.Random(7)
    made = invented(
        chance=chance,
        organization="example-org",
        count=min(number, DISTINCT),
        until=datetime(2026, 11, 21, tzinfo=UTC),
        shape="v2",
        guests=False,
        shared_ids=False,
        history=True,
        source="sdk-web",
        proof=None,
    )
    templates = [
        (json.dumps(record, separators=(",", ":")), str(record["user"]["id"])) for record in islice(made, DISTINCT)
    ]
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        for each in range(number):
            text, id = templates[each % len(templates)]
            file.write(text.replace(id, f"{each:08x}{id[8:]}"))
            file.write("\n")
    return path


def unpacked(path: Path, target: Path) -> Path:
    """The same records as one JSON array, which is what a validator of documents reads."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        target.write_text(f"[{','.join(line.rstrip() for line in file)}]", encoding="utf-8")
    return target


# --- the parties ---


def parse(path: str) -> int:
    """Unpack and decode every line with msgspec."""
    import msgspec  # noqa: PLC0415 - a floor loads what it needs and nothing else

    decode = msgspec.json.Decoder().decode
    with gzip.open(path, "rb") as file:
        return sum(1 for line in file if decode(line))


def check(path: str) -> int:
    """The content check with Didomi's contract, on one core."""
    from reconciler.deliveries import Item, Place, check_objects, parse_location  # noqa: PLC0415 - as above
    from reconciler.providers.didomi.contract import export_contract  # noqa: PLC0415 - as above

    file = Path(path).resolve()
    place = Place(location=parse_location(f"file://{file.parent}"))
    summary = check_objects([Item(place=place, key=file.name)], export_contract(organization="example-org"))
    if not summary.valid:
        raise Broken(f"good records are called invalid: {summary.counts}")
    return summary.records


# --- measuring ---


def _saw(expected: int, arguments: Sequence[str], environ: Mapping[str, str]) -> Usage:
    used, said = run(arguments, environ)
    if int(said) != expected:
        raise Broken(f"`{arguments[1]}` saw {said.strip()} records and not {expected}")
    return used


def _peer(folder: Path, path: Path, number: int, environ: Mapping[str, str]) -> Usage:
    """What `check-jsonschema` costs for the schema alone, without rules across fields and without uniqueness."""
    from reconciler.providers.didomi.contract import export_schema  # noqa: PLC0415 - as above

    schema = json.loads(export_schema())
    schema.pop("$id", None)
    wrapped = {"type": "array", "items": {"$ref": "#/$defs/record"}, "$defs": schema.pop("$defs")}
    wrapped["$defs"]["record"] = schema
    file = folder / "schema.json"
    file.write_text(json.dumps(wrapped), encoding="utf-8")
    array = unpacked(path, folder / f"{number}.json")
    return run(("-m", "check_jsonschema", "--schemafile", str(file), str(array)), environ)[0]


def record_lines(folder: Path, sizes: Sizes, environ: Mapping[str, str]) -> list[Line]:
    """What looking at delivered records costs."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = sorted({sizes.least, sizes.peer, sizes.small, sizes.most})
    paths = {number: write(folder / f"{number}.json.gz", number) for number in numbers}
    samples: dict[tuple[str, int], list[Usage]] = {}
    for _ in range(sizes.rounds):
        for number in numbers:
            for party in ("parse", "check"):
                used = _saw(number, (str(Path(__file__)), party, str(paths[number])), environ)
                samples.setdefault((party, number), []).append(used)
        for number in (sizes.least, sizes.peer):
            samples.setdefault(("peer", number), []).append(_peer(folder, paths[number], number, environ))
    found = {key: typical(usages) for key, usages in samples.items()}

    def alone(party: str, number: int) -> float:
        """CPU seconds without start-up."""
        return max(found[party, number].cpu - found[party, sizes.least].cpu, 1e-3)

    each = alone("check", sizes.most) / (sizes.most - sizes.least)
    return [
        Line(
            what="records: check / parse",
            size=sizes.most,
            used=found["check", sizes.most],
            floor=found["parse", sizes.most],
            figure=alone("check", sizes.most) / alone("parse", sizes.most),
            unit="x",
            limit=CHECK,
        ),
        Line(
            what="records: per second and core",
            size=sizes.most,
            used=found["check", sizes.most],
            floor=None,
            figure=1 / each,
            unit="/s",
        ),
        Line(
            what=f"records: memory over {sizes.small:,}",
            size=sizes.most,
            used=found["check", sizes.most],
            floor=found["check", sizes.small],
            figure=found["check", sizes.most].peak_mb / found["check", sizes.small].peak_mb,
            unit="x",
            limit=FLAT,
        ),
        ratio_line(
            "records: check / check-jsonschema", sizes.peer, found["check", sizes.peer], found["peer", sizes.peer], 1.0
        ),
    ]


def main(arguments: Sequence[str]) -> int:
    """A party, or all lines."""
    match arguments:
        case ["parse", path]:
            print(parse(path))
            return 0
        case ["check", path]:
            print(check(path))
            return 0
        case _:
            pass
    import os  # noqa: PLC0415 - the parties need none of it

    with tempfile.TemporaryDirectory(prefix="reconciler-benchmarks-") as name:
        lines = record_lines(Path(name), QUICK if "--quick" in arguments else FULL, dict(os.environ))
    print(table(lines))
    return exit_code(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
