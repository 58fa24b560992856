"""What the Didomi emulator does with sessions, destinations, configurations and integrations by default."""

import json
import re
import time

import pytest
from emulator_stage import DAY, GCP, INTEGRATION, ORGANIZATION, S3, Stage, staged

from reconciler.emulator import Server
from reconciler.providers.didomi.emulator import create

ROUTES = [
    ("POST", "/exports/destinations"),
    ("POST", "/exports/configs"),
    ("POST", "/marketplace/integrations"),
    ("GET", "/exports/logs"),
    ("GET", "/marketplace/exports/logs"),
    ("GET", "/quotas"),
    ("GET", "/premium-features"),
    ("GET", "/metadata/purposes"),
    ("GET", "/consents/events"),
    ("GET", "/consents/users"),
    ("GET", "/consents/proofs/x"),
    ("POST", "/consents/tokens"),
    ("POST", "/exports/execute"),
]


# Sessions.


def test_a_session_needs_no_token() -> None:
    with staged() as stage:
        reply = stage.login()

        assert reply.status == 201
        assert reply.body["access_token"].count(".") == 2


@pytest.mark.parametrize(
    "body",
    [
        {"type": "api-key", "key": "k_demo_7731", "secret": "wrong"},
        {"type": "api-key", "key": "nobody", "secret": "s_demo_not_real"},
        {"type": "email", "key": "k_demo_7731", "secret": "s_demo_not_real"},
        {},
    ],
)
def test_bad_credentials_get_400(body: object) -> None:
    with staged() as stage:
        reply = stage.call("POST", "/sessions", body, headers={})

        assert (reply.status, reply.body["name"]) == (400, "BadRequest")


@pytest.mark.parametrize("authorization", [None, "Bearer nonsense", "Bearer a.b.c", "Basic abc", "Bearer"])
def test_a_missing_or_malformed_token_gets_401(authorization: str | None) -> None:
    with staged() as stage:
        headers = {} if authorization is None else {"Authorization": authorization}

        assert stage.call("GET", "/quotas", headers=headers).status == 401


def test_a_token_with_a_changed_claim_gets_401() -> None:
    with staged() as stage:
        head, claims, signature = stage.login().body["access_token"].split(".")
        forged = f"{head}.{claims[:-4]}AAAA.{signature}"

        assert stage.call("GET", "/quotas", headers={"Authorization": f"Bearer {forged}"}).status == 401


def test_any_number_of_tokens_may_be_used_at_a_time() -> None:
    with staged() as stage:
        tokens = {stage.login().body["access_token"] for _ in range(3)}

        assert len(tokens) == 3
        for token in tokens:
            assert stage.call("GET", "/quotas", headers={"Authorization": f"Bearer {token}"}).status == 200


def test_a_disabled_key_opens_no_session_but_its_tokens_go_on() -> None:
    with staged() as stage:
        stage.call("GET", "/quotas")
        stage.emulator.disable_key("k_demo_7731")

        assert stage.login().status == 400
        assert stage.call("GET", "/quotas").status == 200


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_needs_a_token_with_and_without_its_version(method: str, path: str) -> None:
    with staged() as stage:
        statuses = [stage.call(method, f"{prefix}{path}", {}, headers={}).status for prefix in ("", "/v1")]

        assert statuses == [401, 401]


def test_an_unknown_route_gets_404() -> None:
    with staged() as stage:
        reply = stage.call("GET", "/v1/nothing")

        assert (reply.status, reply.body["name"]) == (404, "NotFound")


def test_a_known_route_with_a_wrong_method_gets_405() -> None:
    with staged() as stage:
        assert stage.call("DELETE", "/v1/quotas").status == 405


def test_a_body_that_is_no_json_gets_400() -> None:
    with staged() as stage:
        assert stage.call("POST", "/exports/destinations", raw=b"{").status == 400


def test_a_body_that_is_no_object_gets_400() -> None:
    with staged() as stage:
        assert stage.call("POST", "/exports/destinations", [S3]).status == 400


def test_an_error_has_code_name_message_and_errors() -> None:
    with staged() as stage:
        body = stage.call("GET", "/exports/destinations/nobody").body

        assert body == {
            "code": 404,
            "name": "NotFound",
            "message": "No destination found for id 'nobody'",
            "errors": {},
        }


# Destinations.


def test_an_s3_destination_is_answered_with_its_bucket_and_role() -> None:
    with staged() as stage:
        made = stage.destination()
        config = made["config"]

        assert re.fullmatch(r"[a-z0-9]{10}", made["id"])
        assert {name: made[name] for name in ("organization_id", "name", "description", "type_id")} == {
            name: S3[name] for name in ("organization_id", "name", "description", "type_id")
        }
        assert config["account_id"] == "210987654321"
        assert re.fullmatch(r"didomi-exports-example-org-[0-9a-f]{6}", config["bucket_name"])
        assert config["bucket_access_role_arn"] == f"arn:aws:iam::555500001111:role/{config['bucket_name']}-role"


def test_names_may_repeat() -> None:
    with staged() as stage:
        first, second = stage.destination(), stage.destination()

        assert first["id"] != second["id"]
        assert first["config"]["bucket_name"] != second["config"]["bucket_name"]


@pytest.mark.parametrize(
    "changes",
    [
        {"organization_id": None},
        {"name": ""},
        {"name": 7},
        {"description": 7},
        {"type_id": "aws-s3"},
        {"config": None},
        {"config": {}},
        {"config": {"account_id": 210987654321}},
        {"config": {"account_id": "2109"}},
        {**GCP, "config": {"project_id": "p", "bucket_name": "b"}},
        {**GCP, "config": {"project_id": "p", "bucket_name": "b", "key": {"type": "service_account"}}},
    ],
)
def test_a_destination_that_makes_no_sense_gets_400(changes: dict[str, object]) -> None:
    with staged() as stage:
        reply = stage.call("POST", "/exports/destinations", {**S3, **changes})

        assert reply.status == 400
        assert stage.emulator.objects("destinations") == []


def test_a_foreign_organization_is_forbidden() -> None:
    with staged() as stage:
        reply = stage.call("POST", "/exports/destinations", {**S3, "organization_id": "another-example"})

        assert (reply.status, reply.body["name"]) == (403, "Forbidden")


def test_objects_of_another_organization_are_not_there() -> None:
    with staged() as stage:
        stage.emulator.insert("destinations", {**S3, "id": "theirs", "organization_id": "another-example"})

        assert stage.listed() == []
        assert stage.call("GET", "/exports/destinations/theirs").status == 404


def test_a_second_organization_has_its_own_key() -> None:
    with staged() as stage:
        stage.emulator.enrol("another-example", "k_other", "s_other")
        session = {"type": "api-key", "key": "k_other", "secret": "s_other"}
        token = stage.call("POST", "/sessions", session, headers={}).body["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        body = {**S3, "organization_id": "another-example"}

        assert stage.call("POST", "/exports/destinations", body, headers=headers).status == 201
        assert stage.listed() == []


def test_a_patch_changes_only_what_it_sends() -> None:
    with staged() as stage:
        made = stage.destination()
        stage.emulator.advance(60)
        changed = stage.call("PATCH", f"/exports/destinations/{made['id']}", {"name": "new"}).body
        differing = {name for name in made if made[name] != changed[name]}

        assert differing == {"name", "updated_at", "version"}
        assert (changed["name"], changed["version"]) == ("new", 1)


def test_a_patch_of_the_config_keeps_bucket_and_role() -> None:
    with staged() as stage:
        made = stage.destination()
        body = {"config": {"account_id": "111122223333", "bucket_name": "mine"}}
        config = stage.call("PATCH", f"/exports/destinations/{made['id']}", body).body["config"]

        assert config == {**made["config"], "account_id": "111122223333"}


@pytest.mark.parametrize("change", [{"type_id": "gcp-storage"}, {"organization_id": "another-example"}])
def test_what_a_destination_is_cannot_be_changed(change: dict[str, object]) -> None:
    with staged() as stage:
        assert stage.call("PATCH", f"/exports/destinations/{stage.destination()['id']}", change).status == 400


def test_a_shallow_patch_without_the_key_gets_400() -> None:
    with staged() as stage:
        path = f"/exports/destinations/{stage.destination(**GCP)['id']}"
        body = {"config": {"project_id": "example-data", "bucket_name": "other"}}

        assert stage.call("PATCH", path, body).status == 400


def test_a_deep_patch_may_leave_the_key_out() -> None:
    with staged(patch_merge="deep") as stage:
        path = f"/exports/destinations/{stage.destination(**GCP)['id']}"
        stage.call("PATCH", path, {"config": {"bucket_name": "other"}})
        config = stage.emulator.objects("destinations")[0]["config"]

        assert config == {**GCP["config"], "bucket_name": "other"}  # type: ignore[dict-item]


def test_a_put_replaces_everything_but_what_the_server_owns() -> None:
    with staged() as stage:
        made = stage.destination()
        body = {name: S3[name] for name in ("name", "type_id", "config")}
        put = stage.call("PUT", f"/exports/destinations/{made['id']}", body).body

        assert "description" not in put
        assert {**put, "description": made["description"], "version": 0} == made


def test_a_deleted_object_is_answered_and_gone() -> None:
    with staged() as stage:
        made = stage.destination()
        path = f"/exports/destinations/{made['id']}"
        reply = stage.call("DELETE", path)

        assert (reply.status, reply.body) == (200, made)
        assert stage.call("GET", path).status == 404
        assert stage.call("DELETE", path).status == 404


# Lists.


def test_a_list_has_an_envelope_and_pages() -> None:
    with staged() as stage:
        ids = [stage.destination()["id"] for _ in range(5)]
        query = {"$limit": "2", "$skip": "2"}
        body = stage.call("GET", "/exports/destinations", query=query).body

        assert {name: body[name] for name in ("total", "limit", "skip")} == {"total": 5, "limit": 2, "skip": 2}
        assert [row["id"] for row in body["data"]] == ids[2:4]


@pytest.mark.parametrize(("direction", "expected"), [("1", ["a", "b", "c"]), ("-1", ["c", "b", "a"])])
def test_a_list_is_sorted_by_any_field(direction: str, expected: list[str]) -> None:
    with staged() as stage:
        for name in "bac":
            stage.destination(name=name)

        assert [row["name"] for row in stage.listed(**{"$sort[name]": direction})] == expected


def test_a_list_filters_by_equality_and_by_membership() -> None:
    with staged() as stage:
        for name in "abc":
            stage.destination(name=name)
        one = stage.listed(name="b")
        query = [("organization_id", ORGANIZATION), ("name[$in]", "a"), ("name[$in]", "c")]
        two = stage.call("GET", "/exports/destinations", query=query).body["data"]

        assert [row["name"] for row in one] == ["b"]
        assert [row["name"] for row in two] == ["a", "c"]


@pytest.mark.parametrize("query", [{"$limit": "many"}, {"$skip": "-1"}, {"$sort[name]": "up"}])
def test_a_list_refuses_parameters_that_make_no_sense(query: dict[str, str]) -> None:
    with staged() as stage:
        assert stage.call("GET", "/exports/destinations", query=query).status == 400


def test_reads_carry_the_cache_headers() -> None:
    with staged() as stage:
        headers = stage.call("GET", "/exports/destinations").headers

        assert (headers["x-didomicacheenabled"], headers["x-didomicachehit"]) == ("true", "false")


def test_a_page_of_ten_thousand_objects_is_quick() -> None:
    with staged() as stage:
        for number in range(10_000):
            stage.emulator.insert("destinations", {**GCP, "name": f"destination {number}"})
        seen: set[str] = set()
        start = time.perf_counter()
        while len(seen) < 10_000:
            query = {"$limit": "50", "$skip": str(len(seen)), "$sort[created_at]": "1"}
            seen.update(stage.ids(**query))
        per_page = (time.perf_counter() - start) / 200

        # Two milliseconds on a quiet machine; the rest is room for a busy one.
        assert per_page < 0.01


# Configurations.


def test_a_config_is_echoed_with_what_the_server_adds() -> None:
    with staged() as stage:
        made = stage.config()

        assert re.fullmatch(r"[a-z0-9]{8}", made["id"])
        assert (made["enabled"], made["frequency"], made["version"]) == (True, "1 day", 0)
        assert made["data"] == {"users": {"enabled": True}, "proofs": {"enabled": False}}


@pytest.mark.parametrize(
    "changes",
    [
        {"destinations_id": []},
        {"destinations_id": ["nobody"]},
        {"destinations_id": "x"},
        {"data": None},
        {"data": {"users": True}},
        {"data": {"users": {"enabled": "yes"}}},
        {"enabled": "yes"},
        {"name": None},
    ],
)
def test_a_config_that_makes_no_sense_gets_400(changes: dict[str, object]) -> None:
    with staged() as stage:
        body = stage.config_body(stage.destination()["id"], **changes)

        assert stage.call("POST", "/exports/configs", body).status == 400


def test_only_enabled_configs_count_against_the_quota() -> None:
    with staged() as stage:
        body = stage.config_body(stage.destination()["id"])
        for _ in range(3):
            assert stage.call("POST", "/exports/configs", body).status == 201
        disabled = stage.call("POST", "/exports/configs", {**body, "enabled": False})
        path = f"/exports/configs/{disabled.body['id']}"
        refused = stage.call("PATCH", path, {"enabled": True})
        first = stage.ids("configs")[0]
        stage.call("PATCH", f"/exports/configs/{first}", {"enabled": False})

        assert disabled.status == 201
        assert refused.status == 403
        assert "exports_configs" in refused.body["message"]
        assert stage.call("PATCH", path, {"enabled": True}).status == 200


def test_a_destination_serves_several_configs() -> None:
    with staged() as stage:
        body = stage.config_body(stage.destination()["id"])
        statuses = [stage.call("POST", "/exports/configs", body).status for _ in range(2)]

        assert statuses == [201, 201]


# Integrations.


def test_an_integration_is_answered_with_its_bucket_under_properties() -> None:
    with staged() as stage:
        query = {"organization_id": ORGANIZATION}
        made = stage.call("POST", "/v1/marketplace/integrations", INTEGRATION, query=query).body

        assert made["organization_id"] == ORGANIZATION
        assert made["authentication"] == {"account_id": "210987654321"}
        assert made["properties"]["bucket_name"].startswith("didomi-exports-example-org-")
        assert made["properties"]["bucket_access_role_arn"].endswith("-role")
        assert made["mappings"] == []


def test_an_integration_has_no_name_nor_description() -> None:
    with staged() as stage:
        body = {**INTEGRATION, "name": "x", "description": "y"}
        made = stage.call("POST", "/marketplace/integrations", body, query={"organization_id": ORGANIZATION}).body

        assert "name" not in made
        assert "description" not in made


@pytest.mark.parametrize(
    "changes",
    [
        {"type_id": "aws-s3-didomi"},
        {"authentication": {}},
        {"properties": {"frequency": 7, "data": ["users"]}},
        {"properties": {"frequency": 1}},
        {"properties": None},
        {"mappings": {}},
    ],
)
def test_an_integration_that_makes_no_sense_gets_400(changes: dict[str, object]) -> None:
    with staged() as stage:
        body = {**INTEGRATION, **changes}
        query = {"organization_id": ORGANIZATION}

        assert stage.call("POST", "/marketplace/integrations", body, query=query).status == 400


def test_an_integration_is_listed_changed_and_deleted() -> None:
    with staged() as stage:
        query = {"organization_id": ORGANIZATION}
        made = stage.call("POST", "/marketplace/integrations", INTEGRATION, query=query).body
        path = f"/v1/marketplace/integrations/{made['id']}"
        properties = {"frequency": 1, "data": ["users", "proofs"]}
        changed = stage.call("PATCH", path, {"properties": properties}, query=query).body
        listed = stage.call("GET", "/v1/marketplace/integrations", query=query).body["data"]
        deleted = stage.call("DELETE", path, query=query)

        assert changed["properties"] == {**made["properties"], "data": ["users", "proofs"]}
        assert listed == [changed]
        assert (deleted.status, stage.emulator.objects("integrations")) == (200, [])


def test_a_webhook_is_an_integration_too() -> None:
    with staged() as stage:
        body = {
            "type_id": "webhook-http",
            "properties": {"url": "https://hooks.example/didomi"},
            "authentication": {"url": "https://id.example", "client_id": "c", "client_secret": "hidden"},
        }
        made = stage.call("POST", "/marketplace/integrations", body, query={"organization_id": ORGANIZATION})

        assert made.status == 201
        assert "client_secret" not in made.body["authentication"]


# Quotas, features, purposes, limits.


def test_quotas_come_in_a_list_of_one() -> None:
    with staged() as stage:
        body = stage.call("GET", "/v1/quotas", query={"organization_id": ORGANIZATION}).body

        assert body["total"] == 1
        assert {name: body["data"][0][name] for name in ("exports_configs", "exports_destinations")} == {
            "exports_configs": 3,
            "exports_destinations": 2,
        }


def test_premium_features_are_booleans() -> None:
    with staged() as stage:
        row = stage.call("GET", "/v1/premium-features", query={"organization_id": ORGANIZATION}).body["data"][0]

        assert (row["batch_exports"], row["consents_api"], row["batch_exports_manual_run"]) == (True, True, False)


def test_purposes_can_be_made_and_deleted() -> None:
    with staged() as stage:
        made = stage.call("POST", "/metadata/purposes", {"organization_id": ORGANIZATION, "name": "Surveys"})
        path = f"/metadata/purposes/{made.body['id']}"

        assert made.status == 201
        assert stage.call("GET", path).body["name"] == "Surveys"
        assert stage.call("DELETE", path).status == 200


def test_the_window_of_the_rate_limit_reopens() -> None:
    with staged(rate_limit="2/15") as stage:
        statuses = [stage.call("GET", "/quotas").status for _ in range(2)]
        refused = stage.call("GET", "/quotas")
        stage.emulator.advance(float(refused.headers["retry-after"]))

        assert statuses == [200, 200]
        assert refused.status == 429
        assert refused.headers["ratelimit-policy"] == "2;w=15"
        assert stage.call("GET", "/quotas").status == 200


def test_the_rate_limit_is_shared_by_the_keys_of_an_organization() -> None:
    with staged(rate_limit="1/15") as stage:
        stage.emulator.enrol(ORGANIZATION, "k_second", "s_second")
        session = {"type": "api-key", "key": "k_second", "secret": "s_second"}
        token = stage.call("POST", "/sessions", session, headers={}).body["access_token"]
        stage.call("GET", "/quotas")

        assert stage.call("GET", "/quotas", headers={"Authorization": f"Bearer {token}"}).status == 429


def test_consents_are_not_limited_but_the_list_of_users_is() -> None:
    with staged(rate_limit="1/15") as stage:
        events = [stage.consents("GET", "events", user_id="x").status for _ in range(3)]
        users = [stage.consents("GET", "users").status for _ in range(2)]

        assert events == [200, 200, 200]
        assert users == [200, 429]


def test_a_refused_request_carries_the_limits_too() -> None:
    with staged(rate_limit="100/15") as stage:
        reply = stage.call("GET", "/exports/destinations/nobody")

        assert reply.status == 404
        assert reply.headers["ratelimit"] == "limit=100, remaining=99, reset=15"


# The console.


def test_the_console_sees_what_the_api_hides() -> None:
    with staged(hidden="404", list_lag="2") as stage:
        made = stage.destination(**GCP)

        assert stage.listed() == []
        assert stage.emulator.objects("destinations")[0]["id"] == made["id"]
        assert stage.emulator.objects("destinations")[0]["config"]["key"] == '{"type":"service_account"}'


def test_the_console_hands_out_copies() -> None:
    with staged() as stage:
        stage.destination()
        stage.emulator.objects("destinations")[0]["config"]["account_id"] = "changed"

        assert stage.emulator.objects("destinations")[0]["config"]["account_id"] == "210987654321"


def test_the_console_changes_objects_behind_the_clients_back() -> None:
    with staged() as stage:
        made = stage.destination()
        stage.emulator.edit("destinations", made["id"], {"name": "moved", "config": {"account_id": "111122223333"}})
        seen = stage.listed()[0]
        stage.emulator.remove("destinations", made["id"])

        assert (seen["name"], seen["version"]) == ("moved", 1)
        assert seen["config"] == {**made["config"], "account_id": "111122223333"}
        assert stage.listed() == []


def test_the_console_complains_about_objects_that_are_not_there() -> None:
    emulator = create()
    with pytest.raises(KeyError):
        emulator.remove("destinations", "nobody")
    with pytest.raises(KeyError):
        emulator.edit("destinations", "nobody", {})
    with pytest.raises(KeyError, match="collection"):
        emulator.objects("nothing")


def test_two_emulators_with_one_seed_make_the_same_ids() -> None:
    ids = []
    for _ in range(2):
        emulator = create(seed=7)
        ids.append(emulator.insert("destinations", dict(S3))["id"])

    assert ids[0] == ids[1]


def test_credentials_are_the_ones_that_are_accepted() -> None:
    emulator = create()
    with Server(emulator.app) as server:
        stage = Stage(emulator, server)
        sent = {"type": "api-key", **{name: emulator.credentials[name] for name in ("key", "secret")}}
        status = stage.call("POST", "/sessions", sent, headers={}).status
        stage.close()

    assert status == 201
    assert json.dumps(dict(emulator.credentials))


def test_a_config_made_long_ago_does_not_make_up_for_its_runs() -> None:
    with staged() as stage:
        stage.emulator.insert("configs", {**stage.config_body("x"), "id": "old", "created_at": "2025-01-01T12:00:00Z"})
        stage.emulator.advance(DAY)

        assert [row["created_at"] for row in stage.logs("old")] == ["2026-01-05T12:00:00.000Z"]
