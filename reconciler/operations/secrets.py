"""`secrets check`: read every secret that the project refers to, and show none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from reconciler.engine.shape import secrets
from reconciler.operations.rotation import AT_ONCE
from reconciler.operations.secret_places import FINGERPRINT_KEY, references_of
from reconciler.operations.workspace import Workspace
from reconciler.secrets import SecretUnavailable
from reconciler.specs import secret_of
from reconciler.values import Secret, dotted


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """
    One reference, where it is used, and whether its value can be had.

    `version` is what a store calls the present value. `missing` says why there is none, `help` what to do.
    """

    secret: Secret
    used_by: tuple[str, ...]
    version: str | None = None
    missing: str | None = None
    help: str | None = None


def check_secrets(workspace: Workspace) -> tuple[Checked, ...]:
    """
    Every reference of the manifests and of the project file, each once, sorted by where it is used first.

    Values are read and dropped. Raises `Invalid` for manifests or a project file that are wrong.
    """
    used: dict[tuple[Secret, bool], list[str]] = {}
    for place, secret, trusted in _references(workspace):
        used.setdefault((secret, trusted), []).append(place)

    def check(item: tuple[tuple[Secret, bool], list[str]]) -> Checked:
        (secret, trusted), places = item
        try:
            version = workspace.check_secret(secret, trusted=trusted)
        except SecretUnavailable as missing:
            return Checked(secret=secret, used_by=tuple(places), missing=missing.message, help=missing.help)
        return Checked(secret=secret, used_by=tuple(places), version=version)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="secrets") as pool:
        found = tuple(pool.map(check, used.items()))
    try:
        workspace.check_fingerprints()
    except SecretUnavailable as unfit:
        # It can be had, and may still be too short.
        return tuple(
            replace(each, missing=unfit.message, help=unfit.help)
            if FINGERPRINT_KEY in each.used_by and each.missing is None
            else each
            for each in found
        )
    return found


def _references(workspace: Workspace) -> Iterator[tuple[str, Secret, bool]]:
    """(where it is used, the reference, whether the project file makes it)."""
    for vendor, settings in sorted(workspace.project.vendors.items()):
        for path, secret in _within(settings.model_dump(by_alias=True)):
            yield f"vendors.{vendor}.{path}", secret, True
    for path, secret in references_of(workspace.project.secret_places).items():
        yield path, secret, True
    for position, each in enumerate(workspace.project.deliveries):
        for path, secret in _within(each.model_dump(by_alias=True)):
            yield f"deliveries[{position}].{path}", secret, True
    for position, webhook in enumerate(workspace.project.notify):
        for path, secret in _within(webhook.model_dump(by_alias=True)):
            yield f"notify[{position}].{path}", secret, True
    for address, resource in sorted(workspace.load().desired.resources.items()):
        for place, secret in secrets(resource.attributes):
            yield f"{address} spec.{dotted(place)}", secret, False


def _within(settings: object) -> Iterator[tuple[str, Secret]]:
    """Every reference within settings of the project file."""

    def walk(value: object, path: tuple[str, ...]) -> Iterator[tuple[str, Secret]]:
        if not isinstance(value, Mapping):
            return
        written = {str(key): each for key, each in value.items()}
        secret = secret_of(written)
        if secret is not None:
            yield dotted(path), secret
            return
        for key, each in written.items():
            yield from walk(each, (*path, key))

    yield from walk(settings, ())
