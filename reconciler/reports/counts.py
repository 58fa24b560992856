"""How many of what a plan would do, and the line that people grep for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields

from reconciler.reports.actions import group_of, leftovers
from reconciler.values import Action, Change, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """
    A plan in numbers.

    Each change is counted once, by its action. `retired` are records that an earlier run retired, `leftovers`
    objects of earlier replacements that still have to go: these two come on top. Something that stays as it is
    and only sheds leftovers is not counted as unchanged. `freshness` says how many of the changes only do again
    what time or data have overtaken.
    """

    add: int = 0
    change: int = 0
    replace: int = 0
    destroy: int = 0
    imports: int = 0
    run: int = 0
    forget: int = 0
    disable: int = 0
    retire: int = 0
    retired: int = 0
    recover: int = 0
    record: int = 0
    wait: int = 0
    blocked: int = 0
    leftovers: int = 0
    unchanged: int = 0
    freshness: int = 0

    def __str__(self) -> str:
        """`3 to add, 1 to change, 1 to replace, 0 to destroy`, and whatever else is not zero."""
        always = [
            f"{self.add} to add",
            f"{self.change} to change",
            f"{self.replace} to replace",
            f"{self.destroy} to destroy",
        ]
        return ", ".join(always + self._others())

    @property
    def line(self) -> str:
        """`Plan: 3 to add, 1 to change, 1 to replace, 0 to destroy.`: the last line of every plan."""
        return f"Plan: {self}."

    @property
    def nothing(self) -> bool:
        """Whether the plan would do nothing and waits for nothing."""
        aside = {"unchanged", "retired", "freshness"}
        return not any(getattr(self, each.name) for each in fields(self) if each.name not in aside)

    def some(self) -> str:
        """Only what is not zero, such as `3 to add, 1 to run`."""
        four = (
            (self.destroy, "to destroy"),
            (self.replace, "to replace"),
            (self.change, "to change"),
            (self.add, "to add"),
        )
        return ", ".join([f"{number} {words}" for number, words in four if number] + self._others())

    def _others(self) -> list[str]:
        others = (
            (self.imports, "to import"),
            (self.run, "to run"),
            (self.forget, "to forget"),
            (self.disable, "to disable"),
            (self.retire, "to retire"),
            (self.retired, "retired"),
            (self.recover, "to recover"),
            (self.record, "to record"),
            (self.wait, "waiting"),
            (self.blocked, "blocked"),
            (self.leftovers, "left over to delete"),
        )
        return [f"{number} {words}" for number, words in others if number]


def summary(plan: Plan) -> Counts:
    """The plan in numbers."""
    return count(plan.changes, retired=plan.retired)


def count(changes: Iterable[Change], *, retired: int = 0) -> Counts:
    """Some changes in numbers."""
    changes = tuple(changes)
    of = Counter(each.action for each in changes)
    return Counts(
        add=of[Action.CREATE],
        change=of[Action.UPDATE],
        replace=of[Action.REPLACE],
        destroy=of[Action.DELETE],
        imports=of[Action.IMPORT],
        run=of[Action.RUN],
        forget=of[Action.FORGET],
        disable=of[Action.DISABLE],
        retire=of[Action.RETIRE],
        retired=retired,
        recover=of[Action.RECOVER],
        record=of[Action.RECORD],
        wait=of[Action.WAIT],
        blocked=of[Action.BLOCKED],
        leftovers=sum(len(leftovers(each)) for each in changes),
        unchanged=sum(group_of(each) is Action.NOOP for each in changes),
        freshness=sum(each.is_freshness for each in changes),
    )
