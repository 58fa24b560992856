"""
What an event or a user must look like to be taken (Consents API: Events schema, Users schema).

Only types are checked: the lists of required properties in the published OpenAPI document do not fit Didomi's own
examples. That `enabled` may be null is documented there.
"""

from collections.abc import Iterator

from reconciler.emulator import JsonObject
from reconciler.providers.didomi.emulator.errors import Refused

USER_FIELDS = ("organization_user_id", "organization_user_id_type", "country", "last_seen_country", "metadata")


def check_user(user: JsonObject, within: str) -> None:
    """The user of an event, or a user."""
    for name in ("id", *USER_FIELDS):
        kind = dict if name == "metadata" else str
        if user.get(name) is not None and not isinstance(user[name], kind):
            raise Refused(400, f"{within}{name} must be {'an object' if kind is dict else 'a string'}")


def check_ids(ids: object, place: str) -> None:
    """Nothing, or an array of strings."""
    if ids is None:
        return
    if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids):
        raise Refused(400, f"{place} must be an array of strings")


def check_vendors(vendors: object) -> None:
    """Nothing, or lists of ids by basis."""
    if not isinstance(vendors, dict | None):
        raise Refused(400, "consents.vendors must be an object")
    for name, ids in (vendors or {}).items():
        check_ids(ids, f"consents.vendors.{name}")


def check_choices(holder: JsonObject, within: str, names: tuple[str, ...]) -> None:
    """Purposes, preferences and channels: arrays of objects with an id; `enabled` may be null (OpenAPI)."""
    for name in names:
        items = holder.get(name)
        if not isinstance(items, list | None):
            raise Refused(400, f"{within}{name} must be an array")
        for item in items or []:
            if not isinstance(item, dict) or not isinstance(item.get("id"), str):
                raise Refused(400, f"{within}{name} must be objects with an id")
            if not isinstance(item.get("enabled"), bool | None):
                raise Refused(400, f"{within}{name}.enabled must be a boolean or null")
            _check_values(item.get("values"), f"{within}{name}.values")
            check_choices(item, f"{within}{name}.", ("preferences", "channels"))


def _check_values(values: object, place: str) -> None:
    if not isinstance(values, dict | None):
        raise Refused(400, f"{place} must be an object")
    for choice in (values or {}).values():
        if not isinstance(choice, dict) or not isinstance(choice.get("value"), str | None):
            raise Refused(400, f"{place} must hold objects with a value")


def ids_named(consents: JsonObject) -> Iterator[str]:
    """Every purpose, preference and value that consents name."""
    for purpose in consents.get("purposes") or []:
        yield purpose["id"]
        for preference in purpose.get("preferences") or []:
            yield preference["id"]
        for preference, choice in (purpose.get("values") or {}).items():
            yield preference
            yield from (value for value in (choice.get("value") or "").split(",") if value)
