"""Flow Service as a whole: the gateway, the routes, and what then happens."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote

from reconciler.emulator import (
    Answer,
    Clock,
    Collection,
    Drop,
    Emulator,
    FolderDrop,
    JsonObject,
    Request,
    Router,
    World,
    WrongMethod,
)
from reconciler.providers.adobe.emulator import specs
from reconciler.providers.adobe.emulator.agenda import Agenda
from reconciler.providers.adobe.emulator.calls import Call
from reconciler.providers.adobe.emulator.connections import Connections, SourceConnections, TargetConnections
from reconciler.providers.adobe.emulator.datasets import Datasets
from reconciler.providers.adobe.emulator.entities import Entities, Home
from reconciler.providers.adobe.emulator.errors import (
    GateRefused,
    Refused,
    any_error,
    gateway_error,
    malformed,
    not_found,
    service_error,
)
from reconciler.providers.adobe.emulator.flows import Flows
from reconciler.providers.adobe.emulator.gate import Credential, Gate
from reconciler.providers.adobe.emulator.landing import Landing
from reconciler.providers.adobe.emulator.lists import Lists, Source
from reconciler.providers.adobe.emulator.runs import Runs
from reconciler.providers.adobe.emulator.switches import SECRET_KEYS, SWITCHES

Handler = Callable[[Call], Answer]

_FLOW_SERVICE = "/data/foundation/flowservice"
_CATALOG = "/data/foundation/catalog"
_SANDBOXES = "/data/foundation/sandbox-management"
_LANDING = "/data/foundation/connectors/landingzone"
_TOKEN = "/ims/token/v3"  # noqa: S105 - a path
_DEMO = Credential(
    client_id="example-client-7731",
    client_secret="p8e-example-not-real",  # noqa: S106 - invented
    organization="EXAMPLE@AdobeOrg",
)
# The value that Adobe ships for Experience Platform (§2).
_SCOPES = "openid,session,AdobeID,read_organizations,additional_info.projectedProductContext"
_SANDBOX = "prod"
_SEEDED_SANDBOXES = ("prod", "dev")


def create(
    *,
    switches: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    folder: Path | None = None,
    drop: Drop | None = None,
    seed: int = 0,
) -> "Adobe":
    """
    A stand-in Flow Service, with its token endpoint and the parts of Catalog that exports need.

    `switches` are starting positions, see `SWITCHES`; `folder` receives the delivered files, one folder per bucket,
    container or host, `drop` receives them instead (an object store); without a `clock` it follows real time.
    Raises `UnknownSwitch`.
    """
    world = World(known=SWITCHES, switches=switches, clock=clock, secret_keys=SECRET_KEYS, seed=seed)
    return Adobe(world, drop=drop or (None if folder is None else FolderDrop(folder)), seed=seed)


class Adobe(Emulator):
    """The stand-in vendor; collections are the four kinds of entity, `datasets`, and `runs` to look at."""

    prefixes = (_FLOW_SERVICE, _CATALOG, _SANDBOXES)

    def __init__(self, world: World, *, drop: Drop | None, seed: int) -> None:
        self.gate = Gate(world)
        self.agenda = Agenda(world)
        home = Home(_DEMO.organization, _SANDBOX, self._sandbox_id)
        self._lists = Lists(world, seed)
        self.datasets = Datasets(world, home)
        self.connections = Connections(world, self.agenda, self._lists, home)
        self.sources = SourceConnections(
            world, self.agenda, self._lists, home, connections=self.connections, datasets=self.datasets
        )
        self.targets = TargetConnections(world, self.agenda, self._lists, home, connections=self.connections)
        self.flows = Flows(
            world,
            self.agenda,
            self._lists,
            home,
            connections=self.connections,
            sources=self.sources,
            targets=self.targets,
        )
        self.landing = Landing(world, (_DEMO.organization, _SANDBOX))
        self.runs = Runs(
            world,
            self.agenda,
            self._lists,
            flows=self.flows,
            datasets=self.datasets,
            landing=self.landing,
            drop=drop,
            seed=seed,
        )
        self._router: Router[Handler] = Router()
        self._organizations: list[str] = []
        super().__init__(world)
        self._add_routes()
        self.enrol(_DEMO.organization, _DEMO.client_id, _DEMO.client_secret)

    @property
    def credentials(self) -> Mapping[str, str]:
        """`client_id` (the API key too), `client_secret`, `scopes`, `organization` and `sandbox`."""
        return MappingProxyType(
            {
                "client_id": _DEMO.client_id,
                "client_secret": _DEMO.client_secret,
                "scopes": _SCOPES,
                "organization": _DEMO.organization,
                "sandbox": _SANDBOX,
            }
        )

    def enrol(self, organization: str, client_id: str, client_secret: str) -> None:
        """Somebody makes a credential for an organization; a new one gets the sandboxes `prod` and `dev`."""
        with self.world.lock:
            self.gate.enrol(Credential(client_id=client_id, client_secret=client_secret, organization=organization))
            if organization not in self._organizations:
                self._organizations.append(organization)
                for name in _SEEDED_SANDBOXES:
                    self.gate.add_sandbox(organization, name, state="active", default=name == _SANDBOX)
                self._found(organization)

    def add_sandbox(self, name: str, *, organization: str = _DEMO.organization, state: str = "active") -> JsonObject:
        """Somebody makes a sandbox, without datasets; `state` is `creating`, `active`, `deleted` or `failed`."""
        with self.world.lock:
            return dict(self.gate.add_sandbox(organization, name, state=state, default=False))

    def fail_next_run(self, flow: str | None = None, message: str = "the destination refused the files") -> None:
        """Make the next run of a flow, or of any, fail for this reason."""
        with self.world.lock:
            self.runs.fail_next(flow, message)

    @property
    def trouble(self) -> tuple[JsonObject, ...]:
        """
        Every moment at which a flow pointed at something that was not there, in order.

        Each has `time` (ISO), `flow`, `missing` (the collection), `id`, and `run`: the id of the run that failed of
        it, or None for the moment itself at which the object went away under an enabled flow.
        """
        with self.world.lock:
            self.happen()
            return tuple(dict(one) for one in self.runs.trouble)

    def collections(self) -> Mapping[str, Collection]:
        """The kinds of object, by the name of their route."""
        return {
            "connections": self.connections,
            "sourceConnections": self.sources,
            "targetConnections": self.targets,
            "flows": self.flows,
            "datasets": self.datasets,
            "runs": self.runs,
        }

    def error(self, status: int, message: str | None = None) -> Answer:
        """An error in Adobe's shape."""
        # Scripted faults ask from outside the lock, and ids are drawn within it.
        with self.world.lock:
            return any_error(status, message, self.world.switches, self.world.ids.uuid())

    def happen(self) -> None:
        """Changes that settle, deletions that end, runs, and files that vanish."""
        self.agenda.happen()

    def forget(self) -> None:
        """Start with the first credentials, sandboxes and datasets again."""
        self.agenda.forget()
        kinds = (self.connections, self.sources, self.targets, self.flows, self.runs, self.datasets, self.gate)
        for kind in kinds:
            kind.forget()
        for organization in self._organizations:
            self._found(organization)

    def answer(self, request: Request) -> Answer:
        """Do what a request asks: the gateway's errors come first (§13.1)."""
        try:
            return self._answer(request)
        except GateRefused as refusal:
            return gateway_error(refusal, self.world.switches)
        except Refused as refusal:
            return service_error(refusal, self.world.switches, self.world.ids.uuid())

    def _answer(self, request: Request) -> Answer:
        if request.path == _TOKEN:
            if request.method != "POST":
                raise malformed("the token endpoint answers POST", 405)
            return self.gate.post_token(request)
        client, organization = self.gate.enter(request)
        try:
            match = self._router.find(request.method, request.path)
        except WrongMethod as problem:
            raise malformed(f"{request.path} answers {problem}", 405) from None
        if match is None:
            raise malformed("there is no such resource", 404)
        kind = (request.header("content-type") or "").partition(";")[0].strip().lower()
        if request.body and request.method in ("POST", "PATCH") and kind != "application/json":
            raise malformed("Content-Type must be application/json")
        sandbox = "" if match.template.startswith(_SANDBOXES) else self.gate.sandbox_of(request, organization)
        self.gate.check_permission(request.method, match.template)
        values = {name: unquote(value) for name, value in match.values.items()}
        return match.handler(self.gate.call(request, client, organization, sandbox, values))

    def _add_routes(self) -> None:
        add = self._router.add
        for entities in (self.connections, self.sources, self.targets, self.flows):
            self._add_entities(entities)
        add("POST", f"{_FLOW_SERVICE}/connections/search", self.connections.search)
        add("POST", f"{_FLOW_SERVICE}/flows/search", self.flows.search)
        add("GET", f"{_FLOW_SERVICE}/connections/{{id}}/test", self.connections.test)
        add("POST", f"{_FLOW_SERVICE}/flows/{{id}}/action", self.flows.action)
        add("GET", f"{_FLOW_SERVICE}/runs", self.runs.get_list)
        add("GET", f"{_FLOW_SERVICE}/runs/{{id}}", self.runs.get)
        for name, known in (("connectionSpecs", specs.connection_specs()), ("flowSpecs", specs.flow_specs())):
            add("GET", f"{_FLOW_SERVICE}/{name}", partial(self._specs, name, known))
            add("GET", f"{_FLOW_SERVICE}/{name}/{{id}}", partial(_spec, name, known))
        add("POST", f"{_FLOW_SERVICE}/flowSpecs/search", self._search_flow_specs)
        add("GET", f"{_FLOW_SERVICE}/connectionSpecs/{{id}}/configs", self.datasets.get_configs)
        add("GET", f"{_CATALOG}/dataSets", self.datasets.get_list)
        add("GET", f"{_CATALOG}/dataSets/{{id}}", self.datasets.get)
        add("GET", f"{_SANDBOXES}/sandboxes/{{name}}", self._get_sandbox)
        add("GET", f"{_LANDING}/credentials", self.landing.get_credentials)

    def _add_entities(self, entities: Entities) -> None:
        path = f"{_FLOW_SERVICE}/{entities.collection}"
        self._router.add("GET", path, entities.get_list)
        self._router.add("POST", path, entities.post)
        self._router.add("GET", path + "/{id}", entities.get)
        self._router.add("PATCH", path + "/{id}", entities.patch)
        self._router.add("DELETE", path + "/{id}", entities.delete)

    def _specs(self, name: str, known: Mapping[str, JsonObject], call: Call) -> Answer:
        return self._lists.get(call, _source(name, known.values()))

    def _search_flow_specs(self, call: Call) -> Answer:
        return self._lists.search(call, _source("flowSpecs", specs.flow_specs().values()))

    def _get_sandbox(self, call: Call) -> Answer:
        found = self.gate.sandbox(call.organization, call.values["name"])
        if found is None:
            raise malformed(f"sandbox {call.values['name']} not found", 404)
        return Answer(body={name: value for name, value in found.items() if name != "id"})

    def _sandbox_id(self, organization: str, name: str) -> str:
        found = self.gate.sandbox(organization, name)
        return "" if found is None else str(found["id"])

    def _found(self, organization: str) -> None:
        for name in _SEEDED_SANDBOXES:
            self.datasets.found(organization, name)


def _source(name: str, rows: Iterable[JsonObject]) -> Source:
    return Source(name=name, rows=list(rows), view=dict, revision="fixed")


def _spec(name: str, known: Mapping[str, JsonObject], call: Call) -> Answer:
    found = known.get(call.values["id"])
    if found is None:
        raise not_found(name, call.values["id"])
    return Answer(body={"items": [found]})
