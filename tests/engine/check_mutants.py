"""
How many small mistakes planted in the engine the engine's tests notice.

Run as `python tests/engine/check_mutants.py [--children N] [--keep FOLDER]`. Copies the engine and its tests to a
folder of its own, has mutmut plant one mistake at a time there, prints the mistakes that no test noticed and that
`mutants.md`, which says why the known survivors survive, does not list, and exits with 1 when fewer than `GOAL` of all
were noticed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

GOAL = 0.85
ROOT = Path(__file__).resolve().parents[2]
SETTINGS = """
[tool.mutmut]
source_paths = ["reconciler"]
only_mutate = ["reconciler/engine/*.py"]
pytest_add_cli_args_test_selection = ["tests/engine"]
pytest_add_cli_args = ["-q", "-x", "-p", "no:cacheprovider", "--ignore=tests/engine/test_engine_any_world.py"]

[tool.pytest.ini_options]
filterwarnings = ["error"]
"""
# The property tests over whole worlds are left out: they take seconds, and a mistake that survives meets every test.

FRESH = """
import sys

import pytest
from reconciler.engine import forms

MADE_AT_IMPORT = dict(forms._FORMS)


@pytest.fixture(autouse=True)
def fresh():
    forms._FORMS.clear()
    forms._FORMS.update(MADE_AT_IMPORT)
    for name, module in list(sys.modules.items()):
        if name.startswith("reconciler.engine"):
            for each in vars(module).values():
                if hasattr(each, "cache_clear"):
                    each.cache_clear()
"""
# A `conftest.py` for the copy: what a cache remembers was made before the mistake, and by another test than the one
# that is asked to notice it.

NOTICED = ("killed", "timeout", "caught by type check")
IGNORED = ("skipped",)


def prepare(folder: Path) -> None:
    """Everything that the engine's tests need, and nothing else."""
    unwanted = shutil.ignore_patterns("__pycache__", "cli", "emulator", "providers", "*.md")
    shutil.copytree(ROOT / "reconciler", folder / "reconciler", ignore=unwanted)
    shutil.copytree(
        ROOT / "tests" / "engine", folder / "tests" / "engine", ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder / "tests" / "engine" / "conftest.py").write_text(FRESH, encoding="utf-8")
    (folder / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")


def run(folder: Path, children: int) -> dict[str, str]:
    """Plant every mistake: its name and what became of it."""
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "mutants"}
    mutmut = [sys.executable, "-m", "mutmut"]
    command = [*mutmut, "run", "--max-children", str(children)]
    with (folder / "mutmut.log").open("w", encoding="utf-8") as log:
        ran = subprocess.run(command, cwd=folder, env=environment, check=False, stdout=log, stderr=log)
    if ran.returncode != 0:
        end = (folder / "mutmut.log").read_text(encoding="utf-8", errors="replace")[-2000:]
        raise SystemExit(f"mutmut itself failed with {ran.returncode}:\n{end}")
    listed = subprocess.run(
        [*mutmut, "results", "--all", "true"], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    found = (line.strip().rpartition(": ") for line in listed.stdout.splitlines() if ": " in line)
    return {name: status for name, _, status in found}


def place(name: str) -> tuple[str, int]:
    """Where a mistake is planted, such as `deciding.Decider._decide`, and its number there, by mutmut's name for it."""
    function, _, number = name.removeprefix("reconciler.engine.").rpartition("__mutmut_")
    module, _, mangled = function.partition(".")
    return f"{module}.{mangled.removeprefix('x').removeprefix('_').strip('ǁ').replace('ǁ', '.')}", int(number)


def known() -> frozenset[tuple[str, int]]:
    """The survivors that `mutants.md` explains, from the rows of its tables: function, numbers, why."""
    text = (Path(__file__).parent / "mutants.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w.]+)` \| ([\d, ]+) \|", text, re.MULTILINE)
    return frozenset((function, int(number)) for function, numbers in rows for number in numbers.split(","))


def main() -> int:
    """Print the score and the new survivors; 0 when the goal is reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path, help="work here and leave everything for a closer look")
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as temporary:
        folder = arguments.keep or Path(temporary)
        prepare(folder)
        found = run(folder, arguments.children)
    counts = Counter(found.values())
    planted = sum(count for status, count in counts.items() if status not in IGNORED)
    noticed = sum(counts[status] for status in NOTICED)
    survivors = {place(name): f"{status}: {name}" for name, status in found.items() if status not in NOTICED + IGNORED}
    explained = known()
    for each, line in sorted(survivors.items()):
        if each not in explained:
            print(f"new: {line}")
    for function, number in sorted(explained - survivors.keys()):
        print(f"noticed now, or gone: {function} {number}")
    print(", ".join(f"{count} {status}" for status, count in counts.most_common()))
    score = noticed / planted if planted else 0.0
    print(f"{noticed} of {planted} noticed: {score:.1%} in {time.monotonic() - began:.0f} s, {GOAL:.0%} wanted")
    return 0 if score >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
