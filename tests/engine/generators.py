"""Worlds, drifts and disasters made of a few bytes, so that many are made quickly and the smallest is shown."""

from __future__ import annotations

import os
import random
from dataclasses import replace

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from simulation import KINDS, Chaos, Project, address

from reconciler.values import (
    Address,
    Desired,
    Lifecycle,
    OnRemoval,
    Options,
    Ref,
    ReplaceOrder,
    Resource,
    Secret,
    Value,
)

_FACTORS = {"mutants": 0.1, "ci": 1.0, "thorough": 10.0}
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")
"""How thorough to be: `mutants` (few and always the same), `ci` or `thorough`."""


def examples(number: int) -> settings:
    """Settings for about so many examples under `ci`."""
    phases = [Phase.explicit, Phase.generate] if PROFILE == "mutants" else list(Phase)
    return settings(
        phases=[phase for phase in phases if phase is not Phase.explain],
        max_examples=max(8, round(number * _FACTORS.get(PROFILE, 1.0))),
        deadline=None,
        report_multiple_bugs=PROFILE != "mutants",
        derandomize=PROFILE in {"ci", "mutants"},  # chance is for the thorough profile
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )


ADDRESSES = tuple(
    address(kind, name)
    for kind, names in (
        ("Account", "ab"),
        ("Source", "ab"),
        ("Target", "ab"),
        ("Flow", "ab"),
        ("Slot", "ab"),
        ("Token", "ab"),
        ("Backfill", "a"),
        ("Label", "a"),
    )
    for name in names
)


class Genes:
    """Bytes that are read from left to right; when they are used up, every choice is the first."""

    def __init__(self, code: bytes) -> None:
        self._code = code
        self._next = 0

    def pick(self, count: int) -> int:
        """A number below `count`."""
        if self._next >= len(self._code):
            return 0
        self._next += 1
        return self._code[self._next - 1] % count

    def rarely(self, one_in: int) -> bool:
        """True once in so many times; never for genes that are used up."""
        return self.pick(one_in) == one_in - 1

    def choice(self, *choices: Value) -> Value:
        """One of them."""
        return choices[self.pick(len(choices))]

    def seed(self) -> random.Random:
        """Chance of its own."""
        return random.Random(self.pick(256) * 256 + self.pick(256))


def codes(size: int) -> st.SearchStrategy[Genes]:
    """Genes long enough for about so many choices."""
    return st.binary(min_size=size, max_size=size + 8).map(Genes)


def lifecycle(genes: Genes, kind: str, *, strict: bool) -> Lifecycle:
    """
    Mostly the plain one; now and then every rule there is.

    With `strict`, no rule that may rightly refuse a plan.
    """
    if not genes.rarely(4):
        return Lifecycle()
    policies: list[OnRemoval | None] = [None, OnRemoval.DELETE]
    if not strict:
        policies += [OnRemoval.REPORT, OnRemoval.FORGET]
        if KINDS[f"sim/{kind}"].disables:
            policies.append(OnRemoval.DISABLE)
    if kind == "Backfill":
        policies = [None, OnRemoval.REPORT]
    if kind == "Label":
        policies = [None, OnRemoval.FORGET, OnRemoval.REPORT]
    return Lifecycle(
        prevent_destroy=not strict and genes.rarely(6),
        ignore_changes=("spec.description",) if genes.rarely(3) else (),
        on_removal=policies[genes.pick(len(policies))],
        create_anyway=kind != "Slot" and genes.rarely(4),  # a unique key suffers no second
        replace=ReplaceOrder.DELETE_FIRST if not strict and genes.rarely(8) else None,
    )


def _secret(genes: Genes, name: str) -> Value:
    version = genes.choice("1", "2", None)
    assert version is None or isinstance(version, str)
    return Secret(source="env", name=name, version=version)


def resource(genes: Genes, at: Address, present: set[Address], *, strict: bool) -> Resource:
    """One manifest; its references lead to resources that are there, else to nothing."""

    def to(kind: str) -> Value:
        there = sorted(each for each in present if each.kind == kind)
        return Ref(there[genes.pick(len(there))]) if there else None

    document: dict[str, Value] = {"name": f"{at.kind} {at.name}"}
    optional: dict[str, Value]
    there: tuple[Value, ...]
    match at.kind:
        case "Account":
            document["region"] = genes.choice("eu", "us")
            optional = {
                "token": _secret(genes, "T"),
                "pin": genes.choice(1, 2),
                "access": genes.choice({"role": "r1"}, {"role": "r2", "kind": "x"}, {"kind": "y"}, {}),
                "tags": genes.choice(("a", "b"), ("b", "a"), ("a",), ()),
                "mode": genes.choice("safe", "fast", None),
                "options": genes.choice({"retries": 3}, {"retries": 4, "wait": 1.5}, {"wait": 1}, {}),
            }
        case "Source":
            document |= {"account": to("Account"), "datasets": genes.choice(("d1", "d2"), ("d2", "d1"), ("d1",))}
            optional = {"key": _secret(genes, "K"), "note": genes.choice(True, 1, "1", None)}
        case "Target":
            document["path"] = genes.choice("/in", "/out")
            optional = {"account": to("Account"), "format": {"type": genes.choice("json", "csv"), "gzip": True}}
        case "Flow":
            document["source"] = to("Source")
            one, other = to("Target"), to("Target")
            there = () if one is None else (one,) if one == other else (one, other)
            rules: tuple[Value, ...] = tuple(
                {"name": f"r{number}", "token": _secret(genes, "R"), "limit": genes.choice(1, 2)}
                for number in range(1 + genes.pick(3))
            )
            optional = {
                "targets": there,
                "rules": rules[:: genes.pick(2) * 2 - 1],
                "stages": tuple({"run": genes.choice("x", "y"), "args": ("p",)} for _ in range(genes.pick(3))),
                "schedule": genes.choice({"every": "1d"}, {"every": "6h", "start": "now"}, {"start": "now"}),
                "enabled": genes.choice(True, False),
            }
            if genes.rarely(6):
                optional["slot"] = to("Slot")
        case "Slot":
            document["size"] = genes.choice(1, 2)
            optional = {"pin": genes.choice(1, 2), "account": to("Account")}
        case "Token":
            optional = {"secret": _secret(genes, "S"), "account": to("Account"), "use": genes.choice("a", "b")}
        case "Backfill":
            document["source"] = to("Source")
            optional = {"days": genes.choice(1, 2), "key": _secret(genes, "B")}
        case _:
            document["color"] = "blue" if genes.rarely(20) else "red"
            optional = {"text": genes.choice("one", "two")}
    optional["description"] = genes.choice("words", "other words", None)
    document |= {key: value for key, value in optional.items() if not genes.rarely(3)}
    return Resource(
        address=at,
        attributes={key: value for key, value in document.items() if value is not None or key == "mode"},
        lifecycle=lifecycle(genes, at.kind, strict=strict),
        labels={"team": "crm"} if genes.rarely(3) else {},
        origin=address("Composite", at.name) if genes.rarely(5) else None,
    )


def world(genes: Genes, before: Desired | None = None, *, strict: bool = False) -> Desired:
    """A world from nothing, or one that most of `before` survives into."""
    if before is None:
        present = {each for each in ADDRESSES if not genes.rarely(4)}
    else:
        present = {each for each in ADDRESSES if (each in before.resources) != genes.rarely(5)}
    found = []
    for at in ADDRESSES:
        if at not in present:
            continue
        old = before.resources.get(at) if before is not None else None
        keep = old is not None and genes.pick(2) == 0 and _refers_within(old, present)
        found.append(old if keep and old is not None else resource(genes, at, present, strict=strict))
    return Desired.of(found if before is None else renamed(genes, found, before))


def renamed(genes: Genes, found: list[Resource], before: Desired) -> list[Resource]:
    """The same world in which now and then a manifest that is new takes over the object of one that went."""
    gone = sorted(before.resources.keys() - {each.address for each in found})
    result = []
    for each in found:
        free = [old for old in gone if old.type == each.address.type and each.address not in before.resources]
        if free and genes.rarely(2):
            gone.remove(free[0])
            each = replace(each, renamed_from=free[0])  # noqa: PLW2901 - the same manifest
        elif each.address in before.resources:
            each = replace(each, renamed_from=None)  # noqa: PLW2901 - and here
        result.append(each)
    return result


def _refers_within(old: Resource, present: set[Address]) -> bool:
    return all(
        f"name={each.name!r}" not in repr(old.attributes)
        or each in present
        or f"kind={each.kind!r}" not in repr(old.attributes)
        for each in ADDRESSES
    )


def drift(genes: Genes, project: Project) -> None:
    """What others do at the vendor: edit, delete, add."""
    edited: dict[str, Value] = {"stages": ({"run": "z"},), "tags": ("z",), "schedule": {"every": "1h"}}
    for id, type in sorted(project.vendor.all().items()):
        if not genes.rarely(5):
            continue
        if genes.rarely(4):
            project.vendor.remove(type, id)
            continue
        key = str(genes.choice("description", "name", "surprise", "path", "use", "stages", "tags", "schedule"))
        project.vendor.edit(type, id, key, edited.get(key, "edited"))
    for number in range(genes.pick(3)):
        kind = f"sim/{genes.choice('Token', 'Account', 'Slot', 'Label')}"
        name = "Token a" if kind == "sim/Token" and genes.rarely(8) else f"foreign {number} {len(project.vendor.log)}"
        project.vendor.add(kind, {"name": name})


def chaos(genes: Genes, *, kill: bool = True) -> Chaos:
    """A disaster."""
    return Chaos(
        random=genes.seed(),
        kill_at=genes.pick(60) if kill else None,
        lose=(0.0, 0.0, 0.15)[genes.pick(3)],
        refuse=(0.0, 0.0, 0.1)[genes.pick(3)],
        parallel=1 + genes.pick(4),
    )


def options(genes: Genes, desired: Desired) -> Options:
    """Mostly none; otherwise a selection."""
    known = sorted(desired.resources)
    if not known:
        return Options()
    one = frozenset({known[genes.pick(len(known))]})
    return (
        Options(targets=one),
        Options(excludes=one),
        Options(labels={"team": "crm"}),
        Options(replace=one),
        Options(resend=one),
        Options(destroy=True),
        Options(destroy=True, targets=one),
        replace(Options(targets=one), excludes=frozenset({known[genes.pick(len(known))]})),
    )[genes.pick(8)]
