"""
The process behind `ObjectStore`: moto's S3, STS and IAM with credentials enforced, on a free loopback port.

It has a process of its own because moto keeps one world per process, and because who enforces credentials does so
for everybody in it. It prints one line of JSON when it answers requests and ends when its standard input does.
Where moto is kinder than AWS it is made as strict: keys that are over, temporary keys without their token,
session policies, anonymous callers, and requests signed for another region than the bucket's (AWS, "Error responses").
"""

import json
import re
import sys
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs, quote
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

ACCOUNT = "123456789012"
EXPORTER = "exporter"
ROLE = "delivery"

_CREDENTIAL = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/\d+/([^/,\s]+)/([^/,\s]+)/")
_WRITING = ["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload", "s3:ListBucket", "s3:GetBucketLocation"]
_LOOKING = ["s3:GetBucketPolicyStatus", "s3:GetBucketPublicAccessBlock", "s3:GetEncryptionConfiguration"]
"""To see how a bucket is guarded."""

_Environ = dict[str, Any]
_Start = Callable[..., Any]


class _Store:
    """Moto's application, with a doorkeeper in front."""

    def __init__(self) -> None:
        from moto.backends import get_backend  # noqa: PLC0415 - only this process needs it
        from moto.moto_server.werkzeug_app import (  # noqa: PLC0415 - as above
            DomainDispatcherApplication,
            create_backend_app,
        )

        self._app: Any = DomainDispatcherApplication(create_backend_app)
        self._s3: Any = get_backend("s3")[ACCOUNT]["aws"]
        self._sts: Any = get_backend("sts")[ACCOUNT]["aws"]
        self._iam: Any = get_backend("iam")[ACCOUNT]["aws"]
        self._expired: set[str] = set()

    def found(self) -> dict[str, Any]:
        """Make an administrator, a user with static keys and a role that the user may assume."""
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        writing = {"Effect": "Allow", "Action": [*_WRITING, *_LOOKING], "Resource": "*"}
        assuming = {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:GetCallerIdentity"], "Resource": "*"}
        trust = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{EXPORTER}"},
            "Action": "sts:AssumeRole",
        }
        administrator = self._user("administrator", [everything])
        exporter = self._user(EXPORTER, [writing, assuming])
        role = self._iam.create_role(
            role_name=ROLE,
            assume_role_policy_document=_policy([trust]),
            path="/",
            permissions_boundary=None,
            description="",
            tags=[],
            max_session_duration="43200",
        )
        self._iam.put_role_policy(ROLE, "delivery", _policy([writing]))
        return {"administrator": administrator, "exporter": exporter, "role": role.arn}

    def __call__(self, environ: _Environ, start: _Start) -> Iterable[bytes]:
        """Let a request through to moto, or refuse it as AWS would."""
        if environ["PATH_INFO"] == "/_store/expire":
            self._expired.update(parse_qs(environ["QUERY_STRING"]).get("key", []))
            return _answer(start, "204 No Content", b"")
        signed = _CREDENTIAL.match(environ.get("HTTP_AUTHORIZATION", ""))
        bucket, _, key = environ["PATH_INFO"].lstrip("/").partition("/")
        if signed is None:
            return self._anonymous(environ, start, bucket, key)
        refusal = self._key_refused(signed[1], environ.get("HTTP_X_AMZ_SECURITY_TOKEN"))
        if refusal is None and signed[3] == "s3":
            refusal = self._region_refused(environ, bucket, key, signed[2])
            refusal = refusal or self._session_refused(environ, bucket, key, signed[1])
        if refusal is not None:
            return _refuse(environ, start, *refusal)
        answer: Iterable[bytes] = self._app(environ, start)
        return answer

    def _key_refused(self, id: str, token: str | None) -> tuple[str, str, str] | None:
        role = next((role for role in self._sts.assumed_roles if role.access_key_id == id), None)
        if role is not None and token != role.session_token:
            return "400 Bad Request", "InvalidToken", "The provided token is malformed or otherwise invalid."
        over = role is not None and role.expiration.replace(tzinfo=UTC) <= datetime.now(UTC)
        if over or id in self._expired:
            return "400 Bad Request", "ExpiredToken", "The provided token has expired."
        return None

    def _region_refused(self, environ: _Environ, bucket: str, key: str, region: str) -> tuple[str, str, str] | None:
        known = self._s3.buckets.get(bucket)
        asks_location = "location" in parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
        if known is None or asks_location or known.region_name == region:
            return None
        if not key and not environ["QUERY_STRING"] and environ["REQUEST_METHOD"] == "PUT":
            return None  # the creation of a bucket, which answers for itself
        wrong = f"the region '{region}' is wrong; expecting '{known.region_name}'"
        message = f"The authorization header is malformed; {wrong}"
        return "400 Bad Request", "AuthorizationHeaderMalformed", message

    def _session_refused(self, environ: _Environ, bucket: str, key: str, id: str) -> tuple[str, str, str] | None:
        """A role that was assumed with a policy may do no more than both policies say."""
        from moto.iam.access_control import IAMPolicy, PermissionResult  # noqa: PLC0415 - as above

        role = next((role for role in self._sts.assumed_roles if role.access_key_id == id), None)
        if role is None or not role.policy:
            return None
        action = _action_of(environ, key)
        resource = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
        allowed = IAMPolicy(role.policy).is_action_permitted(action, resource)
        return None if allowed is PermissionResult.PERMITTED else ("403 Forbidden", "AccessDenied", "Access Denied")

    def _anonymous(self, environ: _Environ, start: _Start, bucket: str, key: str) -> Iterable[bytes]:
        known = self._s3.buckets.get(bucket)
        reads = environ["REQUEST_METHOD"] in ("GET", "HEAD") and key
        if known is None or not reads or not known.policy or not _is_public(known.policy):
            return _refuse(environ, start, "403 Forbidden", "AccessDenied", "Access Denied")
        found = self._s3.get_object(bucket, key)
        if found is None:
            return _refuse(environ, start, "404 Not Found", "NoSuchKey", "The specified key does not exist.")
        return _answer(start, "200 OK", b"" if environ["REQUEST_METHOD"] == "HEAD" else found.value)

    def _user(self, name: str, statements: list[dict[str, Any]]) -> dict[str, str]:
        self._iam.create_user("us-east-1", user_name=name)
        self._iam.put_user_policy(name, "policy", _policy(statements))
        made = self._iam.create_access_key(name)
        return {"key": made.access_key_id, "secret": made.secret_access_key}


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        # As `HTTPServer` does, without asking a name server who we are.
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _Handler(WSGIRequestHandler):
    # So that a caller that waits for `100 Continue` gets it.
    protocol_version = "HTTP/1.1"

    def get_environ(self) -> _Environ:
        """The path as it came: signatures are made over it."""
        environ = super().get_environ()
        environ["RAW_URI"] = environ["REQUEST_URI"] = self.path
        return environ

    def log_message(self, format: str, *args: Any) -> None:  # noqa: ANN401 - as the library has it
        """Say nothing."""


def _action_of(environ: _Environ, key: str) -> str:
    """The right that a request for an object or a bucket needs, for the few that deliveries make."""
    method, asked = environ["REQUEST_METHOD"], parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
    if not key:
        return "s3:GetBucketLocation" if "location" in asked else "s3:ListBucket"
    if method == "DELETE":
        return "s3:AbortMultipartUpload" if "uploadId" in asked else "s3:DeleteObject"
    return "s3:GetObject" if method in ("GET", "HEAD") else "s3:PutObject"


def _policy(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _is_public(policy: bytes | str) -> bool:
    statements = json.loads(policy).get("Statement", [])
    return any(
        one.get("Effect") == "Allow" and one.get("Principal") in ("*", {"AWS": "*"})
        for one in (statements if isinstance(statements, list) else [statements])
    )


def _refuse(environ: _Environ, start: _Start, status: str, code: str, message: str) -> Iterable[bytes]:
    where = quote(environ["PATH_INFO"])
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>'
        f"<Resource>{where}</Resource><RequestId>example</RequestId></Error>"
    )
    content = b"" if environ["REQUEST_METHOD"] == "HEAD" else text.encode()
    # What the caller still sends must be read, or it never hears the answer.
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return _answer(start, status, content, "application/xml")


def _answer(start: _Start, status: str, content: bytes, type: str = "application/octet-stream") -> Iterable[bytes]:
    start(status, [("Content-Type", type), ("Content-Length", str(len(content)))])
    return [content]


def main() -> None:
    """Serve until standard input ends."""
    store = _Store()
    setup = store.found()
    server = make_server("127.0.0.1", 0, store, server_class=_Server, handler_class=_Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    setup["endpoint"] = f"http://127.0.0.1:{server.server_port}"
    print(json.dumps(setup), flush=True)  # noqa: T201 - how the parent learns it
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
