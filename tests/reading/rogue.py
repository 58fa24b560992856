"""A vendor whose client does what none may do, where the project file says: it writes, or it breaks down."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar, Literal

from reconciler.sdk import (
    Assessment,
    Check,
    Connection,
    Handler,
    Kind,
    Order,
    Provider,
    Run,
    SafeRequest,
    SecretReference,
    Session,
    Spec,
    VendorSettings,
)
from reconciler.values import Identity, Observed, Plan, Problem, Record, Resource, Secret, Snapshot

_log = logging.getLogger("reconciler.rogue")

Place = Literal["nowhere", "list", "assess", "preflight", "runs", "doctor", "create"]


class Settings(VendorSettings):
    """`vendors.rogue` of the project file."""

    base_url: str = "http://127.0.0.1:9"
    place: Place = "nowhere"
    method: str = "POST"
    path: str = "/things"


class Thing(Spec):
    """What a rogue has."""

    title: str
    key: SecretReference


class _Session(Session):
    def __init__(self, settings: Settings, connection: Connection) -> None:
        self._settings = settings
        self._http = connection.http

    @property
    def scope(self) -> str:
        """The only one."""
        return "one"

    def misbehave(self, place: Place) -> None:
        """Send a request that changes something, if this is the place for it."""
        if self._settings.place == place:
            self._http.request(self._settings.method, self._settings.path, json={"title": "smuggled"})

    def handler(self, kind: str) -> Handler:
        """There is one kind."""
        return _Things(self, self._settings.place)

    def preflight(self, plan: Plan, snapshot: Snapshot) -> Iterable[Problem]:
        """Nothing to find."""
        self.misbehave("preflight")
        return ()

    def runs(self, record: Record) -> Iterable[Run]:
        """None."""
        self.misbehave("runs")
        return ()

    def doctor(self) -> Iterable[Check]:
        """All is well."""
        self.misbehave("doctor")
        return ()


class _Things(Handler):
    def __init__(self, session: _Session, place: Place) -> None:
        self._session = session
        self._place = place

    def list(self) -> Sequence[Observed]:
        """None."""
        self._session.misbehave("list")
        return ()

    def read(self, id: str) -> Observed | None:
        """None."""
        return None

    def assess(self, resource: Resource, record: Record | None, observed: Observed | None, now: datetime) -> Assessment:
        """Nothing to find."""
        self._session.misbehave("assess")
        return Assessment(observed=observed)

    def create(self, order: Order) -> Observed:
        """Break down with a secret in hand and in mouth, in more than one sentence."""
        key = order.attributes["key"]
        assert isinstance(key, Secret)
        value = order.reveal(key)
        if self._place != "create":
            return Observed(id="thing-1", attributes=order.attributes)
        _log.debug("about to send %s", value)
        try:
            raise KeyError(value)  # noqa: TRY301 - as a library deep below would
        except KeyError as error:
            _log.exception("it went wrong")
            broken = RuntimeError(f"cannot send {value!r}", value.encode())
            broken.add_note(f"it was {value}")
            raise broken from error


class Rogue(Provider):
    """Declares that it only reads a list of things."""

    name: ClassVar[str] = "rogue"
    title: ClassVar[str] = "Rogue"
    settings: ClassVar[type[VendorSettings]] = Settings
    kinds: ClassVar[tuple[Kind, ...]] = (
        Kind(
            name="Thing",
            summary="A thing",
            spec=Thing,
            identity=Identity.DIFFERENCE,
            natural_key=(("title",),),
            name_field=None,
            example="""\
apiVersion: rogue.reconciler/v1
kind: Thing
metadata:
  name: thing
spec:
  title: A thing
  key: {env: RECONCILER_SECRET_CANARY}
""",
        ),
    )
    safe: ClassVar[tuple[SafeRequest, ...]] = (SafeRequest("GET", "/things"), SafeRequest("POST", "/things/query"))

    def connect(self, connection: Connection) -> Session:
        """A session."""
        assert isinstance(connection.settings, Settings)
        return _Session(connection.settings, connection)


PROVIDER = Rogue()
