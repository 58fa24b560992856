"""`runs`: recent runs and exports as the vendors report them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.operations.failures import Denied, Failure
from reconciler.operations.state import read_state
from reconciler.operations.vendors import failure_of
from reconciler.operations.workspace import Workspace
from reconciler.sdk import Run, VendorError
from reconciler.values import Address


def runs(workspace: Workspace, address: Address | None = None) -> Iterator[tuple[Address, Run]]:
    """
    Runs of one recorded object, or of all, newest first within each.

    A message is given without the secrets that it may quote. Raises `Failure` when the address has no record or the
    vendor cannot be read, `Denied` for refused credentials.
    """
    records = read_state(workspace).records
    if address is not None and address not in records:
        raise Failure(f"the state has no record of `{address}`", help="`reconciler state list` shows what it has")
    workspace.learn()
    for each in sorted(records) if address is None else [address]:
        try:
            for run in workspace.session(each.vendor).runs(records[each]):
                message = workspace.redact(run.message) if run.message is not None else None
                yield each, replace(run, message=message)
        except VendorError as error:
            raise failure_of(error) from None


def watch(workspace: Workspace, address: Address | None = None, *, every: float) -> Iterator[tuple[Address, Run]]:
    """
    Every run as soon as it is reported, oldest first, and again whenever it has changed; never ends by itself.

    Looks every so many seconds. What fails after the first look is said as progress and tried again; only refused
    credentials end it. Raises what `runs` does.
    """
    known: dict[tuple[Address, str], Run] = {}
    first = True
    while True:
        try:
            found = list(runs(workspace, address))
        except Denied:
            raise
        except Failure as failure:
            if first:
                raise
            workspace.progress.phase(f"{failure.message}; looking again in {every:g} s")
            found = []
        first = False
        for each, run in reversed(found):
            if known.get((each, run.id)) != run:
                known[each, run.id] = run
                yield each, run
        workspace.clock.sleep(every)
