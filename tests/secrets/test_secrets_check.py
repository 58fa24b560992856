"""`secrets check` as people run it; `UPDATE_EXPECTED=1 pytest tests/secrets` rewrites what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_servers import GoogleStandIn, VaultStandIn, serving

EXPECTED = Path(__file__).parent / "expected"
CANARY = "canary-check-8d21"
KEY = "canary-fingerprint-key-0123456789"

PLACES = {
    "by-env": {"env": "RECONCILER_SECRET_A", "version": "3"},
    "by-env-too": {"env": "RECONCILER_SECRET_A", "version": "3"},
    "by-file": {"file": "keys/lake"},
    "by-google": {"gcpSecretManager": "projects/example/secrets/lake"},
    "by-name": {"named": "printed"},
    "by-vault": {"vault": "kv/lake", "key": "password"},
}


class Desk:
    """A project that uses every place which needs no cloud."""

    def __init__(self, folder: Path, vault: VaultStandIn, google: GoogleStandIn) -> None:
        self.folder = folder
        self.vault = vault
        self.google = google
        (folder / "specs").mkdir()
        (folder / "keys").mkdir()
        (folder / "keys" / "lake").write_text(f"{CANARY}-file\n")
        vault.write("kv/lake", password=f"{CANARY}-vault")
        google.write("projects/example/secrets/lake", f"{CANARY}-old")
        google.write("projects/example/secrets/lake", f"{CANARY}-google")
        self.environ = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "COLUMNS": "80",
            "DIDOMI_KEY": f"{CANARY}-key",
            "DIDOMI_SECRET": f"{CANARY}-secret",
            "RECONCILER_SECRET_A": f"{CANARY}-env",
            "VAULT_TOKEN": vault.token,
            "FINGERPRINT_KEY": KEY,
            "GOOGLE_APPLICATION_CREDENTIALS": str(google.credentials(folder)),
        }
        self.write()

    def write(self) -> None:
        """Write the project and its manifests."""
        project = {
            "project": "shop",
            "vendors": {
                "didomi": {
                    "organizationId": "example-org",
                    "credentials": {"key": {"env": "DIDOMI_KEY"}, "secret": {"env": "DIDOMI_SECRET"}},
                }
            },
            "secrets": {
                "fileRoots": ["keys"],
                "gcpSecretManager": {"names": ["projects/example/*"], "endpoint": self.google.url},
                "vault": {"address": self.vault.url, "paths": ["kv/*"]},
                "named": {"printed": {"command": ["printf", f"{CANARY}-printed"]}},
                "fingerprint": {"id": "k1", "key": {"env": "FINGERPRINT_KEY"}},
            },
        }
        manifests = [
            {
                "apiVersion": "didomi.reconciler/v1",
                "kind": "Destination",
                "metadata": {"name": name},
                "spec": {
                    "typeId": "gcp-storage",
                    "config": {"projectId": "example", "bucketName": name, "key": reference},
                },
            }
            for name, reference in PLACES.items()
        ]
        (self.folder / "reconciler.yaml").write_text(json.dumps(project))
        (self.folder / "specs" / "all.yaml").write_text("\n---\n".join(map(json.dumps, manifests)))

    def check(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command at its most talkative."""
        ended = subprocess.run(
            [sys.executable, "-m", "reconciler", "--log-level", "debug", "secrets", "check", *words],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        for canary in (CANARY, KEY, self.vault.token, self.google.token):
            assert canary not in ended.stdout + ended.stderr
        return ended


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    vault, google = VaultStandIn(), GoogleStandIn()
    with serving(vault), serving(google):
        yield Desk(tmp_path, vault, google)


def spoil(desk: Desk) -> None:
    """Nothing can be had any more, each for its own reason."""
    desk.environ |= {"DIDOMI_SECRET": "", "FINGERPRINT_KEY": "too-short"}
    del desk.environ["RECONCILER_SECRET_A"]
    (desk.folder / "keys" / "lake").unlink()
    desk.vault.token = "hvs.canary-another"
    desk.google.versions["projects/example/secrets/lake"].append(None)
    text = (desk.folder / "reconciler.yaml").read_text()
    (desk.folder / "reconciler.yaml").write_text(text.replace('"printf"', '"false"'))


@pytest.mark.parametrize(("name", "code"), [("check-good", 0), ("check-bad", 7)])
def test_it_says_what_its_file_says(desk: Desk, name: str, code: int) -> None:
    if code:
        spoil(desk)
    ended = desk.check()
    summary = ended.stderr.strip().splitlines()[-1]
    said = f"{ended.stdout}{summary}\n"
    path = EXPECTED / f"{name}.txt"
    if os.environ.get("UPDATE_EXPECTED"):
        path.write_text(said, encoding="utf-8")

    assert said == path.read_text(encoding="utf-8")
    assert ended.returncode == code


def test_as_json_it_says_the_same_to_programs(desk: Desk) -> None:
    (desk.folder / "keys" / "lake").unlink()
    ended = desk.check("--format", "json")
    found = {each["reference"]: each for each in json.loads(ended.stdout)["secrets"]}

    assert ended.returncode == 7
    assert found["{file: keys/lake}"] == {
        "reference": "{file: keys/lake}",
        "usedBy": ["didomi/Destination/by-file spec.config.key"],
        "available": False,
        "version": None,
        "reason": "the file `keys/lake` cannot be read (No such file or directory)",
        "help": "mount it there, or give this user access to it",
    }
    google = found["{gcpSecretManager: projects/example/secrets/lake}"]
    assert (google["available"], google["version"]) == (True, "2")
    assert len(found["{env: RECONCILER_SECRET_A, version: 3}"]["usedBy"]) == 2


def test_a_place_that_manifests_may_not_name_is_not_read(desk: Desk) -> None:
    text = (desk.folder / "reconciler.yaml").read_text()
    (desk.folder / "reconciler.yaml").write_text(text.replace("kv/*", "other/*"))
    ended = desk.check()

    assert ended.returncode == 8
    assert "which this project does not allow" in ended.stderr
    assert desk.vault.asked == []
