"""A project with rules in a folder, judged without any vendor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from reconciler.operations.failures import Invalid
from reconciler.operations.policies import Rulebook, rulebook
from reconciler.operations.policy_examples import Tested, try_examples
from reconciler.operations.validate import validate
from reconciler.operations.workspace import Workspace, open_workspace
from reconciler.values import Problem

LAKE = """\
apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {name: lake}
spec: {typeId: aws-s3-didomi, config: {accountId: "210987654321"}}
"""
DAILY = """\
apiVersion: didomi.reconciler/v1
kind: ExportConfig
metadata: {name: daily}
spec: {data: {users: {enabled: true}, proofs: {enabled: false}}, destinations: [lake]}
"""
VENDORS = """\
vendors:
  adobe:
    organization: EXAMPLE@AdobeOrg
    sandbox: prod
    credentials: {clientId: example-client, clientSecret: {env: ADOBE_CLIENT_SECRET}}
  didomi:
    organizationId: example-org
    credentials: {key: {env: DIDOMI_KEY}, secret: {env: DIDOMI_SECRET}}
  domo:
    instance: example
    token: {env: DOMO_TOKEN}
"""


class At:
    """A clock that stands."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody rests")


@dataclass(slots=True)
class Stage:
    """The folder, and the time in which it is judged."""

    folder: Path
    now: datetime = datetime(2026, 11, 1, tzinfo=UTC)
    policies: Path | None = None

    def project(self, text: str = "policies: {}\n") -> None:
        (self.folder / "reconciler.yaml").write_text(f"project: my-exports\n{VENDORS}{text}", encoding="utf-8")

    def manifests(self, *texts: str) -> None:
        (self.folder / "specs").mkdir(exist_ok=True)
        (self.folder / "specs" / "all.yaml").write_text("---\n".join(texts), encoding="utf-8")

    def rules(self, *rules: dict[str, object], folder: str = "policies") -> None:
        (self.folder / folder).mkdir(exist_ok=True)
        text = yaml.safe_dump({"rules": list(rules)}, sort_keys=False)
        (self.folder / folder / "own.yaml").write_text(text, encoding="utf-8")

    def workspace(self) -> Workspace:
        workspace = open_workspace(self.folder, environ={}, clock=At(self.now))
        workspace.policies = self.policies
        return workspace

    def found(self) -> tuple[Problem, ...]:
        try:
            return validate(self.workspace()).problems
        except Invalid as invalid:
            return invalid.problems

    def codes(self) -> list[str]:
        return [each.code for each in self.found()]

    def book(self) -> Rulebook:
        return rulebook(self.workspace())

    def tested(self) -> Tested:
        return try_examples(self.workspace())


def rule(id: str = "own-rule", /, **keys: object) -> dict[str, object]:
    """A rule that is broken by everything, unless the keys say otherwise."""
    condition = {} if {"deny", "require"} & keys.keys() else {"deny": "true"}
    return {"id": id, "message": "broken", **condition, **keys}
