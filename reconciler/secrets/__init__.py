"""
From a reference to a secret's value, one file per kind of place, and the rules which places a manifest may name.

Nothing here sends, stores or prints a value; what is asked of a vendor with it is the business of `providers`.
"""

from reconciler.secrets.errors import SecretUnavailable
from reconciler.secrets.policy import Policy
from reconciler.secrets.resolver import Resolver

__all__ = ["Policy", "Resolver", "SecretUnavailable"]
