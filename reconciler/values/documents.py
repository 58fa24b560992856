"""
Documents: the tree of attributes of one object, as wanted, recorded or observed.

A document is plain JSON data plus three things that JSON has no word for: a reference to another
resource, a reference to a secret, and a blank that says why there is no value.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from reconciler.values.address import Address


class Blank(enum.Enum):
    """Why a field has no value that could be shown or compared."""

    UNKNOWN = "known after apply"
    MISSING = "not set"
    HIDDEN = "not given back by the vendor"


UNKNOWN = Blank.UNKNOWN
MISSING = Blank.MISSING
HIDDEN = Blank.HIDDEN


@dataclass(frozen=True, slots=True)
class Ref:
    """A field that holds the vendor's id of another managed resource."""

    to: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """
    Where a secret is kept, never the secret.

    `source` is the kind of place (`env`, `file`, …), `name` the place, `key` an entry within it and
    `version` what its owner calls the present value. Two references that differ are two secrets.
    """

    source: str
    name: str
    key: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        extra = "".join(f", {word}: {text}" for word, text in (("key", self.key), ("version", self.version)) if text)
        return f"{{{self.source}: {self.name}{extra}}}"


Value: TypeAlias = "None | bool | int | float | str | Ref | Secret | Blank | tuple[Value, ...] | Mapping[str, Value]"
Document: TypeAlias = Mapping[str, Value]

Path: TypeAlias = tuple[str | int, ...]
"""Steps from the root of a document to a field: keys of mappings and positions in lists."""


def dotted(path: Path) -> str:
    """The path as people write it: `config.accountId`, `rules[2].name`; a key that holds a dot or bracket is quoted."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif not step or any(sign in step for sign in '.[]"'):
            text += '["' + step.replace("\\", "\\\\").replace('"', '\\"') + '"]'
        else:
            text += f".{step}" if text else step
    return text
