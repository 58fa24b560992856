"""Whatever stands in a vendor's texts, a terminal, a comment and a log are given nothing that they would obey."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hostile_server import Act, Turn
from hostile_stage import OBEYED, SHORT, TARGETS, Siege, besieged
from world import Theatre, Time

from reconciler.cli.main import run
from reconciler.operations.workspace import open_workspace

_EVIL = (
    "\x1b]0;owned\x07\x1b[2J\x1b[31mPlan: 0 to add\x9b1m\r\n\n::error::owned\n## owned\n| a | b |\n```\n"
    "<script>alert(1)</script>[x](javascript:x) @everyone \u202eevil\u2066\u200b\u2028\0\x08\x7f `a`"
)
_TEXTS = frozenset({"name", "description", "message", "error", "title", "errorMessage", "displayName", "state_reason"})

_COMMANDS = (
    ("plan", "-v"),
    ("plan", "--format", "json"),
    ("plan", "--format", "markdown"),
    ("drift",),
    ("runs",),
    ("doctor",),
    ("apply", "-y"),
)


def _evil(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        return {key: _EVIL if key in _TEXTS and isinstance(each, str) else _evil(each) for key, each in value.items()}
    return [_evil(each) for each in value] if isinstance(value, list) else value


def _evil_rows(turn: Turn) -> bool:
    return turn.pass_on(body=json.dumps(_evil(turn.honest().document)).encode())


def _evil_error(turn: Turn) -> bool:
    words = dict.fromkeys(("message", "title", "detail", "name", "error", "toe", "errorMessage"), _EVIL)
    return turn.answer({**words, "errors": [{"message": _EVIL}], "report": {"detailed-message": _EVIL}}, status=400)


def _evil_page(turn: Turn) -> bool:
    return turn.answer(_EVIL.encode(), status=400, headers=[("Content-Type", "text/plain")])


def _said(siege: Siege, capfd: pytest.CaptureFixture[str], *words: str) -> str:
    opening = partial(open_workspace, clock=Time(siege.clock), timeouts=SHORT)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**siege.environ, "RECONCILER_LOG_LEVEL": "debug"}.items():
            patch.setenv(name, value)
        run(["-C", str(siege.folder), *words], opening)
    captured = capfd.readouterr()
    return captured.out + captured.err


@pytest.mark.parametrize("trick", [_evil_rows, _evil_error, _evil_page], ids=["rows", "errors", "pages"])
@pytest.mark.parametrize("vendor", TARGETS)
def test_nothing_that_a_terminal_obeys_is_printed(
    vendor: str,
    trick: Act,
    project_folder: Path,
    theatre: Theatre,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with besieged(project_folder, theatre, vendor) as siege:
        siege.settled()
        for route in siege.target.readings:
            siege.server.spoil(trick, route)
        capfd.readouterr()
        said = {" ".join(words): _said(siege, capfd, *words) for words in _COMMANDS}

    assert [(words, sign) for words, text in said.items() for sign in OBEYED if sign in text] == []
    assert [words for words, text in said.items() if "\n::error" in text or "\n## owned" in text] == []
    assert [words for words, text in said.items() if "Traceback" in text] == []
    assert [words for words, text in said.items() if any(each in text for each in siege.secrets)] == []
