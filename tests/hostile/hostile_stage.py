"""A project whose vendors stand behind servers that play tricks, and what must hold whatever these do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hostile_server import HostileServer
from tricks import ELSEWHERE
from world import CANARY, Run, Stage, Status, Theatre, Time, World, catalog

from reconciler.operations.workspace import Workspace, open_workspace
from reconciler.reports.outcome_text import render_report
from reconciler.reports.plan_json import plan_json
from reconciler.reports.plan_markdown import render_plan_markdown
from reconciler.reports.plan_text import render_plan
from reconciler.reports.problems import render_problems
from reconciler.transport import Timeouts
from reconciler.values import Action, Severity

Manifest = dict[str, Any]

SHORT = Timeouts(connect=0.5, read=0.25, total=0.5)
"""Patience for a server in the same process."""

_DOMO = "c5a2e9c0-55f3-4c53-8a5d-6d2f0b9e7a10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    One vendor's kinds with the routes that they are read and written by.

    `manifests` are what is applied and `edited` the same with other values. `lists` are routes without which nothing
    can be planned, `singles` those of one object, `others` what is read besides; `collections` are what the emulator
    holds of ours.
    """

    vendor: str
    manifests: Sequence[Manifest]
    edited: Sequence[Manifest]
    lists: Sequence[str]
    singles: Sequence[str]
    others: Sequence[str]
    writes: Mapping[str, Sequence[str]]
    collections: Sequence[str]

    @property
    def readings(self) -> tuple[str, ...]:
        """Every route that is read."""
        return (*self.lists, *self.singles, *self.others)


def _manifest(vendor: str, kind: str, label: str, /, **spec: object) -> Manifest:
    return {"apiVersion": f"{vendor}.reconciler/v1", "kind": kind, "metadata": {"name": label}, "spec": spec}


_FLOW = "/data/foundation/flowservice"
_TIMES = {"start": "2090-01-01T00:00:00Z", "end": "2095-01-01T00:00:00Z"}
_SECRET = {"env": "RECONCILER_SECRET_CANARY"}


def _adobe(*, edited: bool) -> list[Manifest]:
    auth = {"specName": "SFTP with Password", "domain": "sftp.example.com", "username": "aep", "password": _SECRET}
    return [
        _manifest("adobe", "BaseConnection", "drop", destination="sftp", auth=auth, description="a" if edited else "b"),
        _manifest("adobe", "SourceConnection", "orders", datasets=[{"name": "Customers"}], name="O" if edited else "P"),
        _manifest(
            "adobe",
            "TargetConnection",
            "out",
            destination="sftp",
            baseConnection="drop",
            remotePath="orders" if edited else "upload",
            datasetFileType="PARQUET",
            compression="GZIP",
        ),
        _manifest(
            "adobe",
            "Dataflow",
            "daily",
            source="orders",
            target="out",
            schedule={"every": "12h" if edited else "6h", **_TIMES},
        ),
    ]


def _didomi(*, edited: bool) -> list[Manifest]:
    drop = {"projectId": "example-data", "bucketName": "example-drop", "key": _SECRET}
    data = {"users": {"enabled": True}, "proofs": {"enabled": edited}}
    shown = {"description": "a" if edited else "b"}
    return [
        _manifest("didomi", "Destination", "drop", typeId="gcp-storage", config=drop, **shown),
        _manifest("didomi", "Destination", "lake", typeId="aws-s3-didomi", config={"accountId": "210987654321"}),
        _manifest("didomi", "ExportConfig", "daily", data=data, destinations=["drop"]),
        _manifest(
            "didomi",
            "Integration",
            "market",
            typeId="batch-exports-gcp",
            authentication=drop,
            properties={"frequency": 1, "data": ["users", "proofs"] if edited else ["users"]},
        ),
    ]


def _domo(*, edited: bool) -> list[Manifest]:
    static = {"accessKeyId": {"env": "RECONCILER_SECRET_AWS"}, "secretAccessKey": {"env": "RECONCILER_SECRET_AWS"}}
    return [
        _manifest(
            "domo",
            "DatasetExport",
            "orders",
            dataset={"id": _DOMO, "expectName": "orders_daily"},
            destination={"bucket": "example-lake", "path": "domo/orders", "region": "eu-west-3"},
            credentials={"static": static},
            query={"columns": ["order_id", "region"] if edited else ["order_id"]},
        )
    ]


_ADOBE_KINDS = ("connections", "sourceConnections", "targetConnections", "flows")
_DIDOMI_ROUTES = ("/exports/destinations", "/exports/configs", "/marketplace/integrations")

TARGETS: Mapping[str, Target] = {
    "adobe": Target(
        vendor="adobe",
        manifests=_adobe(edited=False),
        edited=_adobe(edited=True),
        lists=[f"GET {_FLOW}/{each}" for each in _ADOBE_KINDS],
        singles=[f"GET {_FLOW}/{each}/*" for each in _ADOBE_KINDS],
        others=["POST /ims/token/v3", f"GET {_FLOW}/connectionSpecs/*"],
        writes={
            "create": [f"POST {_FLOW}/{each}" for each in _ADOBE_KINDS],
            "update": [f"PATCH {_FLOW}/{each}/*" for each in _ADOBE_KINDS],
            "delete": [f"DELETE {_FLOW}/{each}/*" for each in _ADOBE_KINDS],
        },
        collections=_ADOBE_KINDS,
    ),
    "didomi": Target(
        vendor="didomi",
        manifests=_didomi(edited=False),
        edited=_didomi(edited=True),
        lists=[f"GET /v1{each}" for each in _DIDOMI_ROUTES],
        singles=[f"GET /v1{each}/*" for each in _DIDOMI_ROUTES],
        others=["POST /v1/sessions", "GET /v1/quotas", "GET /v1/premium-features"],
        writes={
            "create": [f"POST /v1{each}" for each in _DIDOMI_ROUTES],
            "update": [f"PATCH /v1{each}/*" for each in _DIDOMI_ROUTES],
            "delete": [f"DELETE /v1{each}/*" for each in _DIDOMI_ROUTES],
        },
        collections=("destinations", "configs", "integrations"),
    ),
    "domo": Target(
        vendor="domo",
        manifests=_domo(edited=False),
        edited=_domo(edited=True),
        lists=[f"GET /api/query/v1/export/{_DOMO}"],
        singles=[],
        others=[
            "GET /api/content/v2/users/me",
            f"GET /api/data/v3/datasources/{_DOMO}",
            f"GET /api/query/v1/datasources/{_DOMO}/schema/indexed",
            f"GET /api/data/v3/datasources/{_DOMO}/dataversions/details",
            f"GET /api/query/v1/data-control/{_DOMO}",
            f"GET /api/query/v1/data-control/{_DOMO}/filter-groups",
        ],
        writes={"create": ["POST /api/query/v1/export/*"]},
        collections=("exports",),
    ),
}


class Siege(World):
    """A project with one vendor, who stands behind a server that plays tricks."""

    def __init__(self, folder: Path, theatre: Theatre, server: HostileServer, target: Target) -> None:
        super().__init__(folder, theatre, [target.vendor])
        self.target = target
        self.server = server
        server.behind = self.vendor.server.url
        self.vendor.words["baseUrl"] = server.url + self.vendor.description.path
        if target.vendor == "domo":
            self.vendor.switch(dedupe="dataset+request")
        self.secrets = {CANARY, *self.environ.values()}

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        """The project as a command opens it, with little patience."""
        workspace = open_workspace(
            self.folder, environ=self.environ, catalog=catalog(), clock=Time(self.clock), timeouts=SHORT
        )
        try:
            yield workspace
        finally:
            for transport in workspace._transports:  # a process ends with its connections, a test does not
                transport.close()

    def settled(self) -> None:
        """Make everything, honestly, and leave it alone for a while."""
        self.apply(self.target.manifests)
        self.later()
        self.vendor.forget_requests()

    def converges(self, manifests: Sequence[Manifest] | None = None) -> None:
        """With an honest vendor everything comes to be as written, once, and the state knows all of it."""
        self.later(7200)
        self.apply(manifests)
        run = self.plan()

        assert run.status is Status.DONE, run.messages
        assert run.changes_to_make == (), run.messages
        assert self.open_intents == ()
        if self.target.vendor != "domo":  # what jobs made stays where it is
            assert self.there() == self.known()

    def there(self) -> set[str]:
        """The ids of everything at the vendor that is not being deleted."""
        rows = [row for each in self.target.collections for row in self.vendor.objects(each)]
        return {str(row["id"]) for row in rows if row.get("state") != "deleting"}

    def known(self) -> set[str]:
        """The ids of everything in the state."""
        return {id for record in self.state.records.values() for id in record.ids}


def harm_of(siege: Siege, run: Run) -> list[str]:
    """What a run against a hostile vendor did or wanted to do and must not have."""
    found = [f"sent {each.method} {each.path}" for each in siege.vendor.writes()]
    making = {Action.CREATE, Action.REPLACE, Action.DELETE, Action.RUN, Action.DISABLE}
    refused = any(each.severity is Severity.ERROR for each in run.problems)
    if run.status is Status.DONE and not refused:
        found += [
            f"planned to {each.action.value} {each.address}"
            for each in run.changes_to_make
            if each.action in making and each.hold is None
        ]
    return found


def leaks_of(siege: Siege, run: Run, heard: Sequence[str]) -> list[str]:
    """Secrets, and signs that a terminal obeys, in what is said about a run; `heard` are log lines."""
    said = {"log": "\n".join(heard), **told(run)}
    found = [f"a secret in the {name}" for name, text in said.items() if any(each in text for each in siege.secrets)]
    found += [f"{sign!a} in the {name}" for name, text in said.items() for sign in OBEYED if sign in text]
    found += [f"too much in the {name}: {len(text)}" for name, text in said.items() if len(text) > 200_000]
    return found


def is_mute(run: Run) -> bool:
    """Whether it did not succeed and nobody is told why."""
    return run.status is not Status.DONE and len(run.messages.strip()) < 20 and not run.report.remaining


OBEYED = ("\x1b", "\x9b", "\x07", "\x08", "\0", "\x7f", "\r", "\u202e", "\u2066", "\u200b", "\u2028")


def told(run: Run) -> dict[str, str]:
    """Everything that is printed of a run, in every form."""
    traits = catalog().traits
    found = {"problems": render_problems(run.problems, colour=False)}
    if run.plan is not None:
        found["text"] = render_plan(run.plan, colour=False, verbose=True, traits=traits)
        found["markdown"] = render_plan_markdown(run.plan, traits=traits)
        found["json"] = plan_json(run.plan, traits=traits)
    if run.report.outcomes or run.report.problems:
        found["report"] = render_report(run.report, traits=traits)
    return found


Besieged = Callable[[str], Siege]


@contextmanager
def besieged(folder: Path, theatre: Theatre, vendor: str) -> Iterator[Siege]:
    """An empty project with a hostile vendor that is honest so far."""
    with ExitStack() as stack:
        server = stack.enter_context(HostileServer())
        yield Siege(folder, theatre, server, TARGETS[vendor])


__all__ = [
    "ELSEWHERE",
    "OBEYED",
    "SHORT",
    "TARGETS",
    "Siege",
    "Stage",
    "Target",
    "besieged",
    "harm_of",
    "is_mute",
    "leaks_of",
    "told",
]
