"""JSON Patch as the service takes it: `add`, `replace` and `remove` of whole fields (§6.4)."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from reconciler.emulator import JsonObject, Switches
from reconciler.providers.adobe.emulator.calls import Call
from reconciler.providers.adobe.emulator.errors import Refused, bad

_OPS = ("add", "replace", "remove")


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One operation; `steps` is its path without slashes."""

    op: str
    steps: tuple[str, ...]
    value: Any = None

    @property
    def path(self) -> str:
        """The path as it came."""
        return "/" + "/".join(self.steps)

    def document(self) -> JsonObject:
        """The operation as `lastOperation` shows it."""
        shown: JsonObject = {"op": self.op, "path": self.path}
        return shown if self.op == "remove" else {**shown, "value": self.value}


def ops_of(call: Call, switches: Switches) -> list[Op]:
    """The operations of a request, not yet applied."""
    body = call.json()
    if not isinstance(body, list) or not body:
        raise bad("a patch is a list of operations", 1455)
    return [_op(one, switches) for one in body]


def applied(row: JsonObject, ops: Iterable[Op], switches: Switches) -> JsonObject:
    """A row after the operations, all or none; the row itself stays as it was."""
    changed = deepcopy(row)
    for op in ops:
        holder = changed
        for step in op.steps[:-1]:
            inner = holder.get(step)
            if not isinstance(inner, dict):
                raise bad(f"there is no {op.path}", 1455)
            holder = inner
        name = op.steps[-1]
        missing = name not in holder
        if op.op == "remove":
            if missing:
                raise bad(f"there is no {op.path} to remove", 1455)
            del holder[name]
            continue
        if op.op == "replace" and missing and switches["replace_missing"] == "400":
            raise bad(f"there is no {op.path} to replace", 1455)
        holder[name] = deepcopy(op.value)
    return changed


def check_match(call: Call, row: JsonObject) -> None:
    """`If-Match` must be there (1403) and be the present etag, quotes included (1404, §8)."""
    supplied = call.request.header("if-match")
    if not supplied:
        raise bad("the header If-Match is missing", 1403)
    if supplied != row["etag"]:
        message = f"Supplied version=[{supplied}] does not match the current version on entity=[{row['etag']}]"
        raise Refused(412, 1404, message)


def _op(one: object, switches: Switches) -> Op:
    if not isinstance(one, dict):
        raise bad("an operation is an object", 1455)
    op, path = one.get("op"), one.get("path")
    name = op.lower() if isinstance(op, str) and switches["op_case"] == "any" else op
    if name not in _OPS:
        raise bad(f"the operation must be one of {', '.join(_OPS)}", 1434)
    if not isinstance(path, str) or not path.startswith("/") or path == "/":
        raise bad("path must begin with a slash and name a field", 1455)
    if name != "remove" and "value" not in one:
        raise bad(f"{name} of {path} needs a value", 1455)
    steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/"))
    return Op(op=name, steps=steps, value=one.get("value"))
