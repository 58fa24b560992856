"""What the query engine makes of a query request (reference 5), and what row policies let through (6)."""

from collections.abc import Iterator
from typing import Any

import pytest
from domo_stage import Stage, column, compared, export_body, number, query_of, rows_of, staged, text
from hypothesis import given
from hypothesis import strategies as st

from reconciler.emulator import JsonObject
from reconciler.providers.domo.emulator.values import ordered

COLUMNS = [
    {"name": "n", "type": "LONG"},
    {"name": "amount", "type": "DECIMAL"},
    {"name": "word", "type": "STRING"},
    {"name": "day", "type": "DATE"},
    {"name": "at", "type": "DATETIME"},
]
ROWS = [
    [1, "10.50", "apple", "2026-01-01", "2026-01-01T08:00:00"],
    [2, "9", "Apple", "2026-01-02", "2026-01-02T08:00:00"],
    [3, None, None, None, None],
    [4, "-1", "", "2026-02-01", "2026-02-01T00:00:00"],
    [5, "100", "pear", "2026-02-02", "2026-02-02T23:59:59"],
]
WHO = "numbers"


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged({"allow_unverified_expr": "on"}) as stage:
        stage.emulator.create_dataset("numbers", COLUMNS, ROWS, id=WHO)
        yield stage


def found(stage: Stage, where: object) -> list[int]:
    return [row[0] for row in stage.selected(query_of("n", where=where), dataset=WHO)]


def between(name: str, low: object, high: object, **more: object) -> dict[str, object]:
    return {"exprType": "BETWEEN", "leftExpr": column(name), "betweenStart": low, "betweenEnd": high, **more}


def member(name: str, *values: object, **more: object) -> dict[str, object]:
    return {"exprType": "IN", "leftExpr": column(name), "selectSet": list(values), **more}


WORD, N, AMOUNT, DAY, AT = column("word"), column("n"), column("amount"), column("day"), column("at")
APPLE = compared("EQUALS", WORD, text("apple"))
CONDITIONS: list[tuple[object, list[int]]] = [
    (APPLE, [1]),
    (compared("EQUALS", WORD, text("")), [4]),
    (compared("EQUALS", WORD, text("apple"), **{"not": True}), [2, 4, 5]),
    (compared("EQUALS", N, number(3)), [3]),
    (compared("EQUALS", N, number("3")), [3]),
    (compared("EQUALS", N, text("3")), [3]),
    (compared("EQUALS", N, text("three")), []),
    (compared("EQUALS", AMOUNT, number(10.5)), [1]),
    (compared("GREATER_THAN", AMOUNT, number(9)), [1, 5]),
    (compared("GREATER_THAN_OR_EQUAL_TO", AMOUNT, number(9)), [1, 2, 5]),
    (compared("LESS_THAN", AMOUNT, number(9)), [4]),
    (compared("LESS_THAN_OR_EQUAL_TO", AMOUNT, number(9)), [2, 4]),
    (compared("LESS_THAN", AMOUNT, number(9), **{"not": True}), [1, 2, 5]),
    (compared("GREATER_THAN", DAY, text("2026-01-01")), [2, 4, 5]),
    (compared("EQUALS", DAY, text("2026-01-01 00:00:00")), [1]),
    (compared("EQUALS", AT, text("2026-01-01 08:00:00")), [1]),
    (between("at", text("2026-01-02 00:00:00"), text("2026-02-01 00:00:00")), [2, 4]),
    (between("at", text("2026-01-02 00:00:00"), text("2026-02-01 00:00:00"), **{"not": True}), [1, 5]),
    (between("day", text("2026-01-02"), text("2026-02-01 00:00:00")), [2, 4]),
    (between("n", number(2), number(3)), [2, 3]),
    (member("word", "apple", "pear"), [1, 5]),
    (member("word", text("apple")), [1]),
    (member("word", "apple", **{"not": True}), [2, 4, 5]),
    (member("word", "apple", None, **{"not": True}), []),
    (member("n", 1, "2"), [1, 2]),
    (member("n"), []),
    (compared("AND", compared("GREATER_THAN", N, number(1)), compared("LESS_THAN", N, number(4))), [2, 3]),
    (compared("AND", APPLE, compared("EQUALS", N, number(1)), **{"not": True}), [2, 3, 4, 5]),
    (compared("OR", APPLE, compared("EQUALS", N, number(3))), [1, 3]),
    (compared("OR", APPLE, compared("EQUALS", N, number(3)), **{"not": True}), [2, 4, 5]),
    (compared("EQUALS", WORD, WORD), [1, 2, 4, 5]),
    (compared("EQUALS", text("a"), text("a")), [1, 2, 3, 4, 5]),
]


@pytest.mark.parametrize(("where", "expected"), CONDITIONS)
def test_a_condition_selects_rows_and_null_is_neither_true_nor_false(
    stage: Stage, where: object, expected: list[int]
) -> None:
    assert found(stage, where) == expected


def test_columns_come_in_the_order_asked_for(stage: Stage) -> None:
    reply = stage.execute(query_of("word", "n", "word"), dataset=WHO)

    assert reply.body["columns"] == ["word", "n", "word"]
    assert reply.body["rows"][0] == ["apple", 1, "apple"]
    assert (reply.body["numRows"], reply.body["numColumns"], reply.body["datasource"]) == (5, 3, WHO)
    assert [entry["type"] for entry in reply.body["metadata"]] == ["STRING", "LONG", "STRING"]


def test_an_unknown_column_is_400_at_once_in_every_part(stage: Stage) -> None:
    wrong = column("nothing")
    queries = [
        {"columns": [wrong]},
        query_of("n", where=compared("EQUALS", wrong, text("a"))),
        query_of("n", groupByColumns=[wrong]),
        query_of("n", orderByColumns=[{"expression": wrong}]),
        query_of("n", fromQuery=query_of("word")),
    ]

    assert [stage.execute(query, dataset=WHO).status for query in queries] == [400] * 5


# Order, limit, groups, functions.


def function(name: str, argument: object, **more: object) -> dict[str, object]:
    return {"exprType": "FUNCTION", "name": name, "arguments": [argument], **more}


def order(expression: object, direction: str | None = None) -> dict[str, object]:
    return {"expression": expression, **({} if direction is None else {"order": direction})}


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        ([order(AMOUNT)], [3, 4, 2, 1, 5]),
        ([order(AMOUNT, "DESCENDING")], [5, 1, 2, 4, 3]),
        ([order(WORD, "ASCENDING")], [3, 4, 2, 1, 5]),
        ([order(text("same")), order(N, "DESCENDING")], [5, 4, 3, 2, 1]),
    ],
)
def test_rows_are_ordered(stage: Stage, orders: list[object], expected: list[int]) -> None:
    query = query_of("n", orderByColumns=orders)

    assert [row[0] for row in stage.selected(query, dataset=WHO)] == expected


def test_a_limit_cuts_after_the_offset(stage: Stage) -> None:
    query = query_of("n", limit={"limit": 2, "offset": 1})

    assert stage.selected(query, dataset=WHO) == [[2], [3]]
    assert stage.selected(query_of("n", limit={"limit": 0}), dataset=WHO) == []


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (function("COUNT", number(1)), 5),
        (function("COUNT", WORD), 4),
        (function("SUM", AMOUNT), 118.5),
        (function("AVG", N), 3),
        (function("MIN", DAY), "2026-01-01"),
        (function("MAX", AMOUNT), 100),
        (function("COUNT", DAY, distinct=True), 4),
        (function("SUM", number("2.5")), 12.5),
    ],
)
def test_functions_count_over_all_rows(stage: Stage, expression: object, expected: object) -> None:
    assert stage.selected({"columns": [expression]}, dataset=WHO) == [[expected]]


def test_functions_over_no_rows_give_one_row(stage: Stage) -> None:
    where = compared("EQUALS", N, number(99))
    columns = [function(name, N) for name in ("COUNT", "SUM", "MIN")]

    assert stage.selected({"columns": columns, "where": where}, dataset=WHO) == [[0, None, None]]


def test_literals_are_columns_too(stage: Stage) -> None:
    query = {"columns": [text("a"), number("1.5"), number("2")], "limit": {"limit": 1}}
    reply = stage.execute(query, dataset=WHO)

    assert reply.body["rows"] == [["a", 1.5, 2]]
    assert reply.body["columns"] == ["a", "1.5", "2"]
    assert [entry["type"] for entry in reply.body["metadata"]] == ["STRING", "DOUBLE", "DOUBLE"]


def test_distinct_counts_each_value_once(stage: Stage) -> None:
    id = stage.emulator.create_dataset("twice", ["a"], [["x"], ["x"], ["y"], [None]])["id"]

    assert stage.selected({"columns": [function("COUNT", column("a"), distinct=True)]}, dataset=id) == [[2]]


def test_groups_are_counted_one_by_one(stage: Stage) -> None:
    query = {
        "columns": [column("region"), function("COUNT", number(1)), function("SUM", column("amount"))],
        "groupByColumns": [column("region")],
        "orderByColumns": [order(column("region"))],
    }

    assert stage.selected(query) == [
        ["East", 6, 975],
        ["North", 6, 1050],
        ["South", 6, 900],
        ["West", 6, 825],
    ]


def test_a_column_that_is_neither_grouped_nor_counted_fails(stage: Stage) -> None:
    assert stage.execute({"columns": [N, function("COUNT", N)]}, dataset=WHO).status == 400


def test_a_sum_of_words_fails(stage: Stage) -> None:
    assert stage.execute({"columns": [function("SUM", WORD)]}, dataset=WHO).status == 400


@pytest.mark.parametrize("context", [{"dataControlContext": 1}, {"dataControlContext": {"filterGroupIds": 1}}])
def test_a_context_that_names_no_policies_is_refused(stage: Stage, context: object) -> None:
    assert stage.execute(query_of("n"), dataset=WHO, context=context).status == 400


def test_text_that_is_not_unicode_is_refused(stage: Stage) -> None:
    whole = b'{"query":{"columns":[{"exprType":"STRING_VALUE","value":"\\ud83d\\ude00"}]}}'
    half = whole.replace(b"\\ude00", b"")

    assert stage.call("POST", f"/api/query/v1/execute/{WHO}", raw=whole).body["rows"][0] == ["\U0001f600"]
    assert stage.call("POST", f"/api/query/v1/execute/{WHO}", raw=half).status == 400


def test_having_selects_groups(stage: Stage) -> None:
    query = {
        "columns": [column("region")],
        "groupByColumns": [column("region")],
        "having": compared("GREATER_THAN", function("MAX", column("order_id")), number(23)),
    }

    assert stage.selected(query) == [["North"]]


def test_a_count_over_an_inner_query_counts_its_rows(stage: Stage) -> None:
    inner = query_of("n", where=compared("GREATER_THAN", N, number(2)), having=None)
    query = {"columns": [function("COUNT", number(1))], "fromQuery": inner, "limit": {"limit": 1}}

    assert stage.selected(query, dataset=WHO) == [[3]]


@pytest.mark.parametrize(
    "query",
    [
        {"columns": [function("MEDIAN", N)]},
        {"columns": [{"exprType": "FUNCTION", "name": "COUNT", "arguments": []}]},
        {"columns": [function("COUNT", function("COUNT", N))]},
        {"columns": [N], "where": N},
        {"columns": [N], "where": compared("LIKE", WORD, text("a%"))},
        {"columns": [N], "where": compared("EQUALS", WORD, text("a"), **{"not": "yes"})},
        {"columns": [N], "where": {"exprType": "IN", "leftExpr": N}},
        {"columns": [N], "where": compared("EQUALS", function("COUNT", N), number(1))},
        {"columns": [N], "orderByColumns": [N]},
        {"columns": [N], "orderByColumns": [order(N, "UP")]},
        {"columns": [N], "limit": 5},
        {"columns": [N], "limit": {"limit": -1}},
        {"columns": [N], "groupByColumns": {}},
        {"columns": [number("many")]},
        {"columns": [number("1e999999999")]},
        {"columns": [{"exprType": "COLUMN"}]},
        {"columns": [{"exprType": "STRING_VALUE", "value": 1}]},
        {"columns": [{**function("COUNT", N), "distinct": "yes"}]},
        {"columns": [N], "where": {"exprType": "IN", "leftExpr": N, "selectSet": [[1]]}},
        {"columns": [N], "limit": {"offset": 1}},
    ],
)
def test_what_no_public_query_holds_is_refused(stage: Stage, query: JsonObject) -> None:
    assert stage.execute(query, dataset=WHO).status == 400


@given(left=st.none() | st.integers() | st.text(), right=st.none() | st.integers() | st.text())
def test_comparison_is_the_same_from_both_sides(left: object, right: object) -> None:
    one, other = ordered(left, right), ordered(right, left)

    assert (one is None) == (other is None)
    assert one is None or other is None or one == -other


# Row policies.


def policy(operator: str, *values: object, name: str = "region", **more: object) -> JsonObject:
    return {"name": name, "operator": operator, "values": list(values), **more}


@pytest.fixture
def limited() -> Iterator[tuple[Stage, str, str]]:
    """A dataset with row policies switched on, a reader and the reader's token."""
    with staged() as stage:
        stage.emulator.create_dataset("numbers", COLUMNS, ROWS, id=WHO)
        reader = stage.emulator.add_user(groups=[7], attributes={"fruit": ["apple"]})["id"]
        stage.emulator.share(WHO, reader)
        stage.emulator.set_pdp(WHO)
        yield stage, reader, stage.emulator.add_token(reader)


def seen(stage: Stage, token: str, **more: object) -> list[int]:
    reply = stage.execute(query_of("n"), dataset=WHO, token=token, **more)
    return [row[0] for row in reply.body["rows"]]


def test_without_a_policy_of_theirs_a_reader_sees_nothing(limited: tuple[Stage, str, str]) -> None:
    stage, _, token = limited

    assert seen(stage, token) == []


def test_the_owner_and_administrators_see_everything(limited: tuple[Stage, str, str]) -> None:
    stage, _, _ = limited
    admin = stage.emulator.add_token(stage.emulator.add_user(role="Admin")["id"])

    assert seen(stage, "example-token-7731") == [1, 2, 3, 4, 5]
    assert seen(stage, admin) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        (policy("EQUALS", "APPLE", name="word"), [1, 2]),
        (policy("EQUALS", "apple", name="word", ignoreCase=False), [1]),
        (policy("EQUALS", "apple", name="word", **{"not": True}), [3, 4, 5]),
        (policy("EQUALS", "apple", "pear", name="word"), [1, 2, 5]),
        (policy("LIKE", "%p_e", name="word"), [1, 2]),
        (policy("LIKE", "p_e", name="word"), []),
        (policy("LIKE", "a%e", name="word"), [1, 2]),
        (policy("BEGINS_WITH", "ap", name="word"), [1, 2]),
        (policy("ENDS_WITH", "r", name="word"), [5]),
        (policy("CONTAINS", "ea", name="word"), [5]),
        (policy("GREATER_THAN", 2, name="n"), [3, 4, 5]),
        (policy("GREATER_THAN_EQUAL", "2", name="n"), [2, 3, 4, 5]),
        (policy("LESS_THAN", 2, name="n"), [1]),
        (policy("LESS_THAN_EQUAL", 2, name="n"), [1, 2]),
        (policy("BETWEEN", 2, 4, name="n"), [2, 3, 4]),
        (policy("BETWEEN", 2, name="n"), []),
        (policy("EQUALS", "fruit", name="word", type="DYNAMIC"), [1, 2]),
        (policy("EQUALS", "nothing", name="word", type="DYNAMIC"), []),
    ],
)
def test_a_policy_lets_its_rows_through(
    limited: tuple[Stage, str, str], parameter: JsonObject, expected: list[int]
) -> None:
    stage, reader, token = limited
    stage.emulator.add_policy(WHO, "some", users=[int(reader)], parameters=[parameter])

    assert seen(stage, token) == expected


def test_filters_of_a_policy_combine_and_policies_add_up(limited: tuple[Stage, str, str]) -> None:
    stage, reader, token = limited
    both = [policy("GREATER_THAN", 1, name="n"), policy("LESS_THAN", 3, name="n")]
    stage.emulator.add_policy(WHO, "two", users=[int(reader)], parameters=both)
    stage.emulator.add_policy(WHO, "five", groupIds=[7], parameters=[policy("EQUALS", 5, name="n")])
    stage.emulator.add_policy(WHO, "not theirs", users=[9], parameters=[policy("EQUALS", 1, name="n")])

    assert seen(stage, token) == [2, 5]


def test_members_of_all_rows_see_everything(limited: tuple[Stage, str, str]) -> None:
    stage, reader, token = limited
    stage.emulator.add_policy(WHO, "All Rows", users=[int(reader)], type="open")

    assert seen(stage, token) == [1, 2, 3, 4, 5]


def test_policies_switched_off_limit_nobody(limited: tuple[Stage, str, str]) -> None:
    stage, _, token = limited
    stage.emulator.set_pdp(WHO, enabled=False)

    assert seen(stage, token) == [1, 2, 3, 4, 5]


def test_a_query_may_ask_to_be_limited_to_policies(limited: tuple[Stage, str, str]) -> None:
    stage, _, _ = limited
    made = stage.emulator.add_policy(WHO, "one", parameters=[policy("EQUALS", 1, name="n")])
    wish = {"filterGroupIds": [made["filterGroupId"]], "previewPdp": True}

    assert seen(stage, "example-token-7731", context={"dataControlContext": wish}) == [1]


def test_an_export_holds_only_what_the_requester_may_see(limited: tuple[Stage, str, str]) -> None:
    stage, reader, token = limited
    stage.emulator.add_policy(WHO, "one", users=[int(reader)], parameters=[policy("EQUALS", 1, name="n")])
    job = stage.exported(export_body(query_of("n")), dataset=WHO, token=token)

    assert list(job["urlRowCountMap"].values()) == [1]
    assert rows_of(stage.only_file()) == [["n"], ["1"]]


def test_policies_are_listed_as_observed(limited: tuple[Stage, str, str]) -> None:
    stage, reader, token = limited
    stage.emulator.add_policy(WHO, "All Rows", type="open")
    stage.emulator.add_policy(WHO, "West only", users=[int(reader)], parameters=[policy("EQUALS", "West")])
    path = f"/api/query/v1/data-control/{WHO}/filter-groups"
    plain: list[Any] = stage.call("GET", path, token=token).body
    whole: list[Any] = stage.call("GET", path, query={"options": "load_filters,include_open_policy"}, token=token).body

    assert [row["name"] for row in plain] == ["West only"]
    assert [(row["name"], row["type"]) for row in whole] == [("All Rows", "open"), ("West only", "user")]
    assert plain[0]["resources"] == {"USER": [reader]}
    assert plain[0]["parameters"][0] == {
        "name": "region",
        "value": "West",
        "values": ["West"],
        "type": "COLUMN",
        "operator": "EQUALS",
        "not": False,
        "ignoreCase": True,
    }


def test_whether_policies_are_on_can_be_read(limited: tuple[Stage, str, str]) -> None:
    stage, _, token = limited
    reply = stage.call("GET", f"/api/query/v1/data-control/{WHO}", token=token)

    assert reply.body == {"enabled": True, "secured": True, "external": False, "enabledColumn": False}


def test_a_limited_reader_is_told_that_they_do_not_see_everything(limited: tuple[Stage, str, str]) -> None:
    stage, _, token = limited
    path = f"/api/data/v3/datasources/{WHO}"

    assert stage.call("GET", path, token=token).body["currentUserFullAccess"] is False
    assert stage.call("GET", path).body["currentUserFullAccess"] is True


def test_a_policy_can_be_changed_and_removed(limited: tuple[Stage, str, str]) -> None:
    stage, reader, token = limited
    made = stage.emulator.add_policy(WHO, "one", users=[int(reader)], parameters=[policy("EQUALS", 1, name="n")])
    stage.emulator.edit("policies", made["id"], {"parameters": [policy("EQUALS", 2, name="n")]})
    changed = seen(stage, token)
    stage.emulator.remove("policies", made["id"])

    assert (changed, seen(stage, token)) == ([2], [])
