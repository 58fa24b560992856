"""Where the project lies within its repository, so that places in it can be named as the repository names them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_VARIABLES = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")


def folder_within_repository(root: Path, environ: Mapping[str, str]) -> str:
    """
    The project's folder from the top of its repository, with `/`, and `""` when it is the top or nobody knows.

    The top is where CI checked the repository out, else the nearest folder that holds `.git`.
    """
    root = Path(os.path.realpath(root))
    named = [Path(os.path.realpath(environ[name])) for name in _VARIABLES if environ.get(name)]
    marked = [each for each in (root, *root.parents) if (each / ".git").exists()]
    top = next((each for each in (*named, *marked) if root.is_relative_to(each)), root)
    folder = root.relative_to(top).as_posix()
    return "" if folder == "." else folder
