"""Objects of one kind, in the order they came, with pages that cost the page and not the table."""

from collections.abc import Iterator, Sequence

from reconciler.emulator.messages import JsonObject

Filters = tuple[tuple[str, tuple[str, ...]], ...]
Sort = tuple[tuple[str, int], ...]
_MOST_CACHED = 32


class Table:
    """
    One kind of object by id, kept in order of insertion.

    Rows are never changed in place: `put` replaces a row, so a row that was handed out stays as it was. The
    answer of a `select` is remembered until the next change; a page of a big table is then a slice.
    """

    def __init__(self) -> None:
        self._rows: dict[str, JsonObject] = {}
        self._selected: dict[tuple[Filters, Sort], list[JsonObject]] = {}
        self.revision = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, id: object) -> bool:
        return id in self._rows

    def __iter__(self) -> Iterator[JsonObject]:
        return iter(self._rows.values())

    def get(self, id: str) -> JsonObject | None:
        """The row with this id, or None."""
        return self._rows.get(id)

    def put(self, row: JsonObject) -> JsonObject:
        """Add a row, or replace the one with its `id`, keeping its place."""
        self._rows[row["id"]] = row
        self._changed()
        return row

    def pop(self, id: str) -> JsonObject | None:
        """Remove and return a row, None when there is none."""
        row = self._rows.pop(id, None)
        if row is not None:
            self._changed()
        return row

    def clear(self) -> None:
        """Remove everything."""
        self._rows.clear()
        self._changed()

    def select(self, filters: Filters = (), sort: Sort = ()) -> Sequence[JsonObject]:
        """
        The rows whose fields have one of the wanted values, in order.

        `filters` compares the text of a field (`true` for booleans); `sort` is (field, 1 or -1), most important
        first; equal rows keep the order of insertion. The result must not be changed.
        """
        key = (filters, sort)
        found = self._selected.get(key)
        if found is None:
            found = [row for row in self._rows.values() if all(_fits(row, *wanted) for wanted in filters)]
            for field, direction in reversed(sort):
                _order(found, field, direction)
            if len(self._selected) >= _MOST_CACHED:
                self._selected.clear()
            self._selected[key] = found
        return found

    def _changed(self) -> None:
        self.revision += 1
        if self._selected:
            self._selected.clear()


def text_of(value: object) -> str | None:
    """A field's value as a query would spell it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _fits(row: JsonObject, field: str, wanted: tuple[str, ...]) -> bool:
    return text_of(row.get(field)) in wanted


def _order(rows: list[JsonObject], field: str, direction: int) -> None:
    def key(row: JsonObject) -> tuple[int, float, str]:
        value = row.get(field)
        if value is None:
            return (0, 0.0, "")
        if isinstance(value, bool | int | float):
            return (1, float(value), "")
        return (2, 0.0, str(value))

    rows.sort(key=key, reverse=direction < 0)
