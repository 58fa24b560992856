"""`reconciler import`."""

from __future__ import annotations

import click

from reconciler.cli.selection import ADDRESS
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.values import Address


@click.command("import")
@click.argument("address", type=ADDRESS)
@click.argument("id")
@running
def command(session: Session, address: Address, id: str) -> int:
    """
    Bring the object ID at the vendor under the management of the manifest ADDRESS.

    Writes nothing to the vendor. `plan` then shows how the object differs from its manifest.
    """
    from reconciler.operations.adopt import adopt

    record = adopt(session.open(), address, id)
    click.echo(f"`{record.id}` is now managed as {address}; run `reconciler plan` to see how it differs")
    return 0
