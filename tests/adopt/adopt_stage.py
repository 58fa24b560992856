"""A project whose vendors were edited behind its back, and what `drift --adopt` makes of its manifests."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from world import World

from reconciler.operations.writing_back import WrittenBack, write_back
from reconciler.values import Action, Address, Plan


class Adopting:
    """A world with manifests in one file."""

    def __init__(self, world: World, text: str) -> None:
        self.world = world
        self.world.apply(text)

    @property
    def path(self) -> Path:
        """The file of manifests."""
        return self.world.folder / "specs" / "all.yaml"

    @property
    def text(self) -> str:
        """What it says, line ends as they are."""
        return self.path.read_bytes().decode()

    def rewrite(self, old: str, new: str) -> None:
        """Somebody edits the manifests."""
        assert self.text.count(old) == 1, self.text
        self.path.write_bytes(self.text.replace(old, new).encode())

    def edit(self, vendor: str, collection: str, address: str, row: Mapping[str, object]) -> None:
        """Somebody edits the object of an address in the vendor's console."""
        id = self.world.state.records[Address.parse(address)].id
        assert id is not None
        self.world.vendors[vendor].emulator.edit(collection, id, dict(row))

    def adopt(self, *addresses: str, dry_run: bool = False) -> WrittenBack:
        """`drift --adopt`."""
        self.world.write(None)
        with self.world.workspace() as workspace:
            return write_back(workspace, [Address.parse(each) for each in addresses], dry_run=dry_run)

    def plan(self) -> Plan:
        """The next plan, which no problem refuses."""
        run = self.world.plan()
        assert run.plan is not None, run.messages
        assert run.problems == ()
        return run.plan

    def fields_left(self) -> list[str]:
        """Addresses about which the next plan would do more than remember something."""
        quiet = {Action.NOOP, Action.RECORD}
        return [str(each.address) for each in self.plan().changes if each.fields or each.action not in quiet]


def reasons(adopted: WrittenBack) -> Collection[str]:
    """What could not be adopted, as `address path: why`."""
    return [f"{each.address} {'.'.join(map(str, each.path))}: {each.message}" for each in adopted.problems]
