"""Secrets in AWS Secrets Manager: `{awsSecretsManager: lake/exports, key: password}`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from threading import Lock
from typing import Protocol

from reconciler.secrets.entries import decoded, entry_of_text, raised
from reconciler.secrets.errors import SecretUnavailable
from reconciler.secrets.places import Aws, Found
from reconciler.values import Secret

CURRENT = "AWSCURRENT"
"""The label of the version that is read when none is named (API reference, GetSecretValue, `VersionStage`; certain)."""

_DENIED = frozenset({"AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException"})


class _Client(Protocol):
    """What is used of the SDK's client."""

    def describe_secret(self, *, SecretId: str) -> Mapping[str, object]:  # noqa: N803 - AWS's words
        ...

    def get_secret_value(
        self,
        *,
        SecretId: str,  # noqa: N803 - AWS's words
        VersionId: str = ...,  # noqa: N803 - AWS's words
        VersionStage: str = ...,  # noqa: N803 - AWS's words
    ) -> Mapping[str, object]: ...

    def close(self) -> None: ...


class AwsSource:
    """
    Reads through boto3 with whatever credentials the SDK finds.

    The SDK's own settings count: profile, region, and `AWS_ENDPOINT_URL_SECRETS_MANAGER` for another endpoint.
    """

    def __init__(self, settings: Aws) -> None:
        self._settings = settings
        self._client: _Client | None = None
        self._making = Lock()

    def version(self, secret: Secret) -> str | None:
        """
        The id of the version that the reference means, without reading the value.

        `version` in a reference is an id or a label. None when this account may not ask: reading still tells.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - only who keeps secrets there pays

        try:
            described = self._reached(secret).describe_secret(SecretId=secret.name)
        except ClientError as error:
            if _code(error) in _DENIED:
                return None
            raise _refused(secret, _code(error)) from None
        except BotoCoreError as error:
            raise _unreached(secret, error) from None
        # "VersionIdsToStages" lists every version that has a label (API reference, DescribeSecret; certain). A version
        # without one is deprecated, may still be read by its id, and is not listed.
        labels = described.get("VersionIdsToStages")
        if not isinstance(labels, dict):
            return None
        wanted = secret.version or CURRENT
        if wanted in labels:
            return wanted
        return next((id for id, stages in labels.items() if wanted in stages), None)

    def read(self, secret: Secret) -> Found:
        """The value of the version that the reference means."""
        return raised(self._answered(secret))

    def _answered(self, secret: Secret) -> Found | SecretUnavailable:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above

        try:
            answer = self._value(secret)
        except ClientError as error:
            return _refused(secret, _code(error))
        except BotoCoreError as error:
            return _unreached(secret, error)
        id = answer.get("VersionId")
        return entry_of_text(secret, _text(answer), id if isinstance(id, str) else None)

    def close(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            self._client.close()

    def _value(self, secret: Secret) -> Mapping[str, object]:
        from botocore.exceptions import ClientError  # noqa: PLC0415 - as above

        client = self._reached(secret)
        if secret.version is None:
            return client.get_secret_value(SecretId=secret.name)
        # An id has 32 to 64 characters; labels are chosen by people (API reference, GetSecretValue; certain). A label
        # as long as an id is therefore asked for as a label once the id is refused.
        if len(secret.version) >= 32:
            try:
                return client.get_secret_value(SecretId=secret.name, VersionId=secret.version)
            except ClientError as error:
                if _code(error) != "ResourceNotFoundException":
                    raise
        return client.get_secret_value(SecretId=secret.name, VersionStage=secret.version)

    def _reached(self, secret: Secret) -> _Client:
        import boto3  # noqa: PLC0415 - as above
        from botocore.config import Config  # noqa: PLC0415 - as above
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - as above

        # At its most talkative the SDK logs the answers themselves, values and all.
        logging.getLogger("botocore.parsers").setLevel(logging.INFO)
        with self._making:
            if self._client is None:
                config = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "max_attempts": 4})
                try:
                    self._client = boto3.Session().client(
                        "secretsmanager", region_name=self._settings.region, config=config
                    )
                except (BotoCoreError, ValueError) as error:
                    raise _unreached(secret, error) from None
            return self._client


def _code(error: Exception) -> str:
    """AWS's word for the refusal; its sentence may quote what was sent."""
    answer = getattr(error, "response", {})
    return str(answer.get("Error", {}).get("Code", "an error"))


def _refused(secret: Secret, code: str) -> SecretUnavailable:
    helps = {
        "ResourceNotFoundException": "correct the name and the version, or check region and account",
        "InvalidRequestException": "it may be marked for deletion; restore it, or use another",
        "DecryptionFailure": "allow this account to decrypt with the secret's KMS key",
        "ExpiredTokenException": "sign in again: the AWS credentials have expired",
    }
    if code in _DENIED:
        help = "allow this account `secretsmanager:GetSecretValue` on it"
    else:
        help = helps.get(code, "see AWS's reference for this word")
    return SecretUnavailable(secret, f"AWS Secrets Manager does not give `{secret.name}` ({code})", help)


def _unreached(secret: Secret, error: Exception) -> SecretUnavailable:
    # The SDK's sentences may hold addresses and parts of credentials; the class says what is wrong.
    return SecretUnavailable(
        secret,
        f"AWS Secrets Manager cannot be asked for `{secret.name}` ({type(error).__name__})",
        "check the AWS credentials, `secrets.awsSecretsManager.region` and the network",
    )


def _text(answer: Mapping[str, object]) -> str | None:
    # "If the secret value was originally provided as binary data, then this field is omitted" (API reference,
    # GetSecretValue, `SecretString`; certain).
    text, content = answer.get("SecretString"), answer.get("SecretBinary")
    if isinstance(text, str):
        return text
    return decoded(content) if isinstance(content, bytes) else None
