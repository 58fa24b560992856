"""A request that was let in, and what may stand in its body."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.emulator import JsonObject, NotJson, Request
from reconciler.providers.adobe.emulator.errors import bad, malformed

# The service account that settles what a request began (samples, §5.4 and §6.2).
SERVICE_CLIENT = "acp_foundation_connectors"
SERVICE_USER = "acp_foundation_connectors@AdobeID"
# What made or edited an object in the UI is `exc_app` (§3).
UI_CLIENT = "exc_app"
UI_USER = "operator@example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Whose request it is, in which sandbox, and the parts of its path."""

    request: Request
    organization: str
    sandbox: str
    client: str
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def user(self) -> str:
        """The technical account behind the credential."""
        return f"{self.client}@techacct.example"

    def json(self) -> Any:  # noqa: ANN401 - the border: strangers' data
        """The body, which must be JSON that can be sent back. An empty one is FLOW-1405-400 (§10.4)."""
        if not self.request.body:
            raise bad("the body is empty", 1405)
        try:
            body = self.request.json()
        except NotJson:
            raise malformed("the body is not valid JSON") from None
        if not _sendable(body):
            raise malformed("the body holds a number or text that JSON cannot carry")
        return body

    def document(self) -> JsonObject:
        """The body, which must be a JSON object."""
        body = self.json()
        if not isinstance(body, dict):
            raise malformed("the body must be a JSON object")
        return body


def _sendable(value: object) -> bool:
    """No NaN, no infinity, no half of a surrogate pair: Python reads them, no answer could carry them."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, dict):
        return all(_sendable(name) and _sendable(inner) for name, inner in value.items())
    if isinstance(value, list):
        return all(_sendable(inner) for inner in value)
    return True
