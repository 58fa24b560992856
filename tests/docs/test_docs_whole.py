"""No command, flag or key is missing on the pages, and the commands stand in the order of `--help`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import click
import pytest
from docs_stage import ROOT
from pydantic import TypeAdapter

from reconciler import providers
from reconciler.cli.main import program
from reconciler.sdk import VendorSettings
from reconciler.specs.project_file import ProjectFile

DOCS = ROOT / "docs"
_HEADING = re.compile(r"^### (?P<commands>.+)$", re.MULTILINE)


def text_of(*names: str) -> str:
    return "\n".join((DOCS / name).read_text(encoding="utf-8") for name in names)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with its name, groups and their commands too."""
    top = click.Context(program, info_name="reconciler")
    for name in program.list_commands(top):
        command = program.get_command(top, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", each) for inner, each in command.commands.items())


def keys(schema: Mapping[str, object]) -> frozenset[str]:
    """Every key that what the schema describes may have, however deep."""
    definitions = schema.get("$defs", {})
    parts = [schema, *(definitions.values() if isinstance(definitions, Mapping) else ())]
    found = [each.get("properties") for each in parts if isinstance(each, Mapping)]
    return frozenset(str(key) for each in found if isinstance(each, Mapping) for key in each)


def _own_page(vendor: str) -> tuple[str, ...]:
    return (f"{vendor}.md",) if (DOCS / f"{vendor}.md").is_file() else ()


def test_the_commands_stand_in_the_order_of_the_help() -> None:
    headings = [name for found in _HEADING.findall(text_of("commands.md")) for name in found.split(", ")]

    assert [each.split()[0] for each in headings] == program.list_commands(click.Context(program))


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    names = program.list_commands(click.Context(program))

    assert [each for each in names if f"| `reconciler {each}" not in readme] == []


@pytest.mark.parametrize(("name", "command"), [pytest.param(*each, id=each[0]) for each in commands()])
def test_every_flag_of_a_command_is_on_the_page(name: str, command: click.Command) -> None:
    page = text_of("commands.md")
    flags = [each.opts for each in command.params if isinstance(each, click.Option)]

    assert [
        each for each in flags if not any(re.search(rf"(?<![\w-]){option}(?![\w-])", page) for option in each)
    ] == [], name


def test_every_command_of_a_group_is_on_the_page() -> None:
    page = text_of("commands.md")
    inner = [name.split()[1] for name, _ in commands() if " " in name]

    assert inner
    assert [each for each in inner if not re.search(rf"(`| ){each}\b", page)] == []


def test_every_key_of_the_project_file_is_on_its_page() -> None:
    page = text_of("project-file.md", "secrets.md")

    assert [each for each in sorted(keys(ProjectFile.model_json_schema())) if not re.search(rf"\b{each}\b", page)] == []


@pytest.mark.parametrize("vendor", providers.names())
def test_every_setting_of_a_vendor_is_on_a_page(vendor: str) -> None:
    settings: type[VendorSettings] = providers.load(vendor).settings
    page = text_of("project-file.md", *_own_page(vendor))

    assert [each for each in sorted(keys(settings.model_json_schema())) if not re.search(rf"\b{each}\b", page)] == []


@pytest.mark.parametrize("vendor", providers.names())
def test_every_kind_and_field_is_on_a_page(vendor: str) -> None:
    page = text_of("manifests.md", *_own_page(vendor))
    kinds = providers.load(vendor).kinds
    words = {each.name for each in kinds}.union(*(keys(TypeAdapter(each.spec).json_schema()) for each in kinds))

    assert [each for each in sorted(words) if not re.search(rf"\b{each}\b", page)] == []
