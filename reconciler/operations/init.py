"""`init`: a starter project that passes `validate`, and that can be applied to the stand-ins as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from textwrap import indent

from reconciler import providers
from reconciler.operations.failures import Failure, Misused
from reconciler.operations.workspace import installed
from reconciler.specs import PROJECT_FILE, json_schema
from reconciler.values.address import is_name

SCHEMA_FILE = "reconciler.schema.json"
"""Where the schema for editors lies, at the top of the project."""

_TEMPLATES = Path(__file__).parent / "starter"
_VENDORS = Path(providers.__file__).parent
_OVERLAY = "overlays/rehearsal.yaml"
_IGNORED = """\
# The state, while it is a folder: keep it, but not here.
.reconciler/
# Saved plans.
plan.json
"""
_SHARED = (".gitignore", ".pre-commit-config.yaml")
"""Files that a repository may have for other reasons, too: what is there is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """
    What was written.

    `files` are names below the folder, `kept` those that were there and stay as they are, with what `init` would have
    written. `variables` lead to the stand-ins.
    """

    project: str
    vendors: tuple[str, ...]
    files: tuple[str, ...]
    kept: Mapping[str, str]
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Starter:
    """
    What a vendor's folder gives to a project that begins.

    Settings for everybody, and those of one environment; manifests; an overlay for rehearsals, perhaps; and variables
    with values that the stand-in accepts: `credentials` are needed everywhere, `rehearsal` only there.
    """

    vendor: str
    settings: str
    rehearsal: str
    manifests: str
    prod: str = ""
    overlay: str = ""
    credentials: Mapping[str, str] = field(default_factory=dict)
    rehearsal_variables: Mapping[str, str] = field(default_factory=dict)


def beginnings() -> tuple[str, ...]:
    """The vendors that a project can begin with, sorted."""
    return tuple(each for each in providers.names() if (_VENDORS / each / "starter").is_dir())


def init(folder: Path, vendors: Sequence[str] = (), project: str | None = None) -> Begun:
    """
    Write a project for these vendors (by default for all) into the folder, which may exist.

    The project is called like the folder unless `project` says otherwise. Writes over no file: raises `Failure` when
    one of the project's is there already, and `Misused` for a vendor or a name that cannot be.
    """
    chosen = [_starter(each) for each in beginnings() if each in (vendors or beginnings())]
    for each in vendors:
        if each not in beginnings():
            raise Misused(f"there is no vendor `{each}`; there are {', '.join(beginnings())}")
    name = project if project is not None else _name_of(folder)
    if not is_name(name):
        raise Misused(
            f"`{name}` is no name for a project: lower-case letters, digits and inner hyphens, at most 63",
            help="give one with `--project`",
        )
    files = _files(name, chosen)
    kept = {each: files.pop(each) for each in _SHARED if _is_there(folder / each)}
    there = [each for each in files if _is_there(folder / each)]
    if there:
        raise Failure(
            f"`{there[0]}` exists already in `{folder}`" + (f", and so do {len(there) - 1} more" if there[1:] else ""),
            help="name another folder; nothing was written",
        )
    _write(folder, files)
    variables: dict[str, str] = {}
    for starter in chosen:
        variables.update({**starter.credentials, **starter.rehearsal_variables})
    return Begun(
        project=name,
        vendors=tuple(each.vendor for each in chosen),
        files=tuple(files),
        kept=kept,
        variables=variables,
    )


def _name_of(folder: Path) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")
    return words[:63].strip("-") or "exports"


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _starter(vendor: str) -> _Starter:
    folder = _VENDORS / vendor / "starter"

    def text(name: str) -> str:
        path = folder / name
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    variables = json.loads(text("variables.json"))
    return _Starter(
        vendor=vendor,
        settings=text("settings.yaml"),
        rehearsal=text("rehearsal.yaml"),
        prod=text("prod.yaml"),
        manifests=text("manifests.yaml"),
        overlay=text("overlay.yaml"),
        credentials=variables["credentials"],
        rehearsal_variables=variables.get("rehearsal", {}),
    )


def _files(project: str, chosen: Sequence[_Starter]) -> dict[str, str]:
    """The project's files in the order in which one reads them."""
    files = {PROJECT_FILE: _project_file(project, chosen)}
    for each in chosen:
        files[f"specs/{each.vendor}.yaml"] = f"# yaml-language-server: $schema=../{SCHEMA_FILE}\n{each.manifests}"
    overlay = "---\n".join(each.overlay for each in chosen if each.overlay)
    if overlay:
        files[_OVERLAY] = overlay
    files[SCHEMA_FILE] = _schema()
    secrets = "".join(f"{name}: ${{{{ secrets.{name} }}}}\n" for each in chosen for name in each.credentials)
    for workflow in ("plan", "apply"):
        files[f".github/workflows/{workflow}.yaml"] = _filled(
            f"{workflow}.yaml", {"SECRETS": indent(secrets, " " * 10)}
        )
    files[".pre-commit-config.yaml"] = _filled("pre-commit.yaml", {})
    files[".gitignore"] = _IGNORED
    return files


@cache
def _schema() -> str:
    return json.dumps(json_schema(installed()), indent=2, ensure_ascii=False) + "\n"


def _project_file(project: str, chosen: Sequence[_Starter]) -> str:
    prod = _by_vendor({each.vendor: each.prod for each in chosen if each.prod}, 6)
    rehearsal = _by_vendor({each.vendor: each.rehearsal for each in chosen}, 6)
    if any(each.overlay for each in chosen):
        rehearsal += f"    overlays: [{_OVERLAY}]\n"
    return _filled(
        "project.yaml",
        {
            "VENDORS": _by_vendor({each.vendor: each.settings for each in chosen}, 2),
            "PROD": f"    vendors:\n{prod}" if prod else "",
            "REHEARSAL": rehearsal,
        },
    ).replace("project: PROJECT\n", f"project: {_shown(project)}\n")


def _shown(name: str) -> str:
    """The name so that no reader takes it for anything but text."""
    return f'"{name}"' if re.fullmatch(r"[0-9].*|null|true|false|yes|no|on|off|y|n", name) else name


def _by_vendor(settings: Mapping[str, str], columns: int) -> str:
    return "".join(indent(f"{vendor}:\n{indent(text, '  ')}", " " * columns) for vendor, text in settings.items())


def _filled(template: str, parts: Mapping[str, str]) -> str:
    """The template with each line that is one of the words replaced by its part."""
    text = (_TEMPLATES / template).read_text(encoding="utf-8")
    for word, part in parts.items():
        text = text.replace(f"\n{word}\n", f"\n{part}")
    return text


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """All files or none."""
    written: list[Path] = []
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            with suppress(OSError):
                path.unlink()
        where = error.filename or folder
        raise Failure(f"`{where}` cannot be written: {(error.strerror or 'unknown reason').lower()}") from None
