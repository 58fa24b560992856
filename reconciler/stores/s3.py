"""A store in an S3 bucket, at AWS or at any server that refuses a second `If-None-Match: *`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from reconciler.stores.contract import (
    AlreadyThere,
    NotThere,
    StoreError,
    StoreOptions,
    checked_name,
    checked_prefix,
)

_ATTEMPTS = 4
"""Sendings of one request: the library repeats what failed on the way, 5xx and throttling, with growing rests."""

_CONFLICTS = 6
_PAUSE = 0.1
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 20.0

# Codes of the S3 API reference, "Error responses", and of AWS STS and KMS; read 2026-11.
_ADVICE: Mapping[str, str] = {
    "NoSuchBucket": "there is no such bucket; make it, or correct `state` in the project file",
    "AccessDenied": "access is denied; the state needs s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket "
    "(and use of the key, when one is named)",
    "AllAccessDisabled": "the bucket's owner has disabled all access",
    "InvalidAccessKeyId": "the server does not know the access key; check the credentials of this machine",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key; check the credentials of this machine",
    "ExpiredToken": "the session's token has expired; sign in again and run again",
    "InvalidToken": "the session's token is not valid; sign in again and run again",
    "RequestTimeTooSkewed": "this machine's clock differs from the server's by more than it accepts; set the clock",
    "PermanentRedirect": "the bucket lies in another region; say `region` in the project file's `state`",
    "InvalidBucketName": "the server does not accept the bucket's name; correct `state` in the project file",
    "NotImplemented": "the server does not know conditional writes (`If-None-Match`), without which no state is safe; "
    "use another server",
    "InvalidEncryptionAlgorithmError": "the server does not know this `encryption`",
    "SlowDown": "the server asks to slow down and did so to the last; run again later",
    "InternalError": "the server failed, to the last; run again later",
}
_SAME: Mapping[str, str] = {
    "403": "AccessDenied",
    "Forbidden": "AccessDenied",
    "AccountProblem": "AllAccessDisabled",
    "NotSignedUp": "AllAccessDisabled",
    "ExpiredTokenException": "ExpiredToken",
    "RequestExpired": "ExpiredToken",
    "TokenRefreshRequired": "ExpiredToken",
    "InvalidSecurity": "InvalidAccessKeyId",
    "301": "PermanentRedirect",
    "AuthorizationHeaderMalformed": "PermanentRedirect",
    "IllegalLocationConstraintException": "PermanentRedirect",
    "TooManyRequests": "SlowDown",
    "Throttling": "SlowDown",
    "ThrottlingException": "SlowDown",
    "RequestLimitExceeded": "SlowDown",
    "429": "SlowDown",
    "500": "InternalError",
    "502": "InternalError",
    "503": "SlowDown",
    "504": "InternalError",
    "ServiceUnavailable": "SlowDown",
}


class S3Store:
    """
    Objects under one prefix of a bucket. Safe to share between threads; the client is made by the first call.

    Credentials, region and proxies are found by the cloud's library, in the places that it documents.
    """

    def __init__(self, bucket: str, prefix: str, options: StoreOptions) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._options = options
        self._made: Any = None  # the library writes its clients' methods at run time
        self._making = threading.Lock()

    def where(self, name: str) -> str:
        """The object's address."""
        return f"s3://{self._bucket}/{self._prefix}{name}"

    def create(self, name: str, body: bytes) -> None:
        """See `Store.create`; a repeated sending of one's own may find what the first has made: `AlreadyThere`."""
        key = self._key(name)
        for attempt in range(1, _CONFLICTS + 1):
            try:
                with self._explained("write", name):
                    self._client().put_object(
                        Bucket=self._bucket,
                        Key=key,
                        Body=body,
                        ContentType="application/json",
                        IfNoneMatch="*",
                        **self._encryption(),
                    )
            except _Conflict:
                # Another write of the same name is under way: "retry the upload" (S3 user guide, "Conditional writes").
                time.sleep(_PAUSE * attempt)
            else:
                return
        raise StoreError(f"cannot write `{self.where(name)}`: others write it all the time; run again")

    def read(self, name: str) -> bytes:
        """See `Store.read`."""
        key = self._key(name)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self._explained("read", name):
                    body: bytes = self._client().get_object(Bucket=self._bucket, Key=key)["Body"].read()
                    return body
            except _Broken:  # the library repeats a request, but not the reading of its answer
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(_PAUSE * attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def list(self, prefix: str) -> Sequence[str]:
        """See `Store.list`; every page. A name that ends with a slash is a folder of the console and no object."""
        start = self._prefix + checked_prefix(prefix)
        with self._explained("list", prefix):
            pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=start)
            keys = [str(each["Key"]) for page in pages for each in page.get("Contents", ())]
        return sorted(key.removeprefix(self._prefix) for key in keys if not key.endswith("/"))

    def delete(self, name: str) -> None:
        """See `Store.delete`."""
        key = self._key(name)
        with self._explained("delete", name):
            self._client().delete_object(Bucket=self._bucket, Key=key)

    def _key(self, name: str) -> str:
        return self._prefix + checked_name(name)

    def _encryption(self) -> dict[str, str]:
        """How the object is to be encrypted; a key without a word for it means KMS. By default the bucket decides."""
        key = self._options.kms_key
        how = self._options.encryption or ("aws:kms" if key else None)
        return {
            **({"ServerSideEncryption": how} if how else {}),
            **({"SSEKMSKeyId": key} if key else {}),
        }

    def _client(self) -> Any:  # noqa: ANN401 - see where it is kept
        with self._making:  # making a client is not safe in two threads, using it is
            if self._made is None:
                self._made = self._connect()
            return self._made

    def _connect(self) -> Any:  # noqa: ANN401 - as above
        import boto3  # noqa: PLC0415 - takes a third of a second, which only its users should wait
        from botocore.config import Config  # noqa: PLC0415

        options = self._options
        # Servers elsewhere know neither one host name per bucket nor the checksums that the library adds since 1.36.
        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        )
        if options.endpoint is not None:
            config = config.merge(
                Config(
                    s3={"addressing_style": "path"},
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                )
            )
        session = boto3.session.Session(region_name=options.region)
        # S3 needs some region for its signature; where a server of one's own has none, any will do.
        region = session.region_name or ("us-east-1" if options.endpoint else None)
        return session.client("s3", endpoint_url=options.endpoint, region_name=region, config=config)

    @contextmanager
    def _explained(self, doing: str, name: str) -> Iterator[None]:
        # Every way this can fail is a sentence of our own: the library's may hold addresses signed with credentials.
        from botocore import exceptions as gone_wrong  # noqa: PLC0415 - as above

        where = self.where(name)

        def sentence(reason: str) -> str:
            return f"cannot {doing} `{where}`: {reason}"

        try:
            yield
        except gone_wrong.ClientError as error:
            raise self._refused(where, sentence, error.response) from None
        except (gone_wrong.NoCredentialsError, gone_wrong.PartialCredentialsError):
            reason = "no credentials were found; sign in (`aws sso login`) or set AWS_ACCESS_KEY_ID and its secret"
            raise StoreError(sentence(reason)) from None
        except (
            gone_wrong.SSOError,
            gone_wrong.TokenRetrievalError,
            gone_wrong.CredentialRetrievalError,
            gone_wrong.MetadataRetrievalError,
        ):
            raise StoreError(sentence("the credentials could not be renewed; sign in again and run again")) from None
        except gone_wrong.ProfileNotFound:
            raise StoreError(sentence("AWS_PROFILE names a profile that is not configured")) from None
        except (gone_wrong.NoRegionError, gone_wrong.InvalidRegionError):
            raise StoreError(sentence("the region is not one; say `region` in the project file's `state`")) from None
        except gone_wrong.SSLError:
            reason = "the server's certificate is not trusted; set AWS_CA_BUNDLE when it is your own server's"
            raise StoreError(sentence(reason)) from None
        except (gone_wrong.ConnectTimeoutError, gone_wrong.EndpointConnectionError, gone_wrong.ProxyConnectionError):
            reason = "the server cannot be reached; check the network, `endpoint` and `region`, and run again"
            raise StoreError(sentence(reason)) from None
        except (gone_wrong.HTTPClientError, gone_wrong.IncompleteReadError):
            raise _Broken(sentence("the connection broke or fell silent, to the last; run again")) from None
        except (gone_wrong.ParamValidationError, gone_wrong.BotoCoreError) as error:
            raise StoreError(sentence(f"the cloud's library refuses it ({type(error).__name__})")) from None

    def _refused(self, where: str, sentence: Any, response: Any) -> StoreError:  # noqa: ANN401 - the library's answer
        code = str(response.get("Error", {}).get("Code", ""))
        status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if status == 412 or code == "PreconditionFailed":
            return AlreadyThere(where)
        if code == "NoSuchKey":
            return NotThere(where)
        if code in ("ConditionalRequestConflict", "OperationAborted"):
            return _Conflict(str(sentence("others write it all the time; run again")))
        code = _SAME.get(code, code)
        if code.startswith("KMS."):
            reason = f"the key of `kmsKey` cannot be used ({code}); check its name, its state and your permission"
        elif code in _ADVICE:
            reason = _ADVICE[code]
        else:
            reason = _ADVICE.get(_SAME.get(str(status), ""), f"the server answered {status} `{code}`")
        return StoreError(str(sentence(reason)))


class _Conflict(StoreError):
    """Another write of the same name was under way; neither may have won."""


class _Broken(StoreError):
    """The answer did not come, or not as a whole."""
