"""The name of one resource, as manifests, plans, state and people write it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?\Z")
_KIND = re.compile(r"[A-Z][A-Za-z0-9]*\Z")


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """
    `vendor/Kind/name`, unique within a project and environment.

    Orders by vendor, kind, name, so that listings are stable whatever the input order.
    """

    vendor: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.vendor}/{self.kind}/{self.name}"

    @property
    def type(self) -> str:
        """`vendor/Kind`: what traits, listings and limits are kept by."""
        return f"{self.vendor}/{self.kind}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """
        The address that `text` writes.

        Raises `ValueError` with a sentence for people when the text is no address.
        """
        parts = text.split("/")
        if len(parts) != 3 or not _LABEL.match(parts[0]) or not _KIND.match(parts[1]) or not _LABEL.match(parts[2]):
            raise ValueError(f"`{text}` is not an address; write `vendor/Kind/name`, such as `didomi/Destination/lake`")
        return cls(*parts)


def is_name(text: str) -> bool:
    """Whether `text` is a DNS label: lower-case letters, digits and inner hyphens, at most 63 (RFC 1123)."""
    return bool(_LABEL.match(text))
