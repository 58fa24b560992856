"""The house of the design, enforced over the syntax tree: imports point down, and each third party has its rooms."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import reconciler

PACKAGE = Path(reconciler.__file__).parent

ROOMS: dict[str, tuple[set[str], set[str]]] = {
    # room: (rooms it sees, third parties it sees); the longest prefix of a module's path counts
    "values": (set(), set()),
    "emulator": (set(), {"uvicorn", "boto3", "botocore", "moto"}),
    "engine": ({"values"}, set()),
    "engine.codec": ({"values", "engine"}, {"msgspec"}),
    "engine.forms": ({"values"}, {"msgspec"}),
    "engine.journal": ({"values", "engine"}, set()),
    "engine.graph": ({"values", "engine"}, {"networkx"}),
    "sdk": ({"values"}, {"pydantic", "pydantic_core"}),
    "specs": ({"sdk", "engine", "values"}, {"yaml", "pydantic", "pydantic_core", "typing_extensions"}),
    "stores": ({"values"}, {"boto3", "botocore", "google"}),
    "backend": ({"stores", "engine", "sdk", "values"}, {"msgspec"}),
    "transport": ({"sdk", "values"}, {"urllib3"}),
    "secrets": ({"transport", "sdk", "values"}, {"boto3", "botocore", "google", "pyrage"}),
    "deliveries": (
        {"sdk", "engine", "values"},
        {
            "boto3", "botocore", "google", "obstore", "paramiko", "duckdb",
            "msgspec", "jsonschema", "jsonschema_rs", "distributed", "mypy_boto3_s3",
        },
    ),
    "providers": (
        {"transport", "deliveries", "sdk", "values"},
        {"pydantic", "pydantic_core", "jsonschema", "boto3", "botocore", "duckdb"},
    ),
    "policy": ({"sdk", "engine", "values"}, {"cel_expr_python"}),
    "history": ({"engine", "values"}, set()),
    "reports": ({"engine", "sdk", "values"}, set()),
    "reports.versions": ({"engine", "sdk", "values"}, {"deepdiff"}),
    "reports.html": ({"reports"}, {"jinja2", "markupsafe"}),
    "operations": (
        {
            "specs", "stores", "backend", "secrets", "transport", "providers", "reports", "deliveries",
            "policy", "history", "engine", "sdk", "values", "emulator",
        },
        set(),
    ),
    "operations.recording": ({"transport", "values"}, {"opentelemetry", "requests"}),
    "__main__": ({"cli"}, set()),
    "cli": (
        {
            "operations", "specs", "stores", "backend", "secrets", "reports", "policy", "engine", "sdk", "values",
            "emulator",
        },
        {"click", "rich"},
    ),
}  # fmt: skip

CLOUDS = {
    "boto3", "botocore", "google", "obstore", "paramiko", "deepdiff", "networkx", "jinja2", "duckdb", "moto",
    "jsonschema", "jsonschema_rs", "distributed", "cel_expr_python",
}  # fmt: skip


def modules() -> list[str]:
    return sorted(
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        for path in PACKAGE.rglob("*.py")
        if path != PACKAGE / "__init__.py"
    )


def source_of(module: str) -> tuple[Path, bool]:
    path = PACKAGE.joinpath(*module.split("."))
    return (path / "__init__.py", True) if path.is_dir() else (path.with_suffix(".py"), False)


def imports_of(module: str) -> Iterator[str]:
    path, is_package = source_of(module)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = ["reconciler", *module.split(".")]
                base = base[: len(base) - node.level + is_package]
                yield ".".join([*base, *([node.module] if node.module else [])])
            elif node.module == "reconciler":
                yield from (f"reconciler.{each.name}" for each in node.names)
            elif node.module is not None:
                yield node.module


def room_of(module: str) -> str:
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in ROOMS:
            return ".".join(parts[:length])
    raise AssertionError(f"`{module}` stands in no room of the table")


def complaints(module: str, imported: list[str]) -> Iterator[str]:
    room = room_of(module)
    floor = room.split(".")[0]
    rooms, parties = ROOMS[room]
    vendor = module.split(".")[1] if floor == "providers" and "." in module else None
    is_emulator = vendor is not None and module.split(".")[2:3] == ["emulator"]
    for name in imported:
        top, _, inner = name.partition(".")
        if top != "reconciler":
            if top not in sys.stdlib_module_names and top not in parties:
                yield f"{module} imports {name}"
            continue
        if inner in {"", "__version__"}:
            continue
        target = inner.split(".")[0]
        if is_emulator:
            own = inner.startswith(f"providers.{vendor}.emulator")
            if target != "emulator" and not own:
                yield f"{module} imports {name}: an emulator sees only the emulator room and itself"
        elif target == floor:
            other = inner.split(".")[1:2]
            if vendor is not None and other not in ([], [vendor]):
                yield f"{module} imports {name}: vendors never see each other"
            if vendor is not None and inner.startswith(f"providers.{vendor}.emulator"):
                yield f"{module} imports {name}: a client does not know its emulator"
        elif target not in rooms:
            yield f"{module} imports {name}: `{floor}` does not see `{target}`"


@pytest.mark.parametrize("module", modules())
def test_imports_point_down_only(module: str) -> None:
    found = list(complaints(module, list(imports_of(module))))

    assert found == []


def test_the_test_sees_what_is_wrong() -> None:
    wrong = {
        "values.address": ["pydantic", "reconciler.engine.diff"],
        "engine.diff": ["networkx", "reconciler.sdk"],
        "sdk.kinds": ["reconciler.engine.planner", "urllib3"],
        "providers.didomi.client": ["reconciler.providers.adobe.client", "reconciler.providers.didomi.emulator"],
        "providers.didomi.emulator": ["reconciler.providers.didomi.client", "reconciler.sdk"],
        "specs.reader": ["reconciler.backend", "requests"],
        "transport": ["reconciler.engine.diff"],
    }

    silent = [name for name, imported in wrong.items() if len(list(complaints(name, imported))) != len(imported)]

    assert silent == []


FILES = {"__main__"}


@pytest.mark.parametrize("room", sorted(each for each in ROOMS if "." not in each and each not in FILES))
def test_every_room_says_in_its_docstring_what_belongs_there(room: str) -> None:
    text = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text(encoding="utf-8"))) or ""

    assert len(text.split()) >= 15
    assert text.count(".") >= 2


@pytest.mark.parametrize("module", modules())
def test_heavy_libraries_are_not_imported_with_a_module(module: str) -> None:
    path, _ = source_of(module)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    early = [
        name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
        if name.split(".")[0] in CLOUDS
    ]

    assert early == []
