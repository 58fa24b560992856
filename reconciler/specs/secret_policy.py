"""Whether a manifest may name the place of a secret, and how the project would allow it."""

from __future__ import annotations

from pathlib import PurePosixPath

from reconciler.specs.project import SecretPolicy
from reconciler.specs.words import listed, shown
from reconciler.values import Secret


def refusal(secret: Secret, policy: SecretPolicy, field: str) -> tuple[str, str] | None:
    """What is wrong with the reference in the field called `field` and what to do, or `None` when it is allowed."""
    name = shown(secret.name)
    if secret.source == "env":
        if secret.name in policy.env_names or any(
            each and secret.name.startswith(each) for each in policy.env_prefixes
        ):
            return None
        message = f"`{field}` names the environment variable `{name}`, which this project does not allow"
        prefixes = [f"{each}…" for each in policy.env_prefixes if each]
        return message, _help([*prefixes, *sorted(policy.env_names)], "secrets.envNames")
    if secret.source == "file":
        path = PurePosixPath(secret.name)
        plain = ".." not in path.parts and "\0" not in secret.name
        if plain and any(path.is_relative_to(folder) and path != PurePosixPath(folder) for folder in policy.file_roots):
            return None
        message = f"`{field}` names the file `{name}`, which this project does not allow"
        if not plain:
            return message, "write the path without `..`"
        return message, _help([f"{each.rstrip('/')}/…" for each in policy.file_roots], "secrets.fileRoots")
    if secret.source == "named":
        if secret.name in policy.named:
            return None
        message = f"`{field}` names `{name}`, which this project does not define as a source of secrets"
        known = ", ".join(f"`{shown(each)}`" for each in sorted(policy.named)) or "none"
        return message, f"defined are: {known}; define more under `secrets.named` in `reconciler.yaml`"
    return _refusal_in_store(secret, policy, field)


def _refusal_in_store(secret: Secret, policy: SecretPolicy, field: str) -> tuple[str, str] | None:
    name = shown(secret.name)
    called, allowed, setting = {
        "awsSecretsManager": ("AWS Secrets Manager", policy.aws, "secrets.awsSecretsManager.names"),
        "gcpSecretManager": ("Google Secret Manager", policy.gcp, "secrets.gcpSecretManager.names"),
        "vault": ("Vault", policy.vault, "secrets.vault.paths"),
    }[secret.source]
    if ".." in secret.name.split("/"):
        return f"`{field}` names `{name}` in {called}, which this project does not allow", "write the name without `..`"
    if not any(secret.name == each or (each.endswith("*") and secret.name.startswith(each[:-1])) for each in allowed):
        message = f"`{field}` names `{name}` in {called}, which this project does not allow"
        return message, _help(list(allowed), setting)
    if secret.source == "vault" and secret.key is None:
        return f"`{field}` names `{name}` in Vault and no entry of it", "add `key`: a secret in Vault has entries"
    return None


def _help(allowed: list[str], setting: str) -> str:
    start = f"allowed: {listed(allowed)}; " if allowed else ""
    return f"{start}to allow more, add it to `{setting}` in `reconciler.yaml`"
