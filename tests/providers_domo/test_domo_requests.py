"""What a manifest becomes on the wire, and what is refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest
from domo_scene import ORDERS, Scene, codes, elsewhere, manifest, only, query
from world import Status

from reconciler.providers.domo.query import Column, faults, misfit, request
from reconciler.values import Action, Document

pytest_plugins = ("domo_fixtures",)

PRESCRIPTIONS = (
    "Customer ID",
    "Cardholder ID",
    "Sex of Patient",
    "Date Filled",
    "Label Name",
    "Metric Quantity",
    "Days Supply",
)
PRODUCTS = (
    "Product Container",
    "Product Category",
    "Order ID",
    "Order Date",
    "Order Priority",
    "Region",
    "Ship Mode",
)


def columns(*names: str) -> list[dict[str, str]]:
    return [{"column": each, "exprType": "COLUMN"} for each in names]


def sent(scene: Scene) -> dict[str, Any]:
    """The last request for an export as the vendor got it; what is secret is masked there."""
    body = scene.vendor.requests("POST", "/api/query/v1/export/*")[-1].body
    assert isinstance(body, dict)
    return body


def dataset(scene: Scene, *names: str) -> str:
    row = scene.domo.create_dataset(
        "example", [{"name": each, "type": "STRING"} for each in names], [["x"] * len(names)]
    )
    scene.world.later()
    return str(row["id"])


# --- the two requests of the article "Domo API // Export to S3" ---


def test_all_rows_are_asked_for_as_the_article_does(plain: Scene) -> None:
    id = dataset(plain, *PRESCRIPTIONS)
    plain.apply(manifest(dataset={"id": id}, query=query(*PRESCRIPTIONS), includeBom=True))
    body = sent(plain)

    assert list(body) == ["awsAccessKey", "awsAccessSecret", "bucket", "path", "region", "queryRequest"]
    assert {key: body[key] for key in ("bucket", "path", "region")} == elsewhere()
    assert body["queryRequest"] == {
        "includeBOM": True,
        "useCache": True,
        "query": {"columns": columns(*PRESCRIPTIONS), "groupByColumns": [], "orderByColumns": []},
    }


def test_rows_of_one_region_are_asked_for_as_the_article_does(plain: Scene) -> None:
    id = dataset(plain, *PRODUCTS)
    west = {"all": [{"column": "Region", "eq": "West"}]}
    plain.apply(manifest(dataset={"id": id}, query=query(*PRODUCTS, filter=west), includeBom=True))

    assert sent(plain)["queryRequest"] == {
        "includeBOM": True,
        "useCache": True,
        "query": {
            "columns": columns(*PRODUCTS),
            "groupByColumns": [],
            "orderByColumns": [],
            "where": {
                "exprType": "EQUALS",
                "leftExpr": {"column": "Region", "exprType": "COLUMN"},
                "rightExpr": {"value": "West", "exprType": "STRING_VALUE"},
            },
        },
    }


# --- the filter language ---

LEFT = {"column": "amount", "exprType": "COLUMN"}


def number(value: float) -> dict[str, object]:
    return {"value": value, "exprType": "NUMERIC_VALUE"}


@pytest.mark.parametrize(
    ("comparison", "node"),
    [
        ({"eq": 1}, {"exprType": "EQUALS", "rightExpr": number(1)}),
        ({"ne": 1.5}, {"exprType": "EQUALS", "rightExpr": number(1.5), "not": True}),
        ({"gt": 1}, {"exprType": "GREATER_THAN", "rightExpr": number(1)}),
        ({"gte": 1}, {"exprType": "GREATER_THAN_OR_EQUAL_TO", "rightExpr": number(1)}),
        ({"lt": 1}, {"exprType": "LESS_THAN", "rightExpr": number(1)}),
        ({"lte": 1}, {"exprType": "LESS_THAN_OR_EQUAL_TO", "rightExpr": number(1)}),
        ({"in": (1, 2)}, {"exprType": "IN", "selectSet": [1, 2]}),
        ({"notIn": (1,)}, {"exprType": "IN", "selectSet": [1], "not": True}),
        ({"between": (1, 2)}, {"exprType": "BETWEEN", "betweenStart": number(1), "betweenEnd": number(2)}),
    ],
)
def test_each_comparison_is_a_node_that_others_were_seen_to_send(
    comparison: dict[str, Any], node: dict[str, object]
) -> None:
    assert _where({"all": ({"column": "amount", **comparison},)}) == {"leftExpr": LEFT, **node}


def test_values_of_a_list_may_be_sent_as_expressions() -> None:
    spec: Document = {"query": {"columns": ("a",), "filter": {"all": ({"column": "a", "in": ("x",)},)}}}
    where = _inner(spec, in_list="expressions")["where"]

    assert where["selectSet"] == [{"value": "x", "exprType": "STRING_VALUE"}]


def test_several_comparisons_are_nested_pairs() -> None:
    each = [{"exprType": "EQUALS", "leftExpr": LEFT, "rightExpr": number(value)} for value in (1, 2, 3)]
    where = _where({"all": tuple({"column": "amount", "eq": value} for value in (1, 2, 3))})

    first = {"exprType": "AND", "leftExpr": each[0], "rightExpr": each[1]}
    assert where == {"exprType": "AND", "leftExpr": first, "rightExpr": each[2]}


def test_what_nobody_has_proven_is_passed_through() -> None:
    raw: Document = {
        "exprType": "OR",
        "leftExpr": {"exprType": "COLUMN", "column": "a"},
        "rightExpr": {"list": (1, None)},
    }
    spec: Document = {
        "query": {
            "columns": ("a",),
            "rawWhere": raw,
            "groupBy": ("a",),
            "orderBy": ({"column": "a", "direction": "descending"}, {"column": "b"}),
            "limit": {"rows": 5, "offset": 2},
        }
    }

    assert _inner(spec) == {
        "columns": columns("a"),
        "groupByColumns": columns("a"),
        "orderByColumns": [
            {"expression": columns("a")[0], "order": "DESCENDING"},
            {"expression": columns("b")[0], "order": "ASCENDING"},
        ],
        "where": {**raw, "rightExpr": {"list": [1, None]}},
        "limit": {"limit": 5, "offset": 2},
    }


def _where(filter: Document) -> object:
    return _inner({"query": {"columns": ("a",), "filter": filter}})["where"]


def _inner(spec: Document, in_list: str = "values") -> dict[str, Any]:
    inner = request(spec, in_list=in_list)["query"]
    assert isinstance(inner, dict)
    return inner


@pytest.mark.parametrize(
    ("comparison", "rows"),
    [
        ({"column": "region", "eq": "North"}, 6),
        ({"column": "region", "ne": "North"}, 18),
        ({"column": "region", "in": ["North", "West"]}, 12),
        ({"column": "region", "notIn": ["North", "West"]}, 12),
        ({"column": "order_id", "gt": 20}, 4),
        ({"column": "order_id", "gte": 20}, 5),
        ({"column": "order_id", "lt": 3}, 2),
        ({"column": "order_id", "lte": 3}, 3),
        ({"column": "order_id", "between": [3, 5]}, 3),
        ({"column": "ordered_on", "between": ["2026-01-03", "2026-01-04"]}, 2),
    ],
)
def test_each_comparison_selects_the_rows_that_it_says(plain: Scene, comparison: dict[str, object], rows: int) -> None:
    plain.apply(manifest(query=query(filter={"all": [comparison]})))

    assert plain.record.outputs["rows"] == rows


def test_the_path_is_sent_and_compared_without_slashes(plain: Scene) -> None:
    plain.apply(manifest(destination=elsewhere(path="domo/orders/")))
    path = sent(plain)["path"]

    assert path == "domo/orders"
    assert plain.plan(manifest()).changes_to_make == ()


def test_a_key_and_a_source_are_sent_where_they_are_written(plain: Scene) -> None:
    plain.apply(manifest(destination=elsewhere(kmsKey="alias/example"), source="nightly", useCache=False))
    body = sent(plain)

    assert (body["awsKmsKey"], body["source"], body["queryRequest"]["useCache"]) == ("alias/example", "nightly", False)


# --- what is refused offline ---


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"credentials": {}}, "credentials"),
        ({"destination": elsewhere(path="/domo")}, "path"),
        ({"destination": elsewhere(path="domo/../secret")}, "path"),
        ({"destination": elsewhere(path="domo/\x07")}, "path"),
        ({"query": query("order_id", "order_id")}, "repeated-column"),
        ({"query": query(filter={"all": [{"column": "region"}]})}, "comparison"),
        ({"query": query(filter={"all": [{"column": "order_id", "gt": 1, "lt": 5}]})}, "comparison"),
        ({"query": query(filter={"all": [{"column": "a", "eq": 1}]}, rawWhere={"exprType": "X"})}, "two-filters"),
        ({"destination": elsewhere(bucket="Example_Lake")}, "invalid-value"),
        ({"destination": elsewhere(region="Paris")}, "invalid-value"),
        ({"dataset": {"id": "orders"}}, "invalid-value"),
        ({"query": query(filter={"all": [{"column": "a", "between": [1]}]})}, "invalid-value"),
        ({"credentials": {"static": {"accessKeyId": "AKIA", "secretAccessKey": "x"}}}, "inline-secret"),
    ],
)
def test_a_mistake_is_found_before_anybody_is_asked(plain: Scene, changes: dict[str, Any], code: str) -> None:
    run = plain.plan(manifest(**changes))

    assert run.status is Status.INVALID
    assert code in codes(run)
    assert plain.vendor.requests() == ()


@pytest.mark.parametrize("word", ["orderBy", "groupBy", "limit", "rawWhere"])
def test_what_nobody_has_proven_is_said_to_be_so(plain: Scene, word: str) -> None:
    value: object = {
        "orderBy": [{"column": "region"}],
        "groupBy": ["order_id", "region"],
        "limit": {"rows": 3},
        "rawWhere": {
            "exprType": "EQUALS",
            "leftExpr": columns("region")[0],
            "rightExpr": {"exprType": "STRING_VALUE", "value": "North"},
        },
    }[word]
    plain.world.write([manifest(query=query(**{word: value}))])
    with plain.world.workspace() as workspace:
        loaded = workspace.load()

    assert {each.code for each in loaded.problems} == {"unverified"}
    assert only(plain.plan()).action is Action.RUN


# --- what is refused with the dataset at hand ---

KNOWN = (Column(id="order_id", type="LONG"), Column(id="Region", type="STRING"), Column(id="at", type="DATETIME"))


def test_an_unknown_column_is_answered_with_near_matches() -> None:
    found = list(faults({"columns": ("region", "orderid", "zzz")}, KNOWN))

    assert [each.code for each in found] == ["unknown-column"] * 3
    assert [each.help for each in found][:2] == ["did you mean `Region`?", "did you mean `order_id`?"]
    assert str(found[2].help).startswith("its columns are ")


def test_columns_within_a_raw_filter_are_looked_at_too() -> None:
    raw: Document = {"exprType": "OR", "leftExpr": {"exprType": "COLUMN", "column": "gone"}}

    assert [each.message for each in faults({"columns": ("at",), "rawWhere": raw}, KNOWN)] == [
        "the dataset has no column `gone`"
    ]


@pytest.mark.parametrize(
    ("value", "kind", "fits"),
    [
        (1, "LONG", True),
        ("1", "LONG", False),
        (True, "LONG", False),
        (1.5, "DECIMAL", True),
        ("North", "STRING", True),
        (1, "STRING", False),
        ("2026-01-01", "DATE", True),
        ("2026-01-01 10:00:00", "DATE", False),
        ("2026-01-01 10:00:00", "DATETIME", True),
        ("2026-01-01", "DATETIME", True),
        ("2026-01-01T10:00:00", "DATETIME", False),
        (20260101, "DATE", False),
        ("anything", "SOMETHING", True),
    ],
)
def test_a_value_fits_its_columns_type_or_is_refused(value: bool | float | str, kind: str, fits: bool) -> None:
    assert (misfit(value, kind) is None) is fits


def test_all_columns_are_the_list_that_the_dataset_has_now(plain: Scene) -> None:
    plain.apply(manifest(query={"columns": "all"}))
    first = plain.record.applied["query"]
    more = [{"name": "order_id", "type": "LONG"}, {"name": "region", "type": "STRING"}]
    plain.domo.change_schema(ORDERS, more)
    plain.world.later()
    run = plain.plan()

    assert first == {"columns": ("order_id", "customer_id", "region", "amount", "ordered_on", "shipped_at")}
    assert [each.path for each in only(run).fields] == [("query", "columns")]
    assert only(run).fields[0].after == ("order_id", "region")
