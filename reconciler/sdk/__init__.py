"""
What a vendor supplies: its kinds as data, handlers that speak its API, and the errors they may raise.

Nothing here knows a particular vendor, a file or a socket; engine and sdk meet only in `Traits`.
"""

from reconciler.sdk.catalog import Catalog
from reconciler.sdk.errors import (
    BlockedByVendor,
    Conflict,
    CredentialsRefused,
    Gone,
    NotDeclaredSafe,
    PermissionRefused,
    Refused,
    StillRunning,
    Uncertain,
    Unreachable,
    Unreadable,
    VendorError,
)
from reconciler.sdk.fields import (
    BaseUrl,
    Immutable,
    Keyed,
    NameOrId,
    RefersTo,
    SecretReference,
    Sensitive,
    ServerDefault,
    Spec,
    Unordered,
    WriteOnly,
)
from reconciler.sdk.handlers import (
    Assessment,
    Check,
    Connection,
    Handler,
    Order,
    Provider,
    Run,
    Session,
    VendorSettings,
)
from reconciler.sdk.http import Http, Pace, Reply, SafeRequest
from reconciler.sdk.kinds import Kind
from reconciler.sdk.ownership import owned, split_mark, write_mark

__all__ = [
    "Assessment",
    "BaseUrl",
    "BlockedByVendor",
    "Catalog",
    "Check",
    "Conflict",
    "Connection",
    "CredentialsRefused",
    "Gone",
    "Handler",
    "Http",
    "Immutable",
    "Keyed",
    "Kind",
    "NameOrId",
    "NotDeclaredSafe",
    "Order",
    "Pace",
    "PermissionRefused",
    "Provider",
    "RefersTo",
    "Refused",
    "Reply",
    "Run",
    "SafeRequest",
    "SecretReference",
    "Sensitive",
    "ServerDefault",
    "Session",
    "Spec",
    "StillRunning",
    "Uncertain",
    "Unordered",
    "Unreachable",
    "Unreadable",
    "VendorError",
    "VendorSettings",
    "WriteOnly",
    "owned",
    "split_mark",
    "write_mark",
]
