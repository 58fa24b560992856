"""The comments of one pull request, as GitHub and GitLab keep them. Which comment is ours is decided elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reconciler.operations.clock import Clock
from reconciler.operations.failures import Denied, Failure, Misused
from reconciler.sdk import Reply, SafeRequest
from reconciler.transport import Gate, Transport

_PAGE = 100
"""Comments of one page, the most that both give ("per_page", GitHub REST and GitLab REST; not tried there)."""
_PAGES = 1_000
_LONGEST_WAIT = 300.0
"""Seconds to wait in all for a rate limit that is answered with 403."""
_BOT = "github-actions[bot]"
"""Who writes with the token that GitHub Actions gives a job; that token may not ask who it is."""
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_PULL = re.compile(r"refs/pull/(\d{1,9})/(?:merge|head)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """One comment: its id, who wrote it, and what it says."""

    id: int
    author: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a forge says of a comment that was just written: who wrote it, and where people find it."""

    author: str
    address: str


class Forge(Protocol):
    """The comments of one pull request. All raise `Denied` for a token that may not, and what the transport raises."""

    limit: int
    """Characters that one comment may have."""

    def author(self) -> str:
        """Who writes with the token, as far as it can be known beforehand."""
        ...

    def comments(self) -> Iterator[Comment]:
        """All comments, from every page, oldest first."""
        ...

    def create(self, body: str) -> Written:
        """Write a new comment."""
        ...

    def update(self, comment: Comment, body: str) -> Written:
        """Let the comment say something else."""
        ...

    def delete(self, comment: Comment) -> None:
        """Take the comment away; one that is gone already is no error."""
        ...


def forge_of(environ: Mapping[str, str], clock: Clock, *, author: str | None = None) -> Forge:
    """
    The pull request that this CI job is of, by the variables that GitHub and GitLab set.

    `author` is who writes with the token, where the token itself may not ask. Raises `Misused` when the job is of
    none, and `Denied` without a token.
    """
    if environ.get("GITHUB_REPOSITORY"):
        return _github(environ, clock, author or _BOT)
    if environ.get("CI_PROJECT_ID"):
        return _gitlab(environ, clock)
    raise Misused(
        "this is no job of a pull request: neither `GITHUB_REPOSITORY` nor `CI_PROJECT_ID` is set",
        help="outside of CI set the variables that docs/ci.md names",
    )


def _github(environ: Mapping[str, str], clock: Clock, author: str) -> Forge:
    repository = environ["GITHUB_REPOSITORY"]
    if not _REPOSITORY.fullmatch(repository) or {".", ".."} & set(repository.split("/")):
        raise Misused("`GITHUB_REPOSITORY` is not of the form `owner/name`")
    number = _number(environ)
    token = _token(environ, "GITHUB_TOKEN")
    base = environ.get("GITHUB_API_URL") or "https://api.github.com"
    caller = _Caller("GitHub", base, {"Authorization": f"Bearer {token}", "X-GitHub-Api-Version": "2022-11-28"}, clock)
    caller.hide(token)
    return _GitHub(caller, repository, number, author)


def _gitlab(environ: Mapping[str, str], clock: Clock) -> Forge:
    project, number = environ["CI_PROJECT_ID"], environ.get("CI_MERGE_REQUEST_IID", "")
    if not re.fullmatch(r"\d{1,12}", project):
        raise Misused("`CI_PROJECT_ID` is not a number")
    if not re.fullmatch(r"\d{1,9}", number):
        raise Misused(
            "this job is of no merge request: `CI_MERGE_REQUEST_IID` is not set",
            help="run it in a pipeline of merge requests",
        )
    token = _token(environ, "GITLAB_TOKEN")
    base = environ.get("CI_API_V4_URL") or "https://gitlab.com/api/v4"
    caller = _Caller("GitLab", base, {"PRIVATE-TOKEN": token}, clock)
    caller.hide(token)
    return _GitLab(caller, project, number)


def _number(environ: Mapping[str, str]) -> str:
    """The pull request's number: from the event, else from the name of what was checked out."""
    path = environ.get("GITHUB_EVENT_PATH")
    if path:
        try:
            event = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            event = None
        found = event.get("pull_request") if isinstance(event, dict) else None
        number = found.get("number") if isinstance(found, dict) else None
        if isinstance(number, int) and number > 0:
            return str(number)
    named = _PULL.fullmatch(environ.get("GITHUB_REF", ""))
    if named is None:
        raise Misused(
            "this job is of no pull request: neither its event nor `GITHUB_REF` names one",
            help="run it on `pull_request`",
        )
    return named[1]


def _token(environ: Mapping[str, str], name: str) -> str:
    token = environ.get(name, "").strip()
    if not token:
        raise Denied(f"`{name}` is not set, so nobody may comment", help="give the job a token that may comment")
    if not token.isascii() or not token.isprintable():
        raise Denied(f"`{name}` holds what no token holds")
    return token


class _Caller:
    """Requests to one forge: waits out its limits, and says in words what a token may not do."""

    def __init__(self, name: str, base_url: str, headers: Mapping[str, str], clock: Clock) -> None:
        safe = [
            SafeRequest(method="GET", path="/user"),
            *(SafeRequest(method="GET", path=path) for path in (_GITHUB_LIST, _GITLAB_LIST)),
        ]
        self.name = name
        self._headers = headers
        self._clock = clock
        gate = Gate()
        gate.open()
        try:
            self._transport = Transport(
                base_url,
                safe=safe,
                gate=gate,
                clock=clock.monotonic,
                now=clock.now,
                sleep=clock.sleep,
                deadline=_LONGEST_WAIT,
            )
        except ValueError as error:
            raise Misused(f"the address of {name}'s API cannot be used: {error}") from None

    def hide(self, token: str) -> None:
        """Never show the token."""
        self._transport.hide(token)

    def ask(self, method: str, path: str, *, page: int | None = None, json: object = None) -> Reply:
        """The answer, when the forge did what was asked or the thing is not there; raises `Denied` and `Failure`."""
        query = () if page is None else (("per_page", str(_PAGE)), ("page", str(page)))
        waited = 0.0
        while True:
            reply = self._transport.request(method, path, query=query, json=json, headers=self._headers)
            wait = self._limited(reply)
            if wait is None:
                return reply
            waited += wait
            if waited > _LONGEST_WAIT:
                raise Failure(f"{self.name}'s rate limit is used up for {wait:.0f} s more; run this again later")
            self._clock.sleep(wait)

    def _limited(self, reply: Reply) -> float | None:
        """
        Seconds to wait, when a 403 is a rate limit and no lack of permission.

        GitHub's primary limit says `x-ratelimit-remaining: 0` and when it ends, the secondary one `retry-after`
        ("Rate limits for the REST API"; as known, not tried there). Nothing was done then, whatever the method.
        """
        if reply.status != 403:
            return None
        after, reset = reply.headers.get("retry-after", ""), reply.headers.get("x-ratelimit-reset", "")
        if re.fullmatch(r"\d{1,6}", after):
            return max(1.0, float(after))
        if reply.headers.get("x-ratelimit-remaining") == "0" and re.fullmatch(r"\d{1,12}", reset):
            return max(1.0, float(reset) - self._clock.now().timestamp())
        return None

    def need(self, reply: Reply, needed: str) -> Reply:
        """The answer, if it is good news. `needed` is the permission that a token must have."""
        if reply.status == 401:
            raise Denied(f"{self.name} does not accept the token")
        if reply.status in (403, 404):
            raise Denied(
                f"{self.name} answered {reply.status}: no such pull request, or the token may not comment on it",
                help=f"the token needs {needed}",
            )
        if not 200 <= reply.status < 300:
            raise Failure(f"{self.name} answered {reply.status} and did not do what was asked")
        return reply


_GITHUB_LIST = "/repos/{}/{}/issues/{}/comments"
_GITLAB_LIST = "/projects/{}/merge_requests/{}/notes"


class _GitHub:
    limit = 65_536
    _NEEDED = "`pull-requests: write` (`permissions` of the workflow; a fork's pull request has no such token)"

    def __init__(self, caller: _Caller, repository: str, number: str, author: str) -> None:
        self._caller = caller
        self._otherwise = author
        self._all = f"/repos/{repository}/issues/{number}/comments"
        self._one = f"/repos/{repository}/issues/comments"

    def author(self) -> str:
        reply = self._caller.ask("GET", "/user")
        if reply.status == 403:  # "Resource not accessible by integration": an app's token, Actions' own among them
            return self._otherwise
        found = self._caller.need(reply, self._NEEDED).body
        return _text(found, "login", self._caller.name)

    def comments(self) -> Iterator[Comment]:
        for page in range(1, _PAGES + 1):
            reply = self._caller.need(self._caller.ask("GET", self._all, page=page), self._NEEDED)
            yield from _read(reply.body, "user", "login", self._caller.name)
            if 'rel="next"' not in reply.headers.get("link", ""):
                return

    def create(self, body: str) -> Written:
        reply = self._caller.need(self._caller.ask("POST", self._all, json={"body": body}), self._NEEDED)
        return _written(reply.body, "user", "login")

    def update(self, comment: Comment, body: str) -> Written:
        path = f"{self._one}/{comment.id}"
        reply = self._caller.need(self._caller.ask("PATCH", path, json={"body": body}), self._NEEDED)
        return _written(reply.body, "user", "login")

    def delete(self, comment: Comment) -> None:
        reply = self._caller.ask("DELETE", f"{self._one}/{comment.id}")
        if reply.status != 404:
            self._caller.need(reply, self._NEEDED)


class _GitLab:
    limit = 1_000_000
    _NEEDED = "the scope `api` and the role Reporter (a job's own `CI_JOB_TOKEN` may not comment)"

    def __init__(self, caller: _Caller, project: str, number: str) -> None:
        self._caller = caller
        self._all = f"/projects/{project}/merge_requests/{number}/notes"

    def author(self) -> str:
        reply = self._caller.need(self._caller.ask("GET", "/user"), self._NEEDED)
        return _text(reply.body, "username", self._caller.name)

    def comments(self) -> Iterator[Comment]:
        for page in range(1, _PAGES + 1):
            reply = self._caller.need(self._caller.ask("GET", self._all, page=page), self._NEEDED)
            yield from sorted(_read(reply.body, "author", "username", self._caller.name), key=lambda each: each.id)
            if not reply.headers.get("x-next-page"):
                return

    def create(self, body: str) -> Written:
        reply = self._caller.need(self._caller.ask("POST", self._all, json={"body": body}), self._NEEDED)
        return _written(reply.body, "author", "username")

    def update(self, comment: Comment, body: str) -> Written:
        path = f"{self._all}/{comment.id}"
        reply = self._caller.need(self._caller.ask("PUT", path, json={"body": body}), self._NEEDED)
        return _written(reply.body, "author", "username")

    def delete(self, comment: Comment) -> None:
        reply = self._caller.ask("DELETE", f"{self._all}/{comment.id}")
        if reply.status != 404:
            self._caller.need(reply, self._NEEDED)


def _read(body: object, author: str, login: str, forge: str) -> Iterator[Comment]:
    """The comments of a page; one whose writer is gone has no author, and is nobody's that could be ours."""
    if not isinstance(body, list):
        raise Failure(f"{forge} answered something that is no list of comments")
    for each in body:
        id = each.get("id") if isinstance(each, dict) else None
        text = each.get("body") if isinstance(each, dict) else None
        who = each.get(author) if isinstance(each, dict) else None
        if not isinstance(id, int) or isinstance(id, bool) or id < 1:
            raise Failure(f"{forge} answered a comment without an id")
        name = who.get(login) if isinstance(who, dict) else None
        yield Comment(id=id, author=name if isinstance(name, str) else "", body=text if isinstance(text, str) else "")


def _text(body: object, key: str, forge: str) -> str:
    value = body.get(key) if isinstance(body, dict) else None
    if not isinstance(value, str) or not value:
        raise Failure(f"{forge} does not say whose the token is")
    return value


def _written(body: object, author: str, login: str) -> Written:
    who = body.get(author) if isinstance(body, dict) else None
    name = who.get(login) if isinstance(who, dict) else None
    address = body.get("html_url") if isinstance(body, dict) else None  # GitLab gives a note no address
    return Written(author=name if isinstance(name, str) else "", address=address if isinstance(address, str) else "")
