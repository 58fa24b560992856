"""The reports of `verify`: the same findings for a terminal, a program, a CI system, a comment and a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from verify_samples import CONSENTS, FINDINGS, HOSTILE, VERIFICATION

from reconciler.reports.junit import verification_junit
from reconciler.reports.verify_html import render_html
from reconciler.reports.verify_json import verification_json
from reconciler.reports.verify_markdown import render_markdown
from reconciler.reports.verify_text import render_verification
from reconciler.values import Verdict, Verification

EXPECTED = Path(__file__).parent / "expected"
EMPTY = replace(VERIFICATION, findings=(), silent=(), problems=())
WELL = replace(EMPTY, findings=FINDINGS[:3])


def held(name: str, text: str) -> None:
    """The text equals a readable file; `UPDATE_EXPECTED=1` writes that anew."""
    path = EXPECTED / name
    if os.environ.get("UPDATE_EXPECTED"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    assert text == path.read_text(encoding="utf-8")


def test_the_sample_holds_every_verdict() -> None:
    assert {each.verdict for each in FINDINGS} == set(Verdict)


# --- for a terminal ---


def test_the_text_is_as_expected() -> None:
    held("verify.txt", render_verification(VERIFICATION) + "\n")


def test_the_text_with_a_line_for_each_is_as_expected() -> None:
    held("verify-all.txt", render_verification(VERIFICATION, every=True) + "\n")


@pytest.mark.parametrize("every", [False, True])
def test_the_text_fits_into_eighty_columns(every: bool) -> None:
    lines = render_verification(VERIFICATION, every=every).splitlines()[:-1]  # the last is for grep

    assert [each for each in lines if len(each) > 80] == []


def test_the_text_has_no_signs_that_a_terminal_obeys_but_its_own_colours() -> None:
    assert "\x1b" not in render_verification(VERIFICATION)
    assert "\x1b[31m" in render_verification(VERIFICATION, colour=True)


def test_nothing_expected_is_said() -> None:
    assert render_verification(EMPTY).splitlines()[-1] == "Deliveries: none expected."


# --- for programs ---


def test_the_json_holds_everything() -> None:
    held("verify.json", verification_json(VERIFICATION) + "\n")


# --- for CI ---


def test_every_delivery_is_a_case_that_a_reader_of_junit_understands() -> None:
    from junitparser import JUnitXml  # noqa: PLC0415 - for this one test

    text = verification_junit(VERIFICATION)
    read = JUnitXml.fromroot(_root(text))
    cases = [case for suite in read for case in suite]

    assert len(cases) == len(FINDINGS) + 1
    assert (read.tests, read.failures, read.errors, read.skipped) == (18, 7, 2, 5)
    by_result = [type(each.result[0]).__name__ if each.result else "passed" for each in cases]
    assert (by_result.count("Failure"), by_result.count("Error"), by_result.count("Skipped")) == (7, 2, 5)
    assert by_result.count("passed") == 4


def test_a_failing_case_says_why_and_what_to_do() -> None:
    root = _root(verification_junit(VERIFICATION))
    failures = {each.get("type"): each for each in root.iter("failure")}

    assert "schema.required:user.id: 17 (error)" in str(failures["invalid"].text)
    assert "p0.json.gz:12 user.id is missing" in str(failures["invalid"].text)
    assert "help: take public access away" in str(failures["exposed"].text)


def test_junit_survives_what_xml_cannot_hold() -> None:
    assert HOSTILE.replace("\x1b", "�") in {
        str(each.get("name")).partition(" at ")[0] for each in _root(verification_junit(VERIFICATION)).iter("testcase")
    }


def _root(text: str) -> Any:  # noqa: ANN401 - an element, for two libraries
    from xml.etree.ElementTree import parse  # noqa: PLC0415

    return parse(StringIO(text)).getroot()  # noqa: S314 - made just before


# --- for a comment ---


def test_the_markdown_is_as_expected() -> None:
    held("verify.md", render_markdown(VERIFICATION))


def test_markdown_says_no_more_than_the_counts_when_all_is_well() -> None:
    assert render_markdown(WELL).splitlines()[0] == "### Deliveries: 3 delivered."
    assert "|" not in render_markdown(WELL)


def test_words_of_strangers_are_no_markup_in_markdown() -> None:
    text = render_markdown(VERIFICATION)

    assert "<script>" not in text
    assert "[a](http" not in text


# --- for a browser ---


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_loads_nothing_from_anywhere() -> None:
    page = Page(render_html(VERIFICATION))

    assert not [each for each in page.tags if each[0] in {"link", "img", "iframe", "object", "embed", "base"}]
    assert [words for tag, words in page.tags if tag == "script"] == [{}]
    addresses = [words[key] for _, words in page.tags for key in ("src", "href", "action") if words.get(key)]
    assert all(str(each).startswith("#") for each in addresses)
    assert "url(" not in render_html(VERIFICATION)


def test_words_of_strangers_are_no_markup_on_the_page() -> None:
    text = render_html(VERIFICATION)

    assert text.count("<script>") == 1
    assert "alert(1)" in text
    assert "\x1b" not in text


def test_every_square_leads_to_a_delivery_on_the_page() -> None:
    page = Page(render_html(VERIFICATION))
    ids = {words["id"] for _, words in page.tags if "id" in words}
    targets = {str(words["href"])[1:] for tag, words in page.tags if tag == "a"}

    assert targets <= ids
    assert sum(words.get("class", "").startswith("delivery") for tag, words in page.tags if tag == "details") == 17  # type: ignore[union-attr]  # classes are text


@pytest.mark.parametrize(
    ("verification", "headline"),
    [
        (VERIFICATION, "1 object could not be looked at"),
        (replace(VERIFICATION, problems=()), "8 of 17 deliveries need somebody"),
        (replace(EMPTY, findings=FINDINGS[3:4]), "1 of 1 delivery needs somebody"),
        (EMPTY, "No delivery is expected"),
        (replace(EMPTY, findings=FINDINGS[-2:]), "Nothing is known to be wrong; 1 of 2 deliveries cannot be judged"),
        (WELL, "All is well: 3 deliveries"),
    ],
)
def test_the_page_begins_with_the_one_thing_to_know(verification: Verification, headline: str) -> None:
    assert f"<h1>{headline}</h1>" in render_html(verification)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("`chromium` is not installed (Debian: chromium)")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - half a second, for these tests

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Any]:  # noqa: ANN401 - a browser's own kinds
    """The page in a browser that can reach nobody; a complaint of the browser's fails the test."""
    path = tmp_path / "deliveries.html"
    path.write_text(render_html(VERIFICATION), encoding="utf-8")
    context = browser.new_context(offline=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    yield page
    context.close()
    assert complaints == []


@pytest.mark.slow
def test_the_page_can_be_filtered_by_verdict_and_by_words(page: Any) -> None:  # noqa: ANN401
    shown = page.locator("details.delivery:visible")
    page.click("#open")
    assert shown.count() == 17

    page.click(".tile[data-verdict=failed]")
    assert shown.count() == 2
    assert page.inner_text("#shown") == "2 of 17 shown"
    page.fill("#search", "orders refused")
    assert shown.count() == 1
    page.fill("#search", "nobody")
    assert shown.count() == 0
    assert page.locator("#nothing").is_visible()


@pytest.mark.slow
def test_a_square_of_the_page_opens_its_delivery(page: Any) -> None:  # noqa: ANN401
    page.click("#close")
    assert page.locator("details[open]").count() == 0

    page.click("a.cell.bad >> nth=0")

    opened = page.locator("details.delivery[open]")
    assert opened.count() == 1
    assert "the destination refused the files" in opened.inner_text()
    assert page.locator("details.object[open]").count() == 1


@pytest.mark.slow
@pytest.mark.parametrize("width", [1200, 390])
def test_the_page_is_no_wider_than_the_screen(page: Any, width: int) -> None:  # noqa: ANN401
    page.set_viewport_size({"width": width, "height": 800})

    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_json_is_one_document_whose_counts_agree() -> None:
    document = json.loads(verification_json(VERIFICATION))

    assert sum(document["counts"].values()) == len(document["deliveries"]) == 17
    assert [each["address"] for each in document["deliveries"]].count(str(CONSENTS)) == 5
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", each["due"]) for each in document["deliveries"])
