"""The kinds of Harbor: an account, an immutable cargo, a route between the two, and a shipment that is all three."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field

from reconciler.sdk import (
    Assessment,
    Conflict,
    Gone,
    Handler,
    Immutable,
    Keyed,
    Kind,
    NameOrId,
    Order,
    RefersTo,
    Refused,
    SecretReference,
    Sensitive,
    ServerDefault,
    Spec,
    Uncertain,
    Unordered,
    split_mark,
    write_mark,
)
from reconciler.values import Address, Observed, Problem, Record, Ref, Resource, Secret, Value
from vendors.harbor.client import Client, Row

Text = Annotated[str, Field(min_length=1)]


class Account(Spec):
    """Who ships."""

    name: Text | None = None
    description: Text | None = None
    endpoint: Annotated[Text, Immutable()]
    access_key: Text
    secret_key: SecretReference


class Cargo(Spec):
    """What is shipped."""

    name: Text | None = None
    description: Text | None = None
    datasets: Annotated[list[Text], Field(min_length=1), Immutable(), Unordered()]


class Schedule(Spec):
    """When."""

    every_hours: Annotated[int, Field(ge=1, le=24)]
    start_hour: Annotated[int, Field(ge=0, le=23)] = 0


class Stop(Spec):
    """A place on the way, known by its name."""

    name: Text
    path: Text
    compressed: bool = False


class Route(Spec):
    """The way of one cargo."""

    name: Text | None = None
    description: Text | None = None
    account: Annotated[NameOrId, RefersTo("Account"), Immutable()]
    cargo: Annotated[NameOrId, RefersTo("Cargo")]
    schedule: Schedule
    stops: Annotated[list[Stop], Keyed("name")] = Field(default_factory=list)
    enabled: Annotated[bool, ServerDefault(value=True)] = True


class Shipment(Spec):
    """An account, a cargo and a route in one short manifest."""

    endpoint: Text
    access_key: Text
    secret_key: SecretReference
    datasets: Annotated[list[Text], Field(min_length=1)]
    schedule: Schedule


class _Things(Handler):
    path: ClassVar[str]
    model: ClassVar[type[BaseModel]]
    wire: ClassVar[Mapping[str, str]] = {}
    """Names of the API that differ from the manifest's, by the manifest's."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self) -> Sequence[Observed]:
        """Every object of the client, those that are on their way out excepted."""
        return [self._observed(row) for row in self._client.rows(self.path) if row.get("state") != "deleting"]

    def read(self, id: str) -> Observed | None:
        """The object, by its id or as listed."""
        row = self._client.row(self.path, id)
        return None if row is None or row.get("state") == "deleting" else self._observed(row)

    def create(self, order: Order) -> Observed:
        """One POST; the object is ready later."""
        body = {key: each for key, each in self._body(order).items() if key != "enabled"}
        reply = self._client.change("POST", self.path, body=body)
        if not isinstance(reply.get("id"), str):
            raise Uncertain(f"`POST {self.path}` was answered without an id")
        return self._after({**body, **reply}, "settling")

    def update(self, order: Order) -> Observed:
        """
        One PATCH with the etag of an object that is still as it was planned for.

        Raises `Conflict` when it is not.
        """
        assert order.id is not None
        row = self._at_rest(order.id)
        if order.observed is not None and self._observed(row).attributes != order.observed.attributes:
            raise Conflict(f"`{order.id}` has changed since it was read")
        keys = {self.wire.get(str(each.path[0]), str(each.path[0])) for each in order.fields} - {"enabled"}
        body = self._body(order)
        if keys:
            patch = {key: body.get(key) for key in (*sorted(keys), "description")}
            path = f"{self.path}/{order.id}"
            row = {**row, **patch, **self._client.change("PATCH", path, body=patch, etag=_etag(row))}
        return self._after(row, "updating" if keys else None)

    def delete(self, id: str) -> None:
        """DELETE, then wait until the object is gone. A 404 counts only when the list does not show it either."""
        row = self._client.at_rest(self.path, id, leaving=True)
        if row is not None and row.get("state") != "deleting":
            try:
                self._client.change("DELETE", f"{self.path}/{id}")
            except Gone:
                if self._client.row(self.path, id) is not None:
                    raise Refused(f"`{id}` cannot be deleted through Harbor's API (404)", status=404) from None
        self._client.gone(self.path, id)

    def _at_rest(self, id: str) -> Row:
        row = self._client.at_rest(self.path, id)
        if row is None:
            raise Gone(f"`{id}` does not exist any more")
        return row

    def _body(self, order: Order) -> dict[str, object]:
        body = {self.wire.get(key, key): _json(each, self._client) for key, each in order.attributes.items()}
        body["name"] = order.attributes.get("name") or order.address.name
        body["description"] = write_mark(str(order.attributes.get("description") or ""), order.owner)
        return body

    def _observed(self, row: Row) -> Observed:
        attributes: dict[str, Value] = {}
        for name, field in self.model.model_fields.items():
            key = field.alias or name
            found = row.get(self.wire.get(key, key))
            if found is not None and not any(isinstance(each, Sensitive) for each in field.metadata):
                attributes[key] = _value(found)
        text, owner = split_mark(str(attributes.pop("description", "")))
        if text:
            attributes["description"] = text
        state = row.get("state", "ready")
        return Observed(
            id=str(row["id"]),
            attributes=attributes,
            revision=str(row.get("etag") or "") or None,
            owner=owner,
            settling=None if state == "ready" else str(state),
        )

    def _after(self, row: Row, state: str | None) -> Observed:
        return self._observed({**row, "state": state or "ready"})


class Accounts(_Things):
    """Their secret key can be set and never read."""

    path = "/accounts"
    model = Account


class Cargoes(_Things):
    """They cannot be changed. Their goods may be written as titles, which begin with a capital letter."""

    path = "/cargoes"
    model = Cargo

    def assess(self, resource: Resource, record: Record | None, observed: Observed | None, now: datetime) -> Assessment:
        """The goods by their codes."""
        goods = resource.attributes["datasets"]
        assert isinstance(goods, tuple)
        titles = [str(each) for each in goods if str(each)[:1].isupper()]
        if not titles:
            return Assessment(observed=observed)
        codes = self._client.codes()
        unknown = [
            Problem(code="unknown-good", message=f"Harbor knows no `{each}`", address=resource.address)
            for each in titles
            if each not in codes
        ]
        known = tuple(codes.get(str(each), each) for each in goods)
        return Assessment(
            observed=observed, attributes={**resource.attributes, "datasets": known}, problems=tuple(unknown)
        )


class Routes(_Things):
    """They are enabled and disabled by actions of their own, and new ones are enabled."""

    path = "/routes"
    model = Route
    wire: ClassVar[Mapping[str, str]] = {"account": "accountId", "cargo": "cargoId"}

    def update(self, order: Order) -> Observed:
        """A PATCH, and an action if the route is to begin or to stop."""
        changed = super().update(order)
        if all(each.path[0] != "enabled" for each in order.fields):
            return changed
        return self._enable(changed.id, enabled=order.attributes.get("enabled") is not False)

    def disable(self, id: str) -> Observed:
        """Stop it."""
        return self._enable(id, enabled=False)

    def _enable(self, id: str, *, enabled: bool) -> Observed:
        row = self._at_rest(id)
        if row.get("enabled") is enabled:
            return self._observed(row)
        reply = self._client.change("POST", f"{self.path}/{id}/{'enable' if enabled else 'disable'}")
        return self._after({**row, **reply, "enabled": enabled}, "updating")

    def _observed(self, row: Row) -> Observed:
        schedule = row.get("schedule")
        if isinstance(schedule, Mapping):
            # Numbers may read back as text.
            row = {**row, "schedule": {key: _number(each) for key, each in schedule.items()}}
        return super()._observed(row)


def _etag(row: Row) -> str:
    return '"' + str(row.get("etag")).strip('"') + '"'


def _number(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _value(json: object) -> Value:
    match json:
        case None | bool() | int() | float() | str():
            return json
        case list():
            return tuple(_value(each) for each in json)
        case Mapping():
            return {str(key): _value(each) for key, each in json.items()}
        case _:
            raise TypeError(f"{type(json).__name__} is not JSON")


def _json(wanted: Value, client: Client) -> object:
    match wanted:
        case Secret():
            return client.reveal(wanted)
        case Mapping():
            return {key: _json(each, client) for key, each in wanted.items()}
        case tuple():
            return [_json(each, client) for each in wanted]
        case _:
            return wanted


def _parts(shipment: Resource) -> Iterable[Resource]:
    def part(kind: str, attributes: Mapping[str, Value]) -> Resource:
        return Resource(
            address=Address(shipment.address.vendor, kind, shipment.address.name),
            attributes={"name": shipment.address.name, **attributes},
            mark=shipment.mark,
            lifecycle=shipment.lifecycle,
            labels=shipment.labels,
            origin=shipment.address,
        )

    wanted = shipment.attributes
    account = part("Account", {key: wanted[key] for key in ("endpoint", "accessKey", "secretKey")})
    cargo = part("Cargo", {"datasets": wanted["datasets"]})
    yield account
    yield cargo
    yield part(
        "Route",
        {"account": Ref(account.address), "cargo": Ref(cargo.address), "schedule": wanted["schedule"]},
    )


_ACCOUNT_EXAMPLE = """\
apiVersion: harbor.reconciler/v1
kind: Account
metadata:
  name: north
spec:
  endpoint: quay.example.com
  accessKey: NORTH
  secretKey: {env: RECONCILER_SECRET_HARBOR}
"""

KINDS = (
    Kind(
        name="Account",
        summary="Who ships",
        spec=Account,
        natural_key=(("name",),),
        example=_ACCOUNT_EXAMPLE,
    ),
    Kind(
        name="Cargo",
        summary="What is shipped; cannot be changed",
        spec=Cargo,
        natural_key=(("name",),),
        updates=False,
        example="""\
apiVersion: harbor.reconciler/v1
kind: Cargo
metadata:
  name: grain
spec:
  datasets: [wheat, rye]
""",
    ),
    Kind(
        name="Route",
        summary="The way of one cargo",
        spec=Route,
        natural_key=(("name",),),
        disables=True,
        replacement_cost="the new route ships everything again",
        example="""\
apiVersion: harbor.reconciler/v1
kind: Route
metadata:
  name: northern
spec:
  account: north
  cargo: grain
  schedule: {everyHours: 6}
""",
    ),
    Kind(
        name="Shipment",
        summary="An account, a cargo and a route in one manifest",
        spec=Shipment,
        name_field=None,
        expand=_parts,
        example="""\
apiVersion: harbor.reconciler/v1
kind: Shipment
metadata:
  name: whole
spec:
  endpoint: quay.example.com
  accessKey: WHOLE
  secretKey: {env: RECONCILER_SECRET_HARBOR}
  datasets: [wheat]
  schedule: {everyHours: 6}
""",
    ),
)
