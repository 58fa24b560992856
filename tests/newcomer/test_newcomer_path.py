"""Somebody who knows only the README comes from an empty folder to an applied export."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "newcomer_path.py"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_readme_alone_leads_to_an_applied_export() -> None:
    ended = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False, timeout=250)
    typed = [line.split(None, 2)[2] for line in ended.stdout.splitlines()]
    words = [match[1] for line in typed if (match := re.match(r"reconciler ([a-z]+)", line))]
    in_order = ["init", "validate", "plan", "apply", "plan", "destroy"]

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "exit code" not in ended.stdout.replace("# exit code", "")
    remaining = iter(words)
    assert all(each in remaining for each in in_order), words
