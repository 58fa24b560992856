"""The gateway: logins (§2), the four headers (§1), sandboxes and permissions (§2.1). Its errors come first (§10.3)."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl

from reconciler.emulator import Answer, JsonObject, Request, Window, World
from reconciler.providers.adobe.emulator.calls import Call
from reconciler.providers.adobe.emulator.errors import GateRefused, Refused

_WRITES = ("POST", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """An OAuth server-to-server credential; its client id is also the API key (§2)."""

    client_id: str
    client_secret: str
    organization: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    client_id: str
    until: float


class Gate:
    """Issues tokens and decides who may come in."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._credentials: dict[str, Credential] = {}
        self._tokens: dict[str, _Token] = {}
        self._sandboxes: dict[tuple[str, str], JsonObject] = {}
        self._window = Window()
        self._issued = 0
        world.on_expired_tokens(self.expire)

    def enrol(self, credential: Credential) -> None:
        """Accept a credential."""
        self._world.mask.register(credential.client_secret)
        self._credentials[credential.client_id] = credential

    def add_sandbox(self, organization: str, name: str, *, state: str, default: bool) -> JsonObject:
        """A sandbox of an organization (shape: §1)."""
        # Derived from the names, so that the same sandbox has the same id after a reset.
        digest = hashlib.sha256(f"{organization}/{name}".encode()).hexdigest()
        sandbox: JsonObject = {
            "id": f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}",
            "name": name,
            "title": name.capitalize(),
            "state": state,
            "type": "production" if default else "development",
            "isDefault": default,
            "etag": 1,
        }
        self._sandboxes[organization, name] = sandbox
        return sandbox

    def sandbox(self, organization: str, name: str) -> JsonObject | None:
        """A sandbox by its name, or None."""
        return self._sandboxes.get((organization, name))

    def expire(self) -> None:
        """Make every token issued so far worthless."""
        self._tokens.clear()

    def forget(self) -> None:
        """Make every token worthless and keep the credentials and sandboxes."""
        self.expire()
        self._window.clear()

    # The token endpoint.

    def post_token(self, request: Request) -> Answer:
        """A token for a credential; parameters may stand in the body or in the query (§2)."""
        asked = dict(request.query) | dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        status = int(self._world.switches["token_errors"])
        if asked.get("grant_type") != "client_credentials":
            return _oauth_error(400, "unsupported_grant_type", "grant_type must be client_credentials")
        credential = self._credentials.get(asked.get("client_id", ""))
        if credential is None or credential.client_secret != asked.get("client_secret"):
            return _oauth_error(status, "invalid_client", "invalid client_id or client_secret")
        if not asked.get("scope"):
            return _oauth_error(400, "invalid_scope", "scope is required")
        seconds = self._world.switches.number("token_ttl")
        body = {"access_token": self.issue(credential.client_id), "token_type": "bearer", "expires_in": seconds}
        return Answer(body=body)

    def issue(self, client_id: str) -> str:
        """A new token; any number may exist at a time."""
        self._issued += 1
        number = f"{self._issued}/{client_id}".encode()
        token = f"eyJhbGciOi.example-{self._issued}.{hashlib.sha256(number).hexdigest()[:32]}"
        until = self._world.clock.timestamp() + self._world.switches.number("token_ttl")
        self._tokens[token] = _Token(client_id=client_id, until=until)
        self._world.mask.register(token)
        return token

    # The four headers.

    def enter(self, request: Request) -> tuple[str, str]:
        """The credential and the organization of a request, or the gateway's refusal."""
        client = self._client_of(request)
        key = request.header("x-api-key")
        if not key:
            raise GateRefused(403, "403000", "Api Key is required")
        if key not in self._credentials:
            raise GateRefused(403, "403003", "Api Key is invalid")
        self._count(client)
        organization = request.header("x-gw-ims-org-id")
        if not organization:
            raise GateRefused(400, "400003", "Missing required header: x-gw-ims-org-id")
        if organization != self._credentials[client].organization:
            if organization not in {one.organization for one in self._credentials.values()}:
                raise GateRefused(403, "403027", "User region is missing")
            raise GateRefused(403, "403025", "Profile is not valid for the organization")
        return client, organization

    def sandbox_of(self, request: Request, organization: str) -> str:
        """The sandbox of a request; one without the header means `prod` unless the switch says otherwise (§1)."""
        if request.header("x-sandbox-id"):
            raise Refused(400, 2110, "x-sandbox-id is not allowed with this token")
        name = request.header("x-sandbox-name")
        if not name:
            if self._world.switches.on("strict_sandbox_header"):
                raise Refused(400, 2105, "x-sandbox-name is required")
            name = "prod"
        found = self.sandbox(organization, name)
        if found is None or found["state"] != "active":
            raise Refused(404, 2100, f"sandbox {name} not found")
        return name

    def check_permission(self, method: str, template: str) -> None:
        """What the position of the switch `permissions` does not allow gets 403 (§2.1)."""
        position = self._world.switches["permissions"]
        datasets = template.endswith("/configs") or "/catalog/" in template
        if position == "no_datasets" and datasets:
            raise Refused(403, 2120, "View Datasets is missing")
        if datasets or "/flowservice/" not in template:
            return
        if position == "no_view":
            raise Refused(403, 2118, "View Destinations is missing")
        if method not in _WRITES or template.endswith("/search"):
            return
        if position == "no_activate":
            raise Refused(403, 2121, "Manage and Activate Dataset Destinations is missing")
        manage = self._world.switches["delete_permission"] == "manage"
        if position == "activate_only" and method == "DELETE" and manage:
            raise Refused(403, 2121, "Manage Destinations is missing")

    def call(self, request: Request, client: str, organization: str, sandbox: str, values: dict[str, str]) -> Call:
        """The request as the service gets it."""
        return Call(request=request, organization=organization, sandbox=sandbox, client=client, values=values)

    def _client_of(self, request: Request) -> str:
        scheme, _, token = (request.header("authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise GateRefused(403, "403010", "Oauth token is missing")
        found = self._tokens.get(token.strip())
        if found is None or found.until <= self._world.clock.timestamp():
            raise GateRefused(401, "401013", "Oauth token is not valid")
        return found.client_id

    def _count(self, client: str) -> None:
        position = self._world.switches["rate_limit"]
        if position == "off":
            return
        limit, seconds = (int(part) for part in position.split("/"))
        now = self._world.clock.now()
        left = self._window.take(client, limit=limit, seconds=seconds, now=now.timestamp())
        if left.allowed:
            return
        headers: dict[str, str] = {}
        position = self._world.switches["retry_after"]
        if position == "seconds":
            headers["Retry-After"] = str(left.reset)
        elif position == "date":
            headers["Retry-After"] = format_datetime(now + timedelta(seconds=left.reset), usegmt=True)
        # Documented for another gateway of Adobe's (§10.5).
        raise GateRefused(429, "429050", "Too many requests", headers)


def _oauth_error(status: int, code: str, description: str) -> Answer:
    return Answer(status=status, body={"error": code, "error_description": description})
