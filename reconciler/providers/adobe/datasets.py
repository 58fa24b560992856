"""The datasets that may be exported, read once in a run."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconciler.providers.adobe.client import PAGE, Client, Row, is_id
from reconciler.providers.adobe.destinations import DATA_LAKE
from reconciler.providers.adobe.mapping import within
from reconciler.sdk import Unreadable

PATH = f"/connectionSpecs/{DATA_LAKE}/configs"

_MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset of the catalog; names may repeat."""

    id: str
    name: str


class Datasets:
    """Every dataset that Adobe lets us export. Safe to share between threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._found: Mapping[str, Dataset] | None = None

    def by_id(self) -> Mapping[str, Dataset]:
        """All of them; asks once. Raises a `VendorError` when they cannot be read, and asks again the next time."""
        with self._lock:
            if self._found is None:
                self._found = {each.id: each for each in self._read()}
            return self._found

    def named(self, name: str) -> Sequence[Dataset]:
        """Those that bear the name, by id."""
        return sorted((each for each in self.by_id().values() if each.name == name), key=lambda each: each.id)

    def page(self, start: int, limit: int = PAGE) -> Row:
        """
        One page, by offset unlike every other list (Destinations API; documented).

        `state` is `DRAFT` even for datasets that may be exported (tutorial, sample), so it is not looked at.
        """
        query = [
            ("outputType", "activationDatasets"),
            ("outputField", "datasets"),
            ("start", str(start)),
            ("limit", str(limit)),
            ("properties", "name,state"),
        ]
        return self._client.body(self._client.send("GET", PATH, query=query), f"GET {PATH}")

    def _read(self) -> Sequence[Dataset]:
        found: dict[str, Dataset] = {}
        start = 0
        for _ in range(_MOST_PAGES):
            body = self.page(start)
            items = body.get("items")
            if not isinstance(items, list) or not all(is_id(within(each, "id")) for each in items):
                raise Unreadable(f"the answer to `GET {PATH}` is no list of datasets", request=f"GET {PATH}")
            for each in items:
                dataset = Dataset(id=each["id"], name=str(each.get("name") or ""))
                # Pages shift when the list changes meanwhile; one id with two names is no such change.
                if found.setdefault(dataset.id, dataset) != dataset:
                    raise Unreadable(f"`GET {PATH}` lists `{dataset.id}` twice, and differently", request=f"GET {PATH}")
            more, total = within(body, "pageInfo", "hasNext"), within(body, "pageInfo", "total")
            # `end` is the index of the last item in the samples; what came is counted, which needs no such belief.
            start += len(items)
            if more is False or (more is None and len(items) < PAGE):
                if isinstance(total, int) and start < total:
                    raise Unreadable(
                        f"`GET {PATH}` says {total} datasets and gives only {start}", request=f"GET {PATH}"
                    )
                return tuple(found.values())
            if not items:
                break
        raise Unreadable(f"the list of `GET {PATH}` does not come to an end", request=f"GET {PATH}")
