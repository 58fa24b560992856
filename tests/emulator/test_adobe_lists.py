"""Lists, filters, pages and searches at the Flow Service emulator."""

import pytest
from adobe_stage import BASE, CATALOG, DESTINATIONS, LAKE, Stage, staged

CONFIGS = f"/connectionSpecs/{LAKE['id']}/configs"
OUTPUT = {"outputType": "activationDatasets", "outputField": "datasets"}


def many(stage: Stage, count: int) -> list[str]:
    return [str(stage.emulator.insert("connections", {"name": f"account {n:03d}"})["id"]) for n in range(count)]


def names(stage: Stage, path: str = "/connections", **query: str) -> list[str]:
    reply = stage.get(path, **query)
    assert reply.status == 200, reply
    return [row["name"] for row in reply.body["items"]]


def test_a_long_list_comes_in_pages_newest_first() -> None:
    with staged() as stage:
        ids = many(stage, 230)
        first = stage.get("/connections", limit="100").body
        rows = stage.all("/connections", limit="100")

        assert len(first["items"]) == 100
        assert [row["id"] for row in rows] == ids[::-1]


def test_the_link_to_the_next_page_is_relative_and_holds_the_token_only() -> None:
    with staged() as stage:
        many(stage, 3)
        body = stage.get("/connections", limit="2", orderby="name").body
        href = body["_links"]["next"]["href"]
        last = stage.call("GET", href).body

        assert href.startswith("/connections?continuationToken=")
        assert "&" not in href
        assert [row["name"] for row in last["items"]] == ["account 002"]
        assert last["_links"] == {}


def test_a_token_remembers_filter_order_and_page_size() -> None:
    with staged() as stage:
        many(stage, 7)
        stage.emulator.insert("connections", {"name": "another", "state": "disabled"})
        pages = []
        reply = stage.get("/connections", property="state==enabled", orderby="-name", limit="3")
        while True:
            pages.append([row["name"][-1] for row in reply.body["items"]])
            if "next" not in reply.body["_links"]:
                break
            reply = stage.call("GET", reply.body["_links"]["next"]["href"])

        assert pages == [["6", "5", "4"], ["3", "2", "1"], ["0"]]


def test_a_client_may_repeat_its_own_parameters_with_the_token() -> None:
    with staged() as stage:
        many(stage, 5)
        href = stage.get("/connections", orderby="name", limit="2").body["_links"]["next"]["href"]
        token = href.partition("=")[2]
        reply = stage.get("/connections", orderby="name", limit="2", continuationToken=token)

        assert [row["name"] for row in reply.body["items"]] == ["account 002", "account 003"]


@pytest.mark.parametrize("token", ["nonsense", "bm9uc2Vuc2U.00", "ü", "."])
def test_a_token_that_nobody_issued_is_refused(token: str) -> None:
    with staged() as stage:
        assert stage.get("/connections", continuationToken=token).status == 400


def test_a_token_of_another_list_is_refused() -> None:
    with staged() as stage:
        many(stage, 3)
        href = stage.get("/connections", limit="2").body["_links"]["next"]["href"]
        moved = stage.call("GET", href.replace("/connections", "/flows"))
        elsewhere = stage.call("GET", href, headers={"x-sandbox-name": "dev"})

        assert [moved.status, elsewhere.status] == [400, 400]


def test_a_count_has_no_items() -> None:
    with staged() as stage:
        many(stage, 42)

        assert stage.get("/connections", count="true").body == {"count": 42}
        assert stage.get("/connections", count="true", property="name==account 001").body == {"count": 1}
        assert len(stage.get("/connections", count="false", limit="5").body["items"]) == 5


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": "5", "count": "true"}, 1401),
        ({"limit": "0"}, 1452),
        ({"limit": "-1"}, 1452),
        ({"limit": "101"}, 1452),
        ({"limit": "9" * 40}, 1452),
        ({"limit": "ten"}, 1452),
        ({"limit": "٣"}, 1452),
        ({"count": "yes"}, 1452),
        ({"page": "2"}, 1451),
        ({"property": ""}, 1453),
        ({"property": "name=="}, 1453),
        ({"property": "name"}, 1440),
        ({"property": "==x"}, 1440),
        ({"property": "name~x"}, 1440),
        ({"property": "createdAt!>5"}, 1450),
        ({"property": "name!=x"}, 1450),
        ({"property": "createdAt>5,6"}, 1443),
        ({"property": "id>5"}, 1448),
        ({"property": "createdAt>now"}, 1452),
        ({"property": "createdAt>1e999"}, 1452),
        ({"orderby": "+"}, 1432),
        ({"orderby": "name,"}, 1432),
        ({"orderby": "na me"}, 1433),
    ],
)
def test_a_bad_parameter_has_a_code_of_its_own(query: dict[str, str], code: int) -> None:
    with staged() as stage:
        reply = stage.get("/connections", **query)

        assert [reply.status, reply.code] == [400, f"FLOW-{code}-400"]


def test_filters_compare_and_add_up() -> None:
    with staged() as stage:
        many(stage, 3)
        stage.emulator.advance(60)
        many(stage, 2)
        late = str(stage.emulator.objects("connections")[-1]["createdAt"])
        both = [("property", f"createdAt>={late}"), ("property", "name==account 000,account 002")]

        assert names(stage, property=f"createdAt<{late}") == ["account 002", "account 001", "account 000"]
        assert names(stage, property=f"createdAt>={late}") == ["account 001", "account 000"]
        assert names(stage, property=f"createdAt>{late}") == []
        assert len(names(stage, property=f"createdAt<={late}")) == 5
        assert [row["name"] for row in stage.call("GET", "/connections", query=both).body["items"]] == ["account 000"]


def test_names_and_ids_can_be_searched_for_in_numbers() -> None:
    with staged() as stage:
        ids = many(stage, 4)

        assert names(stage, property=f"id=={ids[0]},{ids[3]}") == ["account 003", "account 000"]
        assert names(stage, property="name==account 001,account 002,nobody") == ["account 002", "account 001"]


@pytest.mark.parametrize("name", ["<a> = b", "=", "~", "a==b", "a&b=c", "[reconciler:x/y/Z/w#1]", "100 %", "ü+1"])
def test_any_name_can_be_searched_for(name: str) -> None:
    with staged() as stage:
        id = stage.connection(name=name, description=name)
        stage.connection()

        for field in ("name", "description"):
            found = stage.get("/connections", property=f"{field}=={name}").body["items"]
            assert [row["id"] for row in found] == [id]


def test_elements_of_arrays_need_brackets() -> None:
    with staged() as stage:
        source = stage.source()
        flow = stage.flow(source)
        stage.flow()
        found = stage.get("/flows", property=f"sourceConnectionIds[]=={source}").body["items"]

        assert [row["id"] for row in found] == [flow]
        assert names(stage, "/flows", property=f"sourceConnectionIds=={source}") == []
        assert names(stage, "/flows", property="name[]==orders flow") == []


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        ("inheritedAttributes.properties.isDestinationFlow==true", 2),
        ("inheritedAttributes.sourceConnections[].connectionSpec.id==" + LAKE["id"], 2),
        ("inheritedAttributes.targetConnections[].connectionSpec.id==" + DESTINATIONS["s3"].spec, 1),
        ("flowSpec.id==" + ",".join(one.flow_spec for one in DESTINATIONS.values()), 2),
        ("flowSpec.id==" + DESTINATIONS["sftp"].flow_spec, 1),
        ("scheduleParams.interval==3", 2),
        ("scheduleParams.interval>3", 0),
        ("description==a flow", 2),
        ("nothing.like.this==x", 0),
    ],
)
def test_flows_are_found_by_what_they_inherit(expression: str, count: int) -> None:
    with staged() as stage:
        stage.flow()
        stage.flow(kind="sftp")

        assert len(stage.get("/flows", property=expression).body["items"]) == count


def test_flows_are_found_by_their_base_connection() -> None:
    with staged() as stage:
        base = stage.connection()
        flow = stage.flow(target=stage.target(base))
        stage.flow()
        expression = f"inheritedAttributes.targetConnections[].baseConnection.id=={base}"

        assert [row["id"] for row in stage.get("/flows", property=expression).body["items"]] == [flow]


def test_targets_are_found_by_their_base_connection() -> None:
    with staged() as stage:
        base = stage.connection()
        target = stage.target(base)
        stage.target()
        found = stage.get("/targetConnections", property=f"baseConnectionId=={base}").body["items"]

        assert [row["id"] for row in found] == [target]


def test_lists_are_ordered_as_asked() -> None:
    with staged() as stage:
        for name, text in (("b", "1"), ("a", "1"), ("c", "0")):
            stage.emulator.insert("connections", {"name": name, "description": text})
        stage.emulator.insert("connections", {"name": "d"})

        assert names(stage, orderby="name") == ["a", "b", "c", "d"]
        assert names(stage, orderby="+name") == ["a", "b", "c", "d"]
        assert names(stage, orderby="-name") == ["d", "c", "b", "a"]
        assert names(stage, orderby="-description,name") == ["a", "b", "c", "d"]
        assert names(stage, orderby="createdAt,-name") == ["d", "c", "b", "a"]


def test_a_change_shows_in_the_next_list() -> None:
    with staged() as stage:
        (id,) = many(stage, 1)
        before = names(stage, property="name==account 000")
        stage.replace(f"/connections/{id}", "/name", "renamed")

        assert before == ["account 000"]
        assert names(stage, property="name==account 000") == []
        assert names(stage) == ["renamed"]


@pytest.mark.parametrize("path", ["/connections", "/flows"])
def test_a_search_is_a_list_with_a_body(path: str) -> None:
    with staged() as stage:
        stage.flow()
        stage.flow(name="another", target=stage.target(stage.connection(name="another")))
        sent = {"queryString": "property=name==another&property=state==enabled", "limit": 1000, "orderby": "name"}
        plain = stage.post(f"{path}/search", {"queryString": "name==another"}).body
        counted = stage.post(f"{path}/search", {"count": True}).body
        projected = stage.post(f"{path}/search", {"projectionFields": "id, name"}).body["items"]

        assert [row["name"] for row in stage.post(f"{path}/search", sent).body["items"]] == ["another"]
        assert [row["name"] for row in plain["items"]] == ["another"]
        assert counted["count"] == len(stage.get(path).body["items"])
        assert {frozenset(row) for row in projected} == {frozenset({"id", "name"})}


def test_a_search_has_pages() -> None:
    with staged() as stage:
        many(stage, 5)
        first = stage.post("/connections/search", {"limit": 3, "orderby": "name"}).body
        href = first["_links"]["next"]["href"]
        token = href.partition("=")[2]
        second = stage.call("POST", "/connections/search", {"limit": 3}, query={"continuationToken": token}).body

        assert [row["name"][-1] for row in (*first["items"], *second["items"])] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 1001},
        {"limit": 0},
        {"limit": "5"},
        {"limit": True},
        {"count": "true"},
        {"queryString": 5},
        {"orderby": 1},
    ],
)
def test_a_bad_search_is_refused(body: dict[str, object]) -> None:
    with staged() as stage:
        assert stage.post("/flows/search", body).status == 400


def test_connection_specs_can_be_listed_and_read() -> None:
    with staged() as stage:
        listed = stage.all("/connectionSpecs", limit="2")
        one = stage.get(f"/connectionSpecs/{DESTINATIONS['s3'].spec}").item

        assert len(listed) == 7
        assert [auth["name"] for auth in one["authSpec"]] == ["Access Key", "Assumed Role"]
        assert one["authSpec"][0]["spec"]["properties"]["s3SecretKey"]["format"] == "password"
        assert "fileType" in one["targetSpec"]["spec"]["required"]
        assert stage.get(f"/connectionSpecs/{DESTINATIONS['dlz'].spec}").item["authSpec"] == []
        assert stage.get(f"/connectionSpecs/{LAKE['id']}").item["name"] == "activation-datalake"
        assert stage.get("/connectionSpecs/none").status == 404


def test_flow_specs_can_be_listed_searched_and_read() -> None:
    with staged() as stage:
        spec = DESTINATIONS["gcs"].flow_spec
        found = stage.post("/flowSpecs/search", {"queryString": f"id=={spec}"}).body["items"]

        assert len(stage.get("/flowSpecs", limit="100").body["items"]) == 6
        assert stage.get(f"/flowSpecs/{spec}").item["targetConnectionSpecIds"] == [DESTINATIONS["gcs"].spec]
        assert [row["id"] for row in found] == [spec]


def test_exportable_datasets_come_in_pages_by_offset() -> None:
    with staged() as stage:
        seen, start, infos = [], 0, []
        while True:
            body = stage.get(CONFIGS, **OUTPUT, start=str(start), limit="100", properties="name,state").body
            seen += [row["id"] for row in body["items"]]
            infos.append(body["pageInfo"])
            if not body["pageInfo"]["hasNext"]:
                break
            start = body["pageInfo"]["end"] + 1

        assert len(seen) == len(set(seen)) == 225
        assert infos == [
            {"start": 0, "end": 99, "total": 225, "hasNext": True},
            {"start": 100, "end": 199, "total": 225, "hasNext": True},
            {"start": 200, "end": 224, "total": 225, "hasNext": False},
        ]


def test_exportable_datasets_show_what_was_asked_for() -> None:
    with staged() as stage:
        short = stage.get(CONFIGS, **OUTPUT, properties="name,state", limit="1").body["items"][0]
        whole = stage.get(CONFIGS, **OUTPUT, limit="1").body["items"][0]

        assert sorted(short) == ["id", "name", "state"]
        assert {"schemaRef", "tags", "imsOrg", "fileDescription", "created"} < set(whole)
        assert not {"eligible", "records", "sandboxName"} & set(whole)
        assert len(stage.get(CONFIGS, **OUTPUT).body["items"]) == 20


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"outputType": "activationDatasets"},
        {**OUTPUT, "outputType": "else"},
        {**OUTPUT, "start": "-1"},
        {**OUTPUT, "limit": "101"},
        {**OUTPUT, "limit": "0"},
        {**OUTPUT, "unknown": "1"},
        {**OUTPUT, "orderBy": "name"},
    ],
)
def test_a_bad_question_for_datasets_is_refused(query: dict[str, str]) -> None:
    with staged() as stage:
        assert stage.get(CONFIGS, **query).status == 400


def test_an_empty_page_of_datasets_is_no_error() -> None:
    with staged() as stage:
        body = stage.get(CONFIGS, **OUTPUT, start="900").body

        assert body == {"items": [], "pageInfo": {"start": 900, "end": 900, "total": 225, "hasNext": False}}


def test_names_of_datasets_repeat() -> None:
    with staged() as stage:
        found = stage.get(CONFIGS, **OUTPUT, name="Orders").body["items"]
        catalogued = stage.get(f"{CATALOG}/dataSets", name="Orders").body

        assert len(found) == 2
        assert sorted(catalogued) == sorted(row["id"] for row in found)


def test_catalog_answers_maps() -> None:
    with staged() as stage:
        id = stage.dataset()
        one = stage.get(f"{CATALOG}/dataSets/{id}").body
        page = stage.get(f"{CATALOG}/dataSets", limit="100", start="200", properties="name").body

        assert list(one) == [id]
        assert one[id]["name"] == "Orders"
        assert len(page) == 30
        assert {frozenset(row) for row in page.values()} == {frozenset({"name"})}
        assert stage.get(f"{CATALOG}/dataSets/{'f' * 24}").status == 404


def test_datasets_can_be_added_renamed_closed_and_removed() -> None:
    with staged() as stage:
        id = str(stage.emulator.insert("datasets", {"name": "New"})["id"])
        listed = stage.get(CONFIGS, **OUTPUT, name="New").body["items"]
        stage.emulator.edit("datasets", id, {"name": "Renamed"})
        renamed = stage.get(f"{CATALOG}/dataSets/{id}").body[id]["name"]
        stage.emulator.edit("datasets", id, {"eligible": False})
        closed = stage.get(CONFIGS, **OUTPUT, name="Renamed").body["items"]
        still = stage.get(f"{CATALOG}/dataSets/{id}").status
        stage.emulator.remove("datasets", id)

        assert [row["id"] for row in listed] == [id]
        assert (renamed, closed, still) == ("Renamed", [], 200)
        assert stage.get(f"{CATALOG}/dataSets/{id}").status == 404


def test_other_sandboxes_have_other_datasets() -> None:
    with staged() as stage:
        first = stage.get(f"{CATALOG}/dataSets", limit="1").body
        other = stage.call("GET", f"{CATALOG}/dataSets?limit=1", headers={"x-sandbox-name": "dev"}).body

        assert set(first) != set(other)
        assert len(stage.call("GET", f"{BASE}{CONFIGS}", query=OUTPUT).body["items"]) == 20


def test_catalog_orders_as_asked() -> None:
    with staged() as stage:
        first = stage.get(f"{CATALOG}/dataSets", orderBy="asc:name", limit="1").body
        last = stage.get(f"{CATALOG}/dataSets", orderBy="desc:name", limit="1").body

        assert [row["name"] for row in (*first.values(), *last.values())] == ["Consents", "Web events"]


def test_catalog_may_show_fields_that_nobody_knows() -> None:
    with staged(extra_fields="true") as stage:
        id = stage.dataset()

        assert "newProperty" in stage.get(f"{CATALOG}/dataSets/{id}").body[id]


def test_an_id_of_a_dataset_cannot_be_made_twice() -> None:
    with staged() as stage, pytest.raises(ValueError, match="already a dataset"):
        stage.emulator.insert("datasets", {"id": stage.dataset()})


def test_an_empty_filter_of_a_search_is_refused() -> None:
    with staged() as stage:
        assert stage.post("/flows/search", {"queryString": "property="}).code == "FLOW-1453-400"


def test_a_path_through_text_leads_nowhere() -> None:
    with staged() as stage:
        stage.connection()

        assert names(stage, property="name.first==x") == []
        assert names(stage, property="connectionSpec>5") == []
