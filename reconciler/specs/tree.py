"""One YAML document as data, and where each part of it is written."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from reconciler.values import Mark, Path

Node: TypeAlias = "None | bool | int | float | str | list[Node] | dict[str, Node]"


class RefusedKey(str):
    """
    Stands in the raw tree where a key was refused, so that positions still fit the tree.

    `size` is the number of nodes of the refused key.
    """

    __slots__ = ("size",)

    size: int

    @classmethod
    def number(cls, number: int, size: int) -> RefusedKey:
        """A key that equals no other key of any document."""
        key = cls(f"\0{number}")
        key.size = size
        return key


@dataclass(frozen=True, slots=True)
class Tree:
    """
    One document.

    `data` is what it says without the refused keys, `raw` the same with a stand-in for each. `positions` holds line
    and column from 0, two numbers per node in the order of the text, keys included; `aliases` leads from the number
    of an alias to that of the node it repeats. Nothing else is kept per node: a place is found when it is asked for.
    """

    file: str
    data: Node
    raw: Node
    positions: array[int]
    aliases: Mapping[int, int]
    _children: dict[int, dict[str | int, tuple[int, int]]] = field(default_factory=dict)

    @property
    def start(self) -> Mark:
        """Where the document begins."""
        return self._mark(0)

    def holds(self, mark: Mark) -> bool:
        """Whether the place lies in this document."""
        last = len(self.positions) - 2
        begin = (self.positions[0] + 1, self.positions[1] + 1)
        end = (self.positions[last] + 1, self.positions[last + 1] + 1)
        return mark.file == self.file and begin <= (mark.line, mark.column) <= end

    def mark(self, path: Path, *, key: bool = False) -> Mark | None:
        """
        Where the value at `path` is written, or with `key` the key that holds it; `None` when there is no such path.

        The first question about a document costs time in proportion to its size, later ones next to nothing.
        """
        node, index, key_index = self.raw, 0, 0
        for step in path:
            index = self.aliases.get(index, index)
            if isinstance(node, dict):
                if not isinstance(step, str) or step not in node:
                    return None
                key_index, index = self._places(node, index)[step]
                node = node[step]
            elif isinstance(node, list):
                if not isinstance(step, int) or not 0 <= step < len(node):
                    return None
                key_index, index = self._places(node, index)[step]
                node = node[step]
            else:
                return None
        return self._mark(key_index if key else index)

    def nearest(self, path: Path) -> Mark:
        """Where the value at `path` is written, or the key of the innermost mapping or list that should hold it."""
        found = self.mark(path)
        while found is None:
            path = path[:-1]
            found = self.mark(path, key=True)
        return found

    def _mark(self, index: int) -> Mark:
        return Mark(self.file, self.positions[2 * index] + 1, self.positions[2 * index + 1] + 1)

    def _places(self, node: list[Node] | dict[str, Node], index: int) -> dict[str | int, tuple[int, int]]:
        """For each step into the container its key's number and its value's number."""
        if index not in self._children:
            self._measure(node, index)
        return self._children[index]

    def _measure(self, node: Node, index: int) -> int:
        """How many nodes the value takes in the text. Recursive, because nesting is bounded by the reader."""
        if index in self.aliases or not isinstance(node, (list, dict)):
            return 1
        after = index + 1
        places: dict[str | int, tuple[int, int]] = {}
        if isinstance(node, list):
            for position, child in enumerate(node):
                places[position] = (after, after)
                after += self._measure(child, after)
        else:
            for key, child in node.items():
                value_index = after + (key.size if isinstance(key, RefusedKey) else 1)
                places[key] = (after, value_index)
                after = value_index + self._measure(child, value_index)
        self._children[index] = places
        return after - index


def without_refused(node: Node) -> Node:
    """A copy of the tree without stand-ins."""
    if isinstance(node, list):
        return [without_refused(each) for each in node]
    if isinstance(node, dict):
        return {key: without_refused(each) for key, each in node.items() if not isinstance(key, RefusedKey)}
    return node


def at(node: Node, path: Path) -> Node:
    """The value at `path`; raises `KeyError` when there is none."""
    for step in path:
        if (isinstance(node, dict) and isinstance(step, str) and step in node) or (
            isinstance(node, list) and isinstance(step, int) and 0 <= step < len(node)
        ):
            node = node[step]  # type: ignore[index]  # the condition pairs step and container
        else:
            raise KeyError(step)
    return node
