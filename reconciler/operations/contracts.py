"""The contracts that manifests name: JSON Schemas of the owner's, as files of the project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reconciler.specs import DeliveryBlock, Loaded
from reconciler.values import Address, Problem


def contract_problems(root: Path, loaded: Loaded) -> tuple[Problem, ...]:
    """Manifests whose `delivery.contract` is no usable JSON Schema. Opens no connection."""
    said: dict[str, Problem] = {}
    for address, block in sorted(loaded.deliveries.items()):
        if block.rules.contract is None:
            continue
        mark = block.marks.get("contract", block.mark)
        problem = _wrong(root, block)
        if problem is not None and str(mark) not in said:
            message, help = problem
            said[str(mark)] = Problem(code="contract", message=message, mark=mark, address=address, help=help)
    return tuple(said.values())


def _wrong(root: Path, block: DeliveryBlock) -> tuple[str, str] | None:
    contract = str(block.rules.contract)
    shown = contract if contract.isprintable() else "it"
    path = contract_path(root, block)
    if not path.resolve().is_relative_to(root.resolve()):
        return f"`contract` names `{shown}`, which lies outside the project", "keep the schema in the project"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        help = "paths start at the project's folder, and those with `./` beside the manifest"
        return f"`contract` names `{shown}`, and there is no such file", help
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        return f"`contract` names `{shown}`, which cannot be read: {reason}", "it must be a JSON Schema"
    from reconciler.deliveries.schemas import schema_flaw  # noqa: PLC0415 - only who names a contract pays

    flaw = schema_flaw(text)
    help = "it must be a JSON Schema for one record"
    return (f"`contract` names `{shown}`, which is no JSON Schema: {flaw}", help) if flaw is not None else None


def contract_path(root: Path, block: DeliveryBlock) -> Path:
    """Where the contract of a manifest lies: beside the manifest with `./` or `../`, else below the project."""
    contract = str(block.rules.contract)
    if contract.startswith(("./", "../")):
        return (root / block.mark.file).parent / contract
    return root / contract


def schemas_of(root: Path, loaded: Loaded) -> Mapping[Address, tuple[str, str]]:
    """For each address whose manifest names a contract: its path as written, and the text of the schema."""
    return {
        address: (str(block.rules.contract), contract_path(root, block).read_text(encoding="utf-8"))
        for address, block in loaded.deliveries.items()
        if block.rules.contract is not None
    }
