"""
The pages of the documentation site, gathered from where they lie in the repository.

A page is written for whoever reads it in the repository, and its links say where files lie there. The site has all
pages that such links lead to: each is copied with its links changed to where the others are on the site, and whatever
else a link names is copied beside them. `make docs` runs this, and then the generator, which refuses a link to nowhere.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "build" / "site-pages"

_SINGLE = {
    "README.md": "start.md",
    "CHANGELOG.md": "changes.md",
    ".github/CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks.md",
    "tests/reliability/REPORT.md": "reliability.md",
}
_DECISIONS = ".github/decisions"
_FENCE = re.compile(r"^(?P<ticks>```+)(?P<language>[a-z]*)(?: (?P<words>.*))?$")
_LINK = re.compile(r"(?P<before>\]\()(?P<target>[^)\s#]*)(?P<anchor>#[^)\s]*)?\)")
_CODE = re.compile(r"(`+[^`]*`+)")
_ELSEWHERE = ("http:", "https:")


def pages() -> dict[str, str]:
    """Where each page of the repository is on the site."""
    found = {name: page for name, page in _SINGLE.items() if (ROOT / name).is_file()}
    found |= {f"docs/{path.name}": path.name for path in (ROOT / "docs").glob("*.md")}
    for path in (ROOT / "examples").rglob("README.md"):
        name = path.relative_to(ROOT).as_posix()
        found[name] = f"{name.removesuffix('README.md')}index.md"
    found |= {
        path.relative_to(ROOT).as_posix(): f"facts/{path.parent.name}.md"
        for path in (ROOT / "reconciler" / "providers").glob("*/README.md")
    }
    found |= {f"{_DECISIONS}/{path.name}": f"decisions/{path.name}" for path in (ROOT / _DECISIONS).glob("*.md")}
    return dict(sorted(found.items()))


def gather(into: Path) -> None:
    """Write all pages, and the files that they name, below the folder, which is emptied first."""
    shutil.rmtree(into, ignore_errors=True)
    known = pages()
    for name, page in known.items():
        path = into / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_rewritten((ROOT / name).read_text(encoding="utf-8"), name, known, into), encoding="utf-8")
    decisions = [(page.removeprefix("decisions/"), name) for name, page in known.items() if name.startswith(_DECISIONS)]
    lines = [f"* [{_title(ROOT / name)}]({page})\n" for page, name in decisions]
    (into / "decisions" / "index.md").write_text(f"# Decisions\n\n{''.join(lines)}", encoding="utf-8")


def _title(path: Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")


def _rewritten(text: str, name: str, known: dict[str, str], into: Path) -> str:
    """The page with links of the site, and fences whose words are a title or are left out."""
    lines = []
    fence = ""
    for line in text.splitlines():
        found = _FENCE.match(line)
        if fence:
            fence = "" if line == fence else fence
            lines.append(line)
        elif found is not None:
            fence = found["ticks"]
            words = found["words"] or ""
            title = f' title="{words}"' if words and found["language"] in {"yaml", "diff"} and "/" in words else ""
            lines.append(f"{found['ticks']}{found['language'] or 'text'}{title}")
        else:
            pieces = _CODE.split(line)
            lines.append("".join(each if each[:1] == "`" else _links(each, name, known, into) for each in pieces))
    return "\n".join(lines) + "\n"


def _links(text: str, name: str, known: dict[str, str], into: Path) -> str:
    here = PurePosixPath(known[name]).parent

    def there(found: re.Match[str]) -> str:
        target = found["target"]
        if not target or target.startswith(_ELSEWHERE):
            return found[0]
        meant = os.path.normpath(PurePosixPath(name).parent / target)
        place = _place(meant, known, into)
        if place is None:
            raise SystemExit(f"{name}: a link leads to `{target}`, which is not there")
        return f"{found['before']}{os.path.relpath(place, here)}{found['anchor'] or ''})"

    return _LINK.sub(there, text)


def _place(meant: str, known: dict[str, str], into: Path) -> str | None:
    """Where a file of the repository is on the site; what is no page is copied."""
    if meant in known:
        return known[meant]
    if meant == _DECISIONS:
        return "decisions/index.md"
    if f"{meant}/README.md" in known:
        return known[f"{meant}/README.md"]
    if not (ROOT / meant).is_file():
        return None
    place = f"files/{meant.lstrip('.')}"
    (into / place).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / meant, into / place)
    return place


if __name__ == "__main__":
    gather(Path(sys.argv[1]) if len(sys.argv) > 1 else PAGES)
