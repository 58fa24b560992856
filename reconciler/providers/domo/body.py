"""What one order sends to Domo, and what is remembered of the orders before it."""

from __future__ import annotations

from reconciler.providers.domo.aws import Cloud, Role, writer_policy
from reconciler.providers.domo.client import Client
from reconciler.providers.domo.exports import Phase, phase_of
from reconciler.providers.domo.manifest import normalised
from reconciler.providers.domo.query import mapping, request
from reconciler.providers.domo.settings import Settings
from reconciler.sdk import Order
from reconciler.values import Document, Record, Secret, Value

_REMEMBERED = 20
"""How many earlier exports of a manifest are known again when Domo gives one back."""


class Bodies:
    """Bodies of requests for an export."""

    def __init__(self, client: Client, cloud: Cloud, settings: Settings) -> None:
        self._client = client
        self._cloud = cloud
        self._settings = settings

    def of(self, order: Order) -> dict[str, object]:
        """The documented body; credentials are read or made for this one request."""
        wanted = normalised(order.attributes)
        destination = mapping(wanted.get("destination"))
        body: dict[str, object] = {
            **self._credentials(order),
            "bucket": destination["bucket"],
            "path": destination["path"],
            "region": destination["region"],
            "queryRequest": request(wanted, in_list=self._settings.in_list),
        }
        # Both named by Domo's internal OpenAPI file alone (documented there).
        if destination.get("kmsKey") is not None:
            body["awsKmsKey"] = destination["kmsKey"]
        if wanted.get("source") is not None:
            body["source"] = wanted["source"]
        return body

    def _credentials(self, order: Order) -> dict[str, object]:
        written = mapping(order.attributes.get("credentials"))
        role, static = written.get("assumeRole"), mapping(written.get("static"))
        if role is None:
            access, key, token = (
                self._value(order, static.get(each)) for each in ("accessKeyId", "secretAccessKey", "sessionToken")
            )
        else:
            asked = _role(mapping(role), mapping(normalised(order.attributes).get("destination")))
            found = self._cloud.assume(asked)
            access, key, token = found.access_key_id, found.secret_access_key, found.session_token
        sent: dict[str, object] = {"awsAccessKey": access, "awsAccessSecret": key}
        # Temporary credentials need the token too (documented); under which name is contradictory.
        return sent if token is None else {**sent, self._settings.session_token_field: token}

    def _value(self, order: Order, reference: Value) -> str | None:
        if not isinstance(reference, Secret):
            return None
        value = order.reveal(reference)
        self._client.hide(value)
        return value


def attempts(order: Order) -> int:
    """How many exports in a row have been tried, this one included, while the last one failed."""
    record, observed = order.record, order.observed
    known = record.memo.get("attempts") if record is not None else None
    phase = phase_of(observed.outputs.get("status")) if observed is not None else None
    return (known if isinstance(known, int) else 1) + 1 if phase is Phase.FAILED else 1


def earlier(record: Record | None) -> tuple[Value, ...]:
    """What our own last exports of this manifest claimed, the newest last."""
    if record is None:
        return ()
    known = record.memo.get("earlier")
    others = [each for each in known if mapping(each).get("id") != record.id] if isinstance(known, tuple) else []
    if isinstance(record.memo.get("claim"), str):
        others.append({"id": record.id, "claim": record.memo["claim"]})
    return tuple(others[-_REMEMBERED:])


def _role(written: Document, destination: Document) -> Role:
    arn = str(written["roleArn"])
    policy = None
    if written.get("scoped", True) is True:
        key = destination.get("kmsKey")
        policy = writer_policy(
            arn, str(destination["bucket"]), str(destination["path"]), str(key) if key is not None else None
        )
    external = written.get("externalId")
    length = written.get("durationSeconds", 3600)
    assert isinstance(length, int)
    return Role(
        arn=arn,
        session_name=str(written.get("sessionName", "reconciler")),
        seconds=length,
        external_id=str(external) if external is not None else None,
        policy=policy,
    )
