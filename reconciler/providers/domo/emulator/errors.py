"""
Domo's errors: `status`, `statusReason`, `message`, `toe` (reference 7.1, from the Java SDK and the OAuth documents).

The export endpoint's own page shows `errorCode` and `message` instead; that is contradictory and weaker.
"""

from http import HTTPStatus

from reconciler.emulator import Answer, JsonObject

BLOCKED = (
    b"<!DOCTYPE html><html><head><title>Domo - Blocked</title></head>"
    b"<body><h1>Access from your network is blocked</h1></body></html>"
)
_GATEWAY = b"<html><head><title>%d</title></head><body><h1>%d %s</h1></body></html>"
_MESSAGES = {
    400: "Bad request",
    401: "Access is denied. Your token is invalid or expired",
    403: "You must have READ rights on the dataset, or have dataset administrative authority (dataset.admin)",
    404: "Not Found",
    429: "Too many requests",
    500: "An unexpected error happened",
}


class Refused(Exception):
    """The vendor refuses a request."""

    def __init__(self, status: int, message: str | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(message or reason_of(status))
        self.status = status
        self.message = message
        self.headers = headers or {}


def error(status: int, message: str | None = None, *, shape: str = "platform", toe: str = "") -> Answer:
    """An error as Domo writes it; `shape` is the position of the switch `errors_shape`, `toe` an id for support."""
    text = message or _MESSAGES.get(status, reason_of(status))
    match shape:
        case "hub":
            return Answer(
                status=status, body={"errorCode": reason_of(status).upper().replace(" ", "_"), "message": text}
            )
        case "short":
            return Answer(status=status, body={"status": status, "toe": toe})
        case "html":
            return gateway(status)
        case "empty":
            return Answer(status=status)
        case _:
            body: JsonObject = {"status": status, "statusReason": reason_of(status), "message": text, "toe": toe}
            return Answer(status=status, body=body)


def gateway(status: int) -> Answer:
    """A page of the machine in front of Domo (reference 7.1, gateway level)."""
    page = _GATEWAY % (status, status, reason_of(status).encode())
    return Answer(status=status, raw=page, content_type="text/html; charset=utf-8")


def reason_of(status: int) -> str:
    """The standard words for a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
