"""
A stand-in Flow Service that believes Adobe's documents: tokens, connections, flows, runs and the files they leave.
It shares nothing with the client in this folder; every point the documents leave open is a switch.
"""

from reconciler.providers.adobe.emulator.switches import SECRET_KEYS, SWITCHES
from reconciler.providers.adobe.emulator.vendor import Adobe as Emulator
from reconciler.providers.adobe.emulator.vendor import create

__all__ = ["SECRET_KEYS", "SWITCHES", "Emulator", "create"]
