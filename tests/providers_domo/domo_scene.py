"""A project that exports one dataset, the stand-in Domo behind it, and whatever its open points do to it."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from world import Manifests, Run, Stage, Status, World

from reconciler.emulator import MemoryDrop, ObjectStore
from reconciler.providers.domo.emulator import SWITCHES, Emulator
from reconciler.providers.domo.emulator.example import CUSTOMERS, ORDERS
from reconciler.values import Address, Change, Record

__all__ = ["CUSTOMERS", "ORDERS"]

NAME = Address("domo", "DatasetExport", "orders")
NORTH = {"all": [{"column": "region", "eq": "North"}]}
NEW_ROWS = [[101, 1, "North", 7.5, "2026-01-05", None]]
KEYS = {
    "static": {
        "accessKeyId": {"env": "RECONCILER_SECRET_AWS_KEY"},
        "secretAccessKey": {"env": "RECONCILER_SECRET_AWS_SECRET"},
    }
}

_APART = {
    "cryo": "nothing can be exported from the vault: see test_domo_preflight.py",
    "token_ttl": "a token that ends is refused from then on: see test_domo_client_errors.py",
}


@dataclass(frozen=True, slots=True)
class Knob:
    """One position of one switch, and what a project would be told about it."""

    switch: str | None = None
    position: str = ""
    words: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.switch}={self.position}" if self.switch else "as-it-stands"

    def stands(self, switch: str) -> bool:
        """Whether this is the other position of the switch."""
        return self.switch == switch


def knobs() -> Iterator[Knob]:
    """Every switch as it stands, and the second position of each that has two."""
    words = {"session_token_field": {"sessionTokenField": "awsSessionToken"}}
    yield Knob()
    for name, switch in SWITCHES.items():
        if len(switch.positions) == 2 and name not in _APART:
            yield Knob(name, switch.positions[1], words.get(name, {}))


def manifest(name: str = "orders", **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A manifest that exports two columns of the orders; `changes` replace what its `spec` says."""
    spec: dict[str, object] = {
        "dataset": {"id": ORDERS, "expectName": "orders_daily"},
        "destination": {"bucket": "example-lake", "path": "domo/orders", "region": "eu-west-3"},
        "credentials": KEYS,
        "query": {"columns": ["order_id", "region"]},
        **changes,
    }
    return {
        "apiVersion": "domo.reconciler/v1",
        "kind": "DatasetExport",
        "metadata": {"name": name},
        "spec": {key: each for key, each in spec.items() if each is not None},
    }


def query(*columns: str, **more: object) -> dict[str, object]:
    """A query of these columns, of two when none is named."""
    return {"columns": list(columns) or ["order_id", "region"], **more}


def elsewhere(**changes: object) -> dict[str, object]:
    """A destination with changes."""
    return {"bucket": "example-lake", "path": "domo/orders", "region": "eu-west-3", **changes}


class Scene:
    """The project and its vendor."""

    def __init__(self, world: World, knob: Knob, store: ObjectStore | None = None) -> None:
        self.world = world
        self.knob = knob
        self.store = store
        self.vendor: Stage = world.vendors["domo"]
        self.domo: Emulator = cast("Emulator", self.vendor.emulator)  # the vendor's name says which it is
        world.environ.update(
            {
                "RECONCILER_SECRET_AWS_KEY": "AKIAEXAMPLEKEYID0001",
                "RECONCILER_SECRET_AWS_SECRET": "not-a-real-secret-8f2c",
            }
        )
        if knob.switch is not None:
            self.vendor.switch(**{knob.switch: knob.position})
        self.vendor.words.update(knob.words)
        # The query engine has known the dataset for long.
        world.later()
        if isinstance(self.domo.drop, MemoryDrop):
            self.domo.drop.objects.clear()
        if store is not None:
            world.environ["RECONCILER_SECRET_AWS_KEY"] = store.keys.key
            world.environ["RECONCILER_SECRET_AWS_SECRET"] = store.keys.secret
            self.domo.deliver_to(store.endpoint)
            self.vendor.words["aws"] = self.cloud()

    def cloud(self, **changes: object) -> dict[str, object]:
        """The project's own way to the object store."""
        assert self.store is not None
        self.world.environ["EXAMPLE_AWS_KEY"] = self.store.administrator.key
        self.world.environ["EXAMPLE_AWS_SECRET"] = self.store.administrator.secret
        own = {"accessKeyId": {"env": "EXAMPLE_AWS_KEY"}, "secretAccessKey": {"env": "EXAMPLE_AWS_SECRET"}}
        return {"endpointUrl": self.store.endpoint, "credentials": own, "lookAtBuckets": False, **changes}

    def close(self) -> None:
        """Deliver to memory again."""
        self.domo.deliver_to(None)

    # --- what is done ---

    def apply(self, *manifests: Mapping[str, object], expect: Status | None = Status.DONE) -> Run:
        """Carry out these manifests, or those of the last time."""
        return self.world.apply(self._written(manifests), expect=expect)

    def plan(self, *manifests: Mapping[str, object]) -> Run:
        """What would be done about these manifests, or those of the last time."""
        return self.world.plan(self._written(manifests))

    @staticmethod
    def _written(manifests: tuple[Mapping[str, object], ...]) -> Manifests | None:
        return manifests or None

    def new_data(self) -> None:
        """One more order, an hour later, and long enough ago for the query engine to have seen it."""
        self.world.later()
        self.domo.append_rows(ORDERS, NEW_ROWS)
        self.world.later()

    # --- what is there ---

    @property
    def record(self) -> Record:
        """What is remembered."""
        return self.world.state.records[NAME]

    @property
    def id(self) -> str:
        """Of the export that is remembered."""
        assert self.record.id is not None
        return self.record.id

    @property
    def exports(self) -> list[dict[str, Any]]:
        """Every export at Domo, oldest first."""
        return self.vendor.objects("exports")

    @property
    def started(self) -> int:
        """How many exports were asked for."""
        return len(self.vendor.requests("POST", "/api/query/v1/export/*"))

    def files(self, bucket: str = "example-lake") -> dict[str, bytes]:
        """What was delivered, by key."""
        if self.store is not None:
            return self.store.objects(bucket)
        assert isinstance(self.domo.drop, MemoryDrop)
        return {key: content for (where, key), content in self.domo.drop.objects.items() if where == bucket}

    def delivered(self, id: str) -> list[list[str]]:
        """The lines of an export's files without the names of columns."""
        found: list[list[str]] = []
        for key, content in sorted(self.files().items()):
            if f"/{id}/" in key:
                found += rows_of(content)
        return [row for row in found if "order_id" not in row]


def rows_of(content: bytes) -> list[list[str]]:
    """The lines of a file, packed or not, without a mark in front."""
    plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    return list(csv.reader(io.StringIO(plain.decode("utf-8-sig"), newline="")))


def only(run: Run) -> Change:
    """The one change of a plan."""
    changes: tuple[Change, ...] = run.changes_to_make
    (change,) = changes
    return change


def codes(run: Run) -> set[str]:
    """The rules of everything that a run complains about."""
    return {each.code for each in run.problems}
