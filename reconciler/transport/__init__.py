"""
The one HTTP client: it times out, repeats, waits its turn, hides secrets, and refuses what the caller may not send.

Knows no vendor and no file. Whether an answer is good news is for the vendor's client to say.
"""

from reconciler.transport.client import Exchange, Gate, Timeouts, Transport
from reconciler.transport.documents import encoded

__all__ = ["Exchange", "Gate", "Timeouts", "Transport", "encoded"]
