"""One request of a known user."""

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.emulator import JsonObject, Request
from reconciler.providers.domo.emulator.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request, who asks, and what the braces of its route stood for."""

    request: Request
    user: JsonObject
    values: Mapping[str, str]

    def whole_number(self, name: str, otherwise: int) -> int:
        """A query parameter that is a whole number, at least 0."""
        text = self.request.parameter(name)
        if text is None or text == "":
            return otherwise
        if not (text.isascii() and text.isdecimal()) or len(text) > 9:
            raise Refused(400, f"{name} must be a whole number")
        return int(text)
