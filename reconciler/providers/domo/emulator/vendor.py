"""Domo as a whole: routes, who may enter, how often, and what then happens."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from reconciler.emulator import (
    Answer,
    Clock,
    Collection,
    Drop,
    Emulator,
    FolderDrop,
    FolderUploads,
    JsonObject,
    MemoryDrop,
    NotJson,
    Request,
    Router,
    S3Uploads,
    Window,
    World,
    WrongMethod,
)
from reconciler.providers.domo.emulator import example
from reconciler.providers.domo.emulator.agenda import Agenda
from reconciler.providers.domo.emulator.buckets import Buckets
from reconciler.providers.domo.emulator.calls import Call
from reconciler.providers.domo.emulator.datasets import Datasets
from reconciler.providers.domo.emulator.engine import Engine
from reconciler.providers.domo.emulator.errors import BLOCKED, Refused, error, gateway
from reconciler.providers.domo.emulator.exports import MANAGED_BUCKET, Exports
from reconciler.providers.domo.emulator.people import Tokens, Users
from reconciler.providers.domo.emulator.policies import Policies
from reconciler.providers.domo.emulator.routes import Routes
from reconciler.providers.domo.emulator.switches import SECRET_HEADERS, SECRET_KEYS, SWITCHES

Handler = Callable[[Call], Answer]

INSTANCE = "example"
_EXPORT = "/api/query/v1/export/"


def create(
    *,
    switches: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    folder: Path | None = None,
    seed: int = 0,
    s3_endpoint: str | None = None,
) -> "Domo":
    """
    A stand-in Domo.

    `switches` are starting positions, see `SWITCHES`; without a `clock` it follows real time. Exports go to
    `s3_endpoint` with the credentials of each request. Without one they go to `folder`, one folder per bucket (or
    to memory), no credentials are checked, and only the buckets of the console's `buckets` exist. Raises
    `UnknownSwitch`.
    """
    world = World(
        known=SWITCHES,
        switches=switches,
        clock=clock,
        secret_keys=SECRET_KEYS,
        secret_headers=SECRET_HEADERS,
        seed=seed,
    )
    return Domo(world, drop=MemoryDrop() if folder is None else FolderDrop(folder), s3_endpoint=s3_endpoint)


class Domo(Emulator):
    """The stand-in vendor; collections are `datasets`, `policies`, `users`, `tokens`, `exports` and `buckets`."""

    def __init__(self, world: World, *, drop: Drop, s3_endpoint: str | None) -> None:
        self.drop = drop
        self.users = Users(world)
        self.tokens = Tokens(world, self.users)
        self.datasets = Datasets(world)
        self.policies = Policies(world, self.datasets)
        self.buckets = Buckets()
        self._agenda = Agenda()
        engine = Engine(world, self.datasets, self.policies)
        self._folders = FolderUploads(drop, self.buckets)
        managed = FolderUploads(drop, {MANAGED_BUCKET: "us-east-1"})
        self.exports = Exports(world, engine, self._agenda, uploads=self._folders, managed=managed)
        self._window = Window()
        self._router: Router[Handler] = Router()
        super().__init__(world)
        self.deliver_to(s3_endpoint)
        routes = Routes(
            world,
            users=self.users,
            tokens=self.tokens,
            datasets=self.datasets,
            policies=self.policies,
            exports=self.exports,
            engine=engine,
        )
        for method, path, handler in routes.all():
            self._router.add(method, path, handler)
        self._found()

    @property
    def credentials(self) -> Mapping[str, str]:
        """`token`, its `user` and the `instance`."""
        return MappingProxyType({"token": example.TOKEN, "user": str(example.USER), "instance": INSTANCE})

    def deliver_to(self, s3_endpoint: str | None) -> None:
        """Send files to this S3 endpoint from now on, or to folders again."""
        with self.world.lock:
            self.exports.uploads = self._folders if s3_endpoint is None else S3Uploads(s3_endpoint)

    # The console: what a test or a person does behind the client's back.

    def create_dataset(
        self, name: str, columns: Sequence[Any], rows: Sequence[Any] = (), **fields: object
    ) -> JsonObject:
        """Somebody makes a dataset; see `Datasets.insert` for columns, rows and further fields."""
        return self.insert("datasets", {"name": name, "columns": list(columns), "rows": list(rows), **fields})

    def replace_rows(self, dataset: str, rows: Sequence[Any]) -> JsonObject:
        """New data: a new version, `lastUpdated` and `lastTouched` move."""
        return self.edit("datasets", dataset, {"rows": list(rows)})

    def append_rows(self, dataset: str, rows: Sequence[Any]) -> JsonObject:
        """More data: as `replace_rows`."""
        return self.edit("datasets", dataset, {"append": list(rows)})

    def touch(self, dataset: str, **fields: object) -> JsonObject:
        """Metadata changes: only `lastTouched` moves."""
        return self.edit("datasets", dataset, dict(fields))

    def change_schema(self, dataset: str, columns: Sequence[Any]) -> JsonObject:
        """Other columns, the same data; cells of new columns are null."""
        return self.edit("datasets", dataset, {"columns": list(columns)})

    def delete_dataset(self, dataset: str) -> None:
        """Somebody deletes a dataset."""
        self.remove("datasets", dataset)

    def share(self, dataset: str, who: object, level: str = "CAN_VIEW", *, type: str = "USER") -> None:
        """Somebody shares a dataset with a user or a group, or, with the level `NONE`, no longer."""
        with self.world.lock:
            row = self.datasets.live(dataset)
            if row is None:
                raise KeyError(dataset)
            kept = [entry for entry in row["access"] if (entry["type"], entry["id"]) != (type, str(who))]
            added = [] if level == "NONE" else [{"type": type, "id": str(who), "accessLevel": level}]
            self.edit("datasets", dataset, {"access": [*kept, *added]})

    def set_pdp(self, dataset: str, *, enabled: bool = True) -> None:
        """Somebody switches row policies on or off."""
        self.edit("datasets", dataset, {"pdp": enabled})

    def add_policy(
        self,
        dataset: str,
        name: str,
        *,
        users: Iterable[int] = (),
        parameters: Iterable[JsonObject] = (),
        **fields: object,
    ) -> JsonObject:
        """Somebody makes a row policy; `type="open"` is `All Rows`."""
        body = {"dataSourceId": dataset, "name": name, "userIds": list(users), "parameters": list(parameters)}
        return self.insert("policies", {**body, **fields})

    def add_user(self, *, authorities: Iterable[str] = (), **fields: object) -> JsonObject:
        """Somebody joins; `role="Admin"` has every authority."""
        return self.insert("users", {"authorities": list(authorities), **fields})

    def add_token(self, user: object, *, lives: float | None = None, **fields: object) -> str:
        """An access token for a user, for `lives` seconds; returns its value."""
        body = {"ownerId": user, **fields}
        if lives is not None:
            until = self.world.clock.now() + timedelta(seconds=lives)
            body["expires"] = round(until.timestamp() * 1000)
        value: str = self.insert("tokens", body)["token"]
        return value

    def fail_next_export(self, message: str = "the export failed", code: str = "EMU_FAILED") -> None:
        """Make the next job that ends fail for this reason."""
        with self.world.lock:
            self.exports.fail_next(code, message)

    # What every emulator answers for.

    def collections(self) -> Mapping[str, Collection]:
        """The kinds of object, by the last part of their route."""
        return {
            "datasets": self.datasets,
            "policies": self.policies,
            "users": self.users,
            "tokens": self.tokens,
            "exports": self.exports,
            "buckets": self.buckets,
        }

    def error(self, status: int, message: str | None = None) -> Answer:
        """An error in Domo's shape."""
        toe = "-".join(self.world.ids.short(length).upper() for length in (10, 5, 5))
        return error(status, message, shape=self.world.switches["errors_shape"], toe=toe)

    def happen(self) -> None:
        """Jobs begin and end."""
        self._agenda.happen(self.world.clock.now())

    def forget(self) -> None:
        """Start with the example world again; delivered files stay."""
        self._agenda.clear()
        self._window.clear()
        for rows in (self.exports, self.policies, self.datasets, self.tokens, self.users, self.buckets):
            rows.forget()
        self._found()

    def answer(self, request: Request) -> Answer:
        """Do what a request asks, unless a standing fault keeps it from being done or told."""
        fault = self.world.switches["fault"]
        if fault == "html_blocked_200":
            # A blocked address gets 200 and a page (observed).
            return Answer(raw=BLOCKED, content_type="text/html; charset=utf-8")
        if fault in ("500", "502"):
            return self.error(500) if fault == "500" else gateway(502)
        try:
            answer = self._answer(request)
        except Refused as refusal:
            plain = self.error(refusal.status, refusal.message)
            return Answer(
                status=plain.status,
                body=plain.body,
                raw=plain.raw,
                content_type=plain.content_type,
                headers=refusal.headers,
            )
        except NotJson:
            return self.error(400, "The body is not valid JSON")
        if fault == "timeout_after_accept" and request.method == "POST" and request.path.startswith(_EXPORT):
            return gateway(504)
        if fault == "invalid_json":
            return Answer(status=answer.status, raw=answer.content()[:-1], headers=answer.headers)
        return answer

    def _answer(self, request: Request) -> Answer:
        try:
            match = self._router.find(request.method, request.path)
        except WrongMethod as problem:
            raise Refused(405, f"{request.path} answers {problem}") from None
        if match is None:
            raise Refused(404)
        user = self.tokens.user_of(request.header("x-domo-developer-token"))
        self._count(request.header("x-domo-developer-token") or "")
        _check_text(request)
        values = {name: unquote(value) for name, value in match.values.items()}
        return match.handler(Call(request=request, user=user, values=values))

    def _count(self, caller: str) -> None:
        """Nothing is documented about limits of these routes (7.2)."""
        position = self.world.switches["rate_limit"]
        if position == "off":
            return
        limit, seconds = (int(part) for part in position.split("/"))
        now = self.world.clock.now()
        left = self._window.take(caller, limit=limit, seconds=seconds, now=now.timestamp())
        if left.allowed:
            return
        headers = {}
        match self.world.switches["retry_after"]:
            case "seconds":
                headers["Retry-After"] = str(left.reset)
            case "date":
                headers["Retry-After"] = format_datetime(now + timedelta(seconds=left.reset), usegmt=True)
            case _:
                pass
        raise Refused(429, headers=headers)

    def _found(self) -> None:
        for user in example.USERS:
            self.users.insert(user)
        self.tokens.insert({"ownerId": example.USER, "name": "example", "token": example.TOKEN})
        for dataset in example.datasets():
            self.datasets.insert(dataset)
        for bucket in example.BUCKETS:
            self.buckets.insert(bucket)


def _check_text(request: Request) -> None:
    """A body with half of a surrogate pair is JSON and no text: it could not be answered or stored."""
    if b"\\ud" not in request.body.lower():
        return
    try:
        json.dumps(request.json(), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Refused(400, "The body holds text that is not Unicode") from None
