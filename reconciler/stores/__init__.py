"""
Bytes under names, made once and never changed: create-if-absent, read, list, delete, one file per place.

What the bytes mean, and who may write which name, is the business of `backend`.
"""

from reconciler.stores.address import open_store
from reconciler.stores.contract import AlreadyThere, Exclusive, Held, Look, NotThere, Store, StoreError, StoreOptions

__all__ = ["AlreadyThere", "Exclusive", "Held", "Look", "NotThere", "Store", "StoreError", "StoreOptions", "open_store"]
