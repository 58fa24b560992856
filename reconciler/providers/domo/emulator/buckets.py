"""The buckets that exist while files go to folders; with an object store attached nobody asks here."""

from collections.abc import Iterator, Mapping

from reconciler.emulator import JsonObject, Table


class Buckets(Mapping[str, str]):
    """Regions by name of bucket, and a collection for the console."""

    def __init__(self) -> None:
        self.table = Table()

    def __getitem__(self, name: str) -> str:
        row = self.table.get(name)
        if row is None:
            raise KeyError(name)
        region: str = row["region"]
        return region

    def __iter__(self) -> Iterator[str]:
        return (row["id"] for row in self.table)

    def __len__(self) -> int:
        return len(self.table)

    def rows(self) -> list[JsonObject]:
        """Every bucket."""
        return list(self.table)

    def insert(self, body: JsonObject) -> JsonObject:
        """A bucket: its name as `id`, and its `region`."""
        return self.table.put({"region": "us-east-1", **body, "id": str(body["id"])})

    def remove(self, id: str) -> JsonObject | None:
        """A bucket is deleted; its files stay."""
        return self.table.pop(id)

    def edit(self, id: str, changes: JsonObject) -> JsonObject | None:
        """A bucket was made again elsewhere."""
        row = self.table.get(id)
        return None if row is None else self.table.put({**row, **changes, "id": id})

    def forget(self) -> None:
        """No bucket is left."""
        self.table.clear()
