"""Telling webhooks what a command did. Nobody who cannot be told fails the command, or holds it up for long."""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import parse_qsl, unquote, urlsplit

from reconciler.operations.clock import Stopped
from reconciler.operations.commit import commit_of
from reconciler.operations.happenings import Happening, Touched
from reconciler.operations.workspace import Workspace
from reconciler.sdk import Reply, VendorError
from reconciler.secrets import SecretUnavailable
from reconciler.specs import NotifyFile, secret_of
from reconciler.transport import Timeouts, Transport, encoded
from reconciler.values import Problem, Severity

VERSION = "reconciler/notification/v1"
"""What the body of a notification calls its own form."""

LONGEST = 20.0
"""Seconds after which whoever has not been told is given up, all webhooks at the same time."""

_DEADLINE = 10.0
_ATTEMPTS = 4
_TIMEOUTS = Timeouts(connect=3.0, read=5.0, total=5.0)
_MOST_OBJECTS = 50
_MOST_LINES = 20
_LONGEST_TEXT = 3_000
"""Characters of a message to Slack, which cuts a section off there."""
_LONGEST_SENTENCE = 500


def notify(workspace: Workspace, happening: Happening, *, longest: float = LONGEST) -> tuple[Problem, ...]:
    """
    Tell every webhook of the project that wants to know; gives a warning for each that could not be told.

    All are told at once, each by a thread that is not waited for beyond `longest` seconds. Raises nothing of its own.
    """
    waiting = {
        position: _Telling(workspace, position, webhook, happening)
        for position, webhook in enumerate(workspace.project.notify)
        if _wants(webhook, happening)
    }
    if not waiting:
        return ()
    for each in waiting.values():
        each.start()
    until = time.monotonic() + longest
    for each in waiting.values():
        each.join(max(0.0, until - time.monotonic()))
    failures = {
        position: f"there was no end of it within {longest:g} s" if each.is_alive() else each.failure
        for position, each in waiting.items()
    }
    return tuple(
        Problem(
            code="notification-failed",
            message=workspace.redact(f"`notify[{position}]` was not told: {failure}"),
            severity=Severity.WARNING,
            help="nothing else is wrong for that reason; `reconciler secrets check` tries the references",
        )
        for position, failure in failures.items()
        if failure is not None
    )


def _wants(webhook: NotifyFile, happening: Happening) -> bool:
    if happening.event not in webhook.events:
        return False
    if webhook.when == "always" or happening.failed:
        return True
    return webhook.when == "changes" and happening.happened


class _Telling(threading.Thread):
    """One webhook; `failure` is why it was not told, once this has ended."""

    def __init__(self, workspace: Workspace, position: int, webhook: NotifyFile, happening: Happening) -> None:
        super().__init__(name=f"notify-{position}", daemon=True)
        self.failure: str | None = None
        self._workspace = workspace
        self._webhook = webhook
        self._happening = happening

    def run(self) -> None:
        try:
            self._tell()
        except (VendorError, SecretUnavailable) as error:
            self.failure = str(error)
        except ValueError:
            self.failure = "its address is no `https://` URL, or what it needs cannot be sent in a header"
        except Stopped:
            self.failure = "the command was asked to stop"
        except Exception as error:  # noqa: BLE001 - a notification is never why a command fails
            self.failure = f"a mistake of the program ({type(error).__name__})"

    def _tell(self) -> None:
        workspace = self._workspace
        url = urlsplit(_revealed(workspace, self._webhook.url).strip())
        if not url.hostname or url.username or url.password:
            raise ValueError
        transport = workspace.courier(
            f"{url.scheme}://{url.netloc}", deadline=_DEADLINE, timeouts=_TIMEOUTS, attempts=_ATTEMPTS
        )
        signature = self._webhook.signature
        key = _revealed(workspace, signature).encode() if signature is not None else None
        body = self._body(transport)
        for part in _telling_parts(url.path, url.query):
            transport.hide(part)  # in errors; a word of the path may well stand in the body
        headers: dict[str, str] = {"X-Reconciler-Event": self._happening.event}
        if key is not None:
            headers["X-Reconciler-Signature"] = f"sha256={hmac.new(key, encoded(body), hashlib.sha256).hexdigest()}"
        reply = transport.request(
            "POST",
            url.path or "/",
            query=parse_qsl(url.query, keep_blank_values=True),
            json=body,
            headers=headers,
            repeatable=True,  # the `id` in it tells a receiver that it has it already
        )
        self.failure = _refusal(reply)

    def _body(self, transport: Transport) -> dict[str, object]:
        workspace, project = self._workspace, self._workspace.project
        document = document_of(
            self._happening,
            project=project.name,
            environment=project.environment,
            id=uuid.uuid4().hex,
            at=workspace.clock.now(),
            commit=commit_of(project.root, workspace.environ),
            run=workspace.holder(self._happening.command).ci_run,
        )
        clean = _without(document, transport)
        assert isinstance(clean, dict)
        return clean if self._webhook.format == "json" else {"text": slack_text(clean)}


def document_of(
    happening: Happening,
    *,
    project: str,
    environment: str,
    id: str,
    at: datetime,
    commit: str | None = None,
    run: str | None = None,
) -> dict[str, object]:
    """The notification as JSON, at most fifty objects and problems in it; the counts are of all."""
    return {
        "version": VERSION,
        "id": id,
        "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "project": project,
        "environment": environment,
        "event": happening.event,
        "command": happening.command,
        "status": happening.status,
        "happened": happening.happened,
        "failed": happening.failed,
        "message": _sentence(happening.message),
        "counts": dict(happening.counts),
        "objects": [_object(each) for each in happening.objects[:_MOST_OBJECTS]],
        "problems": [_problem(each) for each in happening.problems[:_MOST_OBJECTS]],
        "leftOut": max(0, len(happening.objects) - _MOST_OBJECTS) + max(0, len(happening.problems) - _MOST_OBJECTS),
        "commit": commit,
        "run": run,
    }


def _object(touched: Touched) -> dict[str, object]:
    return {
        "address": touched.address,
        "what": touched.what,
        "how": touched.how,
        "fields": list(touched.fields[:_MOST_OBJECTS]),
        "message": _sentence(touched.message),
    }


def _problem(problem: Problem) -> dict[str, object]:
    return {
        "code": problem.code,
        "severity": problem.severity.value,
        "address": str(problem.address) if problem.address is not None else None,
        "message": _sentence(problem.message),
        "help": _sentence(problem.help),
    }


def _sentence(text: str | None) -> str | None:
    if text is None or len(text) <= _LONGEST_SENTENCE:
        return text
    return f"{text[: _LONGEST_SENTENCE - 1]}…"


def slack_text(document: Mapping[str, object]) -> str:
    """
    The notification as a message in Slack's markup, at most 3,000 characters.

    `&`, `<` and `>` are written as Slack wants them (its page "Formatting text for app surfaces"; as known, not tried
    there), so nothing that a vendor said can call a channel or become a link.
    """
    mark = ":red_circle:" if document["failed"] else ":large_green_circle:"
    where = f"{document['project']}/{document['environment']}"
    counts = document["counts"]
    assert isinstance(counts, Mapping)
    counted = ", ".join(f"{count} {_escaped(name)}" for name, count in counts.items())
    lines = [f"{mark} *reconciler {document['command']}* of `{_escaped(where)}`: {_escaped(document['status'])}"]
    lines += [counted] if counted else []
    lines += [_escaped(document["message"])] if document["message"] else []
    lines += [f"• {each}" for each in (*_said(document["problems"], "code"), *_said(document["objects"], "how"))]
    tail = [f"<{_escaped(document['run'])}|the run>"] if _is_link(document["run"]) else []
    tail += [f"commit `{str(document['commit'])[:12]}`"] if document["commit"] else []
    return _cut(lines, [" · ".join(tail)] if tail else [])


def _said(entries: object, word: str) -> list[str]:
    assert isinstance(entries, Sequence)
    lines = []
    for each in entries:
        fields = ", ".join(each.get("fields", ()))
        parts = [each["address"] and f"`{_escaped(each['address'])}`", _escaped(each[word])]
        parts += [_escaped(each["what"])] if "what" in each else []
        parts += [_escaped(fields)] if fields else []
        text = " ".join(part for part in parts if part)
        lines.append(f"{text}: {_escaped(each['message'])}" if each["message"] else text)
    return lines


def _cut(lines: Sequence[str], tail: Sequence[str]) -> str:
    """The lines and the tail; lines that are too many or too long go, and it is said how many."""
    room = _LONGEST_TEXT - sum(len(each) + 1 for each in tail) - 40
    kept: list[str] = []
    for line in lines[:_MOST_LINES]:
        if room < len(line) + 1:
            break
        kept.append(line)
        room -= len(line) + 1
    left = len(lines) - len(kept)
    return "\n".join([*kept, *([f"… and {left} more"] if left else []), *tail])


def _escaped(value: object) -> str:
    """The value on one line, with nothing in it that Slack obeys."""
    text = " ".join(str(value).split())
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("|", "¦")


def _is_link(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"https?://[^\s<>|]+", value) is not None


def _refusal(reply: Reply) -> str | None:
    """Why the answer is none that a webhook gives, in our own words: theirs may quote the address."""
    if 200 <= reply.status < 300:
        return None
    if 300 <= reply.status < 400:
        return f"it answered {reply.status}, and nothing is sent on to another address"
    return f"it answered {reply.status}"


def _without(value: object, transport: Transport) -> object:
    """The document without any secret that was revealed."""
    match value:
        case str():
            return transport.redact(value)
        case dict():
            return {key: _without(each, transport) for key, each in value.items()}
        case list():
            return [_without(each, transport) for each in value]
        case _:
            return value


def _revealed(workspace: Workspace, reference: object) -> str:
    assert isinstance(reference, dict)
    secret = secret_of(reference)
    assert secret is not None, "the project file's model has checked it"
    return workspace.credential(secret)


def _telling_parts(path: str, query: str) -> list[str]:
    """The parts of an address that may open it to others: the path, and what stands in the query."""
    parts = [path, unquote(path)] if path.strip("/") else []
    return [*parts, *(value for _, value in parse_qsl(query)), *([query] if query else [])]
