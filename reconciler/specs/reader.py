"""
YAML text to data with positions, built from the C parser's events.

Never recursive and never through the library's constructors: a file from outside can neither crash the process nor
make objects. Every fault of a file is collected with its place.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import yaml
from yaml import AliasEvent, MappingStartEvent, ScalarEvent, SequenceStartEvent
from yaml._yaml import CParser  # yaml.cyaml only passes it on, which the stubs do not allow

from reconciler.specs.scalars import Ambiguous, plain_value
from reconciler.specs.syntax import plain_sentence
from reconciler.specs.tree import Node, RefusedKey, Tree, without_refused
from reconciler.values import Mark, Path, Problem, dotted

MAX_BYTES: Final = 10_000_000
MAX_DEPTH: Final = 64
MAX_NODES: Final = 100_000
"""Keys and values of one document; a manifest has some dozens."""
MAX_DOCUMENTS: Final = 20_000
"""Documents of one file, empty ones included."""
MAX_REPEATED: Final = 10_000
"""Nodes that the aliases of one document may add to it."""
MAX_PROBLEMS: Final = 100
"""Problems of one file after which reading it is pointless."""

FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U000dffff\U000e0080-\U0010ffff]"
)
"""Controls, what changes the direction of text, invisible line ends and tags: nowhere in a file."""
HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""In addition, not even as an escape in a name or a key: what cannot be seen."""
_CORE_TAG = "tag:yaml.org,2002:"
_BOMS: Final = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    One file, read.

    `complete` is false when reading stopped before the end; `text` is then the file's text, for those who
    want to know what the rest might have held. `uses_variables` is false when no key is `var` or `output`.
    """

    trees: tuple[Tree, ...]
    problems: tuple[Problem, ...]
    complete: bool = True
    text: str = ""
    uses_variables: bool = False


def hidden_character(text: str) -> str | None:
    """The first invisible character of `text` as `U+202E`, if it has one."""
    found = HIDDEN.search(text)
    return f"U+{ord(found[0]):04X}" if found else None


def read(data: bytes, file: str, *, nulls: bool = False) -> Reading:
    """
    The documents of one file, empty ones left out, and everything that is wrong with it.

    `nulls` allows the values of mappings to be null. Costs about 0.1 ms for a manifest of twenty lines.
    """
    text = _decoded(data, file)
    if isinstance(text, Problem):
        return Reading(trees=(), problems=(text,), complete=False)
    found = FORBIDDEN.search(text)
    if found:
        return Reading(trees=(), problems=(_forbidden(text, found.start(), file),), complete=False, text=text)
    builder = _Builder(file=file, nulls=nulls)
    try:
        builder.build(CParser(data))
    except _Stop:
        complete = False
    except yaml.MarkedYAMLError as error:
        sentence, help, line, column = plain_sentence(error)
        builder.problems.append(
            Problem(code="syntax", message=sentence, help=help, mark=Mark(file, line + 1, column + 1))
        )
        complete = False
    except yaml.YAMLError:
        # The reader's complaints about characters; ours above should have come first.
        builder.problems.append(Problem(code="syntax", message="this is not YAML", mark=Mark(file, 1, 1)))
        complete = False
    else:
        complete = True
    return Reading(
        trees=tuple(builder.trees),
        problems=tuple(builder.problems),
        complete=complete,
        text="" if complete else text,
        uses_variables="var" in builder.keys or "output" in builder.keys,
    )


def _decoded(data: bytes, file: str) -> str | Problem:
    if len(data) > MAX_BYTES:
        return Problem(
            code="file-too-large",
            message=f"the file has more than {MAX_BYTES // 1_000_000} MB",
            help="split it; manifests may lie in any number of files",
            mark=Mark(file, 1, 1),
        )
    for bom, name in _BOMS:
        if data.startswith(bom):
            return Problem(
                code="encoding", message=f"the file is {name}", help="save it as UTF-8", mark=Mark(file, 1, 1)
            )
    if data.startswith(b"\xef\xbb\xbf"):
        return Problem(
            code="encoding",
            message="the file begins with a byte order mark",
            help="save it as UTF-8 without one",
            mark=Mark(file, 1, 1),
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = _place(data[: error.start].decode("utf-8"))
        return Problem(
            code="encoding",
            message=f"byte `0x{data[error.start]:02x}` is no UTF-8",
            help="save the file as UTF-8",
            mark=Mark(file, line, column),
        )


def _forbidden(text: str, position: int, file: str) -> Problem:
    character = text[position]
    line, column = _place(text[:position])
    return Problem(
        code="hidden-character",
        message=f"an invisible character, `U+{ord(character):04X}`, stands here",
        help="remove it; in a text that needs it write it as an escape in double quotes",
        mark=Mark(file, line, column),
    )


def _place(before: str) -> tuple[int, int]:
    lines = re.split(r"\r\n|\r|\n", before)
    return len(lines), len(lines[-1]) + 1


class _At(Protocol):
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class _Stop(Exception):  # control flow: the rest of the file is not worth reading
    pass


@dataclass(slots=True)
class _Anchored:
    """A node with an anchor that has begun and not ended."""

    name: str
    depth: int
    index: int
    size: int
    deepest: int


@dataclass(slots=True)
class _Known:
    """A node that aliases may repeat: its number, how many nodes it holds, how deep it is, and its value."""

    index: int
    size: int
    height: int
    value: Node


@dataclass(slots=True)
class _Builder:
    file: str
    nulls: bool
    trees: list[Tree] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)

    stack: list[list[Node] | dict[str, Node]] = field(default_factory=list)
    current: list[Node] | dict[str, Node] | None = None
    positions: list[int] = field(default_factory=list)
    anchors: dict[str, _Known] = field(default_factory=dict)
    open_anchors: list[_Anchored] = field(default_factory=list)
    open_keys: list[tuple[int, int]] = field(default_factory=list)
    aliases: dict[int, int] = field(default_factory=dict)
    repeated: int = 0
    refused: int = 0

    def build(self, parser: CParser) -> None:  # noqa: C901, PLR0912, PLR0915 - one loop, the program's hottest
        """Read to the end; raises `_Stop` or the parser's error with the documents so far in `trees`."""
        following: Callable[[], Any] = parser.get_event  # the stubs do not tell one event from another
        known_keys = self.keys
        positions = self.positions
        add = positions.append
        key: str | None = None
        current: list[Node] | dict[str, Node] | None = None
        value: Node = None
        root: Node = None
        mark: Any = None
        documents = 0
        while True:
            event = following()
            kind = type(event)
            if kind is ScalarEvent:
                mark = event.start_mark
                add(mark.line)
                add(mark.column)
                text = event.value
                if type(current) is dict and key is None:
                    key = known_keys.get(text) if event.tag is None else None
                    if key is None or key in current or event.anchor is not None:
                        self.current = current
                        key = self._new_key(event, current)
                    continue
                if event.implicit[0] and event.tag is None:
                    try:
                        value = plain_value(text)
                    except Ambiguous as ambiguous:
                        self._say("ambiguous-value", ambiguous.sentence, "quote it to mean the text", mark)
                        value = text
                elif event.tag is None:
                    value = text
                else:
                    value = self._tagged(event)
                if event.anchor is not None:
                    self.anchors[event.anchor] = _Known(len(positions) // 2 - 1, 1, 0, value)
                if type(current) is dict:
                    current[key] = value  # type: ignore[index]  # a key has come before the value
                elif type(current) is list:
                    current.append(value)
                else:
                    root = value
                if value is None and current is not None and not (self.nulls and type(current) is dict):
                    self.current = current
                    self._null(key, mark)
                key = None
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                mark = event.start_mark
                add(mark.line)
                add(mark.column)
                child: list[Node] | dict[str, Node] = {} if kind is MappingStartEvent else []
                if type(current) is dict:
                    if key is None:
                        self.open_keys.append((len(self.stack), len(positions) // 2 - 1))
                        self._say("invalid-key", "a key is text, not a mapping or list", None, mark)
                    else:
                        current[key] = child
                        key = None
                elif type(current) is list:
                    current.append(child)
                else:
                    root = child
                if current is not None:
                    self.stack.append(current)
                current = child
                if event.anchor is not None or event.tag is not None or len(self.stack) >= MAX_DEPTH:
                    self._open(event)
                if self.open_anchors and len(self.stack) > self.open_anchors[-1].deepest:
                    self.open_anchors[-1].deepest = len(self.stack)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                if self.open_anchors and self.open_anchors[-1].depth == len(self.stack):
                    self._close_anchor(current)
                current = self.stack.pop() if self.stack else None
                if self.open_keys and self.open_keys[-1][0] == len(self.stack) and current is not None:
                    key = self._refused_key(len(positions) // 2 - self.open_keys.pop()[1])
            elif kind is AliasEvent:
                mark = event.start_mark
                add(mark.line)
                add(mark.column)
                if type(current) is dict and key is None:
                    self._say("invalid-key", "a key is written out, not an alias", None, mark)
                    key = self._refused_key(1)
                    continue
                value = self._repeat(event)
                if type(current) is dict:
                    current[key] = value  # type: ignore[index]  # a key has come before the value
                    key = None
                elif type(current) is list:
                    current.append(value)
            elif kind is yaml.DocumentEndEvent:
                documents += 1
                if documents > MAX_DOCUMENTS:
                    sentence = f"the file has more than {MAX_DOCUMENTS} documents"
                    self._say("too-many-values", sentence, "split it", event.start_mark)
                    raise _Stop
                if root is not None:
                    self._finish(root)
                self._forget()
                positions.clear()
                key = current = root = None
            elif kind is yaml.StreamEndEvent:
                return
            if len(positions) > 2 * MAX_NODES:
                self._say("too-many-values", f"the document has more than {MAX_NODES} keys and values", None, mark)
                raise _Stop

    def _finish(self, root: Node) -> None:
        self.trees.append(
            Tree(
                self.file,
                without_refused(root) if self.refused else root,
                root,
                array("I", self.positions),
                self.aliases,
            )
        )

    def _forget(self) -> None:
        self.stack.clear()
        self.anchors, self.aliases = {}, {}
        self.open_anchors.clear()
        self.open_keys.clear()
        self.repeated = self.refused = 0

    def _new_key(self, event: ScalarEvent, current: dict[str, Node]) -> str:
        """A key not met before in this file, or one with something wrong."""
        text = event.value
        mark = event.start_mark
        value: object = text
        if event.tag is not None:
            value = self._tagged(event)
        elif event.implicit[0]:
            if text == "<<":
                self._say("merge-key", "merge keys (`<<`) are not understood here", "write the keys out", mark)
                return self._refused_key(1)
            try:
                value = plain_value(text)
            except Ambiguous:
                value = None
        if not isinstance(value, str):
            help = f"quote it: `'{text}'`" if text and "'" not in text else None
            self._say("invalid-key", f"the key `{text[:40]}` is no text", help, mark)
            return self._refused_key(1)
        hidden = hidden_character(text)
        if hidden:
            self._say("hidden-character", f"the key holds an invisible character, `{hidden}`", "remove it", mark)
            return self._refused_key(1)
        if event.anchor is not None:
            self.anchors[event.anchor] = _Known(len(self.positions) // 2 - 1, 1, 0, text)
        if text in current:
            self._say("duplicate-key", f"the key `{text}` stands twice in one mapping", "remove one of them", mark)
            return self._refused_key(1)
        # A quoted `12` is a key and a plain one is not, so only what is text either way is remembered.
        return self.keys.setdefault(text, text) if _is_text_when_plain(text) else text

    def _refused_key(self, size: int) -> str:
        self.refused += 1
        return RefusedKey.number(self.refused, size)

    def _tagged(self, event: ScalarEvent) -> Node:
        """The value of a scalar with a tag of its own."""
        if event.tag in ("!", _CORE_TAG + "str"):
            return event.value
        try:
            value = plain_value(event.value)
        except Ambiguous as ambiguous:
            self._say("ambiguous-value", ambiguous.sentence, None, event.start_mark)
            return event.value
        match (event.tag or "").removeprefix(_CORE_TAG), value:
            case ("bool", bool()) | ("null", None):
                return value
            case ("int", int()) | ("float", float()) if not isinstance(value, bool):
                return value
            case ("float", int()) if not isinstance(value, bool):
                return float(value)
            case _:
                self._refuse_tag(event)
                return event.value

    def _refuse_tag(self, event: ScalarEvent | yaml.CollectionStartEvent) -> None:
        name = (event.tag or "").replace(_CORE_TAG, "!!")
        help = "leave the tag out; manifests hold plain data" if name else None
        self._say("tag", f"the tag `{name[:60]}` is refused", help, event.start_mark)

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        """A container begins that has an anchor or a tag, or lies too deep."""
        depth = len(self.stack)
        if depth >= MAX_DEPTH:
            self._say("too-deep", f"values are nested deeper than {MAX_DEPTH} levels", None, event.start_mark)
            raise _Stop
        fitting = "map" if type(event) is MappingStartEvent else "seq"
        if event.tag is not None and event.tag not in ("!", _CORE_TAG + fitting):
            self._refuse_tag(event)
        if event.anchor is not None:
            index = len(self.positions) // 2 - 1
            self.open_anchors.append(_Anchored(event.anchor, depth, index, index + self.repeated, depth))

    def _close_anchor(self, value: Node) -> None:
        done = self.open_anchors.pop()
        size = len(self.positions) // 2 + self.repeated - done.size
        self.anchors[done.name] = _Known(done.index, size, done.deepest - done.depth, value)
        if self.open_anchors and done.deepest > self.open_anchors[-1].deepest:
            self.open_anchors[-1].deepest = done.deepest

    def _repeat(self, event: AliasEvent) -> Node:
        """The value that an alias stands for."""
        name, mark = event.anchor or "", event.start_mark
        known = self.anchors.get(name)
        if known is None:
            within = any(each.name == name for each in self.open_anchors)
            sentence = f"`*{name}` stands within the value it repeats" if within else f"no `&{name}` stands before this"
            self._say("alias", sentence, None, mark)
            return ""
        self.repeated += known.size - 1
        depth = len(self.stack) + 1 + known.height
        if self.repeated > MAX_REPEATED:
            self._say("too-many-values", f"the document's aliases add more than {MAX_REPEATED} values", None, mark)
            raise _Stop
        if depth > MAX_DEPTH:
            self._say("too-deep", f"values are nested deeper than {MAX_DEPTH} levels", None, mark)
            raise _Stop
        if self.open_anchors and depth > self.open_anchors[-1].deepest:
            self.open_anchors[-1].deepest = depth
        self.aliases[len(self.positions) // 2 - 1] = known.index
        return known.value

    def _null(self, key: str | None, mark: _At) -> None:
        steps: list[str | int] = []
        for container in (*self.stack, self.current):
            if isinstance(container, dict) and container:
                steps.append(next(reversed(container)))
            elif isinstance(container, list) and container:
                steps.append(len(container) - 1)
        shown = dotted(_readable(tuple(steps)))
        help = "leave the key out" if key is not None else "leave the item out"
        self._say("null-value", f"`{shown}` has no value", help, mark)

    def _say(self, code: str, message: str, help: str | None, mark: _At | None) -> None:
        assert mark is not None
        place = Mark(self.file, mark.line + 1, mark.column + 1)
        self.problems.append(Problem(code=code, message=message, help=help, mark=place))
        if len(self.problems) >= MAX_PROBLEMS:
            sentence = f"the file has more than {MAX_PROBLEMS} problems, the rest was not read"
            self.problems.append(Problem(code="too-many-problems", message=sentence, mark=place))
            raise _Stop


def _is_text_when_plain(text: str) -> bool:
    try:
        return text != "<<" and isinstance(plain_value(text), str)
    except Ambiguous:
        return False


def _readable(path: Path) -> Path:
    return tuple("…" if isinstance(step, RefusedKey) else step for step in path)
