"""AWS Secrets Manager against moto's server, Vault and Google Secret Manager against stand-ins on loopback sockets."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer
from store_servers import GoogleStandIn, VaultStandIn, serving
from world import listening

from reconciler.sdk import SafeRequest
from reconciler.secrets import Aws, Gcp, Places, Policy, Resolver, SecretUnavailable, Vault
from reconciler.transport import Gate, Transport
from reconciler.values import Secret

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

VALUE = "canary-store-51f0"
NEW = "canary-store-rotated-9c"
EVERYTHING = Policy(aws=("*",), gcp=("*",), vault=("*",))
AWS = Secret(source="awsSecretsManager", name="exports/lake")
GOOGLE = Secret(source="gcpSecretManager", name="projects/example/secrets/lake")
KV = Secret(source="vault", name="kv/exports/lake", key="password")


@contextmanager
def resolver(
    places: Places, root: Path, *, policy: Policy = EVERYTHING, told: set[str] | None = None, **environ: str
) -> Iterator[Resolver]:
    """A resolver whose HTTP connections end with it, and which asks a server that is down only once."""
    opened: list[Transport] = []

    def reach(base_url: str, safe: object) -> Transport:
        assert isinstance(safe, tuple)
        assert all(isinstance(each, SafeRequest) for each in safe)
        opened.append(Transport(base_url, safe=safe, gate=Gate(), attempts=1))
        return opened[-1]

    with Resolver(
        {"VAULT_TOKEN": "hvs.canary-token-77", **environ},
        root,
        policy,
        places,
        reach=reach,
        hide=(set() if told is None else told).add,
    ) as found:
        yield found
    for each in opened:
        each.close()


def reason(opened: Resolver, secret: Secret) -> str:
    with pytest.raises(SecretUnavailable) as missing:
        opened.reveal(secret)
    told = "".join(traceback.TracebackException.from_exception(missing.value, capture_locals=True).format())
    # pytest's own frames hold what the test holds.
    ours = told[told.index("in reveal") :]
    assert [each for each in (VALUE, "hvs.canary", "ya29.canary") if each in ours] == []
    return str(missing.value)


# --------------------------------------------------------------------------------------------------- AWS


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretsManagerClient]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", moto)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = boto3.client("secretsmanager", region_name="eu-west-1")
    yield client
    for each in client.list_secrets(IncludePlannedDeletion=True)["SecretList"]:
        client.delete_secret(SecretId=each["ARN"], ForceDeleteWithoutRecovery=True)
    client.close()


IN_IRELAND = Places(aws=Aws(region="eu-west-1"))


def test_a_text_in_aws_is_revealed_by_name_and_by_arn(aws: SecretsManagerClient, tmp_path: Path) -> None:
    arn = aws.create_secret(Name="exports/lake", SecretString=VALUE)["ARN"]
    with resolver(IN_IRELAND, tmp_path) as opened:
        found = (opened.reveal(AWS), opened.reveal(replace(AWS, name=arn)))

    assert found == (VALUE, VALUE)


def test_bytes_in_aws_are_revealed_as_text(aws: SecretsManagerClient, tmp_path: Path) -> None:
    aws.create_secret(Name="exports/lake", SecretBinary=VALUE.encode())
    with resolver(IN_IRELAND, tmp_path) as opened:
        assert opened.reveal(AWS) == VALUE


@pytest.mark.parametrize(
    ("stored", "key", "message"),
    [
        (json.dumps({"user": "a"}), "password", "has no such entry; correct `key`"),
        (json.dumps({"password": 5}), "password", "is no text, or an empty one; store it as text"),
        (json.dumps({"password": ""}), "password", "is no text, or an empty one; store it as text"),
        (json.dumps([VALUE]), "password", "is no JSON object, so `key` cannot choose an entry"),
        (VALUE, "password", "is no JSON object, so `key` cannot choose an entry"),
        (b"\xff" + VALUE.encode(), None, "is no UTF-8 text; store the secret as text"),
    ],
)
def test_what_is_no_such_entry_in_aws_is_unavailable(
    aws: SecretsManagerClient, tmp_path: Path, stored: str | bytes, key: str | None, message: str
) -> None:
    if isinstance(stored, bytes):
        aws.create_secret(Name="exports/lake", SecretBinary=stored)
    else:
        aws.create_secret(Name="exports/lake", SecretString=stored)
    with resolver(IN_IRELAND, tmp_path) as opened:
        assert message in reason(opened, replace(AWS, key=key))


def test_an_entry_of_an_object_in_aws_is_revealed(aws: SecretsManagerClient, tmp_path: Path) -> None:
    aws.create_secret(Name="exports/lake", SecretString=json.dumps({"user": "a", "password": VALUE}))
    with resolver(IN_IRELAND, tmp_path) as opened:
        assert opened.reveal(replace(AWS, key="password")) == VALUE


def test_a_version_in_aws_is_chosen_by_id_and_by_label(aws: SecretsManagerClient, tmp_path: Path) -> None:
    first = aws.create_secret(Name="exports/lake", SecretString=VALUE)["VersionId"]
    second = aws.put_secret_value(SecretId="exports/lake", SecretString=NEW)["VersionId"]
    with resolver(IN_IRELAND, tmp_path) as opened:
        found = [opened.reveal(replace(AWS, version=each)) for each in (first, second, "AWSPREVIOUS", "AWSCURRENT")]
        stamps = [opened.stamped(replace(AWS, version=each)).version for each in (None, "AWSPREVIOUS")]

    assert found == [VALUE, NEW, VALUE, NEW]
    assert stamps == [f"store:{second}", f"AWSPREVIOUS store:{first}"]


def test_a_long_label_in_aws_is_not_mistaken_for_an_id(aws: SecretsManagerClient, tmp_path: Path) -> None:
    label = "a-label-that-is-as-long-as-the-id-of-a-version"
    aws.create_secret(Name="exports/lake", SecretString=VALUE)
    aws.put_secret_value(SecretId="exports/lake", SecretString=NEW, VersionStages=[label])
    with resolver(IN_IRELAND, tmp_path) as opened:
        assert opened.reveal(replace(AWS, version=label)) == NEW


def test_aws_tells_the_version_without_the_value_being_read(aws: SecretsManagerClient, tmp_path: Path) -> None:
    id = aws.create_secret(Name="exports/lake", SecretString=VALUE)["VersionId"]
    with resolver(IN_IRELAND, tmp_path) as opened, listening() as ear:
        stamped = opened.stamped(AWS)

    assert stamped.version == f"store:{id}"
    assert any("DescribeSecret" in line for line in ear.heard)
    assert not any("GetSecretValue" in line for line in ear.heard)


def test_a_secret_that_aws_does_not_have_is_unavailable(aws: SecretsManagerClient, tmp_path: Path) -> None:
    with resolver(IN_IRELAND, tmp_path) as opened:
        said = reason(opened, AWS)
        with pytest.raises(SecretUnavailable, match="ResourceNotFoundException"):
            opened.stamped(AWS)

    assert said == (
        "AWS Secrets Manager does not give `exports/lake` (ResourceNotFoundException); correct the name and the "
        "version, or check region and account"
    )


def test_a_secret_that_is_about_to_be_deleted_is_unavailable(aws: SecretsManagerClient, tmp_path: Path) -> None:
    aws.create_secret(Name="exports/lake", SecretString=VALUE)
    aws.delete_secret(SecretId="exports/lake")
    with resolver(IN_IRELAND, tmp_path) as opened:
        assert "(InvalidRequestException); it may be marked for deletion" in reason(opened, AWS)


@pytest.mark.parametrize("lacking", ["AWS_ACCESS_KEY_ID", "region", "server"])
def test_aws_that_cannot_be_asked_is_said_without_details(
    aws: SecretsManagerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    aws.create_secret(Name="exports/lake", SecretString=VALUE)
    places = IN_IRELAND
    if lacking == "region":
        monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        places = Places()
    elif lacking == "server":
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    else:
        monkeypatch.delenv(lacking)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with resolver(places, tmp_path) as opened:
        said = reason(opened, AWS)

    assert said.startswith("AWS Secrets Manager cannot be asked for `exports/lake` (")
    assert "127.0.0.1" not in said


# ------------------------------------------------------------------------------------------------- Vault


@pytest.fixture
def vault() -> Iterator[VaultStandIn]:
    stand_in = VaultStandIn()
    with serving(stand_in):
        stand_in.write("kv/exports/lake", user="a", password=VALUE)
        yield stand_in


def at(vault: VaultStandIn, **more: str) -> Places:
    return Places(vault=Vault(address=vault.url, **more))  # type: ignore[arg-type]  # texts all


def test_an_entry_in_vault_is_revealed_with_one_get(vault: VaultStandIn, tmp_path: Path) -> None:
    told: set[str] = set()
    with resolver(at(vault), tmp_path, told=told) as opened:
        found = [opened.reveal(KV), opened.reveal(KV)]

    assert found == [VALUE, VALUE]
    assert [each.path for each in vault.asked] == ["/v1/kv/data/exports/lake"]
    assert told == {VALUE, vault.token}


def test_a_version_in_vault_is_chosen_by_its_number(vault: VaultStandIn, tmp_path: Path) -> None:
    vault.write("kv/exports/lake", password=NEW)
    with resolver(at(vault), tmp_path) as opened:
        found = (opened.reveal(replace(KV, version="1")), opened.reveal(KV))

    assert found == (VALUE, NEW)


def test_vault_tells_the_version_without_the_value_being_read(vault: VaultStandIn, tmp_path: Path) -> None:
    vault.write("kv/exports/lake", password=NEW)
    with resolver(at(vault), tmp_path) as opened:
        stamped = opened.stamped(KV)

    assert stamped.version == "store:2"
    assert [each.path for each in vault.asked] == ["/v1/kv/metadata/exports/lake"]


def test_a_token_that_may_not_read_metadata_learns_the_version_by_reading(vault: VaultStandIn, tmp_path: Path) -> None:
    vault.hides_metadata = True
    with resolver(at(vault), tmp_path) as opened:
        assert opened.stamped(KV).version == "store:1"


def test_what_was_planned_is_sent_although_vault_has_a_newer_version(vault: VaultStandIn, tmp_path: Path) -> None:
    with resolver(at(vault), tmp_path) as opened:
        planned = opened.stamped(KV)
        vault.write("kv/exports/lake", password=NEW)

        assert opened.reveal(planned) == VALUE


def test_namespace_and_mount_are_sent_as_configured(vault: VaultStandIn, tmp_path: Path) -> None:
    vault.namespace = "team"
    with resolver(at(vault, namespace="team", mount="kv/"), tmp_path) as opened:
        assert opened.reveal(KV) == VALUE


def test_a_mount_with_slashes_is_said_in_the_project_file(vault: VaultStandIn, tmp_path: Path) -> None:
    with resolver(at(vault, mount="team/kv"), tmp_path) as opened:
        with pytest.raises(SecretUnavailable):
            opened.reveal(replace(KV, name="team/kv/lake"))
        said = reason(opened, KV)

    assert vault.asked[0].path == "/v1/team/kv/data/lake"
    assert "names no secret in `team/kv/`" in said


def seal(vault: VaultStandIn) -> None:
    vault.sealed = True


def lose_the_token(vault: VaultStandIn) -> None:
    vault.token = "hvs.another"


def delete(vault: VaultStandIn) -> None:
    vault.versions["kv/exports/lake"].append(None)


def remove(vault: VaultStandIn) -> None:
    vault.versions.clear()


def rename_the_entry(vault: VaultStandIn) -> None:
    vault.write("kv/exports/lake", passphrase=VALUE)


def number_the_entry(vault: VaultStandIn) -> None:
    vault.write("kv/exports/lake", password=[VALUE])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (seal, "Vault cannot be asked: `GET /v1/kv/data/exports/lake` got no usable answer: the answer was 503"),
        (lose_the_token, "Vault does not give `kv/exports/lake` (HTTP 403); renew the token, or allow it `read`"),
        (delete, "Vault has no such secret, or its version is deleted: `{vault: kv/exports/lake, key: password}`"),
        (remove, "Vault has no such secret, or its version is deleted: `{vault: kv/exports/lake, key: password}`"),
        (rename_the_entry, "`{vault: kv/exports/lake, key: password}` has no such entry; correct `key`"),
        (number_the_entry, "the entry of `{vault: kv/exports/lake, key: password}` is no text"),
    ],
)
def test_what_vault_does_not_give_is_unavailable(
    vault: VaultStandIn, tmp_path: Path, spoil: Callable[[VaultStandIn], None], message: str
) -> None:
    spoil(vault)
    with resolver(at(vault), tmp_path) as opened:
        assert reason(opened, KV).startswith(message)


def test_a_secret_in_vault_needs_a_key_a_server_and_a_token(vault: VaultStandIn, tmp_path: Path) -> None:
    with resolver(at(vault), tmp_path, VAULT_TOKEN="two words") as opened:
        said = [reason(opened, replace(KV, key=None)), reason(opened, KV)]
    with resolver(Places(), tmp_path) as opened:
        said.append(reason(opened, KV))
    with resolver(at(vault), tmp_path, VAULT_TOKEN="") as opened:
        said.append(reason(opened, KV))

    assert [each.partition(";")[0] for each in said] == [
        "`{vault: kv/exports/lake}` names no entry",
        "`{env: VAULT_TOKEN}` holds no token of Vault",
        "the project file says nothing of Vault",
        "the environment variable `VAULT_TOKEN` is empty",
    ]
    assert vault.asked == []


@pytest.mark.parametrize("name", ["kv", "kv/", "kv//a", "kv/.", "kv/a%2e", "kv/ä"])
def test_a_strange_path_is_never_sent_to_vault(vault: VaultStandIn, tmp_path: Path, name: str) -> None:
    with resolver(at(vault), tmp_path) as opened:
        reason(opened, replace(KV, name=name))

    assert vault.asked == []


# ------------------------------------------------------------------------------------------------ Google


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleStandIn]:
    stand_in = GoogleStandIn()
    with serving(stand_in):
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(stand_in.credentials(tmp_path)))
        stand_in.write(GOOGLE.name, VALUE)
        yield stand_in


def in_cloud(google: GoogleStandIn) -> Places:
    return Places(gcp=Gcp(endpoint=google.url))


def paths(google: GoogleStandIn) -> list[str]:
    return [each.path for each in google.asked if each.path != "/token"]


def test_a_text_in_google_is_revealed_with_one_get(google: GoogleStandIn, tmp_path: Path) -> None:
    told: set[str] = set()
    with resolver(in_cloud(google), tmp_path, told=told) as opened:
        found = [opened.reveal(GOOGLE), opened.reveal(GOOGLE)]

    assert found == [VALUE, VALUE]
    assert paths(google) == ["/v1/projects/example/secrets/lake/versions/latest:access"]
    assert told == {VALUE, google.token}


def test_google_is_asked_for_a_token_once(google: GoogleStandIn, tmp_path: Path) -> None:
    google.write("projects/example/secrets/other", NEW)
    with resolver(in_cloud(google), tmp_path) as opened:
        opened.reveal(GOOGLE)
        opened.reveal(replace(GOOGLE, name="projects/example/secrets/other"))

    assert [each.path for each in google.asked].count("/token") == 1


def test_a_version_and_an_entry_in_google_are_chosen(google: GoogleStandIn, tmp_path: Path) -> None:
    google.write(GOOGLE.name, json.dumps({"password": NEW}))
    with resolver(in_cloud(google), tmp_path) as opened:
        found = (opened.reveal(replace(GOOGLE, version="1")), opened.reveal(replace(GOOGLE, key="password")))

    assert found == (VALUE, NEW)


def test_google_tells_the_version_without_the_value_being_read(google: GoogleStandIn, tmp_path: Path) -> None:
    google.write(GOOGLE.name, NEW)
    with resolver(in_cloud(google), tmp_path) as opened:
        stamped = opened.stamped(GOOGLE)

    assert stamped.version == "store:2"
    assert paths(google) == ["/v1/projects/example/secrets/lake/versions/latest"]


def test_an_account_that_may_only_read_values_learns_the_version_by_reading(
    google: GoogleStandIn, tmp_path: Path
) -> None:
    google.hides_metadata = True
    with resolver(in_cloud(google), tmp_path) as opened:
        assert opened.stamped(GOOGLE).version == "store:1"


def disable(google: GoogleStandIn) -> None:
    google.versions[GOOGLE.name].append(None)


def forget(google: GoogleStandIn) -> None:
    google.versions.clear()


def garble(google: GoogleStandIn) -> None:
    google.write(GOOGLE.name, b"\xff" + VALUE.encode())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (disable, "(HTTP 400); the version may be disabled or destroyed"),
        (forget, "Google Secret Manager does not give `projects/example/secrets/lake` (HTTP 404); correct the name"),
        (garble, "`{gcpSecretManager: projects/example/secrets/lake}` is no UTF-8 text"),
    ],
)
def test_what_google_does_not_give_is_unavailable(
    google: GoogleStandIn, tmp_path: Path, spoil: Callable[[GoogleStandIn], None], message: str
) -> None:
    spoil(google)
    with resolver(in_cloud(google), tmp_path) as opened:
        assert message in reason(opened, GOOGLE)


@pytest.mark.parametrize("name", ["lake", "projects/a/secrets/b/versions/1", "projects/a/secrets/b:access"])
def test_a_strange_name_is_never_sent_to_google(google: GoogleStandIn, tmp_path: Path, name: str) -> None:
    with resolver(in_cloud(google), tmp_path) as opened:
        reason(opened, replace(GOOGLE, name=name))

    assert google.asked == []


def test_without_credentials_google_is_not_asked(
    google: GoogleStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with resolver(in_cloud(google), tmp_path) as opened:
        said = reason(opened, GOOGLE)

    assert said.startswith("there are no Google credentials to ask for it with (DefaultCredentialsError); set `GOOGLE_")
    assert google.asked == []


# ----------------------------------------------------------------------------------------------- no trace


@pytest.mark.parametrize("source", ["aws", "vault", "google"])
def test_nothing_of_a_value_or_a_token_is_logged(
    source: str, aws: SecretsManagerClient, vault: VaultStandIn, google: GoogleStandIn, tmp_path: Path
) -> None:
    aws.create_secret(Name="exports/lake", SecretString=VALUE)
    secret = {"aws": AWS, "vault": KV, "google": GOOGLE}[source]
    places = Places(aws=Aws(region="eu-west-1"), gcp=Gcp(endpoint=google.url), vault=Vault(address=vault.url))
    with resolver(places, tmp_path) as opened, listening() as ear:
        opened.stamped(secret)
        opened.reveal(secret)
    leaks = [line[:80] for line in ear.heard for each in (VALUE, vault.token, google.token) if each in line]

    assert ear.heard
    assert leaks == []
