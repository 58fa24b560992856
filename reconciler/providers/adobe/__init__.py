"""
Everything about Adobe Experience Platform's dataset exports: settings, client, kinds and its emulator.
What other vendors share belongs in `sdk`, `transport` or `values`, not here.
"""

from reconciler.providers.adobe.provider import Adobe

PROVIDER = Adobe()
