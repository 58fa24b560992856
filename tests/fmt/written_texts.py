"""YAML as people write it: any data, in any of the styles that YAML has, with comments anywhere between."""

from __future__ import annotations

import json
from random import Random

from hypothesis import strategies as st

from reconciler.specs.styles import is_plain
from reconciler.specs.tree import Node

_SIGNS = "ab Z09-_.:#,'\"{}[]|>&*!%@`?=~\\/é…\t"
TEXTS = st.one_of(
    st.text(_SIGNS, max_size=12),
    st.sampled_from(
        [
            "yes",
            "no",
            "null",
            "~",
            "12",
            "1.50",
            "0x1F",
            "2031-01-01T06:00:00Z",
            "arn:aws:iam::111122223333:role/a",
            "y",
        ]
    ),
    st.lists(st.sampled_from(["one", "two words", "  in", "# no comment", "- x", ""]), min_size=2, max_size=4).map(
        "\n".join
    ),
)
KEYS = st.one_of(st.text("abcXYZ-_", min_size=1, max_size=6), st.sampled_from(["a b", "12", "yes", "a:b", "#a", "- a"]))
SCALARS: st.SearchStrategy[Node] = st.one_of(st.booleans(), st.integers(-999, 99999), TEXTS)
NODES: st.SearchStrategy[Node] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


def _manifest(spec: dict[str, Node], labels: dict[str, Node], words: list[str]) -> Node:
    """A manifest whose keys stand in another order than the usual one."""
    name, kind, version = words
    return {"spec": spec, "metadata": {"labels": labels, "name": name}, "kind": kind, "apiVersion": version}


ROOTS: st.SearchStrategy[Node] = st.one_of(
    st.dictionaries(KEYS, NODES, min_size=1, max_size=5),
    st.lists(NODES, min_size=1, max_size=4),
    st.builds(
        _manifest,
        st.dictionaries(KEYS, NODES, max_size=4),
        st.dictionaries(KEYS, TEXTS, max_size=2),
        st.lists(TEXTS, min_size=3, max_size=3),
    ),
)


class Author:
    """Writes one document, choosing freely; `comments` are those that it has left."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.comments: list[str] = []
        self._keeps = False

    def document(self, node: Node) -> str:
        """The whole document, ending with a line break."""
        lines = [*self._above(0)]
        if isinstance(node, dict | list) and node and self._one_of("block", "block", "flow") == "block":
            lines += self._block(node, 0)
        else:
            lines += [self._flow(node, 1) + self._beside()]
        lines += self._above(0)
        return "".join(f"{line}\n" for line in lines)

    def _one_of(self, *choices: str) -> str:
        return self._chance.choice(choices)

    def _comment(self) -> str:
        text = f"# {len(self.comments)} {self._one_of('why', 'a: 1', '- x', '{', chr(39), '#')}"
        self.comments.append(text)
        return text

    def _above(self, indent: int) -> list[str]:
        made = self._one_of("", "", "", "comment", "comments", *(() if self._keeps else ("blank", "apart")))
        self._keeps = False
        if made == "blank":
            return ["", ""]
        if made == "comments":
            return [" " * indent + self._comment(), " " * indent + self._comment()]
        if made == "apart":
            return ["", " " * indent + self._comment(), "  "]
        return [" " * indent + self._comment()] if made == "comment" else []

    def _beside(self) -> str:
        return f" {self._comment()}" if self._one_of("", "", "", "comment") else self._one_of("", "", "  ")

    def _block(self, node: Node, indent: int) -> list[str]:
        """The lines of a collection that is not empty, standing at `indent`."""
        lines: list[str] = []
        pad = " " * indent
        pairs: list[tuple[str, Node]]
        if isinstance(node, dict):
            pairs = [(f"{self._key(key)}:", value) for key, value in node.items()]
        else:
            assert isinstance(node, list)
            pairs = [("-", value) for value in node]
        for head, value in pairs:
            lines += self._above(indent)
            if isinstance(value, dict | list) and value and self._one_of("block", "flow") == "block":
                unindented = isinstance(value, list) and head != "-" and self._one_of("", "yes") == "yes"
                inner = self._block(value, indent if unindented else indent + int(self._one_of("1", "2", "4")))
                column = len(inner[0]) - len(inner[0].lstrip())
                is_first = inner[0].strip()[:1] not in {"", "#"} and column >= indent + 2
                if head == "-" and is_first and self._one_of("", "up") == "up":
                    lines += [f"{pad}-{' ' * (column - indent - 1)}{inner[0].lstrip()}", *inner[1:]]
                    continue
                lines += [f"{pad}{head}{self._beside()}", *inner]
            elif isinstance(value, str) and "\n" in value and self._one_of("bar", "quotes") == "bar":
                lines += self._bar(f"{pad}{head}", value, indent)
            else:
                lines.append(f"{pad}{head} {self._flow(value, indent + 1)}{self._beside()}")
        return lines

    def _bar(self, head: str, text: str, indent: int) -> list[str]:
        body = text.rstrip("\n")
        chomp = "-" if not text.endswith("\n") else "" if text == f"{body}\n" and body else "+"
        content = text.removesuffix("\n").split("\n")
        self._keeps = chomp == "+"  # a blank line behind it would be a part of it
        marks = "2" + chomp if self._one_of("first", "last") == "first" else chomp + "2"
        lines = [" " * (indent + 2) + each if each else "" for each in content]
        return [f"{head} |{marks}{self._beside()}", *lines]

    def _key(self, key: str) -> str:
        return key if is_plain(key) and self._one_of("plain", "quoted") == "plain" else json.dumps(key)

    def _flow(self, node: Node, indent: int) -> str:
        """A value between brackets, or one in a line; it may go on in further lines, which stand at `indent`."""
        if isinstance(node, dict):
            return self._brackets(
                "{", [f"{json.dumps(key)}: {self._flow(each, indent)}" for key, each in node.items()], "}", indent
            )
        if isinstance(node, list):
            return self._brackets("[", [self._flow(each, indent) for each in node], "]", indent)
        if isinstance(node, str):
            if is_plain(node, flow=True) and self._one_of("plain", "quoted") == "plain":
                return node
            if node.isprintable() and self._one_of("single", "double") == "single":
                return "'" + node.replace("'", "''") + "'"
            return json.dumps(node, ensure_ascii=self._one_of("", "yes") == "yes")
        return json.dumps(node)

    def _brackets(self, begin: str, parts: list[str], end: str, indent: int) -> str:
        style = self._one_of("tight", "wide", "lines", "commented")
        if style in {"tight", "wide"} or not parts:
            inner = ", ".join(parts)
            return f"{begin}{inner}{end}" if style == "tight" else f"{begin} {inner} {end}"
        pad = " " * indent
        lines = [f"{pad}{each}," + (f" {self._comment()}" if style == "commented" else "") for each in parts]
        return "\n".join([begin, *lines, f"{pad}{end}"])
