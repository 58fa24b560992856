"""Every point that Didomi leaves open, in each position: what was made is found again, once, or nothing is claimed."""

from __future__ import annotations

import pytest
from didomi_stage import GCP, INTEGRATION, S3, Stage, config, stage

from reconciler.providers.didomi.emulator import SWITCHES
from reconciler.sdk import Handler, Refused, Unreadable, VendorError
from reconciler.values import Document, Observed

# Positions under which a verb cannot work, and what the client must say then.
NO_CREATION = {
    ("premium_batch_exports", "false"),
    ("quota_exports_configs", "0"),
}
NO_LIST = {("list", "404"), ("list", "405")}
NO_UPDATE = {("update", "404"), ("update", "405")}
NO_DELETION = {("delete", "404"), ("delete", "405")}

POSITIONS = [(switch.name, position) for switch in SWITCHES.values() for position in switch.positions]


def without_secrets(wanted: Document) -> Document:
    return {
        key: {name: each for name, each in value.items() if name != "key"} if isinstance(value, dict) else value
        for key, value in wanted.items()
    }


def eventually(it: Stage, handler: Handler, id: str) -> Observed | None:
    """The object in the list, which may lag behind."""
    for _ in range(4):
        for each in handler.list():
            if each.id == id:
                return each
        it.clock.advance(1)
    return None


@pytest.mark.parametrize(("switch", "position"), POSITIONS, ids=[f"{name}={position}" for name, position in POSITIONS])
def test_a_life_under_every_switch(switch: str, position: str) -> None:
    at = (switch, position)
    with stage({switch: position}) as it:
        try:
            lake, drop = it.create("Destination", S3, "lake"), it.create("Destination", GCP, "drop")
            daily = it.create("ExportConfig", config(lake.id), "daily")
            both = it.create("Integration", INTEGRATION, "both")
        except Refused:
            assert at in NO_CREATION
            return
        made = {
            "Destination": [(lake, S3), (drop, without_secrets(GCP))],
            "ExportConfig": [(daily, config(lake.id, enabled=True))],
            "Integration": [(both, INTEGRATION)],
        }

        assert [entry.status for entry in it.emulator.world.log.entries("POST", "*/destinations")] == [
            201 if position != "200" else 200
        ] * 2
        for kind, objects in made.items():
            for seen, wanted in objects:
                assert seen.attributes == wanted
                if at in NO_LIST:
                    with pytest.raises(Unreadable):
                        it.handler(kind).list()
                    continue
                found = eventually(it, it.handler(kind), seen.id)
                assert found is not None
                assert found.attributes == wanted
                assert found.owner == seen.owner

        change(it, at, daily, lake, drop)
        remove(it, at, daily, lake)


def change(it: Stage, at: tuple[str, str], daily: Observed, lake: Observed, drop: Observed) -> None:
    count = 1 if at == ("quota_exports_destinations", "1") else 2
    wanted = {**config(*sorted([lake.id, drop.id])[:count]), "name": "Every day"}
    if at in NO_UPDATE:
        with pytest.raises(VendorError):
            it.update("ExportConfig", daily.id, wanted, ("name",), ("destinations",))
        return
    changed = it.update("ExportConfig", daily.id, wanted, ("name",), ("destinations",))

    assert changed.attributes == {**wanted, "enabled": True}
    assert it.handler("ExportConfig").disable(daily.id).attributes == {**wanted, "enabled": False}


def remove(it: Stage, at: tuple[str, str], daily: Observed, lake: Observed) -> None:
    for kind, id in (("ExportConfig", daily.id), ("Destination", lake.id)):
        if at in NO_DELETION:
            with pytest.raises(Refused, match="cannot be deleted"):
                it.handler(kind).delete(id)
            continue
        it.handler(kind).delete(id)
        if at in NO_LIST:
            with pytest.raises(Unreadable):
                it.handler(kind).delete(id)
            continue
        it.handler(kind).delete(id)
        if at == ("read", "405"):
            with pytest.raises(Unreadable):
                it.handler(kind).read(id)
            continue
        assert it.handler(kind).read(id) is None
