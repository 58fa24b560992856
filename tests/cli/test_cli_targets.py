"""Targets that are gone when everything has been done."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from world import World

from reconciler.values import Address, Options

LAKE = """\
apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {name: lake}
lifecycle: {onRemoval: delete}
spec: {typeId: aws-s3-didomi, config: {accountId: "210987654321"}}
"""
SEA = LAKE.replace("lake", "sea")
GONE = Address("didomi", "Destination", "lake")


@pytest.mark.parametrize("destroy", [True, False], ids=["destroy", "apply"])
def test_a_target_that_was_deleted_is_no_unknown_one(destroy: bool, world_of: Callable[..., World]) -> None:
    world = world_of("didomi")
    world.apply(f"{LAKE}---\n{SEA}")
    run = world.apply(None if destroy else SEA, options=Options(destroy=destroy, targets=frozenset({GONE})))

    assert run.problems == ()
    assert [each["name"] for each in world.vendor.objects("destinations")] == ["sea"]


def test_a_target_that_never_was_is_refused(world_of: Callable[..., World]) -> None:
    world = world_of("didomi")
    world.apply(SEA)
    run = world.apply(SEA, options=Options(destroy=True, targets=frozenset({GONE})), expect=None)

    assert [each.code for each in run.problems] == ["unknown-address"]
    assert len(world.vendor.objects("destinations")) == 1
