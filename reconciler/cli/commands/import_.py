"""`reconciler import`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.exits import Exit
from reconciler.cli.progress import progress
from reconciler.cli.selection import ADDRESS
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.operations.failures import Misused
from reconciler.reports.escape import plain, plural
from reconciler.values import Address

if TYPE_CHECKING:
    from reconciler.operations.adopt import Adopted
    from reconciler.operations.workspace import Workspace


@click.command("import")
@click.argument("address", type=ADDRESS, required=False)
@click.argument("id", required=False)
@click.option("--all", "everything", is_flag=True, help="Every manifest for which there is just one object.")
@click.option("--kind", "kinds", multiple=True, metavar="VENDOR/KIND", help="With `--all`: only this kind. Repeatable.")
@running
def command(
    session: Session, address: Address | None, id: str | None, *, everything: bool, kinds: tuple[str, ...]
) -> int:
    """
    Bring the object ID at the vendor under the management of the manifest ADDRESS.

    Writes nothing to the vendor. `plan` then shows how the object differs from its manifest; what the vendor does not
    give back is taken for what the manifest says. With `--all` each manifest without an object gets the one that is as
    it says; where several fit, or none, it says so and exits with 4.
    """
    from reconciler.operations.adopt import adopt

    if everything == (address is not None) or (address is not None and id is None) or (kinds and not everything):
        raise Misused("write `import ADDRESS ID`, or `import --all` with or without `--kind`")
    with progress(session.settings) as speaking:
        workspace = session.open(speaking)
        if address is not None and id is not None:
            _say(adopt(workspace, address, id))
            return Exit.DONE
        return _all(workspace, kinds)


def _all(workspace: Workspace, kinds: tuple[str, ...]) -> int:
    from reconciler.operations.adopt import adopt_all

    result = adopt_all(workspace, kinds)
    for each in result.adopted:
        _say(each)
    for address, why in result.left.items():
        click.echo(f"{address}: {plain(why)}", err=True)
    managed, left = plural(len(result.adopted), "object"), plural(len(result.left), "manifest")
    click.echo(f"Import: {managed} now managed, {left} left.")
    return Exit.PARTLY if result.left else Exit.DONE


def _say(adopted: Adopted) -> None:
    record = adopted.record
    click.echo(f"`{plain(adopted.id)}` is now managed as {record.address}")
    if adopted.unseen:
        fields = ", ".join(f"`{each}`" for each in adopted.unseen)
        click.echo(
            f"  {fields} cannot be read back and is taken for what the manifest says; "
            f"`reconciler apply --resend-secrets {record.address}` makes sure",
            err=True,
        )
