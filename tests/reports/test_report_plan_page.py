"""A plan as a page: self-contained, escaped, and usable in a browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from report_samples import CREATE, FULL, NOOP, UPDATE, plan_of, traits

from reconciler.reports.counts import summary
from reconciler.reports.plan_html import render_plan_html
from reconciler.values import FieldChange, Plan, Problem

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> &amp; \u202e"


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


def page_of(plan: Plan) -> str:
    return render_plan_html(plan, traits=traits)


def test_the_page_fetches_nothing() -> None:
    tags = Tags(page_of(FULL))

    assert {"link", "img", "iframe", "object", "base", "form"} & set(tags.names) == set()
    assert [each for each in tags.attributes if each[0] in {"src", "href", "action", "style"}] == []
    assert [value for name, value in tags.attributes if name == "content" and value.startswith("default-src 'none'")]


def test_words_of_strangers_are_only_words() -> None:
    change = replace(
        UPDATE, id=EVIL, notes=(EVIL,), fields=(FieldChange(path=(EVIL,), before=EVIL, after=EVIL + "\n" + EVIL),)
    )
    plan = replace(
        plan_of(change), project=EVIL, notes=(EVIL,), problems=(Problem(code=EVIL, message=EVIL, help=EVIL),)
    )
    tags, plain = Tags(page_of(plan)), Tags(page_of(plan_of(UPDATE)))

    assert tags.names.count("script") == plain.names.count("script") == 1
    assert "img" not in tags.names
    assert not any(name.startswith("on") for name, _ in tags.attributes)
    assert "\u202e" not in page_of(plan)


def test_the_page_ends_with_the_line_for_scripts() -> None:
    assert f"<code>{summary(FULL).line}</code>" in page_of(FULL)


def test_a_plan_that_cannot_be_applied_says_so_first() -> None:
    text = page_of(FULL)

    assert text.index("This plan cannot be applied (1 error, 1 warning).") < text.index('class="tiles"')


def test_a_plan_without_changes_says_so() -> None:
    assert "No changes. Everything is as the manifests say." in page_of(plan_of(NOOP))


def test_dangers_are_open_in_a_page_of_many() -> None:
    many = tuple(replace(CREATE, address=replace(CREATE.address, name=f"n{each}")) for each in range(30))
    opened = re.findall(r'<details class="change" data-action="(\S+)" open>', page_of(plan_of(*FULL.changes, *many)))

    assert set(opened) == {"delete", "replace", "disable", "blocked"}


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Any]:
    """The page in a browser that can reach nobody; a complaint of the browser's fails the test."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("`chromium` is not installed (Debian: chromium)")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - half a second, for this test

    (tmp_path / "plan.html").write_text(page_of(FULL), encoding="utf-8")
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_context(offline=True).new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((tmp_path / "plan.html").as_uri())
        yield page
        browser.close()
    assert complaints == []


@pytest.mark.slow
def test_the_page_can_be_filtered_and_expanded(page: Any) -> None:  # noqa: ANN401
    shown = page.locator("details.change:visible")
    everything = shown.count()
    page.click(".tile[data-action=replace]")
    assert shown.count() == 2
    assert page.inner_text("#shown") == f"2 of {everything} shown"
    page.fill("#search", "gcp-storage")
    assert shown.count() == 1
    page.fill("#search", "nobody")
    assert page.locator("#nothing").is_visible()
    page.fill("#search", "")
    page.click(".tile[data-action=replace]")
    page.click("#close")
    assert page.locator("details.change[open]").count() == 0
    page.click("#open")

    assert page.locator("details.change[open]").count() == everything
