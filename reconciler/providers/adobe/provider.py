"""Adobe Experience Platform as the rest of the product sees it."""

from __future__ import annotations

from reconciler.providers.adobe.base_connection import BASE_CONNECTION
from reconciler.providers.adobe.client import SAFE, TOKEN
from reconciler.providers.adobe.dataflow import DATAFLOW
from reconciler.providers.adobe.dataset_export import DATASET_EXPORT
from reconciler.providers.adobe.session import AdobeSession
from reconciler.providers.adobe.settings import Settings
from reconciler.providers.adobe.source_connection import SOURCE_CONNECTION
from reconciler.providers.adobe.target_connection import TARGET_CONNECTION
from reconciler.sdk import Connection, Provider, Session


class Adobe(Provider):
    """Exports of datasets."""

    name = "adobe"
    title = "Adobe Experience Platform"
    settings = Settings
    kinds = (BASE_CONNECTION, SOURCE_CONNECTION, TARGET_CONNECTION, DATAFLOW, DATASET_EXPORT)
    safe = SAFE
    safe_elsewhere = (TOKEN,)
    # No limit is published; an answer of 500 may mean too many calls at once (Platform troubleshooting; documented).
    at_once = 5
    # Error bodies carry `request-id` (§10.1 of the reference); the header of that name is the usual one of the
    # platform's gateway, and no page says so (inferred). A reply without it is remembered without a name.
    request_ids = ("x-request-id",)

    def connect(self, connection: Connection) -> Session:
        """A session with one sandbox; sends nothing yet."""
        return AdobeSession(connection)
