"""
An object store to deliver to: S3, STS and IAM on this machine, with credentials that are really checked.

For tests, the demo and rehearsals. It needs moto, in a process of its own (see `objects_server`).
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from urllib.request import urlopen

from reconciler.emulator.uploads import Access, client

_PUBLIC = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
_HOME = "us-east-1"


class ObjectStore:
    """
    A served object store, on the loopback interface only and on a port of its own choosing.

    `keys` are the static keys of a user who may write and read objects and assume the role `role_arn`;
    `administrator` may do everything. Use `ObjectStore.start()`, as a context manager or with `stop`.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", setup: dict[str, Any]) -> None:
        self._process = process
        self._clients: dict[tuple[str, str, Access], Any] = {}
        self.endpoint: str = setup["endpoint"]
        self.keys = Access(**setup["exporter"])
        self.administrator = Access(**setup["administrator"])
        self.role_arn: str = setup["role"]

    @classmethod
    def start(cls) -> Self:
        """Start a store that holds nothing; takes a second or two. Raises `RuntimeError` when it cannot."""
        # Nothing of this machine's cloud settings reaches it.
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
        process = subprocess.Popen(
            [sys.executable, "-m", "reconciler.emulator.objects_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**clean, "INITIAL_NO_AUTH_ACTION_COUNT": "0"},
            # A Ctrl-C is for the one who started it; it ends when its standard input does.
            process_group=0,
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            _end(process)
            raise RuntimeError("the object store did not start: is `moto[server,s3,iam,sts]` installed?")
        return cls(process, json.loads(line))

    def stop(self) -> None:
        """End the store and everything in it. May be called twice."""
        _end(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def client(self, service: str = "s3", *, region: str = _HOME, access: Access | None = None) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """A client of boto3 for `s3`, `sts` or `iam`, the administrator's unless told otherwise."""
        who = access or self.administrator
        made = self._clients.get((service, region, who))
        if made is None:
            made = self._clients[service, region, who] = client(service, self.endpoint, who, region)
        return made

    # What exists.

    def make_bucket(self, name: str, region: str = _HOME) -> str:
        """A new bucket; returns its name."""
        where = {} if region == _HOME else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        self.client(region=region).create_bucket(Bucket=name, **where)
        return name

    def guard(self, bucket: str) -> None:
        """Let nothing make the bucket public, and encrypt what is put there."""
        s3 = self._at(bucket)
        all_of_it = dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        )
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=all_of_it)
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})

    def make_public(self, bucket: str) -> None:
        """Let everybody read the objects of a bucket."""
        statement = {**_PUBLIC, "Resource": f"arn:aws:s3:::{bucket}/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._at(bucket).put_bucket_policy(Bucket=bucket, Policy=policy)

    def make_user(self, name: str, actions: Sequence[str], resources: Sequence[str] = ("*",)) -> Access:
        """A user who may do these things and no other; returns the static keys."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="policy", PolicyDocument=policy)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return Access(key=made["AccessKeyId"], secret=made["SecretAccessKey"])

    def assume_role(
        self, session: str = "example", seconds: int = 3600, policy: Mapping[str, Any] | None = None
    ) -> Access:
        """Temporary keys of the role, for the user with the static ones; a session `policy` narrows what they may."""
        sts = self.client("sts", access=self.keys)
        narrowed = {} if policy is None else {"Policy": json.dumps(policy)}
        answer = sts.assume_role(RoleArn=self.role_arn, RoleSessionName=session, DurationSeconds=seconds, **narrowed)
        made = answer["Credentials"]
        return Access(key=made["AccessKeyId"], secret=made["SecretAccessKey"], session_token=made["SessionToken"])

    def expire(self, access: Access) -> None:
        """Let keys be over before their time."""
        with urlopen(f"{self.endpoint}/_store/expire?key={quote(access.key)}") as answer:  # noqa: S310 - loopback
            answer.read()

    # What was delivered.

    def objects(self, bucket: str, prefix: str = "") -> dict[str, bytes]:
        """The objects of a bucket by key, whole."""
        s3 = self._at(bucket)
        found: dict[str, bytes] = {}
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for row in page.get("Contents", []):
                found[row["Key"]] = s3.get_object(Bucket=bucket, Key=row["Key"])["Body"].read()
        return found

    def head(self, bucket: str, key: str) -> dict[str, Any]:
        """What S3 says about an object."""
        found: dict[str, Any] = self._at(bucket).head_object(Bucket=bucket, Key=key)
        return found

    def remove(self, bucket: str, key: str) -> None:
        """Delete one object."""
        self._at(bucket).delete_object(Bucket=bucket, Key=key)

    def empty(self) -> None:
        """Delete every bucket and what is in it; users and the role stay."""
        for bucket in [row["Name"] for row in self.client().list_buckets()["Buckets"]]:
            s3 = self._at(bucket)
            for key in self.objects(bucket):
                s3.delete_object(Bucket=bucket, Key=key)
            s3.delete_bucket(Bucket=bucket)

    def region_of(self, bucket: str) -> str:
        """Where a bucket lies."""
        found = self.client().get_bucket_location(Bucket=bucket)["LocationConstraint"]
        return str(found) if found else _HOME

    def _at(self, bucket: str) -> Any:  # noqa: ANN401 - as `client`
        return self.client(region=self.region_of(bucket))


def _end(process: "subprocess.Popen[bytes]") -> None:
    with ExitStack() as closing:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                closing.callback(pipe.close)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
