"""
Companies whose exports are measured: manifests, the same objects at the vendor, and what the state remembers of them.

Ten manifests to a file, about 18 lines each, with comments, labels, lifecycles and secret references, as people write
them. Every run makes the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import adobe_estate
import didomi_estate
from exported import BEGINNING, PER_FILE, Exported, Row

from reconciler.values import Value

__all__ = ["BEGINNING", "COMPANIES", "PER_FILE", "Company", "exported", "write_objects", "write_project"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """
    A customer of one vendor.

    `settings` is the vendor's part of the project file for the address at which it answers. `identifier` is the id of
    the object of a kind and a name, `applied` what is remembered of it where that is not what the manifest says.
    """

    settings: Callable[[str], str]
    exported: Callable[[int], Iterator[Exported]]
    identifier: Callable[[str, str], str]
    applied: Callable[[str, str], Mapping[str, Value]]


COMPANIES: Mapping[str, Company] = {
    "adobe": Company(
        settings=adobe_estate.settings,
        exported=adobe_estate.exported,
        identifier=adobe_estate.identifier,
        applied=adobe_estate.applied,
    ),
    "didomi": Company(
        settings=didomi_estate.settings,
        exported=didomi_estate.exported,
        identifier=didomi_estate.identifier,
        applied=lambda _kind, _name: {},
    ),
}
"""By the name of the vendor."""


def write_project(folder: Path, *, size: int, url: str, vendor: str = "didomi") -> None:
    """A project of `size` manifests in `folder`, whose vendor answers at `url`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "reconciler.yaml").write_text(COMPANIES[vendor].settings(url), encoding="utf-8")
    everything = list(exported(size, vendor))
    for start in range(0, size, PER_FILE):
        file = folder / "specs" / f"team-{start // 1000:02d}" / f"exports-{start // PER_FILE:05d}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        documents = (each.manifest for each in everything[start : start + PER_FILE])
        file.write_text("---\n".join(documents), encoding="utf-8")


def write_objects(file: Path, *, size: int, vendor: str = "didomi") -> None:
    """What the vendor holds, as JSON: rows by collection, in the order of their creation."""
    rows: dict[str, list[Row]] = {}
    for each in exported(size, vendor):
        for collection, row in each.rows:
            rows.setdefault(collection, []).append(row)
    file.write_text(json.dumps(rows), encoding="utf-8")


def exported(size: int, vendor: str = "didomi") -> Iterator[Exported]:
    """`size` manifests and their objects."""
    return COMPANIES[vendor].exported(size)
