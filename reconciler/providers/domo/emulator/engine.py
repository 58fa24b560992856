"""The query engine: the indexed rows of a dataset that a user may see, and what a query makes of them."""

from reconciler.emulator import JsonObject, World
from reconciler.providers.domo.emulator.datasets import Datasets
from reconciler.providers.domo.emulator.expressions import Column
from reconciler.providers.domo.emulator.policies import Policies
from reconciler.providers.domo.emulator.queries import Result, limited_to, run
from reconciler.providers.domo.emulator.values import cell


class Engine:
    """Runs checked query requests as a user (reference 5 and 6)."""

    def __init__(self, world: World, datasets: Datasets, policies: Policies) -> None:
        self.datasets = datasets
        self._policies = policies
        self._world = world

    def run(self, dataset: JsonObject, user: JsonObject, request: JsonObject, *, limited: bool = True) -> Result:
        """The result of a request that `check_request` let through. Raises `QueryFailed`."""
        switches = self._world.switches
        version, columns = self.datasets.indexed(dataset)
        rows = version["rows"] or [] if version is not None else []
        seen = self._policies.seen(dataset, rows, user, limited_to=limited_to(request))
        table = [Column(id=column["id"], name=column["name"], type=column["type"]) for column in columns]
        return run(
            request["query"],
            table,
            [[cell(row.get(column.name), column.type) for column in table] for row in seen],
            ignore_case=switches["column_match"] == "insensitive",
            limited=limited,
            backwards=switches["row_order"] == "reversed",
        )
