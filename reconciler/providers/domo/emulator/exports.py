"""Exports: who may start one, which earlier one is returned instead, and what a job does (reference 2, 3, 9.2)."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from random import Random
from typing import Any

from reconciler.emulator import Access, JsonObject, Rejected, Uploads, World
from reconciler.emulator.clock import iso_milliseconds
from reconciler.providers.domo.emulator.agenda import Agenda
from reconciler.providers.domo.emulator.engine import Engine
from reconciler.providers.domo.emulator.errors import Refused
from reconciler.providers.domo.emulator.expressions import QueryFailed
from reconciler.providers.domo.emulator.files import files_of, key_of, url_of
from reconciler.providers.domo.emulator.jobs import Job, code_of, word_of
from reconciler.providers.domo.emulator.people import DATASET_EXPORT, may
from reconciler.providers.domo.emulator.queries import Result, check_request

# The bucket Domo manages for a customer (2.2); its name is invented.
MANAGED_BUCKET = "domo-managed-exports"

_FIELDS = frozenset(
    {
        "awsAccessKey",
        "awsAccessSecret",
        "sessionToken",
        "awsKmsKey",
        "bucket",
        "path",
        "region",
        "queryRequest",
        "source",
    }
)


class Exports:
    """The jobs of all datasets, in order of creation."""

    def __init__(self, world: World, engine: Engine, agenda: Agenda, *, uploads: Uploads, managed: Uploads) -> None:
        self.uploads = uploads
        self._world = world
        self._engine = engine
        self._agenda = agenda
        self._managed = managed
        self._jobs: dict[str, Job] = {}
        self._failures: list[tuple[str, str]] = []
        self._shuffle = Random(0)  # noqa: S311 - predictable on purpose

    # The console.

    def rows(self) -> list[JsonObject]:
        """Every export, with what the API does not tell: dataset, user and request; never credentials."""
        return [self._row(job) for job in self._jobs.values()]

    def insert(self, body: JsonObject) -> JsonObject:
        """An export that somebody started long ago, in any state: `dataSourceId` and fields of the answer."""
        id = str(body.get("id") or body.get("exportId") or self._world.ids.uuid())
        request = {"bucket": body.get("bucket", "example-lake"), "path": body.get("path"), "region": "eu-west-3"}
        job = Job(
            id=id,
            dataset=str(body["dataSourceId"]),
            user={"id": str(body.get("userId", "1001"))},
            request=request,
            fingerprint="",
            version=body.get("dataVersion"),
            compression=body.get("compression", "gzip"),
            created=self._now(),
            status=body.get("exportStatus", "success"),
            started=body.get("started", self._now()),
            finished=body.get("finished"),
            code=body.get("errorCode"),
            message=body.get("message"),
            files=tuple(body.get("urlRowCountMap", {}).items()),
        )
        self._jobs[id] = job
        return self._row(job)

    def remove(self, id: str) -> JsonObject | None:
        """An export vanishes from the list; no route of Domo's does that."""
        job = self._jobs.pop(id, None)
        return None if job is None else self._row(job)

    def edit(self, id: str, changes: JsonObject) -> JsonObject | None:
        """An export's status or message becomes another."""
        names = {"exportStatus": "status", "errorCode": "code", "message": "message", "finished": "finished"}
        job = self._jobs.get(id)
        if job is None:
            return None
        unknown = sorted(set(changes) - set(names))
        if unknown:
            raise ValueError(f"an export's `{unknown[0]}` cannot be changed: use {', '.join(names)}")
        self._jobs[id] = replace(job, **{names[name]: value for name, value in changes.items()})
        return self._row(self._jobs[id])

    def fail_next(self, code: str, message: str) -> None:
        """Make the next job that ends fail, whatever its upload would have done."""
        self._failures.append((code, message))

    def forget(self) -> None:
        """Throw every export away; delivered files stay."""
        self._jobs.clear()
        self._failures.clear()

    # The API.

    def start(self, dataset: JsonObject, user: JsonObject, body: object) -> tuple[int, JsonObject]:
        """Answer a request for an export: the status and what is said (2.7, 2.8, 9.2)."""
        switches = self._world.switches
        if switches["export_right"] == "dataset.export" and not may(user, DATASET_EXPORT):
            raise Refused(403, "You need the authority dataset.export")
        request, access = self._checked(dataset, body)
        active = next((job for job in self._of(dataset["id"]) if job.active), None)
        if active is not None:
            if switches["on_active"] != "return":
                raise Refused(int(switches["on_active"]), "An export of this dataset is already running")
            return 200, self.view(active)
        fingerprint = json.dumps(request, sort_keys=True, default=str)
        version, _ = self._engine.datasets.indexed(dataset)
        number = None if version is None else version["id"]
        earlier = self._earlier(dataset["id"], number, fingerprint, user, request)
        if earlier is not None:
            return 200, self.view(earlier)
        self._check_at_once(dataset, user, request, access)
        job = Job(
            id=self._world.ids.uuid(),
            dataset=dataset["id"],
            user=user,
            request=request,
            fingerprint=fingerprint,
            version=number,
            compression=switches["compression"],
            created=self._now(),
            access=access,
            hidden=switches.number("list_lag"),
        )
        self._jobs[job.id] = job
        self._world.wrote()
        self._plan(job)
        return int(switches["created_status"]), self.view(self._jobs[job.id])

    def listed(self, dataset: str) -> Any:  # noqa: ANN401 - a list, or the one export in it
        """The exports of a dataset as its list shows them (3)."""
        switches = self._world.switches
        found = []
        for job in self._of(dataset):
            if job.hidden:
                self._jobs[job.id] = replace(job, hidden=job.hidden - 1)
            else:
                found.append(job)
        if switches["list_order"] == "newest":
            found.reverse()
        elif switches["list_order"] == "random":
            self._shuffle.shuffle(found)
        shown = [self.view(job) for job in found]
        return shown[0] if len(shown) == 1 and switches["list_single"] == "object" else shown

    def view(self, job: Job) -> JsonObject:
        """An ExportStatus (2.3); path, region, query, user and dataset are never echoed (documented by absence)."""
        switches = self._world.switches
        shown: JsonObject = {
            "exportId": job.id,
            "exportStatus": self._word(job.status),
            "bucket": job.request["bucket"],
            "compression": job.compression,
            "exportFormat": "csv",
            "errorCode": job.code,
            "message": job.message,
            "started": self._time(job.started),
            "finished": self._time(job.finished),
            "urlRowCountMap": dict(job.files),
        }
        if switches["include_temp_map"] == "on":
            # Assumed to be links that end by themselves (2.3); the signature is invented and opens nothing.
            shown["tempUrlRowCountMap"] = {f"{url}?X-Amz-Expires=3600": count for url, count in job.files}
        if switches["extra_fields"] == "on":
            shown["newProperty"] = 0
        return shown

    # A request.

    def _checked(self, dataset: JsonObject, body: object) -> tuple[JsonObject, Access]:
        switches = self._world.switches
        if not isinstance(body, dict):
            raise Refused(400, "The body must be a JSON object")
        token_field = switches["session_token_field"]
        if switches["unknown_fields"] == "400":
            unknown = sorted(set(body) - (_FIELDS - {"sessionToken"}) - {token_field})
            if unknown:
                raise Refused(400, f"Unknown field '{unknown[0]}'")
        required = ["awsAccessKey", "awsAccessSecret", "region"]
        required += [name for name in ("bucket", "path") if switches[f"no_{name}"] == "400"]
        for name in (*required, *("bucket", "path", "awsKmsKey", "source", token_field)):
            if name in required and not body.get(name):
                raise Refused(400, f"{name} is required")
            if body.get(name) is not None and not isinstance(body[name], str):
                raise Refused(400, f"{name} must be a text")
        if body.get("queryRequest") is None:
            raise Refused(400, "queryRequest is required")
        check_request(body["queryRequest"], unverified=switches["allow_unverified_expr"] == "on")
        access = Access(
            key=body["awsAccessKey"], secret=body["awsAccessSecret"], session_token=body.get(token_field) or None
        )
        for secret in (access.secret, access.session_token):
            self._world.mask.register(secret or "")
        request = {
            "bucket": body.get("bucket") or MANAGED_BUCKET,
            "path": (body.get("path") or "").strip("/") or dataset["id"],
            "region": body["region"],
            "awsKmsKey": body.get("awsKmsKey") or None,
            "queryRequest": body["queryRequest"],
        }
        return request, access

    def _earlier(
        self, dataset: str, version: int | None, fingerprint: str, user: JsonObject, request: JsonObject
    ) -> Job | None:
        """The export that is returned instead of a new one (2.7, rule 2)."""
        switches = self._world.switches
        rule = switches["dedupe"]
        if rule == "off" or (
            switches["use_cache"] == "lifts_dedupe" and request["queryRequest"].get("useCache") is False
        ):
            return None
        for job in reversed(self._of(dataset)):
            if job.status == "error" and switches["dedupe_failed"] == "off":
                continue
            same = job.version == version
            if "request" in rule:
                same = same and job.fingerprint == fingerprint
            if "user" in rule:
                same = same and job.user["id"] == user["id"]
            if same:
                return job
        return None

    def _check_at_once(self, dataset: JsonObject, user: JsonObject, request: JsonObject, access: Access) -> None:
        switches = self._world.switches
        if switches["query_check"] == "sync400":
            try:
                self._query(dataset, user, request["queryRequest"])
            except QueryFailed as problem:
                raise Refused(400, problem.message) from None
        if switches["s3_check"] == "sync400" and request["bucket"] != MANAGED_BUCKET:
            try:
                self._check_location(request, access)
            except Rejected as problem:
                raise Refused(400, self._world.mask.text(str(problem))) from None

    # A job.

    def _plan(self, job: Job) -> None:
        switches = self._world.switches
        if switches["runs"] == "stuck":
            return
        now = self._world.clock.now()
        start = now + timedelta(seconds=switches.number("start_delay_s"))
        if switches["first_status"] == "exporting":
            start = now
            self._begin(job.id, job.created)
        end = start + timedelta(seconds=switches.number("run_delay_s"))
        self._agenda.at(start, lambda when: self._begin(job.id, round(when.timestamp() * 1000)))
        self._agenda.at(end, lambda when: self._end(job.id, round(when.timestamp() * 1000)))

    def _begin(self, id: str, now: int) -> None:
        """The query is evaluated with the rows and the requester's policies of this moment."""
        job = self._jobs.get(id)
        if job is None or job.status != "none":
            return
        result, failure, version = None, None, job.version
        dataset = self._engine.datasets.live(job.dataset)
        if dataset is None:
            failure = ("EMU_DATASET_GONE", "The dataset does not exist any more")
        else:
            seen, _ = self._engine.datasets.indexed(dataset)
            version = None if seen is None else seen["id"]
            try:
                result = self._query(dataset, job.user, job.request["queryRequest"])
            except QueryFailed as problem:
                failure = (problem.code, problem.message)
        self._jobs[id] = replace(job, status="exporting", started=now, result=result, failure=failure, version=version)

    def _end(self, id: str, now: int) -> None:
        job = self._jobs.get(id)
        if job is None or job.status != "exporting":
            return
        failure = job.failure
        files: tuple[tuple[str, int], ...] = ()
        if self._failures:
            failure = self._failures.pop(0)
        elif self._world.switches["runs"] == "failed":
            failure = ("EMU_FAILED", "The export failed")
        if failure is None:
            try:
                files = self._deliver(job)
            except Rejected as problem:
                failure = (code_of(problem.code), self._world.mask.text(str(problem)))
        elif job.result is not None and self._world.switches["failed_files"] == "some":
            with suppress(Rejected):
                self._deliver(job, 1)
        ended = replace(
            job,
            status="success" if failure is None else "error",
            finished=now,
            files=files,
            code=None if failure is None else failure[0],
            message=None if failure is None else failure[1],
            access=None,
            result=None,
            failure=None,
        )
        self._jobs[id] = ended
        self._keep_few(job.dataset)

    def _query(self, dataset: JsonObject, user: JsonObject, request: JsonObject) -> Result:
        limited = self._world.switches["export_limit"] == "honoured"
        return self._engine.run(dataset, user, request, limited=limited)

    def _deliver(self, job: Job, most: int | None = None) -> tuple[tuple[str, int], ...]:
        assert job.access is not None
        assert job.result is not None
        request, switches = job.request, self._world.switches
        managed = request["bucket"] == MANAGED_BUCKET
        if not managed:
            self._check_location(request, job.access)
        uploads = self._managed if managed else self.uploads
        bom = job.request["queryRequest"].get("includeBOM", False)
        files = []
        for name, content, count in islice(files_of(job.result, switches, bom=bom), most):
            key = key_of(request["path"], job.id, name)
            uploads.put(
                request["bucket"],
                key,
                content,
                access=job.access,
                region=request["region"],
                kms_key=request["awsKmsKey"],
            )
            files.append((url_of(request["bucket"], key, request["region"], switches["url_form"]), count))
        return tuple(files)

    def _check_location(self, request: JsonObject, access: Access) -> None:
        """`region` must be the bucket's (documented: no export across regions)."""
        try:
            found = self.uploads.region_of(request["bucket"], access, request["region"])
        except Rejected as problem:
            if problem.code == "AccessDenied" and self._world.switches["bucket_location"] == "optional":
                return
            raise
        if found is not None and found != request["region"]:
            raise Rejected(
                "RegionMismatch", f"the bucket {request['bucket']} is in {found}, the request says {request['region']}"
            )

    # Small things.

    def _of(self, dataset: str) -> list[Job]:
        return [job for job in self._jobs.values() if job.dataset == dataset]

    def _keep_few(self, dataset: str) -> None:
        most = self._world.switches.number("history_limit")
        ended = [job for job in self._of(dataset) if not job.active]
        for job in ended[: len(ended) - most] if most else []:
            del self._jobs[job.id]

    def _row(self, job: Job) -> JsonObject:
        return {
            "id": job.id,
            "dataSourceId": job.dataset,
            "userId": job.user["id"],
            "dataVersion": job.version,
            "request": job.request,
            "exportStatus": job.status,
            "errorCode": job.code,
            "message": job.message,
            "started": job.started,
            "finished": job.finished,
            "urlRowCountMap": dict(job.files),
        }

    def _word(self, status: str) -> str:
        return word_of(status, self._world.switches["status_vocabulary"])

    def _time(self, milliseconds: int | None) -> object:
        if milliseconds is None or self._world.switches["timestamps"] == "ms":
            return milliseconds
        return iso_milliseconds(milliseconds)

    def _now(self) -> int:
        return round(self._world.clock.timestamp() * 1000)
