"""Rules are tried on their own examples, and those on the pages do what the pages say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from policy_stage import LAKE, Stage, rule

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### `([a-z-]+)`\n(.*?)(?=^###? |\Z)", PAGE, re.MULTILINE | re.DOTALL))
SHOWN = [
    (id, verb, text)
    for id, section in SECTIONS.items()
    for verb, text in re.findall(r"^```yaml (breaks|keeps)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
]
MANIFEST = {
    "apiVersion": "didomi.reconciler/v1",
    "kind": "Destination",
    "metadata": {"name": "lake"},
    "spec": {"typeId": "aws-s3-didomi", "config": {"accountId": "210987654321"}},
}


def test_the_page_describes_every_built_in_rule_and_no_other(stage: Stage) -> None:
    assert sorted(SECTIONS) == sorted(each.words.id for each in stage.book().listed)


def test_every_built_in_rule_about_manifests_is_shown_both_ways(stage: Stage) -> None:
    about_manifests = [each.words.id for each in stage.book().listed if each.words.on.value == "manifest"]

    assert sorted((id, verb) for id, verb, _ in SHOWN) == sorted(
        (id, verb) for id in about_manifests for verb in ("breaks", "keeps")
    )


@pytest.mark.parametrize(("id", "verb", "text"), SHOWN, ids=[f"{id}-{verb}" for id, verb, _ in SHOWN])
def test_a_manifest_of_the_page_breaks_or_keeps_its_rule(stage: Stage, id: str, verb: str, text: str) -> None:
    stage.manifests(LAKE, text)
    found = stage.codes()

    assert (f"policy/{id}" in found) is (verb == "breaks")
    assert [each for each in found if not each.startswith("policy/")] == []


def test_the_built_in_rules_and_those_of_this_repository_pass_their_examples(stage: Stage) -> None:
    stage.policies = ROOT / "policies"
    tested = stage.tested()

    assert tested.problems == ()
    assert tested.untested == ()
    assert tested.examples >= 2 * tested.rules


def test_an_example_that_a_rule_answers_otherwise_is_a_problem_at_the_example(stage: Stage) -> None:
    stage.rules(rule(examples=[{"manifest": MANIFEST, "expect": "allow"}]))
    (found,) = stage.tested().problems

    assert found.code == "policy-example"
    assert found.mark is not None
    assert (found.mark.file, found.mark.line) == ("policies/own.yaml", 6)


@pytest.mark.parametrize(
    ("example", "why"),
    [
        ({"manifest": {**MANIFEST, "spec": {"typeId": "no-such"}}}, "cannot be used: "),
        ({"manifest": MANIFEST, "now": "yesterday"}, "`now` must be a time with its zone"),
        ({"manifest": MANIFEST, "plan": {"count": {}}}, "`plan` has no key `count`"),
    ],
)
def test_an_example_that_shows_nothing_is_a_problem(stage: Stage, example: dict[str, object], why: str) -> None:
    stage.rules(rule(examples=[{**example, "expect": "allow"}]))
    (found,) = stage.tested().problems

    assert found.code == "policy-example"
    assert why in found.message


def test_a_rule_without_an_answer_fails_its_example(stage: Stage) -> None:
    stage.rules(rule(deny="resource.spec.nothing == 1", examples=[{"manifest": MANIFEST, "expect": "deny"}]))
    (found,) = stage.tested().problems

    assert "has no answer to its example" in found.message


def test_a_rule_about_changes_is_tried_with_the_manifest_it_is_about(stage: Stage) -> None:
    example = {"change": {"action": "delete"}, "manifest": MANIFEST}
    deny = "change.action == 'delete' && change.address == 'didomi/Destination/lake' && resource.name == 'lake'"
    stage.rules(rule(on="change", deny=deny, examples=[{**example, "expect": "deny"}]))

    assert stage.tested().problems == ()


def test_a_rule_without_an_example_is_named(stage: Stage) -> None:
    stage.rules(rule())

    assert stage.tested().untested == ("own-rule",)
