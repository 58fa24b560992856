"""Which address an id stands for, as far as a plan knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.values import Address, Change, Record


@dataclass(frozen=True, slots=True)
class Names:
    """Addresses by type (`vendor/Kind`) and id."""

    by_id: Mapping[tuple[str, str], Address] = field(default_factory=dict)

    @classmethod
    def of(cls, changes: Iterable[Change]) -> Names:
        """The ids that a plan's changes mention. An id that two addresses claim stays an id."""
        found: dict[tuple[str, str], set[Address]] = {}
        for change in changes:
            ids = {change.id, change.record.id if change.record else None, *change.discard}
            for id in ids - {None, ""}:
                found.setdefault((change.address.type, str(id)), set()).add(change.address)
        return cls({key: next(iter(each)) for key, each in found.items() if len(each) == 1})

    @classmethod
    def of_records(cls, records: Iterable[Record]) -> Names:
        """The ids that are recorded."""
        return cls({(each.address.type, each.id): each.address for each in records if each.id is not None})

    def get(self, type: str, id: str) -> Address | None:
        """The address whose object has this id, if known."""
        return self.by_id.get((type, id))
