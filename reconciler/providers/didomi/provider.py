"""Didomi as the rest of the product sees it."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.providers.didomi.client import SAFE, pace
from reconciler.providers.didomi.destination import DESTINATION
from reconciler.providers.didomi.export_config import EXPORT_CONFIG
from reconciler.providers.didomi.imports.manifest import EVENT_IMPORT
from reconciler.providers.didomi.integration import INTEGRATION
from reconciler.providers.didomi.session import DidomiSession
from reconciler.providers.didomi.settings import Settings
from reconciler.sdk import Connection, Pace, Provider, Session


class Didomi(Provider):
    """Batch exports of consents, and batch imports of events."""

    name = "didomi"
    title = "Didomi"
    settings = Settings
    kinds = (DESTINATION, EXPORT_CONFIG, INTEGRATION, EVENT_IMPORT)
    safe = SAFE

    def connect(self, connection: Connection) -> Session:
        """A session with one organization; sends nothing yet."""
        return DidomiSession(connection)

    def pace(self, headers: Mapping[str, str]) -> Pace | None:
        """100 requests in 15 seconds for an organization and all its keys, as the answers themselves say."""
        return pace(headers)
