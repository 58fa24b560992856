"""What differs between two versions of a document, found by deepdiff."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.reports.shown import Reading, at
from reconciler.values import MISSING, UNKNOWN, Address, Blank, Document, FieldChange, Path, Ref, Secret, Value


def versions(before: Document, after: Document, reading: Reading) -> list[FieldChange]:
    """
    Every field that differs, by path, the smallest that say it all; items of a keyed list may move freely.

    deepdiff's defaults are unsafe for documents: it hides private keys, pairs list items by likeness and gives up on
    small likeness. Its report is only asked for paths; the values are those of the documents.
    """
    from deepdiff import DeepDiff  # noqa: PLC0415 - most commands compare no versions, and it is slow to load

    found = DeepDiff(
        _bare(before),
        _bare(after),
        view="tree",
        ignore_private_variables=False,
        zip_ordered_iterables=True,
        threshold_to_diff_deeper=0,
    )
    paths: set[Path] = set()
    for category, levels in found.items():
        for level in levels:
            path: Path = tuple(level.path(output_format="list"))
            if category == "iterable_item_moved" and reading.key_of(path[:-1]):
                continue
            paths.add(_whole(path))
    shortest = [each for each in paths if not any(each[:length] in paths for length in range(len(each)))]
    return [
        FieldChange(path=path, before=_value(before, path), after=_value(after, path))
        for path in sorted(shortest, key=str)
    ]


def _whole(path: Path) -> Path:
    """The path up to the first list: how its items are told apart, the kind says."""
    cut = next((position for position, step in enumerate(path) if isinstance(step, int)), len(path))
    return path[:cut]


def _value(document: Document, path: Path) -> Value:
    value = at(document, path)
    return MISSING if value is UNKNOWN else value


def _bare(value: Value) -> object:
    """The value as plain data; what stands for something else is one word."""
    match value:
        case Secret() | Ref() | Blank() | Address():
            return f"\0{value!r}"
        case tuple():
            return [_bare(each) for each in value]
        case Mapping():
            return {key: _bare(each) for key, each in value.items()}
        case _:
            return value
