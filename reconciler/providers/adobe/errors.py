"""
Adobe's error answers, in the three shapes that they have, as the errors that a handler may raise.

Flow Service: `{type, title, status, report, errorMessage, errorDetails}`, and earlier only the last two or `message`;
the gateway: `{error_code, message}` (Flow Service errors, Platform troubleshooting; documented).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from reconciler.sdk import Conflict, CredentialsRefused, Gone, PermissionRefused, Refused, Reply, VendorError

_FLOW_CODE = re.compile(r"FLOW-(\d+)-\d+")

# The gateway's codes for a token, a key or an organization that it does not accept (Platform troubleshooting;
# documented). A number in some examples, text in others.
_CREDENTIALS: Mapping[str, str] = {
    "401013": "the token is not accepted",
    "403000": "the API key is missing",
    "403003": "`credentials.clientId` is not known as an API key",
    "403010": "the token is missing",
    "403025": "this credential is not of the organization that `organization` names",
    "403027": "`organization` is wrong, or the credential's project has no Experience Platform product profile",
    "400003": "`organization` is missing",
}
# Sandbox not found (Flow Service errors; documented).
_NO_SANDBOX = frozenset({"2100", "2101", "2103"})

# The object, or a connection that it belongs to, is in a transient state (Flow Service errors; documented).
_IN_TRANSIT = frozenset({"1416", "1417", "1420", "1421", "1456", "1457", "1458"})

# The action cannot be applied on the current state (Flow Service errors; documented). That a flow which is enabled
# already gets it when it is enabled is inferred.
_NOT_APPLICABLE = "1422"

# The object is still used by flows (Flow Service errors; documented).
_IN_USE = frozenset({"1418", "1447"})


class InTransit(Refused):
    """Something is under way with the object; the call may be made again when that has ended."""


class NotApplicable(Refused):
    """The action makes no sense in the object's present state: perhaps it is so already."""


class InUse(Refused):
    """The object is still used by a dataflow."""


def code_of(reply: Reply) -> str | None:
    """The number that Adobe gives the error: four digits of a `FLOW-…` type, or the gateway's six."""
    body = reply.body
    if not isinstance(body, Mapping):
        return None
    found = _FLOW_CODE.search(str(body.get("type", "")))
    if found is not None:
        return found[1]
    code = body.get("error_code")
    if isinstance(code, int) and not isinstance(code, bool):
        return str(code)
    if not isinstance(code, str) or not code:
        return None
    found = _FLOW_CODE.search(code)
    return found[1] if found is not None else code


def words_of(reply: Reply) -> str:
    """Adobe's own explanation, without a full stop; answers of 400 and above come with hidden texts replaced."""
    body = reply.body
    if not isinstance(body, Mapping):
        return "no reason given"
    report = body.get("report")
    detailed = report.get("detailed-message") if isinstance(report, Mapping) else None
    candidates = (
        detailed,
        *(body.get(key) for key in ("detail", "errorMessage", "message", "error_description", "title", "error")),
    )
    text = next((each.strip() for each in candidates if isinstance(each, str) and each.strip()), "no reason given")
    text = text.rstrip(".")
    return text if len(text) <= 500 else f"{text[:500]}…"


def is_about_access(reply: Reply) -> bool:
    """Whether the answer means that nothing at all can be asked with these settings."""
    return _is_about_credentials(reply) or _is_about_sandbox(reply)


def _is_about_credentials(reply: Reply) -> bool:
    return reply.status == 401 or (reply.status in (400, 403) and code_of(reply) in _CREDENTIALS)


def _is_about_sandbox(reply: Reply) -> bool:
    return reply.status == 404 and code_of(reply) in _NO_SANDBOX


def refusal(reply: Reply, request: str, *, needs: str) -> VendorError:
    """
    The error that an answer of 300 and above to `request` means.

    `needs` names the permissions that the request takes.
    """
    if 300 <= reply.status < 400:
        message = f"Adobe answers `{request}` with a redirect, which is not followed; is `baseUrl` right?"
        return Refused(message, status=reply.status, request=request)
    code = code_of(reply)
    number = f"{reply.status}, {code}" if code else f"{reply.status}"
    sentence = f"Adobe refuses `{request}` ({number}): {words_of(reply)}"
    if _is_about_credentials(reply):
        why = _CREDENTIALS.get(code or "") or f"{words_of(reply)}; check `organization` and `credentials`"
        message = f"Adobe does not accept the credentials ({number}): {why}"
        return CredentialsRefused(message, status=reply.status, request=request)
    if _is_about_sandbox(reply):
        message = f"{sentence}; check `sandbox`, and that the credential's product profile includes it"
        return PermissionRefused(message, status=reply.status, request=request)
    kind: type[VendorError]
    if reply.status == 403:
        sentence = f"{sentence}; it takes the permissions {needs}"
        kind = PermissionRefused
    elif code in _IN_TRANSIT and reply.status != 404:
        kind = InTransit
    elif code == _NOT_APPLICABLE:
        kind = NotApplicable
    elif code in _IN_USE:
        kind = InUse
    else:
        # Only the status counts for the rest: codes of validation errors are not documented.
        kind = {404: Gone, 412: Conflict}.get(reply.status, Refused)
    return kind(sentence, status=reply.status, request=request)
