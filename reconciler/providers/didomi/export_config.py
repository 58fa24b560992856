"""`ExportConfig`: what a daily batch export delivers, and to which destinations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from reconciler.providers.didomi.collection import Collection, described, last_change, marked, revision
from reconciler.providers.didomi.destination import Text, check_description
from reconciler.providers.didomi.mapping import Row, value, write
from reconciler.providers.didomi.settings import DELIVERY_OPTIONS
from reconciler.sdk import Kind, NameOrId, Order, RefersTo, ServerDefault, Spec, Unordered
from reconciler.values import Document, Identity, Observed, Problem, Resource, Secret, Severity, Value


class Switch(Spec):
    """Whether one type of data is delivered."""

    enabled: bool
    """Whether these are delivered."""


class Content(Spec):
    """
    What is delivered.

    Events come within the users' records: no switch for them is documented (Didomi, Batch export).
    """

    users: Switch
    """Users with their events."""
    proofs: Switch
    """Proofs of consent."""


class ExportConfig(Spec):
    """A daily delivery of what changed. Only daily exports exist, so there is no frequency to set."""

    name: Text | None = None
    """The name at the vendor; the manifest's own when left out."""
    description: Text | None = None
    """The description at the vendor; the program's mark is put behind it there and never shown."""
    data: Content
    """What is delivered, every day."""
    destinations: Annotated[
        list[Annotated[NameOrId, RefersTo("Destination")]],
        Field(min_length=1),
        Unordered(),
    ]
    """Where to: names of `Destination` manifests. By default Didomi allows two."""
    # Not in the tutorial, but Didomi's quota counts configurations that are enabled (Didomi, Quotas; inferred).
    enabled: Annotated[bool, ServerDefault(value=True)] = True
    """Whether it exports; true when left out. By default Didomi allows three enabled ones."""


class ExportConfigs(Collection):
    """`/exports/configs` (Didomi, Configure a batch export, legacy edition): only POST is documented."""

    route = "/exports/configs"
    complete = frozenset({"id", "name", "data", "destinations_id"})
    absent: ClassVar[Mapping[str, object]] = {"enabled": True}

    def observed(self, row: Row, id: str) -> Observed:
        """The configuration; its id is also the `export-id` of delivered paths."""
        attributes, owner = described(ExportConfig, row)
        destinations = row.get("destinations_id")
        if isinstance(destinations, list):
            attributes["destinations"] = value(destinations)
        return Observed(
            id=id,
            attributes=attributes,
            revision=revision(row),
            last_change=last_change(row),
            owner=owner,
            outputs={"exportId": id},
        )

    def body(self, order: Order, reveal: Callable[[Secret], str]) -> dict[str, object]:
        """Name, description with the mark, content, destinations, and `enabled` where the manifest has it."""
        attributes = order.attributes
        body: dict[str, object] = {
            "name": attributes.get("name") or order.address.name,
            "description": marked(order),
            "data": write(attributes["data"], reveal),
            "destinations_id": list(_ids(attributes.get("destinations"))),
        }
        if isinstance(attributes.get("enabled"), bool):
            body["enabled"] = attributes["enabled"]
        return body

    def key(self, manifest: str) -> str:
        """The API says `destinations_id` for the list of destinations."""
        return "destinations_id" if manifest == "destinations" else super().key(manifest)

    def disable(self, id: str) -> Observed:
        """Keep the configuration and deliver nothing more."""
        reply = self._patch(id, {"enabled": False})
        row = reply.body if isinstance(reply.body, Mapping) else {}
        return self._after(row, {"enabled": False}, id)


def _ids(destinations: Value) -> Iterable[str]:
    for each in destinations if isinstance(destinations, tuple) else ():
        yield str(each["id"] if isinstance(each, Mapping) else each)


def _check(resource: Resource) -> Iterable[Problem]:
    yield from check_description(resource)
    if not any(_is_enabled(resource.attributes, name) for name in ("users", "proofs")):
        yield Problem(
            code="exports-nothing",
            message="neither `users` nor `proofs` is enabled, so nothing is delivered",
            address=resource.address,
            path=("data",),
            help="enable one, or write `enabled: false` to stop the export",
            severity=Severity.WARNING,
        )
    destinations = resource.attributes.get("destinations")
    if isinstance(destinations, tuple):
        for index, each in enumerate(destinations):
            if each in destinations[:index]:
                yield Problem(
                    code="repeated-destination",
                    message="the same destination is listed twice",
                    address=resource.address,
                    path=("destinations", index),
                    help="remove one of the two",
                )


def _is_enabled(attributes: Document, name: str) -> bool:
    content = attributes.get("data")
    switch = content.get(name) if isinstance(content, Mapping) else None
    # What is no plain switch (a variable, say) is not judged here.
    return not isinstance(switch, Mapping) or switch.get("enabled") is not False


EXPORT_CONFIG = Kind(
    name="ExportConfig",
    summary="A daily batch export of consent data to one or more destinations",
    spec=ExportConfig,
    identity=Identity.MARK,
    natural_key=(("name",),),
    disables=True,
    replacement_cost=(
        "the first delivery of the new configuration comes 24 hours later, under another `export-id` in the paths of"
        " the files"
    ),
    delivers=True,
    delivery_options=DELIVERY_OPTIONS,
    check=_check,
    example="""\
apiVersion: didomi.reconciler/v1
kind: ExportConfig
metadata:
  name: daily-consents
spec:
  name: Daily consents
  description: What changed yesterday
  data:
    users: {enabled: true}
    proofs: {enabled: false}
  destinations: [consent-lake]
""",
)
