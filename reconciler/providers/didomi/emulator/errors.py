"""
Didomi's errors: `code`, `name`, `message`, `errors` (API introduction, "Errors").

Of the names only `BadRequest` and `NotFound` are documented.
"""

from reconciler.emulator import Answer, JsonObject

_NAMES = {
    400: "BadRequest",
    401: "NotAuthenticated",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    413: "PayloadTooLarge",
    422: "Unprocessable",
    429: "TooManyRequests",
    500: "GeneralError",
    502: "BadGateway",
    503: "Unavailable",
    504: "Timeout",
}
_MESSAGES = {
    401: "Missing, malformed or expired token",
    404: "Page not found",
    405: "Method not allowed",
    429: "Too many requests",
}


class Refused(Exception):
    """The vendor refuses a request."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}


def error(
    status: int, message: str | None = None, *, shape: str = "object", headers: dict[str, str] | None = None
) -> Answer:
    """An error as Didomi writes it; `shape` is the position of the switch `errors_shape`."""
    body: JsonObject = {
        "code": status,
        "name": _NAMES.get(status, "GeneralError"),
        "message": message or _MESSAGES.get(status, "Something went wrong"),
    }
    if shape == "object":
        body["errors"] = {}
    elif shape == "array":
        body["errors"] = []
    return Answer(status=status, body=body, headers=headers or {})
