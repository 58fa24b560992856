"""
From a reference to a secret's value, one file per kind of place, and the rules which places a manifest may name.

Nothing here sends, stores or prints a value; what is asked of a vendor with it is the business of `providers`.
"""

from reconciler.secrets.errors import SecretUnavailable
from reconciler.secrets.fingerprint import FingerprintKey
from reconciler.secrets.places import Age, Aws, Command, Gcp, Places, Vault
from reconciler.secrets.policy import Policy
from reconciler.secrets.resolver import Resolver
from reconciler.secrets.stamps import as_written, joined, rotated, same_place, same_value, stamp_of

__all__ = [
    "Age",
    "Aws",
    "Command",
    "FingerprintKey",
    "Gcp",
    "Places",
    "Policy",
    "Resolver",
    "SecretUnavailable",
    "Vault",
    "as_written",
    "joined",
    "rotated",
    "same_place",
    "same_value",
    "stamp_of",
]
