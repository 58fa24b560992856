"""
Daily runs: their log rows and the files they leave (Batch export; Exported data; Logs; AWS S3 Bucket).

A first run comes 24 hours after the creation of a configuration, then one every day (documented).
"""

import gzip
import heapq
import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from reconciler.emulator import Answer, Drop, JsonObject, World
from reconciler.emulator.clock import iso
from reconciler.providers.didomi.emulator import records
from reconciler.providers.didomi.emulator.consent_records import ConsentRecords, Rows, source
from reconciler.providers.didomi.emulator.errors import Refused
from reconciler.providers.didomi.emulator.exports import S3_DESTINATION, Configs, Destinations, Integrations, is_s3
from reconciler.providers.didomi.emulator.lists import Listing
from reconciler.providers.didomi.emulator.resources import Call

_DAY = timedelta(days=1)
_KEPT = timedelta(days=7)
_PROOF = b"%PDF-1.4\n% an invented proof\n"
_BEGINNING = "0000"


class Deliveries(Rows):
    """The agenda of every export, and the rows of the run log."""

    def __init__(
        self,
        world: World,
        *,
        destinations: Destinations,
        configs: Configs,
        integrations: Integrations,
        consents: ConsentRecords,
        drop: Drop | None,
        seed: int,
    ) -> None:
        super().__init__()
        self.drop = drop
        self._world = world
        self._destinations = destinations
        self._configs = configs
        self._integrations = integrations
        self._consents = consents
        self._seed = seed
        self._agenda: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._count = 0
        self._failures: dict[str | None, list[str]] = {}
        configs.born.append(self._scheduled)
        integrations.born.append(self._scheduled)

    def happen(self, now: datetime) -> None:
        """Do everything that is due, in order of time."""
        while self._agenda and self._agenda[0][0] <= now:
            when, _, action = heapq.heappop(self._agenda)
            action(when)

    def fail_next(self, export: str | None, result: str) -> None:
        """Make the next run of an export, or of any, fail."""
        self._failures.setdefault(export, []).append(result)

    def knows(self, export: str, organization: str) -> bool:
        """Whether an organization has this export."""
        row = self._export(export)
        return row is not None and row["organization_id"] == organization

    def run_now(self, export: str) -> JsonObject:
        """One run more, at once. Raises `KeyError` for an unknown export."""
        row = self._export(export)
        if row is None:
            raise KeyError(export)
        return self._run(row, self._world.clock.now())

    def forget(self) -> None:
        """Throw the agenda and the log away; delivered files stay."""
        self._agenda.clear()
        self._failures.clear()
        self.table.clear()

    def get_logs(self, call: Call) -> Answer:
        """The run log of one export, or of all (Logs); paging and order are undocumented."""
        listing = Listing.of(call.request, self._world.switches)
        filters = dict(listing.filters)
        if call.organization not in filters.get("organization_id", (call.organization,)):
            if self._world.switches["foreign_read"] == "403":
                raise Refused(403, "This key does not belong to the organization")
            return self._log_page([])
        wanted: list[tuple[str, tuple[str, ...]]] = [("organization_id", (call.organization,))]
        if "export_id" in filters:
            wanted.append(("export_id", filters["export_id"]))
        rows = list(self.table.select(tuple(wanted)))
        if self._world.switches["log_order"] == "newest":
            rows.reverse()
        if call.request.parameter("$limit") is not None:
            rows = rows[listing.skip : listing.skip + listing.limit]
        return self._log_page([self.view(row) for row in rows])

    def view(self, row: JsonObject) -> JsonObject:
        """A row as the API shows it."""
        shown = dict(row)
        if not self._world.switches.on("log_times"):
            shown.pop("created_at")
        if self._world.switches.on("extra_fields"):
            shown["new_property"] = {"introduced": "later"}
        return shown

    def _log_page(self, data: list[JsonObject]) -> Answer:
        return Answer(body=data if self._world.switches.on("bare_array") else {"data": data})

    # The agenda.

    def _scheduled(self, row: JsonObject) -> None:
        if row.get("type_id") == "webhook-http":
            return
        created = datetime.fromisoformat(row["created_at"]).astimezone(UTC)
        first = created + _DAY
        now = self._world.clock.now()
        if first < now:
            # An object that the console made with an old date: its runs so far are history nobody kept.
            first += _DAY * ((now - first) // _DAY + 1)
        self._at(first, partial(self._daily, row["id"]))

    def _daily(self, export: str, when: datetime) -> None:
        row = self._export(export)
        if row is None:
            return
        self._at(when + _DAY, partial(self._daily, export))
        if row.get("enabled", True):
            self._run(row, when)

    def _at(self, when: datetime, action: Callable[[datetime], None]) -> None:
        self._count += 1
        heapq.heappush(self._agenda, (when, self._count, action))

    def _export(self, export: str) -> JsonObject | None:
        return self._configs.table.get(export) or self._integrations.table.get(export)

    # A run.

    def _run(self, export: JsonObject, when: datetime) -> JsonObject:
        switches = self._world.switches
        log: JsonObject = {
            "id": f"log{self._world.ids.short(7)}",
            "export_id": export["id"],
            "organization_id": export["organization_id"],
            "status": "pending",
            "config": {"frequency": "1 day"},
            "metrics": {},
            "result": None,
            "created_at": iso(when),
        }
        first = not self.table.select((("export_id", (export["id"],)),))
        self.table.put(log)
        reason = self._reason(export["id"])
        end = when + timedelta(seconds=switches.number("run_seconds"))
        if reason is not None:
            self._later(end, when, partial(self._finish, log, "failed", {}, reason))
            return log
        files, users = self._files(export, when, first=first)
        partition = f"data/export-id={export['id']}/date={when.astimezone(UTC).date().isoformat()}"
        self._deliver(export, partition, files, when)
        if switches["runs"] != "stuck":
            ending = partial(self._complete, export=export, log=log, partition=partition, files=files, users=users)
            self._later(end, when, ending)
        return self.table.get(log["id"]) or log

    def _later(self, end: datetime, now: datetime, action: Callable[[datetime], None]) -> None:
        if end <= now:
            action(now)
        else:
            self._at(end, action)

    def _reason(self, export: str) -> str | None:
        for key in (export, None):
            if self._failures.get(key):
                return self._failures[key].pop(0)
        failing = self._world.switches["runs"] == "failed"
        return self._world.switches["run_result"] if failing else None

    def _finish(self, log: JsonObject, status: str, metrics: JsonObject, result: str | None, _: datetime) -> None:
        self.table.put({**log, "status": status, "metrics": metrics, "result": result})

    def _complete(
        self,
        when: datetime,
        *,
        export: JsonObject,
        log: JsonObject,
        partition: str,
        files: dict[str, bytes],
        users: int,
    ) -> None:
        for folder in dict.fromkeys(key.split("/")[0] for key in files if not key.startswith("proofs/")):
            below = "" if self._world.switches["success_folder"] == "date" else f"{folder}/"
            self._deliver(export, partition, {f"{below}_SUCCESS": b""}, when)
        self._finish(log, "completed", {"users": users}, None, when)

    def _files(self, export: JsonObject, when: datetime, *, first: bool) -> tuple[dict[str, bytes], int]:
        """What a run writes below its partition, and how many users that is."""
        chance = random.Random(f"{self._seed}/{export['id']}/{iso(when)}")  # noqa: S311 - repeatable on purpose
        wants_users, wants_proofs = _wanted(export)
        if str(export.get("type_id", "")).startswith("analytics-"):
            lines = list(records.metrics(chance, export["organization_id"], when))
            return self._parts("cmp_hourly_metrics", lines, chance), 0
        files: dict[str, bytes] = {}
        count = self._world.switches.number("users_per_run") * (3 if first and self._all_first() else 1)
        proof = f"{chance.getrandbits(256):064x}.pdf" if wants_proofs and count else None
        if proof is not None:
            files[f"proofs/{proof}"] = _PROOF
        lines = list(self._records(export, when, chance, count, proof, first=first)) if wants_users else []
        if lines or (wants_users and self._world.switches["empty_day"] == "success"):
            files |= self._parts("users", lines, chance)
        return files, len(lines)

    def _records(
        self,
        export: JsonObject,
        when: datetime,
        chance: random.Random,
        count: int,
        proof: str | None,
        *,
        first: bool,
    ) -> Iterator[JsonObject]:
        switches = self._world.switches
        since = _BEGINNING if first and self._all_first() else iso(when - _DAY)
        history = switches["events"] == "history"
        for user, events in self._consents.changed(export["organization_id"], since, iso(when)):
            if user["organization_user_id"] is None and not switches.on("guests"):
                continue
            yield records.record_of(user, [event for event in events if history or event["updated_at"] >= since])
        yield from records.invented(
            chance=chance,
            organization=export["organization_id"],
            count=count,
            until=when,
            shape=switches["shape"],
            guests=switches.on("guests"),
            shared_ids=not switches.on("one_record"),
            history=history,
            source=source(self._world),
            proof=proof,
        )

    def _all_first(self) -> bool:
        return self._world.switches["first_run"] == "full"

    def _parts(self, folder: str, lines: list[JsonObject], chance: random.Random) -> dict[str, bytes]:
        """Lines as gzip NDJSON in as many files as the switch says; a key with no bytes is an empty folder."""
        if self.drop is None or not lines:
            return {f"{folder}/": b""}
        parts = self._world.switches.number("parts")
        encoded = [json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for line in lines]
        return {
            f"{folder}/part-{part:05d}-{chance.getrandbits(64):016x}.json.gz": gzip.compress(
                b"".join(encoded[part::parts]), mtime=0
            )
            for part in range(min(parts, len(encoded)))
        }

    def _deliver(self, export: JsonObject, partition: str, files: dict[str, bytes], when: datetime) -> None:
        if self.drop is None:
            return
        for bucket, expires in self._buckets(export):
            for key, content in files.items():
                if not key.endswith("/"):
                    self.drop.put(bucket, f"{partition}/{key}", content)
            if expires and self._world.switches["expiry"] == "7d":
                self._at(when + _KEPT, partial(self._expire, bucket, partition))

    def _expire(self, bucket: str, partition: str, _: datetime) -> None:
        if self.drop is not None:
            self.drop.expire(bucket, partition)

    def _buckets(self, export: JsonObject) -> Iterator[tuple[str, bool]]:
        """The buckets of an export, and whether Didomi owns them and lets files expire."""
        if "destinations_id" not in export:
            s3 = is_s3(export)
            holder = {**export.get("authentication", {}), **export.get("properties", {})}
            if "bucket_name" in holder:
                yield holder["bucket_name"], s3
            return
        for id in export["destinations_id"]:
            destination = self._destinations.table.get(id)
            if destination is not None and "bucket_name" in destination.get("config", {}):
                yield destination["config"]["bucket_name"], destination["type_id"] == S3_DESTINATION


def _wanted(export: JsonObject) -> tuple[bool, bool]:
    """Whether an export holds users, and proofs."""
    if "destinations_id" not in export:
        kinds = export.get("properties", {}).get("data", [])
        return "users" in kinds, "proofs" in kinds
    data = export.get("data", {})
    return data.get("users", {}).get("enabled", False), data.get("proofs", {}).get("enabled", False)
