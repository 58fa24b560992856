"""The documentation site: built strictly, whole, and without a link to nowhere or a file from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from docs_stage import ROOT, pages


class _Page(HTMLParser):
    """The addresses that a page names, and the places within it that others may name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if name == "id":
                self.places.add(value)
            elif tag == "a" and name == "href":
                self.links.append(value)
            elif name == "src" or (tag == "link" and name == "href"):
                self.loaded.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    text = (ROOT / ".mkdocs.yml").read_text(encoding="utf-8")
    for key, name in (("docs_dir", "pages"), ("site_dir", "html")):
        text = re.sub(rf"^{key}: .*$", f"{key}: {name}", text, flags=re.MULTILINE)
    (folder / "mkdocs.yml").write_text(text, encoding="utf-8")
    built: list[list[str | Path]] = [
        [sys.executable, ROOT / "docs" / "gather_pages.py", folder / "pages"],
        [Path(sys.executable).parent / "zensical", "build", "--config-file", folder / "mkdocs.yml", "--strict"],
    ]
    for words in built:
        ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=100)
        assert ended.returncode == 0, re.sub(r"\x1b\[[0-9;]*m", "", ended.stdout)
    return folder / "html"


def test_every_page_of_the_repository_that_readers_are_led_to_is_on_the_site(site: Path) -> None:
    titles = {path: path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ") for path in pages()}
    heading = re.compile(r"<h1[^>]*>(.*?)(?:<a class=\"headerlink|</h1>)", re.DOTALL)
    shown = [heading.search(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")]
    found = {re.sub(r"<[^>]*>", "", each[1]) for each in shown if each is not None}

    assert {title.replace("`", "") for title in titles.values()} <= found


def test_no_link_of_the_site_leads_to_nowhere(site: Path) -> None:
    read = {path: _Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    lost = []
    for path, page in read.items():
        for link in page.links if path.name != "404.html" else ():
            parts = urlsplit(link)
            if parts.scheme:
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = there / "index.html" if there.is_dir() else there
            within = read[there].places if there in read else None
            if not there.is_file() or (parts.fragment and within is not None and unquote(parts.fragment) not in within):
                lost.append(f"{path.relative_to(site)}: {link}")

    assert len(read) > 30
    assert lost == []


def test_a_reader_loads_nothing_from_elsewhere(site: Path) -> None:
    loaded = {
        link
        for path in site.rglob("*.html")
        for link in _Page(path.read_text(encoding="utf-8")).loaded
        if urlsplit(link).netloc
    }

    assert loaded == set()
