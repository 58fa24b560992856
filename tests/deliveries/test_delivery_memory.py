"""However large an object is, checking it takes the same memory."""

from __future__ import annotations

import gzip
import resource
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from didomi_exports import good_records, line, spoiled

from reconciler.deliveries import (
    Contract,
    Item,
    Place,
    Unique,
    check_object,
    check_objects,
    check_pieces,
    parse_location,
)
from reconciler.providers.didomi.contract import export_contract

_MIB = 1024 * 1024
_TEMPLATES = [line(each) for each in good_records(50)]


def stream(count: int, *, spoil_every: int = 0) -> Iterator[bytes]:
    """A packed export of so many users that nobody ever holds as a whole; every so many records have a wrong type."""
    bad = line(spoiled(next(iter(good_records(1))), lambda record: record["user"].update(version="one")))
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    for number in range(count):
        text = bad if spoil_every and number % spoil_every == 0 else _TEMPLATES[number % 50]
        # Other ids in every record, so that the file is no bomb and no user comes twice.
        unique = text.replace(b'"user":{"id":"', b'"user":{"id":"%08d-' % number, 1)
        if packed := packer.compress(unique):
            yield packed
    yield packer.flush()


def traced(count: int, contract: Contract) -> int:
    """The most that checking so many records held at once, in bytes."""
    tracemalloc.start()
    try:
        assert check_pieces(stream(count), "object", contract).records == count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def peak() -> int:
    """
    The most memory that this process has held, in kilobytes.

    What `getrusage` says of a process begins with what the one that started it held; the kernel's own figure does not.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:"))


def in_a_process(count: int, spoil_every: int) -> tuple[int, int, int]:
    """Records, records of a wrong type, and the most memory of a process of its own in megabytes."""
    code = (
        "import sys; sys.path.insert(0, 'tests/deliveries')\n"
        "from test_delivery_memory import stream, export_contract, check_pieces, peak\n"
        f"found = check_pieces(stream({count}, spoil_every={spoil_every}), 'object', export_contract())\n"
        "print(found.records, sum(e.total for e in found.counts if e.rule == 'schema.type:user.version'),\n"
        "      peak() // 1024)\n"
    )
    root = Path(__file__).parents[2]
    answer = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True)
    records, broken, megabytes = map(int, answer.stdout.split())
    return records, broken, megabytes


@pytest.mark.timeout(600)  # as above
def test_ten_times_the_records_take_the_same_memory() -> None:
    contract = replace(export_contract(), unique=())
    traced(100, contract)  # what is made once

    assert traced(20_000, contract) < traced(2_000, contract) + _MIB


def test_what_must_be_unique_over_a_delivery_waits_on_disk(tmp_path: Path) -> None:
    contract = Contract(name="c", unique=(Unique(name="once", path="id", over="delivery"),))
    for name in "ab":
        (tmp_path / name).write_bytes(b"".join(b'{"id": %d}\n' % number for number in range(60_000)))
    place = Place(location=parse_location(f"file://{tmp_path}"))
    spill = tmp_path / "spill"
    spill.mkdir()

    one = check_object(Item(place=place, key="a"), contract, spill=spill)
    both = check_objects([Item(place=place, key="a"), Item(place=place, key="b")], contract)

    assert len(one.fingerprints["once"].held) < 200_000
    assert sorted(line for _, line in one.fingerprints["once"]) == list(range(1, 60_001))
    assert [(each.rule, each.total) for each in both.counts] == [("once", 60_000)]


@pytest.mark.slow
@pytest.mark.timeout(600)  # two cores may be shared by many
def test_two_hundred_thousand_records_take_a_few_megabytes_more_than_none() -> None:
    _, _, least = in_a_process(1, 0)
    records, broken, most = in_a_process(200_000, 1000)

    assert (records, broken) == (200_000, 200)
    # The fingerprints of 200,000 users are 5 of them.
    assert most - least < 40


def test_a_bomb_takes_no_memory_either() -> None:
    bomb = gzip.compress(b'{"x": "' + bytes(60 * _MIB).replace(b"\0", b"0") + b'"}\n', 9)
    tracemalloc.start()
    try:
        found = check_pieces(iter([bomb]), "object", Contract(name="c"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert [each.rule for each in found.findings] == ["bomb"]
    assert peak < 40 * _MIB


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_million_records_with_every_rule_stay_within_a_process_of_250_megabytes() -> None:
    records, broken, megabytes = in_a_process(1_000_000, 5000)

    assert (records, broken) == (1_000_000, 200)
    assert megabytes < 250


def test_parquet_of_half_a_million_rows_is_read_in_batches(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    duckdb.sql(f"COPY (SELECT i AS id, 'name ' || i AS name FROM range(500000) r(i)) TO '{path}'")  # noqa: S608 - the test's own
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def pieces() -> Iterator[bytes]:
        with path.open("rb") as file:
            while piece := file.read(_MIB):
                yield piece

    found = check_pieces(pieces(), "object", Contract(name="c"), records=500_000)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

    assert (found.valid, found.records) == (True, 500_000)
    assert grown < 150, f"{grown:.0f} MiB"
