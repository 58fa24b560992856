"""What a project file says about Didomi."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from reconciler.sdk import SecretReference, Spec, VendorSettings

BASE_URL = "https://api.didomi.io/v1"
"""For calls between servers (Didomi, API introduction; documented). No regional hosts are documented."""

# Shown without `/v1` in one place (Didomi, Batch export: Logs) while all routes are said to live below it.
LOGS: Mapping[str, str] = {"ExportConfig": "/exports/logs", "Integration": "/marketplace/exports/logs"}
"""The run log of each kind that delivers."""

DELIVERY_OPTIONS: Mapping[str, tuple[str | bool, ...]] = {
    "guests": (False, True),
    "oneRecordPerUser": ("ignore", "information", "warning", "error"),
    "strict": (False, True),
}
"""What a manifest's `delivery.options` may choose of the record contract: see `contract.export_contract`."""


class Credentials(Spec):
    """A private API key of the organization, made in Didomi's console."""

    key: SecretReference
    secret: SecretReference


class Settings(VendorSettings):
    """
    `vendors.didomi` of the project file.

    `gcp_fields_in` says where Didomi keeps project, bucket and key of an integration with Google Cloud.
    """

    base_url: str = BASE_URL
    organization_id: Annotated[str, Field(min_length=1)]
    credentials: Credentials
    # Undocumented. Only matters for the kind `Integration` with `batch-exports-gcp`.
    gcp_fields_in: Literal["authentication", "properties"] = "authentication"
