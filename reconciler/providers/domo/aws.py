"""
The tool's own way to AWS: temporary credentials for Domo, how a bucket is guarded, and whether files are there.

The only file that knows boto3, which is loaded when it is first needed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from reconciler.providers.domo.settings import Aws
from reconciler.sdk import CredentialsRefused, PermissionRefused, Refused, Unreachable

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config

    from reconciler.deliveries import S3Access

T = TypeVar("T")

_OUR_OWN = frozenset({"ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidAccessKeyId"})
"""What AWS says of credentials that are no good (Amazon S3 and STS documentation)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Temporary:
    """Credentials that end by themselves."""

    access_key_id: str
    secret_access_key: str
    session_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role to assume, and what its credentials are narrowed to."""

    arn: str
    session_name: str
    seconds: int
    external_id: str | None = None
    policy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """
    How a bucket is guarded; `None` where the credentials may not know.

    `blocks_public` is whether all four settings of Amazon's public access block are on, `public` whether its policy
    makes it public, `encryption` the algorithm that holds by default.
    """

    exists: bool = True
    region: str | None = None
    blocks_public: bool | None = None
    public: bool | None = None
    encryption: str | None = None
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """
    What a bucket says of one file.

    The tag is no checksum when a file came in parts or is encrypted with a key of KMS (Amazon S3 documentation): it is
    only compared with itself.
    """

    size: int
    tag: str
    key: str | None = None


class Cloud:
    """
    AWS as the project's settings reach it.

    Every call has a session of its own, since one is not made to be shared between threads (boto3 documentation).
    """

    def __init__(self, settings: Aws | None, reveal: Callable[[object], str], hide: Callable[[str], None]) -> None:
        self._settings = settings or Aws()
        self._endpoint = self._settings.endpoint_url
        self._reveal = reveal
        self._hide = hide

    def assume(self, role: Role) -> Temporary:
        """
        Credentials of the role.

        Raises `CredentialsRefused` without credentials of our own, `PermissionRefused` when they may not assume it.
        """
        with _telling_people(f"assume `{role.arn}`"):
            call = partial(
                self._session().client("sts", endpoint_url=self._endpoint).assume_role,
                RoleArn=role.arn,
                RoleSessionName=role.session_name,
                DurationSeconds=role.seconds,
            )
            if role.external_id is not None:
                call = partial(call, ExternalId=role.external_id)
            if role.policy is not None:
                call = partial(call, Policy=role.policy)
            found = call()["Credentials"]
        for secret in (found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]):
            self._hide(secret)
        return Temporary(
            access_key_id=found["AccessKeyId"],
            secret_access_key=found["SecretAccessKey"],
            session_token=found["SessionToken"],
        )

    def identity(self) -> str:
        """Who we are at AWS."""
        with _telling_people("ask who we are"):
            return self._session().client("sts", endpoint_url=self._endpoint).get_caller_identity()["Arn"]

    def bucket(self, name: str) -> Bucket:
        """How the bucket is guarded, as far as our credentials may know."""
        questions = _Questions()
        with _telling_people(f"look at the bucket `{name}`"):
            client = self._session().client("s3", endpoint_url=self._endpoint, config=_path_style())
            region = questions.text(
                "region", lambda: _region(client.get_bucket_location(Bucket=name)["LocationConstraint"])
            )
            # Everything else is answered only where the bucket lies (Amazon S3 documentation).
            near = self._session(region).client("s3", endpoint_url=self._endpoint, config=_path_style())
            found = Bucket(
                region=region,
                blocks_public=questions.flag(
                    "public access block",
                    lambda: _blocks(near.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]),
                    absent="NoSuchPublicAccessBlockConfiguration",
                ),
                public=questions.flag(
                    "policy status",
                    lambda: near.get_bucket_policy_status(Bucket=name)["PolicyStatus"]["IsPublic"],
                    absent="NoSuchBucketPolicy",
                ),
                encryption=questions.text(
                    "encryption",
                    lambda: _algorithm(near.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]),
                    absent="ServerSideEncryptionConfigurationNotFoundError",
                ),
            )
        return replace(found, exists=questions.exists, unread=tuple(questions.unread))

    def head(self, bucket: str, key: str, region: str) -> Head | None:
        """What the bucket says of the file; `None` when it is not there. Raises when our credentials may not know."""
        with _telling_people(f"look at `s3://{bucket}/{key}`"):
            client = self._session(region).client("s3", endpoint_url=self._endpoint, config=_path_style())
            try:
                found = client.head_object(Bucket=bucket, Key=key)
            except _client_error() as error:
                if _code(error) in _NOT_THERE:
                    return None
                raise
        return Head(size=found["ContentLength"], tag=found["ETag"].strip('"'), key=found.get("SSEKMSKeyId"))

    def kept(self, bucket: str, prefix: str, region: str) -> timedelta | None:
        """
        How long the bucket keeps what lies below the prefix, by its own rules; `None` is for ever.

        Rules that ask for more than a prefix (tags, sizes) may leave such files alone, so they do not count.
        """
        with _telling_people(f"read the lifecycle rules of `{bucket}`"):
            client = self._session(region).client("s3", endpoint_url=self._endpoint, config=_path_style())
            try:
                rules = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
            except _client_error() as error:
                if _code(error) == "NoSuchLifecycleConfiguration":
                    return None
                raise
        days = [
            each["Expiration"]["Days"]
            for each in rules
            if each.get("Status") == "Enabled" and "Days" in each.get("Expiration", {}) and _covers(each, prefix)
        ]
        return timedelta(days=min(days)) if days else None

    def access(self, region: str | None) -> S3Access:
        """The same way into a bucket for whoever reads delivered files."""
        from reconciler.deliveries import S3Access  # noqa: PLC0415 - only `verify` reads files

        keys = self._settings.credentials
        return S3Access(
            access_key_id=self._own(keys.access_key_id) if keys else None,
            secret_access_key=self._own(keys.secret_access_key) if keys else None,
            session_token=self._own(keys.session_token) if keys and keys.session_token else None,
            profile=self._settings.profile,
            region=region,
            endpoint=self._endpoint,
        )

    def _session(self, region: str | None = None) -> boto3.Session:
        import boto3  # noqa: PLC0415 - slow to load, and only needed by those who use it

        keys = self._settings.credentials
        # STS needs some region to be asked in, and a bucket is found from everywhere (AWS documentation).
        return boto3.Session(
            aws_access_key_id=self._own(keys.access_key_id) if keys else None,
            aws_secret_access_key=self._own(keys.secret_access_key) if keys else None,
            aws_session_token=self._own(keys.session_token) if keys and keys.session_token else None,
            profile_name=self._settings.profile,
            region_name=region or self._settings.region or "us-east-1",
        )

    def _own(self, reference: object) -> str:
        value = self._reveal(reference)
        self._hide(value)
        return value


def writer_policy(role_arn: str, bucket: str, path: str, kms_key: str | None) -> str:
    """
    What Domo's credentials are narrowed to: writing below the path.

    Which calls Domo makes is not documented; these are what an upload in parts needs, and reading where the bucket is
    (recommended in the absence of documents).
    """
    partition = role_arn.split(":")[1]
    below = f"arn:{partition}:s3:::{bucket}/{path}/*"
    statements = [
        {
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            "Resource": below,
        },
        {
            "Effect": "Allow",
            "Action": ["s3:GetBucketLocation", "s3:ListBucket"],
            "Resource": f"arn:{partition}:s3:::{bucket}",
        },
    ]
    if kms_key is not None:
        # An upload in parts needs Decrypt too (AWS KMS documentation).
        resource = kms_key if kms_key.startswith("arn:") else "*"
        statements.append({"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": resource})
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


_NOT_THERE = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchBucket"})


class _Questions:
    """Questions about one bucket, some of which our credentials may not ask."""

    def __init__(self) -> None:
        self.exists = True
        self.unread: list[str] = []

    def text(self, what: str, call: Callable[[], str], absent: str = "") -> str | None:
        """The answer; empty when there is nothing of the kind, `None` when we may not know."""
        return self._ask(what, call, absent, "")

    def flag(self, what: str, call: Callable[[], bool], absent: str) -> bool | None:
        """The answer; false when there is nothing of the kind, `None` when we may not know."""
        return self._ask(what, call, absent, nothing=False)

    def _ask(self, what: str, call: Callable[[], T], absent: str, nothing: T) -> T | None:
        if not self.exists:
            return None
        try:
            return call()
        except _client_error() as error:
            code = _code(error)
            if code == absent:
                return nothing
            if code == "NoSuchBucket":
                self.exists = False
            elif code in _OUR_OWN:
                raise
            else:
                self.unread.append(f"{what} ({code})")
            return None


def _region(constraint: str | None) -> str:
    # Empty for us-east-1, `EU` for the oldest buckets of eu-west-1 (Amazon S3 documentation).
    return {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}.get(constraint) or str(constraint)


def _blocks(settings: Mapping[str, object]) -> bool:
    words = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    return all(settings.get(each) is True for each in words)


def _covers(rule: Mapping[str, object], prefix: str) -> bool:
    """Whether a lifecycle rule is about everything below the prefix."""
    condition = rule.get("Filter", {"Prefix": rule.get("Prefix", "")})
    if not isinstance(condition, Mapping) or set(condition) - {"Prefix"}:
        return False
    return prefix.startswith(str(condition.get("Prefix", "")))


def _algorithm(settings: Mapping[str, object]) -> str:
    """What holds by default for new objects; empty when nothing does."""
    rules = settings.get("Rules")
    for rule in rules if isinstance(rules, list) else ():
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        if default.get("SSEAlgorithm"):
            return str(default["SSEAlgorithm"])
    return ""


def _path_style() -> Config:
    from botocore.config import Config  # noqa: PLC0415 - as boto3

    return Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3, "mode": "standard"})


def _client_error() -> type[Exception]:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - as boto3

    return ClientError


def _code(error: Exception) -> str:
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, Mapping) else ""


@contextmanager
def _telling_people(what: str) -> Iterator[None]:
    """What AWS or its library complains about, in our own words: theirs may quote what was sent."""
    from botocore.exceptions import (  # noqa: PLC0415 - as boto3
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        PartialCredentialsError,
        ProfileNotFound,
    )

    try:
        yield
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound):
        raise CredentialsRefused(
            f"there are no AWS credentials to {what}; set them up as for the AWS command line, or name a `profile`"
        ) from None
    except ClientError as error:
        code = _code(error)
        if code in ("AccessDenied", "AccessDeniedException", "403"):
            raise PermissionRefused(f"AWS does not let us {what} ({code})") from None
        if code in _OUR_OWN:
            raise CredentialsRefused(f"AWS does not accept our credentials to {what} ({code})") from None
        raise Refused(f"AWS does not {what} ({code})") from None
    except BotoCoreError as error:
        raise Unreachable(f"AWS cannot be reached to {what} ({type(error).__name__})") from None
