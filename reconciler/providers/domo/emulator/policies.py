"""Row policies (PDP): who sees which rows of a dataset (reference 6)."""

import re
from decimal import Decimal
from typing import Any

from reconciler.emulator import JsonObject, Table, World
from reconciler.providers.domo.emulator.datasets import Datasets, Row
from reconciler.providers.domo.emulator.values import ordered

# The operators of policies, which are other words than those of queries (5.3).
OPERATORS = (
    "EQUALS",
    "LIKE",
    "GREATER_THAN",
    "LESS_THAN",
    "GREATER_THAN_EQUAL",
    "LESS_THAN_EQUAL",
    "BETWEEN",
    "BEGINS_WITH",
    "ENDS_WITH",
    "CONTAINS",
)


class Policies:
    """The row policies of all datasets, by `filterGroupId`."""

    def __init__(self, world: World, datasets: Datasets) -> None:
        self.table = Table()
        self._world = world
        self._datasets = datasets
        self._next = 11

    def rows(self) -> list[JsonObject]:
        """Every policy, those of all datasets."""
        return list(self.table)

    def insert(self, body: JsonObject) -> JsonObject:
        """A policy of `dataSourceId`: `name`, `type`, `userIds`, `groupIds` and `parameters`."""
        dataset = str(body.get("dataSourceId"))
        if self._datasets.live(dataset) is None:
            raise ValueError(f"there is no dataset `{dataset}`")
        number = int(body.get("filterGroupId") or body.get("id") or self._next)
        self._next = max(self._next, number + 1)
        row: JsonObject = {
            "name": f"Policy {number}",
            "type": "user",
            "userIds": [],
            "groupIds": [],
            "virtualUserIds": [],
            "parameters": [],
            **body,
            "dataSourceId": dataset,
            "filterGroupId": number,
            "id": str(number),
        }
        row["parameters"] = [_parameter(parameter) for parameter in row["parameters"]]
        return self.table.put(row)

    def remove(self, id: str) -> JsonObject | None:
        """A policy is deleted."""
        return self.table.pop(str(id))

    def edit(self, id: str, changes: JsonObject) -> JsonObject | None:
        """A policy's members or filters change."""
        row = self.table.get(str(id))
        if row is None:
            return None
        changed = {**row, **changes, "id": row["id"], "filterGroupId": row["filterGroupId"]}
        changed["parameters"] = [_parameter(parameter) for parameter in changed["parameters"]]
        return self.table.put(changed)

    def forget(self) -> None:
        """No policy is left."""
        self.table.clear()
        self._next = 11

    def of(self, dataset: str) -> list[JsonObject]:
        """The policies of one dataset."""
        return list(self.table.select((("dataSourceId", (dataset,)),)))

    def flags(self, dataset: JsonObject) -> JsonObject:
        """Whether row policies are on (6; the four flags were observed as the answer of the switch)."""
        on = dataset["pdp"]
        return {"enabled": on, "secured": on, "external": False, "enabledColumn": False}

    def view(self, row: JsonObject) -> JsonObject:
        """A policy as the list shows it (observed)."""
        shown: JsonObject = {
            "name": row["name"],
            "filterGroupId": row["filterGroupId"],
            "dataSourceId": row["dataSourceId"],
            "type": row["type"],
            "dataSourcePermissions": False,
            "resources": _resources(row),
            "order": 0,
        }
        if row["type"] != "open":
            shown["userIds"] = row["userIds"]
            shown["groupIds"] = row["groupIds"]
            shown["virtualUserIds"] = row["virtualUserIds"]
            shown["parameters"] = row["parameters"]
        return shown

    def seen(
        self, dataset: JsonObject, rows: list[Row], user: JsonObject, *, limited_to: list[Any] | None = None
    ) -> list[Row]:
        """
        The rows a user may see.

        Filters of one policy combine, policies of one user add up (inferred). `limited_to` are policies a query
        asks to be limited to (`previewPdp`, observed).
        """
        if limited_to is not None:
            wanted = {str(number) for number in limited_to}
            rows = self._selected([row for row in self.of(dataset["id"]) if row["id"] in wanted], rows, user)
        if not dataset["pdp"] or self._datasets.bypasses(dataset, user):
            return rows
        return self._selected([row for row in self.of(dataset["id"]) if _applies(row, user)], rows, user)

    def _selected(self, policies: list[JsonObject], rows: list[Row], user: JsonObject) -> list[Row]:
        if any(policy["type"] == "open" for policy in policies):
            return rows
        return [row for row in rows if any(_lets_through(policy, row, user) for policy in policies)]


def _applies(policy: JsonObject, user: JsonObject) -> bool:
    groups = {str(group) for group in user.get("groups", ())}
    return user["id"] in {str(id) for id in policy["userIds"]} or bool(groups & {str(id) for id in policy["groupIds"]})


def _lets_through(policy: JsonObject, row: Row, user: JsonObject) -> bool:
    return all(_fits(parameter, row, user) for parameter in policy["parameters"])


def _fits(parameter: JsonObject, row: Row, user: JsonObject) -> bool:
    values = parameter["values"]
    if parameter["type"] == "DYNAMIC":
        # A dynamic filter names an attribute of the user (general PDP description; the form is undocumented).
        found = user.get("attributes", {}).get(parameter["value"], [])
        values = found if isinstance(found, list) else [found]
    cell = row.get(parameter["name"])
    if cell is None:
        return bool(parameter["not"])
    return _matches(parameter, cell, values) != bool(parameter["not"])


def _matches(parameter: JsonObject, cell: Any, values: list[Any]) -> bool:  # noqa: ANN401 - a cell of any column
    left = _text(cell, ignore_case=parameter["ignoreCase"])
    wanted = [_text(value, ignore_case=parameter["ignoreCase"]) for value in values]
    match parameter["operator"]:
        case "EQUALS":
            return left in wanted
        case "LIKE":
            patterns = (re.escape(one).replace("%", ".*").replace("_", ".") for one in wanted)
            return any(re.fullmatch(pattern, left, re.DOTALL) for pattern in patterns)
        case "BEGINS_WITH":
            return any(left.startswith(one) for one in wanted)
        case "ENDS_WITH":
            return any(left.endswith(one) for one in wanted)
        case "CONTAINS":
            return any(one in left for one in wanted)
        case "GREATER_THAN":
            return any(ordered(cell, value) == 1 for value in values)
        case "LESS_THAN":
            return any(ordered(cell, value) == -1 for value in values)
        case "GREATER_THAN_EQUAL":
            return any(ordered(cell, value) in (0, 1) for value in values)
        case "LESS_THAN_EQUAL":
            return any(ordered(cell, value) in (0, -1) for value in values)
        case _:  # BETWEEN, as `_parameter` has checked
            return len(values) == 2 and ordered(cell, values[0]) in (0, 1) and ordered(cell, values[1]) in (0, -1)


def _parameter(given: JsonObject) -> JsonObject:
    values = given.get("values", [given["value"]] if "value" in given else [])
    parameter: JsonObject = {
        "value": values[0] if values else None,
        "type": "COLUMN",
        "operator": "EQUALS",
        "not": False,
        "ignoreCase": True,
        **given,
        "values": values,
    }
    if not isinstance(parameter.get("name"), str):
        raise ValueError("a filter of a policy needs the `name` of a column")  # noqa: TRY004 - becomes a 400
    if parameter["operator"] not in OPERATORS:
        raise ValueError(f"a policy has no operator `{parameter['operator']}`: use {', '.join(OPERATORS)}")
    return parameter


def _resources(row: JsonObject) -> JsonObject:
    kinds = (("USER", "userIds"), ("GROUP", "groupIds"), ("VIRTUAL_USER", "virtualUserIds"))
    return {kind: [str(id) for id in row[field]] for kind, field in kinds if row[field]}


def _text(value: Any, *, ignore_case: bool) -> str:  # noqa: ANN401 - a cell of any column
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    return text.casefold() if ignore_case else text
