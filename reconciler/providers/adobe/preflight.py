"""What Adobe would refuse half-way through, found before a plan is carried out."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.providers.adobe.client import Client, Row
from reconciler.providers.adobe.connection_specs import ConnectionSpecs, Fault, auth_faults, offered, target_faults
from reconciler.providers.adobe.datasets import Datasets
from reconciler.providers.adobe.destinations import BY_SPEC, DESTINATIONS
from reconciler.providers.adobe.mapping import within
from reconciler.providers.adobe.source_connection import dataset_ids
from reconciler.providers.adobe.target_connection import params
from reconciler.sdk import CredentialsRefused, PermissionRefused, VendorError
from reconciler.values import (
    MISSING,
    Action,
    Change,
    Document,
    Plan,
    Problem,
    Ref,
    Secret,
    Severity,
    Snapshot,
    Value,
)

_MAKING = frozenset({Action.CREATE, Action.REPLACE})
_WRITING = frozenset({Action.CREATE, Action.REPLACE, Action.UPDATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """Asks nothing of Adobe about what the plan leaves as it is."""

    client: Client
    datasets: Datasets
    specs: ConnectionSpecs

    def problems(self, plan: Plan, snapshot: Snapshot) -> Iterator[Problem]:
        """Everything that is wrong, by kind."""
        changes = [each for each in plan.changes if each.address.vendor == "adobe"]

        def of(kind: str) -> list[Change]:
            return [each for each in changes if each.address.kind == kind]

        yield from self._accounts([each for each in of("BaseConnection") if each.action in _WRITING])
        yield from self._targets([each for each in of("TargetConnection") if each.action in _WRITING], plan, snapshot)
        yield from self._sources([each for each in of("SourceConnection") if each.action in _MAKING])
        yield from self._limit(of("Dataflow"))

    # --- connection specs ---

    def _accounts(self, changes: Sequence[Change]) -> Iterator[Problem]:
        for change in changes:
            auth = _wanted(change).get("auth")
            name = within(auth, "specName")
            spec = yield from self._spec(change)
            if spec is None or not isinstance(auth, Mapping) or not isinstance(name, str):
                continue
            names = offered(spec)
            if name not in names:
                yield Problem(
                    code="authentication-not-offered",
                    message=f"Adobe offers no `{name}` for this destination",
                    address=change.address,
                    path=("auth", "specName"),
                    help=f"offered: {', '.join(f'`{each}`' for each in names) or 'nothing'}",
                )
                continue
            plain = {
                key: each
                for key, each in auth.items()
                if key != "specName" and each is not MISSING and not isinstance(each, Secret)
            }
            for fault in auth_faults(spec, name, plain):
                yield _refused(change, fault, ("auth", fault.param) if fault.param else ("auth",))

    def _targets(self, changes: Sequence[Change], plan: Plan, snapshot: Snapshot) -> Iterator[Problem]:
        for change in changes:
            wanted = _wanted(change)
            theirs = self._destination_of(wanted.get("baseConnection"), plan, snapshot)
            if theirs is not None and theirs != wanted.get("destination"):
                yield Problem(
                    code="destination-mismatch",
                    message=f"the target is at `{wanted.get('destination')}` and its account at `{theirs}`",
                    address=change.address,
                    path=("destination",),
                    help="name another `baseConnection`, or the account's `destination`",
                )
            spec = yield from self._spec(change)
            for fault in target_faults(spec, params(wanted)) if spec is not None else ():
                yield _refused(change, fault, (fault.param,) if fault.param else ())

    def _destination_of(self, base: Value, plan: Plan, snapshot: Snapshot) -> Value:
        """The destination of an account, wanted or not managed here, when it is known."""
        if isinstance(base, Ref):
            wanted = next((each.resource for each in plan.changes if each.address == base.to and each.resource), None)
            return wanted.attributes.get("destination") if wanted is not None else None
        listed = next((each for each in snapshot.objects.get("adobe/BaseConnection", ()) if each.id == base), None)
        if listed is not None:
            return listed.attributes.get("destination")
        row = self.client.row("/connections", base) if isinstance(base, str) else None
        known = BY_SPEC.get(str(within(row, "connectionSpec", "id")))
        return known.name if known is not None else None

    def _spec(self, change: Change) -> Generator[Problem, None, Row | None]:
        destination = DESTINATIONS.get(str(_wanted(change).get("destination")))
        if destination is None:
            return None
        try:
            spec = self.specs.spec(destination.spec)
        except (CredentialsRefused, PermissionRefused):
            raise
        except VendorError as error:
            yield _unread(change, f"the connection spec of {destination.title}", error)
            return None
        if spec is None:
            yield Problem(
                code="destination-not-offered",
                message=f"Adobe shows no connection spec of {destination.title} to this organization",
                address=change.address,
                path=("destination",),
                help="which destinations there are depends on products; look at the destinations catalog in Adobe's UI",
            )
        return spec

    # --- datasets ---

    def _sources(self, changes: Sequence[Change]) -> Iterator[Problem]:
        if not changes:
            return
        try:
            known = self.datasets.by_id()
        except (CredentialsRefused, PermissionRefused):
            raise
        except VendorError as error:
            yield _unread(changes[0], "the datasets that may be exported", error)
            return
        for change in changes:
            for index, id in enumerate(dataset_ids(_wanted(change))):
                if id not in known:
                    yield Problem(
                        code="dataset-not-eligible",
                        message=f"`{id}` is none of the {len(known)} datasets that may be exported",
                        address=change.address,
                        path=("datasets", index),
                        help=(
                            "it does not exist in this sandbox, or products and add-ons do not include it; a dataset of"
                            " profiles must be enabled for Profile"
                        ),
                    )

    # --- destinations per sandbox ---

    def _limit(self, flows: Sequence[Change]) -> Iterator[Problem]:
        making = [each for each in flows if each.action in _MAKING]
        if not making:
            return
        limit = self.client.settings.destinations_limit
        try:
            count = self._count()
        except (CredentialsRefused, PermissionRefused):
            raise
        except VendorError as error:
            yield _unread(making[-1], "the number of destinations", error)
            return
        freed = sum(each.action is Action.DELETE for each in flows)
        after = count + sum(each.action is Action.CREATE for each in making) - freed
        # Deletions come last, so that exports have no gap.
        peak = count + sum(not each.delete_first for each in making)
        last = making[-1].address
        if after > limit:
            yield Problem(
                code="too-many-destinations",
                message=f"the sandbox would hold {after} destinations, and {limit} are allowed",
                address=last,
                help="delete some, or raise `destinationsLimit` in the project file if Adobe has raised the limit",
            )
        elif peak > limit:
            yield Problem(
                code="too-many-destinations",
                message=f"the sandbox would hold {peak} destinations for a moment, and {limit} are allowed",
                address=last,
                help="delete in an apply of its own first, or write `lifecycle: {replace: deleteFirst}`",
            )

    def _count(self) -> int:
        """
        How many destinations the sandbox has, audiences included: the limit is for all of them.

        `count` goes without `limit` (Flow Service errors; documented).
        """
        query = [("property", "inheritedAttributes.properties.isDestinationFlow==true"), ("count", "true")]
        count = self.client.body(self.client.send("GET", "/flows", query=query), "GET /flows").get("count")
        if isinstance(count, bool) or not isinstance(count, int):
            return len(self.client.rows("/flows", ("inheritedAttributes.properties.isDestinationFlow==true",)))
        return count


def _refused(change: Change, fault: Fault, path: tuple[str, ...]) -> Problem:
    return Problem(
        code="refused-by-connection-spec",
        message=f"Adobe's connection spec does not allow it: {fault.why}",
        address=change.address,
        path=path,
        help="the rule is Adobe's own, read a moment ago",
    )


def _unread(change: Change, what: str, error: VendorError) -> Problem:
    return Problem(
        code="preflight-unread",
        message=f"{what} cannot be read, so nothing was checked against it: {error.message}",
        address=change.address,
        help="the plan stands; Adobe itself may refuse it",
        severity=Severity.WARNING,
    )


def _wanted(change: Change) -> Document:
    return change.resource.attributes if change.resource is not None else {}
