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
    return f"`{field}` names a place, `{secret.source}`, that this project does not allow", "use `env` or `file`"


def _help(allowed: list[str], setting: str) -> str:
    start = f"allowed: {listed(allowed)}; " if allowed else ""
    return f"{start}to allow more, add it to `{setting}` in `reconciler.yaml`"
