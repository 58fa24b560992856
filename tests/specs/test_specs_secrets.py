"""Places of secrets beyond variables and files: what the project file says of them, and what manifests may name."""

from __future__ import annotations

import pytest
from specs_stage import PROJECT, Stage, manifest

from reconciler.specs import SecretPolicy
from reconciler.values import Secret

EVERYTHING = (
    PROJECT
    + """\
secrets:
  awsSecretsManager: {names: [exports/lake, exports/crm-*], region: eu-west-1}
  gcpSecretManager: {names: ["projects/example/*"]}
  vault:
    address: https://vault.example.com:8200
    paths: [kv/exports/*]
    namespace: team
  named:
    lake-key: {command: [sops, decrypt, keys.enc.yaml]}
    crm-key: {age: keys/crm.age, identity: {env: AGE_IDENTITY}}
  fingerprint: {id: k1, key: {file: /run/secrets/fingerprint}}
"""
)


def lake(reference: str) -> str:
    return manifest("Lake", "lake", f"login: {{type: bucket, bucket: b, secretKey: {reference}}}")


def test_everything_can_be_said_of_places(stage: Stage) -> None:
    stage.write("reconciler.yaml", EVERYTHING)
    project = stage.project()
    file = project.secret_places

    assert project.secrets == SecretPolicy(
        aws=("exports/lake", "exports/crm-*"),
        gcp=("projects/example/*",),
        vault=("kv/exports/*",),
        named=frozenset({"lake-key", "crm-key"}),
    )
    assert file.aws_secrets_manager.region == "eu-west-1"
    assert file.gcp_secret_manager.endpoint == "https://secretmanager.googleapis.com"
    assert file.vault is not None
    assert (file.vault.address, file.vault.namespace) == ("https://vault.example.com:8200", "team")
    assert file.vault.token == {"env": "VAULT_TOKEN"}
    assert file.named["lake-key"].command == ["sops", "decrypt", "keys.enc.yaml"]
    assert file.named["crm-key"].identity == {"env": "AGE_IDENTITY"}
    assert file.fingerprint is not None
    assert (file.fingerprint.id, file.fingerprint.key) == ("k1", {"file": "/run/secrets/fingerprint"})


@pytest.mark.parametrize(
    ("reference", "secret"),
    [
        ("{awsSecretsManager: exports/lake}", Secret(source="awsSecretsManager", name="exports/lake")),
        (
            "{awsSecretsManager: exports/crm-eu, key: k, version: AWSPREVIOUS}",
            Secret(source="awsSecretsManager", name="exports/crm-eu", key="k", version="AWSPREVIOUS"),
        ),
        (
            '{gcpSecretManager: projects/example/secrets/s, version: "3"}',
            Secret(source="gcpSecretManager", name="projects/example/secrets/s", version="3"),
        ),
        ("{vault: kv/exports/lake, key: k}", Secret(source="vault", name="kv/exports/lake", key="k")),
        ("{named: lake-key}", Secret(source="named", name="lake-key")),
    ],
)
def test_a_manifest_may_name_what_the_project_file_lists(stage: Stage, reference: str, secret: Secret) -> None:
    stage.write("reconciler.yaml", EVERYTHING)
    resource = stage.resource("example/Lake/lake", lake(reference))
    login = resource.attributes["login"]

    assert isinstance(login, dict)
    assert login["secretKey"] == secret


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (
            "{awsSecretsManager: admin}",
            (
                "secret-not-allowed `secretKey` names `admin` in AWS Secrets Manager, which this project does "
                "not allow "
                "| allowed: `exports/lake`, `exports/crm-*`; to allow more, add it to "
                "`secrets.awsSecretsManager.names` in "
                "`reconciler.yaml`"
            ),
        ),
        (
            "{gcpSecretManager: projects/other/secrets/s}",
            (
                "secret-not-allowed `secretKey` names `projects/other/secrets/s` in Google Secret Manager, which this "
                "project does not allow | allowed: `projects/example/*`; to allow more, add it to "
                "`secrets.gcpSecretManager.names` in `reconciler.yaml`"
            ),
        ),
        (
            "{vault: kv/exports/../admin, key: k}",
            (
                "secret-not-allowed `secretKey` names `kv/exports/../admin` in Vault, which this project does "
                "not allow "
                "| write the name without `..`"
            ),
        ),
        (
            "{vault: kv/exports/lake}",
            (
                "secret-not-allowed `secretKey` names `kv/exports/lake` in Vault and no entry of it "
                "| add `key`: a secret in Vault has entries"
            ),
        ),
        (
            "{named: other}",
            (
                "secret-not-allowed `secretKey` names `other`, which this project does not define as a source "
                "of secrets "
                "| defined are: `crm-key`, `lake-key`; define more under `secrets.named` in `reconciler.yaml`"
            ),
        ),
        (
            "{env: RECONCILER_SECRET_A, version: 'store:7'}",
            (
                "secret-reference `secretKey`: a version ends neither like `store:…` nor like `hmac:…`, which "
                "is added in "
                "the state | write one of `{env: …}`, `{file: …}`, `{awsSecretsManager: …}`, `{gcpSecretManager: …}`, "
                "`{vault: …}`, `{named: …}`"
            ),
        ),
        (
            "{command: [cat, /etc/shadow]}",
            (
                "secret-reference `secretKey` must name one place where the secret is kept | write one of `{env: …}`, "
                "`{file: …}`, `{awsSecretsManager: …}`, `{gcpSecretManager: …}`, `{vault: …}`, `{named: …}`"
            ),
        ),
    ],
)
def test_any_other_name_is_refused(stage: Stage, reference: str, message: str) -> None:
    stage.write("reconciler.yaml", EVERYTHING)
    (found,) = stage.problems(lake(reference))

    assert found.partition(" ")[2] == message


def test_without_a_word_in_the_project_file_no_store_may_be_named(stage: Stage) -> None:
    references = ["{awsSecretsManager: a}", "{gcpSecretManager: a}", "{vault: a, key: k}", "{named: a}"]
    found = [stage.problems(lake(each)) for each in references]

    assert [len(each) for each in found] == [1, 1, 1, 1]
    assert all("secret-not-allowed" in each[0] for each in found)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            "{named: {a: {command: [x], age: y}}}",
            "secret-source write either `command`, or `age` together with the `identity` that opens the file | None",
        ),
        (
            "{named: {a: {command: [x], identity: {env: A}}}}",
            "secret-source write either `command`, or `age` together with the `identity` that opens the file | None",
        ),
        ("{named: {a: {}}}", "secret-source write either `command`, or `age` together with the `identity` that opens"),
        (
            "{named: {a: {age: y, identity: {named: b}}}}",
            "secret-reference `identity`: an identity is kept in `env`, `file` or a cloud's store",
        ),
        ("{named: {A_b: {command: [x]}}}", "invalid-name `A_b` is no name: lower-case letters, digits and inner"),
        (
            "{vault: {address: https://vault.example.com, token: {vault: kv/a, key: b}}}",
            "secret-reference `token`: Vault's own token cannot be kept in Vault",
        ),
        ("{vault: {address: http://vault.example.com}}", "insecure-url the URL would send credentials in the clear"),
        ("{vault: {paths: [kv/*]}}", "missing-key `vault` lacks the key `address`"),
        ("{fingerprint: {id: k1, key: hunter2}}", "inline-secret `key` must be a reference to a secret, never the"),
        ("{fingerprint: {id: K 1, key: {env: A}}}", "invalid-value `id` does not have the form it must have"),
        ("{awsSecretsManager: {names: ['']}}", "invalid-value `names[0]` must have at least 1 character"),
    ],
)
def test_a_wrong_word_about_a_place_is_said(stage: Stage, section: str, message: str) -> None:
    stage.write("reconciler.yaml", f"{PROJECT}secrets: {section}\n")
    (found,) = stage.refused()

    assert found.partition(" ")[2].startswith(message)
