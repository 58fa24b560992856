"""The examples at the end of every help: each is taken apart as it would be typed, and typed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import pytest

from reconciler.cli.examples import EXAMPLES
from reconciler.cli.main import program
from reconciler.emulator import Clock, Emulator
from reconciler.operations.emulate import make_emulators, serving
from reconciler.operations.init import init

ROOT = Path(__file__).parents[2]
LINES = sorted({line for lines in EXAMPLES.values() for line in lines})


def commands() -> dict[str, click.Command]:
    """Every command by its words."""
    top = click.Context(program, info_name="reconciler")
    found: dict[str, click.Command] = {}
    for name in program.list_commands(top):
        command = program.get_command(top, name)
        assert command is not None
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}": each for inner, each in command.commands.items()}
    return found


def words_of(line: str) -> list[str]:
    """What the program is given, without what the shell keeps."""
    return shlex.split(line.partition(" > ")[0])[1:]


def test_every_command_shows_an_example_of_itself() -> None:
    silent = [
        name
        for name, command in commands().items()
        if not re.search(
            rf"^ +(?:\w+: +)?reconciler (?:-e \w+ )?{name}\b",
            command.get_help(click.Context(command, info_name=name)),
            re.MULTILINE,
        )
    ]

    assert silent == []
    assert set(EXAMPLES) <= set(commands())


@pytest.mark.parametrize("line", LINES)
def test_an_example_is_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("plan.json", "state.json", "backup.json", "policies/a.yaml", "specs/events/loyalty.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    words = words_of(line)
    words = words[2:] if words[0] == "-e" else words
    known = commands()
    name = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
    with known[name].make_context(name, words[len(name.split()) :]) as context:
        left = context.args

    assert left == []
    assert len(line) <= 76


class Story:
    """A project that `init` wrote, in a repository, applied to a stand-in on a socket of its own."""

    def __init__(self, folder: Path, url: str, vendor: Emulator) -> None:
        self.folder = folder
        self.vendor = vendor
        self._marked: dict[str, object] = {}
        self.environ = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder.parent),
            "LANG": "C.UTF-8",
            "USER": "nightly",
            "RECONCILER_ENVIRONMENT": "rehearsal",
            "DIDOMI_KEY": vendor.credentials["key"],
            "DIDOMI_SECRET": vendor.credentials["secret"],
        }
        init(folder, ["didomi"])
        path = folder / "reconciler.yaml"
        text = path.read_text(encoding="utf-8").replace("http://127.0.0.1:8700/didomi", url)
        path.write_text(text, encoding="utf-8")
        events = ROOT / "examples" / "event-import" / "specs"
        shutil.copytree(events, folder / "specs", dirs_exist_ok=True)
        shutil.copytree(ROOT / "policies", folder / "policies")
        for line in ("git init -q .", "git add .", "git -c user.name=n -c user.email=n@example.org commit -qm Begin"):
            assert self.type(line).returncode == 0, line

    def type(self, line: str) -> subprocess.CompletedProcess[str]:
        """Type a line into a shell."""
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def go_back(self) -> None:
        """Have the state that was backed up."""
        assert self.type("reconciler state restore --force backup.json").returncode == 0

    def lose_the_state(self) -> None:
        """Have objects that are marked, and no state."""
        self.vendor.edit("destinations", self.environ["LAKE_ID"], {"description": self._marked["description"]})
        shutil.rmtree(self.folder / ".reconciler")

    def forget_the_lake(self) -> None:
        """Have an object that is nobody's, with a manifest."""
        self.go_back()
        assert self.type(f"reconciler state rm {LAKE}").returncode == 0
        [found] = self.vendor.objects("destinations")
        if self._marked:
            self.vendor.edit("destinations", str(found["id"]), {"description": self._marked["description"]})
            [found] = self.vendor.objects("destinations")
        self.environ["LAKE_ID"] = str(found["id"])
        self._marked = found
        self.vendor.edit("destinations", self.environ["LAKE_ID"], {"description": "Read by the warehouse"})


LAKE = "didomi/Destination/lake"
NOTHING: Callable[[Story], None] = lambda _story: None  # noqa: E731 - a name for doing nothing
FIRST = (
    "reconciler validate",
    "reconciler plan -o plan.json",
    "reconciler show plan.json",
    "reconciler apply plan.json -y",
    "reconciler state backup backup.json",
    "reconciler events import didomi/EventImport/loyalty-2025 -y",
    "reconciler state pull > state.json",
)
"""What is typed first, so that there is something to look at for the others, which have no order."""
LAST: Mapping[str, Callable[[Story], None]] = {
    "reconciler state push state.json": NOTHING,
    "reconciler state restore --force backup.json": NOTHING,
    "reconciler state mv didomi/Destination/lake didomi/Destination/sea": Story.go_back,
    "reconciler state rm didomi/Destination/lake": Story.go_back,
    "reconciler import didomi/Destination/lake 58g9gnu3b5": Story.forget_the_lake,
    "reconciler import --all": Story.forget_the_lake,
    "reconciler state rebuild -y": Story.lose_the_state,
    "reconciler events import --undo loyalty-2025 -y": NOTHING,
    "reconciler destroy --target didomi/Destination/lake -y": NOTHING,
    "reconciler destroy -y": NOTHING,
}
"""What changes things, with what has to happen before."""
NOT_TYPED = {
    "reconciler demo": "is run by the tests of the demo",
    "reconciler emulate didomi --folder delivered": "serves until it is stopped",
    "reconciler comment --plan plan.json": "needs a forge, and has tests of its own",
    "reconciler history seal": "needs a damaged ledger, and has tests of its own",
    "reconciler state unlock 4f9a1c02": "needs a lock that was left behind, and has tests of its own",
}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_example_does_what_it_says(tmp_path: Path) -> None:
    between = [line for line in LINES if line not in {*FIRST, *LAST, *NOT_TYPED}]
    vendors = make_emulators(["didomi"], switches={"didomi": {"rate_limit": "off"}}, clock=Clock())
    failed = []
    with serving(vendors) as urls:
        story = Story(tmp_path / "exports", urls["didomi"], vendors["didomi"])
        for line in (*FIRST, *between, *LAST):
            LAST.get(line, NOTHING)(story)
            ended = story.type(line.replace("58g9gnu3b5", '"$LAKE_ID"'))
            if ended.returncode != 0:
                failed.append(f"{line}: {ended.returncode}\n{ended.stdout}{ended.stderr}")

    assert {*FIRST, *LAST, *NOT_TYPED} <= set(LINES)
    assert not failed, "\n".join(failed)
