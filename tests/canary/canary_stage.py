"""A project whose every secret is a canary, and commands whose every word is kept for the search."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from program import CONTENT, Project, Running, manifest
from secret_search import files_below, hits
from world import Theatre

_COMPOSED = Path(__file__).parent.parent / "reading" / "composed.py"

API_KEY = "canary-api-key-51c7d0"
API_SECRET = 'canary "api" secret / 9f+2b=é\\'
_LINES = "MIICanaryEnvOne+/77aaQ==\nMIICanaryEnvTwo+/88bbR=="
ENV_KEY = json.dumps(
    {
        "type": "service_account",
        "project_id": "example",
        "private_key_id": "canary-env-key-id-8812",
        "private_key": f"-----BEGIN PRIVATE KEY-----\n{_LINES}\n-----END PRIVATE KEY-----\n",
        "client_email": "canary-env@example.iam.example.com",
    },
    indent=2,
)
FILE_KEY = json.dumps(
    {
        "type": "service_account",
        "private_key_id": "canary-file-key-id-9921",
        "private_key": "-----BEGIN PRIVATE KEY-----\nMIICanaryFileOne+/99ccS\n-----END PRIVATE KEY-----\n",
    }
)
SECRETS = {"API key": API_KEY, "API secret": API_SECRET, "key in env": ENV_KEY, "key in file": FILE_KEY}


def _gcs(name: str, key: Mapping[str, object], bucket: str = "example-drop") -> dict[str, object]:
    config = {"projectId": "example", "bucketName": bucket, "key": key}
    return manifest("Destination", name, {"typeId": "gcp-storage", "config": config}, on_removal="delete")


class Aviary(Project):
    """A project in which nothing but canaries is secret."""

    def __init__(self, folder: Path, theatre: Theatre) -> None:
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        (folder / "project").mkdir()
        super().__init__(folder / "project", theatre, "didomi")
        (self.secrets / "api").write_text(API_SECRET + "\n", encoding="utf-8")
        (self.secrets / "gcs.json").write_text(FILE_KEY, encoding="utf-8")
        self.vendor.emulator.enrol("example-org", API_KEY, API_SECRET)  # type: ignore[attr-defined]  # Didomi's console
        self.environ = {
            "DIDOMI_KEY": API_KEY,
            "RECONCILER_SECRET_GCS": ENV_KEY,
            "RECONCILER_LOG_LEVEL": "debug",
            "USER": "nightly",
        }
        self.vendor.words["credentials"] = {"key": {"env": "DIDOMI_KEY"}, "secret": {"file": str(self.secrets / "api")}}
        self.settings["secrets"] = {"fileRoots": [str(self.secrets)]}
        self.said: dict[str, bytes] = {}
        self.want()

    def want(self, *, bucket: str = "example-drop", version: str = "1") -> None:
        """Write manifests that use every secret."""
        env = {"env": "RECONCILER_SECRET_GCS", "version": version}
        file = {"file": str(self.secrets / "gcs.json")}
        market = {
            "typeId": "batch-exports-gcp",
            "authentication": {"projectId": "example", "bucketName": bucket, "key": env},
            "properties": {"data": ["users"]},
        }
        self.begin(
            [
                _gcs("env", env, bucket),
                _gcs("file", file),
                manifest("ExportConfig", "daily", {"data": CONTENT, "destinations": ["env", "file"]}),
                manifest("Integration", "market", market, on_removal="delete"),
            ]
        )

    def say(self, *words: str, expect: int | None = 0) -> str:
        """Run a command at its most talkative and keep what it says; gives it, both streams together."""
        return self.keep(self.start(*words), *words, expect=expect)

    def composed(self, *words: str, expect: int | None = 0) -> str:
        """The same with the vendors that exist only in tests."""
        running = Running([sys.executable, str(_COMPOSED), *words], folder=self.folder, environ=self.environ)
        return self.keep(running, *words, expect=expect)

    def keep(self, running: Running, *words: str, expect: int | None) -> str:
        """Wait for the end and keep what was said."""
        ended = running.end(expect=expect)
        self.said[f"{len(self.said)} {' '.join(words)}"] = (ended.stdout + ended.stderr).encode()
        return ended.stdout + ended.stderr

    def tokens(self) -> dict[str, str]:
        """What the vendor gave out that opens doors."""
        return {each: each for each in self.vendor.emulator.world.mask._values if each.startswith("ey")}

    def leaks(self) -> list[str]:
        """Where a secret is to be found: in what was said, in any file of the project, in any file's name."""
        places = {**self.said, **files_below(self.folder)}
        return hits({**SECRETS, **self.tokens()}, places)
