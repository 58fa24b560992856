"""A plan where nobody may ask: equal to the one that asks, from a file without a secret, and without a socket."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from canary_stage import SECRETS, Aviary
from conformance_cases import Case, Sample, samples
from conformance_play import Play
from program import RealTime
from secret_search import hits
from world import CANARY, Run, World, catalog

from reconciler.engine.codec import digest_of
from reconciler.operations.failures import Failure, Stale
from reconciler.operations.plan import Planned, make_plan
from reconciler.operations.saved import save
from reconciler.operations.snapshot import _bare, publish, write
from reconciler.operations.snapshot_plan import plan_from, read_published
from reconciler.values import HIDDEN, Action, Address, Change, Document, Options, Plan, Secret

SILENT = Path(__file__).with_name("silent_program.py")
LAKE = """apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {name: lake}
spec:
  name: Consent lake
  typeId: aws-s3-didomi
  config: {accountId: "210987654321"}
"""
ARCHIVE = """---
apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {name: archive}
spec:
  name: Consent archive
  typeId: gcp-storage
  config:
    projectId: example-archive
    bucketName: example-consent-archive
    key: {env: RECONCILER_SECRET_CANARY, version: "1"}
"""
MARKET = """---
apiVersion: didomi.reconciler/v1
kind: Integration
metadata: {name: market}
spec:
  typeId: batch-exports-gcp
  authentication:
    projectId: example
    bucketName: example-drop
    key: {env: RECONCILER_SECRET_CANARY, version: "1"}
  properties: {data: [users]}
"""


@pytest.fixture
def didomi(world_of: Callable[..., World]) -> World:
    world = world_of("didomi")
    world.vendor.switch(rate_limit="off")
    return world


def published(world: World) -> Path:
    """The file that the main branch publishes."""
    path = world.folder / "snapshot.json"
    with world.workspace() as workspace:
        write(workspace, publish(workspace), path)
    return path


def from_snapshot(world: World, path: Path, options: Options | None = None) -> Planned:
    """The plan where nobody may ask, and nobody has a credential."""
    kept, world.environ = world.environ, {}
    try:
        with world.workspace() as workspace:
            return plan_from(workspace, read_published(workspace, path), options)
    finally:
        world.environ = kept


def essence(plan: Plan | None) -> list[tuple[object, ...]]:
    """What a plan would do, without what only a vendor tells at that moment."""
    assert plan is not None
    return [_essence(each) for each in plan.changes]


def _essence(change: Change) -> tuple[object, ...]:
    return change.address, change.action, change.fields, change.id, [each.code for each in change.reasons]


# --- the same plan ---


@pytest.mark.parametrize("sample", samples(), ids=str)
def test_a_plan_from_a_snapshot_is_the_plan_or_says_what_it_does_not_know(
    sample: Sample, world_of: Callable[..., World]
) -> None:
    play = Play(Case(sample=sample), world_of(sample.vendor))
    world = play.world
    world.apply(play.manifests(), expect=None)
    path = published(world)
    assert hits({"canary": CANARY, **world.environ}, {"snapshot": path.read_bytes()}) == []
    for changes in ({}, sample.update, sample.replace):
        if changes is None:
            continue
        run: Run = world.plan(play.manifests(changes))
        planned = from_snapshot(world, path).plan
        unsure = {each.address for each in planned.changes if each.action is Action.BLOCKED}

        assert unsure <= {sample.address}
        assert not unsure or changes
        assert [each for each in essence(planned) if each[0] not in unsure] == [
            each for each in essence(run.plan) if each[0] not in unsure
        ]


def test_what_goes_is_seen_and_limited(didomi: World) -> None:
    archive = ARCHIVE.replace("spec:", "lifecycle: {onRemoval: delete}\nspec:", 1)
    didomi.apply(LAKE + archive + archive.replace("archive", "attic"))
    path = published(didomi)
    didomi.settings = {"limits": {"maxDeletes": 1}}
    didomi.write(LAKE)
    planned = from_snapshot(didomi, path)

    assert [each.action for each in planned.plan.changes] == [Action.DELETE, Action.DELETE, Action.NOOP]
    assert [each.code for each in planned.plan.problems] == ["too-many-deletes"]
    assert "--approve" not in str(planned.plan.problems[0].help)


def test_a_stranger_that_looks_alike_is_found_and_nothing_else_of_it_is_kept(didomi: World) -> None:
    didomi.write(LAKE.replace("Consent lake", "Other"))
    didomi.vendor.emulator.insert("destinations", {"name": "Consent lake", "description": "private words of somebody"})
    path = published(didomi)
    didomi.write(LAKE)

    assert [each.code for each in from_snapshot(didomi, path).plan.problems] == ["lookalike"]
    assert b"Consent lake" in path.read_bytes()
    assert b"private words" not in path.read_bytes()


def test_a_stranger_that_points_at_what_goes_is_found(didomi: World) -> None:
    didomi.apply(LAKE)
    lake = didomi.state.records[Address.parse("didomi/Destination/lake")].id
    strange = {"name": "Theirs", "description": "private words", "data": {}, "destinations_id": [lake]}
    didomi.vendor.emulator.insert("configs", strange)
    path = published(didomi)
    didomi.write(LAKE.replace("210987654321", "999988887777"))
    problems = from_snapshot(didomi, path).plan.problems

    assert [each.message.partition(" while")[0] for each in problems] == [f"`{lake}` would be deleted"]
    assert b"private words" not in path.read_bytes()


def test_a_value_in_a_field_for_secrets_is_never_published_whatever_a_handler_leaves_there() -> None:
    traits = replace(
        catalog().traits("didomi/Destination"), secrets=frozenset({("key",), ("list", "*", "token"), ("map", "*")})
    )
    place = Secret(source="env", name="RECONCILER_SECRET_KEY", version="1")
    document: Document = {
        "key": "k",
        "list": ({"token": "t", "name": "kept"}, {"token": place}),
        "map": {"a": {"deep": "d"}},
        "name": "kept",
    }

    assert _bare(document, traits) == {
        "key": HIDDEN,
        "list": ({"token": HIDDEN, "name": "kept"}, {"token": place}),
        "map": {"a": HIDDEN},
        "name": "kept",
    }


def test_a_kind_that_nothing_used_is_blocked_and_not_guessed(didomi: World) -> None:
    didomi.apply(LAKE)
    path = published(didomi)
    didomi.write(LAKE + MARKET)
    planned = from_snapshot(didomi, path).plan
    market = next(each for each in planned.changes if each.address.kind == "Integration")

    assert market.action is Action.BLOCKED
    assert market.hold is not None
    assert "says nothing of `didomi/Integration`" in market.hold.reason


def test_a_list_that_could_not_be_read_stays_unread(didomi: World) -> None:
    didomi.apply(LAKE)
    didomi.vendor.faults.answer("GET /exports/destinations", 404)
    path = published(didomi)

    assert [each.code for each in from_snapshot(didomi, path).plan.problems] == ["cannot-read"]


# --- what it says of itself ---


def test_a_plan_says_how_old_its_snapshot_is_and_that_all_may_have_moved(didomi: World) -> None:
    didomi.apply(LAKE)
    path = published(didomi)
    ages = []
    for seconds in (600, 7200, 300_000):
        didomi.later(seconds)
        ages.append(from_snapshot(didomi, path).plan.notes[0])

    assert [re.sub(r"\d{4}-\S+ \S+ UTC", "<time>", each) for each in ages] == [
        f"planned from a snapshot of <time>, {age} old: neither the vendors nor the state were asked, "
        "and both may have moved since"
        for age in ("10 min", "2 h", "4 days")
    ]


def test_a_plan_from_a_snapshot_is_nothing_that_could_be_approved(didomi: World) -> None:
    didomi.apply(LAKE)
    path = published(didomi)
    didomi.write(LAKE.replace("Consent lake", "Lake"))
    planned = from_snapshot(didomi, path).plan

    assert [each.action for each in planned.changes] == [Action.UPDATE]
    assert planned.digest is None
    assert "cannot be saved, approved or applied" in planned.notes[1]


def test_a_changed_reference_to_a_secret_is_seen_and_no_secret_is_asked_for(didomi: World) -> None:
    didomi.apply(LAKE + ARCHIVE)
    path = published(didomi)
    same = from_snapshot(didomi, path).plan
    didomi.write(LAKE + ARCHIVE.replace('version: "1"', 'version: "2"'))
    other = from_snapshot(didomi, path).plan

    assert [each.action for each in same.changes] == [Action.NOOP, Action.NOOP]
    assert [each.action for each in other.changes] == [Action.UPDATE, Action.NOOP]
    assert any(each.startswith("rotation not checked: a plan from a snapshot") for each in same.notes)


# --- what is refused ---


def test_an_edited_snapshot_is_refused(didomi: World) -> None:
    didomi.apply(LAKE)
    path = published(didomi)
    path.write_bytes(path.read_bytes().replace(b"Consent lake", b"Consent sea "))

    with pytest.raises(Stale, match="damaged or was edited"):
        from_snapshot(didomi, path)


def test_a_snapshot_of_a_newer_version_is_refused(didomi: World) -> None:
    didomi.apply(LAKE)
    path = published(didomi)
    content = re.sub(rb'"version":1\}$', b'"version":2}', path.read_bytes())
    body = b"{" + content.partition(b",")[2]
    path.write_bytes(b'{"digest":"' + digest_of(body).encode() + b'",' + body[1:])

    with pytest.raises(Stale, match="in format 2, and this version"):
        from_snapshot(didomi, path)


@pytest.mark.parametrize("content", [b"", b"{}", b"\0" * 100])
def test_what_is_no_snapshot_is_refused(didomi: World, content: bytes) -> None:
    didomi.write(LAKE)
    path = didomi.folder / "snapshot.json"
    path.write_bytes(content)

    with pytest.raises(Stale, match="cannot be used"):
        from_snapshot(didomi, path)


def test_a_saved_plan_is_no_snapshot(didomi: World) -> None:
    didomi.write(LAKE)
    with didomi.workspace() as workspace:
        save(make_plan(workspace), didomi.folder / "plan.json")

    with pytest.raises(Stale, match="is no snapshot but a plan"):
        from_snapshot(didomi, didomi.folder / "plan.json")


def test_a_snapshot_of_another_environment_or_organization_is_refused(didomi: World) -> None:
    didomi.apply(LAKE)
    path = published(didomi)
    didomi.settings = {"environments": {"test": {}}}
    didomi.write()
    with pytest.raises(Stale, match=r"is of `shop/default`, and this is `shop/test`"):
        from_snapshot(didomi, path)
    didomi.settings = {}
    didomi.vendor.words["organizationId"] = "another-org"
    didomi.write()

    with pytest.raises(Stale, match="is of organization example-org, and the project now names organization another"):
        from_snapshot(didomi, path)


def test_a_secret_that_a_vendor_shows_where_it_should_not_is_not_published(didomi: World) -> None:
    didomi.apply(LAKE + ARCHIVE)
    (lake, _) = sorted(didomi.vendor.objects("destinations"), key=lambda each: str(each["type_id"]))
    didomi.vendor.emulator.edit("destinations", str(lake["id"]), {"name": f"leaks {CANARY}"})

    with pytest.raises(Failure, match="would hold the text of a secret; it was not written"):
        published(didomi)
    assert not (didomi.folder / "snapshot.json").exists()


# --- the commands ---


def silently(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    """The program without network, credentials and secrets."""
    return subprocess.run(
        [sys.executable, str(SILENT), *words],
        cwd=world.folder,
        env={"PATH": "/usr/bin:/bin", "CI": "true"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_the_command_plans_without_a_socket_and_without_a_credential(didomi: World) -> None:
    didomi.apply(LAKE + ARCHIVE)
    wrote = didomi.command("snapshot", "-o", "snapshot.json")
    didomi.write(LAKE.replace("210987654321", "999988887777") + ARCHIVE)
    ended = silently(didomi, "plan", "--snapshot", "snapshot.json", "--report", "json=plan.json", "--detailed-exitcode")
    saved = silently(didomi, "plan", "--snapshot", "snapshot.json", "-o", "saved.json")
    heard = silently(didomi, "plan")

    assert ended.returncode == 2, ended.stderr
    assert wrote.stderr == "wrote 2 records and 2 objects to snapshot.json\n"
    assert (didomi.folder / "snapshot.json").stat().st_mode & 0o777 == 0o600
    assert "Plan: 0 to add, 0 to change, 1 to replace, 0 to destroy." in ended.stdout
    assert "Note: planned from a snapshot of " in ended.stdout
    assert json.loads((didomi.folder / "plan.json").read_text(encoding="utf-8"))["applicable"] is False
    assert (saved.returncode, heard.returncode) == (64, 7)
    assert not (didomi.folder / "saved.json").exists()


def test_the_ear_hears_a_plan_that_asks(didomi: World) -> None:
    didomi.write(LAKE)
    ended = subprocess.run(
        [sys.executable, str(SILENT), "plan"],
        cwd=didomi.folder,
        env=didomi.environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 99
    assert "the network was touched: socket." in ended.stderr


@pytest.mark.slow
def test_no_canary_is_published(project_folder: Path) -> None:
    theatre = RealTime()
    try:
        aviary = Aviary(project_folder, theatre)
        aviary.say("apply", "-y")
        aviary.say("snapshot", "-o", "snapshot.json")
        aviary.want(bucket="example-elsewhere", version="2")
        aviary.say("plan", "--snapshot", "snapshot.json", "--report", "html=plan.html", expect=None)
        body = (aviary.folder / "snapshot.json").read_bytes()

        assert len(json.loads(body)["state"]["records"]) == 4
        assert aviary.leaks() == []
        assert hits({**SECRETS, **aviary.tokens()}, {"snapshot": body}) == []
    finally:
        theatre.close()


@pytest.mark.parametrize("fingerprint", [True, False])
def test_fingerprints_and_names_of_people_are_not_published(didomi: World, fingerprint: bool) -> None:
    if fingerprint:
        didomi.environ["FINGERPRINT_KEY"] = "0123456789abcdef0123456789abcdef"
        didomi.settings = {"secrets": {"fingerprint": {"id": "k1", "key": {"env": "FINGERPRINT_KEY"}}}}
    didomi.apply(LAKE + ARCHIVE)
    kept = didomi.state.records[Address.parse("didomi/Destination/archive")].applied
    body = published(didomi).read_text(encoding="utf-8")
    published_one = next(each for each in json.loads(body)["state"]["records"] if "archive" in each["address"])

    assert ("k1" in str(kept)) is fingerprint
    assert published_one["applied"]["config"]["key"]["$secret"]["version"] == "1"
    assert "last_change" not in body
