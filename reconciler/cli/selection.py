"""Options that `plan`, `apply` and `destroy` share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from reconciler.cli.offering import offer_addresses
from reconciler.cli.rules import policies
from reconciler.values import Address, Options

if TYPE_CHECKING:
    from reconciler.engine.safety import Limits
    from reconciler.operations.workspace import Workspace

F = TypeVar("F", bound=Callable[..., Any])


class AddressType(click.ParamType[Address]):
    """`vendor/Kind/name`."""

    name = "address"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """The address; a usage error when it is none."""
        try:
            return value if isinstance(value, Address) else Address.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The addresses that the project knows."""
        return offer_addresses(ctx, incomplete)


ADDRESS = AddressType()


class LabelType(click.ParamType[tuple[str, str]]):
    """`key=value`."""

    name = "label"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """The pair; a usage error when it is none."""
        if isinstance(value, tuple):
            return value
        key, equals, text = str(value).partition("=")
        if not key or not equals:
            self.fail(f"`{value}` is not a label; write `key=value`", param, ctx)
        return key, text


def select(function: F) -> F:
    """`--target`, `--exclude` and `-l`, and by which rules the rest is judged."""
    for option in (
        policies,
        click.option(
            "-l",
            "--label",
            type=LabelType(),
            multiple=True,
            metavar="KEY=VALUE",
            help="Only resources with this label, and what they need. Repeatable.",
        ),
        click.option(
            "--exclude", type=ADDRESS, multiple=True, metavar="ADDRESS", help="Leave this resource out. Repeatable."
        ),
        click.option(
            "--target",
            type=ADDRESS,
            multiple=True,
            metavar="ADDRESS",
            help="Only this resource and what it needs. Repeatable.",
        ),
    ):
        function = option(function)
    return function


def renew(function: F) -> F:
    """`--replace` and `--resend-secrets`."""
    for option in (
        click.option(
            "--resend-secrets",
            "resend",
            type=ADDRESS,
            multiple=True,
            metavar="ADDRESS",
            help="Send the secrets of this resource again. Repeatable.",
        ),
        click.option(
            "--replace", type=ADDRESS, multiple=True, metavar="ADDRESS", help="Make this resource anew. Repeatable."
        ),
    ):
        function = option(function)
    return function


def limit(function: F) -> F:
    """The safety limits."""
    for option in (
        click.option(
            "--accept-short-list",
            "accept_short",
            multiple=True,
            metavar="VENDOR/KIND",
            help="Believe a list that lacks most recorded objects. Repeatable.",
        ),
        click.option(
            "--max-delete-percent",
            type=click.FloatRange(0, 100),
            metavar="PERCENT",
            help="At most so many percent of a kind may be deleted or replaced.",
        ),
        click.option(
            "--max-deletes",
            type=click.IntRange(0),
            metavar="N",
            help="At most so many of a kind may be deleted or replaced.",
        ),
    ):
        function = option(function)
    return function


def _digest(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """A whole digest as plans print it; a usage error for anything else."""
    if text is not None and not re.fullmatch(r"sha256:[0-9a-f]{64}", text):
        raise click.BadParameter(f"`{text}` is no digest of a plan; those begin with `sha256:`, 64 digits follow")
    return text


approve = click.option(
    "--approve",
    metavar="DIGEST",
    callback=_digest,
    help="Carry out the plan with this digest, limits or not, without a question; any other is refused.",
)


def options_of(
    *,
    target: Sequence[Address],
    exclude: Sequence[Address],
    label: Sequence[tuple[str, str]],
    replace: Sequence[Address] = (),
    resend: Sequence[Address] = (),
    destroy: bool = False,
) -> Options:
    """The engine's options from the command line's."""
    return Options(
        targets=frozenset(target),
        excludes=frozenset(exclude),
        labels=dict(label),
        replace=frozenset(replace),
        resend=frozenset(resend),
        destroy=destroy,
    )


def limits_of(
    workspace: Workspace, *, max_deletes: int | None, max_delete_percent: float | None, accept_short: Sequence[str]
) -> Limits:
    """The project's limits with what the command line says instead."""
    limits = replace(workspace.limits, accept_short=frozenset(accept_short))
    if max_deletes is not None:
        limits = replace(limits, max_deletes=max_deletes)
    if max_delete_percent is not None:
        limits = replace(limits, max_delete_percent=max_delete_percent)
    return limits
