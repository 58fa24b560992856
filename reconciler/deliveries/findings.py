"""What a check of content says: findings with their place, exact counts, and how results of many objects become one."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from reconciler.deliveries.unique import Entries


class Level(enum.Enum):
    """How bad a finding is; only errors make a delivery invalid."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    One example of what is wrong. `rule` names what was broken, the same for every example of it.

    `line` counts from 1, in Parquet it is the row; None is the object as a whole. `path` leads to the field within the
    record. `value` describes what stands there and does not show it, unless the contract says so.
    """

    rule: str
    level: Level
    object: str
    line: int | None = None
    path: str = ""
    message: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How often a rule was broken: exact, however few examples are kept."""

    rule: str
    level: Level
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """
    One object as it was found. `readable` means that its last byte was reached, well formed or not.

    `size` is in bytes as stored, `unpacked` after decompression. `fingerprints` is for `merged` alone: what must be
    unique over all objects.
    """

    object: str
    format: str | None = None
    packing: str | None = None
    size: int = 0
    unpacked: int = 0
    records: int = 0
    readable: bool = True
    counts: tuple[Count, ...] = ()
    findings: tuple[Finding, ...] = ()
    fingerprints: Mapping[str, Entries] = field(default_factory=dict, repr=False)

    @property
    def valid(self) -> bool:
        """Whether it was read to its end and holds no error."""
        return self.readable and not any(each.level is Level.ERROR for each in self.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All objects of one check, in the order in which they were given. The same whatever checked them, and where."""

    objects: tuple[Checked, ...] = ()
    counts: tuple[Count, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def records(self) -> int:
        """Well-formed records of all objects."""
        return sum(each.records for each in self.objects)

    @property
    def valid(self) -> bool:
        """Whether every object was read to its end and no error was found."""
        return all(each.readable for each in self.objects) and not any(
            each.level is Level.ERROR for each in self.counts
        )


class Tally:
    """Counts everything and keeps the first `examples` of each rule."""

    def __init__(self, examples: int) -> None:
        self._examples = examples
        self._levels: dict[str, Level] = {}
        self._totals: dict[str, int] = {}
        self._kept: dict[str, list[Finding]] = {}

    def wants(self, rule: str) -> bool:
        """Whether the next finding of this rule would be kept; others need not be described."""
        return len(self._kept.get(rule, ())) < self._examples

    def add(self, finding: Finding) -> None:
        """Count it, and keep it while there is room."""
        self.count(finding.rule, finding.level)
        kept = self._kept.setdefault(finding.rule, [])
        if len(kept) < self._examples:
            kept.append(finding)

    def count(self, rule: str, level: Level, times: int = 1) -> None:
        """Only count."""
        self._levels.setdefault(rule, level)
        self._totals[rule] = self._totals.get(rule, 0) + times

    def keep(self, findings: Iterable[Finding]) -> None:
        """Keep examples that are counted elsewhere, while there is room."""
        for finding in findings:
            kept = self._kept.setdefault(finding.rule, [])
            if len(kept) < self._examples:
                kept.append(finding)

    @property
    def counts(self) -> tuple[Count, ...]:
        """By the rules' names."""
        return tuple(
            Count(rule=rule, level=self._levels[rule], total=self._totals[rule]) for rule in sorted(self._totals)
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """By the rules' names, and within a rule as they came."""
        return tuple(self._examples_of())

    def _examples_of(self) -> Iterator[Finding]:
        for rule in sorted(self._kept):
            yield from self._kept[rule]


def merged(objects: Iterable[Checked], examples: int = 5) -> Summary:
    """
    The results of all objects as one, in their order. Results may be merged as they arrive: they are read once.

    What must be unique over all objects is compared by `unique.repeated`, whose findings are added by `check_objects`.
    """
    tally = Tally(examples)
    kept: list[Checked] = []
    for each in objects:
        for count in each.counts:
            tally.count(count.rule, count.level, count.total)
        tally.keep(each.findings)
        kept.append(replace(each, fingerprints={}) if each.fingerprints else each)
    return Summary(objects=tuple(kept), counts=tally.counts, findings=tally.findings)
