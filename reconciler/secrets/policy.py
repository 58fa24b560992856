"""Which places manifests may name: whoever may edit a manifest may not send any secret anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from reconciler.values import Secret

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

STORES = {
    "awsSecretsManager": "AWS Secrets Manager",
    "gcpSecretManager": "Google Secret Manager",
    "vault": "Vault",
}
"""The stores by the word that names them in a reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    The environment names, folders, names in stores and named sources that the project file lists.

    A relative folder or file is one of the project. A name in a store is written out, or as what it begins with and a
    `*`. `refusal` looks at names alone, so that a manifest can be judged offline; `permits_file` looks at where a path
    really leads, and is asked again whenever a value is read.
    """

    env_prefixes: tuple[str, ...] = ("RECONCILER_SECRET_",)
    env_names: frozenset[str] = frozenset()
    file_roots: tuple[str, ...] = ("/run/secrets",)
    aws: tuple[str, ...] = ()
    gcp: tuple[str, ...] = ()
    vault: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()

    @classmethod
    def only(cls, secret: Secret, root: Path) -> Self:
        """The policy for a reference in the project file itself, which may name any place: that place alone."""
        names = (secret.name,)
        return cls(
            env_prefixes=(),
            env_names=frozenset(names),
            file_roots=(str((root / secret.name).resolve().parent),),
            aws=names,
            gcp=names,
            vault=names,
            named=frozenset(names),
        )

    def allows(self, secret: Secret) -> bool:
        """Whether manifests may name this place."""
        return self.refusal(secret) is None

    def refusal(self, secret: Secret) -> str | None:
        """Why manifests may not name this place, None when they may."""
        match secret.source:
            case "env":
                return self._refusal_of_variable(secret.name)
            case "file":
                return self._refusal_of_file(secret.name)
            case "awsSecretsManager":
                return _refusal_in_store(secret, self.aws)
            case "gcpSecretManager":
                return _refusal_in_store(secret, self.gcp)
            case "vault":
                return _refusal_in_store(secret, self.vault)
            case "named":
                if secret.name in self.named:
                    return None
                return f"no source of secrets is called `{secret.name}` here; there are {_listed(sorted(self.named))}"
            case source:
                return f"`{source}` is no source of secrets that this version supports; use `env` or `file`"

    def permits_file(self, real: Path, root: Path) -> bool:
        """Whether the path, free of symbolic links, lies in an allowed folder, those of the folder resolved too."""
        return any(real.is_relative_to((root / folder).resolve()) for folder in self.file_roots)

    def _refusal_of_variable(self, name: str) -> str | None:
        if not _ENV_NAME.match(name):
            return f"`{name}` is no name of an environment variable"
        # An empty prefix would allow every variable, which nobody who writes one means.
        if name in self.env_names or any(each and name.startswith(each) for each in self.env_prefixes):
            return None
        allowed = sorted(self.env_names) + [f"{each}…" for each in self.env_prefixes if each]
        return f"the environment variable `{name}` is not allowed here; allowed are {_listed(allowed)}"

    def _refusal_of_file(self, name: str) -> str | None:
        path = PurePosixPath(name)
        if not name or "\0" in name or ".." in path.parts:
            return f"`{name}` is no plain path of a file; write it without `..`"
        if any(
            path.is_relative_to(PurePosixPath(folder)) and path != PurePosixPath(folder) for folder in self.file_roots
        ):
            return None
        return f"the file `{name}` is not allowed here; allowed are files in {_listed(self.file_roots)}"


def _refusal_in_store(secret: Secret, allowed: tuple[str, ...]) -> str | None:
    name, store = secret.name, STORES[secret.source]
    if not name or ".." in name.split("/") or re.search(r"[\s?#\\\0]", name):
        return f"`{name}` is no plain name in {store}"
    if any(name == each or (each.endswith("*") and name.startswith(each[:-1])) for each in allowed):
        return None
    return f"`{name}` in {store} is not allowed here; allowed are {_listed(allowed)}"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words) or "none"
