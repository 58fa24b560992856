"""Many objects: in one process, in several, on the workers of a scheduler; the result is the same."""

from __future__ import annotations

import gzip
import itertools
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from delivery_functions import doubled, failing, process_of
from delivery_places import s3_stand
from didomi_exports import MISTAKES, good_records, line, spoiled
from hypothesis import given
from hypothesis import strategies as st

from reconciler.deliveries import (
    Checked,
    Contract,
    Count,
    Finding,
    Item,
    Level,
    Place,
    S3Access,
    Unique,
    Unreachable,
    check_object,
    check_objects,
    merged,
    parse_location,
    run,
)
from reconciler.deliveries.unique import Repeated, fingerprint
from reconciler.providers.didomi.contract import export_contract


@pytest.fixture(scope="module")
def drop(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    """Six files, of which one is damaged, one missing, and four hold mistakes and repeated users."""
    folder = tmp_path_factory.mktemp("drop")
    chance = random.Random(3)
    records = list(good_records(400))
    for number in chance.sample(range(400), 90):
        records[number] = spoiled(records[number], chance.choice(MISTAKES)[2])
    records += chance.sample(records[:300], 12)
    for number in range(5):
        body = gzip.compress(b"".join(map(line, records[number::5])))
        (folder / f"part-{number}.json.gz").write_bytes(body if number != 3 else body[: len(body) // 2])
    place = Place(location=parse_location(f"file://{folder}"))
    return [Item(place=place, key=f"part-{number}.json.gz") for number in range(6)]


CONTRACT = export_contract(examples=3, one_record_per_user=Level.ERROR)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Two workers of dask as processes of their own."""
    from distributed import LocalCluster  # noqa: PLC0415 - takes a second

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True) as cluster:  # type: ignore[no-untyped-call]  # half typed
        yield cluster.scheduler_address


def test_one_process_finds_everything(drop: list[Item]) -> None:
    told: list[Checked] = []
    summary = check_objects(drop, CONTRACT, done=told.append)

    assert [each.object for each in summary.objects] == [each.object for each in told]
    assert [Path(each.object).name for each in summary.objects] == [each.key for each in drop]
    assert [each.readable for each in summary.objects] == [True, True, True, False, True, False]
    assert {"not-there", "truncated", "repeated-user", "repeated-organization-user"} <= {
        each.rule for each in summary.counts
    }
    assert all(not each.fingerprints for each in summary.objects)
    assert not summary.valid


def test_several_processes_find_the_same(drop: list[Item]) -> None:
    assert check_objects(drop, CONTRACT, jobs=2) == check_objects(drop, CONTRACT)


@pytest.mark.filterwarnings("default")  # the library's own
def test_the_workers_of_a_scheduler_find_the_same(drop: list[Item], scheduler: str) -> None:
    assert check_objects(drop, CONTRACT, scheduler=scheduler) == check_objects(drop, CONTRACT)


def test_objects_in_a_bucket_are_read_by_other_processes(tmp_path: Path) -> None:
    stand = s3_stand(tmp_path)
    for number in range(5):
        stand.put(f"{number}.json", b'{"id": 1}\n' * number)
    items = [Item(place=stand.place, key=f"{number}.json", records=number) for number in range(1, 6)]
    summary = check_objects(items, Contract(name="c"), jobs=2)

    assert [each.records for each in summary.objects] == [1, 2, 3, 4, 0]
    assert [(each.rule, each.total) for each in summary.counts] == [("not-there", 1)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_items(jobs: int) -> None:
    assert list(run(doubled, range(25), jobs=jobs)) == [number * 2 for number in range(25)]


def test_one_job_stays_in_this_process_and_several_leave_it() -> None:
    assert set(run(process_of, range(3))) == {os.getpid()}
    assert os.getpid() not in set(run(process_of, range(3), jobs=2))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_mistake_of_the_program_ends_the_run(jobs: int) -> None:
    with pytest.raises(ValueError, match="three"):
        list(run(failing, range(100_000), jobs=jobs))


def test_items_are_taken_as_they_are_needed() -> None:
    endless = itertools.count()
    first = list(itertools.islice(run(doubled, endless, jobs=2), 3))

    assert first == [0, 2, 4]
    assert next(endless) < 30


def test_a_scheduler_that_is_not_there_is_said() -> None:
    with pytest.raises(Unreachable, match="scheduler"):
        list(run(doubled, [1], scheduler="tcp://127.0.0.1:1"))


def test_credentials_do_not_leave_this_machine_in_the_clear() -> None:
    place = Place(location=parse_location("s3://example-drop"), access=S3Access(secret_access_key="hunter2"))
    with pytest.raises(PermissionError, match="in the clear"):
        check_objects([Item(place=place, key="a")], Contract(name="c"), scheduler="tcp://workers.example.org:8786")


def test_a_place_that_is_missing_is_a_finding_of_each_of_its_objects(tmp_path: Path) -> None:
    place = Place(location=parse_location(f"file://{tmp_path}/nowhere"))
    found = check_object(Item(place=place, key="a"), Contract(name="c"))

    assert [each.rule for each in found.findings] == ["place-missing"]
    assert not found.readable


def test_a_place_that_nobody_signs_in_to_is_a_finding_too() -> None:
    place = Place(location=parse_location("sftp://files.example.org/in"))
    found = check_object(Item(place=place, key="a.json"), Contract(name="c"))

    assert [(each.rule, each.object) for each in found.findings] == [
        ("not-allowed", "sftp://files.example.org/in/a.json")
    ]
    assert not found.valid


_FINDINGS = st.builds(
    Finding,
    rule=st.sampled_from(["a", "b", "c"]),
    level=st.just(Level.ERROR),
    object=st.just("o"),
    line=st.integers(1, 99),
    message=st.just("m"),
)


@st.composite
def results(draw: st.DrawFn) -> Checked:
    findings = draw(st.lists(_FINDINGS, max_size=6))
    totals = {each.rule: 0 for each in findings}
    for each in findings:
        totals[each.rule] += 1
    counts = tuple(Count(rule=rule, level=Level.ERROR, total=totals[rule] + 2) for rule in sorted(totals))
    return Checked(
        object=f"o{draw(st.integers(0, 9))}", records=draw(st.integers(0, 9)), counts=counts, findings=tuple(findings)
    )


@given(st.lists(results(), max_size=6), st.integers(1, 4))
def test_merging_keeps_every_count_and_the_first_examples(objects: list[Checked], examples: int) -> None:
    summary = merged(iter(objects), examples)

    assert summary.objects == tuple(objects)
    assert summary.records == sum(each.records for each in objects)
    for count in summary.counts:
        assert count.total == sum(each.total for one in objects for each in one.counts if each.rule == count.rule)
        every = [each for one in objects for each in one.findings if each.rule == count.rule]
        assert [each for each in summary.findings if each.rule == count.rule] == every[:examples]
    assert {each.rule for each in summary.findings} == {each.rule for each in summary.counts}


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.integers(0, 3), st.integers(1, 50)),
        max_size=60,
        unique_by=lambda each: each[1:],
    ),
    st.randoms(),
)
def test_repeated_values_are_those_that_come_again_in_any_order(
    entries: list[tuple[str, int, int]], chance: random.Random
) -> None:
    seen: dict[str, tuple[int, int]] = {}
    expected = []
    for value, number, at in sorted(entries, key=lambda each: each[1:]):
        if value in seen:
            expected.append(((number, at), seen[value]))
        seen.setdefault(value, (number, at))
    chance.shuffle(entries)
    with Repeated() as repeated:
        for value, number, at in entries:
            print_ = fingerprint(value)
            assert print_ is not None
            repeated.add(print_, number, at)
        total, examples = repeated.found(4)

    assert total == len(expected)
    assert examples == expected[:4]


def test_repeated_values_are_found_among_many_that_do_not_fit_in_memory() -> None:
    with Repeated() as repeated:
        for number in range(400_000):
            repeated.add(fingerprint(number % 399_990) or b"", 0, number)
        total, examples = repeated.found(20)

    assert total == 10
    assert [place for place, _ in examples] == [(0, number) for number in range(399_990, 400_000)]


@given(st.lists(st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()), max_size=8))
def test_fingerprints_are_equal_for_equal_values_alone(values: list[object]) -> None:
    for a, b in itertools.combinations(values, 2):
        same = type(a) is type(b) and a == b
        assert (fingerprint(a) == fingerprint(b)) is same
    assert fingerprint(None) is None


def test_uniqueness_within_an_object_knows_nothing_of_others(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b'{"id": 1}\n{"id": 2}\n{"id": 1}\n{"id": null}\n{"id": null}\n')
    (tmp_path / "b").write_bytes(b'{"id": 1}\n')
    place = Place(location=parse_location(f"file://{tmp_path}"))
    items = [Item(place=place, key=key) for key in "ab"]
    contract = Contract(name="c", unique=(Unique(name="ids", path="id"),))
    alone = check_objects(items, contract)
    silent = check_objects(items, replace(contract, levels=(("ids", None),)))

    assert [(each.line, each.message) for each in alone.findings] == [(3, "has the same value as line 1")]
    assert alone.valid
    assert silent.counts == ()


def test_a_scheduler_behind_tls_needs_certificates() -> None:
    with pytest.raises(Unreachable, match="certificates"):
        list(run(doubled, [1], scheduler="tls://127.0.0.1:1"))
