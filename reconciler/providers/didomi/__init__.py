"""
Everything about Didomi: settings, client, kinds, deliveries and its emulator.
What other vendors share belongs in `sdk`, `transport` or `values`, not here.
"""

from reconciler.providers.didomi.provider import Didomi

PROVIDER = Didomi()
