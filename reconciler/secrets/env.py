"""Secrets in environment variables: `{env: RECONCILER_SECRET_S3}`."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.secrets.errors import SecretUnavailable
from reconciler.secrets.places import Found
from reconciler.values import Secret


class EnvironmentSource:
    """Reads from the environment that was passed in."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def read(self, secret: Secret) -> Found:
        """The variable's value as it is; an empty one counts as not set, which is how CI hides secrets from forks."""
        value = self._environ.get(secret.name)
        if value:
            return Found(value)
        raise SecretUnavailable(
            secret,
            f"the environment variable `{secret.name}` is {'not set' if value is None else 'empty'}",
            "set it where this command runs, for example as a masked variable of the CI job",
        )
