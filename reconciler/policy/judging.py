"""Asking rules about documents: what breaks them, and what they have no answer for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.policy.documents import Facts, Scene, of_plan
from reconciler.policy.expressions import NotAnswered, Plain
from reconciler.policy.rules import On, Rule
from reconciler.values import Address, Change, Mark, Plan, Problem, Resource, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A rule that is broken, by what, and where that is written."""

    rule: Rule
    message: str
    address: Address | None = None
    mark: Mark | None = None

    def problem(self) -> Problem:
        """The same for people."""
        words = self.rule.words
        parts = [words.help, f"see {words.docs}" if words.docs else None]
        return Problem(
            code=f"policy/{words.id}",
            message=self.message,
            mark=self.mark,
            address=self.address,
            help="; ".join(each for each in parts if each) or None,
            severity=words.severity,
        )


def judge_manifests(rules: Sequence[Rule], resources: Iterable[Resource], scene: Scene) -> Iterator[Found | Problem]:
    """What the manifests break. A document is made only of what a rule is about."""
    chosen = [each for each in rules if each.words.on is On.MANIFEST]
    for resource in resources if chosen else ():
        about = [each for each in chosen if each.concerns(resource.address.type, resource.labels)]
        if about:
            facts = {**scene.facts(), **scene.of_resource(resource)}
            yield from _ask(about, facts, resource.address, resource.mark)


def judge_changes(
    rules: Sequence[Rule], doing: Sequence[Change], plan: Plan, scene: Scene
) -> Iterator[Found | Problem]:
    """What the changes break that the plan makes."""
    chosen = [each for each in rules if each.words.on is On.CHANGE]
    whole = {**scene.facts(), **of_plan(plan, doing)}
    for change in doing if chosen else ():
        source = change.resource or change.record
        labels: Mapping[str, str] = source.labels if source is not None else {}
        about = [each for each in chosen if each.concerns(change.address.type, labels)]
        if about:
            mark = change.resource.mark if change.resource is not None else None
            yield from _ask(about, {**whole, **scene.of_change(change)}, change.address, mark)


def judge_plan(rules: Sequence[Rule], doing: Sequence[Change], plan: Plan, scene: Scene) -> Iterator[Found | Problem]:
    """What the plan as a whole breaks."""
    chosen = [each for each in rules if each.words.on is On.PLAN]
    if chosen:
        yield from _ask(chosen, {**scene.facts(), **of_plan(plan, doing)}, None, None)


def _ask(rules: Iterable[Rule], facts: Facts, address: Address | None, mark: Mark | None) -> Iterator[Found | Problem]:
    document: Mapping[str, Plain] = facts
    for rule in rules:
        try:
            broken = rule.broken_by(document)
        except NotAnswered as error:
            yield unanswered(rule, str(error), address)
            continue
        if broken:
            yield Found(rule=rule, message=rule.message(document), address=address, mark=mark)


def unanswered(rule: Rule, why: str, address: Address | None) -> Problem:
    """A rule without an answer has not been kept: an error at its own place, whatever its severity."""
    about = f" about `{address}`" if address is not None else ""
    return Problem(
        code="policy-failed",
        message=f"the rule `{rule.id}` has no answer{about}: {why}",
        mark=rule.words.mark,
        help="correct its expression: what cannot be judged is refused",
        severity=Severity.ERROR,
    )
