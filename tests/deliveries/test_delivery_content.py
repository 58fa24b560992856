"""Files that are damaged, cut, packed as bombs or written in something else: each is a finding at its place."""

from __future__ import annotations

import bz2
import codecs
import gzip
import json
import lzma
import zlib
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.deliveries import Checked, Column, Contract, Format, Level, Limits, Unique, Unreachable, check_pieces

ANY = Contract(name="anything")
NDJSON = Contract(name="ndjson", format=Format.NDJSON)
CSV = Contract(name="csv", format=Format.CSV, columns=(Column(name="id"), Column(name="note")), header=True)

LINES = b'{"id": 1}\n{"id": 2}\n{"id": 3}\n'


def check(body: bytes, contract: Contract = ANY, piece: int = 1000, records: int | None = None) -> Checked:
    pieces = (body[start : start + piece] for start in range(0, len(body), piece))
    return check_pieces(pieces, "object", contract, records)


def said(checked: Checked) -> list[tuple[str, int | None]]:
    assert sum(each.total for each in checked.counts) == len(checked.findings)
    return [(each.rule, each.line) for each in checked.findings]


def test_a_good_file_has_no_findings_whether_packed_or_not() -> None:
    for body in (LINES, gzip.compress(LINES), gzip.compress(LINES[:10]) + gzip.compress(LINES[10:]), LINES[:-1]):
        found = check(body)

        assert (found.valid, found.records, said(found), found.format) == (True, 3, [], "ndjson")
        assert found.unpacked == len(LINES) - (body == LINES[:-1])
        assert found.size == len(body)
        assert found.packing == ("none" if body.startswith(b"{") else "gzip")


@pytest.mark.parametrize(
    ("body", "contract", "rule"),
    [
        pytest.param(b"", ANY, "empty-file", id="no bytes"),
        pytest.param(gzip.compress(LINES * 99)[:-30], ANY, "truncated", id="cut gzip"),
        pytest.param(gzip.compress(LINES * 99)[:-4], ANY, "truncated", id="gzip without its length"),
        pytest.param(b"\x1f\x8b", ANY, "truncated", id="a magic number and no more"),
        pytest.param(gzip.compress(LINES)[:-8] + b"\0" * 8, ANY, "damaged", id="wrong checksum"),
        pytest.param(gzip.compress(LINES) + b"PK trailing", ANY, "trailing-bytes", id="bytes after gzip"),
        pytest.param(gzip.compress(gzip.compress(LINES)), ANY, "compressed-twice", id="gzip in gzip"),
        pytest.param(b"PK\x03\x04rest of an archive", ANY, "unexpected-format", id="zip"),
        pytest.param(bz2.compress(LINES), ANY, "unexpected-format", id="bzip2"),
        pytest.param(lzma.compress(LINES), ANY, "unexpected-format", id="xz"),
        pytest.param(b"\x28\xb5\x2f\xfd1234", ANY, "unexpected-format", id="zstd"),
        pytest.param(b"Obj\x01rest", ANY, "unexpected-format", id="avro"),
        pytest.param(b"-----BEGIN PGP MESSAGE-----\n", ANY, "unexpected-format", id="pgp"),
        pytest.param(b"<?xml version='1.0'?><Error/>", ANY, "unexpected-format", id="an error page"),
        pytest.param(b'[{"id": 1},\n{"id": 2}]', ANY, "unexpected-format", id="json array"),
        pytest.param(b'{"id": 1}\n', CSV, "unexpected-format", id="ndjson for csv"),
        pytest.param(b'{"id": 1}\n', Contract(name="p", format=Format.PARQUET), "unexpected-format", id="no parquet"),
        pytest.param(b"PAR1rest", NDJSON, "unexpected-format", id="parquet for ndjson"),
        pytest.param(b"PAR1 and then nothing of the kind", ANY, "damaged", id="damaged parquet"),
        pytest.param(codecs.BOM_UTF16_LE + '{"id": 1}'.encode("utf-16-le"), ANY, "encoding", id="utf-16 with mark"),
        pytest.param('{"id": 1}'.encode("utf-16-le"), ANY, "encoding", id="utf-16 without mark"),
        pytest.param('{"id": 1}'.encode("utf-32"), ANY, "encoding", id="utf-32"),
    ],
)
def test_a_file_that_cannot_be_read_to_its_end_is_one_finding(body: bytes, contract: Contract, rule: str) -> None:
    for piece in (1, 7, 100_000):
        found = check(body, contract, piece)

        assert said(found) == [(rule, None)]
        assert not found.valid
        assert found.readable is (rule == "empty-file")


def test_an_empty_file_is_fine_where_the_contract_says_so() -> None:
    assert check(b"", Contract(name="c", empty_files=True)).valid
    assert check(gzip.compress(b"")).valid


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b'{"id": ', "bad-json"),
        (b"{'id': 1}", "bad-json"),
        (b'{"id": NaN}', "bad-json"),
        (b'{"id": 1e999}', "bad-json"),
        (b'{"id": 1} {"id": 2}', "bad-json"),
        (b'{"id": "\\ud800"}', "bad-json"),
        (b"[" * 100_000, "bad-json"),
        (b"", "blank-line"),
        (b"  ", "blank-line"),
        (b'{"id": "caf\xe9"}', "encoding"),
        (b"\xff\xfe\x00", "encoding"),
        (b'{"id": "' + b"x" * 3000 + b'"}', "line-too-long"),
    ],
)
def test_a_bad_line_is_found_where_it_is_and_the_others_are_read(line: bytes, rule: str) -> None:
    contract = Contract(name="c", format=Format.NDJSON, limits=Limits(line=200_000 if line[:2] == b"[[" else 2000))
    body = b'{"id": 1}\n{"id": 2}\n' + line + b'\n{"id": 4}\r\n{"id": 5}\n'
    for packed in (body, gzip.compress(body)):
        for piece in (3, 500, 1 << 20):
            found = check(packed, contract, piece)

            assert said(found) == [(rule, 3)]
            assert found.records == 4
            assert found.readable


def test_no_message_shows_what_stands_in_the_file() -> None:
    body = b'{"mail": "someone@example.org" broken\n"caf\xe9 someone@example.org"\n'
    found = check(body, NDJSON)

    assert len(found.findings) == 2
    assert "someone" not in str(found)


def test_a_byte_order_mark_in_json_is_a_warning() -> None:
    found = check(codecs.BOM_UTF8 + LINES)

    assert said(found) == [("byte-order-mark", 1)]
    assert found.valid
    assert found.records == 3


def test_a_plain_file_that_ends_within_a_record_is_truncated() -> None:
    found = check(LINES[:-3], NDJSON)

    assert said(found) == [("truncated", 3)]
    assert (found.records, found.readable) == (2, False)


def test_a_cut_gzip_gives_the_records_before_the_cut_and_no_second_finding() -> None:
    body = b"".join(json.dumps({"id": number, "x": number * 7919 % 10007}).encode() + b"\n" for number in range(20_000))
    packed = gzip.compress(body)
    found = check(packed[: len(packed) // 2], NDJSON)

    assert said(found) == [("truncated", None)]
    assert 1000 < found.records < 20_000


def test_damage_is_the_same_however_the_network_cuts_the_file() -> None:
    body = gzip.compress(b"".join(b'{"id": %d}\n' % (number * 7919 % 100_003) for number in range(100_000)))
    hurt = body[: len(body) // 2] + bytes(64) + body[len(body) // 2 + 64 :]
    results = {repr(check(hurt, NDJSON, piece)) for piece in (1000, 4096, 65_536, len(hurt))}

    assert len(results) == 1
    assert "damaged" in results.pop()


def test_bombs_are_stopped_by_ratio_and_by_size() -> None:
    bomb = gzip.compress(b'{"x": "' + b"0" * 30_000_000 + b'"}\n')
    flat = Contract(name="c", limits=Limits(unpacked=100_000))

    assert said(check(bomb, NDJSON)) == [("bomb", None)]
    assert said(check(b'{"id": 1}\n' * 20_000, flat)) == [("bomb", None)]
    assert said(check(gzip.compress(b'{"id": 1}\n' * 20_000), flat)) == [("bomb", None)]
    assert check(bomb, NDJSON).unpacked < 20_000_000


def test_a_file_of_equal_lines_is_no_bomb_while_it_is_small() -> None:
    assert check(gzip.compress(b'{"id": 1}\n' * 1_000_000)).valid


def test_the_number_of_records_is_compared_where_it_is_known() -> None:
    assert check(LINES, records=3).valid
    assert said(check(LINES, records=4)) == [("record-count", None)]
    assert said(check(LINES, records=0)) == [("record-count", None)]


def test_a_connection_that_is_lost_is_a_finding_of_the_object() -> None:
    def pieces() -> Iterator[bytes]:
        yield LINES
        raise Unreachable("s3://example/x", "the connection breaks again and again", "run again")

    found = check_pieces(pieces(), "s3://example/x", NDJSON)

    assert said(found) == [("unreachable", None)]
    assert (found.records, found.readable, found.valid) == (3, False, False)


def test_levels_of_rules_are_the_contracts_to_say() -> None:
    body = b'{"id": 1}\n\n{"id": 2}\n\n'
    strict = Contract(name="c", format=Format.NDJSON, levels=(("blank-line", Level.ERROR),))
    deaf = Contract(name="c", format=Format.NDJSON, levels=(("blank-line", None),))

    assert [check(body, each).valid for each in (NDJSON, strict, deaf)] == [True, False, True]
    assert said(check(body, deaf)) == []


def test_examples_are_few_and_counts_exact() -> None:
    body = b"".join(b"broken %d\n" % number for number in range(1000))
    found = check(body, Contract(name="c", format=Format.NDJSON, examples=3))

    assert [(each.rule, each.total) for each in found.counts] == [("bad-json", 1000)]
    assert [each.line for each in found.findings] == [1, 2, 3]


@given(st.binary(max_size=300), st.sampled_from([ANY, NDJSON, CSV, Contract(name="p", format=Format.PARQUET)]))
def test_no_bytes_are_an_exception(body: bytes, contract: Contract) -> None:
    plain, packed = check(body, contract, 7), check(gzip.compress(body), contract, 7)

    assert plain.size == len(body)
    assert packed.unpacked == len(body) or not packed.readable


@given(st.binary(min_size=1, max_size=2000), st.integers(1, 500), st.lists(st.integers(0, 2000), max_size=3))
def test_unpacking_gives_what_was_packed_however_it_is_cut(body: bytes, piece: int, cuts: list[int]) -> None:
    from reconciler.deliveries.content import Unpacked  # noqa: PLC0415 - the inside, for this one property

    edges = sorted({0, len(body), *(each for each in cuts if each < len(body))})
    members = b"".join(gzip.compress(body[a:b]) for a, b in pairwise(edges))
    pieces = (members[start : start + piece] for start in range(0, len(members), piece))

    assert b"".join(each for each in Unpacked(pieces, Limits()) if isinstance(each, bytes)) == body


@given(st.lists(st.binary(max_size=40).map(lambda text: text.replace(b"\n", b"")), max_size=20), st.integers(1, 50))
def test_lines_are_the_lines_of_the_text(texts: list[bytes], piece: int) -> None:
    from reconciler.deliveries.lines import Line, lines  # noqa: PLC0415 - as above

    body = b"".join(text + b"\n" for text in texts)
    found = list(lines((body[start : start + piece] for start in range(0, len(body), piece)), Limits(line=1000)))

    assert found == [Line(number, text, ended=True) for number, text in enumerate(texts, 1)]


@given(st.integers(0, 9999))
def test_any_byte_that_is_turned_over_in_gzip_is_noticed_or_harmless(at: int) -> None:
    packed = bytearray(zlib.compress(LINES * 50, 9, 31))
    at %= len(packed)
    packed[at] ^= 0xFF
    found = check(bytes(packed), NDJSON)

    # The header's time, system and flags may be anything; all else is covered by the checksum.
    assert not found.valid or (found.records == 150 and at < 10)


@pytest.mark.parametrize("depth", [10, 200, 300, 800, 990, 2000, 100_000])
def test_records_of_any_depth_are_checked_or_said_to_be_too_deep(depth: int) -> None:
    body = b'{"a":' * depth + b"1" + b"}" * depth + b'\n{"a": 1}\n'
    schema = '{"properties": {"a": {"$ref": "#"}}}'
    contract = Contract(
        name="c",
        format=Format.NDJSON,
        schema=schema,
        unknown_keys=Level.ERROR,
        unique=(Unique(name="u", path="a"),),
    )
    found = check(body, contract)

    assert [each.rule for each in found.findings] in ([], ["too-deep"], ["bad-json"])
    assert found.readable
    assert found.records >= 1


def test_columns_that_are_really_the_first_row_are_not_shown() -> None:
    found = check(b"1,someone@example.org\n2,other@example.org\n", CSV)

    assert "columns" in {each.rule for each in found.counts}
    assert "someone" not in str(found)
