"""What the project file says of places of secrets, as the room that reads them wants it."""

from __future__ import annotations

from reconciler.secrets import Age, Aws, Command, FingerprintKey, Gcp, Places, Vault
from reconciler.specs import SecretsFile, secret_of
from reconciler.specs.tree import Node
from reconciler.values import Secret

FINGERPRINT_KEY = "secrets.fingerprint.key"
"""Where the key of fingerprints stands in the project file."""


def places_of(file: SecretsFile) -> Places:
    """How places that need more than a name are reached."""
    vault = file.vault
    return Places(
        aws=Aws(region=file.aws_secrets_manager.region),
        gcp=Gcp(endpoint=file.gcp_secret_manager.endpoint),
        vault=None
        if vault is None
        else Vault(address=vault.address, token=_reference(vault.token), namespace=vault.namespace, mount=vault.mount),
        named={
            name: Age(path=each.age, identity=_reference(each.identity))
            if each.age is not None
            else Command(words=tuple(each.command or ()))
            for name, each in file.named.items()
        },
    )


def fingerprints_of(file: SecretsFile) -> FingerprintKey | None:
    """The key of fingerprints, when one is configured."""
    asked = file.fingerprint
    return None if asked is None else FingerprintKey(id=asked.id, key=_reference(asked.key))


def references_of(file: SecretsFile) -> dict[str, Secret]:
    """Every reference that the section itself makes, by where it stands."""
    found = {
        f"secrets.named.{name}.identity": _reference(each.identity)
        for name, each in sorted(file.named.items())
        if each.identity is not None
    }
    if file.vault is not None:
        found["secrets.vault.token"] = _reference(file.vault.token)
    if file.fingerprint is not None:
        found[FINGERPRINT_KEY] = _reference(file.fingerprint.key)
    return found


def _reference(written: Node) -> Secret:
    secret = secret_of(written)
    assert secret is not None, "the project file's model has checked it"
    return secret
