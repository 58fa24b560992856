"""The verbs of `EventImport`: its files are read when planning, and sent part by part when applying."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from reconciler.deliveries import SourceError
from reconciler.providers.didomi.client import Client
from reconciler.providers.didomi.imports.events import Judge, import_contract
from reconciler.providers.didomi.imports.files import Changed, Input, Outside
from reconciler.providers.didomi.imports.job import DONE, UNDOING, UNDONE, Come, ImportJob
from reconciler.providers.didomi.imports.manifest import (
    batch_of,
    changed,
    digest_of,
    folder_of,
    inputs_of,
    unreadable,
)
from reconciler.providers.didomi.imports.parts import Damaged, Reading
from reconciler.providers.didomi.imports.quarantine import Quarantine
from reconciler.providers.didomi.imports.sending import Sender
from reconciler.providers.didomi.imports.survey import Survey, survey
from reconciler.providers.didomi.imports.undo import UndoJob
from reconciler.providers.didomi.imports.valve import BEGIN, Valve
from reconciler.sdk import (
    Assessment,
    Batches,
    BatchHandler,
    Order,
    PermissionRefused,
    Refused,
    Unreachable,
    VendorError,
)
from reconciler.values import (
    Address,
    Document,
    Hold,
    HoldKind,
    Observed,
    Problem,
    Record,
    Resource,
    Severity,
    Taint,
    Value,
)

QUARANTINE = Path(".reconciler") / "quarantine"
"""Where rejects are kept, below the project's folder."""


class EventImports(BatchHandler):
    """An import is there when the state says so: Didomi keeps events, and nothing of what brought them."""

    def __init__(self, client: Client, root: Path, sleep: Callable[[float], None], at_once: int = BEGIN) -> None:
        self._client = client
        # A request that waits for its turn elsewhere could not be called back when somebody asks to stop.
        self._at_once = min(BEGIN, at_once)
        self._root = root
        self._sleep = sleep
        self._folders: dict[Address, PurePosixPath] = {}
        self._purposes: frozenset[str] | None = None

    def list(self) -> Sequence[Observed]:
        """Didomi lists no imports."""
        return ()

    def read(self, id: str) -> Observed | None:
        """What was imported is not asked for: events are deleted with their users, and that is nobody's drift."""
        return Observed(id=id, attributes={})

    # --- planning ---

    def assess(self, resource: Resource, record: Record | None, observed: Observed | None, now: datetime) -> Assessment:
        """Nothing for an import that is done; else what its files hold, and whether they are those that are named."""
        self._folders[resource.address] = folder_of(resource)
        come = Come.of(record.memo) if record is not None and record.id is not None else None
        if record is None or record.id is None or come is None or come.digest != digest_of(resource.attributes):
            if observed is not None and record is not None:
                observed = replace(observed, attributes=record.applied)
            return self._looked(resource, observed)
        content = record.applied.get("content")
        known = {**resource.attributes, **({"content": content} if content is not None else {})}
        seen = Observed(id=record.id, attributes=known, memo=record.memo, outputs=record.outputs)
        settled = Assessment(observed=seen, attributes=known)
        match come.state:
            case "done":
                return settled
            case "undone":
                return replace(settled, problems=(_undone(resource),))
            case "undoing":
                reason = f"its undoing was cut short: run `reconciler events import --undo {resource.address}` again"
                taint = Taint(reason="some of its events were deleted again")
                hold = Hold(kind=HoldKind.BLOCKED, reason=reason)
                return replace(settled, observed=replace(seen, taint=taint, hold=hold), hold=hold)
            case _:
                looked = self._looked(resource, seen)
                total = events_of(looked.attributes or known)
                reason = f"it was stopped after {come.lines:,} of {total:,} lines, and goes on there"
                return replace(
                    looked,
                    observed=replace(seen, attributes=looked.attributes or known, taint=Taint(reason=reason)),
                )

    def _looked(self, resource: Resource, observed: Observed | None) -> Assessment:
        try:
            files = inputs_of(resource.attributes, folder=folder_of(resource), root=self._root)
            found = survey(self._reading(resource.address, resource.attributes), files)
        except Outside as error:
            problem = Problem(
                code="file-outside",
                message="a file cannot be imported",
                address=resource.address,
                path=("files",),
                help=str(error),
            )
            return Assessment(observed=observed, invalid=(problem,))
        except Damaged as error:
            return Assessment(observed=observed, invalid=(_damaged(resource, error),))
        except SourceError as error:
            return Assessment(observed=observed, invalid=(self._unread(resource, files, error),))
        attributes = {**resource.attributes, "content": _content(found, len(files))}
        problems = (*_problems(resource, found), *self._unknown(resource, found))
        return Assessment(observed=observed, attributes=attributes, problems=problems)

    def _unread(self, resource: Resource, files: Sequence[Input], error: SourceError) -> Problem:
        if error.code == "unreachable":
            raise Unreachable(str(error))
        if error.code == "not-allowed":
            raise PermissionRefused(str(error))
        if error.code == "library-missing":
            raise Refused(str(error))
        number = next((at for at, each in enumerate(files) if error.where.endswith(each.key)), 0)
        if isinstance(error, Changed):
            return changed(resource, number, files[number])
        return unreadable(resource, number, files[number], error)

    def _reading(self, address: Address, spec: Document) -> Reading:
        derives = spec.get("missingIds") == "derive"
        batch = batch_of(address.name, spec)
        contract = import_contract(organization=self._client.organization, batch=batch)
        source = str(spec.get("source") or self._client.organization) if derives else None
        return Reading(judge=Judge(contract), batch=batch, source=source)

    def _unknown(self, resource: Resource, found: Survey) -> Sequence[Problem]:
        """
        Purposes that Didomi does not list.

        Ids that once existed are accepted too, and only where the organization has API v2 (Events schema; documented),
        neither of which can be read: so it is said, and Didomi decides.
        """
        if not found.purposes:
            return ()
        try:
            if self._purposes is None:
                rows = self._client.rows("/metadata/purposes")
                self._purposes = frozenset(each for row in rows for each in _ids_in(row))
        except VendorError as error:
            message = f"Didomi's purposes cannot be read, so nothing was checked against them: {error.message}"
            help = "the plan stands; Didomi itself may refuse events"
            return (_say(resource, "preflight-unread", message, help),)
        unknown = sorted(set(found.purposes) - self._purposes)
        if not unknown:
            return ()
        shown = ", ".join(f"`{each}`" for each in unknown[:5]) + (", …" if len(unknown) > 5 else "")
        number = sum(found.purposes[each] for each in unknown)
        message = f"Didomi lists no purpose, preference or value {shown}, which events name {number:,} times"
        help = "Didomi may refuse these events; correct them, or make the purposes first"
        return (_say(resource, "unknown-purposes", message, help),)

    # --- applying ---

    def begin(self, order: Order) -> Batches:
        """From the beginning, or from where the record of the same content says."""
        spec = order.attributes
        digest, batch = digest_of(spec), batch_of(order.address.name, spec)
        record = order.record
        come = Come.of(record.memo) if record is not None and record.id is not None else None
        if come is None or come.digest != digest or come.state in (DONE, UNDONE, UNDOING):
            come = Come(digest=digest, batch=batch)
        folder = self._folders.get(order.address, PurePosixPath())
        files = inputs_of(spec, folder=folder, root=self._root)
        shown = QUARANTINE / f"{order.address.name}-{digest[:12]}.jsonl"
        check = spec.get("sampleCheck", 20)
        sender = Sender(
            self._client,
            Valve(self._at_once),
            sleep=self._sleep,
            integrations=spec.get("integrations") is True,
            samples=check if isinstance(check, int) else 0,
        )
        return ImportJob(
            come,
            total=events_of(spec),
            files=files,
            reading=replace(self._reading(order.address, spec), batch=come.batch),
            sender=sender,
            quarantine=Quarantine(self._root / shown),
            stops=spec.get("onRejects", "stop") == "stop",
            shown=str(shown),
        )

    # --- undoing ---

    def undo(self, address: Address, record: Record) -> UndoJob:
        """The recorded import taken back, from where an earlier attempt ended. Raises `Refused` when there is none."""
        come = Come.of(record.memo)
        if come is None or record.id is None:
            raise Refused(f"the state does not say that `{address}` has imported anything")
        folder = PurePosixPath(record.source).parent if record.source is not None else PurePosixPath()
        try:
            files = inputs_of(record.applied, folder=folder, root=self._root)
        except Outside as error:
            raise Refused(str(error)) from None
        reading = replace(self._reading(address, record.applied), batch=come.batch)
        return UndoJob(self._client, come, total=events_of(record.applied), files=files, reading=reading)


def events_of(spec: Document) -> int:
    """How many lines the files have that are events or should be, as counted when planning."""
    content = spec.get("content")
    if not isinstance(content, Mapping):
        return 0
    return sum(each for key in ("events", "rejects") if isinstance(each := content.get(key), int))


def _content(found: Survey, files: int) -> dict[str, Value]:
    """What a reviewer reads in the plan, and an auditor in the state: counts and dates, nobody's data."""
    return {
        "events": found.events,
        "users": found.users,
        "first": _day(found.first),
        "last": _day(found.last),
        "rejects": found.rejects,
        "files": files,
        "bytes": found.size,
    }


def _day(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment is not None else None


def _problems(resource: Resource, found: Survey) -> Sequence[Problem]:
    problems = []
    bad = found.rejects + found.repeated
    if bad:
        stops = resource.attributes.get("onRejects", "stop") == "stop"
        what = []
        if found.rejects:
            what.append(f"{found.rejects:,} cannot be imported ({'; '.join(found.examples)})")
        if found.repeated:
            what.append(f"{found.repeated:,} have the id of an earlier one ({'; '.join(found.repeated_examples)})")
        problems.append(
            Problem(
                code="import-rejects",
                message=f"of {found.events + found.rejects:,} events {' and '.join(what)}",
                address=resource.address,
                path=("files",),
                help=(
                    "`reconciler events validate` lists them all; correct them, or write `onRejects: quarantine` to"
                    " import the others"
                    if stops
                    else f"they are left out and kept in `{QUARANTINE}`; one that repeats is imported once"
                ),
                severity=Severity.ERROR if stops else Severity.WARNING,
            )
        )
    if found.unordered:
        where = "; ".join(found.unordered_examples)
        message = f"{found.unordered:,} events are older than an earlier line about the same user ({where})"
        help = "whether the newest choice then wins is not documented: sort each user's events by `created_at`"
        problems.append(_say(resource, "events-out-of-order", message, help))
    return problems


def _ids_in(row: object) -> Sequence[str]:
    """Every id within a purpose as listed: of itself, its preferences and their values (shape not documented)."""
    found: list[str] = []
    if isinstance(row, Mapping):
        own = row.get("id")
        found += [own] if isinstance(own, str) else []
        found += [each for value in row.values() for each in _ids_in(value)]
    elif isinstance(row, list):
        found += [each for value in row for each in _ids_in(value)]
    return found


def _say(resource: Resource, code: str, message: str, help: str) -> Problem:
    return Problem(code=code, message=message, address=resource.address, help=help, severity=Severity.WARNING)


def _undone(resource: Resource) -> Problem:
    return Problem(
        code="import-undone",
        message="its events were imported and deleted again",
        address=resource.address,
        help=f"remove the manifest; or, to import them once more, plan and apply with `--replace {resource.address}`",
        severity=Severity.WARNING,
    )


def _damaged(resource: Resource, error: Damaged) -> Problem:
    return Problem(
        code="file-damaged",
        message=f"a file cannot be read to its end: {error}",
        address=resource.address,
        path=("files",),
        help="fetch or write the file again; nothing of it is imported",
    )
