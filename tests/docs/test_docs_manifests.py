"""Every manifest and every piece of a project file that a page shows is one that `validate` accepts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs_stage import ROOT, Block, blocks, pages

from reconciler.operations.failures import Invalid
from reconciler.operations.validate import validate
from reconciler.operations.workspace import open_workspace
from reconciler.values import Severity

VENDORS = """\
vendors:
  adobe:
    organization: EXAMPLE@AdobeOrg
    sandbox: prod
    credentials: {clientId: example-client, clientSecret: {env: ADOBE_CLIENT_SECRET}}
  didomi:
    organizationId: example-org
    credentials: {key: {env: DIDOMI_KEY}, secret: {env: DIDOMI_SECRET}}
  domo:
    instance: example
    token: {env: DOMO_TOKEN}
"""
ENVIRON = {"ADOBE_CLIENT_ID": "example-client"}
_OF_A_PROJECT = re.compile(r"^(project|state|vendors|secrets|limits|environments|values):", re.MULTILINE)
# Named manifests may stand on another page.
_ELSEWHERE = {"unknown-reference"}


def shown(pattern: str) -> list[object]:
    """The YAML fences of all pages, run by no page, whose text matches."""
    return [
        pytest.param(block, id=f"{page.relative_to(ROOT)}:{block.at}")
        for page in pages()
        for block in blocks(page)
        if block.language == "yaml" and not block.words and re.search(pattern, "\n".join(block.lines), re.MULTILINE)
    ]


def faults(folder: Path, project: str, manifest: str = "") -> list[str]:
    """What `validate` calls wrong."""
    (folder / "specs").mkdir()
    (folder / "specs" / "shown.yaml").write_text(manifest, encoding="utf-8")
    (folder / "reconciler.yaml").write_text(project, encoding="utf-8")
    try:
        problems = validate(open_workspace(folder, environ=ENVIRON, environment=_an_environment(project))).problems
    except Invalid as invalid:
        problems = invalid.problems
    return [
        f"{each.code}: {each.message}"
        for each in problems
        if each.severity is Severity.ERROR and each.code not in _ELSEWHERE
    ]


def _an_environment(project: str) -> str | None:
    return "prod" if "\nenvironments:" in f"\n{project}" else None


@pytest.mark.parametrize("block", shown(r"^apiVersion: "))
def test_a_manifest_on_a_page_is_valid(block: Block, tmp_path: Path) -> None:
    assert faults(tmp_path, f"project: my-exports\n{VENDORS}", "\n".join(block.lines)) == []


@pytest.mark.parametrize("block", shown(_OF_A_PROJECT.pattern))
def test_a_piece_of_a_project_file_on_a_page_is_valid(block: Block, tmp_path: Path) -> None:
    text = "\n".join(block.lines)
    rest = "" if re.search(r"^project:", text, re.MULTILINE) else "project: my-exports\n"

    assert faults(tmp_path, f"{rest}{text}\n") == []
