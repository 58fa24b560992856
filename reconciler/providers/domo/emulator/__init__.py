"""
A stand-in Domo that believes the reference of its export API: datasets, row policies, queries and exports to S3.
It shares nothing with the client in this folder; every point the reference leaves open is a switch.
"""

from reconciler.providers.domo.emulator.switches import SECRET_HEADERS, SECRET_KEYS, SWITCHES
from reconciler.providers.domo.emulator.vendor import Domo as Emulator
from reconciler.providers.domo.emulator.vendor import create

__all__ = ["SECRET_HEADERS", "SECRET_KEYS", "SWITCHES", "Emulator", "create"]
