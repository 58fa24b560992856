"""
Errors of the service and of the gateway in front of it (§10).

`Refused` carries the number of a FLOW code; `GateRefused` one of the gateway's six digits.
"""

from collections.abc import Mapping

from reconciler.emulator import Answer, JsonObject, Switches

_TITLES = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Resource not found",
    405: "Method not allowed",
    409: "Conflict",
    412: "Precondition failed",
    422: "Unprocessable entity",
    500: "Internal server error",
    503: "Service unavailable",
    504: "Gateway timeout",
}
# The catalogue's code for a status that a scripted fault asks for (§10.4).
_CODES = {400: 1100, 401: 2001, 403: 2118, 404: 1439, 412: 1404, 500: 1400, 503: 1103, 504: 1104}


class Refused(Exception):
    """The service refuses a request; `code` is the number in FLOW-<code>-<status>."""

    def __init__(
        self, status: int, code: int, message: str, *, entity: tuple[str, str] | None = None, problem: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.entity = entity
        self.problem = problem


class GateRefused(Exception):
    """The gateway refuses a request; `code` is what `error_code` says."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def bad(message: str, code: int = 1100) -> Refused:
    """A 400; without a documented code it is FLOW-1100-400 (§10.4, an assumption)."""
    return Refused(400, code, message)


def not_found(collection: str, id: str) -> Refused:
    """No such object. The catalogue gives 1439 the suffix 400, the live sample 404 (§10.1)."""
    return Refused(404, 1439, f"{collection} {id} not found", entity=(collection, id))


def malformed(detail: str, status: int = 400) -> Refused:
    """A request that the service cannot even read, in the problem style (§10.3)."""
    return Refused(status, 0, detail, problem=True)


def service_error(refusal: Refused, switches: Switches, request_id: str) -> Answer:
    """A refusal in the envelope that the switch `errors_shape` asks for (§10.1, §10.2)."""
    status, message = refusal.status, refusal.message
    if refusal.problem:
        title = "BadRequestError" if status == 400 else _TITLES.get(status, "Error").title().replace(" ", "") + "Error"
        body: JsonObject = {"type": "/placeholder/type/uri", "status": status, "title": title, "detail": message}
        return Answer(status=status, body=body)
    match switches["errors_shape"]:
        case "older":
            return Answer(status=status, body={"errorMessage": message, "errorDetails": message})
        case "message":
            return Answer(status=status, body={"message": message})
        case _:
            coded = switches["error_codes"] == "coded"
            kind = f"https://ns.adobe.com/aep/errors/FLOW-{refusal.code}-{status}" if coded else "/placeholder/type/uri"
            report: JsonObject = {"detailed-message": message, "request-id": request_id}
            if refusal.entity is not None:
                report["type"], report["id"] = refusal.entity
            body = {
                "type": kind,
                "title": _TITLES.get(status, "Error"),
                "status": status,
                "report": report,
                "errorMessage": message,
                "errorDetails": message,
            }
            return Answer(status=status, body=body)


def gateway_error(refusal: GateRefused, switches: Switches) -> Answer:
    """A refusal of the gateway (§10.3)."""
    code = int(refusal.code) if switches["gateway_code"] == "number" else refusal.code
    return Answer(status=refusal.status, body={"error_code": code, "message": refusal.message}, headers=refusal.headers)


def any_error(status: int, message: str | None, switches: Switches, request_id: str) -> Answer:
    """The error that fits a status alone, for scripted faults."""
    if status == 401:
        return gateway_error(GateRefused(401, "401013", message or "Oauth token is not valid"), switches)
    if status == 429:
        # Documented for another gateway of Adobe's (§10.5).
        return gateway_error(GateRefused(429, "429050", message or "Too many requests"), switches)
    text = message or _TITLES.get(status, "Something went wrong")
    return service_error(Refused(status, _CODES.get(status, 1400), text), switches, request_id)
