"""Whole help texts, held against readable files; `UPDATE_EXPECTED=1 pytest tests/cli` rewrites them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli.group import GROUPS

EXPECTED = Path(__file__).parent / "expected"
COMMANDS = [name for group in GROUPS.values() for name in group]
STATE = ["backup", "list", "mv", "pull", "push", "rebuild", "restore", "rm", "show", "unlock"]
EVENTS = ["digest", "import", "split", "validate"]
TEXTS = [
    [],
    *([name] for name in COMMANDS),
    *(["state", name] for name in STATE),
    *(["events", name] for name in EVENTS),
    ["secrets", "check"],
    ["policies", "list"],
    ["policies", "test"],
]
PLAIN = {"PATH": os.environ["PATH"], "COLUMNS": "80", "LANG": "C.UTF-8"}
HEAVY = {
    "boto3", "deepdiff", "google", "msgspec", "networkx", "pydantic", "rich", "ruamel", "starlette", "urllib3",
    "uvicorn", "yaml",
}  # fmt: skip


def program(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reconciler", *words],
        capture_output=True,
        text=True,
        env={**PLAIN, **environment},
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("words", TEXTS, ids=lambda words: "-".join(words) or "program")
def test_help_says_what_its_file_says(words: list[str]) -> None:
    ended = program(*words, "--help")
    path = EXPECTED / f"help-{'-'.join(words) or 'program'}.txt"
    if os.environ.get("UPDATE_EXPECTED"):
        path.write_text(ended.stdout, encoding="utf-8")

    assert ended.stdout == path.read_text(encoding="utf-8")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert max(len(line) for line in ended.stdout.splitlines()) <= 100


def test_the_groups_name_every_command_module() -> None:
    folder = Path(sys.modules["reconciler.cli.group"].__file__ or "").parent / "commands"
    modules = {path.stem.removesuffix("_") for path in folder.glob("*.py") if path.stem != "__init__"}

    assert modules == set(COMMANDS)


@pytest.mark.parametrize("words", [["--help"], ["version"], ["plan", "--help"], ["completion", "bash"]])
def test_help_and_version_load_nothing_heavy(words: list[str]) -> None:
    script = (
        "import sys\nfrom reconciler.cli.main import run\n"
        f"run({words!r})\n"
        f"print(sorted({HEAVY!r} & {{name.partition('.')[0] for name in sys.modules}}), file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=PLAIN, timeout=60, check=True
    )

    assert ended.stderr.strip() == "[]"


def test_an_unknown_command_is_guessed_at() -> None:
    ended = program("aply")

    assert ended.returncode == 64
    assert "there is no command `aply`; did you mean `apply`?" in ended.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["plan", "--target", "nonsense"], "`nonsense` is not an address"),
        (["plan", "-l", "team"], "write `key=value`"),
        (["plan", "--nonsense"], "No such option"),
        (["apply", "missing.json"], "does not exist"),
    ],
)
def test_wrong_usage_exits_with_64_and_says_why(words: list[str], sentence: str) -> None:
    ended = program(*words)

    assert ended.returncode == 64
    assert sentence in ended.stderr


def test_flags_have_environment_variables(tmp_path: Path) -> None:
    ended = program("plan", RECONCILER_DIRECTORY=str(tmp_path), RECONCILER_PLAN_TARGET="nonsense")

    assert ended.returncode == 64
    assert "`nonsense` is not an address" in ended.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(shell: str) -> None:
    ended = program("completion", shell)

    assert ended.returncode == 0
    assert "_RECONCILER_COMPLETE" in ended.stdout


def test_completion_completes_a_command() -> None:
    ended = program(_RECONCILER_COMPLETE="bash_complete", COMP_WORDS="reconciler va", COMP_CWORD="1")

    assert "validate" in ended.stdout
