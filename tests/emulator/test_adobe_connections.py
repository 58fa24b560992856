"""Base, source and target connections at the Flow Service emulator."""

import re

import pytest
from adobe_stage import DESTINATIONS, FORM, LAKE, LOCATION, S3_AUTH, Stage, staged

from reconciler.emulator import JsonObject

ETAG = re.compile(r'"[0-9a-f]{8}-0000-0200-0000-[0-9a-f]{12}"')
NEW_KEYS = {"s3AccessKey": "EXAMPLEKEY765432DCBA", "s3SecretKey": "9876543210abcdefghijABCDEFGHIJ0123456789"}
KINDS = ("connections", "sourceConnections", "targetConnections", "flows")


def body_of(stage: Stage, kind: str) -> JsonObject:
    match kind:
        case "connections":
            return stage.connection_body()
        case "sourceConnections":
            return stage.source_body()
        case "targetConnections":
            return stage.target_body()
        case _:
            return stage.flow_body()


def rename(path: str, stage: Stage, etag: str | None = None) -> int:
    return stage.patch(path, {"op": "replace", "path": "/name", "value": "renamed"}, etag=etag).status


# What all kinds share.


@pytest.mark.parametrize("kind", KINDS)
def test_a_creation_answers_id_etag_and_location(kind: str) -> None:
    with staged() as stage:
        reply = stage.post(f"/{kind}", body_of(stage, kind))

        assert sorted(reply.body) == ["etag", "id"]
        assert ETAG.fullmatch(reply.body["etag"])
        assert reply.headers["location"].endswith(f"/{kind}/{reply.id}")


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_carries_the_fields_of_the_server(kind: str) -> None:
    with staged() as stage:
        sent = body_of(stage, kind)
        item = stage.get(f"/{kind}/{stage.post(f'/{kind}', sent).id}").item

        assert {name: item[name] for name in ("name", "description")} == {n: sent[n] for n in ("name", "description")}
        assert item["etag"] == item["version"]
        assert item["state"] == "enabled"
        assert [item["imsOrgId"], item["sandboxName"]] == ["EXAMPLE@AdobeOrg", "prod"]
        assert item["createdClient"] == "example-client-7731"
        assert item["updatedClient"] == "acp_foundation_connectors"
        assert isinstance(item["createdAt"], int)
        assert item["sandboxId"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_id_is_404_everywhere(kind: str) -> None:
    with staged() as stage:
        replies = [
            stage.get(f"/{kind}/none"),
            stage.patch(f"/{kind}/none", {"op": "remove", "path": "/description"}, etag="x"),
            stage.delete(f"/{kind}/none"),
        ]

        assert [reply.code for reply in replies] == ["FLOW-1439-404"] * 3
        assert replies[0].body["report"]["id"] == "none"
        assert replies[0].body["report"]["type"] == kind


@pytest.mark.parametrize("kind", KINDS)
def test_a_patch_needs_the_present_etag_with_its_quotes(kind: str) -> None:
    with staged() as stage:
        reply = stage.post(f"/{kind}", body_of(stage, kind))
        path = f"/{kind}/{reply.id}"
        etag = stage.get(path).item["etag"]
        op = [{"op": "replace", "path": "/name", "value": "renamed"}]
        bare = stage.call("PATCH", path, op)
        wrong = [stage.patch(path, *op, etag=one) for one in (etag.strip('"'), f'"{etag}"', '"0"', reply.body["etag"])]
        done = stage.patch(path, *op, etag=etag)

        assert bare.code == "FLOW-1403-400"
        assert [one.code for one in wrong] == ["FLOW-1404-412"] * 4
        assert etag in wrong[0].body["errorMessage"]
        assert [done.status, done.body["id"]] == [200, reply.id]
        assert done.body["etag"] not in (etag, reply.body["etag"])
        assert stage.get(path).item["name"] == "renamed"


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_in_the_ui_moves_the_etag_and_says_who(kind: str) -> None:
    with staged() as stage:
        id = stage.post(f"/{kind}", body_of(stage, kind)).id
        before = stage.get(f"/{kind}/{id}").item
        stage.emulator.advance(5)
        stage.emulator.edit(kind, id, {"name": "by hand"})
        after = stage.get(f"/{kind}/{id}").item

        assert rename(f"/{kind}/{id}", stage, before["etag"]) == 412
        assert [after["name"], after["updatedClient"]] == ["by hand", "exc_app"]
        assert after["updatedAt"] == before["updatedAt"] + 5000
        assert after["createdClient"] == before["createdClient"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made_in_the_ui_can_be_read_listed_and_removed(kind: str) -> None:
    with staged() as stage:
        id = str(stage.emulator.insert(kind, {"name": "by hand"})["id"])
        item = stage.get(f"/{kind}/{id}").item
        listed = [row["id"] for row in stage.get(f"/{kind}").body["items"]]
        stage.emulator.remove(kind, id)

        assert [item["name"], item["createdClient"], listed] == ["by hand", "exc_app", [id]]
        assert stage.get(f"/{kind}/{id}").status == 404


def test_an_id_cannot_be_made_twice() -> None:
    with staged() as stage, pytest.raises(ValueError, match="already an object"):
        stage.emulator.insert("flows", {"id": stage.flow()})


@pytest.mark.parametrize(
    "ops",
    [
        [],
        {},
        "x",
        [5],
        [{"op": "move", "path": "/name", "value": "x"}],
        [{"op": 1, "path": "/name", "value": "x"}],
        [{"op": "replace", "path": "/name"}],
        [{"op": "replace", "path": "name", "value": "x"}],
        [{"op": "replace", "path": "/", "value": "x"}],
        [{"op": "replace", "path": None, "value": "x"}],
        [{"op": "replace", "path": "/id", "value": "x"}],
        [{"op": "replace", "path": "/state", "value": "disabled"}],
        [{"op": "replace", "path": "/etag", "value": "x"}],
        [{"op": "replace", "path": "/name/first", "value": "x"}],
        [{"op": "replace", "path": "/name", "value": 5}],
        [{"op": "replace", "path": "/name", "value": ""}],
        [{"op": "replace", "path": "/description", "value": 5}],
        [{"op": "remove", "path": "/name"}],
        [{"op": "replace", "path": "/name", "value": "x"}, {"op": "remove", "path": "/nothing"}],
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_patch_changes_nothing(kind: str, ops: object) -> None:
    with staged() as stage:
        path = f"/{kind}/{stage.post(f'/{kind}', body_of(stage, kind)).id}"
        before = stage.get(path).item
        reply = stage.call("PATCH", path, ops, headers={"If-Match": before["etag"]})

        assert reply.status == 400
        assert stage.get(path).item == before


def test_a_bad_operation_has_a_code_of_its_own() -> None:
    with staged() as stage:
        path = f"/connections/{stage.connection()}"
        moved = stage.patch(path, {"op": "move", "path": "/name", "value": "x"})
        spec = stage.patch(path, {"op": "replace", "path": "/connectionSpec", "value": LAKE})
        missing = stage.patch(path, {"op": "remove", "path": "/encryption"})

        assert [one.code for one in (moved, spec, missing)] == ["FLOW-1434-400", "FLOW-1414-400", "FLOW-1455-400"]


def test_a_description_can_be_taken_away_and_added() -> None:
    with staged() as stage:
        path = f"/connections/{stage.connection()}"
        stage.patch(path, {"op": "remove", "path": "/description"})
        without = stage.get(path).item
        stage.patch(path, {"op": "add", "path": "/description", "value": "again"})

        assert "description" not in without
        assert stage.get(path).item["description"] == "again"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("changes", [{"name": None}, {"name": ""}, {"name": 5}, {"description": 5}])
def test_a_name_is_needed_and_a_description_is_text(kind: str, changes: dict[str, object]) -> None:
    with staged() as stage:
        assert stage.post(f"/{kind}", {**body_of(stage, kind), **changes}).status == 400


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_parameter_of_a_creation_is_refused(kind: str) -> None:
    with staged() as stage:
        assert stage.post(f"/{kind}", body_of(stage, kind), mode="draft").code == "FLOW-1451-400"


def test_names_may_repeat() -> None:
    with staged() as stage:
        assert stage.connection() != stage.connection()


@pytest.mark.parametrize("kind", ["connections", "sourceConnections", "targetConnections", "flows"])
@pytest.mark.parametrize("spec", [None, {}, {"id": "none", "version": "1.0"}, "x", {"id": ["x"], "version": "1.0"}])
def test_an_unknown_spec_is_refused(kind: str, spec: object) -> None:
    with staged() as stage:
        field = "flowSpec" if kind == "flows" else "connectionSpec"
        reply = stage.post(f"/{kind}", {**body_of(stage, kind), field: spec})

        assert [reply.status, reply.code] == [400, "FLOW-1413-400"]


def test_a_transient_object_settles_and_moves_its_etag() -> None:
    with staged(settle="5") as stage:
        reply = stage.post("/connections", stage.connection_body())
        path = f"/connections/{reply.id}"
        early = stage.get(path).item
        stage.emulator.advance(5)
        settled = stage.get(path).item
        stage.replace(path, "/name", "renamed")
        updating = stage.get(path).item
        refused = stage.replace(path, "/name", "again")
        deleted = stage.delete(path)
        stage.emulator.advance(5)

        assert [early["state"], early["etag"]] == ["initializing", reply.body["etag"]]
        assert [settled["state"], settled["updatedAt"] - early["updatedAt"]] == ["enabled", 5000]
        assert settled["etag"] != early["etag"]
        assert updating["state"] == "updating"
        assert [refused.code, deleted.code] == ["FLOW-1416-400", "FLOW-1416-400"]
        assert stage.get(path).item["state"] == "enabled"


def test_a_connection_may_be_deleted_while_it_initializes() -> None:
    with staged(settle="5") as stage:
        path = f"/connections/{stage.connection()}"

        assert stage.delete(path).status == 204
        stage.emulator.advance(5)
        assert stage.get(path).status == 404


# Base connections.


@pytest.mark.parametrize(
    ("kind", "auth"), [(kind, n) for kind, one in DESTINATIONS.items() for n in range(len(one.auths))]
)
def test_every_documented_authentication_is_accepted_and_its_secrets_are_masked(kind: str, auth: int) -> None:
    with staged() as stage:
        sent = stage.connection_body(kind, auth)
        item = stage.get(f"/connections/{stage.post('/connections', sent).id}").item
        (spec,) = [
            one["spec"]
            for one in stage.get(f"/connectionSpecs/{sent['connectionSpec']['id']}").item["authSpec"]
            if one["name"] == sent["auth"]["specName"]
        ]
        secret = {name for name, one in spec["properties"].items() if one.get("format") == "password"}

        assert secret
        assert item["auth"]["specName"] == sent["auth"]["specName"]
        for name, value in sent["auth"]["params"].items():
            assert item["auth"]["params"][name] == ("xxxx" if name in secret else value)


def test_a_landing_zone_has_no_authentication() -> None:
    with staged() as stage:
        plain = stage.connection("dlz")
        null = stage.connection("dlz", auth=None)

        assert "auth" not in stage.get(f"/connections/{plain}").item
        assert "auth" not in stage.get(f"/connections/{null}").item
        assert stage.post("/connections", stage.connection_body("dlz", auth=S3_AUTH)).code == "FLOW-1415-400"


@pytest.mark.parametrize(
    ("auth", "code"),
    [
        (None, 1100),
        ("x", 1100),
        ({}, 1415),
        ({"specName": "Basic Authentication for sftp", "params": {}}, 1415),
        ({"specName": ["Access Key"], "params": {}}, 1415),
        ({"specName": "Access Key"}, 1100),
        ({"specName": "Access Key", "params": {}}, 1100),
        ({"specName": "Access Key", "params": []}, 1100),
        ({"specName": "Access Key", "params": {**S3_AUTH["params"], "s3AccessKey": "lower"}}, 1100),
        ({"specName": "Access Key", "params": {**S3_AUTH["params"], "s3AccessKey": "EXAMPLEKEY234567ABCD\n"}}, 1100),
        ({"specName": "Access Key", "params": {**S3_AUTH["params"], "s3SecretKey": 5}}, 1100),
        ({"specName": "Access Key", "params": {"accessId": "x", "secretKey": "y"}}, 1100),
    ],
)
def test_a_wrong_authentication_is_refused(auth: object, code: int) -> None:
    with staged() as stage:
        assert stage.post("/connections", stage.connection_body(auth=auth)).code == f"FLOW-{code}-400"


def test_a_refusal_repeats_no_secret() -> None:
    with staged() as stage:
        auth = {"specName": "Access Key", "params": {**S3_AUTH["params"], "s3SecretKey": "too-short-not-real"}}
        reply = stage.post("/connections", stage.connection_body(auth=auth))

        assert b"too-short-not-real" not in reply.raw
        assert "auth.params.s3SecretKey" in reply.body["errorMessage"]


def test_new_parameters_override_all_previous_ones() -> None:
    with staged() as stage:
        path = f"/connections/{stage.connection()}"
        partial = stage.replace(path, "/auth/params", {"s3AccessKey": NEW_KEYS["s3AccessKey"]})
        done = stage.replace(path, "/auth/params", NEW_KEYS)
        (row,) = stage.emulator.objects("connections")

        assert [partial.status, done.status] == [400, 200]
        assert row["auth"]["params"] == NEW_KEYS
        assert stage.get(f"{path}/test").body == {"result": True}


def test_an_encryption_must_fit_its_spec() -> None:
    with staged() as stage:
        good = {"specName": "File Encryption", "params": {"encryptionAlgo": "PGP/GPG", "publicKey": "TkVW"}}
        statuses = [
            stage.post("/connections", stage.connection_body(kind, encryption=one)).status
            for kind, one in (
                ("s3", good),
                ("s3", {**good, "specName": "x"}),
                ("s3", {**good, "params": {}}),
                ("s3", "x"),
                ("dlz", good),
            )
        ]

        assert statuses == [201, 400, 400, 400, 400]


def test_a_connection_that_a_flow_uses_stays() -> None:
    with staged() as stage:
        base = stage.connection()
        flow = stage.flow(target=stage.target(base))

        assert stage.delete(f"/connections/{base}").code == "FLOW-1418-400"
        stage.delete(f"/flows/{flow}")
        assert stage.delete(f"/connections/{base}").status == 204


# Source connections.


def test_a_source_gets_a_base_connection_from_the_server() -> None:
    with staged() as stage:
        item = stage.get(f"/sourceConnections/{stage.source()}").item
        other = stage.get(f"/sourceConnections/{stage.source()}").item

        assert item["baseConnectionId"] == other["baseConnectionId"]
        assert item["inheritedAttributes"]["baseConnection"] == {"id": item["baseConnectionId"], "connectionSpec": LAKE}
        assert item["params"]["datasets"][0]["dataSetId"] == stage.dataset()
        assert stage.get(f"/connections/{item['baseConnectionId']}").status == 404


@pytest.mark.parametrize(
    "params",
    [
        None,
        {},
        [],
        {"datasets": {}},
        {"datasets": ["x"]},
        {"datasets": [{"name": "x"}]},
        {"datasets": [{"datasetId": "x"}]},
        {"datasets": [{"dataSetId": 5}]},
    ],
)
def test_a_source_needs_its_datasets(params: object) -> None:
    with staged() as stage:
        assert stage.post("/sourceConnections", stage.source_body(params=params)).status == 400


def test_the_name_of_a_dataset_is_text_if_it_is_there() -> None:
    with staged() as stage:
        params = {"datasets": [{"dataSetId": stage.dataset(), "name": 5}]}

        assert stage.post("/sourceConnections", stage.source_body(params=params)).status == 400


@pytest.mark.parametrize("path", ["/params", "/params/datasets", "/params/datasets/0", "/connectionSpec"])
def test_the_datasets_of_a_source_never_change(path: str) -> None:
    with staged() as stage:
        source = f"/sourceConnections/{stage.source()}"
        reply = stage.patch(source, {"op": "replace", "path": path, "value": {"datasets": []}})

        assert reply.code == "FLOW-1455-400"


def test_a_source_reads_from_the_data_lake_only() -> None:
    with staged() as stage:
        body = stage.source_body(connectionSpec=DESTINATIONS["s3"].reference())

        assert stage.post("/sourceConnections", body).code == "FLOW-1413-400"


# Target connections.


@pytest.mark.parametrize("kind", DESTINATIONS)
def test_a_target_keeps_its_place_and_names_its_base(kind: str) -> None:
    with staged() as stage:
        base = stage.connection(kind)
        item = stage.get(f"/targetConnections/{stage.target(base, kind)}").item
        reference = DESTINATIONS[kind].reference()

        assert item["params"] == {**FORM, **DESTINATIONS[kind].location}
        assert item["baseConnectionId"] == base
        assert item["inheritedAttributes"] == {"baseConnection": {"id": base, "connectionSpec": reference}}


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("s3", {"bucketName": "Capital"}),
        ("s3", {"bucketName": "192.168.0.1"}),
        ("s3", {"bucketName": "ab"}),
        ("s3", {"bucketName": "a" * 64}),
        ("s3", {"bucketName": "-ab"}),
        ("s3", {"bucketName": "good-name\n"}),
        ("s3", {"bucketName": 5}),
        ("s3", {"path": "with space"}),
        ("s3", {"path": 'quote"'}),
        ("s3", {"datasetFileType": "CSV"}),
        ("s3", {"compression": "ZIP"}),
        ("s3", {"compression": True}),
        ("s3", {"mode": "browser"}),
        ("blob", {"container": "two--hyphens"}),
        ("blob", {"container": "-edge"}),
        ("blob", {"path": ""}),
        ("gcs", {"bucketName": "goog-drop"}),
        ("gcs", {"bucketName": "my-google-drop"}),
        ("gcs", {"bucketName": "my-g00gle-drop"}),
        ("gcs", {"bucketName": "10.0.0.1"}),
        ("sftp", {"remotePath": None}),
        ("adls", {"path": 5}),
        ("dlz", {"path": None}),
    ],
)
def test_a_place_that_the_spec_forbids_is_refused(kind: str, changes: dict[str, object]) -> None:
    with staged() as stage:
        params = {**FORM, **DESTINATIONS[kind].location, **changes}
        reply = stage.post("/targetConnections", stage.target_body(kind=kind, params=params))

        assert [reply.status, reply.code] == [400, "FLOW-1100-400"]
        assert f"params.{next(iter(changes))}" in reply.body["errorMessage"]


@pytest.mark.parametrize("missing", ["bucketName", "path", "datasetFileType", "compression"])
def test_a_required_parameter_of_a_place_is_missed(missing: str) -> None:
    with staged() as stage:
        params = {name: value for name, value in {**FORM, **LOCATION}.items() if name != missing}

        assert stage.post("/targetConnections", stage.target_body(params=params)).status == 400


@pytest.mark.parametrize("name", ["example.drop.data", "a_b-c", "x" * 63, ".".join(["y" * 60] * 3)])
def test_names_of_google_buckets_may_hold_dots(name: str) -> None:
    with staged() as stage:
        params = {**FORM, "bucketName": name, "path": "a/b"}

        assert stage.post("/targetConnections", stage.target_body(kind="gcs", params=params)).status == 201


def test_a_target_needs_a_base_connection_of_its_destination() -> None:
    with staged() as stage:
        other = stage.post("/targetConnections", stage.target_body(stage.connection("gcs"))).status
        none = stage.post("/targetConnections", stage.target_body("none")).status
        wrong = stage.post("/targetConnections", {**stage.target_body(), "baseConnectionId": 5}).status

        assert [other, none, wrong] == [400, 400, 400]


def test_one_parameter_of_a_place_can_be_changed() -> None:
    with staged() as stage:
        path = f"/targetConnections/{stage.target()}"
        added = stage.patch(path, {"op": "add", "path": "/params/path", "value": "elsewhere"})
        wrong = stage.patch(path, {"op": "add", "path": "/params/path", "value": "not here"})

        assert [added.status, wrong.code] == [200, "FLOW-1455-400"]
        assert stage.get(path).item["params"] == {**FORM, **LOCATION, "path": "elsewhere"}


def test_a_place_is_replaced_whole() -> None:
    with staged() as stage:
        path = f"/targetConnections/{stage.target()}"
        partial = stage.replace(path, "/params", {"path": "elsewhere"})
        spec = stage.replace(path, "/connectionSpec", LAKE)

        assert [partial.status, spec.code] == [400, "FLOW-1414-400"]


@pytest.mark.parametrize("kind", ["sourceConnections", "targetConnections"])
def test_a_connection_that_a_flow_names_stays(kind: str) -> None:
    with staged() as stage:
        flow = stage.flow()
        (row,) = stage.emulator.objects(kind)

        assert stage.delete(f"/{kind}/{row['id']}").code == "FLOW-1447-400"
        stage.delete(f"/flows/{flow}")
        assert stage.delete(f"/{kind}/{row['id']}").status == 204


# What is left.


def test_a_required_text_must_not_be_empty() -> None:
    with staged() as stage:
        auth = {"specName": "SFTP with Password", "params": {"domain": "", "username": "aep", "password": "x"}}
        reply = stage.post("/connections", stage.connection_body("sftp", auth=auth))

        assert "auth.params.domain is too short" in reply.body["errorMessage"]


def test_only_the_known_version_of_a_spec_is_taken() -> None:
    with staged() as stage:
        spec = {**DESTINATIONS["s3"].reference(), "version": "2.0"}

        assert stage.post("/connections", stage.connection_body(connectionSpec=spec)).code == "FLOW-1413-400"


def test_a_path_below_what_is_not_there_cannot_be_patched() -> None:
    with staged() as stage:
        path = f"/connections/{stage.connection('dlz')}"
        op = {"op": "add", "path": "/auth/params", "value": NEW_KEYS}

        assert stage.patch(path, op).code == "FLOW-1455-400"


def test_the_connection_of_the_data_lake_belongs_to_the_service() -> None:
    with staged(lake_connection="listed") as stage:
        base = stage.get(f"/sourceConnections/{stage.source()}").item["baseConnectionId"]
        etag = stage.get(f"/connections/{base}").item["etag"]
        renamed = stage.patch(f"/connections/{base}", {"op": "replace", "path": "/name", "value": "x"}, etag=etag)

        assert [renamed.code, stage.delete(f"/connections/{base}").code] == ["FLOW-1416-400"] * 2


@pytest.mark.parametrize("kind", [*KINDS, "datasets", "runs"])
def test_the_console_knows_what_is_not_there(kind: str) -> None:
    with staged() as stage:
        with pytest.raises(KeyError):
            stage.emulator.edit(kind, "none", {"name": "x"})
        with pytest.raises(KeyError):
            stage.emulator.remove(kind, "none")
