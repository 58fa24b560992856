"""One case on stage: a stranger's object that nobody may touch, our manifests, and the books that must balance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance_cases import Case, Row, samples
from world import Run, Status, World

from reconciler.values import Action, Record

Manifest = dict[str, Any]


class Play:
    """
    A world in which one case is tried.

    The vendor's switches stand as the case says, unless `entered` is false: then they do so from `enter` on.
    """

    def __init__(self, case: Case, world: World, *, entered: bool = True) -> None:
        self.case = case
        self.sample = case.sample
        self.world = world
        self.vendor = world.vendors[case.sample.vendor]
        self.strangers: list[Row] = []
        self._specs: list[Manifest] = []
        self.vendor.words.update(case.settings)
        if entered:
            self.enter()
        self.add_strangers(1)

    def enter(self) -> None:
        """Move the switches to where the case wants them."""
        self.vendor.switch(**self.case.positions)

    def add_strangers(self, count: int) -> None:
        """Somebody else makes objects of the same kind."""
        made = [self.vendor.emulator.insert(self.sample.collection, self.sample.stranger) for _ in range(count)]
        self.strangers += made
        # Lists show new objects later; those of strangers have been there for long.
        self.world.later()

    # --- manifests ---

    def manifests(
        self,
        changes: Mapping[str, object] | None = None,
        *,
        subject: bool = True,
        users: bool = False,
        lifecycle: Mapping[str, object] | None = None,
    ) -> list[Manifest]:
        """What the project wants: the subject with `changes` laid over it, what it needs and perhaps its users."""
        found = [self._manifest(each["kind"], each["name"], each["spec"]) for each in self.sample.needs]
        if subject:
            spec = laid_over(self.sample.spec, changes or {})
            found.append(self._manifest(self.sample.kind.name, self.sample.name, spec, lifecycle))
        if users:
            found += [self._manifest(each["kind"], each["name"], each["spec"]) for each in self.sample.users]
        return found

    def _manifest(self, kind: str, name: str, spec: object, lifecycle: Mapping[str, object] | None = None) -> Manifest:
        return {
            "apiVersion": f"{self.sample.vendor}.reconciler/v1",
            "kind": kind,
            "metadata": {"name": name},
            **({"lifecycle": dict(lifecycle)} if lifecycle else {}),
            "spec": spec,
        }

    # --- commands ---

    def make(
        self,
        changes: Mapping[str, object] | None = None,
        *,
        expect: Status | None = Status.DONE,
        lifecycle: Mapping[str, object] | None = None,
        users: bool = False,
    ) -> Run:
        """Apply, with the subject as it is or changed."""
        return self.world.apply(self.manifests(changes, lifecycle=lifecycle, users=users), expect=expect)

    def attempt(self, verb: str, *, expect: Status | None = Status.DONE) -> Run:
        """Apply what asks for the verb of an object that is there."""
        match verb:
            case "create" | "gone":
                return self.make(expect=expect)
            case "update":
                return self.make(self.sample.update, expect=expect)
            case "replace":
                return self.make(self.sample.replace, expect=expect)
            case _:
                return self.world.apply(self.manifests(subject=False), expect=expect)

    def ready_for(self, verb: str) -> None:
        """Make what the verb needs to be there."""
        if verb == "create":
            return
        policy = {"delete": self._removal, "disable": "disable"}.get(verb)
        self.make(lifecycle={"onRemoval": policy} if policy else None)
        if verb == "gone":
            self.vendor.emulator.remove(self.sample.collection, self.id)
        self.world.later()

    @property
    def _removal(self) -> str:
        return "delete" if self.sample.kind.deletes else self.sample.kind.on_removal.value

    def left_to_do(self) -> list[tuple[str, Action]]:
        """What a plan would still do, and that it can be made."""
        run = self.world.plan()
        assert run.status is Status.DONE, run.messages
        assert not run.problems, run.messages
        return [(str(each.address), each.action) for each in run.changes_to_make]

    # --- what is there ---

    @property
    def ours(self) -> list[Row]:
        """The vendor's objects of the sample's kind that are no stranger's, oldest first."""
        strangers = {row["id"] for row in self.strangers}
        needs = {record.id for address, record in self.world.state.records.items() if address != self.sample.address}
        rows = self.vendor.objects(self.sample.collection)
        return [row for row in rows if row["id"] not in strangers | needs and row.get("state") != "deleting"]

    @property
    def record(self) -> Record | None:
        """What is remembered of the subject."""
        return self.world.state.records.get(self.sample.address)

    @property
    def id(self) -> str:
        """The recorded id of the subject."""
        record = self.record
        assert record is not None, "there is no record"
        assert record.id is not None, "the record has no object"
        return record.id

    def books_balance(self) -> bool:
        """
        Whether nothing is doubled, forgotten or touched that is not ours.

        Every object that is no stranger's is in the state, and the other way round; strangers' objects are as they
        were. The jobs that a job replaced stay where they are.
        """
        assert self.world.open_intents == ()
        records = self.world.state.records.values()
        strangers = {row["id"]: row for row in self.strangers}
        for collection, kinds in _collections(self.sample.vendor).items():
            there = {row["id"]: row for row in self.vendor.objects(collection) if row.get("state") != "deleting"}
            known = {
                id
                for record in records
                if record.address.kind in kinds
                for id in (record.id, *(each.id for each in record.deposed))
            }
            assert known <= set(there), f"remembered and not there: {known - set(there)}"
            if not self.sample.kind.job:
                assert set(there) - set(strangers) == known, f"there and not remembered: {set(there) - known}"
            if collection == self.sample.collection:
                assert strangers == {id: row for id, row in there.items() if id in strangers}, "a stranger was touched"
        return True


def _collections(vendor: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for sample in samples():
        if sample.vendor == vendor:
            found.setdefault(sample.collection, set()).add(sample.kind.name)
    return found


def laid_over(document: Any, changes: Any) -> Any:  # noqa: ANN401 - JSON
    """The document with the changes merged into it (RFC 7396)."""
    if not isinstance(document, Mapping) or not isinstance(changes, Mapping):
        return changes
    result = {**document, **{key: laid_over(document.get(key), each) for key, each in changes.items()}}
    return {key: each for key, each in result.items() if each is not None}
