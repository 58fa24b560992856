"""Worlds made by chance: manifests that point at one another across kinds, and how their owner edits them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

Manifest = dict[str, Any]
Spec = dict[str, Any]

_SECRET = {"env": "RECONCILER_SECRET_CANARY"}
_ROLE = "arn:aws:iam::111122223333:role/"
_START, _END = "2090-01-01T00:00:00Z", "2095-01-01T00:00:00Z"
_NAMES = (
    "Orders",
    "Ordres d'été",
    "日本の注文",
    "x",
    'say "when"',
    "a: b # c",
    "Straße {1}",
    "- 7",
    "no",
    "0x1F",
    "1e3",
    "🚀",
)
_TEXTS = (*_NAMES, "two\nlines", "ends with a full stop.", "{env: HOME}", "${HOME}", "[x](y) <b>|</b>", "n" * 200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """
    What one seed gives: the vendors it takes, the first manifests and the edited ones, which have the same addresses.

    `switches` are positions of the emulators' switches without which an edit would have to wait.
    """

    seed: int
    vendors: tuple[str, ...]
    manifests: tuple[Manifest, ...]
    edited: tuple[Manifest, ...]
    switches: Mapping[str, Mapping[str, str]]


class _Draft:
    """Manifests in the making; each is added in both of its forms."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.before: list[Manifest] = []
        self.after: list[Manifest] = []

    def add(self, vendor: str, kind: str, spec: Spec, edits: Mapping[str, Any] | None = None) -> str:
        """Add an object; `edits` are laid over its spec, where None takes a key away. Gives its name."""
        name = f"{self.chance.choice(('orders', 'a', 'x-1', 'customer-events-of-every-day'))}-{len(self.before)}"
        self.before.append(_manifest(vendor, kind, name, spec))
        self.after.append(_manifest(vendor, kind, name, _laid_over(spec, edits or {})))
        return name

    def maybe(self, **keys: Any) -> Spec:  # noqa: ANN401 - values of manifests
        """Each of these keys, or not."""
        return {key: value for key, value in keys.items() if self.chance.random() < 0.5}

    def shown(self) -> Spec:
        """A name and a description at the vendor, or not."""
        return self.maybe(name=self.chance.choice(_NAMES), description=self.chance.choice(_TEXTS))

    def shown_again(self) -> Spec:
        """Another name or description, or none of these any more."""
        return self.maybe(name=self.chance.choice((*_NAMES, None)), description=self.chance.choice((*_TEXTS, None)))


def generate(seed: int) -> Generated:
    """The world of this seed; most are small."""
    chance = Random(seed)
    draft = _Draft(chance)
    vendors = chance.sample(tuple(_CORNERS), k=chance.choices((1, 2, 3), (12, 4, 1))[0])
    size = chance.choices((1, 2, 3, 4, 8, 12), (12, 10, 6, 4, 2, 1))[0]
    for vendor in vendors:
        _CORNERS[vendor](draft)
    for _ in range(size):
        if len(draft.before) < size:  # some vendors have room for few objects
            _CORNERS[chance.choice(vendors)](draft)
    order = list(range(len(draft.before)))
    chance.shuffle(order)  # in which order manifests are written says nothing
    return Generated(
        seed=seed,
        vendors=tuple(sorted(vendors)),
        manifests=tuple(draft.before[each] for each in order),
        edited=tuple(draft.after[each] for each in order),
        switches={vendor: _SWITCHES[vendor] for vendor in vendors if vendor in _SWITCHES},
    )


# An edited query is another export at once, rather than once the data has changed.
_SWITCHES: Mapping[str, Mapping[str, str]] = {"domo": {"dedupe": "dataset+request"}}


def _manifest(vendor: str, kind: str, name: str, spec: Spec) -> Manifest:
    return {"apiVersion": f"{vendor}.reconciler/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _laid_over(spec: Mapping[str, Any], edits: Mapping[str, Any]) -> Spec:
    found = dict(spec)
    for key, value in edits.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(found.get(key), Mapping):
            found[key] = _laid_over(found[key], value)
        else:
            found[key] = value
    return found


# --- Adobe ---


def _accounts(chance: Random) -> dict[str, Spec]:
    return {
        "dataLandingZone": {},
        "amazonS3": {"auth": {"specName": "Assumed Role", "s3Role": _ROLE + chance.choice(("first", "second"))}},
        "adlsGen2": {
            "auth": {
                "specName": "Azure Service Principal Auth",
                "url": "abfss://exports@example.dfs.core.windows.net",
                "tenant": "example-tenant",
                "servicePrincipalId": "example-principal",
                "servicePrincipalKey": _SECRET,
            }
        },
        "googleCloudStorage": {
            "auth": {
                "specName": "Google Cloud Storage authentication credentials",
                "accessKeyId": "GOOG1EXAMPLE" + 49 * "A",
                "secretAccessKey": _SECRET,
            }
        },
        "sftp": {
            "auth": {
                "specName": "SFTP with Password",
                "domain": "sftp.example.com",
                "username": "aep",
                "password": _SECRET,
            }
        },
    }


_ACCOUNT_EDITS: Mapping[str, Spec] = {
    "amazonS3": {"auth": {"s3Role": _ROLE + "third"}},
    "adlsGen2": {"auth": {"tenant": "other-tenant"}},
    "googleCloudStorage": {"auth": {"secretAccessKey": {**_SECRET, "version": "2"}}},
    "sftp": {"auth": {"username": "exports"}},
}


def _location(chance: Random, destination: str) -> Spec:
    path = chance.choice(("aep", "aep/orders", "a/b/c-d_e", "exports"))
    match destination:
        case "amazonS3":
            return {"bucketName": chance.choice(("example-exports", "example-others")), "path": path}
        case "googleCloudStorage":
            return {"bucketName": chance.choice(("example_exports", "example_others")), "path": path}
        case "sftp":
            return {"remotePath": path}
        case _:
            return {"path": path}


def _form(chance: Random) -> Spec:
    return {"datasetFileType": chance.choice(("PARQUET", "JSON")), "compression": "GZIP"}


def _datasets(chance: Random) -> Spec:
    known = ({"name": "Customers"}, {"name": "Stores"}, {"id": "48aad6e13b470cd6d7be4089"})
    return {"datasets": [dict(each) for each in chance.sample(known, k=chance.randint(1, 3))]}


def _schedule(chance: Random) -> Spec:
    return {"schedule": {"every": chance.choice(("3h", "6h", "12h", "1d")), "start": _START, "end": _END}}


def _adobe(draft: _Draft) -> None:
    chance = draft.chance
    accounts = _accounts(chance)
    destination = chance.choice(tuple(accounts))
    if chance.random() < 0.15:
        spec = {"destination": destination, **accounts[destination], **_location(chance, destination), **_form(chance)}
        spec |= {**_datasets(chance), **_schedule(chance), **draft.shown()}
        edits = draft.maybe(**_schedule(chance), **_datasets(chance), enabled=False, **_location(chance, destination))
        draft.add("adobe", "DatasetExport", spec, edits | draft.shown_again())
        return
    account = draft.add(
        "adobe",
        "BaseConnection",
        {"destination": destination, **accounts[destination], **draft.shown()},
        draft.maybe(**_ACCOUNT_EDITS.get(destination, {})) | draft.shown_again(),
    )
    for _ in range(chance.choice((0, 0, 0, 1, 1, 2))):
        source = draft.add(
            "adobe",
            "SourceConnection",
            {**_datasets(chance), **draft.shown()},
            draft.maybe(**_datasets(chance)) | draft.shown_again(),
        )
        target = draft.add(
            "adobe",
            "TargetConnection",
            {
                "destination": destination,
                "baseConnection": account,
                **_location(chance, destination),
                **_form(chance),
                **draft.shown(),
            },
            draft.maybe(**_location(chance, destination), **_form(chance)) | draft.shown_again(),
        )
        draft.add(
            "adobe",
            "Dataflow",
            {"source": source, "target": target, **_schedule(chance), **draft.shown()},
            draft.maybe(**_schedule(chance), folderTemplate="%DATASET_ID%/%EXPORT_TIME%", enabled=False)
            | draft.shown_again(),
        )


# --- Didomi ---


def _didomi(draft: _Draft) -> None:
    chance = draft.chance

    def number() -> str:
        """An account at AWS that nobody else in the world has: it is what a destination is known by."""
        return f"{chance.randrange(10**12):012d}"

    def place(key: str) -> tuple[str, Spec]:
        if chance.random() < 0.5:
            return "s3", {key: {"accountId": number()}}
        return "gcp", {key: {"projectId": "example-data", "bucketName": f"example-drop-{number()}", "key": _SECRET}}

    data = {"users": {"enabled": True}, "proofs": {"enabled": chance.random() < 0.5}}
    if chance.random() < 0.4:
        form, authentication = place("authentication")
        spec = {"typeId": f"batch-exports-{form}", **authentication}
        spec["properties"] = {"data": ["users"], **({"frequency": 1} if form == "gcp" else {})}
        draft.add("didomi", "Integration", spec, draft.maybe(properties={"data": ["users", "proofs"]}))
        return
    destinations = []
    for _ in range(chance.choice((1, 1, 2))):
        form, config = place("config")
        spec = {"typeId": "aws-s3-didomi" if form == "s3" else "gcp-storage", **config, **draft.shown()}
        edits = place("config")[1] if chance.random() < 0.2 else {}
        if form == "s3" and "projectId" in edits.get("config", {}):
            edits = {"config": {"accountId": number()}}
        elif form == "gcp" and "accountId" in edits.get("config", {}):
            edits = {"config": {"bucketName": f"example-drop-{number()}"}}
        destinations.append(draft.add("didomi", "Destination", spec, edits | draft.shown_again()))
    configs = sum(each["kind"] == "ExportConfig" for each in draft.before)
    if configs < 3 and chance.random() < 0.7:  # Didomi enables no more than three at once
        draft.add(
            "didomi",
            "ExportConfig",
            {"data": data, "destinations": [destinations[0]], **draft.shown()},
            draft.maybe(data={"proofs": {"enabled": True}}, destinations=destinations[::-1]) | draft.shown_again(),
        )


# --- Domo ---


def _domo(draft: _Draft) -> None:
    chance = draft.chance
    dataset, known = chance.choice(
        (
            ("c5a2e9c0-55f3-4c53-8a5d-6d2f0b9e7a10", ("order_id", "customer_id", "region", "amount", "ordered_on")),
            ("8f0d6c1e-2b7a-4d39-9c55-1e6a70b4d2f3", ("customer_id", "name", "city")),
        )
    )
    taken = {each["spec"]["dataset"]["id"] for each in draft.before if each["apiVersion"].startswith("domo.")}
    if dataset in taken:  # two exports of a dataset compete for it
        return

    def query() -> Spec:
        return {"query": {"columns": chance.sample(known, k=chance.randint(1, len(known)))}}

    static = {"accessKeyId": {"env": "RECONCILER_SECRET_AWS"}, "secretAccessKey": {"env": "RECONCILER_SECRET_AWS"}}
    spec = {
        "dataset": {"id": dataset},
        "destination": {"bucket": "example-lake", "path": f"domo/orders-{len(draft.before)}", "region": "eu-west-3"},
        "credentials": {"static": static},
        **query(),
    }
    draft.add("domo", "DatasetExport", spec, draft.maybe(**query()))


# --- the vendors of tests ---


def _harbor(draft: _Draft) -> None:
    chance = draft.chance
    accounts = [
        draft.add(
            "harbor",
            "Account",
            {
                "endpoint": chance.choice(("quay.example.com", "pier.example.com")),
                "accessKey": "KEY",
                "secretKey": _SECRET,
                **draft.shown(),
            },
            draft.maybe(accessKey="KEY-2", endpoint="dock.example.com"),
        )
        for _ in range(chance.choice((1, 1, 2)))
    ]
    cargo = draft.add(
        "harbor",
        "Cargo",
        {"datasets": chance.sample(("wheat", "rye", "oats", "sand"), k=chance.randint(1, 3))},
        draft.maybe(datasets=chance.sample(("wheat", "rye", "oats", "sand"), k=2)),
    )
    if chance.random() < 0.7:
        draft.add(
            "harbor",
            "Route",
            {
                "account": accounts[0],
                "cargo": cargo,
                "schedule": {"everyHours": 6},
                **draft.maybe(stops=[{"name": "b", "path": "/b"}, {"name": "a", "path": "/a", "compressed": True}]),
            },
            draft.maybe(account=accounts[-1], schedule={"everyHours": 12}, enabled=False),
        )


def _quarry(draft: _Draft) -> None:
    chance = draft.chance
    table = chance.choice(("granite", "marble"))
    if any(each["spec"].get("table") == table for each in draft.before):
        return
    spec = {
        "table": table,
        "bucket": "example-stones",
        "path": f"daily/{len(draft.before)}",
        "columns": chance.sample(("id", "day", "tons"), k=chance.randint(1, 3)),
        "key": _SECRET,
    }
    draft.add("quarry", "Extract", spec, draft.maybe(columns=chance.sample(("id", "day", "tons"), k=2)))


_CORNERS: Mapping[str, Callable[[_Draft], None]] = {
    "adobe": _adobe,
    "didomi": _didomi,
    "domo": _domo,
    "harbor": _harbor,
    "quarry": _quarry,
}
