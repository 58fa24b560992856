"""What a project file says about Harbor."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from reconciler.sdk import SecretReference, Spec, VendorSettings


class Credentials(Spec):
    """A client that Harbor knows."""

    client: Annotated[str, Field(min_length=1)]
    secret: SecretReference


class Settings(VendorSettings):
    """`vendors.harbor` of the project file."""

    base_url: str = "https://harbor.example/v2"
    pier: Annotated[str, Field(min_length=1)]
    credentials: Credentials
