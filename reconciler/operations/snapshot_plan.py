"""`plan --snapshot`: the plan where nobody may ask, made from what somebody has published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from reconciler.engine.codec import CodecError, decode_sealed, digest
from reconciler.engine.safety import Limits
from reconciler.operations.failures import Failure, Invalid, Stale
from reconciler.operations.plan import Planned, weigh
from reconciler.operations.reading import builds_on
from reconciler.operations.snapshot import KIND, Published, as_published
from reconciler.operations.workspace import Workspace
from reconciler.reports.sentences import FROM_SNAPSHOT
from reconciler.sdk import Assessment, Connection, Handler, Reply, Session, Unreachable, VendorError
from reconciler.secrets import SecretUnavailable
from reconciler.specs.variables import NoOutput, Outputs, Scalar
from reconciler.specs.words import shown
from reconciler.values import Address, Desired, Hold, HoldKind, Options, Problem, Secret, Snapshot

_NOBODY = "a plan from a snapshot asks nobody"
_MOVED = "neither the vendors nor the state were asked, and both may have moved since"


def read_published(workspace: Workspace, path: Path) -> Published:
    """
    The snapshot in a file.

    Raises `Stale` when it was edited, was written by a newer version, or is of another project, environment or account.
    """
    again = "make it again with `snapshot -o`"
    try:
        published = decode_sealed(KIND, Published, path.read_bytes())
    except OSError as error:
        raise Failure(f"the snapshot `{path}` cannot be read: {error.strerror}") from None
    except CodecError as error:
        raise Stale(f"`{path}` cannot be used: {error}", help=again) from None
    theirs, ours = (published.project, published.environment), (workspace.project.name, workspace.project.environment)
    if theirs != ours:
        raise Stale(f"the snapshot is of `{'/'.join(theirs)}`, and this is `{'/'.join(ours)}`", help=again)
    for vendor, scope in sorted(published.scopes.items()):
        if vendor in workspace.project.vendors and (now := _mute_session(workspace, vendor).scope) != scope:
            raise Stale(f"the snapshot is of {scope}, and the project now names {now}", help=again)
    return published


def plan_from(
    workspace: Workspace, published: Published, options: Options | None = None, *, limits: Limits | None = None
) -> Planned:
    """
    The plan as it would be if nothing had moved since the snapshot was taken.

    Opens no connection and reads no secret. It is given no digest, so that nobody can approve it. Raises `Invalid`
    for wrong manifests.
    """
    options = options or Options()
    workspace.read(outputs=_outputs_of(published))
    desired = Desired({}) if options.destroy else workspace.load().desired
    snapshot = _snapshot_of(workspace, published, desired)
    planned = weigh(
        workspace,
        desired,
        published.state,
        published.intents,
        snapshot,
        options=options,
        asked=_Unasked(),
        limits=limits,
    )
    age = _age(workspace.clock.now() - published.taken)
    notes = (
        f"{FROM_SNAPSHOT} of {published.taken:%Y-%m-%d %H:%M:%S} UTC, {age}: {_MOVED}",
        "secrets, quotas and permissions are not checked; a plan from a snapshot cannot be saved, approved or applied",
    )
    return replace(planned, plan=replace(planned.plan, notes=(*notes, *planned.plan.notes)))


def _outputs_of(published: Published) -> Outputs:
    known = {(each.project, each.address, each.name): each.value for each in published.outputs}

    def output(project: str, address: Address, name: str) -> Scalar:
        value = known.get((project, address, name))
        if not isinstance(value, str | bool | int | float):
            raise NoOutput(
                f"the snapshot does not hold the output `{shown(name)}` of `{address}` in `{shown(project)}`",
                "a plan from a snapshot knows only what the manifests used when it was taken",
                code="no-output",
            )
        return value

    return output


def _age(passed: timedelta) -> str:
    seconds = passed.total_seconds()
    if seconds < 0:
        return "which by this machine's clock is still to come"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min old"
    return f"{seconds / 3600:.0f} h old" if seconds < 172_800 else f"{seconds / 86_400:.0f} days old"


def _snapshot_of(workspace: Workspace, published: Published, desired: Desired) -> Snapshot:
    objects = {each.type: {one.id: one for one in each.objects} for each in published.listings}
    unreadable: dict[str | Address, Problem] = {
        each.what if each.what.count("/") == 1 else Address.parse(each.what): each.problem for each in published.unread
    }
    looked = {each.address: each for each in published.looked}
    same = {
        address
        for address, resource in desired.resources.items()
        if address in looked and looked[address].manifest == digest(as_published(resource.attributes))
    }
    holds = {each.address: each.hold for each in published.holds if each.address in same or each.address not in looked}
    problems = [each for each in published.problems if each.address is None or each.address in same]
    found = {address: looked[address].resolved for address in same}
    resolved = {address: document for address, document in found.items() if document is not None}
    records = published.state.records if published.state is not None else {}
    invalid: list[Problem] = []
    for address, resource in desired.resources.items():
        if address in same or address.type in unreadable:
            continue
        if address.type not in objects:
            reason = f"the snapshot says nothing of `{address.type}`, which nothing used when it was taken"
            holds[address] = Hold(kind=HoldKind.BLOCKED, reason=reason)
            continue
        handler = _mute_session(workspace, address.vendor).handler(address.kind)
        if not builds_on(Handler.assess.__name__, handler):
            continue
        record = records.get(address)
        observed = objects[address.type].get(record.id) if record is not None and record.id is not None else None
        try:
            said: Assessment = handler.assess(resource, record, observed, published.taken)
        except (VendorError, SecretUnavailable):
            reason = "what its plan needs is known to the vendor alone, and the snapshot does not have it"
            holds[address] = Hold(kind=HoldKind.BLOCKED, reason=reason)
            continue
        if said.observed is not None:
            objects[address.type][said.observed.id] = said.observed
        if said.hold is not None:
            holds[address] = said.hold
        if said.attributes is not None:
            resolved[address] = said.attributes
        problems += said.problems
        invalid += said.invalid
    if invalid:
        raise Invalid(
            "what the manifests name is not what they say; nothing was sent", [workspace.place(e) for e in invalid]
        )
    return Snapshot(
        taken=published.taken,
        objects={type: tuple(each.values()) for type, each in objects.items()},
        scopes=published.scopes,
        unreadable=unreadable,
        listed={each.type: each.listed for each in published.listings},
        holds=holds,
        problems=tuple(problems),
        resolved=resolved,
    )


class _Unasked:
    """The project's secrets, none of which may be asked for."""

    def stamped(self, secret: Secret, recorded: Secret | None, *, with_fingerprint: bool) -> Secret:
        """Nothing can be told of its value."""
        raise SecretUnavailable(secret, "a plan from a snapshot asks for no secret", "run `plan` without `--snapshot`")

    def check_fingerprints(self) -> None:
        """None is asked for, so nothing is missing."""


class _Mute:
    """A vendor's host that nobody may talk to."""

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        json: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> Reply:
        """Raises `Unreachable`."""
        raise Unreachable(_NOBODY, request=f"{method} {path}")

    def hide(self, secret: str) -> None:
        """Nothing is ever shown."""


def _mute_session(workspace: Workspace, vendor: str) -> Session:
    """The vendor as the project's settings have it, without a connection and without credentials."""

    def reveal(secret: Secret) -> NoReturn:
        raise SecretUnavailable(secret, _NOBODY, "run `plan` without `--snapshot`")

    return workspace.catalog.provider(vendor).connect(
        Connection(
            settings=workspace.project.vendors[vendor],
            http=_Mute(),
            elsewhere=lambda _base_url: _Mute(),
            reveal=reveal,
            now=workspace.clock.now,
            sleep=workspace.clock.sleep,
            root=workspace.project.root,
            at_once=1,
        )
    )
