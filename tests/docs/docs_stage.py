"""
Documentation that runs: the fences of a Markdown page, read in order and carried out in a folder of their own.

```console      `$ command` lines, with `> ` where they go on, are run with bash; what follows is what they print
```yaml NAME    the file NAME is written
```diff NAME    lines with `-` in the file NAME are replaced by those with `+`
```text         shown only
```sh           shown only; a `reconciler` command in it needs `not-run: why` behind `sh`

`# exit code 8` behind a command says how it ends; 0 otherwise. `…` stands for any lines, or for the rest of one.
`reconciler emulate` runs until the page ends, on a port of its own. `<!-- world: folder -->` begins anew with a copy
of that folder.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PORT = "127.0.0.1:8700"

_FENCE = re.compile(r"^```(?P<language>[a-z]*) ?(?P<words>.*)$")
_WORLD = re.compile(r"^<!-- world: (?P<folder>\S*) ?-->$")
_EXIT = re.compile(r"\s+# exit code (?P<code>\d+)$")
_SERVES = re.compile(r"^reconciler emulate(?!.*--(switches|help))")
_URL = re.compile(r"http://(127\.0\.0\.1:\d+)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fence: its language, the words behind that, its lines, and the line it begins at."""

    language: str
    words: str
    lines: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One `$` line with how it ends and what it prints; `shown` is empty when the page does not say."""

    text: str
    code: int
    shown: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The fences of a page that share a folder, which begins as a copy of `start` or empty."""

    page: str
    start: str
    number: int
    blocks: tuple[Block, ...]


def pages() -> list[Path]:
    """Every page whose commands must run."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]


def scenes(page: Path) -> list[Scene]:
    """The page's scenes; one beside an example's project file begins with that project."""
    start = str(page.parent.relative_to(ROOT)) if (page.parent / "reconciler.yaml").is_file() else ""
    if page.parent == ROOT:
        start = ""
    found: list[tuple[str, list[Block]]] = [(start, [])]
    opened: Block | None = None
    lines: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        world, fence = _WORLD.match(line), _FENCE.match(line)
        if opened is not None and line == "```":
            found[-1][1].append(Block(language=opened.language, words=opened.words, lines=tuple(lines), at=opened.at))
            opened, lines = None, []
        elif opened is not None:
            lines.append(line)
        elif fence is not None:
            opened = Block(language=fence["language"], words=fence["words"], lines=(), at=number)
        elif world is not None:
            found.append((world["folder"], []))
    name = str(page.relative_to(ROOT))
    return [
        Scene(page=name, start=folder, number=number, blocks=tuple(blocks))
        for number, (folder, blocks) in enumerate(found, 1)
        if any(block.language == "console" for block in blocks)
    ]


def blocks(page: Path) -> list[Block]:
    """Every fence of the page, also those that no scene holds."""
    found, opened = [], None
    lines: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is None and fence is not None:
            opened = (fence["language"], fence["words"], number)
        elif opened is not None and line == "```":
            found.append(Block(language=opened[0], words=opened[1], lines=tuple(lines), at=opened[2]))
            opened, lines = None, []
        elif opened is not None:
            lines.append(line)
    return found


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console fence."""
    text, at, shown = "", 0, list[str]()

    def command() -> Command:
        found = _EXIT.search(text)
        return Command(text=_EXIT.sub("", text), code=int(found["code"]) if found else 0, shown=tuple(shown), at=at)

    for number, line in enumerate(block.lines, block.at + 1):
        if line.startswith("$ "):
            if text:
                yield command()
            text, at, shown = line[2:], number, []
        elif line.startswith("> ") and text and not shown:
            text = f"{text}\n{line[2:]}"
        else:
            shown.append(line)
    if text:
        yield command()


def plain(text: str) -> list[str]:
    """Output without what differs from run to run."""
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( UTC|Z)", "<time>", text)
    text = re.sub(r"\bin \d+\.\d s\b", "in <seconds>", text)
    text = re.sub(r"sha256:[0-9a-f]+…?", "<digest>", text)
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<uuid>", text)
    text = re.sub(r"lineage [0-9a-f]{32}", "lineage <lineage>", text)
    text = re.sub(r"example-org-[0-9a-f]{6}", "example-org-<random>", text)
    text = re.sub(r"\b(log[a-z0-9]{7}|(?=[a-z0-9]*\d)(?=[a-z0-9]*[a-z])[a-z0-9]{8,10})\b", "<id>", text)
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def fits(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether the lines of a page are what was printed; `…` stands for any lines, and behind something for the rest."""

    def pattern_of(line: str) -> str:
        if line.strip() == "…":
            return r"(?:.*\n)*"
        return re.escape(line.removesuffix("…")) + (r".*\n" if line.endswith("…") else r"\n")

    pattern = "".join(map(pattern_of, shown))
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)) is not None


@dataclass(slots=True)
class Terminal:
    """A shell that keeps its folder and its variables from one command to the next."""

    folder: Path
    environ: dict[str, str]
    port: str = PORT
    serving: list[subprocess.Popen[str]] = field(default_factory=list)

    def write(self, name: str, text: str) -> None:
        """A file, with the stand-in's real port in it."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(PORT, self.port), encoding="utf-8")

    def edit(self, name: str, lines: Sequence[str]) -> None:
        """Replace the `-` lines, which must be there, by the `+` lines."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        old = "".join(f"{line[1:]}\n" for line in lines if line.startswith("-"))
        new = "".join(f"{line[1:]}\n" for line in lines if line.startswith("+"))
        assert text.count(old) == 1, f"{name} does not hold exactly once:\n{old}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def run(self, command: Command) -> tuple[int, str]:
        """How the command ended and what it printed, on both streams."""
        if _SERVES.match(command.text):
            return 0, self._serve(command.text)
        where, variables = self.folder / ".where", self.folder / ".variables"
        script = f'set -a\n{command.text}\ncode=$?\npwd > "{where}"\nenv -0 > "{variables}"\nexit $code\n'
        ended = subprocess.run(
            ["bash", "-c", script.replace(PORT, self.port)],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=100,
        )
        self.folder = Path(where.read_text(encoding="utf-8").strip())
        pairs = variables.read_text(encoding="utf-8").rstrip("\0").split("\0")
        self.environ = dict(pair.split("=", 1) for pair in pairs)
        where.unlink()
        variables.unlink()
        return ended.returncode, ended.stdout.replace(self.port, PORT)

    def _serve(self, text: str) -> str:
        """Start a stand-in, wait until it says where it is, and move the folder's files to that port."""
        process = subprocess.Popen(
            ["bash", "-c", f"exec {text}"],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.serving.append(process)
        assert process.stdout is not None
        said: list[str] = []
        done = threading.Event()

        def listen() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line)
                if "log and controls" in line:
                    break
            done.set()

        threading.Thread(target=listen, daemon=True).start()
        assert done.wait(60), "the stand-in did not start"
        found = _URL.search("".join(said))
        assert found is not None, "".join(said)
        self.port = found[1]
        for path in self.folder.rglob("*.yaml"):
            self.write(str(path.relative_to(self.folder)), path.read_text(encoding="utf-8"))
        return "".join(said).replace(self.port, PORT)

    def close(self) -> None:
        """Stop what serves."""
        for process in self.serving:
            process.terminate()
            process.wait(30)
            if process.stdout is not None:
                process.stdout.close()


def environ(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a newcomer's shell knows; the stand-in takes any free port and counts no requests."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "RECONCILER_EMULATE_PORT": "0",
        "RECONCILER_EMULATE_SWITCH": "didomi.rate_limit=off",
        **(more or {}),
    }


@contextmanager
def terminal(folder: Path, start: str = "") -> Iterator[Terminal]:
    """A terminal in `folder`, which begins as a copy of the folder `start` of this repository."""
    if start:
        kept = shutil.ignore_patterns(".reconciler", "__pycache__")
        shutil.copytree(ROOT / start, folder, dirs_exist_ok=True, ignore=kept)
    opened = Terminal(folder=folder, environ=environ())
    try:
        yield opened
    finally:
        opened.close()
