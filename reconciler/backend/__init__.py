"""
State, journal, ledger and lock of one project and environment, kept as numbered objects in a store.

What the entries mean is decided in `engine`; how bytes reach a disk or a bucket is the business of `stores`.
"""

from reconciler.backend.backend import Backend, Loaded, Sealed
from reconciler.backend.errors import BackendError, Damaged, Fenced, LedgerBroken, Locked, LockLost
from reconciler.backend.holder import Holder
from reconciler.backend.journal import Journal
from reconciler.backend.leases import request_deadline
from reconciler.backend.ledger import Head
from reconciler.backend.objects import Followed

__all__ = [
    "Backend",
    "BackendError",
    "Damaged",
    "Fenced",
    "Followed",
    "Head",
    "Holder",
    "Journal",
    "LedgerBroken",
    "Loaded",
    "LockLost",
    "Locked",
    "Sealed",
    "request_deadline",
]
