"""What a project file says about Domo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator

from reconciler.sdk import BaseUrl, SecretReference, Spec, VendorSettings

Weight: TypeAlias = Literal["off", "warn", "refuse"]
"""What a finding does: nothing is looked at, the plan says it, or the plan is refused."""

DELIVERY_OPTIONS: Mapping[str, tuple[str | bool, ...]] = {"types": ("warning", "error", "ignore")}
"""What a manifest's `delivery.options` may choose: how bad a value is that does not read as its column's type."""


class Checks(Spec):
    """How heavy each finding weighs that is no plain mistake of a manifest."""

    bucket_region: Weight = "refuse"
    bucket_public: Weight = "warn"
    bucket_encryption: Weight = "warn"
    bucket_unread: Weight = "warn"
    row_policies: Weight = "warn"
    masked: Weight = "warn"
    not_loaded: Weight = "warn"


class AwsKeys(Spec):
    """Credentials of the tool's own, where the usual chain has none."""

    access_key_id: SecretReference
    secret_access_key: SecretReference
    session_token: SecretReference | None = None


class Aws(Spec):
    """
    The tool's own way to AWS: to assume roles, to look at buckets, and to find delivered files.

    Without a profile or credentials the usual chain holds. `endpoint_url` leads to a stand-in.
    """

    credentials: AwsKeys | None = None
    profile: Annotated[str, Field(min_length=1)] | None = None
    region: Annotated[str, Field(min_length=1)] | None = None
    endpoint_url: BaseUrl | None = None
    look_at_buckets: bool = True


class Settings(VendorSettings):
    """
    `vendors.domo` of the project file.

    The base URL follows from the instance. `session_token_field` is the name under which the token of temporary
    AWS credentials is sent; `in_list` is how the values of `in` are written.
    """

    # The customer's own instance (article "Domo API // Export to S3"; Domo's page "Export To S3"; documented). An
    # internal OpenAPI file names api.domo.com instead (contradictory).
    base_url: BaseUrl = ""
    instance: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    token: SecretReference
    token_name: Annotated[str, Field(min_length=1)] | None = None
    token_warning_days: Annotated[int, Field(ge=0)] = 14
    # `sessionToken` in the one hand-written description (Domo's internal OpenAPI file; documented there alone).
    session_token_field: Annotated[str, Field(pattern=r"^[A-Za-z_]+$")] = "sessionToken"  # noqa: S105 - a name
    in_list: Literal["values", "expressions"] = "values"
    # No limit is documented for these routes; the advice for Domo's search route is 120 a minute.
    requests_per_second: Annotated[float, Field(ge=0)] = 2.0
    aws: Aws | None = None
    checks: Checks = Checks()

    @model_validator(mode="before")
    @classmethod
    def _has_a_base_url(cls, written: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        """Without another host, the instance's own."""
        if isinstance(written, Mapping) and "baseUrl" not in written and isinstance(written.get("instance"), str):
            return {**written, "baseUrl": f"https://{written['instance']}.domo.com"}
        return written
