"""Manifests as a person would write them: keys in the order of the kind, short lists in one line, comments above."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import yaml

from reconciler.specs.envelope import VERSION
from reconciler.specs.styles import escaped, is_shown, reads_as_text
from reconciler.values import Address, Ref, Secret, Value

_STRANGE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""What ends a line, or cannot be seen: written as an escape, or not at all."""
_WIDTH = 100
_SHORT = 72
"""Characters within which a list or a mapping of plain values stands in one line."""


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, writes no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        """Nothing is written as an alias."""
        del data
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002 - PyYAML's own
        """Lists stand two columns in."""
        del indentless
        super().increase_indent(flow, False)


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style='"' if not is_shown(text) else None if reads_as_text(text) else "'"
    ),
)
_Dumper.add_representer(
    dict,
    lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=_fits(data)),
)
_Dumper.add_representer(
    list, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=_fits(data))
)


def _fits(data: object) -> bool:
    """Whether it is short and holds plain values alone."""
    inner = list(data.values()) if isinstance(data, dict) else data
    assert isinstance(inner, list)
    if not inner or any(isinstance(each, dict | list) and not _is_reference(each) for each in inner):
        return not inner
    text = yaml.safe_dump(data, default_flow_style=True, width=10_000, sort_keys=False)
    return len(text) <= _SHORT and (isinstance(data, list) or _is_reference(data))


def _is_reference(data: object) -> bool:
    """A mapping that names one thing: a reference by id, or a secret's place."""
    return isinstance(data, dict) and len(data) <= 3 and next(iter(data), "") in _PLACES


_PLACES = frozenset({"id", "env", "file", "var"})


def write_manifest(address: Address, spec: Mapping[str, Value], *, comments: Iterable[str] = ()) -> str:
    """
    One manifest as a YAML document that ends with a line break; comments stand above it, a line each.

    A `Ref` is written as its name, a `Secret` as its place. What YAML 1.1 would read otherwise is quoted.
    """
    document = {
        "apiVersion": f"{address.vendor}.reconciler/{VERSION}",
        "kind": address.kind,
        "metadata": {"name": address.name},
        "spec": as_written(spec),
    }
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH, indent=2)
    # What cannot be seen stands within double quotes by now, and the library writes some of it as it is.
    text = "".join(each if each == "\n" else escaped(each) for each in text)
    above = "".join(f"# {_one_line(each)}\n" for each in comments)
    return above + text


def as_written(value: Value) -> object:
    """The value as the data of a YAML document."""
    if isinstance(value, Ref):
        return value.to.name
    if isinstance(value, Secret):
        parts = {value.source: value.name, "key": value.key, "version": value.version}
        return {key: each for key, each in parts.items() if each is not None}
    if isinstance(value, Mapping):
        return {key: as_written(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [as_written(each) for each in value]
    return value


def _one_line(text: str) -> str:
    """A stranger's words within a comment: nothing in them ends it or hides."""
    return _STRANGE.sub(" ", text)
