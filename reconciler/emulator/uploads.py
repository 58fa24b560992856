"""
Delivering files to an object store that a stand-in vendor does not own: with the credentials of whoever asked.

`Uploads` is what a vendor needs of a store. `S3Uploads` speaks to a real endpoint and loads boto3 when it is first
used; `FolderUploads` accepts every credential, and knows buckets by name.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import Any, Protocol

from reconciler.emulator.drop import Drop

# boto3 makes its clients one at a time; they may be used by many threads.
_making = Lock()


class Rejected(Exception):
    """The store refuses; `code` and `message` are its own words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Whose credentials an upload uses; they never show in a text."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


class Uploads(Protocol):
    """A store files are delivered to."""

    def region_of(self, bucket: str, access: Access, region: str) -> str | None:
        """The region a bucket lies in, None when the store does not say. Raises `Rejected`."""
        ...

    def put(
        self, bucket: str, key: str, content: bytes, *, access: Access, region: str, kms_key: str | None = None
    ) -> None:
        """Write one object whole. Raises `Rejected`."""
        ...


class FolderUploads:
    """
    Buckets as folders, for whoever has no object store: any credentials will do.

    `buckets` are regions by name; a bucket that is not among them is refused as S3 would, with a word about how
    to make one.
    """

    def __init__(self, drop: Drop, buckets: Mapping[str, str]) -> None:
        self._drop = drop
        self._buckets = buckets

    def region_of(self, bucket: str, access: Access, region: str) -> str | None:
        """The region the bucket was made in."""
        if bucket not in self._buckets:
            raise Rejected(
                "NoSuchBucket",
                "The specified bucket does not exist (no object store is attached to this emulator: it delivers to "
                f"folders and checks no credentials; it knows {', '.join(sorted(self._buckets)) or 'no bucket'})",
            )
        return self._buckets[bucket]

    def put(
        self, bucket: str, key: str, content: bytes, *, access: Access, region: str, kms_key: str | None = None
    ) -> None:
        """Write the file below the bucket's folder."""
        self.region_of(bucket, access, region)
        try:
            self._drop.put(bucket, key, content)
        except (ValueError, OSError) as problem:
            raise Rejected(
                "InvalidArgument", f"The key cannot be a path of a folder: {type(problem).__name__}"
            ) from None


class S3Uploads:
    """A real endpoint that speaks S3, reached with the credentials of the request and nothing of this machine's."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def region_of(self, bucket: str, access: Access, region: str) -> str | None:
        """The bucket's location; S3 says nothing for its oldest region."""
        with _telling():
            found = self._client(access, region).get_bucket_location(Bucket=bucket)["LocationConstraint"]
            return str(found) if found else "us-east-1"

    def put(
        self, bucket: str, key: str, content: bytes, *, access: Access, region: str, kms_key: str | None = None
    ) -> None:
        """One PutObject, with SSE-KMS when a key is given."""
        encryption = {} if kms_key is None else {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}
        with _telling():
            client = self._client(access, region)
            # A caller in the wrong region is told so instead of being led to the right one: no export across regions.
            client.meta.events.register_last("before-call.s3", _stay)
            client.put_object(Bucket=bucket, Key=key, Body=content, **encryption)

    def _client(self, access: Access, region: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        return client("s3", self.endpoint, access, region)


def client(service: str, endpoint: str, access: Access, region: str) -> Any:  # noqa: ANN401 - as above
    """
    A client of boto3 for one endpoint and one pair of keys.

    Profiles, configuration files and proxies of this machine are left out: what is delivered depends on the
    request alone.
    """
    from botocore.config import Config  # noqa: PLC0415 - only who delivers needs it

    settings = Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"total_max_attempts": 1},
        proxies={},
        s3={"addressing_style": "path"},
        signature_version="s3v4",
    )
    with _making:
        return _session().client(
            service,
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id=access.key,
            aws_secret_access_key=access.secret,
            aws_session_token=access.session_token,
            config=settings,
        )


@cache
def _session() -> Any:  # noqa: ANN401 - as above
    """One session for all clients, without keys: it reads the descriptions of the services once."""
    import boto3  # noqa: PLC0415 - only who delivers needs it
    import botocore.session  # noqa: PLC0415 - as above

    nowhere = (None, None, os.devnull, None)
    plain = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": nowhere,
            "credentials_file": nowhere,
        }
    )
    return boto3.session.Session(botocore_session=plain)


def _stay(params: dict[str, Any], **_: object) -> None:
    params["context"].setdefault("s3_redirect", {})["redirected"] = True


@contextmanager
def _telling() -> Iterator[None]:
    """Turn what boto3 raises into `Rejected`, without the values it was given: they may be secret."""
    from botocore.exceptions import (  # noqa: PLC0415 - only who delivers needs it
        BotoCoreError,
        ClientError,
        EndpointConnectionError,
    )

    try:
        yield
    except ClientError as error:
        said = error.response.get("Error", {})
        raise Rejected(said.get("Code", "Unknown"), said.get("Message", "the store gave no reason")) from None
    except EndpointConnectionError as error:
        raise Rejected("EndpointConnectionError", str(error)) from None
    except (BotoCoreError, ValueError) as error:
        raise Rejected(type(error).__name__, "the request to the store could not be made") from None
