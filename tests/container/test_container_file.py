"""
The container image, as far as it can be looked at without a container.

The steps that build the program are run as they are written, in folders of this machine; those that install Debian
packages and make a user are only read.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE = ROOT / "Dockerfile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One instruction, of the stage with this number, counted from 1; 0 stands before them all."""

    word: str
    text: str
    stage: int


def steps() -> list[Step]:
    found: list[Step] = []
    stage = 0
    lines = [line for line in FILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, text = line.partition(" ")
            stage += word == "FROM"
            found.append(Step(word=word, text=" ".join(text.split()), stage=stage))
    return found


def of(word: str, stage: int | None = None) -> list[str]:
    return [each.text for each in steps() if each.word == word and stage in (None, each.stage)]


def ignored() -> tuple[set[str], list[str]]:
    """What `.dockerignore` lets in, and the patterns that keep out."""
    lines = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    return {line[1:] for line in lines if line[:1] == "!"}, [line for line in lines if line and line[:1] != "!"]


def test_the_program_is_built_in_one_stage_and_runs_in_another() -> None:
    tag = dict(each.split("=") for each in of("ARG", 0))["PYTHON"]

    assert of("FROM") == ["python:${PYTHON} AS build", "python:${PYTHON}"]
    assert re.fullmatch(r"3\.\d+-slim-[a-z]+", tag)
    assert not any("pip" in each for each in of("RUN", 2))
    assert of("COPY", 2) == ["--from=build /opt/reconciler /opt/reconciler"]


def test_it_runs_as_somebody_who_is_not_root() -> None:
    last = [each.word for each in steps()]
    [user] = of("USER")

    assert user.isdecimal()
    assert int(user) >= 1000
    assert f"useradd --uid {user} " in of("RUN", 2)[0]
    assert last.index("USER") > max(number for number, word in enumerate(last) if word in {"RUN", "COPY"})


def test_it_is_the_command() -> None:
    assert json.loads(of("ENTRYPOINT")[0]) == ["reconciler"]
    assert json.loads(of("CMD")[0]) == ["--help"]
    assert of("HEALTHCHECK") == ["NONE"]
    assert of("WORKDIR", 2) == ["/work"]


def test_no_secret_and_no_stranger_gets_in() -> None:
    let_in, kept_out = ignored()
    named = {each for text in of("COPY", 1) for each in text.split()[:-1]}

    assert kept_out[0] == "*"
    assert named == let_in == {"pyproject.toml", "README.md", "LICENSE", "reconciler"}
    assert of("ADD") == []
    assert not re.search("secret|token|passw|key", " ".join([*of("ENV"), *of("ARG")]), re.IGNORECASE)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_steps_that_build_the_program_make_one_that_begins_and_checks_a_project(tmp_path: Path) -> None:
    source, made = tmp_path / "src", tmp_path / "opt"
    source.mkdir()
    for name in sorted(ignored()[0]):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(ROOT / name, source / name)
    [build] = of("RUN", 1)
    script = build.replace("/opt/reconciler", str(made)).replace("python -m venv", f"{sys.executable} -m venv")
    built = subprocess.run(
        ["bash", "-ec", script], cwd=source, capture_output=True, text=True, check=False, timeout=350
    )
    program = made / "bin" / "reconciler"

    assert built.returncode == 0, built.stdout + built.stderr
    for words, said in (
        (["--version"], "reconciler "),
        (["init", "--project", "exports"], "specs/domo.yaml"),
        (["validate"], "no errors"),
        (["fmt", "--check"], ""),
        (["-e", "prod", "policies", "list"], "public-place"),
    ):
        ended = subprocess.run(
            [program, *words], cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
        )
        assert (ended.returncode, said in ended.stdout) == (0, True), f"{words}\n{ended.stdout}\n{ended.stderr}"
