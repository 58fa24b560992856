"""What is applied while the process dies: manifests before and after, at every vendor that is described for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from program import CONTENT, lake, manifest
from world import Stage

Manifests = Sequence[Mapping[str, object]]
SECRET: Mapping[str, object] = {"env": "RECONCILER_SECRET_CANARY"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """
    One apply to be killed.

    `before` is applied in peace, then `meanwhile` happens at the vendor; `after` is what the killed apply wants.
    `collections` says where the emulator keeps each kind. `hurried` lets the vendor's time pass by readings and the
    program's by resting, for vendors whose writes take effect later. `alone` makes one step after the other.
    """

    name: str
    vendor: str
    after: Manifests
    before: Manifests | None = None
    switches: Mapping[str, str] = field(default_factory=dict)
    collections: Mapping[str, str]
    jobs: bool = False
    hurried: bool = False
    alone: bool = False
    meanwhile: Callable[[Stage], object] = lambda _stage: None

    def under(self, **switches: str) -> Scenario:
        """The same with switches of the vendor moved."""
        words = ",".join(f"{name}={position}" for name, position in switches.items())
        return replace(self, name=f"{self.name}[{words}]", switches={**self.switches, **switches})

    def one_by_one(self) -> Scenario:
        """The same with one step after the other."""
        return replace(self, name=f"{self.name}-alone", alone=True)

    def __str__(self) -> str:
        return self.name


# --- Didomi ---

DIDOMI: Mapping[str, str] = {"Destination": "destinations", "ExportConfig": "configs", "Integration": "integrations"}


def _archive(version: str = "1", **more: object) -> dict[str, object]:
    config = {"projectId": "example", "bucketName": "example-drop", "key": {**SECRET, "version": version}}
    return manifest(
        "Destination",
        "archive",
        {"typeId": "gcp-storage", "config": config, **more},
        on_removal="delete",
    )


def _daily(destinations: Sequence[str], **more: object) -> dict[str, object]:
    spec = {"name": "Daily", "description": "consents", "data": CONTENT, "destinations": destinations, **more}
    return manifest("ExportConfig", "daily", spec, on_removal="disable")


def _market(account: str = "110987654321", data: Sequence[str] = ("users",)) -> dict[str, object]:
    spec = {"typeId": "batch-exports-s3", "authentication": {"accountId": account}, "properties": {"data": data}}
    return manifest("Integration", "market", spec, on_removal="delete")


_ALL = (lake(), _archive(), _daily(["lake", "archive"]), _market())

CREATE = Scenario(name="create", vendor="didomi", after=_ALL, collections=DIDOMI)
UPDATE = Scenario(
    name="update",
    vendor="didomi",
    before=_ALL,
    after=(
        lake(name="Consent lake"),
        _archive("2", description="anew"),
        _daily(["archive"], data={"users": {"enabled": True}, "proofs": {"enabled": True}}),
        _market(data=("users", "proofs")),
    ),
    collections=DIDOMI,
)
REPLACE = Scenario(
    name="replace",
    vendor="didomi",
    before=_ALL,
    after=(lake("310987654321"), _archive(), _daily(["lake", "archive"]), _market("410987654321")),
    collections=DIDOMI,
)
REMOVE = Scenario(
    name="remove",
    vendor="didomi",
    before=(lake(), _archive(), _daily(["lake"]), _market()),
    after=(),
    collections=DIDOMI,
)

# --- Harbor ---

HARBOR: Mapping[str, str] = {"Account": "accounts", "Cargo": "cargoes", "Route": "routes"}


def _account(endpoint: str = "quay.example.com", key: str = "NORTH") -> dict[str, object]:
    spec = {"endpoint": endpoint, "accessKey": key, "secretKey": SECRET}
    return manifest("Account", "north", spec, vendor="harbor", on_removal="delete")


def _cargo(datasets: Sequence[str] = ("wheat",)) -> dict[str, object]:
    return manifest("Cargo", "grain", {"datasets": datasets}, vendor="harbor", on_removal="delete")


def _route(hours: int = 6, **more: object) -> dict[str, object]:
    spec = {"account": "north", "cargo": "grain", "schedule": {"everyHours": hours}, **more}
    return manifest("Route", "northern", spec, vendor="harbor", on_removal="delete")


def _shipment(datasets: Sequence[str] = ("rye",)) -> dict[str, object]:
    spec = {
        "endpoint": "pier.example.com",
        "accessKey": "SOUTH",
        "secretKey": SECRET,
        "datasets": datasets,
        "schedule": {"everyHours": 12},
    }
    return manifest("Shipment", "southern", spec, vendor="harbor", on_removal="delete")


_FLEET = (_account(), _cargo(), _route(), _shipment())

HARBOR_CREATE = Scenario(name="harbor-create", vendor="harbor", after=_FLEET, collections=HARBOR, hurried=True)
HARBOR_UPDATE = Scenario(
    name="harbor-update",
    vendor="harbor",
    before=_FLEET,
    after=(_account(key="NORTH-2"), _cargo(), _route(8, enabled=False), _shipment()),
    collections=HARBOR,
    hurried=True,
)
HARBOR_CHAIN = Scenario(
    name="harbor-chain",
    vendor="harbor",
    before=_FLEET,
    after=(_account("new.example.com"), _cargo(("oats",)), _route(), _shipment(("rye", "barley"))),
    collections=HARBOR,
    hurried=True,
)
HARBOR_REMOVE = Scenario(
    name="harbor-remove",
    vendor="harbor",
    before=_FLEET,
    after=(),
    collections=HARBOR,
    hurried=True,
)

# --- Quarry ---

QUARRY: Mapping[str, str] = {"Extract": "extracts"}


def _extract(table: str, columns: Sequence[str] = ("id",)) -> dict[str, object]:
    spec = {"table": table, "bucket": "stones", "path": f"daily/{table}", "columns": columns, "key": SECRET}
    return manifest("Extract", table, spec, vendor="quarry")


_STONES = (_extract("granite"), _extract("marble"))

QUARRY_RUN = Scenario(name="quarry-run", vendor="quarry", after=_STONES, collections=QUARRY, jobs=True, hurried=True)
QUARRY_AGAIN = Scenario(
    name="quarry-again",
    vendor="quarry",
    before=_STONES,
    after=(_extract("granite", ("id", "tons")), _extract("marble")),
    # The table `marble` has newer data by then, and other columns of `granite` are wanted.
    meanwhile=lambda stage: stage.emulator.touch("marble"),  # type: ignore[attr-defined]  # Quarry's own console
    collections=QUARRY,
    jobs=True,
    hurried=True,
)

# --- Adobe ---

ADOBE: Mapping[str, str] = {
    "BaseConnection": "connections",
    "SourceConnection": "sourceConnections",
    "TargetConnection": "targetConnections",
    "Dataflow": "flows",
}


def _dataset_export(
    datasets: Sequence[str] = ("Customers",), every: str = "6h", bucket: str = "example-exports", role: str = "exports"
) -> dict[str, object]:
    spec = {
        "destination": "amazonS3",
        "auth": {"specName": "Assumed Role", "s3Role": f"arn:aws:iam::111122223333:role/{role}"},
        "bucketName": bucket,
        "path": "aep",
        "datasets": [{"name": each} for each in datasets],
        "datasetFileType": "PARQUET",
        "compression": "GZIP",
        "schedule": {"every": every, "start": "2090-01-01T00:00:00Z", "end": "2095-01-01T00:00:00Z"},
    }
    return manifest("DatasetExport", "customers", spec, vendor="adobe", on_removal="delete")


def _moved_export() -> dict[str, object]:
    """The same datasets to another destination: account, target and dataflow are made anew."""
    export = _dataset_export()
    spec = cast("dict[str, object]", export["spec"])
    kept = {key: each for key, each in spec.items() if key not in {"bucketName", "path"}}
    auth = {"specName": "SFTP with Password", "domain": "sftp.example.com", "username": "aep", "password": SECRET}
    return {**export, "spec": {**kept, "destination": "sftp", "auth": auth, "remotePath": "upload"}}


ADOBE_CREATE = Scenario(
    name="adobe-create", vendor="adobe", after=(_dataset_export(),), collections=ADOBE, hurried=True
)
ADOBE_UPDATE = Scenario(
    name="adobe-update",
    vendor="adobe",
    before=(_dataset_export(),),
    after=(_dataset_export(every="12h", bucket="other-exports", role="other-exports"),),
    collections=ADOBE,
    hurried=True,
)
ADOBE_SWAP = Scenario(
    name="adobe-swap",
    vendor="adobe",
    before=(_dataset_export(),),
    after=(_dataset_export(("Customers", "Stores"), every="12h"),),
    collections=ADOBE,
    hurried=True,
)
ADOBE_CHAIN = Scenario(
    name="adobe-chain",
    vendor="adobe",
    before=(_dataset_export(),),
    after=(_moved_export(),),
    collections=ADOBE,
    hurried=True,
)
ADOBE_REMOVE = Scenario(
    name="adobe-remove",
    vendor="adobe",
    before=(_dataset_export(),),
    after=(),
    collections=ADOBE,
    hurried=True,
)

# --- Domo ---

DOMO: Mapping[str, str] = {"DatasetExport": "exports"}
_ORDERS = "c5a2e9c0-55f3-4c53-8a5d-6d2f0b9e7a10"
_CUSTOMERS = "8f0d6c1e-2b7a-4d39-9c55-1e6a70b4d2f3"


def _export(name: str, dataset: str, columns: Sequence[str]) -> dict[str, object]:
    spec = {
        "dataset": {"id": dataset},
        "destination": {"bucket": "example-lake", "path": f"domo/{name}", "region": "eu-west-3"},
        "credentials": {"static": {"accessKeyId": SECRET, "secretAccessKey": SECRET}},
        "query": {"columns": columns},
    }
    return manifest("DatasetExport", name, spec, vendor="domo")


_TABLES = (_export("orders", _ORDERS, ("order_id",)), _export("customers", _CUSTOMERS, ("name",)))

DOMO_RUN = Scenario(name="domo-run", vendor="domo", after=_TABLES, collections=DOMO, jobs=True, hurried=True)
DOMO_AGAIN = Scenario(
    name="domo-again",
    vendor="domo",
    before=_TABLES,
    after=(_export("orders", _ORDERS, ("order_id", "region")), _export("customers", _CUSTOMERS, ("name",))),
    # Both datasets have newer data by then, and other columns of `orders` are wanted.
    meanwhile=lambda stage: [
        stage.emulator.append_rows(_ORDERS, [[101, 1, "North", 7.5, "2026-01-05", None]]),  # type: ignore[attr-defined]  # Domo's own console
        stage.emulator.append_rows(_CUSTOMERS, [[6, "Example Mill", "Bern", None]]),  # type: ignore[attr-defined]
    ],
    collections=DOMO,
    jobs=True,
    hurried=True,
)

SCENARIOS = (
    CREATE,
    UPDATE,
    REPLACE,
    REMOVE,
    HARBOR_CREATE,
    HARBOR_UPDATE,
    HARBOR_CHAIN,
    HARBOR_REMOVE,
    QUARRY_RUN,
    QUARRY_AGAIN,
    ADOBE_CREATE,
    ADOBE_UPDATE,
    ADOBE_SWAP,
    ADOBE_CHAIN,
    ADOBE_REMOVE,
    DOMO_RUN,
    DOMO_AGAIN,
)
