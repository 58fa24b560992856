"""What may go wrong at a vendor, named by what the reconciler must do about it."""

from __future__ import annotations


class VendorError(Exception):
    """
    The vendor did not do what was asked.

    `message` is a sentence for people in which no secret occurs; `status` is the HTTP status when there was one;
    `request` is `METHOD /path`.
    """

    def __init__(self, message: str, *, status: int | None = None, request: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.request = request


class Refused(VendorError):
    """The vendor said no; nothing happened and asking again will not help."""


class Conflict(Refused):
    """The object moved between reading and writing."""


class Gone(Refused):
    """The object that the call names does not exist any more."""


class PermissionRefused(Refused):
    """The credentials are good but may not do this, or the product is not enabled."""


class CredentialsRefused(VendorError):
    """The vendor does not accept the credentials."""


class Uncertain(VendorError):
    """The call may or may not have taken effect: no answer, or a failure after it was sent."""


class Unreachable(VendorError):
    """The call was never sent, or a reading got no usable answer within the deadline; nothing changed."""


class Unreadable(VendorError):
    """A reading was answered with something that must not be believed: no such route, not JSON, an incomplete list."""


class BlockedByVendor(VendorError):
    """The vendor will not do it until something outside changes; the message says what."""


class StillRunning(VendorError):
    """Something is under way at the vendor that must end first."""


class NotDeclaredSafe(Exception):
    """
    A command that only reads was about to send a request that its provider does not declare safe.

    A mistake of the program, found before anything was sent.
    """

    def __init__(self, method: str, path: str) -> None:
        super().__init__(f"`{method} {path}` is not declared safe and this command may only read; it was not sent")
        self.method = method
        self.path = path
