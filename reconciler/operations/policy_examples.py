"""`policies test`: whether every rule says to its own examples what its owner expects. Opens no connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciler.operations.policies import Listed, rulebook, scene_of
from reconciler.operations.workspace import Workspace
from reconciler.policy import On, Rule, compiled
from reconciler.policy.documents import CHANGE, PLAN, RESOURCE, Facts, empty
from reconciler.policy.expressions import NotAnswered, Plain
from reconciler.specs.policy_files import ExampleFile, example_resources
from reconciler.specs.words import did_you_mean, shown
from reconciler.values import Action, Mark, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """How many rules and examples there are, rules without an example, and what is wrong."""

    rules: int
    examples: int
    untested: tuple[str, ...]
    problems: tuple[Problem, ...]


def try_examples(workspace: Workspace) -> Tested:
    """Ask every rule about its examples, rules that are `off` too."""
    book = rulebook(workspace)
    problems = list(book.problems)
    examples = 0
    for each in book.listed if not any(each.code == "policy-unavailable" for each in problems) else ():
        rule, _ = compiled(each.words)
        for position, example in enumerate(each.written.file.examples):
            examples += 1
            if rule is not None:
                problems += _tried(workspace, each, rule, example, each.written.mark("examples", position))
    return Tested(
        rules=len(book.listed),
        examples=examples,
        untested=tuple(each.words.id for each in book.listed if not each.written.file.examples),
        problems=tuple(problems),
    )


class _Unusable(Exception):
    """The example cannot be shown to the rule; the sentence says why."""


def _tried(workspace: Workspace, listed: Listed, rule: Rule, example: ExampleFile, mark: Mark) -> Iterator[Problem]:
    def wrong(message: str, help: str) -> Problem:
        return Problem(code="policy-example", message=message, mark=mark, help=help)

    try:
        denied = any(rule.broken_by(document) for document in _documents(workspace, rule, example))
    except _Unusable as error:
        yield wrong(f"an example of the rule `{listed.words.id}` cannot be used: {error}", "correct the example")
        return
    except NotAnswered as error:
        yield wrong(f"the rule `{listed.words.id}` has no answer to its example: {error}", "correct its expression")
        return
    said = "deny" if denied else "allow"
    if said != example.expect:
        message = f"the rule `{listed.words.id}` says `{said}` to its example, and `{example.expect}` is expected"
        yield wrong(message, "correct the rule, or what is expected of it")


def _documents(workspace: Workspace, rule: Rule, example: ExampleFile) -> Iterator[Facts]:
    """What of the example the rule is about, as the rule sees it."""
    resources, deliveries, problems = (
        example_resources(workspace.project, workspace.catalog, example.manifest)
        if example.manifest is not None
        else ([], {}, [])
    )
    if problems:
        raise _Unusable(problems[0].message)
    if example.manifest is not None and not resources:
        raise _Unusable("its manifest describes nothing")
    scene = scene_of(workspace, deliveries, _moment(example.now))
    whole = {**scene.facts(), **_plan(example.plan or {})}
    if rule.words.on is On.PLAN:
        yield whole
        return
    about = [scene.of_resource(each) for each in resources if rule.concerns(each.address.type, each.labels)]
    if rule.words.on is On.MANIFEST:
        yield from ({**whole, **each} for each in about)
        return
    change = _given("change", CHANGE, example.change or {})
    for each in about or ([empty(RESOURCE)] if not resources else []):
        yield {**whole, **each, **change, "change.address": change["change.address"] or each["resource.address"]}


def _plan(given: Mapping[str, object]) -> Facts:
    """The plan of an example; actions that it does not count are not there."""
    facts = _given("plan", PLAN, given)
    counts = facts["plan.counts"]
    none: dict[str, Plain] = {each.value: 0 for each in Action}
    return {**facts, "plan.counts": {**none, **(counts if isinstance(counts, dict) else {})}}


def _given(name: str, variables: Mapping[str, str], given: Mapping[str, object]) -> Facts:
    """The variables with what an example says of them. Raises `_Unusable` for what no rule could see."""
    for key in given:
        if f"{name}.{key}" not in variables:
            known = [each.partition(".")[2] for each in variables]
            help = did_you_mean(key, known, what="known keys")
            raise _Unusable(f"`{name}` has no key `{shown(key)}`" + (f", {help}" if help else ""))
    return {**empty(variables), **{f"{name}.{key}": _plain(each) for key, each in given.items()}}


def _plain(value: object) -> Plain:
    """Data of a file as rules see it."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise _Unusable("it holds what is no data")


def _moment(written: str | None) -> datetime | None:
    if written is None:
        return None
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _Unusable("`now` must be a time with its zone, like `2027-01-31T18:00:00Z`")
    return moment
