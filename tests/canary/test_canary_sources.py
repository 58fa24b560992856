"""The same for secrets from every place there is: none is said or kept, neither when it is sent nor when it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pyrage  # type: ignore[import-untyped]  # it ships no types
import pytest
from canary_stage import SECRETS, Aviary
from moto.server import ThreadedMotoServer
from program import RealTime, manifest
from secret_search import files_below, hits
from store_servers import GoogleStandIn, VaultStandIn, serving
from world import Theatre

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

SOURCES = ("env", "file", "aws", "google", "vault", "command", "age")
FINGERPRINT_KEY = "canary-fingerprint-key-5f2c9a71d04e"
GOOGLE = "projects/example/secrets/gcs"


def key_of(source: str, turn: str = "one") -> str:
    """A service account's key that sings."""
    lines = f"MIICanary{source.capitalize()}{turn.capitalize()}+/77aaQ=="
    return json.dumps(
        {
            "type": "service_account",
            "private_key_id": f"canary-{source}-{turn}-key-id-4417",
            "private_key": f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n",
        }
    )


def secrets_manager(endpoint: str) -> SecretsManagerClient:
    """AWS's own client, for anybody."""
    return boto3.client(
        "secretsmanager",
        region_name="eu-west-1",
        endpoint_url=endpoint,
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="example",
    )


class Places:
    """Everywhere that a secret can be kept."""

    def __init__(self, folder: Path, aws: str, vault: VaultStandIn, google: GoogleStandIn) -> None:
        self.folder = folder
        self.aws = aws
        self.vault = vault
        self.google = google
        self.identity = pyrage.x25519.Identity.generate()
        self.account = google.credentials(folder)

    def fill(self, environ: dict[str, str], turn: str = "one") -> None:
        """Store a new value everywhere."""
        environ |= {
            "RECONCILER_SECRET_GCS": key_of("env", turn),
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": self.aws,
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "canary-aws-credential-6d10b2",
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.account),
            "VAULT_TOKEN": self.vault.token,
            "AGE_IDENTITY": str(self.identity),
            "FINGERPRINT_KEY": FINGERPRINT_KEY,
        }
        (self.folder / "gcs.json").write_text(key_of("file", turn), encoding="utf-8")
        (self.folder / "gcs.txt").write_text(key_of("command", turn), encoding="utf-8")
        (self.folder / "gcs.age").write_bytes(pyrage.encrypt(key_of("age", turn).encode(), [self.identity.to_public()]))
        self.vault.write("kv/gcs", key=key_of("vault", turn))
        self.google.write(GOOGLE, key_of("google", turn))
        client = secrets_manager(self.aws)
        text = json.dumps({"key": key_of("aws", turn)})
        if turn == "one":
            client.create_secret(Name="gcs", SecretString=text)
        else:
            client.put_secret_value(SecretId="gcs", SecretString=text)
        client.close()

    def section(self) -> dict[str, object]:
        """What the project file says of them."""
        return {
            "fileRoots": [str(self.folder)],
            "awsSecretsManager": {"names": ["gcs"], "region": "eu-west-1"},
            "gcpSecretManager": {"names": [GOOGLE], "endpoint": self.google.url},
            "vault": {"address": self.vault.url, "paths": ["kv/gcs"]},
            "named": {
                "command": {"command": ["cat", str(self.folder / "gcs.txt")]},
                "age": {"age": str(self.folder / "gcs.age"), "identity": {"env": "AGE_IDENTITY"}},
            },
            "fingerprint": {"id": "k1", "key": {"env": "FINGERPRINT_KEY"}},
        }

    def references(self) -> Mapping[str, dict[str, str]]:
        """One to each."""
        return {
            "env": {"env": "RECONCILER_SECRET_GCS"},
            "file": {"file": str(self.folder / "gcs.json")},
            "aws": {"awsSecretsManager": "gcs", "key": "key"},
            "google": {"gcpSecretManager": GOOGLE},
            "vault": {"vault": "kv/gcs", "key": "key"},
            "command": {"named": "command"},
            "age": {"named": "age"},
        }

    def canaries(self) -> dict[str, str]:
        """Everything that nobody may see."""
        return {
            **{f"{source} {turn}": key_of(source, turn) for source in SOURCES for turn in ("one", "two")},
            "token of Vault": self.vault.token,
            "token of Google": self.google.token,
            "identity of age": str(self.identity),
            "key of fingerprints": FINGERPRINT_KEY,
            "credential of AWS": "canary-aws-credential-6d10b2",
        }


class Flock(Aviary):
    """A project in which every place holds a canary."""

    def __init__(self, folder: Path, theatre: Theatre, places: Places) -> None:
        self.places = places
        super().__init__(folder, theatre)

    def want(self, *, bucket: str = "example-drop", version: str = "1") -> None:
        """Write one destination for every place; what changes is what the places hold."""
        self.settings["secrets"] = self.places.section()
        self.settings["deadline"] = 1
        self.begin(
            [
                manifest(
                    "Destination",
                    source,
                    {
                        "typeId": "gcp-storage",
                        "config": {"projectId": "example", "bucketName": f"{bucket}-{source}", "key": reference},
                    },
                    on_removal="delete",
                )
                for source, reference in self.places.references().items()
            ]
        )

    def leaks(self) -> list[str]:
        """Where a secret is to be found."""
        secrets = {**self.places.canaries(), **SECRETS, **self.tokens()}
        return hits(secrets, {**self.said, **files_below(self.folder)})

    def arrived(self) -> list[str]:
        """The keys that the vendor holds."""
        return sorted(str(each["config"]["key"]) for each in self.vendor.objects("destinations"))


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def own_time() -> Iterator[Theatre]:
    theatre = RealTime()
    yield theatre
    theatre.close()


@pytest.fixture
def flock(tmp_path: Path, own_time: Theatre, aws: str) -> Iterator[Flock]:
    vault, google = VaultStandIn(), GoogleStandIn()
    with serving(vault), serving(google):
        (tmp_path / "places").mkdir()
        places = Places(tmp_path / "places", aws, vault, google)
        flock = Flock(tmp_path, own_time, places)
        places.fill(flock.environ)
        yield flock
    client = secrets_manager(aws)
    client.delete_secret(SecretId="gcs", ForceDeleteWithoutRecovery=True)
    client.close()


def test_no_command_says_or_keeps_a_secret_of_any_place(flock: Flock) -> None:
    flock.say("secrets", "check")
    flock.say("secrets", "check", "--format", "json")
    flock.say("plan", "-v")
    flock.say("plan", "--format", "json", "-o", "plan.json")
    flock.say("apply", "plan.json", "-y")
    first = flock.arrived()
    flock.places.fill(flock.environ, "two")
    plan = flock.say("plan", "-v", "--detailed-exitcode", expect=2)
    flock.say("apply", "-y")
    second = flock.arrived()
    flock.say("plan", "--detailed-exitcode", expect=0)
    flock.say("show")
    flock.say("state", "show", "didomi/Destination/vault")
    flock.say("destroy", "-y")

    assert first == sorted(key_of(source) for source in SOURCES)
    assert plan.count("secret rotated: ") == len(SOURCES)
    assert second == sorted(key_of(source, "two") for source in SOURCES)
    assert flock.leaks() == []


def test_a_vendor_that_repeats_secrets_of_any_place_is_not_quoted(flock: Flock) -> None:
    secrets = [*flock.places.canaries().values()]
    body = {
        "message": "; ".join(json.dumps(each) for each in secrets)[:8000],
        "errors": {each: each for each in secrets},
    }
    flock.vendor.faults.answer("POST /exports/*", 400, body=body, times=None)

    flock.say("apply", "-y", expect=None)

    assert [each for each in flock.leaks() if " two" not in each and "of AWS" not in each] == []


@pytest.mark.slow
def test_places_that_give_nothing_give_nothing_away(flock: Flock) -> None:
    flock.places.vault.sealed = True
    flock.places.google.token = "ya29.canary-another-token"
    flock.environ["AGE_IDENTITY"] = str(pyrage.x25519.Identity.generate())
    flock.environ["AWS_SECRET_ACCESS_KEY"] = ""
    (flock.places.folder / "gcs.txt").unlink()

    flock.say("secrets", "check", expect=7)
    flock.say("plan", "-v")
    flock.say("apply", "-y", expect=7)

    assert flock.vendor.writes() == ()
    assert flock.leaks() == []
