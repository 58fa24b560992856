"""Folder templates read backwards: whatever the stand-in calls a folder is recognised, and nothing else is."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.providers.adobe.emulator.files import folder_of as rendered
from reconciler.providers.adobe.folders import FILES, Span, folder_of, tells_apart

_DATASET = "64b0c1d2e3f4a5b6c7d8e9f0"
_OTHER = "75b0c1d2e3f4a5b6c7d8e9f0"
_START = datetime(2026, 11, 20, 6, tzinfo=UTC)
_VALUES = {"DATASET_ID": (_DATASET,), "SANDBOX_NAME": ("prod",), "DESTINATION_INSTANCE_ID": ("flow-1", "target-1")}
_AT_ADOBE = {
    "DATASET_ID": _DATASET,
    "DATASET_NAME": "Orders (all)",
    "DESTINATION": "Amazon S3",
    "DESTINATION_INSTANCE_ID": "flow-1",
    "DESTINATION_INSTANCE_NAME": "Orders to lake",
    "SANDBOX_NAME": "prod",
    "ORGANIZATION_NAME": "EXAMPLE",
}
_FILE = "part-00000-tid-727165711887031815-e4afbcae-11e9-4c0a-a3a9-93068a97a94c-236-1-c000"

_texts = st.sampled_from(["daily", "a.b", "x+y", "-", "(1)"])
_macros = st.sampled_from(
    [*_AT_ADOBE, "EXPORT_TIME", "DATETIME(YYYYMMdd_HHmmss)", "DATETIME(yyyy-MM-dd)", "DATETIME(hhmm)"]
)
_templates = st.lists(
    st.lists(st.one_of(_texts, _macros.map("%{}%".format)), min_size=1, max_size=3).map("".join), max_size=4
).map("/".join)


def _is_recognised(template: str, span: Span, folder: str, name: str) -> bool:
    found = folder_of(template, _VALUES, span)
    key = f"{folder}/{name}" if folder else name
    return key.startswith(found.prefix) and re.fullmatch(found.pattern, key.removeprefix(found.prefix)) is not None


@given(
    template=_templates,
    minutes=st.integers(0, 3000),
    part=st.floats(0, 1),
    extension=st.sampled_from(["json.gz", "gz.parquet", "parquet"]),
)
def test_the_folder_of_any_moment_of_a_run_is_recognised(
    template: str, minutes: int, part: float, extension: str
) -> None:
    span = Span(_START, _START + timedelta(minutes=min(minutes, 1400)))
    folder = rendered(template or "/", "", _AT_ADOBE, span.first + part * (span.last - span.first))

    assert _is_recognised(template or "/", span, folder, f"{_FILE}.{extension}")


@given(template=_templates)
def test_the_folder_of_another_run_is_not_taken_for_this_one_where_folders_tell_runs_apart(template: str) -> None:
    span, other = Span(_START, _START + timedelta(minutes=5)), _START + timedelta(hours=3)
    folder = rendered(template or "/", "", _AT_ADOBE, other)

    assert _is_recognised(template or "/", span, folder, f"{_FILE}.json.gz") is not tells_apart(template, span, [other])


@pytest.mark.parametrize(
    "key",
    [
        f"{_OTHER}/exportTime=202611200600/{_FILE}.json.gz",
        f"{_DATASET}/exportTime=202611200559/{_FILE}.json.gz",
        f"{_DATASET}/exportTime=202611200606/{_FILE}.json.gz",
        f"{_DATASET}/exportTime=202611200600/_SUCCESS",
        f"{_DATASET}/exportTime=202611200600/.part-00000.json.gz",
        f"{_DATASET}/exportTime=202611200600/_temporary/{_FILE}.json.gz",
        f"{_DATASET}/exportTime=202611200600/manifest-flow-1-run.json",
        f"{_DATASET}/exportTime=202611200600/{_FILE}.crc",
    ],
)
def test_what_is_no_file_of_this_run_is_not_recognised(key: str) -> None:
    folder, _, name = key.rpartition("/")

    assert not _is_recognised("%DATASET_ID%/%EXPORT_TIME%", Span(_START, _START + timedelta(minutes=5)), folder, name)


@pytest.mark.parametrize(
    ("template", "apart"),
    [
        ("%DATASET_ID%/%EXPORT_TIME%", True),
        ("%DATETIME(YYYYMMdd_HHmm)%", True),
        ("%DATETIME(YYYYMMddHH)%", True),
        ("%DATETIME(YYYYMMdd)%", False),
        ("%DATASET_ID%", False),
        ("/", False),
    ],
)
def test_folders_tell_runs_apart_by_their_times(template: str, apart: bool) -> None:
    others = [_START - timedelta(hours=3), _START + timedelta(hours=3)]

    assert tells_apart(template, Span(_START, _START + timedelta(minutes=5)), others) is apart


def test_a_folder_is_as_narrow_as_it_can_be_so_that_little_is_listed() -> None:
    found = folder_of("%DATASET_ID%/%EXPORT_TIME%", _VALUES, Span(_START, _START + timedelta(minutes=5)))

    assert found.prefix == f"{_DATASET}/exportTime=20261120060"


def test_a_run_of_days_may_name_its_folder_after_its_beginning_or_its_end() -> None:
    minutes = list(Span(_START, _START + timedelta(days=3)).minutes())

    assert minutes[0] == _START
    assert minutes[-1] == _START + timedelta(days=3)
    assert len(minutes) < 1600
    assert len(set(minutes)) == len(minutes)


@pytest.mark.parametrize(("day", "year"), [("2026-12-30", "2027"), ("2027-01-01", "2026"), ("2026-12-30", "2026")])
def test_the_year_of_a_week_is_understood_around_new_year(day: str, year: str) -> None:
    when = datetime.fromisoformat(f"{day}T06:00:00+00:00")
    folder = year + when.strftime("%m%d")

    assert _is_recognised("%DATETIME(YYYYMMdd)%", Span(when, when), folder, f"{_FILE}.json.gz")


def test_parts_of_a_format_that_nobody_documents_may_be_anything() -> None:
    span = Span(_START, _START)

    assert _is_recognised("%DATETIME(yyyy-MM-ddTHHZ)%", span, "2026-11-20T06+0000", f"{_FILE}.json.gz")
    assert not _is_recognised("%DATETIME(yyyy-MM-ddTHHZ)%", span, "2026-11-21T06+0000", f"{_FILE}.json.gz")


def test_the_name_of_a_file_is_one_name() -> None:
    assert re.fullmatch(FILES, f"below/{_FILE}.json.gz") is None
