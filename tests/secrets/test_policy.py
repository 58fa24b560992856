from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.secrets import Policy
from reconciler.values import Secret

POLICY = Policy(env_names=frozenset({"LAKE_KEY"}), file_roots=("/run/secrets", "keys"))


def env(name: str) -> Secret:
    return Secret(source="env", name=name)


def file(name: str) -> Secret:
    return Secret(source="file", name=name)


@pytest.mark.parametrize(
    "secret",
    [
        env("RECONCILER_SECRET_S3"),
        env("LAKE_KEY"),
        file("/run/secrets/s3"),
        file("/run/secrets/deep/s3"),
        file("keys/s3"),
        file("./keys/s3"),
    ],
)
def test_a_listed_place_is_allowed(secret: Secret) -> None:
    assert POLICY.allows(secret)


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        (
            env("AWS_SECRET_ACCESS_KEY"),
            "the environment variable `AWS_SECRET_ACCESS_KEY` is not allowed here; allowed are `LAKE_KEY`, `RECO",
        ),
        (env("LAKE_KEY_2"), "the environment variable `LAKE_KEY_2` is not allowed here; allowed are `LAKE_KEY`, "),
        (env("RECONCILER_SECRET_A=B"), "`RECONCILER_SECRET_A=B` is no name of an environment variable"),
        (env(""), "`` is no name of an environment variable"),
        (
            file("/etc/shadow"),
            "the file `/etc/shadow` is not allowed here; allowed are files in `/run/secrets`, `keys`",
        ),
        (file("/run/secrets-of-others/s3"), "the file `/run/secrets-of-others/s3` is not allowed here"),
        (file("/run/secrets"), "the file `/run/secrets` is not allowed here"),
        (file("s3"), "the file `s3` is not allowed here"),
        (file("/run/secrets/../../etc/shadow"), "`/run/secrets/../../etc/shadow` is no plain path of a file"),
        (file("/run/secrets/a\0b"), "`/run/secrets/a\0b` is no plain path of a file; write it without `..`"),
        (file(""), "`` is no plain path of a file"),
        (
            Secret(source="keychain", name="a"),
            "`keychain` is no source of secrets that this version supports; use `env",
        ),
    ],
)
def test_any_other_place_is_refused_with_a_reason(secret: Secret, reason: str) -> None:
    refusal = POLICY.refusal(secret)

    assert refusal
    assert refusal.startswith(reason)
    assert not POLICY.allows(secret)


def test_without_a_list_only_the_own_prefix_and_mounted_secrets_are_allowed() -> None:
    places = [env("RECONCILER_SECRET_A"), env("A"), file("/run/secrets/a"), file("/a")]

    assert [Policy().allows(secret) for secret in places] == [True, False, True, False]


def test_an_empty_prefix_allows_nothing() -> None:
    policy = Policy(env_prefixes=("",))

    assert policy.refusal(env("HOME")) == "the environment variable `HOME` is not allowed here; allowed are none"


# ------------------------------------------------------------------------------------------------ stores

STORES = Policy(
    aws=("exports/lake", "exports/crm-*"),
    gcp=("projects/example/secrets/lake-*",),
    vault=("kv/exports/*",),
    named=frozenset({"lake-key"}),
)


def aws(name: str) -> Secret:
    return Secret(source="awsSecretsManager", name=name)


def gcp(name: str) -> Secret:
    return Secret(source="gcpSecretManager", name=name)


def vault(name: str) -> Secret:
    return Secret(source="vault", name=name)


@pytest.mark.parametrize(
    "secret",
    [
        aws("exports/lake"),
        aws("exports/crm-"),
        aws("exports/crm-eu/key"),
        gcp("projects/example/secrets/lake-key"),
        vault("kv/exports/lake"),
        Secret(source="named", name="lake-key"),
    ],
)
def test_a_listed_name_in_a_store_is_allowed(secret: Secret) -> None:
    assert STORES.allows(secret)


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        (
            aws("exports/lake-2"),
            "`exports/lake-2` in AWS Secrets Manager is not allowed here; allowed are `exports/lake`",
        ),
        (
            aws("exports"),
            "`exports` in AWS Secrets Manager is not allowed here; allowed are `exports/lake`, `exports/c",
        ),
        (aws(""), "`` is no plain name in AWS Secrets Manager"),
        (
            gcp("projects/other/secrets/lake-key"),
            "`projects/other/secrets/lake-key` in Google Secret Manager is not al",
        ),
        (vault("kv/exports/../admin"), "`kv/exports/../admin` is no plain name in Vault"),
        (vault("kv/exports/a?version=1"), "`kv/exports/a?version=1` is no plain name in Vault"),
        (vault("kv/admin"), "`kv/admin` in Vault is not allowed here; allowed are `kv/exports/*`"),
        (Secret(source="named", name="other"), "no source of secrets is called `other` here; there are `lake-key`"),
    ],
)
def test_any_other_name_in_a_store_is_refused_with_a_reason(secret: Secret, reason: str) -> None:
    assert (STORES.refusal(secret) or "").startswith(reason)


@pytest.mark.parametrize("secret", [aws("a"), gcp("projects/a/secrets/b"), vault("kv/a")])
def test_without_a_list_no_store_is_allowed(secret: Secret) -> None:
    assert not Policy().allows(secret)


def test_a_reference_of_the_project_file_may_name_its_own_place_alone(tmp_path: Path) -> None:
    policy = Policy.only(vault("kv/admin"), tmp_path)

    assert (policy.allows(vault("kv/admin")), policy.allows(vault("kv/other"))) == (True, False)
