"""
How many small mistakes planted in the engine the engine's tests notice.

Run as `python tests/engine/check_mutants.py [--children N] [--keep FOLDER]`. Copies the engine and its tests to a
folder of its own, has mutmut plant one mistake at a time there, prints the mistakes that no test noticed, and
exits with 1 when fewer than `GOAL` of all were. `mutants.md` says why the known survivors survive.
"""

from __future__ import annotations

import argparse
import os
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

NOTICED = ("killed", "timeout", "caught by type check")
IGNORED = ("skipped", "not checked")


def prepare(folder: Path) -> None:
    """Everything that the engine's tests need, and nothing else."""
    unwanted = shutil.ignore_patterns("__pycache__", "cli", "emulator", "providers", "*.md")
    shutil.copytree(ROOT / "reconciler", folder / "reconciler", ignore=unwanted)
    shutil.copytree(
        ROOT / "tests" / "engine", folder / "tests" / "engine", ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")


def run(folder: Path, children: int) -> dict[str, str]:
    """Plant every mistake: its name and what became of it."""
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "mutants"}
    mutmut = [sys.executable, "-m", "mutmut"]
    command = [*mutmut, "run", "--max-children", str(children)]
    with (folder / "mutmut.log").open("w", encoding="utf-8") as log:
        subprocess.run(command, cwd=folder, env=environment, check=False, stdout=log, stderr=log)
    listed = subprocess.run(
        [*mutmut, "results", "--all", "true"], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    found = (line.strip().rpartition(": ") for line in listed.stdout.splitlines() if ": " in line)
    return {name: status for name, _, status in found}


def main() -> int:
    """Print the score and the survivors; 0 when the goal is reached."""
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
    for name, status in sorted(found.items()):
        if status not in {*NOTICED, *IGNORED}:
            print(f"{status}: {name}")
    print(", ".join(f"{count} {status}" for status, count in counts.most_common()))
    score = noticed / planted if planted else 0.0
    print(f"{noticed} of {planted} noticed: {score:.1%} in {time.monotonic() - began:.0f} s, {GOAL:.0%} wanted")
    return 0 if score >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
