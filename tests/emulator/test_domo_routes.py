"""Every route that reads: who may, what it shows, and how the console moves it (reference 1, 4, 6)."""

from collections.abc import Iterator

import pytest
from domo_stage import START, Stage, export_body, query_of, staged

from reconciler.providers.domo.emulator.example import CUSTOMERS, ORDERS, TOKEN
from reconciler.providers.domo.emulator.people import DATASET_ADMIN

ORDER_ROUTES = [
    ("GET", "/api/data/v3/datasources/{id}"),
    ("GET", "/api/data/v3/datasources/{id}/permissions"),
    ("GET", "/api/data/v2/datasources/{id}/schemas/latest"),
    ("GET", "/api/query/v1/datasources/{id}/schema/indexed"),
    ("GET", "/api/data/v2/datasources/{id}/dataversions"),
    ("GET", "/api/data/v3/datasources/{id}/dataversions/details"),
    ("GET", "/api/query/v1/data-control/{id}"),
    ("GET", "/api/query/v1/data-control/{id}/filter-groups"),
    ("POST", "/api/query/v1/execute/{id}"),
    ("POST", "/api/query/v1/export/{id}"),
    ("GET", "/api/query/v1/export/{id}"),
]
OTHER_ROUTES = [
    ("GET", "/api/content/v2/users/me"),
    ("GET", "/api/data/v1/accesstokens"),
    ("POST", "/api/data/v1/accesstokens"),
    ("DELETE", "/api/data/v1/accesstokens/1"),
    ("GET", "/api/data/v3/datasources"),
    ("POST", "/api/data/v3/datasources/bulk"),
]
BODIES = {"execute": {"query": query_of()}, "export": export_body(), "bulk": [], "accesstokens": {}}


@pytest.fixture
def stage() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


def body_for(method: str, path: str) -> object:
    return next((body for name, body in BODIES.items() if method == "POST" and f"/{name}" in path), None)


def ask(stage: Stage, method: str, path: str, token: str | None = TOKEN, id: str = ORDERS) -> int:
    return stage.call(method, path.format(id=id), body_for(method, path), token=token).status


def dataset(stage: Stage, id: str = ORDERS, token: str = TOKEN) -> dict[str, object]:
    found: dict[str, object] = stage.call("GET", f"/api/data/v3/datasources/{id}", token=token).body
    return found


# Who may.


@pytest.mark.parametrize(("method", "path"), ORDER_ROUTES + OTHER_ROUTES)
@pytest.mark.parametrize("token", [None, "", "unknown"])
def test_without_a_good_token_every_route_answers_401(stage: Stage, method: str, path: str, token: str | None) -> None:
    assert ask(stage, method, path, token) == 401


@pytest.mark.parametrize(("method", "path"), ORDER_ROUTES)
def test_without_rights_every_route_of_a_dataset_answers_403(stage: Stage, method: str, path: str) -> None:
    stranger = stage.emulator.add_token(stage.emulator.add_user()["id"])

    assert ask(stage, method, path, stranger) == 403


@pytest.mark.parametrize(("method", "path"), ORDER_ROUTES)
def test_an_unknown_dataset_is_404_before_it_is_403(stage: Stage, method: str, path: str) -> None:
    stranger = stage.emulator.add_token(stage.emulator.add_user()["id"])

    assert ask(stage, method, path, stranger, id="no-uuid") == 404


@pytest.mark.parametrize(("method", "path"), ORDER_ROUTES)
def test_a_reader_may_use_every_route_of_a_dataset(stage: Stage, method: str, path: str) -> None:
    reader = stage.emulator.add_user()["id"]
    stage.emulator.share(ORDERS, reader)

    assert ask(stage, method, path, stage.emulator.add_token(reader)) == 200


@pytest.mark.parametrize(("method", "path"), ORDER_ROUTES)
def test_dataset_admin_may_use_every_route_without_a_share(stage: Stage, method: str, path: str) -> None:
    admin = stage.emulator.add_user(authorities=[DATASET_ADMIN])["id"]

    assert ask(stage, method, path, stage.emulator.add_token(admin)) == 200


def test_a_group_opens_a_dataset_to_its_members(stage: Stage) -> None:
    member = stage.emulator.add_token(stage.emulator.add_user(groups=[7])["id"])
    outsider = stage.emulator.add_token(stage.emulator.add_user(groups=[8])["id"])
    stage.emulator.share(ORDERS, 7, "CAN_SHARE", type="GROUP")

    assert dataset(stage, token=member)["permissions"] == "READ_SHARE"
    assert ask(stage, "GET", "/api/query/v1/export/{id}", outsider) == 403


def test_a_share_can_be_taken_back(stage: Stage) -> None:
    reader = stage.emulator.add_user()["id"]
    token = stage.emulator.add_token(reader)
    stage.emulator.share(ORDERS, reader)
    stage.emulator.share(ORDERS, reader, "NONE")

    assert ask(stage, "GET", "/api/data/v3/datasources/{id}", token) == 403


# Tokens and users.


def test_the_token_says_whose_it_is(stage: Stage) -> None:
    reply = stage.call("GET", "/api/content/v2/users/me")

    assert reply.body["id"] == 1001
    assert reply.headers["content-type"].startswith("application/json")


def test_a_token_ends_when_it_says_so(stage: Stage) -> None:
    token = stage.emulator.add_token(1001, lives=60)

    stage.emulator.advance(59)
    assert ask(stage, "GET", "/api/content/v2/users/me", token) == 200
    stage.emulator.advance(1)
    assert ask(stage, "GET", "/api/content/v2/users/me", token) == 401


def test_all_tokens_can_be_made_worthless_at_once(stage: Stage) -> None:
    stage.emulator.world.expire_tokens()

    assert ask(stage, "GET", "/api/content/v2/users/me") == 401
    assert ask(stage, "GET", "/api/content/v2/users/me", stage.emulator.add_token(1001)) == 200


def test_a_token_of_somebody_who_left_opens_nothing(stage: Stage) -> None:
    leaver = stage.emulator.add_user()["id"]
    token = stage.emulator.add_token(leaver)
    stage.emulator.remove("users", leaver)

    assert ask(stage, "GET", "/api/content/v2/users/me", token) == 401


def test_the_list_of_tokens_shows_their_end_and_not_their_value(stage: Stage) -> None:
    (listed,) = stage.call("GET", "/api/data/v1/accesstokens").body

    assert sorted(listed) == ["expires", "id", "name", "ownerEmail", "ownerId", "ownerName"]
    assert listed["expires"] == START + 365 * 86_400_000


def test_a_new_token_shows_its_value_once(stage: Stage) -> None:
    body = {"name": "exporter", "ownerId": 1001, "expires": 1_900_000_000_000}
    made = stage.call("POST", "/api/data/v1/accesstokens", body).body

    assert len(made["token"]) == 48
    assert made["expires"] == 1_900_000_000_000
    assert ask(stage, "GET", "/api/content/v2/users/me", made["token"]) == 200
    assert "token" not in stage.call("GET", "/api/data/v1/accesstokens").body[1]


@pytest.mark.parametrize("body", [{"name": "x", "ownerId": 9}, {"name": "x"}, {"ownerId": 1001}, [], {"name": 1}])
def test_a_token_without_a_known_owner_is_refused(stage: Stage, body: object) -> None:
    assert stage.call("POST", "/api/data/v1/accesstokens", body).status == 400


def test_a_revoked_token_opens_nothing(stage: Stage) -> None:
    token = stage.emulator.add_token(1001)

    assert stage.call("DELETE", "/api/data/v1/accesstokens/2").status == 200
    assert stage.call("DELETE", "/api/data/v1/accesstokens/2").status == 404
    assert ask(stage, "GET", "/api/content/v2/users/me", token) == 401


def test_tokens_are_for_those_who_manage_them(stage: Stage) -> None:
    token = stage.emulator.add_token(stage.emulator.add_user()["id"])

    assert ask(stage, "GET", "/api/data/v1/accesstokens", token) == 403


# Datasets.


def test_a_dataset_shows_what_was_observed_of_the_real_one(stage: Stage) -> None:
    assert dataset(stage) == {
        "id": ORDERS,
        "name": "orders_daily",
        "displayType": "api",
        "dataProviderType": "api",
        "type": "api",
        "owner": {"id": "1001", "name": "Data Team", "type": "USER", "group": False},
        "status": "SUCCESS",
        "state": "SUCCESS",
        "created": START,
        "lastTouched": START,
        "lastUpdated": START,
        "rowCount": 24,
        "columnCount": 6,
        "streamId": 88,
        "permissions": "READ_WRITE_DELETE_SHARE_ADMIN",
        "currentUserFullAccess": True,
        "masked": False,
        "cryoStatus": "ADRENALINE",
        "hidden": False,
        "scheduleActive": True,
        "tags": "[]",
    }


def test_new_rows_move_both_times_and_make_a_version(stage: Stage) -> None:
    stage.emulator.advance(10)
    stage.emulator.replace_rows(ORDERS, [[1, 1, "West", 1.0, "2026-01-01", None]])
    stage.emulator.append_rows(ORDERS, [[2, 1, "West", 1.0, "2026-01-01", None]])
    now = dataset(stage)

    assert (now["lastUpdated"], now["lastTouched"], now["rowCount"]) == (START + 10_000, START + 10_000, 2)
    versions = stage.call("GET", f"/api/data/v3/datasources/{ORDERS}/dataversions/details").body
    assert [(one["dataVersionId"], one["rowCount"]) for one in versions] == [(1, 24), (2, 1), (3, 2)]


def test_metadata_moves_the_touch_and_nothing_else(stage: Stage) -> None:
    stage.emulator.advance(10)
    stage.emulator.touch(ORDERS, name="orders")
    now = dataset(stage)

    assert (now["name"], now["lastUpdated"], now["lastTouched"]) == ("orders", START, START + 10_000)
    assert len(stage.call("GET", f"/api/data/v2/datasources/{ORDERS}/dataversions").body) == 1


def test_a_new_column_is_no_new_data_and_its_cells_are_null(stage: Stage) -> None:
    stage.emulator.change_schema(CUSTOMERS, ["customer_id", "name", {"name": "tier", "type": "LONG"}])

    assert [column["name"] for column in indexed(stage, CUSTOMERS)] == ["customer_id", "name", "tier"]
    assert stage.selected(query_of("name", "tier", limit={"limit": 1}), dataset=CUSTOMERS) == [["Example Bakery", None]]
    assert len(stage.call("GET", f"/api/data/v2/datasources/{CUSTOMERS}/dataversions").body) == 1


def indexed(stage: Stage, id: str, **query: str) -> list[dict[str, object]]:
    body = stage.call("GET", f"/api/query/v1/datasources/{id}/schema/indexed", query=query).body
    found: list[dict[str, object]] = body["tables"][0]["columns"]
    return found


def test_hidden_columns_are_listed_for_whoever_asks(stage: Stage) -> None:
    id = stage.emulator.create_dataset("hidden", ["a", {"name": "b", "visible": False}])["id"]

    assert [column["name"] for column in indexed(stage, id)] == ["a"]
    assert [column["name"] for column in indexed(stage, id, includeHidden="true")] == ["a", "b"]


def test_the_stored_schema_names_types_and_labels(stage: Stage) -> None:
    reply = stage.call("GET", f"/api/data/v2/datasources/{ORDERS}/schemas/latest")

    assert reply.body["schema"]["columns"][3] == {
        "type": "DOUBLE",
        "name": "amount",
        "id": "amount",
        "visible": True,
        "metadata": {"colLabel": "amount", "colFormat": "", "isEncrypted": False},
    }


def test_the_older_route_of_versions_writes_dates_as_text(stage: Stage) -> None:
    (version,) = stage.call("GET", f"/api/data/v2/datasources/{ORDERS}/dataversions").body

    assert version["recordedDate"] == "2026-01-05T08:00:00.000Z"
    assert (version["dataId"], version["uploadStatus"], version["numRows"]) == (1, "success", 24)


def test_a_deleted_dataset_is_gone_from_every_route(stage: Stage) -> None:
    stage.emulator.delete_dataset(CUSTOMERS)

    assert all(ask(stage, method, path, id=CUSTOMERS) == 404 for method, path in ORDER_ROUTES)
    assert [row["name"] for row in stage.call("GET", "/api/data/v3/datasources").body["dataSources"]] == [
        "orders_daily"
    ]


def test_those_a_dataset_is_shared_with_are_listed_by_name(stage: Stage) -> None:
    stage.emulator.share(ORDERS, stage.emulator.add_user(displayName="Reader")["id"])
    stage.emulator.share(ORDERS, 7, "CAN_SHARE", type="GROUP")
    reply = stage.call("GET", f"/api/data/v3/datasources/{ORDERS}/permissions")

    levels = [(entry["name"], entry["accessLevel"]) for entry in reply.body["list"]]
    assert levels == [("Export Service", "OWNER"), ("Reader", "CAN_VIEW"), ("7", "CAN_SHARE")]
    assert (reply.body["totalUserCount"], reply.body["totalGroupCount"]) == (2, 1)


def test_a_record_cannot_be_given_another_past_by_the_console(stage: Stage) -> None:
    stage.emulator.touch(ORDERS, id="other", lastUpdated=1, versions=[], schemas=[])

    assert dataset(stage)["lastUpdated"] == START
    assert stage.call("GET", f"/api/data/v2/datasources/{ORDERS}/dataversions").body[0]["dataId"] == 1


# Lists of datasets.


def listed(stage: Stage, **query: str) -> list[str]:
    body = stage.call("GET", "/api/data/v3/datasources", query=query).body
    return [row["name"] for row in body["dataSources"]]


def test_a_page_holds_at_most_fifty_and_says_how_many_there_are(stage: Stage) -> None:
    for index in range(58):
        stage.emulator.create_dataset(f"d{index:02d}", ["a"])
    body = stage.call("GET", "/api/data/v3/datasources", query={"limit": "100"}).body

    assert (len(body["dataSources"]), body["_metadata"]["totalCount"]) == (50, 60)
    assert len(listed(stage, limit="50", offset="50")) == 10


def test_lists_are_filtered_and_ordered(stage: Stage) -> None:
    stage.emulator.advance(5)
    stage.emulator.touch(CUSTOMERS)

    assert listed(stage, orderBy="name") == ["customers", "orders_daily"]
    assert listed(stage, orderBy="lastTouched") == ["customers", "orders_daily"]
    assert listed(stage, orderBy="lastTouchedAscending") == ["orders_daily", "customers"]
    assert listed(stage, nameLike="ORDERS") == ["orders_daily"]
    assert listed(stage, ownerId="9") == []
    assert listed(stage, displayType="excel") == []


def test_a_list_shows_only_what_the_caller_may_read(stage: Stage) -> None:
    reader = stage.emulator.add_user()["id"]
    stage.emulator.share(CUSTOMERS, reader)
    token = stage.emulator.add_token(reader)
    body = stage.call("GET", "/api/data/v3/datasources", token=token).body

    assert [row["name"] for row in body["dataSources"]] == ["customers"]
    assert body["_metadata"]["totalCount"] == 1


def test_the_bulk_route_drops_what_the_caller_may_not_see_without_a_word(stage: Stage) -> None:
    reader = stage.emulator.add_user()["id"]
    stage.emulator.share(CUSTOMERS, reader)
    token = stage.emulator.add_token(reader)
    reply = stage.call("POST", "/api/data/v3/datasources/bulk", [ORDERS, CUSTOMERS, "unknown"], token=token)

    assert [row["id"] for row in reply.body["dataSources"]] == [CUSTOMERS]


@pytest.mark.parametrize("body", [{}, [1], "x"])
def test_the_bulk_route_wants_an_array_of_ids(stage: Stage, body: object) -> None:
    assert stage.call("POST", "/api/data/v3/datasources/bulk", body).status == 400


def test_a_limit_that_is_no_number_is_refused(stage: Stage) -> None:
    assert stage.call("GET", "/api/data/v3/datasources", query={"limit": "all"}).status == 400


# The console over HTTP, for tests in other processes.


def test_the_console_answers_over_http_and_shows_no_token(stage: Stage) -> None:
    made = stage.call("POST", "/_emulator/objects/datasets", {"name": "d", "columns": ["a"], "rows": [["x"]]})
    changed = stage.call("PATCH", f"/_emulator/objects/datasets/{made.body['id']}", {"append": [["y"]]})
    tokens = stage.call("GET", "/_emulator/objects/tokens")

    assert (made.status, changed.body["dataVersion"], changed.body["rows"]) == (201, 2, [{"a": "x"}, {"a": "y"}])
    assert TOKEN.encode() not in tokens.raw


def test_the_console_changes_and_removes_what_it_made(stage: Stage) -> None:
    console = stage.emulator
    user = console.add_user()["id"]
    console.share(ORDERS, user)
    token = console.add_token(user, id=7)
    console.edit("users", user, {"displayName": "Renamed"})
    console.edit("buckets", "example-lake", {"region": "us-east-1"})
    names = [
        entry["name"] for entry in stage.call("GET", f"/api/data/v3/datasources/{ORDERS}/permissions").body["list"]
    ]
    console.edit("tokens", "7", {"expires": START})
    console.remove("buckets", "example-lake-us")

    assert names == ["Export Service", "Renamed"]
    assert ask(stage, "GET", "/api/content/v2/users/me", token) == 401
    assert console.objects("buckets") == [{"id": "example-lake", "region": "us-east-1"}]


@pytest.mark.parametrize("collection", ["datasets", "policies", "users", "tokens", "exports", "buckets"])
def test_the_console_says_what_it_does_not_find(stage: Stage, collection: str) -> None:
    with pytest.raises(KeyError):
        stage.emulator.edit(collection, "unknown", {})
    with pytest.raises(KeyError):
        stage.emulator.remove(collection, "unknown")
    with pytest.raises(KeyError):
        stage.emulator.share("unknown", 1)


@pytest.mark.parametrize(
    ("collection", "body"),
    [
        ("datasets", {"columns": [{"name": "a", "type": "BOOLEAN"}]}),
        ("datasets", {"columns": ["a"], "rows": [[1, 2]]}),
        ("tokens", {"ownerId": 9}),
        ("policies", {"dataSourceId": "nothing"}),
        ("policies", {"dataSourceId": ORDERS, "parameters": [{"name": "a", "operator": "NEAR"}]}),
        ("policies", {"dataSourceId": ORDERS, "parameters": [{}]}),
    ],
)
def test_the_console_says_what_it_cannot_make(stage: Stage, collection: str, body: object) -> None:
    reply = stage.call("POST", f"/_emulator/objects/{collection}", body)

    assert reply.status == 400
    assert reply.body["error"]


def test_a_reset_brings_the_example_world_back(stage: Stage) -> None:
    stage.emulator.delete_dataset(ORDERS)
    stage.emulator.add_user()
    stage.start(dataset=CUSTOMERS)
    stage.emulator.reset()

    assert [len(stage.emulator.objects(name)) for name in sorted(stage.emulator.collections())] == [2, 2, 0, 0, 1, 1]
    assert dataset(stage)["rowCount"] == 24
