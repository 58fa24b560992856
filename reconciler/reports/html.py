"""Pages that are one file: templates filled in, nothing fetched, and no word of a stranger run as code."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_SPAN = re.compile(r"`([^`]+)`")


def page(name: str, *, after: str | None = None, **words: object) -> str:
    """
    The template `name` with its style sheet, which may come after that of another page, and its script within it.

    Every word is escaped. The page's own policy allows this style and this script by their hashes, and nothing else.
    """
    style = "\n".join(_part(f"{each}.css") for each in (after, name) if each is not None)
    script = _part(f"{name}.js")
    from markupsafe import Markup  # noqa: PLC0415 - comes with jinja2

    return (
        _environment()
        .get_template(f"{name}.html.j2")
        .render(
            **words,
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            style_hash=_hash(style),
            script_hash=_hash(script),
        )
    )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - only who wants a page pays

    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["spans"] = _spans
    return environment


def _spans(text: str) -> Markup:
    """Words for a page: escaped, and what stands in backticks as code."""
    from markupsafe import Markup, escape  # noqa: PLC0415 - as above

    return Markup(_SPAN.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just before


@cache
def _part(name: str) -> str:
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8").strip()


def _hash(text: str) -> str:
    """As a content security policy writes it (CSP Level 3, "hash-source")."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
