"""Lists the way Didomi makes them (API introduction, "Pagination" and "Filters")."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler.emulator import Answer, JsonObject, Request, Switches
from reconciler.providers.didomi.emulator.errors import Refused

# "Usually" under 100, and an official answer shows `limit: 100` (Pagination).
_MOST = 100
_SORT = re.compile(r"\$sort\[(.+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a list request asks for."""

    limit: int
    skip: int
    sort: tuple[tuple[str, int], ...]
    filters: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def of(cls, request: Request, switches: Switches) -> "Listing":
        """Read `$limit`, `$skip`, `$sort[field]=1|-1`, `field=value` and `field[$in]=value`."""
        limit = whole_number(request, "$limit", switches.number("default_limit"))
        if limit > _MOST and switches["over_limit"] == "400":
            raise Refused(400, f"$limit must not be over {_MOST}")
        sort: list[tuple[str, int]] = []
        filters: list[tuple[str, tuple[str, ...]]] = []
        for name, values in request.parameters.items():
            if found := _SORT.fullmatch(name):
                if values[0] not in ("1", "-1"):
                    raise Refused(400, f"{name} must be 1 or -1")
                sort.append((found[1], int(values[0])))
            elif not name.startswith("$"):
                filters.append((name.removesuffix("[$in]"), tuple(values)))
        return cls(
            limit=min(limit, _MOST),
            skip=whole_number(request, "$skip", 0),
            sort=tuple(sort),
            filters=tuple(filters),
        )


def page(
    listing: Listing,
    rows: Sequence[JsonObject],
    view: Callable[[JsonObject], JsonObject],
    *,
    bare: bool,
    headers: dict[str, str] | None = None,
) -> Answer:
    """One page of `rows`; only what is on it is made ready to be sent."""
    data = [view(row) for row in rows[listing.skip : listing.skip + listing.limit]]
    if bare:
        return Answer(body=data, headers=headers or {})
    envelope = {"total": len(rows), "limit": listing.limit, "skip": listing.skip, "data": data}
    return Answer(body=envelope, headers=headers or {})


def whole_number(request: Request, name: str, default: int) -> int:
    """A parameter that must be a whole number."""
    value = request.parameter(name)
    if value is None:
        return default
    if not re.fullmatch(r"\d{1,9}", value):
        raise Refused(400, f"{name} must be a whole number")
    return int(value)
