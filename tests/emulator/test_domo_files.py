"""Exported files, decoded: header, quoting, null, dates, marks and parts (reference 7.5)."""

import gzip
from collections.abc import Iterator

import pytest
from domo_stage import Stage, export_body, query_of, rows_of, staged

from reconciler.providers.domo.emulator.example import CUSTOMERS

NAMES = ("name", "city", "discount")
COLUMNS = [
    {"name": "text", "type": "STRING"},
    {"name": "whole", "type": "LONG"},
    {"name": "double", "type": "DOUBLE"},
    {"name": "decimal", "type": "DECIMAL"},
    {"name": "day", "type": "DATE"},
    {"name": "at", "type": "DATETIME"},
]


@pytest.fixture
def stage() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


def exported(stage: Stage, rows: list[object], *, bom: bool = False) -> list[bytes]:
    """The files of an export of these rows, unpacked."""
    id = stage.emulator.create_dataset("types", COLUMNS, rows)["id"]
    query = query_of(*(str(column["name"]) for column in COLUMNS))
    job = stage.exported(export_body(query, bom=bom), dataset=id)
    assert job["exportStatus"] == "success"
    return [gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content for content in stage.files().values()]


def test_types_are_written_as_queries_give_them(stage: Stage) -> None:
    row = ["a", 12, 0.5, "1.50", "2026-01-31", "2026-01-31T23:59:59"]

    assert exported(stage, [row]) == [
        b"text,whole,double,decimal,day,at\na,12,0.5,1.50,2026-01-31,2026-01-31T23:59:59\n",
    ]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, b""),
        ("", b'""'),
        ("plain", b"plain"),
        ("a,b", b'"a,b"'),
        ('say "x"', b'"say ""x"""'),
        ("two\nlines", b'"two\nlines"'),
        (" edge ", b" edge "),
        ("Größe", "Größe".encode()),
        (r"\N", rb'"\N"'),
        ("true", b"true"),
    ],
)
def test_texts_are_quoted_where_they_must_be_and_null_is_not_the_empty_text(
    stage: Stage, value: object, written: bytes
) -> None:
    (content,) = exported(stage, [[value, None, None, None, None, None]])

    assert content.partition(b"\n")[2] == written + b",,,,,\n"


def test_a_reader_of_csv_gets_the_rows_back(stage: Stage) -> None:
    stage.exported(export_body(query_of(*NAMES)), dataset=CUSTOMERS)

    assert rows_of(stage.only_file()) == [
        ["name", "city", "discount"],
        ["Example Bakery", "Lyon", "0.05"],
        ['Example "Corner" Shop', "Turin", ""],
        ["Example, Sons", "", "0.10"],
        ["Exämple Größe", "Köln", "0.00"],
        ["Example\nTwo Lines", "Graz", ""],
    ]


def test_the_byte_order_mark_is_written_when_asked(stage: Stage) -> None:
    (content,) = exported(stage, [], bom=True)

    assert content == b"\xef\xbb\xbftext,whole,double,decimal,day,at\n"


def test_an_export_of_nothing_is_one_file_with_a_header(stage: Stage) -> None:
    stage.emulator.world.switches.set({"rows_per_file": "5"})

    assert exported(stage, []) == [b"text,whole,double,decimal,day,at\n"]


def test_every_part_has_a_header_and_the_parts_hold_all_rows(stage: Stage) -> None:
    stage.emulator.world.switches.set({"rows_per_file": "2"})
    rows: list[object] = [[f"r{index}", index, None, None, None, None] for index in range(5)]
    parts = exported(stage, rows)

    assert [rows_of(part)[0][0] for part in parts] == ["text"] * 3
    assert [row[0] for part in parts for row in rows_of(part)[1:]] == ["r0", "r1", "r2", "r3", "r4"]


def test_the_same_rows_give_the_same_bytes(stage: Stage) -> None:
    row: list[object] = [["a", 1, 1.0, "1", "2026-01-01", None]]
    first, second = exported(stage, row), exported(stage, row)

    assert second == [*first, *first]


def test_a_grouped_export_is_written_too(stage: Stage) -> None:
    count = {"exprType": "FUNCTION", "name": "COUNT", "arguments": [{"exprType": "NUMERIC_VALUE", "value": 1}]}
    region = {"exprType": "COLUMN", "column": "region"}
    query = {"columns": [region, count], "groupByColumns": [region], "orderByColumns": [{"expression": region}]}
    stage.exported(export_body(query))

    assert rows_of(stage.only_file())[:2] == [["region", "COUNT(1)"], ["East", "6"]]
