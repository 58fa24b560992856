"""What went wrong at S3, in sentences of our own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from reconciler.deliveries.source import (
    NotAllowed,
    NotThere,
    PlaceMissing,
    SourceError,
    Unreachable,
)

# Codes of the S3 API reference, "Error responses", and of AWS STS and KMS; read 2026-11.
_SIGN_IN = "check the credentials, and that they have not expired"
_DENIED = (
    "allow s3:ListBucket and s3:GetObject (and kms:Decrypt for an encrypted object), "
    "and say `requesterPays` for a bucket whose readers pay"
)
_REFUSED: Mapping[str, tuple[type[SourceError], str, str]] = {
    "NoSuchKey": (NotThere, "there is no such object", "check the name; it may have expired"),
    "404": (NotThere, "there is no such object", "check the name; it may have expired"),
    "NotFound": (NotThere, "there is no such object", "check the name; it may have expired"),
    "NoSuchBucket": (PlaceMissing, "there is no such bucket", "check its name"),
    "AccessDenied": (NotAllowed, "access is denied", _DENIED),
    "403": (NotAllowed, "access is denied", _DENIED),
    "Forbidden": (NotAllowed, "access is denied", _DENIED),
    "AllAccessDisabled": (NotAllowed, "the owner has disabled all access", "ask the bucket's owner"),
    "AccountProblem": (NotAllowed, "the owner's account has a problem", "ask the bucket's owner"),
    "InvalidAccessKeyId": (NotAllowed, "the server does not know the access key", _SIGN_IN),
    "InvalidClientTokenId": (NotAllowed, "the server does not know the access key", _SIGN_IN),
    "UnrecognizedClientException": (NotAllowed, "the server does not know the access key", _SIGN_IN),
    "SignatureDoesNotMatch": (NotAllowed, "the secret key does not belong to the access key", _SIGN_IN),
    "ExpiredToken": (NotAllowed, "the session has expired", "sign in again"),
    "ExpiredTokenException": (NotAllowed, "the session has expired", "sign in again"),
    "RequestExpired": (NotAllowed, "the session has expired", "sign in again"),
    "InvalidToken": (NotAllowed, "the session's token is not valid", "sign in again"),
    "RequestTimeTooSkewed": (NotAllowed, "this machine's clock is wrong", "set the clock"),
    "InvalidObjectState": (SourceError, "it lies in an archive", "restore it first"),
    "PermanentRedirect": (SourceError, "the bucket lies in another region", "say its `region`"),
    "301": (SourceError, "the bucket lies in another region", "say its `region`"),
    "AuthorizationHeaderMalformed": (SourceError, "the bucket lies in another region", "say its `region`"),
    "InvalidBucketName": (PlaceMissing, "the server does not accept the bucket's name", "check it"),
    "SlowDown": (Unreachable, "the server asks to slow down, to the last", "run again later"),
    "Throttling": (Unreachable, "the server asks to slow down, to the last", "run again later"),
    "ThrottlingException": (Unreachable, "the server asks to slow down, to the last", "run again later"),
    "RequestLimitExceeded": (Unreachable, "the server asks to slow down, to the last", "run again later"),
}


@contextmanager
def explained(where: str, broken: type[Exception]) -> Iterator[None]:
    """Turns every way in which the library fails into a `SourceError`, and a cut answer into `broken`."""
    from botocore import exceptions as wrong  # noqa: PLC0415 - loads the cloud's library, as the caller is about to
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    try:
        yield
    except wrong.ClientError as error:
        raise refused(where, error) from None
    except (wrong.NoCredentialsError, wrong.PartialCredentialsError):
        help = "sign in (`aws sso login`) or give keys"
        raise NotAllowed(where, "no credentials were found", help) from None
    except wrong.ProfileNotFound:
        raise NotAllowed(where, "the profile is not configured", "check the profile's name") from None
    except (
        wrong.SSOError,
        wrong.TokenRetrievalError,
        wrong.CredentialRetrievalError,
        wrong.MetadataRetrievalError,
        wrong.RefreshWithMFAUnsupportedError,
    ):
        raise NotAllowed(where, "the credentials could not be renewed", "sign in again") from None
    except wrong.SSLError:
        help = "set AWS_CA_BUNDLE when it is your own server's"
        raise Unreachable(where, "the server's certificate is not trusted", help) from None
    except (wrong.ConnectTimeoutError, wrong.EndpointConnectionError, wrong.ProxyConnectionError):
        help = "check the network, the endpoint and the region"
        raise Unreachable(where, "the server cannot be reached", help) from None
    except wrong.ReadTimeoutError:
        raise broken from None
    except (wrong.HTTPClientError, wrong.IncompleteReadError):
        raise broken from None
    except ResponseParserError:
        help = "check the endpoint, and whether a proxy answers in its place"
        raise Unreachable(where, "what answers does not speak S3", help) from None
    except (wrong.BotoCoreError, ValueError) as error:
        name = type(error).__name__
        raise SourceError(
            where, f"the cloud's library refuses it ({name})", "check the settings of the place"
        ) from None


def refused(where: str, error: Exception) -> SourceError:
    """The server's refusal; its code is a word of the API, its sentence is not repeated."""
    response = getattr(error, "response", {})
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    kind, reason, help = (
        _REFUSED.get(code)
        or _REFUSED.get(str(status))
        or (
            (Unreachable, f"the server failed ({status}), to the last", "run again later")
            if status >= 500 or status == 429
            else (SourceError, f"the server answered {status} `{code}`", "see the reference of its API")
        )
    )
    if code.startswith("KMS."):
        kind, reason, help = NotAllowed, f"its key cannot be used ({code})", "allow kms:Decrypt with that key"
    return kind(where, reason, help)
