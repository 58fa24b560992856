"""What a vendor did not do, as the failure of a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.operations.failures import Denied, Failure
from reconciler.sdk import CredentialsRefused, PermissionRefused, Unreachable, VendorError


def failure_of(error: VendorError) -> Failure:
    """`Denied` when the vendor does not accept who asks; a vendor that cannot be reached comes with what to do."""
    if isinstance(error, CredentialsRefused | PermissionRefused):
        return Denied(error.message, help="`reconciler doctor` says which credentials and permissions are well")
    if isinstance(error, Unreachable):
        return Failure(
            error.message,
            help="check the network and the vendor's URLs in the project file, then run again; nothing was changed",
        )
    return Failure(error.message)


@contextmanager
def asking() -> Iterator[None]:
    """Within this block, which only reads, what a vendor refuses or cannot say ends the command."""
    try:
        yield
    except VendorError as error:
        raise failure_of(error) from None
