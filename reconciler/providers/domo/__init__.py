"""
Everything about Domo: settings, client, the one kind, AWS as its exports need it, and its emulator.
What other vendors share belongs in `sdk`, `transport` or `values`, not here.
"""

from reconciler.providers.domo.provider import Domo

PROVIDER = Domo()
