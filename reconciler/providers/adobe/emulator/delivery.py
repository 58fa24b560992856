"""What a run leaves behind: files, markers and manifests in the drop (§11)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from reconciler.emulator import Drop, JsonObject, World
from reconciler.providers.adobe.emulator import files, specs
from reconciler.providers.adobe.emulator.agenda import Agenda
from reconciler.providers.adobe.emulator.landing import Landing

# DLZ retention (§11).
_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a run exports of one dataset: rows from `first` up to but not including `end`."""

    dataset: JsonObject
    first: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Everything a run needs, as it was when the run began: `tick` is when it was due, `end` when it is to end."""

    run: JsonObject
    flow: JsonObject
    target: JsonObject
    params: JsonObject
    connection: JsonObject
    shares: Sequence[Share]
    tick: datetime
    begun: datetime
    end: datetime


class Deliveries:
    """Writes the files of runs; without a drop they are only counted."""

    def __init__(self, world: World, agenda: Agenda, *, landing: Landing, drop: Drop | None, seed: int) -> None:
        self.drop = drop
        self._world = world
        self._agenda = agenda
        self._landing = landing
        self._seed = seed
        self._writer = files.Writer()

    def begin(self, order: Order) -> None:
        """What can be seen of a run that is under way: its first file, or nothing (undocumented)."""
        if self.drop is not None and self._world.switches["files_seen"] == "growing":
            self._write(order, self._made(order)[:1], order.begun)

    def break_off(self, order: Order, when: datetime) -> None:
        """What a run that failed leaves behind: its first file, or nothing (undocumented)."""
        if self.drop is not None and self._world.switches["failed_files"] == "some":
            self._write(order, self._made(order)[:1], when)

    def finish(self, order: Order, when: datetime) -> list[int]:
        """Write the files of a run; returns their sizes."""
        switches = self._world.switches
        made = self._made(order)
        written = list(made)
        if switches["success_marker"] == "present":
            folders = sorted({each.folder for each in made})
            written += [files.File(folder=each, name="_SUCCESS", content=b"") for each in folders]
        asked = switches["manifest"] == "always" or (
            switches["manifest"] == "asked" and order.params.get("includeFileManifest") is True
        )
        if asked:
            written.append(self._manifest(order, made))
        if self.drop is not None:
            self._write(order, written, when)
        return [len(file.content) for file in made]

    def _made(self, order: Order) -> list[files.File]:
        switches = self._world.switches
        made: list[files.File] = []
        for share in order.shares:
            if share.first == share.end and share.first and switches["empty_increment"] == "nothing":
                continue
            folder = self._folder(order, share)
            rows = list(files.rows_of(share.dataset, share.first, share.end))
            if self.drop is None:
                made.append(files.File(folder=folder, name="counted", content=bytes(100 * len(rows))))
                continue
            name = f"{self._seed}/{order.run['id']}/{share.dataset['id']}"
            made += self._writer.files(rows, order.params, folder, switches.number("parts"), name)
        return made

    def _folder(self, order: Order, share: Share) -> str:
        times = {"scheduled": order.tick, "begun": order.begun, "ended": order.end}
        template = order.flow["scheduleParams"].get("foldernameTemplate")
        root, when = files.root_of(order.params), times[self._world.switches["folder_time"]]
        return files.folder_of(template, root, _macros(order, share), when)

    def _manifest(self, order: Order, made: Sequence[files.File]) -> files.File:
        switches = self._world.switches
        destination = order.flow["id"] if switches["manifest_name"] == "flow" else order.target["id"]
        folder = files.root_of(order.params)
        if switches["manifest_place"] == "folder" and made:
            folder = made[0].folder
        return files.manifest(destination, order.run["id"], order.tick, folder, made)

    def _write(self, order: Order, written: Sequence[files.File], when: datetime) -> None:
        assert self.drop is not None, "the caller has looked"
        flow, is_landing = order.flow, order.connection["connectionSpec"]["id"] == specs.DATA_LANDING_ZONE
        bucket, below = self._landing.place(flow["imsOrgId"], flow["sandboxName"])
        if not is_landing:
            bucket, below = files.bucket_of(order.connection, order.params, bucket), ""
        for file in written:
            self.drop.put(bucket, below + file.key, file.content)
        if is_landing and self._world.switches["expiry"] == "7d":
            self._agenda.at(when + _KEPT, partial(self._expire, bucket, [below + file.key for file in written]))

    def _expire(self, bucket: str, keys: Sequence[str], _: datetime) -> None:
        if self.drop is not None:
            for key in keys:
                self.drop.expire(bucket, key)


def _macros(order: Order, share: Share) -> dict[str, str]:
    """What the macros of a folder template stand for (§6.3)."""
    spec = specs.connection_specs()[order.connection["connectionSpec"]["id"]]
    return {
        "DATASET_ID": share.dataset["id"],
        "DATASET_NAME": share.dataset["name"],
        "DESTINATION": spec["name"],
        "DESTINATION_NAME": spec["name"],
        "DESTINATION_INSTANCE_ID": order.flow["id"],
        "DESTINATION_INSTANCE_NAME": order.flow["name"],
        "SANDBOX_NAME": order.flow["sandboxName"],
        "ORGANIZATION_NAME": order.flow["imsOrgId"].partition("@")[0],
    }
