"""
Worlds lived through: everything made, forgotten, taken back, edited and removed, through the commands' own operations.

`PYTHONPATH=tests python tests/worlds/world_runs.py FIRST COUNT` prints the figures of that many worlds, and every loss.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from world import Run, Status, Theatre, World
from world_generator import Generated, Manifest, generate

from reconciler.operations.adopt import adopt_all
from reconciler.operations.state import rebuild
from reconciler.values import Report, Severity

_MEMORY = Path("/dev/shm")  # noqa: S108 - every folder within it has a name of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Worlds that were lived through, and those in which something was not as promised, with what it was."""

    attempts: int
    losses: int
    details: tuple[str, ...]
    seconds: float

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            attempts=self.attempts + other.attempts,
            losses=self.losses + other.losses,
            details=self.details + other.details,
            seconds=self.seconds + other.seconds,
        )


class Broken(Exception):
    """A promise that did not hold."""


def run_worlds(first_seed: int, count: int) -> Figures:
    """
    Live through the worlds of `count` seeds, one after the other; `seconds` is the time of this process's processors.

    For several processes, give each its own seeds and add their figures.
    """
    began = time.process_time()
    details = []
    theatre = Theatre()
    try:
        for seed in range(first_seed, first_seed + count):
            why = live(seed, theatre)
            if why is not None:
                details.append(f"seed {seed}: {why}")
    finally:
        theatre.close()
    seconds = time.process_time() - began
    return Figures(attempts=count, losses=len(details), details=tuple(details), seconds=seconds)


def live(seed: int, theatre: Theatre, *, spoil: Callable[[World], object] = lambda _world: None) -> str | None:
    """
    Live through the world of one seed; gives what was not as promised.

    `spoil` may make mischief in the empty world, to see that it is found.
    """
    generated = generate(seed)
    with TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None, prefix="reconciler-world-") as folder:
        world = World(Path(folder), theatre, generated.vendors)
        life = _Life(generated, world)
        spoil(world)
        try:
            for chapter in life.chapters:
                chapter()
        except Broken as broken:
            return str(broken)
        except Exception as error:  # noqa: BLE001 - whatever it is, the promise is broken, and other worlds go on
            return f"{type(error).__name__}: {error}"
    return None


class _Life:
    """One world and the promises about it."""

    def __init__(self, generated: Generated, world: World) -> None:
        self._generated = generated
        self._world = world
        for vendor, positions in generated.switches.items():
            world.vendors[vendor].switch(**positions)

    @property
    def chapters(self) -> Sequence[Callable[[], None]]:
        """What happens, in order."""
        return (self.made, self.taken_back, self.edited, self.removed)

    def made(self) -> None:
        """Applied once, nothing is left to do, and there is one object for every manifest."""
        self._done("apply", self._world.apply(_written(self._generated.manifests), expect=None))
        self._settled("the first apply")

    def taken_back(self) -> None:
        """
        With the state lost, the same objects are found again, and none is made or removed.

        Only what vendors do not give back, such as secrets, is sent once more: nobody knows it any longer.
        """
        before = {address: record.ids for address, record in self._world.state.records.items()}
        shutil.rmtree(self._world.folder / ".reconciler")
        with self._no_writes("taking back", but=("PATCH", "PUT")):
            # What carries no mark is imported as the manifests say; then the marks tell the rest.
            with self._world.workspace() as workspace:
                adopt_all(workspace)
            with self._world.workspace() as workspace:
                applied = rebuild(workspace, confirm=lambda _plan: True)
            self._no_trouble("rebuild", applied.report)
            self._settled("the state was taken back")
        after = {address: record.ids for address, record in self._world.state.records.items()}
        if before != after:
            raise Broken(f"other objects were taken back: {before} became {after}")

    def edited(self) -> None:
        """Edited and applied, nothing is left to do."""
        self._done("apply after edits", self._world.apply(_written(self._generated.edited), expect=None))
        self._settled("the edits")

    def removed(self) -> None:
        """Destroyed, nothing of ours is left, and destroying once more is nothing to do."""
        self._done("destroy", self._world.destroy(expect=None))
        for vendor, collection, _ in self._collections():
            left = [row["id"] for row in self._there(vendor, collection)]
            if left:
                raise Broken(f"after destroy, `{collection}` of {vendor} still holds {left}")
        with self._no_writes("destroying again"):
            again = self._world.destroy(expect=None)
            self._done("destroy again", again)
            if again.changes_to_make:
                raise Broken(f"there is something to destroy again: {_changes(again)}")

    # --- promises ---

    def _settled(self, what: str) -> None:
        run = self._world.plan()
        self._done(f"plan after {what}", run)
        errors = [each for each in run.problems if each.severity is Severity.ERROR]
        if run.changes_to_make or errors:
            raise Broken(f"after {what}, the plan is not empty: {_changes(run)} {run.messages}")
        self._books_balance(what)

    def _books_balance(self, what: str) -> None:
        if self._world.open_intents:
            raise Broken(f"after {what}, it is not known how a call ended")
        records = self._world.state.records
        for vendor, collection, kind in self._collections():
            type = f"{vendor}/{kind}"
            known = {id for address, record in records.items() if address.type == type for id in record.ids}
            there = {str(row["id"]) for row in self._there(vendor, collection)}
            if known != there:
                raise Broken(f"after {what}, {vendor} holds {sorted(there)} and the state {sorted(known)}")

    def _done(self, what: str, run: Run) -> None:
        if run.status is not Status.DONE:
            raise Broken(f"{what} ended as {run.status.value}: {run.messages}; left: {_changes(run)}")

    def _no_trouble(self, what: str, report: Report) -> None:
        failed = [each for each in report.outcomes if each.status.value != "done"]
        if failed or report.remaining:
            raise Broken(f"{what} did not do everything: {failed} {report.remaining}")

    @contextmanager
    def _no_writes(self, what: str, *, but: Sequence[str] = ()) -> Iterator[None]:
        for stage in self._world.vendors.values():
            stage.forget_requests()
        yield
        for vendor, stage in self._world.vendors.items():
            for entry in stage.writes():
                if entry.method not in but:
                    raise Broken(f"{what} sent `{entry.method} {entry.path}` to {vendor}")

    def _collections(self) -> Iterator[tuple[str, str, str]]:
        """Vendor, collection and kind of everything that can be counted and deleted: jobs stay where they are."""
        for vendor in self._generated.vendors:
            for collection, kind in _COLLECTIONS.get(vendor, {}).items():
                yield vendor, collection, kind

    def _there(self, vendor: str, collection: str) -> list[dict[str, object]]:
        rows = self._world.vendors[vendor].objects(collection)
        return [row for row in rows if row.get("state") != "deleting"]


# Where the emulators keep the objects of each kind that is no job.
_COLLECTIONS: Mapping[str, Mapping[str, str]] = {
    "adobe": {
        "connections": "BaseConnection",
        "sourceConnections": "SourceConnection",
        "targetConnections": "TargetConnection",
        "flows": "Dataflow",
    },
    "didomi": {"destinations": "Destination", "configs": "ExportConfig", "integrations": "Integration"},
    "harbor": {"accounts": "Account", "cargoes": "Cargo", "routes": "Route"},
}


def _written(manifests: Sequence[Manifest]) -> str:
    return "\n---\n".join(json.dumps(each, ensure_ascii=False) for each in manifests)


def _changes(run: Run) -> str:
    found = [f"{each.address} {each.action.value}" for each in (*run.changes_to_make, *run.report.remaining)]
    return ", ".join(found) or "nothing"


if __name__ == "__main__":
    figures = run_worlds(int(sys.argv[1]), int(sys.argv[2]))
    for detail in figures.details:
        print(detail)
    rate = figures.attempts / figures.seconds
    print(f"{figures.attempts} worlds, {figures.losses} losses, {rate:.1f} worlds per second of a processor")
