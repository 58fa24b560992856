"""Signing in at AWS: given keys, a profile, a role that is assumed, or whatever the machine has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.deliveries.access import S3Access

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 30.0
_ATTEMPTS = 4


def s3_client(access: S3Access) -> S3Client:
    """A client that signs in as `access` says; makes no request before its first use."""
    import boto3  # noqa: PLC0415 - takes a third of a second, which only its users should wait
    import botocore.session  # noqa: PLC0415
    from botocore import UNSIGNED  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    )
    if access.endpoint is not None:
        # Servers elsewhere know neither one host name per bucket nor the checksums that the library adds since 1.36.
        config = config.merge(
            Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            )
        )
    if access.anonymous:
        region = access.region or "us-east-1"
        unsigned = config.merge(Config(signature_version=UNSIGNED))
        return boto3.session.Session().client("s3", endpoint_url=access.endpoint, region_name=region, config=unsigned)
    given: dict[str, Any] = {
        "aws_access_key_id": access.access_key_id,
        "aws_secret_access_key": access.secret_access_key,
        "aws_session_token": access.session_token,
    }
    session = boto3.session.Session(**given, profile_name=access.profile, region_name=access.region)
    # S3 needs some region for its signature. A bucket in another is found through the redirection that the library
    # follows, and where a server of one's own has none, any will do.
    region = session.region_name or "us-east-1"
    if access.role_arn is not None:
        inner = botocore.session.get_session()
        _set_credentials(inner, _assumed(session, access, region))
        session = boto3.session.Session(botocore_session=inner, region_name=region)
    return session.client("s3", endpoint_url=access.endpoint, region_name=region, config=config)


def _assumed(session: Any, access: S3Access, region: str) -> Any:  # noqa: ANN401 - the library's own kinds
    """Credentials of the role, fetched at the first use and again before they expire."""
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials  # noqa: PLC0415

    def client(service: str, **keywords: Any) -> Any:  # noqa: ANN401 - as above
        return session.client(service, endpoint_url=access.sts_endpoint, **{"region_name": region, **keywords})

    more: dict[str, Any] = {"RoleSessionName": "reconciler"}
    if access.external_id is not None:
        more["ExternalId"] = access.external_id
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=client,
        source_credentials=session.get_credentials(),
        role_arn=str(access.role_arn),
        extra_args=more,
    )
    return DeferredRefreshableCredentials(refresh_using=fetcher.fetch_credentials, method="assume-role")


def _set_credentials(session: Any, credentials: Any) -> None:  # noqa: ANN401 - as above
    # The library has no public way to hand over credentials that renew themselves (botocore 1.44).
    session._credentials = credentials  # noqa: SLF001
