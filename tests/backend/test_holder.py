from __future__ import annotations

import os
import socket
from datetime import UTC, datetime

import pytest

from reconciler.backend import Holder
from reconciler.backend.holder import read_holder, write_holder

NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)


def test_a_holder_is_this_process() -> None:
    holder = Holder.here("apply", {"USER": "ann"}, now=NOW)

    assert (holder.who, holder.operation, holder.host, holder.pid, holder.since, holder.ci_run) == (
        "ann",
        "apply",
        socket.gethostname(),
        os.getpid(),
        NOW,
        None,
    )


def test_every_holder_has_its_own_id() -> None:
    assert Holder.here("apply", {}, now=NOW).id != Holder.here("apply", {}, now=NOW).id


@pytest.mark.parametrize(
    ("environ", "who", "run"),
    [
        (
            {
                "GITHUB_ACTOR": "ann",
                "GITHUB_SERVER_URL": "https://github.example",
                "GITHUB_REPOSITORY": "shop/exports",
                "GITHUB_RUN_ID": "42",
                "USER": "runner",
            },
            "ann",
            "https://github.example/shop/exports/actions/runs/42",
        ),
        (
            {"GITLAB_USER_LOGIN": "ann", "CI_JOB_URL": "https://gitlab.example/jobs/1"},
            "ann",
            "https://gitlab.example/jobs/1",
        ),
        ({"BUILD_URL": "https://jenkins.example/1"}, "unknown", "https://jenkins.example/1"),
        ({"GITHUB_RUN_ID": "42", "LOGNAME": "", "USER": "ann"}, "ann", None),
    ],
)
def test_who_and_which_run_come_from_the_environment(environ: dict[str, str], who: str, run: str | None) -> None:
    holder = Holder.here("apply", environ, now=NOW)

    assert (holder.who, holder.ci_run) == (who, run)


def test_a_holder_is_read_as_it_was_written() -> None:
    holder = Holder.here("apply", {"CI_JOB_URL": "https://gitlab.example/jobs/1"}, now=NOW)

    assert read_holder(write_holder(holder)) == holder


def test_half_a_holder_is_none() -> None:
    body = write_holder(Holder.here("apply", {}, now=NOW))

    assert {read_holder(body[:end]) for end in range(len(body))} == {None}


def test_a_holder_reads_as_a_sentence() -> None:
    holder = Holder(
        id="h-1", who="ann", operation="apply", host="example", pid=7, since=NOW, ci_run="https://ci.example/1"
    )

    assert str(holder) == (
        "`apply` of ann on example (process 7) since 2026-12-01 06:00:00 UTC, https://ci.example/1, lock id `h-1`"
    )
