"""The project's rules: which there are, what manifests and plans break, and whether their own examples hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from reconciler.engine.planner import to_do
from reconciler.operations.workspace import Workspace
from reconciler.policy import (
    Found,
    On,
    Rule,
    Scene,
    Unavailable,
    Words,
    compiled,
    judge_changes,
    judge_manifests,
    judge_plan,
)
from reconciler.specs import DeliveryBlock, Loaded
from reconciler.specs.exemptions import Exemption
from reconciler.specs.policy_files import WrittenRule, read_policies, rules_in
from reconciler.specs.words import did_you_mean, shown
from reconciler.values import Address, Desired, Plan, Problem, Severity

BUILT_IN = "reconciler/policy/builtin.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One rule as the project has it: `level` is `off`, `warning` or `error`, `reason` why it is not its own."""

    written: WrittenRule
    words: Words
    level: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """All rules of the project, those that count, and everything that is wrong with them."""

    listed: tuple[Listed, ...]
    rules: tuple[Rule, ...]
    problems: tuple[Problem, ...]


def has_rules(workspace: Workspace) -> bool:
    """Whether anything is to be judged: the project file says `policies`, or the command line does."""
    return workspace.project.policies is not None or workspace.policies is not None


def rulebook(workspace: Workspace) -> Rulebook:
    """
    The rules that come with the program, then those of the project's files.

    With rules named on the command line nothing of what the project says of rules counts: they judge a proposal that
    may have changed it.
    """
    content = files("reconciler.policy").joinpath("builtin.yaml").read_bytes()
    written, problems = rules_in(content, BUILT_IN)
    built_in = len(written)
    own, wrong = read_policies(workspace.project.root, _paths(workspace))
    problems += wrong
    said = workspace.project.policies
    levels = dict(said.levels) if said is not None and workspace.policies is None else {}
    listed: dict[str, Listed] = {}
    for position, each in enumerate([*written, *own]):
        words = _words(each, built_in=position < built_in)
        other = listed.get(words.id)
        if other is not None:
            message = f"a rule `{words.id}` is already written at {other.words.mark}"
            at = each.mark("id")
            problems.append(Problem(code="duplicate-rule", message=message, mark=at, help="give it another id"))
            continue
        problems += _kinds(workspace, each)
        level = levels.pop(words.id, None)
        listed[words.id] = Listed(
            written=each,
            words=replace(words, severity=Severity(level.level)) if level and level.level != "off" else words,
            level=level.level if level is not None else words.severity.value,
            reason=level.reason if level is not None else None,
        )
    for id in levels:
        message = f"`policies.levels` names the rule `{shown(id)}`, and there is none"
        problems.append(Problem(code="unknown-rule", message=message, help=_near(id, listed)))
    try:
        made = [compiled(each.words) for each in listed.values() if each.level != "off"]
    except Unavailable:
        message = "the project has rules, and what judges them is not installed"
        help = "install `reconciler[policy]`"
        return Rulebook(
            listed=tuple(listed.values()),
            rules=(),
            problems=(*problems, Problem(code="policy-unavailable", message=message, help=help)),
        )
    problems += [problem for _, wrong in made for problem in wrong]
    rules = tuple(rule for rule, _ in made if rule is not None)
    return Rulebook(listed=tuple(listed.values()), rules=rules, problems=tuple(problems))


def judged_manifests(workspace: Workspace, loaded: Loaded) -> tuple[Problem, ...]:
    """What the manifests break, what is wrong with the rules, and what is wrong with setting them aside."""
    if not has_rules(workspace):
        return ()
    book = rulebook(workspace)
    found = judge_manifests(book.rules, loaded.desired.resources.values(), scene_of(workspace, loaded.deliveries))
    return (*book.problems, *_settled(workspace, loaded, book, found, judged=True))


def judged_plan(workspace: Workspace, desired: Desired, plan: Plan) -> tuple[Problem, ...]:
    """What the wanted manifests, each change and the whole plan break."""
    if not has_rules(workspace):
        return ()
    book, loaded = rulebook(workspace), workspace.read()
    scene, doing = scene_of(workspace, loaded.deliveries), to_do(plan)
    found = (
        *judge_manifests(book.rules, desired.resources.values(), scene),
        *judge_changes(book.rules, doing, plan, scene),
        *judge_plan(book.rules, doing, plan, scene),
    )
    return (*book.problems, *_settled(workspace, loaded, book, found, judged=bool(desired.resources)))


def _settled(
    workspace: Workspace, loaded: Loaded, book: Rulebook, found: Iterable[Found | Problem], *, judged: bool
) -> Iterator[Problem]:
    """
    The findings that no manifest sets aside, and a warning for each exemption that has no use.

    Whether one has a use is known when the manifests were `judged`.
    """
    now = workspace.clock.now()
    used: set[tuple[Address, str]] = set()
    origins = {address: resource.origin for address, resource in loaded.desired.resources.items()}
    for each in found:
        if isinstance(each, Problem):
            yield each
            continue
        holder = _holder(each.address, origins, loaded.exemptions)
        exemption = _exemption(loaded.exemptions.get(holder, ()), each.rule.id, now) if holder is not None else None
        if holder is not None and exemption is not None and each.rule.words.ignorable:
            used.add((holder, each.rule.id))
        else:
            yield each.problem()
    by_id = {each.words.id: each for each in book.listed}
    for address, exemptions in sorted(loaded.exemptions.items()):
        for exemption in exemptions:
            used_here = not judged or (address, exemption.rule) in used
            problem = _useless(exemption, by_id, now, used=used_here)
            if problem is not None:
                yield replace(problem, mark=loaded.places[address].mark(exemption.path), address=address)


def _useless(exemption: Exemption, by_id: Mapping[str, Listed], now: datetime, *, used: bool) -> Problem | None:
    rule = by_id.get(exemption.rule)
    if rule is None:
        message = f"`policy` sets aside the rule `{shown(exemption.rule)}`, and there is none"
        return Problem(code="unknown-rule", message=message, help=_near(exemption.rule, by_id))
    if exemption.ends is not None and exemption.ends <= now:
        message = f"the rule `{exemption.rule}` was set aside until {shown(exemption.until)}: it counts again"
        help = "remove the entry, or give it a later `until`"
        return Problem(code="expired-exemption", message=message, help=help, severity=Severity.WARNING)
    why = None
    if not rule.words.ignorable:
        why = "it is a rule that no manifest may set aside"
    # Which changes there will be is not known to who writes a manifest.
    elif not used and rule.level != "off" and rule.words.on is On.MANIFEST:
        why = "nothing here breaks it"
    if why is None:
        return None
    message = f"setting aside the rule `{exemption.rule}` has no effect: {why}"
    return Problem(code="idle-exemption", message=message, help="remove the entry", severity=Severity.WARNING)


def _holder(
    address: Address | None,
    origins: Mapping[Address, Address | None],
    exemptions: Mapping[Address, tuple[Exemption, ...]],
) -> Address | None:
    """The manifest that may set a rule aside for the address: its own, or that of what it is a part of."""
    if address is None:
        return None
    return address if address in exemptions else origins.get(address)


def _exemption(exemptions: Sequence[Exemption], rule: str, now: datetime) -> Exemption | None:
    return next((each for each in exemptions if each.rule == rule and (each.ends is None or each.ends > now)), None)


def _near(id: str, known: Iterable[str]) -> str:
    return did_you_mean(id, tuple(known), what="known rules") or "`reconciler policies list` names all rules"


def _paths(workspace: Workspace) -> list[Path]:
    """The folders and files with rules; the usual folder need not be there."""
    if workspace.policies is not None:
        return [workspace.policies.resolve()]
    said = workspace.project.policies
    if said is None:
        return []
    usual = "paths" not in said.model_fields_set
    found = [workspace.project.root / each for each in said.paths]
    return [each for each in found if not usual or each.exists()]


def _words(rule: WrittenRule, *, built_in: bool) -> Words:
    file = rule.file
    kinds = file.match.kind
    keys = ("deny", "require", "message", "id")
    return Words(
        id=file.id,
        on=On(file.on),
        message=file.message,
        deny=file.deny,
        require=file.require,
        severity=Severity(file.severity),
        kinds=frozenset([kinds] if isinstance(kinds, str) else kinds),
        labels=file.match.labels,
        help=file.help,
        docs=file.docs,
        ignorable=file.ignorable,
        built_in=built_in,
        mark=rule.mark(),
        marks={key: rule.mark(key) for key in keys},
    )


def _kinds(workspace: Workspace, rule: WrittenRule) -> Iterator[Problem]:
    """Kinds that do not exist would never be judged, and neither would those that stand for others."""
    written = rule.file.match.kind
    catalog = workspace.catalog
    for type in [written] if isinstance(written, str) else written:
        vendor, _, name = type.partition("/")
        kinds = catalog.kinds(vendor) if vendor in catalog.names else {}
        if name not in kinds:
            known = [f"{each}/{kind}" for each in catalog.names for kind in catalog.kinds(each)]
            help = did_you_mean(type, known, what="known kinds") or "write `vendor/Kind`"
            message = f"no kind is called `{shown(type)}`"
        elif kinds[name].expand is not None:
            message = f"the kind `{type}` is judged as its parts, never as itself"
            help = "name the kinds of its parts; `resource.origin` says what they are parts of"
        else:
            continue
        yield Problem(code="unknown-kind", message=message, mark=rule.mark("match", "kind"), help=help)


def scene_of(workspace: Workspace, deliveries: Mapping[Address, DeliveryBlock], now: datetime | None = None) -> Scene:
    """What the rules see around a document."""
    return Scene(
        project=workspace.project.name,
        environment=workspace.project.environment,
        now=(now or workspace.clock.now()).astimezone(UTC),
        traits=workspace.catalog.traits,
        deliveries={
            address: {"private": block.rules.private, "contract": block.rules.contract or ""}
            for address, block in deliveries.items()
        },
    )
