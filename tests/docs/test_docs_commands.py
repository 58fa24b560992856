"""Every command that a page shows is run, in order, and does what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from docs_stage import ROOT, Scene, blocks, commands, fits, pages, plain, scenes, terminal

from reconciler.cli.main import program

SCENES = [
    # The README is what everybody types; the other pages take minutes.
    pytest.param(scene, id=f"{scene.page}-{scene.number}", marks=() if scene.page == "README.md" else pytest.mark.slow)
    for page in pages()
    for scene in scenes(page)
]
_INLINE = re.compile(r"`(reconciler(?: [^`]+)?)`")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scene", SCENES)
def test_the_commands_of_a_page_do_what_it_says(scene: Scene, tmp_path: Path) -> None:
    with terminal(tmp_path, scene.start) as shell:
        for block in scene.blocks:
            if block.language == "diff" and block.words:
                shell.edit(block.words, block.lines)
            elif block.language == "yaml" and block.words:
                shell.write(block.words, "\n".join((*block.lines, "")))
            for command in commands(block) if block.language == "console" else ():
                code, printed = shell.run(command)

                assert code == command.code, f"{scene.page}:{command.at}: {command.text}\n{printed}"
                shown, found = plain("\n".join(command.shown)), plain(printed)
                assert not shown or fits(shown, found), f"{scene.page}:{command.at}: {command.text}\n{printed}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_command_that_is_not_run_says_why(page: Path) -> None:
    silent = [
        f"{page.name}:{block.at}"
        for block in blocks(page)
        if block.language not in {"console", "text"}
        and any(re.match(r"(\$ )?reconciler ", line) for line in block.lines)
        and not block.words.startswith("not-run: ")
    ]

    assert silent == []


@pytest.fixture(scope="module")
def known() -> dict[str, str]:
    """The help of every command, by its words."""
    top = click.Context(program, info_name="reconciler")
    found = {"": program.get_help(top)}
    for name in program.list_commands(top):
        command = program.get_command(top, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=top)
        found[name] = command.get_help(context)
        for inner in command.commands.values() if isinstance(command, click.Group) else ():
            found[f"{name} {inner.name}"] = inner.get_help(click.Context(inner, parent=context))
    return found


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_command_that_is_only_named_exists_with_its_options(page: Path, known: dict[str, str]) -> None:
    wrong = []
    for text in _INLINE.findall(page.read_text(encoding="utf-8")):
        words = text.split()[1:]
        while words and words[0].startswith("-"):
            words = words[2:] if words[0] in {"-e", "-C"} else words[1:]
        name = " ".join(words[:2]) if " ".join(words[:2]) in known else " ".join(words[:1])
        options = [word.partition("=")[0] for word in words if word.startswith("-")]
        if name not in known or any(not re.search(rf"(?<!\S){option}\b", known[name]) for option in options):
            wrong.append(text)

    assert wrong == []


def test_the_plan_that_the_readme_only_shows_is_printed_on_another_page() -> None:
    shown = [block for block in blocks(ROOT / "README.md") if block.language == "text" and "Plan: " in block.lines[-1]]
    printed = ["\n".join(block.lines) for block in blocks(ROOT / "docs" / "adobe.md") if block.language == "console"]

    assert shown
    assert [block.at for block in shown if not any("\n".join(block.lines) in each for each in printed)] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_code_fits_into_eighty_columns(page: Path) -> None:
    wide = [
        f"{page.name}:{number}"
        for block in blocks(page)
        for number, line in enumerate(block.lines, block.at + 1)
        # What the program prints is as wide as it prints it.
        if len(line) > 80 and (block.language != "console" or line.startswith(("$ ", "> ")))
        if block.language != "text"
    ]

    assert wide == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = [each for each in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text) if "://" not in each]

    assert [each for each in targets if not (page.parent / each).exists()] == []
