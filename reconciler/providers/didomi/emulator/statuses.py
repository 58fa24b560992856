"""How single choices add up to a user's present consents (Events, "approvals" and "schema")."""

from collections.abc import Iterable

from reconciler.emulator import JsonObject

_BASES = (("enabled", "disabled"), ("enabled_li", "disabled_li"))


def nothing() -> JsonObject:
    """The consents of somebody who never chose."""
    vendors: JsonObject = {name: [] for basis in _BASES for name in basis}
    return {"channels": [], "purposes": [], "vendors": vendors, "tcfcs": None}


def merged(status: JsonObject, choice: JsonObject) -> JsonObject:
    """The consents after one more choice: only what the choice names changes (documented)."""
    return {
        "channels": _by_id(status["channels"], choice.get("channels")),
        "purposes": _by_id(status["purposes"], choice.get("purposes")),
        "vendors": _vendors(status["vendors"], choice.get("vendors")),
        "tcfcs": choice.get("tcfcs") or status["tcfcs"],
    }


def total(choices: Iterable[JsonObject]) -> JsonObject:
    """The consents after all choices, oldest first."""
    status = nothing()
    for choice in choices:
        status = merged(status, choice)
    return status


def _by_id(old: list[JsonObject], new: object) -> list[JsonObject]:
    if not isinstance(new, list):
        return old
    found = {item["id"]: item for item in old}
    for item in new:
        before = found.get(item["id"], {})
        after = {**before, **item}
        for name in ("channels", "preferences"):
            if isinstance(item.get(name), list):
                after[name] = _by_id(before.get(name) or [], item[name])
        if isinstance(item.get("values"), dict):
            after["values"] = {**(before.get("values") or {}), **item["values"]}
        found[item["id"]] = after
    return list(found.values())


def _vendors(old: JsonObject, new: object) -> JsonObject:
    if not isinstance(new, dict):
        return old
    result = dict(old)
    for agreed, refused in _BASES:
        yes = [id for id in new.get(agreed) or [] if isinstance(id, str)]
        no = [id for id in new.get(refused) or [] if isinstance(id, str)]
        result[agreed] = sorted((set(old[agreed]) - set(no)) | set(yes))
        result[refused] = sorted((set(old[refused]) - set(yes)) | set(no))
    return result
