"""
What an export claims, and whether the claim still holds: pure functions, the decision table of this kind.

Domo keeps no configuration of an export, only a list of jobs; so what was asked for is known from the record alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.providers.domo.client import Version, digest
from reconciler.providers.domo.exports import Export, Phase
from reconciler.providers.domo.manifest import DEFINITION, normalised, refresh_of
from reconciler.providers.domo.query import json_of, mapping
from reconciler.values import HIDDEN, MISSING, Document, Hold, HoldKind, Observed, Path, Record, Taint, Value

_TOLD = (("dataset", "id"), ("destination", "bucket"), ("destination", "path"))
"""The parts of the definition that Domo gives back, the path only within the addresses of files."""

PATIENCE = timedelta(hours=1)
"""How long an export may be on its way before it is called stuck; Domo documents no limit."""

_LONGEST_REST = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was read about a claim: `missing` are files that are not where they were, or not as they were."""

    version: Version
    user: str
    policies: str
    columns: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """
    Whether the claim holds: `taint` says why not, `hold` why nothing is done about it, `notes` what else is said.

    `is_settled` says that nothing is to be done at all.
    """

    taint: Taint | None = None
    hold: Hold | None = None
    notes: tuple[tuple[str, str, str | None], ...] = ()
    is_settled: bool = False


def definition(attributes: Document) -> dict[str, Value]:
    """The parts of a document that make the export another one; what is not set is left out."""
    whole = normalised(attributes)
    found = {".".join(path): at(whole, path) for path in DEFINITION}
    return {key: each for key, each in found.items() if each not in (None, MISSING)}


def fingerprint(instance: str, attributes: Document) -> str:
    """A digest of what is asked for, without credentials, caching or policy."""
    return digest({"instance": instance, **{key: json_of(each) for key, each in definition(attributes).items()}})


def observed_of(export: Export, path: str | None = None) -> Observed:
    """
    An export as listed; `path` is what its path must be where its files do not tell.

    What was asked of it is never told.
    """
    destination: dict[str, Value] = {"bucket": export.bucket or HIDDEN, "path": export.path or path or HIDDEN}
    active = export.phase is Phase.ACTIVE
    return Observed(
        id=export.id,
        attributes={"dataset": {"id": export.dataset}, "destination": destination, "query": HIDDEN},
        outputs=export.outputs,
        settling=export.status if active else None,
        taint=Taint(reason=failure(export)) if export.phase is Phase.FAILED else None,
    )


def failure(export: Export) -> str:
    """Why an export failed, in Domo's words."""
    return f"its export `{export.id}` failed: {export.message or f'Domo says `{export.status}`'}"


def compared(wanted: Document, record: Record, export: Export | None) -> dict[str, Value]:
    """
    The document that the wanted one is compared with.

    Domo gives back dataset, bucket and path; the rest of the definition is what was sent, as far as anybody knows. What
    is no part of the definition agrees by itself: a change of it is only remembered.
    """
    whole = dict(wanted)
    for path in DEFINITION:
        sent = at(record.applied, path)
        whole = _with(whole, path, HIDDEN if path not in _TOLD and sent is not MISSING else sent)
    whole["query"] = dict.fromkeys(sorted(mapping(record.applied.get("query"))), HIDDEN)
    if export is not None:
        whole = _with(whole, ("dataset", "id"), export.dataset)
        if export.bucket is not None:
            whole = _with(whole, ("destination", "bucket"), export.bucket)
        if export.path is not None:
            whole = _with(whole, ("destination", "path"), export.path)
    return whole


def is_defined_anew(wanted: Document, record: Record, export: Export | None) -> bool:
    """Whether somebody changed what is asked for, or Domo delivered elsewhere."""
    if definition(wanted) != definition(record.applied):
        return True
    if export is None:
        return False
    path = at(normalised(wanted), ("destination", "path"))
    return (export.path is not None and export.path != path) or (
        export.bucket is not None and export.bucket != at(wanted, ("destination", "bucket"))
    )


def with_kept_credentials(wanted: Document, record: Record) -> dict[str, Value]:
    """
    The wanted document with the credentials of the last export.

    Other credentials are no reason to export again: they are taken from the manifest whenever there is one.
    """
    kept = {key: each for key, each in wanted.items() if key != "credentials"}
    return {**kept, "credentials": record.applied["credentials"]} if "credentials" in record.applied else kept


def judge(
    wanted: Document,
    record: Record,
    export: Export | None,
    foreign: Export | None,
    facts: Facts,
    *,
    settle: float,
    now: datetime,
) -> Verdict:
    """Whether the recorded export still is what the manifest claims; the first that applies."""
    policy, most = refresh_of(wanted)
    if export is not None and export.phase is Phase.ACTIVE:
        return _under_way(export, now)
    busy = waiting_for(foreign) if foreign is not None else None
    if is_defined_anew(wanted, record, export):
        return Verdict(hold=busy or settling(facts.version, settle, now))
    notes = _notes(record, export, facts)
    found = _broken(record, export, facts, warns=str(wanted.get("audienceChange")) == "warn")
    if found is not None and policy == "manual":
        notes = (*notes, ("not-refreshed", found, "`refresh: manual` is set; `--replace` exports it again"))
        found = None
    if isinstance(found, str):
        hold = busy or (_rest(record, export, now) if export and export.phase is Phase.FAILED else None)
        return Verdict(taint=Taint(reason=found), hold=hold, notes=notes)
    if wanted.get("audienceChange") == "warn" and (changed := _audience(record, facts)) is not None:
        notes = (*notes, ("audience-changed", changed, "`audienceChange: export` exports again when this happens"))
    since_then = newer(record, export, facts.version)
    if since_then is not None and _is_due(policy, most, export, record, now):
        hold = busy or settling(facts.version, settle, now)
        return Verdict(taint=Taint(reason=since_then, freshness=True), hold=hold, notes=notes)
    return Verdict(notes=notes, is_settled=True)


def _under_way(export: Export, now: datetime) -> Verdict:
    waited = now - export.started if export.started is not None else None
    text = f"its export `{export.id}` is under way at Domo (`{export.status}`)"
    if waited is not None and waited > PATIENCE:
        text += f" since {export.started:%Y-%m-%d %H:%M} UTC and may be stuck; Domo offers no way to cancel it"
    return Verdict(taint=Taint(reason=text), hold=Hold(kind=HoldKind.WAIT, reason=text))


def waiting_for(foreign: Export) -> Hold:
    """Why nothing is started while somebody else's export of the dataset runs: there is one at a time (documented)."""
    return Hold(
        kind=HoldKind.WAIT,
        reason=(
            f"another export of the dataset, `{foreign.id}`, is under way at Domo, which runs one at a time; run again"
            " when it has ended"
        ),
    )


def settling(version: Version, settle: float, now: datetime) -> Hold | None:
    """
    Why an export waits a little: new data becomes queryable a while after it is stored (documented), and an early
    export might miss it.
    """
    if not settle or version.updated is None or now >= version.updated + timedelta(seconds=settle):
        return None
    rest = (version.updated + timedelta(seconds=settle) - now).total_seconds()
    return Hold(
        kind=HoldKind.WAIT, reason=f"the dataset's data changed a moment ago and settles for another {rest:.0f} s"
    )


def _broken(record: Record, export: Export | None, facts: Facts, *, warns: bool) -> str | None:
    """Why the claim does not hold although nobody changed the manifest and the data is the same."""
    if not warns and (changed := _audience(record, facts)) is not None:
        return changed
    if export is not None and export.phase is Phase.FAILED:
        return failure(export)
    if facts.missing:
        files = ", ".join(f"`{each}`" for each in facts.missing[:3])
        more = f" and {len(facts.missing) - 3} more" if len(facts.missing) > 3 else ""
        return (
            f"files of its export are gone or changed: {files}{more}; Domo may give back the same export instead of a"
            " new one until the dataset's data changes"
        )
    return None


def _audience(record: Record, facts: Facts) -> str | None:
    """Whose rights decided which rows were exported (documented); what nobody could read is not compared."""
    user, policies = record.memo.get("user"), record.memo.get("policies")
    if isinstance(user, str) and user != facts.user:
        return f"audience changed: the last export was made as user {user}, and the token is user {facts.user}'s"
    known = {policies, facts.policies}.isdisjoint({None, "unknown"})
    if known and policies != facts.policies:
        return "audience changed: the dataset's row policies (PDP) are not those of the last export"
    return None


def newer(record: Record, export: Export | None, version: Version) -> str | None:
    """Whether the data is newer than the export; compares Domo's clocks and counters alone."""
    known, kind = record.memo.get("version"), record.memo.get("versionKind")
    if known is not None and kind == version.kind:
        return None if known == version.value else "the dataset has newer data"
    started = started_of(record, export)
    if started is None or version.updated is None or started > version.updated:
        return None
    return "the dataset has newer data"


def started_of(record: Record, export: Export | None) -> datetime | None:
    """When the export began by Domo's clock."""
    if export is not None:
        return export.started
    written = record.outputs.get("started")
    return datetime.fromisoformat(written) if isinstance(written, str) else None


def _is_due(policy: str, most: float, export: Export | None, record: Record, now: datetime) -> bool:
    if policy == "onDataChange":
        return True
    started = started_of(record, export)
    return policy == "maxAge" and (started is None or now >= started + timedelta(seconds=most))


def _rest(record: Record, export: Export, now: datetime) -> Hold | None:
    """After a second failure in a row each attempt waits longer, up to an hour."""
    attempts = record.memo.get("attempts")
    if not isinstance(attempts, int) or attempts < 2 or export.finished is None:
        return None
    until = export.finished + min(_LONGEST_REST, timedelta(minutes=2 ** min(attempts - 1, 10)))
    if now >= until:
        return None
    text = f"it failed {attempts} times in a row and is tried again after {until:%H:%M} UTC: {failure(export)}"
    return Hold(kind=HoldKind.WAIT, reason=text)


def _notes(record: Record, export: Export | None, facts: Facts) -> tuple[tuple[str, str, str | None], ...]:
    found: list[tuple[str, str, str | None]] = []
    if export is None:
        found.append(
            (
                "export-not-listed",
                f"Domo does not list the export `{record.id}` any more; how long it keeps them is not documented",
                "nothing is done: the dataset's data and the manifest are the same as then",
            )
        )
    if record.memo.get("columns") is None:
        found.append(
            (
                "assumed",
                f"`{record.id}` was imported: nobody can prove that it was asked for with this query",
                "the next export of newer data makes it certain",
            )
        )
    elif record.memo["columns"] != facts.columns:
        found.append(
            (
                "columns-changed",
                "the dataset's columns changed since the last export; all that are exported are still there",
                None,
            )
        )
    return tuple(found)


def at(document: Value, path: Path) -> Value:
    """The value at a path of keys, or MISSING."""
    for step in path:
        if not isinstance(document, Mapping) or step not in document:
            return MISSING
        document = document[str(step)]
    return document


def _with(document: Document, path: tuple[str, ...], value: Value) -> dict[str, Value]:
    """The document with another value at the path; MISSING takes it away."""
    first, *rest = path
    inner = _with(mapping(document.get(first)), tuple(rest), value) if rest else value
    if inner is MISSING:
        return {key: each for key, each in document.items() if key != first}
    return {**document, first: inner}
