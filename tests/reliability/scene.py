"""One apply on stage, in virtual time: every call of it can be spoiled, and what must be true afterwards is known."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from kill_scenarios import Manifests, Scenario
from kill_stage import WRITES, _timeless, safe_at
from mortal import shape
from world import Run, Theatre, World

from reconciler.emulator import Entry
from reconciler.sdk import split_mark

_A_LITTLE_LATER = 300.0
"""Seconds after which a job that was under way has ended."""

Picture = dict[str, list[str]]
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Scene(World):
    """A scenario of the kill tests within one process: what was before is there, and the apply is still to come."""

    def __init__(self, folder: Path, theatre: Theatre, scenario: Scenario) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder, theatre, (scenario.vendor,))
        self.scenario = scenario
        self.stage = self.vendor
        self._shapes = [each.path for each in safe_at(scenario.vendor)]
        self.settings["parallelism"] = 1  # so that the same call is the same in every run
        if "rate_limit" in self.stage.emulator.world.switches.known:
            self.stage.switch(rate_limit="off")
        if scenario.before is not None:
            self.apply(_listed(scenario.before))
        scenario.meanwhile(self.stage)
        self.stage.switch(**scenario.switches)
        self.write(_listed(scenario.after))
        self.stage.forget_requests()

    # --- calls ---

    def shape(self, entry: Entry) -> str:
        """The entry's route, such as `PATCH /exports/configs/{}`."""
        path = entry.path.removeprefix(self.stage.description.path)
        return shape(entry.method, path, self._shapes)

    def calls(self) -> list[tuple[str, int]]:
        """Every call since the requests were forgotten: its route, and the how-manieth of that route it was."""
        seen: Counter[str] = Counter()
        found = []
        for each in self.stage.requests():
            route = self.shape(each)
            seen[route] += 1
            found.append((route, seen[route]))
        return found

    def changes_something(self, route: str) -> bool:
        """Whether the route is for changes."""
        method, _, path = route.partition(" ")
        return method in WRITES and not any(
            each.method == method and each.path == path for each in safe_at(self.scenario.vendor)
        )

    # --- what must be true ---

    def finishes(self) -> Run:
        """Nothing goes wrong any more: the next apply, a little later, does the rest unattended."""
        self.stage.faults.clear()
        self.later(_A_LITTLE_LATER)
        run = self.apply()
        self.is_right()
        return run

    def is_right(self) -> None:
        """Every object is there once and remembered, no call is of unknown outcome, and the plan is empty."""
        state = self.state
        records = state.records
        assert self.open_intents == ()
        for kind, collection in self.scenario.collections.items():
            there = [each for each in self.stage.objects(collection) if each.get("state") != "deleting"]
            known = {id: address for address, record in records.items() if address.kind == kind for id in record.ids}
            if not self.scenario.jobs:
                assert sorted(each["id"] for each in there) == sorted(known), f"{kind}: duplicates or orphans"
            assert set(known) <= {each["id"] for each in there}, f"{kind}: remembered and not there"
            for each in there:
                owner = split_mark(str(each.get("description") or ""))[1]
                assert owner is None or owner.name == known[each["id"]].name, "an object carries another one's mark"
        assert [each for record in records.values() for each in record.deposed] == [], "an old object is left"
        run = self.plan()
        assert run.changes_to_make == (), f"left to do: {run.changes_to_make}"
        assert not run.problems, run.messages

    def picture(self) -> Picture:
        """What the vendor holds, without what is drawn anew in every run."""
        names = {id: str(address) for address, record in self.state.records.items() for id in record.ids}
        return {
            collection: sorted(
                _UUID.sub("an id", json.dumps(_timeless(each, names), sort_keys=True))
                for each in self.stage.objects(collection)
                if each.get("state") != "deleting"
            )
            for collection in self.scenario.collections.values()
        }

    def made(self) -> Counter[str]:
        """How many objects or jobs were made since the requests were forgotten, by route."""
        return Counter(
            self.shape(each)
            for each in self.stage.writes()
            if each.method == "POST" and not each.path.endswith(("/enable", "/disable"))
        )


class Peace:
    """The same apply with nothing going wrong: which calls there are, and how the world looks afterwards."""

    def __init__(self, scene: Scene) -> None:
        scene.apply()
        self.calls = scene.calls()
        self.made = scene.made()
        scene.is_right()
        self.picture = scene.picture()


def _listed(manifests: Manifests) -> Sequence[dict[str, object]]:
    return [dict(each) for each in manifests]
