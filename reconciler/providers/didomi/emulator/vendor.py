"""Didomi as a whole: routes, who may enter, how often, and what then happens."""

from collections.abc import Callable, Mapping
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
    NotJson,
    Request,
    Router,
    Window,
    World,
    WrongMethod,
)
from reconciler.providers.didomi.emulator.consent_records import ConsentRecords
from reconciler.providers.didomi.emulator.consents import Consents
from reconciler.providers.didomi.emulator.deliveries import Deliveries
from reconciler.providers.didomi.emulator.errors import Refused, error
from reconciler.providers.didomi.emulator.exports import Configs, Destinations, Integrations, Purposes
from reconciler.providers.didomi.emulator.lists import Listing, page
from reconciler.providers.didomi.emulator.resources import Call, Resources
from reconciler.providers.didomi.emulator.sessions import Key, Sessions
from reconciler.providers.didomi.emulator.switches import SECRET_KEYS, SWITCHES

Handler = Callable[[Call], Answer]

_DEMO = Key(key="k_demo_7731", secret="s_demo_not_real", organization="example-org")  # noqa: S106 - invented
_PURPOSES: tuple[JsonObject, ...] = (
    {
        "id": "newsletter",
        "name": "Newsletter",
        "preferences": [
            {"id": "weekly"},
            {"id": "pref-topics", "values": [{"id": "val-sport"}, {"id": "val-food"}]},
        ],
    },
    {"id": "analytics", "name": "Audience measurement"},
)
# "Regulations"; five of the ids that Didomi lists.
_REGULATIONS = ("gdpr", "cpra", "cpa", "ctdpa", "vcdpa")


def create(
    *,
    switches: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    folder: Path | None = None,
    seed: int = 0,
) -> "Didomi":
    """
    A stand-in Didomi.

    `switches` are starting positions, see `SWITCHES`; `folder` receives the delivered files, one folder per
    bucket; without a `clock` it follows real time. Raises `UnknownSwitch`.
    """
    world = World(known=SWITCHES, switches=switches, clock=clock, secret_keys=SECRET_KEYS, seed=seed)
    return Didomi(world, drop=None if folder is None else FolderDrop(folder), seed=seed)


class Didomi(Emulator):
    """The stand-in vendor; collections are `destinations`, `configs`, `integrations` and a few to look at."""

    prefixes = ("/v1",)

    def __init__(self, world: World, *, drop: Drop | None, seed: int) -> None:
        self.sessions = Sessions(world, seed)
        self.destinations = Destinations(world)
        self.configs = Configs(world, self.destinations)
        self.integrations = Integrations(world)
        self.purposes = Purposes(world)
        self.consent_records = ConsentRecords(world, self.purposes)
        self.consents = Consents(world, self.consent_records, self.purposes)
        self.deliveries = Deliveries(
            world,
            destinations=self.destinations,
            configs=self.configs,
            integrations=self.integrations,
            consents=self.consent_records,
            drop=drop,
            seed=seed,
        )
        self._window = Window()
        self._router: Router[Handler] = Router()
        self._organizations: list[str] = []
        super().__init__(world)
        self._add_routes()
        self.enrol(_DEMO.organization, _DEMO.key, _DEMO.secret)

    @property
    def credentials(self) -> Mapping[str, str]:
        """`key`, `secret` and `organization`."""
        return MappingProxyType({"key": _DEMO.key, "secret": _DEMO.secret, "organization": _DEMO.organization})

    def enrol(self, organization: str, key: str, secret: str) -> None:
        """Somebody makes a private API key for an organization in the console."""
        with self.world.lock:
            self.sessions.enrol(Key(key=key, secret=secret, organization=organization))
            if organization not in self._organizations:
                self._organizations.append(organization)
                self._found(organization)

    def disable_key(self, key: str) -> None:
        """Somebody disables an API key; tokens already issued go on (documented)."""
        with self.world.lock:
            self.sessions.disable(key)

    def fail_next_run(self, export: str | None = None, result: str = "the destination refused the files") -> None:
        """Make the next run of an export, or of any, fail for this reason."""
        with self.world.lock:
            self.deliveries.fail_next(export, result)

    def run_now(self, export: str) -> JsonObject:
        """Somebody starts a run by hand; returns its log row. Raises `KeyError` for an unknown export."""
        with self.world.lock:
            self.happen()
            return dict(self.deliveries.run_now(export))

    def collections(self) -> Mapping[str, Collection]:
        """The kinds of object, by the last part of their route."""
        return {
            "destinations": self.destinations,
            "configs": self.configs,
            "integrations": self.integrations,
            "purposes": self.purposes,
            "logs": self.deliveries,
            "events": self.consent_records.events,
            "users": self.consent_records.users,
            "proofs": self.consent_records.proofs,
        }

    def insert(self, collection: str, body: JsonObject) -> JsonObject:
        """Somebody makes an object in the console; it belongs to the demo organization unless it says so."""
        return super().insert(collection, {"organization_id": _DEMO.organization, **body})

    def error(self, status: int, message: str | None = None) -> Answer:
        """An error in Didomi's shape."""
        return error(status, message, shape=self.world.switches["errors_shape"])

    def happen(self) -> None:
        """Runs, their ends, and files that vanish."""
        self.deliveries.happen(self.world.clock.now())

    def forget(self) -> None:
        """Start with the first keys and purposes again."""
        for resources in (self.destinations, self.configs, self.integrations, self.purposes):
            resources.forget()
        self.consent_records.forget()
        self.deliveries.forget()
        self.sessions.forget()
        self._window.clear()
        for organization in self._organizations:
            self._found(organization)

    def answer(self, request: Request) -> Answer:
        """Do what a request asks."""
        limits: dict[str, str] = {}
        try:
            answer = self._answer(request, limits)
        except Refused as refusal:
            plain = self.error(refusal.status, refusal.message)
            answer = Answer(status=plain.status, body=plain.body, headers=refusal.headers)
        except NotJson:
            answer = self.error(400, "The body is not valid JSON")
        if not limits:
            return answer
        return Answer(status=answer.status, body=answer.body, headers={**limits, **answer.headers})

    def _answer(self, request: Request, limits: dict[str, str]) -> Answer:
        path = self.path_names(request.path)[-1]
        try:
            match = self._router.find(request.method, path)
        except WrongMethod as problem:
            raise Refused(405, f"{request.path} answers {problem}") from None
        if match is None:
            raise Refused(404, "Page not found")
        if path == "/compliance/v1/regulations":
            return match.handler(Call(request=request, organization="", values={}))
        if path == "/sessions":
            if self.world.switches.on("sessions_limited"):
                self._count("sessions", limits)
            return match.handler(Call(request=request, organization="", values={}))
        organization = self.sessions.organization_of(request.header("authorization"))
        if _is_limited(request, path):
            self._count(organization, limits)
        self._check_premium(path)
        values = {name: unquote(value) for name, value in match.values.items()}
        return match.handler(Call(request=request, organization=organization, values=values))

    def _add_routes(self) -> None:
        self._router.add("POST", "/sessions", self._post_session)
        for path, resources in (
            ("/exports/destinations", self.destinations),
            ("/exports/configs", self.configs),
            ("/marketplace/integrations", self.integrations),
            ("/metadata/purposes", self.purposes),
        ):
            self._add_resources(path, resources)
        for path in ("/exports/logs", "/marketplace/exports/logs"):
            self._router.add("GET", path, self.deliveries.get_logs)
        self._router.add("POST", "/exports/execute", self._post_execute)
        self._router.add("GET", "/quotas", self._get_quotas)
        self._router.add("GET", "/premium-features", self._get_premium_features)
        self._router.add("GET", "/compliance/v1/regulations", self._get_regulations)
        self._router.add("POST", "/consents/tokens", self._post_token)
        for method, path, handler in self.consents.routes():
            self._router.add(method, path, handler)

    def _add_resources(self, path: str, resources: Resources) -> None:
        self._router.add("POST", path, resources.post)
        self._router.add("GET", path, resources.get_list)
        self._router.add("GET", path + "/{id}", resources.get)
        self._router.add("PATCH", path + "/{id}", resources.patch)
        self._router.add("PUT", path + "/{id}", resources.put)
        self._router.add("DELETE", path + "/{id}", resources.delete)

    def _post_session(self, call: Call) -> Answer:
        body = call.document()
        if body.get("type") != "api-key":
            raise Refused(400, "type must be api-key")
        organization = self.sessions.organization_of_key(body.get("key"), body.get("secret"))
        token = self.sessions.issue(body["key"], organization)
        session: JsonObject = {"access_token": token}
        if self.world.switches["session_reply"] == "full":
            session = {"type": "api-key", "key": body["key"], **session}
        return Answer(status=200 if self.world.switches["create_status"] == "200" else 201, body=session)

    def _post_token(self, call: Call) -> Answer:
        # Shape undocumented here beyond "a token for an end user, 900 seconds by default" (Tokens).
        organization = self.consents.organization_of(call, writing=True)
        user = call.document().get("organization_user_id")
        if not isinstance(user, str) or not user:
            raise Refused(400, "organization_user_id is required")
        status = 201 if self.world.switches["create_status"] == "201" else 200
        token = self.sessions.end_user_token(organization, user, 900)
        return Answer(status=status, body={"organization_user_id": user, "access_token": token})

    def _post_execute(self, call: Call) -> Answer:
        # The feature flag is documented, the route's shape is not.
        if not self.world.switches.on("premium_manual_run"):
            raise Refused(int(self.world.switches["premium_status"]), "batch_exports_manual_run is not enabled")
        export = call.document().get("export_id")
        if not isinstance(export, str) or not self.deliveries.knows(export, call.organization):
            raise Refused(404, f"No export found for id '{export}'")
        return Answer(body=self.deliveries.view(self.deliveries.run_now(export)))

    def _get_quotas(self, call: Call) -> Answer:
        # Names and defaults are documented (Quotas).
        switches = self.world.switches
        row = {
            "exports_configs": switches.number("quota_exports_configs"),
            "exports_destinations": switches.number("quota_exports_destinations"),
            "metadata_purposes": 300,
            "secrets": 300,
        }
        return self._single(call, "quotas", row)

    def _get_premium_features(self, call: Call) -> Answer:
        # Names are documented (OpenAPI).
        switches = self.world.switches
        row = {
            "batch_exports": switches.on("premium_batch_exports"),
            "batch_exports_manual_run": switches.on("premium_manual_run"),
            "batch_exports_analytics": True,
            "consents_api": switches.on("premium_consents_api"),
            "store_cmp_consents": True,
            "store_guest_cmp_consents": switches.on("guests"),
            "integrations": True,
            "integrations_v2": True,
        }
        return self._single(call, "premium", row)

    def _single(self, call: Call, kind: str, row: JsonObject) -> Answer:
        listing = Listing.of(call.request, self.world.switches)
        asked = dict(listing.filters).get("organization_id", (call.organization,))
        rows = [{"id": f"{kind}-{call.organization}", "organization_id": call.organization, **row}]
        if self.world.switches.on("extra_fields"):
            rows[0]["new_property"] = 0
        if call.organization not in asked:
            if self.world.switches["foreign_read"] == "403":
                raise Refused(403, "This key does not belong to the organization")
            rows = []
        return page(listing, rows, dict, bare=self.world.switches.on("bare_array"))

    def _get_regulations(self, call: Call) -> Answer:
        rows = [{"id": id, "releaseStatus": "stable"} for id in _REGULATIONS]
        return Answer(body={"total": len(rows), "limit": 100, "skip": 0, "data": rows})

    def _found(self, organization: str) -> None:
        """A new organization starts with two purposes; ids are global, so the second gets its own."""
        for purpose in _PURPOSES:
            row = {"organization_id": organization, **purpose}
            if purpose["id"] in self.purposes.table:
                row["id"] = f"{purpose['id']}-{organization}"
            self.purposes.insert(row)

    def _check_premium(self, path: str) -> None:
        product = None
        if path.startswith(("/exports/", "/marketplace/")):
            product = "batch_exports"
        elif path.startswith("/consents/"):
            product = "consents_api"
        if product is not None and not self.world.switches.on(f"premium_{product}"):
            raise Refused(int(self.world.switches["premium_status"]), f"{product} is not enabled for the organization")

    def _count(self, caller: str, limits: dict[str, str]) -> None:
        """Count a request; every limited answer carries the state of the window (documented, Rate limiting)."""
        position = self.world.switches["rate_limit"]
        if position == "off":
            return
        limit, seconds = (int(part) for part in position.split("/"))
        now = self.world.clock.timestamp()
        left = self._window.take(caller, limit=limit, seconds=seconds, now=now)
        limits["RateLimit"] = f"limit={left.limit}, remaining={left.remaining}, reset={left.reset}"
        limits["RateLimit-Policy"] = f"{limit};w={seconds}"
        if not left.allowed:
            raise Refused(429, "Too many requests", {"Retry-After": str(left.reset)})


def _is_limited(request: Request, path: str) -> bool:
    """Everything but `/consents`, save the reading of users (documented, Rate limiting)."""
    if not path.startswith("/consents/"):
        return True
    if request.method != "GET" or not path.startswith("/consents/users"):
        return False
    return path == "/consents/users" or request.parameter("$include_full_tree") == "true"
