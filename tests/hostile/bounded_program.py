"""
The program within bounds: `bounded_program.py MEGABYTES FOLDER COMMAND …`, with no rest between one try and the next.

May take no more than so many megabytes of addresses, and says last how many it really used at most.
"""

from __future__ import annotations

import resource
import sys
import time
from datetime import UTC, datetime
from functools import partial

from reconciler.cli.main import run
from reconciler.operations.workspace import open_workspace
from reconciler.transport import Timeouts


class Restless:
    """Real time, in which nobody rests."""

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Go on at once."""


def main(megabytes: int, folder: str, words: list[str]) -> int:
    """Run one command; gives its exit code."""
    resource.setrlimit(resource.RLIMIT_AS, (megabytes * 2**20, megabytes * 2**20))
    timeouts = Timeouts(connect=2.0, read=2.0, total=10.0)
    code = run(["-C", folder, *words], partial(open_workspace, clock=Restless(), timeouts=timeouts))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
