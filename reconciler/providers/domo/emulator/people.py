"""Users, their authorities and their access tokens (reference 1 and 1.1)."""

from datetime import timedelta

from reconciler.emulator import JsonObject, Table, World
from reconciler.providers.domo.emulator.errors import Refused

# Every right on every dataset (reference 2.7, rule 3).
DATASET_ADMIN = "dataset.admin"
# Exists in the role model; whether exports need it is undocumented, see the switch `export_right`.
DATASET_EXPORT = "dataset.export"
# May list and make access tokens (reference 1: admin, or a grant to manage all access tokens).
MANAGE_TOKENS = "accesstoken.admin"
_LIFE = timedelta(days=365)


class Users:
    """The people of the instance; ids are numbers at Domo and text in the table."""

    def __init__(self, world: World) -> None:
        self.table = Table()
        self._world = world
        self._next = 1001

    def rows(self) -> list[JsonObject]:
        """Everybody, in order of creation."""
        return list(self.table)

    def insert(self, body: JsonObject) -> JsonObject:
        """Somebody new: `displayName`, `emailAddress`, `authorities`, `groups` and `attributes`, all optional."""
        number = int(body.get("id", self._next))
        self._next = max(self._next, number + 1)
        row: JsonObject = {
            "displayName": f"User {number}",
            "emailAddress": f"user-{number}@example.org",
            "role": "Privileged",
            "authorities": [],
            "groups": [],
            "attributes": {},
            **body,
            "id": str(number),
        }
        return self.table.put(row)

    def remove(self, id: str) -> JsonObject | None:
        """Somebody leaves."""
        return self.table.pop(str(id))

    def edit(self, id: str, changes: JsonObject) -> JsonObject | None:
        """Somebody's rights or groups change."""
        row = self.table.get(str(id))
        return None if row is None else self.table.put({**row, **changes, "id": row["id"]})

    def forget(self) -> None:
        """Nobody is left."""
        self.table.clear()
        self._next = 1001


class Tokens:
    """Access tokens: each is bound to one user and has an end; its value is shown once (documented)."""

    def __init__(self, world: World, users: Users) -> None:
        self.table = Table()
        self._world = world
        self._users = users
        self._next = 1
        self._worthless: set[str] = set()
        world.on_expired_tokens(self.expire)

    def rows(self) -> list[JsonObject]:
        """Every token, values included."""
        return list(self.table)

    def insert(self, body: JsonObject) -> JsonObject:
        """A token for `ownerId`; `expires` is in milliseconds since 1970, a year from now by default."""
        owner = self._users.table.get(str(body.get("ownerId")))
        if owner is None:
            # An unknown owner gets 400 (observed).
            raise ValueError(f"there is no user `{body.get('ownerId')}`")
        now = self._world.clock.now()
        value = body.get("token") or self._world.ids.hexadecimal(48)
        row: JsonObject = {
            "name": "token",
            "expires": _milliseconds((now + _LIFE).timestamp()),
            **body,
            "id": str(body.get("id", self._next)),
            "ownerId": owner["id"],
            "token": value,
            "made": self._world.clock.timestamp(),
        }
        self._next += 1
        self._world.mask.register(value)
        return self.table.put(row)

    def remove(self, id: str) -> JsonObject | None:
        """A token is revoked."""
        return self.table.pop(str(id))

    def edit(self, id: str, changes: JsonObject) -> JsonObject | None:
        """Another name or end."""
        row = self.table.get(str(id))
        return None if row is None else self.table.put({**row, **changes, "id": row["id"]})

    def expire(self) -> None:
        """Make every token made so far worthless."""
        self._worthless.update(row["id"] for row in self.table)

    def forget(self) -> None:
        """No token is left."""
        self.table.clear()
        self._worthless.clear()
        self._next = 1

    def user_of(self, value: str | None) -> JsonObject:
        """Whose a request is. A token that is missing, unknown or over gets 401 (documented)."""
        row = next((row for row in self.table if value and row["token"] == value), None)
        if row is None or row["id"] in self._worthless or self._is_over(row):
            raise Refused(401)
        user = self._users.table.get(row["ownerId"])
        if user is None:
            raise Refused(401)
        return user

    def view(self, row: JsonObject, *, whole: bool = False) -> JsonObject:
        """A token as the API lists it, without its value; `whole` is the answer that makes it (observed)."""
        owner = self._users.table.get(row["ownerId"]) or {}
        shown: JsonObject = {
            "id": int(row["id"]) if row["id"].isdecimal() else row["id"],
            "name": row["name"],
            "ownerId": int(row["ownerId"]),
            "ownerName": owner.get("displayName"),
            "ownerEmail": owner.get("emailAddress"),
            "expires": self._expires(row),
        }
        return {**shown, "token": row["token"]} if whole else shown

    def _expires(self, row: JsonObject) -> int:
        position = self._world.switches["token_ttl"]
        if position != "none":
            return _milliseconds(row["made"] + int(position))
        return int(row["expires"])

    def _is_over(self, row: JsonObject) -> bool:
        return self._expires(row) <= _milliseconds(self._world.clock.timestamp())


def may(user: JsonObject, authority: str) -> bool:
    """Whether a user has an authority; administrators have all."""
    return user.get("role") == "Admin" or authority in user.get("authorities", ())


def shown_user(user: JsonObject) -> JsonObject:
    """A user as `users/me` shows it; `id` is the only field a client may rely on (observed)."""
    return {
        "id": int(user["id"]),
        "displayName": user["displayName"],
        "emailAddress": user["emailAddress"],
        "role": user["role"],
        "active": True,
    }


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
