"""What Didomi must have enabled, and how much of it, before a plan is carried out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reconciler.providers.didomi.client import Client
from reconciler.providers.didomi.mapping import Row
from reconciler.sdk import VendorError
from reconciler.values import Action, Change, Document, Plan, Problem, Severity, Snapshot

CONFIGS = "didomi/ExportConfig"

_MAKING = frozenset({Action.CREATE, Action.REPLACE})


def preflight(client: Client, plan: Plan, snapshot: Snapshot) -> Iterator[Problem]:
    """Problems that Didomi would raise half-way through; asks nothing when the plan makes and enables nothing."""
    changes = [change for change in plan.changes if change.address.vendor == "didomi"]
    making = [change for change in changes if change.action in _MAKING]
    configs = [change for change in changes if change.address.type == CONFIGS]
    enabling = [change for change in configs if _enables(change)]
    attaching = [change for change in configs if _attaches(change)]
    importing = [change for change in changes if change.action is Action.RUN]
    if making or enabling:
        yield from _features(client, (making or enabling)[0], "batch_exports", "batch exports are")
    if importing:
        yield from _features(client, importing[0], "consents_api", "the Consents API is")
    if enabling or attaching:
        try:
            rows = read_quotas(client)
        except VendorError as error:
            yield _unread((enabling or attaching)[0], "the quotas", error)
            return
        # Defaults 3 and 2 (Didomi, Quotas; documented); a quota that is not given is not guessed.
        if enabling and (quota := _quota(rows, "exports_configs")) is not None:
            yield from _too_many_enabled(enabling, configs, snapshot, quota)
        if (quota := _quota(rows, "exports_destinations")) is not None:
            yield from _too_many_destinations(attaching, quota)


def _features(client: Client, first: Change, product: str, words: str) -> Iterator[Problem]:
    try:
        rows = read_features(client)
    except VendorError as error:
        yield _unread(first, "which products are enabled", error)
        return
    if not rows:
        # A list for a foreign organization may be empty instead of refused (undocumented).
        yield Problem(
            code="organization-not-visible",
            message="Didomi shows nothing of this organization to this key",
            address=first.address,
            help="check `organizationId`, and that the key was made in that organization; ask `reconciler doctor`",
        )
    elif not any(row.get(product) is True for row in rows):
        # Enabled by Didomi's support, not by API (Didomi, Configure a batch export; documented).
        yield Problem(
            code="product-not-enabled",
            message=f"{words} not enabled for this organization",
            address=first.address,
            help=f"ask Didomi's support to enable `{product}`; `reconciler doctor` shows when that is done",
        )


def _too_many_destinations(attaching: list[Change], quota: int) -> Iterator[Problem]:
    for change in attaching:
        count = len(_destinations(_wanted(change)))
        if count > quota:
            yield Problem(
                code="quota-exceeded",
                message=f"{count} destinations are listed and Didomi allows {quota} for one configuration",
                address=change.address,
                path=("destinations",),
                help="remove some, or ask Didomi's support for a higher `exports_destinations` quota",
            )


def _too_many_enabled(
    enabling: list[Change], configs: list[Change], snapshot: Snapshot, quota: int
) -> Iterator[Problem]:
    before = {each.id for each in snapshot.objects.get(CONFIGS, ()) if _is_enabled(each.attributes)}
    after = set(before)
    peak = set(before)
    for change in configs:
        gone = {change.id, *change.discard} - {None}
        ends = change.action in (Action.DELETE, Action.DISABLE, Action.REPLACE)
        if ends or (change.action is Action.UPDATE and not _is_enabled(_wanted(change))):
            after -= gone
        if change.action is Action.REPLACE and change.delete_first:
            peak -= gone
    new = {
        change.id if change.id and change.action is Action.UPDATE else f"new {change.address}" for change in enabling
    }
    after |= new
    peak |= new
    change = enabling[-1]
    if len(after) > quota:
        yield Problem(
            code="quota-exceeded",
            message=f"{len(after)} export configurations would be enabled and Didomi allows {quota}",
            address=change.address,
            path=("enabled",),
            help="disable one with `enabled: false`, or ask Didomi's support for a higher `exports_configs` quota",
        )
    elif len(peak) > quota:
        # Deletions come last, so that exports have no gap.
        yield Problem(
            code="quota-reached",
            message=(
                f"{len(peak)} export configurations may be enabled for a moment while this is applied, and Didomi"
                f" allows {quota}"
            ),
            address=change.address,
            path=("enabled",),
            help="disable or delete first in an apply of its own, or write `lifecycle: {replace: deleteFirst}`",
            severity=Severity.WARNING,
        )


def read_features(client: Client) -> tuple[Row, ...]:
    """The organization's row of enabled products (Didomi's OpenAPI document; documented)."""
    return client.page("/premium-features", [("organization_id", client.organization)])


def read_quotas(client: Client) -> tuple[Row, ...]:
    """The organization's row of quotas (Didomi, Quotas; documented)."""
    return client.page("/quotas", [("organization_id", client.organization)])


def _unread(first: Change, what: str, error: VendorError) -> Problem:
    return Problem(
        code="preflight-unread",
        message=f"{what} at Didomi cannot be read, so nothing was checked against them: {error.message}",
        address=first.address,
        help="the plan stands; Didomi itself may refuse it",
        severity=Severity.WARNING,
    )


def _quota(rows: Iterable[Row], name: str) -> int | None:
    for row in rows:
        found = row.get(name)
        if isinstance(found, int) and not isinstance(found, bool):
            return found
    return None


def _enables(change: Change) -> bool:
    """Whether the change makes one more configuration enabled."""
    if change.action in _MAKING:
        return _is_enabled(_wanted(change))
    touched = any(each.path[:1] == ("enabled",) for each in change.fields)
    return change.action is Action.UPDATE and touched and _is_enabled(_wanted(change))


def _attaches(change: Change) -> bool:
    touched = any(each.path[:1] == ("destinations",) for each in change.fields)
    return change.action in _MAKING or (change.action is Action.UPDATE and touched)


def _wanted(change: Change) -> Document:
    return change.resource.attributes if change.resource else {}


def _is_enabled(attributes: Document) -> bool:
    return attributes.get("enabled", True) is not False


def _destinations(attributes: Mapping[str, object]) -> tuple[object, ...]:
    found = attributes.get("destinations")
    return found if isinstance(found, tuple) else ()
