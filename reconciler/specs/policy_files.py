"""Files with rules: YAML to the words of each rule with their places; what the words mean is for others."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from reconciler.sdk import Catalog
from reconciler.specs.delivery import DeliveryBlock
from reconciler.specs.files import Found, find, read_bytes
from reconciler.specs.manifests import Manifests
from reconciler.specs.project import Project
from reconciler.specs.reader import read
from reconciler.specs.translate import findings
from reconciler.specs.tree import Tree
from reconciler.specs.words import shown
from reconciler.values import Address, Mark, Path, Problem, Resource, Severity

_ID: Final = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_Text = Annotated[str, Field(min_length=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True, strict=True)


class MatchFile(_Model):
    """What a rule is about: a kind or several, and labels."""

    kind: _Text | list[_Text] = []
    labels: dict[str, str] = {}


class ExampleFile(_Model):
    """A manifest, a change or a plan, and what the rule says to it."""

    expect: Annotated[Literal["deny", "allow"], Field(description="`deny` or `allow`")]
    manifest: dict[str, object] | None = None
    change: dict[str, object] | None = None
    plan: dict[str, object] | None = None
    now: _Text | None = None


class RuleFile(_Model):
    """One rule."""

    id: Annotated[str, Field(pattern=_ID, max_length=60, description="lower-case letters, digits, inner hyphens")]
    message: Annotated[_Text, Field(description="what is said of what breaks the rule")]
    on: Annotated[Literal["manifest", "change", "plan"], Field(description="what the rule is asked about")] = "manifest"
    severity: Annotated[Literal["error", "warning"], Field(description="`error` or `warning`")] = "error"
    match: MatchFile = MatchFile()
    deny: _Text | None = None
    require: _Text | None = None
    help: _Text | None = None
    docs: _Text | None = None
    ignorable: bool = True
    examples: list[ExampleFile] = []


class PolicyFile(_Model):
    """One file."""

    rules: Annotated[list[RuleFile], Field(description="a list of rules")]


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """A rule's words and where they stand."""

    file: RuleFile
    tree: Tree
    path: Path

    def mark(self, *steps: str | int) -> Mark:
        """The place of a part of the rule, or of what should hold it."""
        return self.tree.nearest((*self.path, *steps))


def read_policies(root: pathlib.Path, paths: list[pathlib.Path]) -> tuple[list[WrittenRule], list[Problem]]:
    """The rules of all files under the paths, wherever they lie; names of files are told from `root`."""
    rules: list[WrittenRule] = []
    problems: list[Problem] = []
    for path in paths:
        base, inner = (path.parent, path.name) if path.is_file() else (path, ".")
        found, unread = find(base, [inner], frozenset())
        if unread and not found:
            message = f"no file with rules lies at `{shown(_name(path, root))}`"
            help = "name a folder or a file with rules, `.yaml` or `.yml`"
            problems.append(Problem(code="no-policies", message=message, help=help))
        for each in found:
            named = Found(_name(each.path, root), each.path)
            content = read_bytes(named)
            if isinstance(content, Problem):
                problems.append(content)
            else:
                more, wrong = rules_in(content, named.name)
                rules += more
                problems += wrong
    return rules, problems


def rules_in(content: bytes, name: str) -> tuple[list[WrittenRule], list[Problem]]:
    """The rules of one file, and everything that is wrong with how they are written."""
    reading = read(content, name)
    rules: list[WrittenRule] = []
    problems = list(reading.problems)
    for tree in reading.trees if not problems else ():
        try:
            file = TypeAdapter(PolicyFile).validate_json(json.dumps(tree.data))
        except ValidationError as error:
            for each in findings(error, PolicyFile, tree.data, root="the file"):
                mark = tree.mark(each.path, key=each.at_key) or tree.nearest(each.path)
                problems.append(Problem(code=each.code, message=each.message, mark=mark, help=each.help))
            continue
        written = [WrittenRule(each, tree, ("rules", position)) for position, each in enumerate(file.rules)]
        problems += [problem for each in written for problem in _missing(each)]
        rules += written
    return rules, problems


def _missing(rule: WrittenRule) -> list[Problem]:
    """What the model cannot say."""
    file = rule.file
    found: list[tuple[str, str, Mark, str]] = []
    if file.deny is None and file.require is None:
        message = f"the rule `{file.id}` has neither `deny` nor `require`"
        found.append(("missing-key", message, rule.mark(), "write an expression that must, or must not, be true"))
    if file.on == "plan" and (file.match.kind or file.match.labels):
        message = f"the rule `{file.id}` is about a whole plan, which has no kind and no labels"
        found.append(("invalid-value", message, rule.mark("match"), "remove `match`, or write `on: change`"))
    for position, example in enumerate(file.examples):
        if getattr(example, file.on) is None:
            message = f"an example of the rule `{file.id}` lacks the key `{file.on}`"
            at = rule.mark("examples", position)
            found.append(("missing-key", message, at, f"the rule is asked about a {file.on}, so show one"))
    return [Problem(code=code, message=message, mark=mark, help=help) for code, message, mark, help in found]


def example_resources(
    project: Project, catalog: Catalog, manifest: Mapping[str, object]
) -> tuple[list[Resource], Mapping[Address, DeliveryBlock], list[Problem]]:
    """
    What a manifest that stands in an example describes, its deliveries, and what is wrong with it.

    It may refer to anything.
    """
    manifests = Manifests(project, catalog, free=True)
    manifests.read_text(json.dumps(manifest).encode(), "example.yaml")
    wrong = [each for each in manifests.problems if each.severity is Severity.ERROR]
    return list(manifests.resources.values()), manifests.deliveries, wrong


def _name(path: pathlib.Path, root: pathlib.Path) -> str:
    return os.fsencode(pathlib.Path(os.path.relpath(path, root)).as_posix()).decode("utf-8", "backslashreplace")
