"""The ledger given away: as a table that computes nothing, as JSON, and as a page that fetches nothing."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import CANARY, World, catalog

from reconciler.engine.codec import decode_object
from reconciler.history.trail import renamed_in
from reconciler.operations.failures import Failure
from reconciler.operations.history import Question
from reconciler.operations.history_export import exported
from reconciler.reports.history_csv import COLUMNS, history_csv, safe
from reconciler.reports.history_html import History, render_history_html
from reconciler.reports.names import Names
from reconciler.values import Address, Traits
from reconciler.values.ledger import Command, Deed, DeedStatus, Ending, LedgerRecord, Standing

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> &amp; \u202e"
BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)
DIGEST = f"sha256:{'a' * 64}"


def standing(**document: object) -> Standing:
    return Standing(digest="", id="id-1", document=document)  # type: ignore[arg-type]  # plain values are documents


def deed(name: str, number: int, **fields: Any) -> Deed:  # noqa: ANN401 - fields of `Deed`
    before = standing(name=f"version {number - 1}", on=False) if number % 10 else None
    usual: dict[str, Any] = {"status": DeedStatus.DONE, "at": BEGIN + timedelta(hours=9 * number), "before": before}
    usual |= {"verb": "update" if before else "create", "after": standing(name=f"version {number}", on=False)}
    return Deed(address=Address("harbor", "Cargo", name), **{**usual, **fields})


def record(number: int, *deeds: Deed, how: Ending = Ending.DONE, **command: Any) -> LedgerRecord:  # noqa: ANN401
    since = BEGIN + timedelta(hours=9 * number)
    words: dict[str, Any] = {"who": f"person-{number % 7}", "commit": f"{number:040x}", **command}
    return LedgerRecord(
        number=number,
        previous=None,
        lineage="line",
        serial_before=number - 1,
        serial=number,
        first_page=number,
        last_page=number,
        command=Command(id=str(number), operation="apply", host="host", pid=1, since=since, **words),
        ended=since + timedelta(minutes=1),
        how=how,
        tool="1",
        deeds=deeds,
    )


def traits(_type: str) -> Traits:
    raise KeyError(_type)


def table(*records: LedgerRecord) -> list[list[str]]:
    text = "".join(history_csv([(each, DIGEST) for each in records], traits=traits, names=Names()))
    return list(csv.reader(io.StringIO(text)))


def page_of(*records: LedgerRecord, **fields: Any) -> str:  # noqa: ANN401 - fields of `History`
    history = History(
        project="shop",
        environment="prod",
        taken=BEGIN,
        records=[(each, DIGEST) for each in records],
        head=DIGEST,
        former=renamed_in,
        **fields,
    )
    return render_history_html(history, traits=traits)


# -------------------------------------------------------------------------------------------------------- tables


def test_a_table_has_one_line_for_each_field() -> None:
    lines = table(record(1, deed("grain", 1)), record(2), record(3, deed("grain", 3, verb="delete", after=None)))

    assert lines[0] == list(COLUMNS)
    assert [(line[0], line[11], *line[15:]) for line in lines[1:]] == [
        ("1", "update", "name", '"version 0"', '"version 1"'),
        ("2", "", "", "", ""),
        ("3", "delete", "name", '"version 2"', ""),
        ("3", "delete", "on", "false", ""),
    ]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1", "'=1", '"=1"', "\n=1"]
)
def test_no_cell_is_a_formula(text: str) -> None:
    (cell,) = next(csv.reader(io.StringIO(f'"{safe(text)}"'.replace('"=1"', '""=1""'))))

    assert cell.startswith(("'", "\\"))


@given(st.text())
def test_whatever_somebody_calls_himself_the_table_stays_a_table(who: str) -> None:
    (_, line) = table(record(1, who=who))

    assert len(line) == len(COLUMNS)
    assert not line[3].lstrip(' \u3000"').startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


# --------------------------------------------------------------------------------------------------------- pages


class Tags(HTMLParser):
    """Which elements a page has, and what its attributes say."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def test_the_page_fetches_nothing() -> None:
    tags = Tags(page_of(record(1, deed("grain", 1)), needs={Address("harbor", "Cargo", "grain"): ()}))

    assert {"link", "img", "iframe", "object", "base", "form"} & set(tags.names) == set()
    assert [each for each in tags.attributes if each[0] in {"src", "action", "style"}] == []
    assert {value for name, value in tags.attributes if name == "href"} == {"#record-1"}
    assert tags.names.count("style") == tags.names.count("script") == 1
    assert [value for name, value in tags.attributes if name == "content" and value.startswith("default-src 'none'")]


def test_words_of_strangers_are_only_words() -> None:
    evil = deed("grain", 1, verb=EVIL, after=standing(**{EVIL: EVIL}), requests=(EVIL,))
    text = page_of(record(1, evil, who=EVIL, ci_run=EVIL), notes=[EVIL], troubles=[EVIL])
    tags = Tags(text)

    assert tags.names.count("script") == 1
    assert "img" not in tags.names
    assert not any(name.startswith("on") for name, _ in tags.attributes)
    assert "\u202e" not in text


def test_a_ledger_that_is_not_whole_says_so_and_not_that_it_is() -> None:
    assert "are consistent" in page_of(record(1))
    assert "are consistent" not in page_of(record(1), troubles=["a record is missing"])
    assert "<b>Wrong:</b> a record is missing" in page_of(record(1), troubles=["a record is missing"])


def test_a_page_of_nothing_says_so() -> None:
    assert "There is no such record." in page_of()


def test_a_renamed_resource_has_one_life() -> None:
    after = standing(name="version 1", on=False)
    old = deed("wheat", 2, verb="forget", before=after, after=None)
    new = deed("grain", 2, verb="record", before=None, after=after)
    text = page_of(record(1, deed("wheat", 10)), record(2, new, old), record(3, deed("grain", 3)))
    lives = re.findall(r'class="change resource">\n<summary><b>([^<]+)</b>.*?<span class="more">([^<]+)<', text)

    assert lives == [("harbor/Cargo/grain", "3 deeds")]
    assert "once harbor/Cargo/wheat" in text
    assert "from harbor/Cargo/wheat" in text


def test_a_deleted_resource_is_marked_as_gone() -> None:
    text = page_of(record(1, deed("grain", 1), deed("grain", 1, verb="delete", after=None)))

    assert '<i class="word idle">gone</i>' in text


def test_a_picture_of_too_many_says_how_many_are_left_out() -> None:
    needs = {Address("harbor", "Cargo", f"n{number}"): () for number in range(410)}

    assert "10 more are left out" in page_of(record(1), needs=needs)


def _thousand() -> str:
    records = []
    for number in range(1, 1001):
        name = f"cargo-{number // 10:03}"
        how = Ending.FAILED if number % 100 == 0 else Ending.DONE
        status = DeedStatus.REFUSED if how is Ending.FAILED else DeedStatus.DONE
        records.append(record(number, deed(name, number, status=status), how=how))
    needs = {
        Address("harbor", "Cargo", f"cargo-{number:03}"): (Address("harbor", "Cargo", "cargo-000"),) if number else ()
        for number in range(100)
    }
    return page_of(*records, needs=needs)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Any]:
    """A thousand records in a browser that can reach nobody; a complaint of the browser's fails the test."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("`chromium` is not installed (Debian: chromium)")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - half a second, for this test

    (tmp_path / "history.html").write_text(_thousand(), encoding="utf-8")
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_context(offline=True).new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((tmp_path / "history.html").as_uri())
        yield page
        browser.close()
    assert complaints == []


@pytest.mark.slow
def test_a_page_of_a_thousand_records_can_be_searched_filtered_and_opened(page: Any) -> None:  # noqa: ANN401
    records, resources = page.locator("details.record:visible"), page.locator("details.resource:visible")
    assert (records.count(), resources.count()) == (1000, 101)
    page.click(".tile[data-how=failed]")
    assert records.count() == 10
    assert page.inner_text("#shown") == "10 of 1000 shown"
    page.fill("#search", "cargo-050")
    assert (records.count(), resources.count()) == (1, 1)
    records.first.locator("summary").click()
    assert records.first.locator("table").is_visible()
    page.fill("#search", "nobody has this")
    assert page.locator("#nothing").is_visible()
    page.fill("#search", "")
    page.click(".tile[data-how=failed]")
    resources.nth(3).locator("summary").click()
    resources.nth(3).locator("a").first.click()
    assert page.locator("#record-39[open]").count() == 1
    page.click("#close")
    assert page.locator("details.record[open]").count() == 0
    assert page.locator("svg.timeline rect").count() == 94
    assert page.locator("#picture svg g").count() > 100


# ---------------------------------------------------------------------------------------------------- the program


@pytest.fixture
def shop(world_of: Callable[..., World]) -> World:
    """A pond that was made, and then made blue."""
    world = world_of("didomi")
    pond = {
        "apiVersion": "didomi.reconciler/v1",
        "kind": "Destination",
        "metadata": {"name": "pond"},
        "spec": {
            "typeId": "gcp-storage",
            "config": {
                "projectId": "example",
                "bucketName": "example-drop",
                "key": {"env": "RECONCILER_SECRET_CANARY"},
            },
        },
    }
    world.apply([pond])
    world.apply([{**pond, "spec": {**pond["spec"], "description": "Blue"}}])  # type: ignore[dict-item]  # a mapping
    return world


def test_the_program_gives_the_records_away_whole_in_every_form(shop: World) -> None:
    rows = json.loads(shop.command("history", "export").stdout)
    told = [decode_object(LedgerRecord, {key: each for key, each in row.items() if key != "digest"}) for row in rows]
    said = shop.command("history", "export", "--format", "csv", "-o", "history.csv").stderr
    text = shop.command("history", "export", "--format", "html", "--since", "9999d").stdout
    content = (shop.folder / "history.csv").read_bytes().decode()
    lines = list(csv.DictReader(io.StringIO(content)))

    assert [each.number for each in told] == [1, 2]
    assert [each["digest"][:7] for each in rows] == ["sha256:"] * 2
    assert said == "written to history.csv\n"
    assert (lines[-1]["field"], lines[-1]["after"]) == ("description", '"Blue"')
    assert "2 records, 1 resource" in text
    assert "not all records were asked for" in text
    assert "The records and the state are consistent" in text
    for each in (json.dumps(rows), content, text):
        assert "RECONCILER_SECRET_CANARY" in each
        assert CANARY not in each


def test_a_place_that_cannot_be_written_to_is_a_sentence(shop: World) -> None:
    ended = shop.command("history", "export", "--who", "nobody", "-o", "nowhere/history.json", expect=1)

    assert "the export cannot be written to `nowhere/history.json`" in ended.stderr


def test_only_what_fits_is_given_away(shop: World) -> None:
    with shop.workspace() as workspace:
        nobody = exported(workspace, Question(who="nobody"))
        everybody = exported(workspace, Question(who="unknown"))

    assert (len(nobody.records), len(everybody.records)) == (0, 2)


def test_an_export_leaves_nothing_out(shop: World) -> None:
    path = min((shop.folder / ".reconciler/state/shop/default/ledger").iterdir())
    path.write_bytes(b"")
    with shop.workspace() as workspace, pytest.raises(Failure, match="an export leaves nothing out"):
        exported(workspace, Question())


def test_the_product_knows_the_kinds_of_the_table() -> None:
    records = [replace(record(1), deeds=(Deed(
        address=Address("didomi", "Destination", "lake"), verb="create", status=DeedStatus.DONE, at=BEGIN,
        after=Standing(digest="", id="1", document={"config": {"key": "in the clear"}}),
    ),))]  # fmt: skip
    text = "".join(history_csv([(each, DIGEST) for each in records], traits=catalog().traits, names=Names()))

    assert "in the clear" not in text
    assert "(a secret, not shown)" in text
