"""The schema as editors use it: a sentence for every field, every example right, and a real language server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from editor_server import Editor, server_program
from jsonschema import Draft202012Validator

from reconciler import providers
from reconciler.operations.workspace import installed
from reconciler.specs import json_schema
from reconciler.specs.reader import read
from reconciler.specs.tree import Node

ROOT = Path(__file__).parents[2]
SCHEMA = json_schema(installed())
VALIDATOR = Draft202012Validator(SCHEMA)
_STARTERS = sorted(Path(providers.__file__).parent.glob("*/starter/manifests.yaml"))
_FOLDERS = [*(ROOT / "examples").glob("*/specs"), ROOT / "specs", ROOT / "reconciler/operations/demo_world"]
FILES = [
    *_STARTERS,
    *sorted(
        path
        for folder in _FOLDERS
        for path in folder.rglob("*.yaml")
        if "overlays" not in path.parts and path.name != "reconciler.yaml"
    ),
]


MANIFESTS = [
    pytest.param(tree.data, id=f"{path.relative_to(ROOT)}-{number}")
    for path in FILES
    for number, tree in enumerate(read(path.read_bytes(), path.name).trees, 1)
]


def properties(schema: object, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every property of the schema and of what is in it, but for the conditions that tell kinds apart."""
    if isinstance(schema, list):
        for each in schema:
            yield from properties(each, path)
    elif isinstance(schema, dict):
        for name, each in schema.get("properties", {}).items():
            yield f"{path}/{name}", each
            yield from properties(each, f"{path}/{name}")
        for key, each in schema.items():
            if key not in {"properties", "examples", "default", "const", "enum", "if", "then"}:
                yield from properties(each, f"{path}/{key}" if path == "$defs" or key == "$defs" else path)


@pytest.mark.parametrize("document", MANIFESTS)
def test_every_manifest_that_we_show_fits(document: Node) -> None:
    assert [each.message for each in VALIDATOR.iter_errors(document)] == []


def test_every_field_has_a_sentence() -> None:
    silent = [
        path
        for path, each in properties(SCHEMA, "")
        if "description" not in each
        and "description" not in SCHEMA["$defs"].get(each.get("$ref", "").removeprefix("#/$defs/"), {})
    ]

    assert silent == []


def test_every_kind_has_an_example_and_says_what_it_is() -> None:
    catalog = installed()

    for vendor in catalog.names:
        for kind in catalog.kinds(vendor):
            definition = SCHEMA["$defs"][f"{vendor}.{kind}"]
            assert definition["examples"], kind
            assert definition["description"], kind


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({"delivery": {"contract": "a.json", "private": False, "lateAfter": "8h", "options": {"guests": True}}}, True),
        ({"delivery": {"late": "8h"}}, False),
        ({"policy": [{"ignore": "team-label", "reason": "moves next week", "until": "2099-01-31"}]}, True),
        ({"policy": [{"ignore": "team-label"}]}, False),
        ({"metadata": {"name": "sea", "renamedFrom": "lake"}}, True),
        ({"metadata": {"name": "sea", "renamedFrom": "Lake"}}, False),
        ({"lifecycle": {"ignoreChanges": ["spec.name"]}}, True),
        ({"lifecycle": {"ignoreChanges": [{"path": "spec.name", "until": "2099-01-31", "reason": "x"}]}}, True),
        ({"lifecycle": {"ignoreChanges": [{"until": "2099-01-31"}]}}, False),
        ({"lifecycle": {"onRemoval": "explode"}}, False),
        ({"kind": "Destination"}, False),
    ],
    ids=str,
)  # fmt: skip
def test_what_stands_around_the_spec_is_checked(change: dict[str, Any], fits: bool) -> None:
    manifest = {
        "apiVersion": "didomi.reconciler/v1",
        "kind": "ExportConfig",
        "metadata": {"name": "daily"},
        "spec": {"data": {"users": {"enabled": True}, "proofs": {"enabled": False}}, "destinations": ["lake"]},
    }

    assert VALIDATOR.is_valid({**manifest, **change}) is fits


MANIFEST = """\
# yaml-language-server: $schema={schema}
apiVersion: didomi.reconciler/v1
kind: ExportConfig
metadata:
  name: daily
spec:
  data:
    users: {{enabled: true}}
    proofs: {{enabled: false}}
  destinations: [lake]
"""


@pytest.mark.slow
def test_a_language_server_checks_explains_and_completes(tmp_path: Path) -> None:
    program = server_program()
    if program is None:
        pytest.skip("`yaml-language-server` is not installed (npm; RECONCILER_YAML_LANGUAGE_SERVER=<its folder>)")
    schema = tmp_path / "reconciler.schema.json"
    schema.write_text(json.dumps(SCHEMA), encoding="utf-8")
    good = MANIFEST.format(schema=schema.as_uri())
    with Editor(program) as editor:
        fine = editor.open(tmp_path / "good.yaml", good)
        wrong = editor.open(tmp_path / "wrong.yaml", good.replace("destinations", "destination"))
        shown = editor.hover(tmp_path / "good.yaml", 9, 4)
        editor.open(tmp_path / "begun.yaml", f"{good}  \n")
        offered = editor.completions(tmp_path / "begun.yaml", 10, 2)
        kinds = editor.completions(tmp_path / "good.yaml", 2, 6)

    assert fine == []
    assert any("destination" in each for each in wrong)
    assert "Where to: names of" in shown
    assert {"enabled", "description", "name"} <= offered
    assert {"Destination", "ExportConfig", "Integration"} <= kinds
