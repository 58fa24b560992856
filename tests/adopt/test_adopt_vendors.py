"""What somebody changed at a vendor comes into the manifests, and the next plan is empty."""

from __future__ import annotations

import stat
from collections.abc import Callable

import pytest
from adopt_stage import Adopting, reasons
from world import World

from reconciler.operations.failures import Failure, Invalid

DIDOMI = """\
# Who gets what, and why.
apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {name: lake}   # the warehouse reads it
spec:
  typeId: aws-s3-didomi
  name: 'Consent lake'  # as the console shows it
  config: {accountId: "210987654321"}
---
apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {name: archive}
spec:
  typeId: gcp-storage
  config:
    projectId: example-archive
    bucketName: example-consent-archive
    key: {env: RECONCILER_SECRET_CANARY, version: "1"}
---
apiVersion: didomi.reconciler/v1
kind: ExportConfig
metadata: {name: daily}
spec:
  name: Daily consents

  # Kept short by the lawyers.
  description: Who agreed to what
  data:
    users: {enabled: true}  # always
    proofs: {enabled: false}
  destinations:
    - lake  # first
"""
DAILY = "didomi/ExportConfig/daily"
LAKE = "didomi/Destination/lake"


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    world = world_of("didomi")
    world.vendor.switch(rate_limit="off")
    return world


@pytest.fixture
def didomi(world: World) -> Adopting:
    return Adopting(world, DIDOMI)


def test_a_moved_text_is_written_as_it_was_quoted_and_everything_else_stays(didomi: Adopting) -> None:
    didomi.edit("didomi", "destinations", LAKE, {"name": "NO"})
    adopted = didomi.adopt()

    assert adopted.problems == ()
    assert didomi.text == DIDOMI.replace("'Consent lake'", "'NO'")
    assert didomi.fields_left() == []


def test_the_diff_is_that_of_the_file(didomi: Adopting) -> None:
    didomi.edit("didomi", "destinations", LAKE, {"name": "Sea"})
    adopted = didomi.adopt(dry_run=True)

    assert didomi.text == DIDOMI
    assert adopted.diffs["specs/all.yaml"].splitlines() == [
        "--- a/specs/all.yaml",
        "+++ b/specs/all.yaml",
        "@@ -4,7 +4,7 @@",
        " metadata: {name: lake}   # the warehouse reads it",
        " spec:",
        "   typeId: aws-s3-didomi",
        "-  name: 'Consent lake'  # as the console shows it",
        "+  name: 'Sea'  # as the console shows it",
        '   config: {accountId: "210987654321"}',
        " ---",
        " apiVersion: didomi.reconciler/v1",
    ]


def test_several_fields_of_several_objects_come_at_once(didomi: Adopting) -> None:
    archive = didomi.world.state.records
    ids = {address.name: record.id for address, record in archive.items()}
    didomi.edit("didomi", "destinations", LAKE, {"name": "Sea"})
    didomi.edit(
        "didomi",
        "configs",
        DAILY,
        {
            "description": "somebody's: own # words",
            "data": {"users": {"enabled": True}, "proofs": {"enabled": True}},
            "destinations_id": [ids["archive"], ids["lake"]],
        },
    )
    adopted = didomi.adopt()

    assert reasons(adopted) == []
    assert didomi.text == (
        DIDOMI.replace("'Consent lake'", "'Sea'")
        .replace("description: Who agreed to what", "description: 'somebody''s: own # words'")
        .replace("proofs: {enabled: false}", "proofs: {enabled: true}")
        .replace("    - lake  # first\n", "    - lake  # first\n    - archive\n")
    )
    assert adopted.fields == 4
    assert didomi.fields_left() == []


def test_only_the_named_object_is_adopted(didomi: Adopting) -> None:
    didomi.edit("didomi", "destinations", LAKE, {"name": "Sea"})
    didomi.edit("didomi", "configs", DAILY, {"name": "Nightly"})
    didomi.adopt(DAILY)

    assert didomi.text == DIDOMI.replace("Daily consents", "Nightly")
    assert didomi.fields_left() == [LAKE]


def test_a_name_that_was_left_out_is_written(didomi: Adopting) -> None:
    didomi.edit("didomi", "destinations", "didomi/Destination/archive", {"name": "Cellar"})
    didomi.adopt()

    assert 'version: "1"}\n  name: Cellar\n---' in didomi.text
    assert didomi.fields_left() == []


def test_what_somebody_removed_takes_its_line_along(didomi: Adopting) -> None:
    didomi.edit("didomi", "configs", DAILY, {"description": ""})
    adopted = didomi.adopt()

    assert reasons(adopted) == []
    assert "Kept short by the lawyers.\n  data:" in didomi.text or "description: ''" in didomi.text
    assert didomi.fields_left() == []


def test_an_object_that_nobody_manages_is_written_by_its_id(didomi: Adopting) -> None:
    row = {"name": "Other", "type_id": "aws-s3-didomi", "config": {"account_id": "210987654321"}}
    other = didomi.world.vendor.emulator.insert("destinations", row)["id"]
    didomi.edit("didomi", "configs", DAILY, {"destinations_id": [other]})
    didomi.adopt()

    assert f"  destinations:\n    - id: {other}" in didomi.text or f"- {{id: {other}}}" in didomi.text
    assert didomi.fields_left() == []


def test_a_second_time_changes_nothing(didomi: Adopting) -> None:
    didomi.edit("didomi", "destinations", LAKE, {"name": "Sea"})
    didomi.adopt()
    before = didomi.text
    adopted = didomi.adopt()

    assert (adopted.diffs, adopted.problems) == ({}, ())
    assert didomi.text == before


def test_line_ends_mode_and_a_lacking_last_break_are_kept(didomi: Adopting) -> None:
    text = DIDOMI.replace("\n", "\r\n").removesuffix("\r\n")
    didomi.path.write_bytes(text.encode())
    didomi.path.chmod(0o640)
    didomi.edit("didomi", "destinations", LAKE, {"name": "Sea"})
    didomi.adopt()

    assert didomi.text == text.replace("Consent lake", "Sea")
    assert stat.S_IMODE(didomi.path.stat().st_mode) == 0o640
    assert [each.name for each in didomi.path.parent.iterdir()] == ["all.yaml"]


def test_a_value_of_the_environment_is_named_and_left(didomi: Adopting) -> None:
    didomi.world.settings = {"environments": {"default": {"values": {"title": "Consent lake"}}}}
    didomi.rewrite("'Consent lake'", "{var: title}")
    didomi.edit("didomi", "destinations", LAKE, {"name": "Sea"})
    adopted = didomi.adopt()

    assert reasons(adopted) == [
        f"{LAKE} name: it is not adopted: it comes from `{{var: title}}`, which other environments use too"
    ]
    assert adopted.problems[0].mark is not None
    assert adopted.diffs == {}


def test_a_value_of_an_overlay_is_left(didomi: Adopting) -> None:
    didomi.world.settings = {"environments": {"default": {"overlays": ["over.yaml"]}}}
    overlay = (
        "apiVersion: didomi.reconciler/v1\nkind: Destination\nmetadata: {name: lake}\nspec: {name: Consent lake}\n"
    )
    (didomi.world.folder / "over.yaml").write_text(overlay, encoding="utf-8")
    didomi.edit("didomi", "destinations", LAKE, {"name": "Sea"})
    adopted = didomi.adopt()

    assert reasons(adopted) == [f"{LAKE} name: it is not adopted: it comes from the environment's overlay `over.yaml`"]


def test_what_is_shared_through_an_anchor_is_left_and_the_rest_goes_on(didomi: Adopting) -> None:
    didomi.rewrite("users: {enabled: true}  # always", "users: &on {enabled: true}")
    didomi.rewrite("proofs: {enabled: false}", "proofs: *on")
    didomi.world.apply(didomi.text)
    didomi.edit("didomi", "configs", DAILY, {"name": "Nightly", "data": {"users": {"enabled": False}}})
    adopted = didomi.adopt()

    assert any("anchor `&on`" in each for each in reasons(adopted))
    assert "name: Nightly" in didomi.text


def test_a_manifest_that_was_changed_too_is_left(didomi: Adopting) -> None:
    didomi.rewrite("'Consent lake'", "'My lake'")
    didomi.edit("didomi", "destinations", LAKE, {"name": "Sea"})
    adopted = didomi.adopt()

    assert reasons(adopted) == [f"{LAKE} name: it is not adopted: the manifest was changed too since the last apply"]


def test_what_is_ignored_by_now_is_left(didomi: Adopting) -> None:
    didomi.rewrite("metadata: {name: lake} ", "lifecycle: {ignoreChanges: [spec.name]}\nmetadata: {name: lake} ")
    didomi.edit("didomi", "destinations", LAKE, {"name": "Sea"})
    adopted = didomi.adopt()

    assert reasons(adopted) == [f"{LAKE} name: it is not adopted: `lifecycle.ignoreChanges` accepts its differences"]


def test_an_object_that_is_gone_and_one_without_a_manifest_are_said(didomi: Adopting) -> None:
    records = didomi.world.state.records
    ids = {str(address): record.id for address, record in records.items()}
    didomi.edit("didomi", "destinations", "didomi/Destination/archive", {"name": "Cellar"})
    didomi.world.vendor.emulator.remove("configs", str(ids[DAILY]))
    didomi.world.later()
    kept = DIDOMI.split("---\n")
    didomi.path.write_text("---\n".join((kept[0], kept[2])), encoding="utf-8")
    adopted = didomi.adopt()

    assert reasons(adopted) == [
        "didomi/Destination/archive : it moved at the vendor, and no manifest describes it any more",
        f"{DAILY} : the object is gone at the vendor, so there is nothing to adopt",
    ]


def test_a_value_that_no_manifest_may_have_is_said(didomi: Adopting) -> None:
    didomi.edit("didomi", "configs", DAILY, {"destinations_id": []})
    adopted = didomi.adopt()

    assert adopted.diffs == {} or didomi.fields_left() == []


def test_a_renamed_manifest_that_nobody_applied_is_found(didomi: Adopting) -> None:
    didomi.rewrite("metadata: {name: lake}", "metadata: {name: sea, renamedFrom: lake}")
    didomi.rewrite("- lake  # first", "- sea  # first")
    didomi.edit("didomi", "destinations", LAKE, {"name": "Sea"})
    adopted = didomi.adopt("didomi/Destination/sea")

    assert reasons(adopted) == []
    assert "name: 'Sea'" in didomi.text


def test_manifests_with_mistakes_are_not_touched(didomi: Adopting) -> None:
    didomi.rewrite("typeId: gcp-storage", "typeId: gcp")

    with pytest.raises(Invalid):
        didomi.adopt()


def test_an_address_that_nothing_has_is_a_failure(didomi: Adopting) -> None:
    with pytest.raises(Failure, match="no record of `didomi/Destination/nowhere`"):
        didomi.adopt("didomi/Destination/nowhere")


def test_the_command_prints_the_diff_and_says_what_is_left(didomi: Adopting) -> None:
    didomi.edit("didomi", "destinations", LAKE, {"name": "Sea"})
    dry = didomi.world.command("drift", "--adopt", "--dry-run")
    real = didomi.world.command("drift", "--adopt", LAKE)
    didomi.world.command("drift", LAKE, expect=64)
    didomi.world.command("drift", "--adopt", "--format", "json", expect=64)

    assert dry.stdout == real.stdout
    assert "+  name: 'Sea'  # as the console shows it\n" in real.stdout
    assert "1 field would be adopted into specs/all.yaml." in dry.stderr
    assert "1 field adopted into specs/all.yaml." in real.stderr


def test_the_command_ends_with_1_when_something_is_left(didomi: Adopting) -> None:
    didomi.world.vendor.emulator.remove(
        "configs",
        str(didomi.world.state.records[next(a for a in didomi.world.state.records if str(a) == DAILY)].id),
    )
    didomi.world.later(60)
    ended = didomi.world.command("drift", "--adopt", expect=1)

    assert "error[not-adopted]: the object is gone at the vendor, so there is nothing to adopt" in ended.stderr


# --- Adobe, composites ---

ADOBE = """\
apiVersion: adobe.reconciler/v1
kind: DatasetExport
metadata: {name: orders}
spec:
  destination: dataLandingZone
  datasets: [{name: Customers}]
  path: exports/orders  # agreed with the warehouse
  datasetFileType: PARQUET
  compression: GZIP
  schedule: {every: 1d, start: "2090-01-01T00:00:00Z", end: "2095-01-01T00:00:00Z"}
"""
FLOW = "adobe/Dataflow/orders"
TARGET = "adobe/TargetConnection/orders"


@pytest.fixture
def adobe(world_of: Callable[..., World]) -> Adopting:
    return Adopting(world_of("adobe"), ADOBE)


def test_a_part_is_adopted_into_the_composites_own_field(adobe: Adopting) -> None:
    params = {"mode": "Server-to-server", "path": "elsewhere", "datasetFileType": "PARQUET", "compression": "NONE"}
    adobe.edit("adobe", "targetConnections", TARGET, {"params": params})
    adopted = adobe.adopt("adobe/DatasetExport/orders")

    assert reasons(adopted) == []
    assert adobe.text == ADOBE.replace("exports/orders  #", "elsewhere  #").replace("GZIP", "NONE")
    assert adobe.fields_left() == []


def test_what_all_parts_of_a_composite_share_is_left(adobe: Adopting) -> None:
    adobe.edit("adobe", "flows", FLOW, {"name": "Somebody's"})
    adopted = adobe.adopt()

    assert reasons(adopted) == [
        (
            f"{FLOW} name: it is not adopted: the field of `adobe/DatasetExport/orders` that says it changes "
            "`adobe/BaseConnection/orders`, `adobe/SourceConnection/orders`, `adobe/TargetConnection/orders` too"
        )
    ]
    assert adobe.text == ADOBE


# --- Domo ---

DOMO = """\
apiVersion: domo.reconciler/v1
kind: DatasetExport
metadata: {name: orders}
spec:
  dataset: {id: c5a2e9c0-55f3-4c53-8a5d-6d2f0b9e7a10, expectName: orders_daily}
  destination: {bucket: example-lake, path: domo/orders, region: eu-west-3}
  credentials:
    static:
      accessKeyId: {env: RECONCILER_SECRET_CANARY}
      secretAccessKey: {env: RECONCILER_SECRET_CANARY}
  query:
    columns: [order_id, amount]
"""


def test_a_claim_at_domo_does_not_move(world_of: Callable[..., World]) -> None:
    domo = Adopting(world_of("domo"), DOMO)
    record = next(iter(domo.world.state.records.values()))
    domo.edit("domo", "exports", "domo/DatasetExport/orders", {"message": "somebody looked at it"})
    edited = domo.adopt()
    left = domo.fields_left()
    domo.world.vendor.emulator.remove("exports", str(record.id))
    removed = domo.adopt()

    assert (edited.diffs, edited.problems) == (removed.diffs, removed.problems) == ({}, ())
    assert domo.text == DOMO
    assert left == []
