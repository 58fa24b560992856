"""Who holds the lock."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciler.engine.codec import CodecError, decode_object, encode_object, from_json, to_json

_WHO = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILDKITE_BUILD_AUTHOR", "CIRCLE_USERNAME", "LOGNAME", "USER")
_RUN = ("CI_JOB_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL", "BUILD_URL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """One command that holds the lock: `id` is drawn for each, `ci_run` is the address of the CI run it belongs to."""

    id: str
    who: str
    operation: str
    host: str
    pid: int
    since: datetime
    ci_run: str | None = None

    def __str__(self) -> str:
        run = f", {self.ci_run}" if self.ci_run else ""
        return (
            f"`{self.operation}` of {self.who} on {self.host} (process {self.pid}) "
            f"since {self.since:%Y-%m-%d %H:%M:%S %Z}{run}, lock id `{self.id}`"
        )

    @classmethod
    def here(cls, operation: str, environ: Mapping[str, str], *, now: datetime) -> Holder:
        """The process we are, running `operation`; names and the CI run's address come from `environ`."""
        return cls(
            id=uuid.uuid4().hex,
            who=_first(environ, _WHO) or "unknown",
            operation=operation,
            host=socket.gethostname(),
            pid=os.getpid(),
            since=now,
            ci_run=_ci_run(environ),
        )


def write_holder(holder: Holder) -> bytes:
    """The text that stands in the lock."""
    return to_json(encode_object(Holder, holder))


def read_holder(body: bytes) -> Holder | None:
    """Whom the text names; None when it is empty or only half written."""
    try:
        return decode_object(Holder, from_json(body))
    except CodecError:
        return None


def _ci_run(environ: Mapping[str, str]) -> str | None:
    github = [environ.get(f"GITHUB_{word}") for word in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    if all(github):
        return "{}/{}/actions/runs/{}".format(*github)
    return _first(environ, _RUN)


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environ[name] for name in names if environ.get(name)), None)
