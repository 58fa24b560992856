"""Who else may read an S3 bucket."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.deliveries.locations import S3Location
from reconciler.deliveries.source import NotAllowed, Posture, Source, SourceError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_T = TypeVar("_T")
_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
# "Amazon S3 predefined groups" (S3 user guide, "Access control list overview"; certain): everybody, and everybody
# with any AWS account at all.
_EVERYBODY = frozenset(
    {
        "http://acs.amazonaws.com/groups/global/AllUsers",
        "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
    }
)
_READING = frozenset({"READ", "FULL_CONTROL"})
_NONE = object()


def posture_of(
    client: Callable[[], S3Client],
    location: S3Location,
    explained: Callable[[str], AbstractContextManager[None]],
    stranger: Source,
) -> Posture:
    """What the bucket says of itself, and whether a stranger gets its list."""
    bucket: Any = {"Bucket": location.bucket}
    unknown: list[str] = []

    def asked(what: str, question: Callable[[], _T], absent: tuple[str, ...] = ()) -> _T | object | None:
        """The answer; `_NONE` for a documented "there is none"; None when it is not given."""
        try:
            with explained(""):
                try:
                    return question()
                except Exception as error:
                    code = getattr(error, "response", {}).get("Error", {}).get("Code")
                    if code in absent:
                        return _NONE
                    raise
        except SourceError as error:
            unknown.append(f"{what}: {error.reason}")
            return None

    region = asked("region", lambda: client().head_bucket(**bucket).get("BucketRegion"))
    blocked = asked(
        "public access block",
        lambda: all(
            client().get_public_access_block(**bucket)["PublicAccessBlockConfiguration"].get(each, False)
            for each in _BLOCKS
        ),
        ("NoSuchPublicAccessBlockConfiguration",),
    )
    policy = asked(
        "policy status",
        lambda: client().get_bucket_policy_status(**bucket)["PolicyStatus"].get("IsPublic", False),
        ("NoSuchBucketPolicy",),
    )
    acl = asked("access control list", lambda: _acl_is_public(client().get_bucket_acl(**bucket)))
    rules = asked(
        "encryption",
        lambda: client().get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]["Rules"],
        ("ServerSideEncryptionConfigurationNotFoundError",),
    )
    how, key = _encryption(rules)
    granted = [each is True for each in (policy, acl) if each is not None]
    return Posture(
        place=str(location),
        # A block of the whole account is not seen here; it would only add to this one.
        public_blocked=None if blocked is None else blocked is True,
        public_policy=True if any(granted) else False if len(granted) == 2 else None,
        listed_by_anyone=_is_listed(stranger, unknown),
        encryption=how,
        encryption_key=key,
        region=region if isinstance(region, str) else None,
        unknown=tuple(unknown),
    )


def _acl_is_public(answer: Any) -> bool:  # noqa: ANN401 - one of the library's dictionaries
    return any(
        each.get("Grantee", {}).get("URI") in _EVERYBODY and each.get("Permission") in _READING
        for each in answer.get("Grants", ())
    )


def _encryption(rules: Any) -> tuple[str | None, str | None]:  # noqa: ANN401 - as above
    if rules is None:
        return None, None
    if rules is _NONE:
        return "none", None
    default = (rules or [{}])[0].get("ApplyServerSideEncryptionByDefault", {})
    return default.get("SSEAlgorithm", "none"), default.get("KMSMasterKeyID")


def _is_listed(stranger: Source, unknown: list[str]) -> bool | None:
    """Whether a request without credentials is answered with the list; only a refusal is a no."""
    try:
        next(stranger.list(), None)
    except NotAllowed:
        return False
    except SourceError as error:
        unknown.append(f"request without credentials: {error.reason}")
        return None
    return True
