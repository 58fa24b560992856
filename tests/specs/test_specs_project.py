"""The project file."""

from __future__ import annotations

from pathlib import Path

import pytest
from example_vendor import Settings
from specs_stage import PROJECT, Stage

from reconciler.specs import Limits, SecretPolicy, environments, find_project

SEVERAL = """\
project: demo
state: s3://example/state
vendors: {example: {organization: example, pages: 2}}
values: {bucket: common, region: eu}
environments:
  prod:
    state: s3://${STATE_BUCKET}/state
    vendors: {example: {pages: 9}}
    limits: {maxDeletes: 1}
    values: {bucket: prod}
  stage: {}
"""


def test_a_short_file_has_defaults(stage: Stage) -> None:
    project = stage.project()

    assert (project.name, project.environment, project.root) == ("demo", "default", stage.root)
    assert (project.paths, project.state_url) == (("specs/",), "file://.reconciler/state")
    assert (project.parallelism, project.deadline_minutes) == (4, 30.0)
    assert project.limits == Limits(max_deletes=5, max_delete_percent=20.0, accept_short=frozenset())
    assert project.secrets == SecretPolicy()
    settings = project.vendors["example"]
    assert isinstance(settings, Settings)
    assert (settings.organization, settings.base_url) == ("example", "https://example.com")


def test_everything_can_be_said(stage: Stage) -> None:
    stage.write(
        "reconciler.yaml",
        """\
project: demo
manifests: [exports/, more.yaml]
state: gs://example
parallelism: 8
deadline: 5
limits: {maxDeletes: 2, maxDeletePercent: 10, acceptShort: [example/Lake]}
secrets: {envPrefixes: [DEMO_], envNames: [TOKEN], fileRoots: [/etc/demo]}
""",
    )
    project = stage.project()

    assert (project.paths, project.state_url) == (("exports/", "more.yaml"), "gs://example")
    assert (project.parallelism, project.deadline_minutes) == (8, 5.0)
    assert project.limits == Limits(max_deletes=2, max_delete_percent=10.0, accept_short=frozenset({"example/Lake"}))
    assert project.secrets == SecretPolicy(
        env_prefixes=("DEMO_",), env_names=frozenset({"TOKEN"}), file_roots=("/etc/demo",)
    )


def test_an_environment_is_laid_over_the_file(stage: Stage) -> None:
    stage.write("reconciler.yaml", SEVERAL)
    prod = stage.project("prod", {"STATE_BUCKET": "prod-bucket"})
    settings = prod.vendors["example"]

    assert prod.state_url == "s3://prod-bucket/state"
    assert prod.limits.max_deletes == 1
    assert prod.values == {"bucket": "prod", "region": "eu"}
    assert isinstance(settings, Settings)
    assert (settings.organization, settings.pages) == ("example", 9)


def test_variables_of_other_environments_need_not_be_set(stage: Stage) -> None:
    stage.write("reconciler.yaml", SEVERAL)

    assert stage.project("stage").state_url == "s3://example/state"


def test_of_several_environments_one_must_be_chosen(stage: Stage) -> None:
    stage.write("reconciler.yaml", SEVERAL)

    assert stage.refused() == [
        (
            "reconciler.yaml:5:1 environment-needed the project has several environments: `prod`, `stage` "
            "| choose one with `-e NAME` or `RECONCILER_ENVIRONMENT`"
        )
    ]
    assert stage.refused("prdo") == [
        "reconciler.yaml:5:1 unknown-environment the project has no environment `prdo` | did you mean `prod`?"
    ]
    assert environments(stage.root) == ("prod", "stage")


def test_the_only_environment_needs_no_choice(stage: Stage) -> None:
    stage.write("reconciler.yaml", PROJECT + "environments: {live: {}}\n")

    assert stage.project().environment == "live"


def test_an_environment_of_a_project_without_any_is_unknown(stage: Stage) -> None:
    assert stage.project("default").environment == "default"
    assert stage.refused("prod") == [
        (
            "reconciler.yaml:1:1 unknown-environment the project has no environment `prod` "
            "| it declares none; leave `-e` out"
        )
    ]


def test_variables_are_replaced_in_text_only(stage: Stage) -> None:
    stage.write(
        "reconciler.yaml",
        "project: demo\nstate: file://${A}/${B:-b}/$${A}\nparallelism: ${N}\nvendors: {example: {organization: $A}}\n",
    )
    project = stage.project(environ={"A": "a: [", "N": "3"})
    settings = project.vendors["example"]

    assert project.state_url == "file://a: [/b/${A}"
    assert project.parallelism == 3
    assert isinstance(settings, Settings)
    assert settings.organization == "$A"


def test_an_unset_variable_is_named_with_its_place(stage: Stage) -> None:
    stage.write("reconciler.yaml", SEVERAL.replace("eu}", "'${REGION} ${-}'}"))

    assert stage.refused("prod") == [
        "reconciler.yaml:4:34 invalid-value `${-}` is no variable | write `${NAME}`; `$${` stands for `${`",
        (
            "reconciler.yaml:4:34 unset-variable the environment variable `REGION` is not set "
            "| set it, or give a default: `${REGION:-…}`"
        ),
        (
            "reconciler.yaml:7:12 unset-variable the environment variable `STATE_BUCKET` is not set "
            "| set it, or give a default: `${STATE_BUCKET:-…}`"
        ),
    ]


def test_every_mistake_is_found_at_once(stage: Stage) -> None:
    stage.write("outside.yaml", "")
    stage.write(
        "reconciler.yaml",
        """\
project: Demo
manifest: [specs/]
state: https://example.com
limits: {maxDeletes: -1, acceptShort: [example/Lak]}
parallelism: many
vendors:
  exmaple: {}
environments:
  Prod: {stat: x}
  stage: []
""",
    )

    assert stage.refused("stage") == [
        "reconciler.yaml:2:1 unknown-key `the project file` has no key `manifest` | did you mean `manifests`?",
        (
            "reconciler.yaml:3:8 invalid-value `state` does not have the form it must have "
            "| write `file://folder`, `s3://bucket/prefix` or `gs://bucket/prefix`"
        ),
        (
            "reconciler.yaml:4:22 invalid-value `maxDeletes` must be at least 0 "
            "| objects of one kind that one run may delete"
        ),
        "reconciler.yaml:5:14 wrong-type `parallelism` must be a whole number, not text | requests under way at once",
        (
            "reconciler.yaml:9:3 invalid-name `Prod` is no name: lower-case letters, digits and inner hyphens, "
            "at most 63 | None"
        ),
        "reconciler.yaml:9:10 unknown-key the environment `Prod` has no key `stat` | did you mean `state`?",
        "reconciler.yaml:10:10 wrong-type `stage` must be a mapping | None",
    ]


def test_settings_are_checked_by_the_vendor(stage: Stage) -> None:
    stage.write(
        "reconciler.yaml",
        """\
project: demo
vendors:
  example: {organisation: x, pages: 0.5}
  other: {}
limits: {acceptShort: [example/Lak]}
overlays: [none.yaml, ../x.yaml]
""",
    )

    assert stage.refused() == [
        "reconciler.yaml:3:13 unknown-key `vendors.example` has no key `organisation` | did you mean `organization`?",
        "reconciler.yaml:3:37 wrong-type `pages` must be a whole number, not a number with decimals | None",
        "reconciler.yaml:4:3 unknown-vendor no vendor is called `other` | known vendors: `example`",
        "reconciler.yaml:5:24 unknown-kind no kind is called `example/Lak` | did you mean `example/Lake`?",
        "reconciler.yaml:6:12 no-overlay there is no file `none.yaml` | None",
        "reconciler.yaml:6:23 outside-project `../x.yaml` lies outside the project | None",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "reconciler.yaml:1:1 missing-key the project file is empty | it needs at least `project: name`"),
        ("- a", "reconciler.yaml:1:1 wrong-type the project file must be a mapping | None"),
        (
            "project: a\n---\nproject: b",
            "reconciler.yaml:3:1 wrong-type the project file is one document, not several | None",
        ),
        ("state: file://x", "reconciler.yaml:1:1 missing-key `the project file` lacks the key `project` "),
        ("project: My_Demo", "reconciler.yaml:1:10 invalid-name `My_Demo` is no name: "),
        ("project: [", "reconciler.yaml:2:1 syntax a value is missing here | None"),
        ("project:", "reconciler.yaml:1:9 null-value `project` has no value | leave the key out"),
    ],
)
def test_a_file_that_is_no_project_is_explained(stage: Stage, text: str, expected: str) -> None:
    stage.write("reconciler.yaml", text)
    problems = stage.refused()

    assert len(problems) == 1
    assert problems[0].startswith(expected)


def test_a_folder_without_a_project_says_how_to_begin(stage: Stage) -> None:
    (stage.root / "reconciler.yaml").unlink()

    assert stage.refused() == [
        (
            "None no-project there is no `reconciler.yaml` here "
            "| change to the project's folder, or make the file: `project: name` is enough to begin with"
        )
    ]
    assert environments(stage.root) == ()


def test_the_project_is_found_from_a_folder_below(stage: Stage, tmp_path: Path) -> None:
    below = stage.write("specs/deep/a.yaml", "").parent

    assert find_project(below) == tmp_path.resolve()
    assert find_project(Path("/")) is None
