"""`docs/errors.md` names every id that the program can print, and its examples print what it says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs_stage import ROOT

from reconciler.operations.failures import Invalid
from reconciler.operations.validate import validate
from reconciler.operations.workspace import open_workspace
from reconciler.values import Problem

PAGE = ROOT / "docs" / "errors.md"
LAKE = """\
apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {name: lake}
spec:
  typeId: aws-s3-didomi
  config: {accountId: "210987654321"}
"""
PROJECT = """\
project: my-exports
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

_ENTRY = re.compile(r"^### `(?P<id>[a-z-]+)`\n(?P<text>.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_EXAMPLE = re.compile(r"^```yaml (?P<kind>error|project-error)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_SENTENCE = re.compile(r"^> (?P<text>.+)$", re.MULTILINE)
_ID = re.compile(r"[a-z]+(-[a-z]+)*\Z")
_BRACES = re.compile(r"((?<!\{)\{\w+\}(?!\}))")
_SAYING = {"_say", "_problem", "_weighed", "PydanticCustomError"}

ENTRIES = {each["id"]: each["text"] for each in _ENTRY.finditer(PAGE.read_text(encoding="utf-8"))}
EXAMPLES = [
    (id, example["kind"], example["text"]) for id, text in ENTRIES.items() for example in _EXAMPLE.finditer(text)
]


def ids_in_the_program() -> Iterator[str]:
    """Every id that is written out where a problem is made."""
    for path in (ROOT / "reconciler").rglob("*.py"):
        if "emulator" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if "providers" in path.parts and isinstance(node, ast.Tuple):
                yield from _of_a_finding(node)
            if not isinstance(node, ast.Call):
                continue
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            values = [each.value for each in node.keywords if each.arg == "code"]
            values += node.args[:3] if function in _SAYING else []
            for each in values:
                if isinstance(each, ast.Constant) and isinstance(each.value, str) and _ID.match(each.value):
                    yield each.value


def _of_a_finding(node: ast.Tuple) -> Iterator[str]:
    """The id of a finding that is still a tuple: id and sentence, perhaps a path, and help or `None`."""
    id, rest = next(iter(node.elts), None), node.elts[1:]
    is_help = len(rest) in {2, 3} and isinstance(rest[-1], ast.Constant | ast.JoinedStr | ast.IfExp)
    says = any(isinstance(each, ast.JoinedStr) or " " in str(getattr(each, "value", "")) for each in rest)
    if is_help and says and isinstance(id, ast.Constant) and isinstance(id.value, str) and _ID.match(id.value):
        yield id.value


def problems_of(folder: Path, kind: str, text: str) -> tuple[Problem, ...]:
    """What `validate` says of the example."""
    specs = folder / "specs"
    specs.mkdir()
    (specs / "lake.yaml").write_text(LAKE, encoding="utf-8")
    if kind == "error":
        (specs / "example.yaml").write_text(text, encoding="utf-8")
    (folder / "reconciler.yaml").write_text(text if kind == "project-error" else PROJECT, encoding="utf-8")
    try:
        return validate(open_workspace(folder, environ={})).problems
    except Invalid as invalid:
        return invalid.problems


def test_every_id_has_an_entry_and_every_entry_an_id() -> None:
    assert sorted(ENTRIES) == sorted(set(ids_in_the_program()))


def sentences_of_the_program() -> Iterator[re.Pattern[str]]:
    """What the program can say: every text of it that holds words, with anything where it puts in a value."""
    for path in (ROOT / "reconciler").rglob("*.py"):
        if "emulator" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [each.value if isinstance(each, ast.Constant) else None for each in node.values]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                # In the texts of pydantic's errors braces stand for values, and double ones for themselves.
                parts = [None if re.fullmatch(r"\{\w+\}", each) else each for each in _BRACES.split(node.value)]
            else:
                continue
            said = [each.replace("{{", "{").replace("}}", "}") if isinstance(each, str) else None for each in parts]
            if len(re.findall(r"[a-z]", "".join(each or "" for each in said))) >= 8:
                yield re.compile("".join(".+" if each is None else re.escape(each) for each in said), re.DOTALL)


def test_the_program_can_say_every_sentence_of_the_page() -> None:
    program = list(sentences_of_the_program())
    shown = {id for id, _, _ in EXAMPLES}
    sentences = {id: _SENTENCE.search(text) for id, text in ENTRIES.items()}
    untrue = [
        f"{id}: {found['text']}"
        for id, found in sentences.items()
        # What has an example is compared with what is printed for it.
        if found is not None and id not in shown and not any(each.fullmatch(found["text"]) for each in program)
    ]

    assert shown != set(sentences)
    assert untrue == []


def test_every_entry_has_a_sentence_and_says_what_to_do() -> None:
    silent = [
        id
        for id, text in ENTRIES.items()
        if not _SENTENCE.search(text) or not _SENTENCE.split(text)[-1].strip().endswith((".", ")", "`"))
    ]

    assert silent == []


@pytest.mark.parametrize(("id", "kind", "text"), EXAMPLES, ids=[each[0] for each in EXAMPLES])
def test_an_example_has_this_problem_and_no_other(id: str, kind: str, text: str, tmp_path: Path) -> None:
    found = problems_of(tmp_path, kind, text)
    sentence = _SENTENCE.search(ENTRIES[id])

    assert {each.code for each in found} == {id}
    assert sentence is not None
    assert found[0].message == sentence["text"]
