"""Harbor as the product sees it."""

from __future__ import annotations

from typing import ClassVar

from reconciler.sdk import Connection, Handler, Kind, Provider, SafeRequest, Session, VendorSettings
from vendors.harbor.client import SAFE, Client
from vendors.harbor.kinds import KINDS, Accounts, Cargoes, Routes
from vendors.harbor.settings import Settings

_HANDLERS: dict[str, type[Accounts | Cargoes | Routes]] = {"Account": Accounts, "Cargo": Cargoes, "Route": Routes}


class _Session(Session):
    def __init__(self, settings: Settings, connection: Connection) -> None:
        self._pier = settings.pier
        self._client = Client(settings, connection)

    @property
    def scope(self) -> str:
        """The pier."""
        return f"pier {self._pier}"

    def handler(self, kind: str) -> Handler:
        """Handlers hold nothing but the client."""
        return _HANDLERS[kind](self._client)


class Harbor(Provider):
    """A vendor whose writes take effect later."""

    name: ClassVar[str] = "harbor"
    title: ClassVar[str] = "Harbor"
    settings: ClassVar[type[VendorSettings]] = Settings
    kinds: ClassVar[tuple[Kind, ...]] = KINDS
    safe: ClassVar[tuple[SafeRequest, ...]] = SAFE
    request_ids: ClassVar[tuple[str, ...]] = ("x-harbor-request",)

    def connect(self, connection: Connection) -> Session:
        """A session; sends nothing yet."""
        assert isinstance(connection.settings, Settings)
        return _Session(connection.settings, connection)


PROVIDER = Harbor()
