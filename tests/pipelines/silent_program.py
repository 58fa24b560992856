"""
The program where no socket can be opened: trying it ends the process at once with a word on stderr.

One is let be: a library asks the system whether it has IPv6 by making a socket that it never connects.
"""

from __future__ import annotations

import os
import sys

_FORBIDDEN = ("socket.", "http.client", "urllib.Request", "smtplib", "ftplib")


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith(_FORBIDDEN) and not _asks_for_ipv6():
        os.write(2, f"the network was touched: {event} {arguments!r}\n".encode())
        os._exit(99)


def _asks_for_ipv6() -> bool:
    frame = sys._getframe(2)
    while frame.f_code.co_name in {"__init__", "bind"} and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_name == "_has_ipv6" and frame.f_globals["__name__"].startswith("urllib3.")


sys.addaudithook(_hook)

from reconciler.cli import main  # noqa: E402 - nothing is imported before somebody listens

main()
