"""The language server of YAML editors, spoken to as an editor does: over its own protocol, on pipes."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

Message = dict[str, Any]
"""One message of the protocol; each test looks at the parts that it asks about."""

LONGEST = 60.0
"""Seconds after which a server that does not answer is a failure."""


def server_program() -> str | None:
    """`yaml-language-server` from the path, or from the folder RECONCILER_YAML_LANGUAGE_SERVER (where npm put it)."""
    folder = os.environ.get("RECONCILER_YAML_LANGUAGE_SERVER")
    path = Path(folder) / "node_modules" / ".bin" if folder else None
    return shutil.which("yaml-language-server", path=path) if path else shutil.which("yaml-language-server")


class Editor:
    """An editor with one file open at a time."""

    def __init__(self, program: str) -> None:
        self._process = subprocess.Popen(
            [program, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._heard: queue.Queue[Message] = queue.Queue()
        self._kept: list[Message] = []
        self._number = 0
        assert self._process.stdout is not None
        self._ear = threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True)

    def __enter__(self) -> Self:
        """The server, ready to be asked."""
        self._ear.start()
        self._ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        self._say("initialized", {})
        settings = {"yaml": {"schemaStore": {"enable": False}, "validate": True, "hover": True, "completion": True}}
        self._say("workspace/didChangeConfiguration", {"settings": settings})
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the server."""
        self._process.kill()
        self._process.wait()
        self._ear.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def open(self, path: Path, text: str) -> list[str]:
        """Open a file with this text; gives what is underlined, as sentences."""
        item = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self._say("textDocument/didOpen", {"textDocument": item})
        found = self._hear(
            lambda each: (
                each.get("method") == "textDocument/publishDiagnostics" and each["params"]["uri"] == path.as_uri()
            )
        )
        return [each["message"] for each in found["params"]["diagnostics"]]

    def hover(self, path: Path, line: int, column: int) -> str:
        """What is shown over a place, counted from 0."""
        found = self._ask("textDocument/hover", self._place(path, line, column))
        return str(found["contents"]["value"]) if found else ""

    def completions(self, path: Path, line: int, column: int) -> set[str]:
        """What is offered at a place, counted from 0."""
        found = self._ask("textDocument/completion", self._place(path, line, column))
        return {each["label"] for each in found["items"]}

    def _place(self, path: Path, line: int, column: int) -> Message:
        return {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": column}}

    def _ask(self, method: str, params: Message) -> Any:  # noqa: ANN401 - what a method answers is its own
        self._number += 1
        number = self._number
        self._send({"id": number, "method": method, "params": params})
        return self._hear(lambda each: each.get("id") == number and "method" not in each)["result"]

    def _say(self, method: str, params: Message) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: Message) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        self._process.stdin.flush()

    def _hear(self, is_it: Any) -> Message:  # noqa: ANN401 - a question to a message
        for each in self._kept:
            if is_it(each):
                self._kept.remove(each)
                return each
        while True:
            message = self._heard.get(timeout=LONGEST)
            if "method" in message and "id" in message:  # the server asks for settings or registers itself
                items = message["params"].get("items", []) if isinstance(message.get("params"), dict) else []
                self._send({"id": message["id"], "result": [{} for _ in items]})
            elif is_it(message):
                return message
            else:
                self._kept.append(message)

    def _listen(self, stream: IO[bytes]) -> None:
        while True:
            length = 0
            while line := stream.readline().strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            if not length:
                return
            self._heard.put(json.loads(stream.read(length)))
