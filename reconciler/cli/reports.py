"""`--report`: what a command found out, in further forms, each in a file, from one and the same reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import click

from reconciler.operations.failures import Failure

F = TypeVar("F", bound=Callable[..., Any])

Report: TypeAlias = tuple[str, Path]
"""A form, and the file that is to hold it."""


class ReportType(click.ParamType[Report]):
    """`FORMAT=FILE`."""

    name = "report"

    def __init__(self, forms: Sequence[str]) -> None:
        self.forms = forms

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Report:
        """The form and the file; a usage error when it is no such pair, or its folder is not there."""
        if isinstance(value, tuple):
            return value
        form, equals, name = str(value).partition("=")
        if not equals or not name or form not in self.forms:
            self.fail(f"`{value}` is not `FORMAT=FILE`; the formats are {', '.join(self.forms)}", param, ctx)
        path = Path(name)
        if path.is_dir() or not path.absolute().parent.is_dir():
            self.fail(f"`{name}` cannot be written: it is a folder, or its folder does not exist", param, ctx)
        return form, path


def report(forms: Sequence[str]) -> Callable[[F], F]:
    """The flag, for a command that prints these forms."""
    return click.option(
        "--report",
        "reports",
        type=ReportType(forms),
        multiple=True,
        metavar="FORMAT=FILE",
        help="Also write it to FILE, in one of these forms. Repeatable.",
    )


def write_reports(reports: Iterable[Report], rendered: Callable[[str], str]) -> None:
    """Write every report; `rendered` gives the text of a form. Raises `Failure` when a file cannot be written."""
    for form, path in reports:
        text = rendered(form)
        try:
            path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
        except OSError as error:
            raise Failure(f"the report cannot be written to `{path}`: {error.strerror}") from None
