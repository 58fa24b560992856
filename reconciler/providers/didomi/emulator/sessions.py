"""API keys and the tokens made from them (API introduction, "Authentication")."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, replace

from reconciler.emulator import World
from reconciler.providers.didomi.emulator.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A private API key; it belongs to one organization (documented)."""

    key: str
    secret: str
    organization: str
    enabled: bool = True


class Sessions:
    """Issues tokens for known keys and recognises them until their time is over."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._signing_key = hashlib.sha256(f"emulated didomi {seed}".encode()).digest()
        self._keys: dict[str, Key] = {}
        self._opaque: dict[str, tuple[str, float]] = {}
        self._issued = 0
        self._valid_from = 1
        world.on_expired_tokens(self.expire)

    def enrol(self, key: Key) -> None:
        """Accept a key."""
        self._world.mask.register(key.secret)
        self._keys[key.key] = key

    def disable(self, key: str) -> None:
        """Accept a key no longer; tokens already issued go on (documented)."""
        self._keys[key] = replace(self._keys[key], enabled=False)

    def organization_of_key(self, key: object, secret: object) -> str:
        """The organization of a pair that is right. A wrong one gets 400, not 401 (documented)."""
        found = self._keys.get(key) if isinstance(key, str) else None
        if found is None or not found.enabled or found.secret != secret:
            raise Refused(400, "Invalid key or secret")
        return found.organization

    def issue(self, key: str, organization: str) -> str:
        """A new token; any number may exist at a time (documented). What it holds is undocumented."""
        self._issued += 1
        now = int(self._world.clock.timestamp())
        until = now + self._world.switches.number("token_ttl")
        opaque = self._world.switches["token_format"] == "opaque"  # noqa: S105 - a switch
        if opaque:
            token = f"opaque-{self._issued}-{self._sign(f'{self._issued}')[:24]}"
            self._opaque[token] = (organization, until)
        else:
            claims = {"sub": key, "organization_id": organization, "iat": now, "exp": until, "jti": str(self._issued)}
            token = self._signed(claims)
        self._world.mask.register(token)
        return token

    def organization_of(self, authorization: str | None) -> str:
        """Whose a request is. Anything but a live token gets 401 (documented)."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refused(401, "Missing bearer token")
        organization, until, number = self._read(token.strip())
        if number < self._valid_from or until <= self._world.clock.timestamp():
            raise Refused(401, "Expired token")
        return organization

    def end_user_token(self, organization: str, user: str, seconds: int) -> str:
        """A token for an end user (Tokens); it opens nothing here."""
        now = int(self._world.clock.timestamp())
        claims = {"sub": user, "organization_id": organization, "iat": now, "exp": now + seconds, "jti": "0"}
        token = self._signed(claims)
        self._world.mask.register(token)
        return token

    def expire(self) -> None:
        """Make every token issued so far worthless."""
        self._valid_from = self._issued + 1

    def forget(self) -> None:
        """Make every token worthless and keep the keys."""
        self._opaque.clear()
        self.expire()

    def _read(self, token: str) -> tuple[str, float, int]:
        if token in self._opaque:
            organization, until = self._opaque[token]
            return organization, until, int(token.split("-")[1])
        head, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(head).encode()):
            raise Refused(401, "Malformed token")
        claims = json.loads(base64.urlsafe_b64decode(head.split(".")[1] + "=="))
        return claims["organization_id"], claims["exp"], int(claims["jti"])

    def _signed(self, claims: dict[str, object]) -> str:
        head = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(claims)}"
        return f"{head}.{self._sign(head)}"

    def _sign(self, text: str) -> str:
        return _base64(hmac.new(self._signing_key, text.encode(), hashlib.sha256).digest())


def _encoded(part: dict[str, object]) -> str:
    return _base64(json.dumps(part, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
