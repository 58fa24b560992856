"""Which datasets readings are about: Domo lists exports of one dataset, and never says which datasets have some."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.providers.domo.claim import at
from reconciler.providers.domo.manifest import normalised
from reconciler.values import Document


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """Where a document's exports go."""

    dataset: str
    bucket: str
    path: str


class Known:
    """The targets of all documents that were named so far. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._targets: set[Target] = set()
        self._intended: dict[Target, frozenset[str]] = {}

    def add(self, documents: Iterable[Document]) -> None:
        """From now on these documents' datasets are read too."""
        found = {target for target in map(target_of, documents) if target is not None}
        with self._lock:
            self._targets |= found

    def intend(self, document: Document, before: Iterable[str]) -> None:
        """Remember that the document is about to be exported; `before` are the exports that its dataset has."""
        target = target_of(document)
        if target is not None:
            with self._lock:
                self._intended[target] = frozenset(before)

    @property
    def datasets(self) -> tuple[str, ...]:
        """Every dataset, sorted."""
        with self._lock:
            return tuple(sorted({each.dataset for each in self._targets}))

    def path(self, dataset: str, bucket: str | None, id: str) -> str | None:
        """
        The one path to which the export `id` of the dataset can go in this bucket; `None` with none or several.

        An export tells its path only once it has files, and one that began a moment ago must be found again too. One
        that began after something was about to be exported goes there: what older documents say is past.
        """
        with self._lock:
            intended = {each for each, before in self._intended.items() if id not in before}
            targets = (
                {each.path for each in some if (each.dataset, each.bucket) == (dataset, bucket)}
                for some in (intended, self._targets)
            )
            found = next((each for each in targets if each), set())
        return found.pop() if len(found) == 1 else None


def target_of(document: Document) -> Target | None:
    """The target of a manifest or of what was sent; `None` when the document does not say."""
    whole = normalised(document)
    dataset, bucket, path = (
        at(whole, each) for each in (("dataset", "id"), ("destination", "bucket"), ("destination", "path"))
    )
    if not isinstance(dataset, str) or not isinstance(bucket, str) or not isinstance(path, str):
        return None
    return Target(dataset=dataset, bucket=bucket, path=path)
