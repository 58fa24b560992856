"""What a project file says about Adobe Experience Platform."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from reconciler.sdk import BaseUrl, SecretReference, Spec, VendorSettings

BASE_URL = "https://platform.adobe.io"
"""The production gateway (Destinations API, servers; documented)."""

TOKEN_URL = "https://ims-na1.adobelogin.com"  # noqa: S105 - an address
"""Who issues tokens (Developer Console, OAuth Server-to-Server; documented)."""

SCOPES = ("openid", "session", "AdobeID", "read_organizations", "additional_info.projectedProductContext")
"""The scopes that Adobe ships for Experience Platform (Adobe's Postman environment; documented)."""

Text = Annotated[str, Field(min_length=1)]


class Credentials(Spec):
    """An OAuth Server-to-Server credential of a project in Adobe's Developer Console."""

    client_id: Text
    client_secret: SecretReference


class Settings(VendorSettings):
    """
    `vendors.adobe` of the project file: one sandbox of one organization.

    `destinations_limit` is how many destinations the sandbox may hold, `wait_minutes` how long a change under way at
    Adobe is waited for, `end_warning_days` how long before its end an export is warned of. `storage_accounts` says by
    container of Azure Blob in which storage account it lies, since Adobe does not give that back.
    """

    base_url: BaseUrl = BASE_URL
    token_url: BaseUrl | None = None
    organization: Annotated[str, Field(pattern=r"^[^@\s]+@AdobeOrg$")]
    # All lower-case (Destinations API, headers; documented). Without the header some pages say `prod` is meant, others
    # that it is an error, so the name is always sent and has no default here.
    sandbox: Annotated[str, Field(pattern=r"^[a-z0-9][-a-z0-9]*$")]
    credentials: Credentials
    scopes: Annotated[list[Text], Field(min_length=1)] = Field(default_factory=lambda: list(SCOPES))
    # 100 for one sandbox, a hard limit (Destination guardrails; documented). What counts is not said in detail.
    destinations_limit: Annotated[int, Field(ge=1)] = 100
    # Hourly exports are every 3, 6, 9 or 12 hours in the API's documents and 3, 6, 8 or 12 in the UI's (contradictory).
    allow_every_eight_hours: bool = False
    end_warning_days: Annotated[int, Field(ge=0)] = 30
    wait_minutes: Annotated[float, Field(gt=0)] = 10.0
    # "Naming rules" of Azure storage accounts (Microsoft's documentation; certain).
    storage_accounts: dict[str, Annotated[str, Field(pattern=r"^[a-z0-9]{3,24}$")]] = Field(default_factory=dict)

    @property
    def tokens_at(self) -> str:
        """Where tokens are issued: a stand-in for Adobe on this machine issues its own."""
        if self.token_url is not None:
            return self.token_url
        return self.base_url if urlsplit(self.base_url).scheme == "http" else TOKEN_URL
