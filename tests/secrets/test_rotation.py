"""From a rotated secret to the plan that says so, and to nothing when nothing was rotated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_servers import Answer, Asked, VaultStandIn, serving
from world import Run, Status, World

from reconciler.engine.shape import secrets
from reconciler.operations.apply import apply
from reconciler.operations.failures import Stale
from reconciler.operations.plan import Planned, make_plan
from reconciler.operations.saved import save
from reconciler.secrets import stamp_of
from reconciler.values import Action, Address, Options, Secret

NORTH = Address("harbor", "Account", "north")
KEYS = {"k1": "1" * 32, "k2": "2" * 32}


@pytest.fixture
def harbor(world_of: Callable[..., World]) -> World:
    world = world_of("harbor")
    use_key(world, "k1")
    return world


def use_key(world: World, id: str | None) -> None:
    section: dict[str, object] = dict(world.settings.get("secrets", {}))  # type: ignore[call-overload]  # a mapping
    section.pop("fingerprint", None)
    if id is not None:
        section["fingerprint"] = {"id": id, "key": {"env": "FINGERPRINT_KEY"}}
        world.environ["FINGERPRINT_KEY"] = KEYS[id]
    world.settings["secrets"] = section


def account(secret: Mapping[str, str] = {"env": "RECONCILER_SECRET_A"}, **spec: object) -> dict[str, object]:
    return {
        "apiVersion": "harbor.reconciler/v1",
        "kind": "Account",
        "metadata": {"name": "north"},
        "spec": {"endpoint": "quay.example.com", "accessKey": "NORTH", "secretKey": dict(secret), **spec},
    }


def begin(world: World, value: str = "first", secret: Mapping[str, str] = {"env": "RECONCILER_SECRET_A"}) -> None:
    world.environ["RECONCILER_SECRET_A"] = value
    world.apply([account(secret)])


def said(run: Run) -> list[str]:
    """The reasons of the account's change."""
    assert run.plan is not None
    return [reason.text for change in run.plan.changes if change.address == NORTH for reason in change.reasons]


def held(world: World) -> object:
    """What the vendor holds."""
    return world.vendor.objects("accounts")[0]["secretKey"]


def recorded(world: World) -> Secret:
    ((_, found),) = secrets(world.state.records[NORTH].applied)
    return found


# ------------------------------------------------------------------------------------------- fingerprints


def test_a_rotated_variable_is_said_and_sent(harbor: World) -> None:
    begin(harbor)
    harbor.environ["RECONCILER_SECRET_A"] = "second"
    plan = harbor.plan()
    harbor.apply()

    assert (plan.action(NORTH), said(plan)) == (Action.UPDATE, ["secret rotated: `secretKey`"])
    assert held(harbor) == "second"
    assert harbor.plan().changes_to_make == ()


def test_a_secret_that_is_the_same_is_no_change(harbor: World) -> None:
    begin(harbor)

    assert harbor.plan().changes_to_make == ()


def test_the_state_holds_a_fingerprint_and_no_value(harbor: World) -> None:
    begin(harbor, "canary-rotation-3e")
    stamp = stamp_of(recorded(harbor))

    assert stamp.fingerprint is not None
    assert stamp.fingerprint.key == "k1"
    assert b"canary-rotation-3e" not in harbor.stored


def test_a_secret_that_moved_with_its_value_is_only_remembered(harbor: World) -> None:
    begin(harbor)
    harbor.environ["RECONCILER_SECRET_B"] = "first"
    harbor.vendor.forget_requests()
    moved = harbor.apply([account({"env": "RECONCILER_SECRET_B", "version": "2"})])

    assert moved.action(NORTH) is Action.RECORD
    assert harbor.vendor.writes() == ()
    assert recorded(harbor).name == "RECONCILER_SECRET_B"
    assert harbor.plan().changes_to_make == ()


def test_a_secret_that_moved_and_changed_is_sent(harbor: World) -> None:
    begin(harbor)
    harbor.environ["RECONCILER_SECRET_B"] = "second"
    plan = harbor.apply([account({"env": "RECONCILER_SECRET_B"})])

    assert said(plan) == ["secret rotated: `secretKey`"]
    assert held(harbor) == "second"


def test_a_new_key_is_no_rotation_and_notices_the_next_one(harbor: World) -> None:
    begin(harbor)
    use_key(harbor, "k2")
    harbor.vendor.forget_requests()
    taken_over = harbor.apply([account()])
    wrote = harbor.vendor.writes()
    harbor.environ["RECONCILER_SECRET_A"] = "second"
    plan = harbor.plan()

    assert (taken_over.action(NORTH), wrote) == (Action.RECORD, ())
    assert said(taken_over) == ["only what is remembered of a secret changes"]
    assert said(plan) == ["secret rotated: `secretKey`"]


def test_the_first_key_is_no_rotation(harbor: World) -> None:
    use_key(harbor, None)
    begin(harbor)
    use_key(harbor, "k1")
    harbor.vendor.forget_requests()
    first = harbor.apply([account()])

    assert (first.action(NORTH), harbor.vendor.writes()) == (Action.RECORD, ())


def test_a_key_that_is_taken_away_changes_nothing(harbor: World) -> None:
    begin(harbor)
    use_key(harbor, None)

    assert harbor.plan([account()]).changes_to_make == ()


def test_a_rotation_beside_another_change_is_said_beside_it(harbor: World) -> None:
    begin(harbor)
    harbor.environ["RECONCILER_SECRET_A"] = "second"
    plan = harbor.plan([account(accessKey="NORTH-2")])

    assert said(plan) == ["2 fields differ", "secret rotated: `secretKey`"]


def test_a_secret_whose_changes_are_ignored_is_not_looked_at(harbor: World) -> None:
    begin(harbor)
    harbor.environ["RECONCILER_SECRET_A"] = "second"
    ignoring = account() | {"lifecycle": {"ignoreChanges": ["spec.secretKey"]}}
    harbor.apply([ignoring])

    assert held(harbor) == "first"
    assert harbor.plan().changes_to_make == ()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["canary-one", "canary-two"]),
            st.sampled_from(["k1", "k1", "k2"]),
            st.sampled_from(["A", "B"]),
        ),
        min_size=2,
        max_size=4,
    )
)
def test_a_rotation_is_said_exactly_when_there_was_one(
    world_of: Callable[..., World], steps: list[tuple[str, ...]]
) -> None:
    """Whatever key or place changes with it; when key and value change at once nobody can know."""
    world = world_of("harbor")
    for path in (world.folder / ".reconciler").rglob("*") if (world.folder / ".reconciler").exists() else ():
        if path.is_file():
            path.unlink()
    before: tuple[str, ...] | None = None
    for value, key, place in steps:
        use_key(world, key)
        world.environ |= {"RECONCILER_SECRET_A": value, "RECONCILER_SECRET_B": value}
        run = world.apply([account({"env": f"RECONCILER_SECRET_{place}"})])
        says = "secret rotated: `secretKey`" in said(run)
        if before is not None and before[1] == key:
            assert says is (before[0] != value)
            assert held(world) == value
        else:
            assert not says
        before = (value, key, place)


# ---------------------------------------------------------------------------------------- not to be had


def test_a_secret_that_plan_cannot_read_is_not_checked(harbor: World) -> None:
    begin(harbor)
    del harbor.environ["RECONCILER_SECRET_A"]
    plan = harbor.plan()

    assert plan.plan is not None
    assert (plan.status, plan.changes_to_make) == (Status.DONE, ())
    assert plan.plan.notes == (
        (
            "rotation not checked: the environment variable `RECONCILER_SECRET_A` "
            "is not set (`{env: RECONCILER_SECRET_A}`)"
        ),
    )


def test_a_key_that_plan_cannot_read_checks_nothing(harbor: World) -> None:
    begin(harbor)
    harbor.environ |= {"RECONCILER_SECRET_A": "second", "FINGERPRINT_KEY": ""}
    plan = harbor.plan()

    assert plan.plan is not None
    assert (plan.status, plan.changes_to_make) == (Status.DONE, ())
    assert [note for note in plan.plan.notes if "`secrets.fingerprint.key`" in note]


def test_a_new_account_whose_secret_cannot_be_read_is_planned_and_not_applied(harbor: World) -> None:
    harbor.environ.pop("RECONCILER_SECRET_A", None)
    plan = harbor.plan([account()])
    applied = harbor.apply(expect=Status.DENIED)

    assert plan.action(NORTH) is Action.CREATE
    assert "`RECONCILER_SECRET_A` is not set" in applied.messages
    assert harbor.vendor.writes() == ()


def test_no_secret_is_sent_without_the_key_of_its_fingerprint(harbor: World) -> None:
    harbor.environ |= {"RECONCILER_SECRET_A": "first", "FINGERPRINT_KEY": "short"}
    applied = harbor.apply([account()], expect=Status.DENIED)

    assert "is shorter than 32 characters" in applied.messages
    assert harbor.vendor.writes() == ()


def test_an_apply_that_sends_no_secret_needs_no_key(harbor: World) -> None:
    begin(harbor)
    del harbor.environ["FINGERPRINT_KEY"]

    assert harbor.apply().changes_to_make == ()


def test_without_version_and_key_plan_says_once_that_it_cannot_tell(harbor: World) -> None:
    use_key(harbor, None)
    begin(harbor)
    harbor.environ["RECONCILER_SECRET_A"] = "second"
    plan = harbor.plan().plan

    assert plan is not None
    assert [each.partition(":")[0] for each in plan.notes] == ["rotation not detectable"]


def test_a_secret_is_sent_again_when_that_is_asked_for(harbor: World) -> None:
    begin(harbor)
    harbor.vendor.forget_requests()
    harbor.apply(options=Options(resend=frozenset({NORTH})))

    assert len(harbor.vendor.writes()) == 1
    assert harbor.plan().changes_to_make == ()


# ------------------------------------------------------------------------------------------- saved plans


def planned(world: World, manifests: list[dict[str, object]] | None = None) -> Planned:
    world.write(manifests)
    with world.workspace() as workspace:
        return make_plan(workspace)


def applied_from(world: World, plan: Planned) -> None:
    path = world.folder / "plan.json"
    save(plan, path)
    with world.workspace() as workspace:
        apply(workspace, saved=path)


@pytest.mark.parametrize("exists", [False, True])
def test_a_value_that_is_not_the_planned_one_makes_a_saved_plan_stale(harbor: World, exists: bool) -> None:
    if exists:
        begin(harbor)
    harbor.environ["RECONCILER_SECRET_A"] = "second"
    plan = planned(harbor, [account()])
    harbor.environ["RECONCILER_SECRET_A"] = "third"
    harbor.vendor.forget_requests()
    with pytest.raises(Stale) as stale:
        applied_from(harbor, plan)

    assert [each.message for each in stale.value.problems] == [
        "the secret `{env: RECONCILER_SECRET_A}` is not what it was when the plan was made"
    ]
    assert harbor.vendor.writes() == ()


def test_a_secret_that_was_rotated_after_a_plan_without_it_makes_that_stale(harbor: World) -> None:
    begin(harbor)
    plan = planned(harbor, [account(accessKey="NORTH-2")])
    harbor.environ["RECONCILER_SECRET_A"] = "second"
    with pytest.raises(Stale):
        applied_from(harbor, plan)


def test_a_saved_rotation_that_cannot_be_read_any_more_says_so(harbor: World) -> None:
    begin(harbor)
    harbor.environ["RECONCILER_SECRET_A"] = "second"
    plan = planned(harbor)
    harbor.environ["RECONCILER_SECRET_A"] = ""
    with pytest.raises(Stale) as stale:
        applied_from(harbor, plan)

    assert [each.help for each in stale.value.problems] == [
        ("rotation not checked: the environment variable `RECONCILER_SECRET_A` is empty (`{env: RECONCILER_SECRET_A}`)")
    ]


def test_a_saved_plan_with_the_same_value_is_applied(harbor: World) -> None:
    begin(harbor)
    harbor.environ["RECONCILER_SECRET_A"] = "second"
    applied_from(harbor, planned(harbor))

    assert held(harbor) == "second"


def test_a_plan_made_where_no_secret_can_be_read_is_applied_where_it_can(harbor: World) -> None:
    harbor.environ["FINGERPRINT_KEY"] = ""
    plan = planned(harbor, [account()])
    harbor.environ |= {"RECONCILER_SECRET_A": "first", "FINGERPRINT_KEY": KEYS["k1"]}
    applied_from(harbor, plan)

    assert held(harbor) == "first"
    assert stamp_of(recorded(harbor)).fingerprint is not None


# ------------------------------------------------------------------------------------------------- stores


@pytest.fixture
def vault(harbor: World) -> Iterator[VaultStandIn]:
    stand_in = VaultStandIn()
    with serving(stand_in):
        stand_in.write("kv/lake", password="first")
        harbor.environ["VAULT_TOKEN"] = stand_in.token
        harbor.settings["secrets"] = {"vault": {"address": stand_in.url, "paths": ["kv/*"]}}
        yield stand_in


KV = {"vault": "kv/lake", "key": "password"}


def test_a_new_version_in_a_store_is_a_rotation_that_is_seen_without_reading_it(
    harbor: World, vault: VaultStandIn
) -> None:
    harbor.apply([account(KV)])
    quiet = harbor.plan()
    vault.write("kv/lake", password="second")
    vault.asked.clear()
    plan = harbor.plan()
    asked = [each.path for each in vault.asked]
    harbor.apply()

    assert quiet.changes_to_make == ()
    assert said(plan) == ["secret rotated: `secretKey`"]
    assert asked == ["/v1/kv/metadata/lake"]
    assert held(harbor) == "second"


def test_a_new_version_with_the_same_value_is_no_rotation_to_a_fingerprint(harbor: World, vault: VaultStandIn) -> None:
    use_key(harbor, "k1")
    harbor.apply([account(KV)])
    vault.write("kv/lake", password="first")
    harbor.vendor.forget_requests()
    again = harbor.apply()

    assert (again.action(NORTH), harbor.vendor.writes()) == (Action.RECORD, ())
    assert stamp_of(recorded(harbor)).stored == "2"


def test_a_rotation_in_the_middle_of_an_apply_is_for_the_next_one(harbor: World, vault: VaultStandIn) -> None:
    real = vault.answer

    def rotate_first(asked: Asked) -> Answer:
        if "/data/" in asked.path:
            vault.write("kv/lake", password="second")
        return real(asked)

    vault.reply = rotate_first
    harbor.apply([account(KV)])
    vault.reply = None

    assert held(harbor) == "first"
    assert said(harbor.plan()) == ["secret rotated: `secretKey`"]


def test_a_value_is_not_read_for_a_fingerprint_that_is_known(harbor: World, vault: VaultStandIn) -> None:
    use_key(harbor, "k1")
    harbor.apply([account(KV)])
    vault.asked.clear()
    plan = harbor.plan()

    assert plan.changes_to_make == ()
    assert [each.path for each in vault.asked] == ["/v1/kv/metadata/lake"]


def test_a_store_that_cannot_be_asked_is_not_checked(harbor: World, vault: VaultStandIn) -> None:
    harbor.apply([account(KV)])
    vault.token = "hvs.another"
    plan = harbor.plan()

    assert plan.plan is not None
    assert plan.changes_to_make == ()
    assert plan.plan.notes == (
        ("rotation not checked: Vault does not give `kv/lake` (HTTP 403) (`{vault: kv/lake, key: password}`)"),
    )
