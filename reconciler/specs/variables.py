"""Values from outside: `${VAR}` in the project file, `{var: name}` and `{output: project, …}` in manifests."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from reconciler.specs.tree import Node
from reconciler.specs.words import did_you_mean, shown
from reconciler.values import Address, Path

_VARIABLE = re.compile(
    r"\$(?:\$(?=\{)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|\{(?P<odd>[^}]*)\}?)"
)


Scalar: TypeAlias = "str | bool | int | float"


class NoOutput(Exception):
    """An output of another project that has no value; the sentence says why, `help` what to do."""

    def __init__(self, message: str, help: str | None = None, *, code: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help


class NotAsked(Exception):
    """An output of another project that this command does not ask for."""


Outputs: TypeAlias = Callable[[str, Address, str], Scalar]
"""The value of an output, by project, address and name. Raises `NoOutput` or `NotAsked`."""

_OUTPUT = frozenset({"output", "address", "name"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """A variable that has no value."""

    code: str
    message: str
    path: Path
    help: str | None = None


def from_environment(node: Node, environ: Mapping[str, str], path: Path = ()) -> tuple[Node, list[Unresolved]]:
    """
    The tree with every `${VAR}` and `${VAR:-default}` in its texts replaced; `$${` stands for `${`.

    The result is text, whatever the variable holds.
    """
    found: list[Unresolved] = []

    def replaced(node: Node, path: Path) -> Node:
        match node:
            case dict():
                return {key: replaced(each, (*path, key)) for key, each in node.items()}
            case list():
                return [replaced(each, (*path, position)) for position, each in enumerate(node)]
            case str() if "${" in node:
                return _VARIABLE.sub(lambda match: one(match, path), node)
            case _:
                return node

    def one(match: re.Match[str], path: Path) -> str:
        name, default = match["name"], match["default"]
        if name is None and match["odd"] is None:
            return "$"
        if name is None:
            message = f"`{shown(match[0])}` is no variable"
            found.append(
                Unresolved(
                    code="invalid-value", message=message, path=path, help="write `${NAME}`; `$${` stands for `${`"
                )
            )
            return ""
        value = environ.get(name)
        if value:
            return value
        if default is not None:
            return str(default)
        if value is None:
            found.append(
                Unresolved(
                    code="unset-variable",
                    message=f"the environment variable `{name}` is not set",
                    path=path,
                    help=f"set it, or give a default: `${{{name}:-…}}`",
                )
            )
        return ""

    return replaced(node, path), found


@dataclass(slots=True)
class Substitution:
    """
    `{var: name}` replaced by a value of the environment, wherever a whole value stands, and outputs likewise.

    `unread` are the places of outputs that nobody has asked for; an empty text stands there.
    """

    values: Mapping[str, Scalar]
    outputs: Outputs | None = None
    found: list[Unresolved] = field(default_factory=list)
    unread: list[Path] = field(default_factory=list)

    def __call__(self, node: Node, path: Path) -> Node:
        """The tree with its variables replaced; the same object when it has none."""
        if isinstance(node, dict):
            if len(node) == 1 and "var" in node:
                return self._value(node["var"], path)
            if "output" in node and "address" in node and node.keys() <= _OUTPUT:
                return self._output(node, path)
            changed: dict[str, Node] = {}
            for key, old in node.items():
                if type(old) is dict or type(old) is list:
                    new = self(old, (*path, key))
                    if new is not old:
                        changed[key] = new
            return {**node, **changed} if changed else node
        if isinstance(node, list):
            items = [self(old, (*path, position)) for position, old in enumerate(node)]
            return items if any(new is not old for new, old in zip(items, node, strict=True)) else node
        return node

    def _output(self, node: Mapping[str, Node], path: Path) -> Node:
        try:
            return self._asked(*(node.get(each) for each in ("output", "address", "name")))
        except NotAsked:
            self.unread.append(path)
        except NoOutput as missing:
            self.found.append(
                Unresolved(code=missing.code, message=missing.message, path=(*path, "output"), help=missing.help)
            )
        return ""

    def _asked(self, project: Node, written: Node, name: Node) -> Scalar:
        if not (isinstance(project, str) and isinstance(written, str) and isinstance(name, str)):
            example = "`{output: platform, address: didomi/Destination/lake, name: bucketName}`"
            raise NoOutput("an output is named by three texts", f"write it like {example}", code="invalid-value")
        try:
            address = Address.parse(written)
        except ValueError as error:
            raise NoOutput(str(error), code="invalid-value") from None
        if self.outputs is None:
            raise NoOutput("outputs of other projects cannot be used here", code="no-output")
        return self.outputs(project, address, name)

    def _value(self, name: Node, path: Path) -> Node:
        if isinstance(name, str) and name in self.values:
            return self.values[name]
        if isinstance(name, str):
            message = f"no value is called `{shown(name)}` in this environment"
            help = did_you_mean(name, tuple(self.values), what="known values") or (
                f"add it to `values` in `reconciler.yaml`: `{shown(name)}: …`"
            )
        else:
            message, help = "`var` must be the name of a value", None
        self.found.append(Unresolved(code="unknown-variable", message=message, path=(*path, "var"), help=help))
        return ""
