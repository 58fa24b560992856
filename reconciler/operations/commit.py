"""Which commit the manifests are of."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

_VARIABLES = ("GITHUB_SHA", "CI_COMMIT_SHA", "BUILDKITE_COMMIT", "CIRCLE_SHA1", "GIT_COMMIT")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LONGEST = 10.0
"""Seconds that git may take: a folder may lie on a network that hangs."""


def commit_of(root: Path, environ: Mapping[str, str]) -> str | None:
    """
    The commit that the project's folder is at, or else the one that CI says it is; None when nobody knows.

    Never an error: a project need not be under git, nor git be installed.
    """
    if any((folder / ".git").exists() for folder in (root, *root.parents)):
        try:
            said = subprocess.run(  # noqa: S603 - nothing in it is a stranger's
                ["git", "-C", str(root), "rev-parse", "--verify", "HEAD"],  # noqa: S607 - the user's own git
                env={name: environ[name] for name in ("PATH", "HOME") if name in environ},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_LONGEST,
                check=False,
            )
        except (OSError, subprocess.SubprocessError):
            pass
        else:
            if said.returncode == 0 and _COMMIT.fullmatch(said.stdout.strip()):
                return said.stdout.strip()
    named = (environ.get(name, "") for name in _VARIABLES)
    return next((each for each in named if _COMMIT.fullmatch(each)), None)
