"""Manifests to resources, and everything that can be wrong with them."""

from __future__ import annotations

import random

import pytest
from example_vendor import EXPORT_EXAMPLE, LAKE_EXAMPLE, PIPELINE_EXAMPLE, catalog
from hypothesis import given, settings
from hypothesis import strategies as st
from specs_stage import LAKE, Stage, manifest, said

from reconciler.specs import load
from reconciler.values import Address, Lifecycle, Mark, OnRemoval, Problem, Ref, ReplaceOrder, Secret

UNMANAGED = "o use an object that is not managed here, write `{id: …}`"
REFERENCE = "keep the secret elsewhere and write where, such as `{env: RECONCILER_SECRET_…}`"


def export(name: str, spec: str = "", more: str = "") -> str:
    return manifest("Export", name, "target: lake\ndatasets: [a]\n" + spec, more)


# --- what a resource holds ---


def test_references_and_secrets_become_values(stage: Stage) -> None:
    orders = stage.resource(
        "example/Export/orders", LAKE, export("orders", "after: [second, {id: e-1}]"), export("second")
    )
    lake = stage.resource("example/Lake/lake", LAKE)

    assert orders.attributes == {
        "name": "orders",
        "target": Ref(Address("example", "Lake", "lake")),
        "datasets": ("a",),
        "after": (Ref(Address("example", "Export", "second")), "e-1"),
    }
    assert lake.attributes["login"] == {
        "type": "bucket",
        "bucket": "example",
        "secretKey": Secret(source="env", name="RECONCILER_SECRET_LAKE"),
    }


def test_the_name_at_the_vendor_is_the_manifests_unless_written(stage: Stage) -> None:
    assert stage.resource("example/Lake/lake", LAKE).attributes["name"] == "lake"
    assert stage.resource("example/Lake/lake", LAKE + "  name: The lake\n").attributes["name"] == "The lake"


def test_lifecycle_and_labels_are_kept(stage: Stage) -> None:
    more = (
        "lifecycle: {preventDestroy: true, ignoreChanges: [spec.description, spec.schedule.every], onRemoval: disable, "
    )
    more += "createAnyway: true, replace: deleteFirst}\n"
    text = export("orders", "", more).replace("{name: orders}", "{name: orders, labels: {team: crm, note: ''}}")
    orders = stage.resource("example/Export/orders", LAKE, text)

    assert orders.labels == {"team": "crm", "note": ""}
    assert orders.lifecycle == Lifecycle(
        prevent_destroy=True,
        ignore_changes=("spec.description", "spec.schedule.every"),
        on_removal=OnRemoval.DISABLE,
        create_anyway=True,
        replace=ReplaceOrder.DELETE_FIRST,
    )
    assert orders.mark == Mark("specs/a.yaml", 7, 1)


# --- one manifest ---


def test_every_mistake_of_a_manifest_is_found_at_once(stage: Stage) -> None:
    text = """\
apiVersion: example.reconciler/v1
kind: Export
metadata: {name: Orders To Lake, label: {}, labels: {team: 7, "a b": x}}
lifecycle: {onRemoval: delte, preventDestroy: "yes", ignoreChanges: [spec.descriptio, retries], replace: 1}
spec:
  target: laek
  datset: [a]
  columns: {a: txt, b: 3}
  enabled: "true"
  retries: 010
  ratio: 1.5.2
  schedule: {every: 7h, strat: x}
  description: 12
  after: orders
extra: 1
"""

    assert stage.problems(text, LAKE) == [
        (
            "specs/a.yaml:3:18 invalid-name `Orders To Lake` is no name: lower-case letters, digits and "
            "inner hyphens, at most 63 "
            "| did you mean `orders-to-lake`?"
        ),
        "specs/a.yaml:3:34 unknown-key `metadata` has no key `label` | further keys: `renamedFrom`",
        "specs/a.yaml:3:60 wrong-type the label `team` must be text | quote it to mean the text",
        (
            "specs/a.yaml:3:70 invalid-value the label `a b` has signs that no selector can hold "
            "| letters, digits, and inner `-`, `_`, `.` and `/`, at most 63"
        ),
        "specs/a.yaml:4:24 invalid-value `onRemoval` cannot be `delte` | did you mean `delete`?",
        "specs/a.yaml:4:47 wrong-type `preventDestroy` must be `true` or `false` | None",
        (
            "specs/a.yaml:4:70 unknown-key `ignoreChanges` names `spec.descriptio`, but `spec` has no key "
            "`descriptio` "
            "| did you mean `description`?"
        ),
        (
            "specs/a.yaml:4:87 invalid-value `ignoreChanges` lists fields that begin with `spec.` "
            "| did you mean `spec.retries`?"
        ),
        ("specs/a.yaml:4:106 invalid-value `replace` cannot be this | known values: `createFirst`, `deleteFirst`"),
        (
            "specs/a.yaml:6:11 unknown-reference `target` names `laek`, but no `example/Lake` has that name "
            "| did you mean `lake`? To use an object that is not managed here, write `{id: …}`"
        ),
        "specs/a.yaml:7:3 unknown-key `spec` has no key `datset` | did you mean `datasets`?",
        "specs/a.yaml:8:16 invalid-value `a` cannot be `txt` | did you mean `text`?",
        "specs/a.yaml:8:24 wrong-type `b` must be one of `text`, `number`, not a number | None",
        "specs/a.yaml:9:12 wrong-type `enabled` must be `true` or `false`, not text | remove the quotes",
        (
            "specs/a.yaml:10:12 ambiguous-value `010` is a different number to different readers of YAML "
            "| quote it to mean the text"
        ),
        "specs/a.yaml:11:10 wrong-type `ratio` must be a number, not text | None",
        "specs/a.yaml:12:21 invalid-value `every` cannot be `7h` | known values: `1h`, `6h`, `24h`",
        "specs/a.yaml:12:25 unknown-key `schedule` has no key `strat` | did you mean `start`?",
        ("specs/a.yaml:13:16 wrong-type `description` must be text, not a number | quote it to mean the text"),
        ("specs/a.yaml:14:10 wrong-type `after` must be a list, not text | write it as a list of one: `[…]`"),
        "specs/a.yaml:15:1 unknown-key the manifest has no key `extra` | further keys: `delivery`, `policy`",
    ]


def test_a_reference_to_nothing_names_what_was_meant(stage: Stage) -> None:
    text = manifest("Export", "orders", "target: laek\ndatasets: [a]\nafter: [zzz]")

    assert stage.problems(LAKE, text) == [
        (
            "specs/a.yaml:11:11 unknown-reference `target` names `laek`, but no `example/Lake` has that name "
            f"| did you mean `lake`? T{UNMANAGED}"
        ),
        (
            "specs/a.yaml:13:11 unknown-reference `after[0]` names `zzz`, but no `example/Export` has that name | "
            f"t{UNMANAGED}"
        ),
    ]


def test_a_reference_must_be_a_name_or_an_id(stage: Stage) -> None:
    text = manifest("Export", "orders", "target: My_Lake\ndatasets: [a]\nafter: [{ids: x}, 3]")

    assert stage.problems(text) == [
        (
            "specs/a.yaml:5:11 reference `target` names `My_Lake`, which is no name that a manifest can have "
            f"| t{UNMANAGED}"
        ),
        f"specs/a.yaml:7:11 reference `after[0]` must be the name of a manifest | t{UNMANAGED}",
        f"specs/a.yaml:7:21 reference `after[1]` must be the name of a manifest | t{UNMANAGED}",
    ]


def test_the_keys_of_the_chosen_form_are_proposed(stage: Stage) -> None:
    text = manifest("Lake", "lake", "login: {type: server, hots: x, bucket: y, port: '22'}")

    assert stage.problems(text) == [
        "specs/a.yaml:5:25 unknown-key `login` has no key `hots` | did you mean `host`?",
        "specs/a.yaml:5:34 unknown-key `login` has no key `bucket` | further keys: `host`, `password`",
        "specs/a.yaml:5:51 wrong-type `port` must be a whole number, not text | remove the quotes",
    ]


def test_an_unknown_form_is_explained(stage: Stage) -> None:
    first = manifest("Lake", "a", "login: {type: bukket, secretKey: hunter2}")
    second = manifest("Lake", "b", "login: {bucket: x}")
    third = manifest("Lake", "c", "login: x")

    assert stage.problems(first, second, third) == [
        "specs/a.yaml:5:17 invalid-value `type` cannot be `bukket` | did you mean `bucket`?",
        (
            "specs/a.yaml:5:36 inline-secret `secretKey` must be a reference to a secret, never the secret "
            "itself "
            "| keep the secret elsewhere and write where, such as `{env: RECONCILER_SECRET_…}`"
        ),
        "specs/a.yaml:11:3 missing-key `login` lacks the key `type` | known values: `bucket`, `server`",
        "specs/a.yaml:17:10 wrong-type `login` must be a mapping, not text | None",
    ]


def test_kind_and_vendor_must_exist(stage: Stage) -> None:
    texts = [
        LAKE.replace("Lake", "Lakes"),
        LAKE.replace("example.rec", "exmple.rec"),
        LAKE.replace("/v1", "/v2"),
        LAKE.replace("example.reconciler/v1", "v1"),
        "just text\n",
        "kind: Lake\n",
        "apiVersion: 1\nkind: [a]\nmetadata: x\nspec: []\n",
    ]

    assert stage.problems(*texts) == [
        "specs/a.yaml:2:7 unknown-kind `example` has no kind `Lakes` | did you mean `Lake`?",
        "specs/a.yaml:7:13 unknown-vendor no vendor is called `exmple` | did you mean `example`?",
        "specs/a.yaml:13:13 invalid-value `example` has no version `v2` | write `example.reconciler/v1`",
        (
            "specs/a.yaml:19:13 unknown-vendor `v1` is no version of a vendor's manifests "
            "| write `<vendor>.reconciler/v1`"
        ),
        (
            "specs/a.yaml:25:1 wrong-type a manifest is a mapping with `apiVersion`, `kind`, `metadata` and "
            "`spec` "
            "| None"
        ),
        "specs/a.yaml:27:1 missing-key the manifest lacks the key `apiVersion` | None",
        "specs/a.yaml:27:1 missing-key the manifest lacks the key `metadata` | None",
        "specs/a.yaml:27:1 missing-key the manifest lacks the key `spec` | None",
        "specs/a.yaml:29:13 wrong-type `apiVersion` must be text | None",
        "specs/a.yaml:30:7 wrong-type `kind` must be text | None",
        "specs/a.yaml:31:11 wrong-type `metadata` must be a mapping | None",
        "specs/a.yaml:32:7 wrong-type `spec` must be a mapping | None",
    ]


def test_a_vendor_must_be_configured_and_is_named_once(stage: Stage) -> None:
    stage.write("reconciler.yaml", "project: demo\n")

    assert stage.problems(LAKE, export("orders")) == [
        (
            "specs/a.yaml:1:13 vendor-not-configured `example` is used here, and the project file says "
            "nothing of it "
            "| add its settings under `vendors.example` in `reconciler.yaml`"
        ),
    ]


# --- secrets ---


def test_a_secret_in_the_open_is_refused_and_never_shown(stage: Stage) -> None:
    text = manifest("Lake", "lake", "login:\n  type: bucket\n  bucket: b\n  secretKey: hunter2")
    loaded = stage.load(text)

    assert said(loaded.problems) == [
        (
            "specs/a.yaml:8:16 inline-secret `secretKey` must be a reference to a secret, never the secret itself "
            f"| {REFERENCE}"
        )
    ]
    assert loaded.sources.line(Mark("specs/a.yaml", 8, 16)) == "    secretKey: …"
    assert loaded.desired.resources == {}
    assert "hunter2" not in repr(loaded.problems)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (
            "{env: HOME}",
            [
                (
                    "specs/a.yaml:5:53 secret-not-allowed `secretKey` names the environment variable `HOME`, which "
                    "this project does not allow "
                    "| allowed: `RECONCILER_SECRET_…`; to allow more, add it to `secrets.envNames` in "
                    "`reconciler.yaml`"
                ),
            ],
        ),
        (
            "{file: /etc/shadow}",
            [
                (
                    "specs/a.yaml:5:54 secret-not-allowed `secretKey` names the file `/etc/shadow`, which this "
                    "project does not allow "
                    "| allowed: `/run/secrets/…`; to allow more, add it to `secrets.fileRoots` in `reconciler.yaml`"
                ),
            ],
        ),
        (
            "{file: /run/secrets/../../etc/shadow}",
            [
                (
                    "specs/a.yaml:5:54 secret-not-allowed `secretKey` names the file "
                    "`/run/secrets/../../etc/shadow`, which this project does not allow "
                    "| write the path without `..`"
                ),
            ],
        ),
        (
            "{env: A, file: B}",
            [
                (
                    "specs/a.yaml:5:47 secret-reference `secretKey` must name one place where the secret is kept "
                    "| write one of `{env: …}`, `{file: …}`, `{awsSecretsManager: …}`, `{gcpSecretManager: …}`, "
                    "`{vault: …}`, `{named: …}`"
                ),
            ],
        ),
        (
            "{environment: A}",
            [
                (
                    "specs/a.yaml:5:47 secret-reference `secretKey` must name one place where the secret is kept "
                    "| write one of `{env: …}`, `{file: …}`, `{awsSecretsManager: …}`, `{gcpSecretManager: …}`, "
                    "`{vault: …}`, `{named: …}`"
                ),
            ],
        ),
        (
            "{env: RECONCILER_SECRET_A, key: x}",
            [
                (
                    "specs/a.yaml:5:47 secret-reference `secretKey`: unknown key `key` in a secret reference "
                    "| write one of `{env: …}`, `{file: …}`, `{awsSecretsManager: …}`, `{gcpSecretManager: …}`, "
                    "`{vault: …}`, `{named: …}`"
                ),
            ],
        ),
        (
            "{env: 3}",
            [
                (
                    "specs/a.yaml:5:47 secret-reference `secretKey`: the parts of a secret reference are text "
                    "| write one of `{env: …}`, `{file: …}`, `{awsSecretsManager: …}`, `{gcpSecretManager: …}`, "
                    "`{vault: …}`, `{named: …}`"
                ),
            ],
        ),
    ],
)
def test_only_allowed_places_of_secrets(stage: Stage, reference: str, expected: list[str]) -> None:
    text = manifest("Lake", "lake", f"login: {{type: bucket, bucket: b, secretKey: {reference}}}")

    assert stage.problems(text) == expected


# --- many manifests ---


def test_a_name_stands_once(stage: Stage) -> None:
    stage.write("specs/b.yaml", LAKE)

    assert stage.problems(LAKE, LAKE) == [
        (
            "specs/a.yaml:9:18 duplicate-name `example/Lake/lake` is already described at specs/a.yaml:3:18 "
            "| a name stands once per kind; rename one `Lake`"
        ),
        (
            "specs/b.yaml:3:18 duplicate-name `example/Lake/lake` is already described at specs/a.yaml:3:18 "
            "| a name stands once per kind; rename one `Lake`"
        ),
    ]


def test_circles_are_shown_as_a_path(stage: Stage) -> None:
    lakes = [
        manifest("Lake", name, f"login: {{type: server, host: h}}\nparent: {parent}")
        for name, parent in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "a"), ("e", "e"))
    ]

    assert stage.problems(*lakes) == [
        (
            "specs/a.yaml:6:11 reference-cycle these manifests need each other: example/Lake/a → "
            "example/Lake/b → example/Lake/c → example/Lake/a "
            "| remove one of the references, or write `{id: …}` for an object that exists"
        ),
        (
            "specs/a.yaml:34:11 reference-cycle these manifests need each other: example/Lake/e → "
            "example/Lake/e "
            "| remove one of the references, or write `{id: …}` for an object that exists"
        ),
    ]


def test_two_manifests_of_one_object_are_refused_where_nothing_tells_them_apart(stage: Stage) -> None:
    assert stage.problems(LAKE, LAKE.replace("name: lake", "name: pond") + "  name: lake\n") == [
        (
            "specs/a.yaml:7:1 same-object `example/Lake/lake` at specs/a.yaml:1:1 describes the same object: "
            "`spec.name` agree "
            "| objects of this kind are told apart by these fields alone; change one of them"
        ),
    ]


def test_disable_is_refused_where_it_cannot_be(stage: Stage) -> None:
    assert stage.problems(LAKE.replace("spec:", "lifecycle: {onRemoval: disable}\nspec:")) == [
        (
            "specs/a.yaml:4:24 invalid-value `onRemoval` cannot be `disable`: objects of `example/Lake` "
            "cannot be disabled "
            "| possible values: `report`, `delete`, `forget`"
        ),
    ]


def test_a_kinds_own_check_is_placed(stage: Stage) -> None:
    assert stage.problems(LAKE, export("orders", "retries: 13")) == [
        "specs/a.yaml:13:12 unlucky `retries` must not be thirteen | None",
    ]


def test_a_broken_manifest_makes_no_reference_to_it_wrong(stage: Stage) -> None:
    broken = LAKE.replace("bucket: example", "buket: example")

    assert stage.problems(broken, export("orders")) == [
        "specs/a.yaml:5:25 unknown-key `login` has no key `buket` | did you mean `bucket`?",
    ]


def test_names_behind_a_syntax_error_are_not_called_unknown(stage: Stage) -> None:
    stage.write("specs/b.yaml", "a: [\n---\n" + LAKE)

    assert stage.problems(export("orders")) == [
        "specs/b.yaml:2:1 syntax a value is missing here | None",
    ]


# --- composites ---


def test_a_composite_becomes_its_parts(stage: Stage) -> None:
    loaded = stage.load(PIPELINE_EXAMPLE, manifest("Export", "other", "target: orders\ndatasets: [a]"))
    part = loaded.desired.resources[Address.parse("example/Export/orders")]

    assert said(loaded.problems) == []
    assert [str(each) for each in loaded.desired.resources] == [
        "example/Export/orders",
        "example/Export/other",
        "example/Lake/orders",
    ]
    assert part.origin == Address("example", "Pipeline", "orders")
    assert part.mark == Mark("specs/a.yaml", 1, 1)
    assert part.attributes["target"] == Ref(Address("example", "Lake", "orders"))
    assert loaded.locate(part.address, ("datasets", 0)) == Mark("specs/a.yaml", 8, 14)
    assert loaded.locate(part.address, ("target",)) == Mark("specs/a.yaml", 5, 1)


def test_a_manifest_with_a_parts_address_is_refused(stage: Stage) -> None:
    lake = LAKE.replace("name: lake", "name: orders")

    assert stage.problems(PIPELINE_EXAMPLE, lake) == [
        (
            "specs/a.yaml:12:18 duplicate-name `example/Lake/orders` is a part of `example/Pipeline/orders` "
            "at specs/a.yaml:4:9 "
            "| a name stands once per kind; rename one `Lake`"
        ),
    ]
    assert stage.problems(lake, PIPELINE_EXAMPLE) == [
        (
            "specs/a.yaml:10:9 duplicate-name `example/Pipeline/orders` has the part `example/Lake/orders`, "
            "which is already described at specs/a.yaml:3:18 "
            "| rename one of them, or remove it"
        ),
    ]


# --- places ---


def test_a_problem_found_later_gets_its_place(stage: Stage) -> None:
    loaded = stage.load(LAKE, export("orders", "retries: 3"))
    orders = Address.parse("example/Export/orders")
    later = Problem(code="later", message="later", address=orders, path=("retries",))

    assert loaded.fill(later).mark == Mark("specs/a.yaml", 13, 12)
    assert loaded.locate(orders) == Mark("specs/a.yaml", 7, 1)
    assert loaded.locate(orders, ("schedule", "every")) == Mark("specs/a.yaml", 10, 1)
    assert loaded.locate(orders, ("name",)) == Mark("specs/a.yaml", 9, 18)
    assert loaded.locate(Address.parse("example/Export/none")) is None


def test_with_paths_references_may_lead_elsewhere_in_the_project(stage: Stage) -> None:
    stage.write("specs/b.yaml", LAKE)
    stage.write("specs/c.yaml", export("orders") + "---\n" + manifest("Export", "x", "target: gone\ndatasets: [a]"))
    loaded = stage.load(paths=["specs/c.yaml"])

    assert [str(each) for each in loaded.desired.resources] == ["example/Export/orders", "example/Export/x"]
    assert [each.code for each in loaded.problems] == ["unknown-reference"]
    assert loaded.files == 1


def test_examples_of_the_kinds_are_valid(stage: Stage) -> None:
    pipeline = PIPELINE_EXAMPLE.replace("name: orders", "name: other")

    assert stage.problems(LAKE_EXAMPLE, EXPORT_EXAMPLE, pipeline) == []


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_files_and_documents_means_nothing(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    chance = random.Random(seed)
    texts = [
        LAKE,
        LAKE.replace("name: lake", "name: pond"),
        export("orders", "after: [second]"),
        export("second", "retries: x"),
        export("third", "after: [fourth]"),
        export("fourth", "after: [third]"),
        PIPELINE_EXAMPLE.replace("name: orders", "name: pipe"),
        manifest("Export", "lost", "target: laek\ndatasets: []"),
    ]
    results = set()
    for _ in range(2):
        chance.shuffle(texts)
        stage = Stage(tmp_path_factory.mktemp("order"))
        cut = chance.randrange(len(texts))
        stage.write("specs/a.yaml", "---\n".join(texts[:cut]))
        stage.write("specs/b.yaml", "---\n".join(texts[cut:]))
        loaded = load(stage.project(), catalog())
        resources = [(each.address, str(each.attributes), each.origin) for each in loaded.desired.resources.values()]
        problems = sorted((str(each.address), each.code, each.message, each.help) for each in loaded.problems)
        results.add(str((resources, problems)))

    assert len(results) == 1
