"""`SourceConnection`: which datasets are exported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from reconciler.providers.adobe.client import Client, Row
from reconciler.providers.adobe.collection import (
    SETTLE_SECONDS,
    Collection,
    Patch,
    check_description,
    last_change,
    rest,
    revision,
    settling,
)
from reconciler.providers.adobe.datasets import Datasets
from reconciler.providers.adobe.destinations import DATA_LAKE, VERSION
from reconciler.providers.adobe.mapping import named, within
from reconciler.providers.adobe.settings import Text
from reconciler.sdk import Assessment, Immutable, Kind, Order, Spec, Unordered, VendorError
from reconciler.values import Document, Identity, Observed, Problem, Record, Resource, Value

# 24 hexadecimal digits (Catalog API; documented).
DatasetId = Annotated[str, Field(pattern=r"^[0-9a-f]{24}$")]


class DatasetRef(Spec):
    """One dataset, by its id or by its name in the catalog. Names may repeat there, ids do not."""

    id: DatasetId | None = None
    """The dataset's id; or its name."""
    name: Text | None = None
    """The dataset's name, which no other may have; or its id."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.id is None) == (self.name is None):
            raise PydanticCustomError("dataset-reference", "a dataset is written as `{{id: …}}` or as `{{name: …}}`")
        return self


# They cannot be changed after creation (Export datasets; documented). That their order means nothing is inferred; an
# empty list is not documented.
DatasetList = Annotated[list[DatasetRef], Field(min_length=1), Immutable(), Unordered()]


class Source(Spec):
    """A set of datasets that share one schedule."""

    name: Text | None = None
    """The name at the vendor; the manifest's own when left out."""
    description: Text | None = None
    """The description at the vendor; the program's mark is put behind it there and never shown."""
    datasets: DatasetList
    """What is exported, in any order. Another list makes the source anew."""


class SourceConnections(Collection):
    """`/sourceConnections` to the data lake (Export datasets; documented)."""

    path = "/sourceConnections"
    properties = (f"connectionSpec.id=={DATA_LAKE}",)

    def __init__(self, client: Client, datasets: Datasets) -> None:
        super().__init__(client)
        self._datasets = datasets

    def belongs(self, row: Row) -> bool:
        """A source in the data lake."""
        return within(row, "connectionSpec", "id") == DATA_LAKE

    def refuse(self, row: Row) -> str | None:
        """Only the data lake holds datasets; a source in the profile store is an audience export."""
        return None if within(row, "connectionSpec", "id") == DATA_LAKE else "does not read from the data lake"

    def observed(self, row: Row) -> Observed:
        """
        Ids alone: names are copies that go stale when a dataset is renamed.

        The `baseConnectionId` that the server puts there is its own.
        """
        attributes, owner = named(row)
        datasets = within(row, "params", "datasets")
        ids = [within(each, "dataSetId") for each in (datasets if isinstance(datasets, list) else ())]
        attributes["datasets"] = tuple({"id": str(each)} for each in ids)
        return Observed(
            id=str(row["id"]),
            attributes=attributes,
            revision=revision(row),
            last_change=last_change(row),
            owner=owner,
            settling=settling(row),
            hold=rest(row),
        )

    def assess(self, resource: Resource, record: Record | None, observed: Observed | None, now: datetime) -> Assessment:
        """Names as the ids that bear them."""
        wanted = _listed(resource.attributes)
        if not any("name" in each for each in wanted):
            return Assessment(observed=observed)
        resolved: list[Value] = []
        problems: list[Problem] = []
        for index, each in enumerate(wanted):
            if "name" not in each:
                resolved.append(each)
                continue
            name = str(each["name"])
            found = self._datasets.named(name)
            if len(found) == 1:
                resolved.append({"id": found[0].id})
            else:
                resolved.append(each)
                problem = self._unknown(name) if not found else _ambiguous(name, [one.id for one in found])
                problems.append(replace(problem, address=resource.address, path=("datasets", index)))
        attributes = {**resource.attributes, "datasets": tuple(resolved)}
        problems += check_datasets(replace(resource, attributes=attributes))
        return Assessment(observed=observed, attributes=attributes, problems=tuple(problems))

    def body(self, order: Order) -> dict[str, object]:
        """
        Ids with their names: one page says that both are needed, Adobe's own client sends the id alone (contradictory).

        So a name that cannot be found is left out.
        """
        try:
            names = {each.id: each.name for each in self._datasets.by_id().values()}
        except VendorError:
            names = {}
        datasets = [
            {"dataSetId": str(each["id"]), **({"name": names[str(each["id"])]} if names.get(str(each["id"])) else {})}
            for each in _listed(order.attributes)
        ]
        return {"connectionSpec": {"id": DATA_LAKE, "version": VERSION}, "params": {"datasets": datasets}}

    def patch(self, order: Order, keys: frozenset[str], row: Row) -> Patch:
        """Name and description are all that can be changed (Flow Service API; documented for ingestion sources)."""
        return []

    def _unknown(self, name: str) -> Problem:
        names = sorted({each.name for each in self._datasets.by_id().values()})
        near = get_close_matches(name, names, n=1)
        return Problem(
            code="unknown-dataset",
            message=f"no dataset that may be exported is called `{name}`",
            help=f"did you mean `{near[0]}`?"
            if near
            else "what may be exported depends on products and add-ons; ask with the dataset's id in Adobe's UI",
        )


def _ambiguous(name: str, ids: Sequence[str]) -> Problem:
    return Problem(
        code="ambiguous-dataset",
        message=f"{len(ids)} datasets are called `{name}`: {', '.join(f'`{each}`' for each in ids)}",
        help="write `{id: …}` of the one that is meant",
    )


def _listed(attributes: Document) -> Sequence[Mapping[str, Value]]:
    found = attributes.get("datasets")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, tuple) else []


def dataset_ids(attributes: Document) -> Sequence[str]:
    """The ids of the datasets that are written or resolved."""
    return [str(each["id"]) for each in _listed(attributes) if "id" in each]


def check_datasets(resource: Resource) -> Iterable[Problem]:
    """No dataset twice."""
    datasets = _listed(resource.attributes)
    for index, each in enumerate(datasets):
        if each in datasets[:index]:
            yield Problem(
                code="repeated-dataset",
                message="the same dataset is listed twice",
                address=resource.address,
                path=("datasets", index),
                help="remove one of the two",
            )


def _check(resource: Resource) -> Iterable[Problem]:
    yield from check_description(resource)
    yield from check_datasets(resource)


SOURCE_CONNECTION = Kind(
    name="SourceConnection",
    summary="A set of datasets that are exported together",
    spec=Source,
    identity=Identity.MARK,
    natural_key=(("name",),),
    settle_seconds=SETTLE_SECONDS,
    # That kept datasets go on where they were and added ones begin in full is an assumption.
    replacement_cost=(
        "the dataflow keeps its id and its schedule; datasets that come new begin with a full export, and whether those"
        " that stay go on with increments is not documented"
    ),
    check=_check,
    example="""\
apiVersion: adobe.reconciler/v1
kind: SourceConnection
metadata:
  name: orders
spec:
  name: Orders
  datasets:
    - {id: 64b0c1d2e3f4a5b6c7d8e9f0}
    - {name: Order lines}
""",
)
