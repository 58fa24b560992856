"""
Imports of events against what they would cost without us: `python benchmarks/event_lines.py [--quick]`.

Also the floors themselves: `parse FILE` decodes every line, `post URL KEY SECRET FILE` sends bodies that lie ready.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from measure import Broken, Line, Usage, exit_code, ratio_line, run, table, typical

if TYPE_CHECKING:
    from run import Vendor

HERE = Path(__file__).parent
VALIDATE = 4.0
"""Multiples of the CPU time that decoding the lines takes."""
IMPORT = 1 / 0.6
"""
Multiples of the time that bare urllib3 needs for the same bodies: at least 60 % of its events per second.

Of the wall's time or of the CPU's, program and vendor together, whichever is less: on a busy machine the wall clock
says more about the neighbours.
"""
FLAT = 1.25
"""Multiples of the memory that the smallest file takes."""
WORKERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many events: `least` stand for start-up, `sent` are imported, `most` are looked at."""

    least: int
    sent: int
    most: int
    rounds: int


FULL = Sizes(least=100, sent=40_000, most=1_000_000, rounds=3)
QUICK = Sizes(least=100, sent=10_000, most=100_000, rounds=2)
SMALL = 10_000
"""The file against whose memory that of the largest is held."""


def events(number: int) -> Iterator[dict[str, object]]:
    """So many events of a third as many users."""
    users = max(1, number // 3)
    for each in range(number):
        yield {
            "id": f"{each:08d}-0000-4000-8000-000000000000",
            "created_at": f"2026-01-{1 + each * 28 // number:02d}T10:00:00Z",
            "user": {
                "organization_user_id": f"user-{each % users:07d}@example.org",
                "metadata": {"origin": "loyalty programme", "shop": each % 97},
            },
            "consents": {
                "purposes": [
                    {"id": "newsletter", "enabled": each % 2 == 0},
                    {"id": "analytics", "enabled": each % 3 == 0},
                ]
            },
        }


def write(path: Path, number: int) -> Path:
    """A file of events."""
    with path.open("w", encoding="utf-8") as file:
        for each in events(number):
            file.write(json.dumps(each, separators=(",", ":")) + "\n")
    return path


def project(folder: Path, number: int, url: str) -> None:
    """A project that imports so many events, and the bodies that bare urllib3 sends."""
    specs = folder / "specs"
    if specs.exists():
        return
    specs.mkdir(parents=True)
    path = write(specs / "events.jsonl", number)
    digest = sha256(path.read_bytes()).hexdigest()
    settings = {
        "project": "benchmark",
        "vendors": {
            "didomi": {
                "baseUrl": url,
                "organizationId": "example-org",
                "credentials": {"key": {"env": "BENCHMARK_KEY"}, "secret": {"env": "BENCHMARK_SECRET"}},
            }
        },
    }
    manifest = {
        "apiVersion": "didomi.reconciler/v1",
        "kind": "EventImport",
        "metadata": {"name": "benchmark"},
        "spec": {"files": [{"path": "events.jsonl", "sha256": digest}], "sampleCheck": 0},
    }
    (folder / "reconciler.yaml").write_text(json.dumps(settings), encoding="utf-8")
    (specs / "import.yaml").write_text(json.dumps(manifest), encoding="utf-8")
    with (folder / "bodies").open("w", encoding="utf-8") as file:
        held: list[object] = []
        for each in events(number):
            held.append({**each, "metadata": {"import_batch": f"benchmark-{digest[:12]}"}})
            if len(held) == 100:
                file.write(json.dumps(held, separators=(",", ":")) + "\n")
                held = []
        if held:
            file.write(json.dumps(held, separators=(",", ":")) + "\n")


# --- floors ---


def parse(path: str) -> int:
    """Decode every line with the standard library."""
    with Path(path).open("rb") as file:
        return sum(1 for line in file if json.loads(line))


def post(url: str, key: str, secret: str, path: str) -> int:
    """Send every body, four at a time, and decode the answers."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - a floor loads what it needs and nothing else
    from urllib.parse import urlsplit  # noqa: PLC0415 - as above

    import urllib3  # noqa: PLC0415 - as above

    parts = urlsplit(url)
    assert parts.hostname is not None
    kind = {"Content-Type": "application/json"}
    with urllib3.HTTPConnectionPool(parts.hostname, parts.port, maxsize=WORKERS) as pool:
        body = json.dumps({"type": "api-key", "key": key, "secret": secret}).encode()
        session = pool.request("POST", f"{parts.path}/sessions", body=body, headers=kind)
        headers = {**kind, "Authorization": f"Bearer {json.loads(session.data)['access_token']}"}
        target = f"{parts.path}/consents/events?organization_id=example-org&%24disable_integrations=true"

        def send(line: bytes) -> int:
            answer = pool.request("POST", target, body=line, headers=headers)
            assert answer.status == 200, answer.data
            return len(json.loads(answer.data))

        with Path(path).open("rb") as file, ThreadPoolExecutor(WORKERS) as workers:
            return sum(workers.map(send, file))


# --- measuring ---


def _floor(expected: int, words: Sequence[str], environ: Mapping[str, str]) -> Usage:
    used, said = run((str(Path(__file__)), *words), environ)
    if int(said) != expected:
        raise Broken(f"the floor `{words[0]}` saw {said.strip()} events and not {expected}")
    return used


def _empty(vendor: Vendor, folder: Path) -> None:
    nothing = folder / "nothing.json"
    nothing.write_text(json.dumps({"purposes": []}), encoding="utf-8")
    vendor.hold(nothing)


def _posted(vendor: Vendor, folder: Path, number: int) -> Usage:
    return _floor(
        number, ("post", vendor.url, vendor.key, vendor.secret, str(folder / str(number) / "bodies")), vendor.environ
    )


def _imported(vendor: Vendor, folder: Path, number: int) -> Usage:
    here = folder / str(number)
    used, said = run(
        ("-m", "reconciler", "-C", str(here), "events", "import", "didomi/EventImport/benchmark", "-y"),
        {**vendor.environ, "CI": ""},
    )
    if f"stored = {number}" not in said:
        raise Broken(f"the import says: {said}")
    for path in sorted((here / ".reconciler").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    return used


def event_lines(vendor: Vendor, folder: Path, sizes: Sizes) -> list[Line]:
    """What looking at and importing events costs."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {number: write(folder / f"{number}.jsonl", number) for number in (SMALL, sizes.most)}
    validate = [
        run(("-m", "reconciler", "events", "validate", str(paths[SMALL])), vendor.environ)[0],
        *(
            run(("-m", "reconciler", "events", "validate", str(paths[sizes.most])), vendor.environ)[0]
            for _ in range(sizes.rounds - 1)
        ),
    ]
    small, large = validate[0], typical(validate[1:])
    floor = _floor(sizes.most, ("parse", str(paths[sizes.most])), vendor.environ)
    for number in (sizes.least, sizes.sent):
        project(folder / str(number), number, vendor.url)
    samples: dict[str, list[Usage]] = {}
    vendors: dict[str, list[float]] = {}
    for _ in range(sizes.rounds):
        for number, words in ((sizes.least, "least"), (sizes.sent, "sent")):
            for name, measured in (("bare", _posted), ("ours", _imported)):
                _empty(vendor, folder)
                before = vendor.cpu()
                samples.setdefault(f"{name} {words}", []).append(measured(vendor, folder, number))
                vendors.setdefault(f"{name} {words}", []).append(vendor.cpu() - before)
    found = {name: typical(usages) for name, usages in samples.items()}
    both = {name: found[name].cpu + median(vendors[name]) for name in found}
    wall = (found["ours sent"].wall - found["ours least"].wall) / (found["bare sent"].wall - found["bare least"].wall)
    cpu = (both["ours sent"] - both["ours least"]) / (both["bare sent"] - both["bare least"])
    return [
        ratio_line("events: validate / parse", sizes.most, large, floor, VALIDATE),
        Line(
            what=f"events: memory over {SMALL:,}",
            size=sizes.most,
            used=large,
            floor=small,
            figure=large.peak_mb / small.peak_mb,
            unit="x",
            limit=FLAT,
        ),
        Line(
            what="events: import / bare requests",
            size=sizes.sent,
            used=found["ours sent"],
            floor=found["bare sent"],
            figure=min(wall, cpu),
            unit="x",
            limit=IMPORT,
        ),
        Line(
            what=f"events: import, memory over {sizes.least}",
            size=sizes.sent,
            used=found["ours sent"],
            floor=found["ours least"],
            figure=found["ours sent"].peak_mb / found["ours least"].peak_mb,
            unit="x",
            limit=None,
        ),
    ]


def main(arguments: Sequence[str]) -> int:
    """A floor, or all lines."""
    match arguments:
        case ["parse", path]:
            print(parse(path))
            return 0
        case ["post", url, key, secret, path]:
            print(post(url, key, secret, path))
            return 0
        case _:
            pass
    from run import serving  # noqa: PLC0415 - which imports this module for its own table

    sizes = QUICK if "--quick" in arguments else FULL
    with tempfile.TemporaryDirectory(prefix="reconciler-benchmarks-") as name, serving() as vendor:
        lines = event_lines(vendor, Path(name), sizes)
    print(table(lines))
    return exit_code(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
