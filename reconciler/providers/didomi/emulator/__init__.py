"""
A stand-in Didomi that believes Didomi's documents: sessions, exports of both generations, consents and deliveries.
It shares nothing with the client in this folder; every point the documents leave open is a switch.
"""

from reconciler.providers.didomi.emulator.switches import SECRET_KEYS, SWITCHES
from reconciler.providers.didomi.emulator.vendor import Didomi as Emulator
from reconciler.providers.didomi.emulator.vendor import create

__all__ = ["SECRET_KEYS", "SWITCHES", "Emulator", "create"]
