"""Stderr for programs: with `--log-format json` whatever is written there is one JSON object a line."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TextIO

FORMATS = ("text", "json")

_VARIABLE = "RECONCILER_LOG_FORMAT"
_OPTION = "--log-format"


class JsonLines(io.TextIOBase):
    """
    Stands in for stderr. What is written becomes the message of one object for each writing, so nothing is lost.

    `redact` hides secrets in every text; `common` is said in every object. Safe to share between threads.
    """

    def __init__(self, target: TextIO, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__()
        self.redact: Callable[[str], str] = lambda text: text
        self.common: Mapping[str, str] = {}
        self._target = target
        self._now = now
        self._begun = ""
        self._lock = threading.RLock()

    encoding = "utf-8"
    errors = "backslashreplace"

    def writable(self) -> bool:
        """Whether it can be written to."""
        return True

    def fileno(self) -> int:
        """The file behind it."""
        return self._target.fileno()

    def write(self, text: str, /) -> int:
        """Take a text; it is said as soon as a line ends."""
        with self._lock:
            self._begun += text
            if text.endswith("\n"):
                self._end()
        return len(text)

    def flush(self) -> None:
        """Say what was begun, such as a question that waits for its answer."""
        with self._lock:
            self._end()
            self._target.flush()

    def say(self, level: str, event: str, message: str, **more: object) -> None:
        """Write one object; what is `None` is left out of it."""
        line = self.line(level, event, message, **more)
        with self._lock:
            self._end()
            self._target.write(line)
            self._target.flush()

    def line(self, level: str, event: str, message: str, **more: object) -> str:
        """The object as a line, in ASCII: no text in it can end the line or move a terminal's cursor."""
        import json

        found: dict[str, object] = {
            "time": self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "level": level,
            "event": event,
            "message": message,
            **self.common,
            **more,
        }
        clean = {key: self._clean(each) for key, each in found.items() if each is not None}
        return json.dumps(clean, ensure_ascii=True, default=str) + "\n"

    def _clean(self, value: object) -> object:
        match value:
            case str():
                return self.redact(value)
            case Mapping():
                return {self.redact(str(key)): self._clean(each) for key, each in value.items()}
            case list() | tuple():
                return [self._clean(each) for each in value]
            case _:
                return value

    def _end(self) -> None:
        text, self._begun = self._begun.strip("\n"), ""
        if text.strip():
            self._target.write(self.line("info", "message", text))
            self._target.flush()


def lines() -> JsonLines | None:
    """What stands in for stderr at present; None while text is written."""
    return sys.stderr if isinstance(sys.stderr, JsonLines) else None


@contextmanager
def spoken(arguments: Sequence[str], environ: Mapping[str, str]) -> Iterator[None]:
    """While this lasts stderr is in the form that the words of the command line, or else the environment, ask for."""
    if _asked(arguments, environ) != "json":
        yield
        return
    earlier = sys.stderr
    sys.stderr = standing_in = JsonLines(earlier)
    try:
        yield
    finally:
        standing_in.flush()
        sys.stderr = earlier


def _asked(arguments: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """
    The form, looked for before the words are parsed: also what is wrong with them is said in it.

    The option stands before the command, so what a command's own argument says is not believed twice: the last counts.
    """
    found = environ.get(_VARIABLE)
    for position, word in enumerate(arguments):
        if word.startswith(f"{_OPTION}="):
            found = word.partition("=")[2]
        elif word == _OPTION:
            found = next(iter(arguments[position + 1 :]), None)
    return found
