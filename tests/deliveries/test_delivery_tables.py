"""CSV and Parquet: columns, types, nulls and rows against what is expected."""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.deliveries import Checked, Column, Contract, Format, Level, Limits, OneOf, check_pieces
from reconciler.deliveries.contracts import Mistyped, fits, reader_of

COLUMNS = (
    Column(name="id", type="integer", nullable=False),
    Column(name="name", type="string"),
    Column(name="price", type="number"),
    Column(name="sold", type="boolean"),
    Column(name="day", type="date"),
    Column(name="at", type="datetime"),
)
HEADER = b"id,name,price,sold,day,at\n"
GOOD = b'1,"Tea, green",2.50,true,2026-11-21,2026-11-21T10:00:00\n2,,,,,\n'
ORDERS = Contract(name="orders", format=Format.CSV, columns=COLUMNS)


def check(body: bytes, contract: Contract = ORDERS, records: int | None = None) -> Checked:
    return check_pieces((body[start : start + 50] for start in range(0, len(body), 50)), "object", contract, records)


def said(checked: Checked) -> list[tuple[str, int | None, str]]:
    return [(each.rule, each.line, each.path) for each in checked.findings]


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("packed", [True, False])
def test_good_rows_are_read_in_every_dress(header: bool, mark: bytes, end: bytes, packed: bool) -> None:
    body = mark + ((HEADER if header else b"") + GOOD).replace(b"\n", end)
    found = check(gzip.compress(body) if packed else body, records=2)

    assert (found.valid, said(found), found.records, found.format) == (True, [], 2, "csv")


def test_a_row_that_breaks_a_column_is_found_at_its_line() -> None:
    rows = [
        b"3,x,1,true,2026-11-21,2026-11-21T10:00:00",  # 2: good
        b"x,x,1,true,2026-11-21,2026-11-21T10:00:00",  # 3
        b"4,x,cheap,true,2026-11-21,2026-11-21T10:00:00",  # 4
        b"5,x,1,yes,2026-11-21,2026-11-21T10:00:00",  # 5
        b"6,x,1,true,21.11.2026,2026-11-21T10:00:00",  # 6
        b"7,x,1,true,2026-11-21,2026-11-31T10:00:00",  # 7
        b",x,1,true,2026-11-21,2026-11-21T10:00:00",  # 8
        b"9,x,1",  # 9
        b"10,x,1,true,2026-11-21,2026-11-21T10:00:00,more",  # 10
        b'11,"two\nlines",1,true,2026-11-21,2026-11-21T10:00:00',  # 11 and 12
        b"12,x,1,true,2026-02-30,2026-11-21T10:00:00",  # 13
        b'13,"a"b,1,true,2026-11-21,2026-11-21T10:00:00',  # 14
        b"14,caf\xe9,1,true,2026-11-21,2026-11-21T10:00:00",  # 15
        b"",  # 16
        b"15,x,1,true,2026-11-21,2026-11-21T10:00:00",  # 17: good
    ]
    found = check(HEADER + b"\n".join(rows) + b"\n", replace(ORDERS, examples=20))

    assert sorted(said(found), key=lambda each: each[1] or 0) == [
        ("column-type", 3, "id"),
        ("column-type", 4, "price"),
        ("column-type", 5, "sold"),
        ("column-type", 6, "day"),
        ("column-type", 7, "at"),
        ("column-null", 8, "id"),
        ("field-count", 9, ""),
        ("field-count", 10, ""),
        ("column-type", 13, "day"),
        ("bad-csv", 14, ""),
        ("encoding", 15, ""),
        ("blank-line", 16, ""),
    ]
    assert {each.rule: each.total for each in found.counts} == {
        "column-type": 6,
        "column-null": 1,
        "field-count": 2,
        "bad-csv": 1,
        "encoding": 1,
        "blank-line": 1,
    }
    assert "caf" not in str(found)


@pytest.mark.parametrize(
    ("header", "messages"),
    [
        (b"id,name,price,sold,day\n", ["column `at` is missing"]),
        (b"id,name,price,sold,day,when\n", ["column `at` is missing", "column 6 is not expected"]),
        (b"name,id,price,sold,day,at\n", ["the columns stand in another order"]),
        (b"id,id,price,sold,day,at\n", ["two columns have the same name"]),
    ],
)
def test_a_header_that_differs_is_said(header: bytes, messages: list[str]) -> None:
    found = check(header, Contract(name="c", format=Format.CSV, columns=COLUMNS, header=True))

    assert [each.message for each in found.findings] == messages
    assert {each.rule for each in found.findings} == {"columns"}


def test_without_a_header_rows_have_the_expected_columns() -> None:
    found = check(GOOD, Contract(name="c", format=Format.CSV, columns=COLUMNS, header=False))

    assert (found.valid, found.records) == (True, 2)


def test_a_quote_that_is_never_closed_is_found_where_it_opens() -> None:
    found = check(HEADER + GOOD + b'3,"never closed,1,true,2026-11-21,\n4,x,,,,\n')

    assert said(found) == [("bad-csv", 4, "")]
    assert found.findings[0].message == "a quoted field is never closed"


@pytest.mark.parametrize(
    ("wanted", "mark", "count"), [(True, b"", 1), (True, b"\xef\xbb\xbf", 0), (False, b"\xef\xbb\xbf", 1)]
)
def test_a_byte_order_mark_may_be_asked_for_or_refused(wanted: bool, mark: bytes, count: int) -> None:
    found = check(mark + HEADER + GOOD, Contract(name="c", format=Format.CSV, columns=COLUMNS, bom=wanted))

    assert [each.rule for each in found.findings] == ["byte-order-mark"] * count


def test_null_has_the_texts_that_the_contract_says() -> None:
    contract = Contract(
        name="c", format=Format.CSV, columns=(Column(name="n", type="integer", nullable=False),), nulls=("\\N",)
    )
    found = check(b"n\n1\n\\N\n", contract)

    assert said(found) == [("column-null", 3, "n")]


def test_rules_see_the_values_of_typed_columns() -> None:
    columns = (Column(name="id", type="integer"), Column(name="state"))
    rule = OneOf(name="state", path="state", values=("open", "closed"), level=Level.WARNING)
    schema = '{"properties": {"id": {"minimum": 10}}}'
    contract = Contract(name="c", format=Format.CSV, columns=columns, rules=(rule,), schema=schema)
    found = check(b"id,state\n10,open\n9,closed\n12,lost\n", contract)

    assert said(found) == [("schema.minimum:id", 3, "id"), ("state", 4, "state")]


def test_another_delimiter() -> None:
    columns = (Column(name="a", type="integer"), Column(name="b"))
    found = check(b"a;b\n1;x,y\n", Contract(name="c", format=Format.CSV, columns=columns, delimiter=";"))

    assert (found.valid, found.records) == (True, 1)


@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]), max_size=12),
            min_size=2,
            max_size=2,
        ),
        min_size=1,
        max_size=12,
    )
)
def test_what_a_writer_wrote_is_read_with_the_lines_it_stands_on(rows: list[list[str]]) -> None:
    from reconciler.deliveries.content import Limits, Record  # noqa: PLC0415 - the inside, for this one property
    from reconciler.deliveries.lines import delimited  # noqa: PLC0415

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    starts = []
    for row in rows:
        starts.append(text.getvalue().count("\n") + 1)
        writer.writerow(row)
    body = text.getvalue().encode()
    items = delimited((body[at : at + 5] for at in range(0, len(body), 5)), Limits(), header=False, columns=("a", "b"))
    found = [each for each in items if isinstance(each, Record)]

    assert [list(each.value.values()) for each in found] == rows
    assert [each.line for each in found] == starts


@given(
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.datetimes(),
    st.text(max_size=10),
)
def test_values_read_as_what_they_are(whole: int, real: float, moment: object, text: str) -> None:
    def read(kind: str, written: str) -> object:
        reader = reader_of(Column(name="x", type=kind))  # type: ignore[arg-type]  # the kinds stand below
        assert reader is not None
        return reader(written)

    assert read("integer", str(whole)) == whole
    assert read("number", repr(real)) == real
    assert read("datetime", moment.isoformat()) == moment.isoformat()  # type: ignore[attr-defined]  # a datetime
    for kind in ("integer", "number", "boolean", "date", "datetime"):
        try:
            read(kind, text)
        except Mistyped:
            continue
        assert text.isascii()


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parquet") / "orders.parquet"
    duckdb.sql(
        f"""COPY (SELECT i AS id, 'name ' || i AS name, CAST(i AS DECIMAL(9,2)) / 4 AS price, i % 2 = 0 AS sold,
        DATE '2026-11-21' AS day, TIMESTAMP '2026-11-21 10:00:00' + to_seconds(i) AS at,
        TIMESTAMPTZ '2026-11-21 10:00:00+02' AS zoned, {{'a': i, 'b': [i]}} AS nested, 'x'::BLOB AS bytes,
        CASE WHEN i = 41 THEN NULL ELSE i END AS rare
        FROM range(5000) r(i)) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)"""  # noqa: S608 - a folder of the test's own
    )
    return path


PARQUET = (
    Column(name="id", type="integer"),
    Column(name="name", type="string"),
    Column(name="price", type="number"),
    Column(name="sold", type="boolean"),
    Column(name="day", type="date"),
    Column(name="at", type="datetime"),
    Column(name="zoned", type="datetime"),
    Column(name="nested", type="object"),
    Column(name="bytes"),
    Column(name="rare", type="integer", nullable=False),
)


@pytest.mark.parametrize("packed", [True, False])
def test_parquet_is_read_row_by_row(orders: Path, packed: bool) -> None:
    body = orders.read_bytes()
    schema = """{"properties": {"nested": {"properties": {"a": {"maximum": 4997}}}, "at": {"type": "string"},
        "day": {"const": "2026-11-21"}, "bytes": {"const": "78"}, "zoned": {"type": "string"}}}"""
    contract = Contract(name="orders", format=Format.PARQUET, columns=PARQUET, schema=schema)
    found = check(gzip.compress(body) if packed else body, contract, records=5000)

    assert (found.records, found.readable, found.format) == (5000, True, "parquet")
    assert said(found) == [
        ("column-null", 42, "rare"),
        ("schema.maximum:nested.a", 4999, "nested.a"),
        ("schema.maximum:nested.a", 5000, "nested.a"),
    ]


def test_parquet_columns_have_types_of_their_own(orders: Path) -> None:
    columns = (*PARQUET[:1], Column(name="name", type="integer"), *PARQUET[2:-1], Column(name="lost"))
    found = check(orders.read_bytes(), Contract(name="c", columns=columns))

    assert {(each.rule, each.message) for each in found.findings} == {
        ("column-type", "column `name` is VARCHAR, not `integer`"),
        ("columns", "column `lost` is missing"),
        ("columns", "column `rare` is not expected"),
    }


@pytest.mark.parametrize("hurt", ["cut", "page", "footer", "magic", "half"])
def test_damaged_parquet_is_a_finding(orders: Path, hurt: str) -> None:
    body = orders.read_bytes()
    broken = {
        "cut": body[:-10],
        "page": body[:20_000] + bytes(1000) + body[21_000:],
        "footer": body[:-200] + b"\xff" * 190 + body[-10:],
        "magic": body[:-4] + b"RAP1",
        "half": body[: len(body) // 2],
    }[hurt]
    found = check(broken, Contract(name="c"))

    assert [each.rule for each in found.findings] == ["damaged"]
    assert not found.readable


def test_parquet_larger_than_allowed_is_not_kept(orders: Path) -> None:
    disk = check(orders.read_bytes(), Contract(name="c", limits=Limits(temporary=10_000)))
    memory = check(orders.read_bytes(), Contract(name="c", limits=Limits(unpacked=orders.stat().st_size + 10)))

    assert [each.rule for each in disk.findings] == ["bomb"]
    assert [each.rule for each in memory.findings] == ["bomb"]


@pytest.mark.parametrize(
    ("kind", "type", "yes"),
    [
        ("integer", "BIGINT", True),
        ("integer", "DOUBLE", False),
        ("number", "DECIMAL(18,3)", True),
        ("number", "VARCHAR", False),
        ("datetime", "TIMESTAMP WITH TIME ZONE", True),
        ("datetime", "TIMESTAMP_NS", True),
        ("date", "TIMESTAMP", False),
        ("array", "BIGINT[]", True),
        ("object", "STRUCT(a BIGINT)", True),
        ("object", "MAP(VARCHAR, BIGINT)", True),
        ("array", "STRUCT(a BIGINT)[]", True),
        ("string", "STRUCT(a BIGINT)", False),
        ("any", "STRUCT(a BIGINT)", True),
        ("string", "UUID", True),
    ],
)
def test_types_of_files_and_types_of_contracts(kind: str, type: str, yes: bool) -> None:
    assert fits(Column(name="x", type=kind), type) is yes  # type: ignore[arg-type]  # the kinds stand above
