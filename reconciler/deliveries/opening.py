"""From a place to the source behind it."""

from __future__ import annotations

from typing import TypeVar, assert_never

from reconciler.deliveries.access import Access, AzureAccess, GcsAccess, Place, S3Access, SftpAccess
from reconciler.deliveries.locations import AzureLocation, GcsLocation, LocalFolder, Location, S3Location, SftpLocation
from reconciler.deliveries.source import NotAllowed, Source

_A = TypeVar("_A", bound=Access | None)


def open_source(location: Location, access: Access | None = None) -> Source:
    """
    The source at a location. Touches nothing yet and loads no cloud's library: the first call does.

    Without `access` the cloud's library finds credentials where it documents to look. Raises `NotAllowed` for SFTP
    without a user, and `TypeError` for the access to another kind of place.
    """
    match location:
        case LocalFolder():
            from reconciler.deliveries.local import LocalSource  # noqa: PLC0415 - one file per place, loaded by its users

            _checked(access, type(None))
            return LocalSource(location)
        case S3Location():
            from reconciler.deliveries.s3 import S3Source  # noqa: PLC0415 - as above

            return S3Source(location, _checked(access, S3Access) or S3Access())
        case GcsLocation():
            from reconciler.deliveries.gcs import GcsSource  # noqa: PLC0415 - as above

            return GcsSource(location, _checked(access, GcsAccess) or GcsAccess())
        case AzureLocation():
            from reconciler.deliveries.azure import AzureSource  # noqa: PLC0415 - as above

            return AzureSource(location, _checked(access, AzureAccess) or AzureAccess())
        case SftpLocation():
            from reconciler.deliveries.sftp import SftpSource  # noqa: PLC0415 - as above

            known = _checked(access, SftpAccess)
            if known is None:
                raise NotAllowed(str(location), "nobody is named who signs in", "give a user and a password or a key")
            return SftpSource(location, known)
        case _:
            assert_never(location)


def open_place(place: Place) -> Source:
    """The same for a location with its access, as other processes get them."""
    return open_source(place.location, place.access)


def _checked(access: Access | None, kind: type[_A]) -> _A | None:
    if access is None or isinstance(access, kind):
        return access
    raise TypeError(f"`{type(access).__name__}` is no access to this kind of place")
