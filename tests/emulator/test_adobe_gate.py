"""Logins, headers, sandboxes and what the log keeps, at the Flow Service emulator."""

import json
from urllib.parse import urlencode

import pytest
from adobe_stage import CATALOG, CLIENT, ORGANIZATION, S3_AUTH, SECRET, Stage, staged

SANDBOXES = "/data/foundation/sandbox-management/sandboxes"
LANDING = "/data/foundation/connectors/landingzone/credentials"


def test_a_login_gives_a_bearer_token_with_its_seconds() -> None:
    with staged(token_ttl="86399") as stage:
        reply = stage.login()

        assert reply.status == 200
        assert reply.body == {
            "access_token": reply.body["access_token"],
            "token_type": "bearer",
            "expires_in": 86399,
        }


def test_the_parameters_of_a_login_may_stand_in_the_query() -> None:
    with staged() as stage:
        query = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET, "scope": "openid"}
        reply = stage.call("POST", "/ims/token/v3", query=query, headers=dict.fromkeys(stage.headers()))

        assert reply.status == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"scope": ""}, "invalid_scope"),
    ],
)
def test_a_wrong_login_is_an_ordinary_oauth_error(changes: dict[str, str], error: str) -> None:
    with staged() as stage:
        reply = stage.login(**changes)

        assert reply.status in (400, 401)
        assert reply.body["error"] == error
        assert reply.body["error_description"]


def test_the_token_endpoint_takes_post_only() -> None:
    with staged() as stage:
        assert stage.call("GET", "/ims/token/v3").status == 405


def test_two_tokens_live_beside_each_other() -> None:
    with staged() as stage:
        first, second = (stage.login().body["access_token"] for _ in range(2))
        replies = [stage.call("GET", "/flows", headers={"Authorization": f"Bearer {one}"}) for one in (first, second)]

        assert [reply.status for reply in replies] == [200, 200]


@pytest.mark.parametrize(
    ("header", "value", "status", "code"),
    [
        ("Authorization", None, 403, "403010"),
        ("Authorization", "Basic abc", 403, "403010"),
        ("Authorization", "Bearer nonsense", 401, "401013"),
        ("x-api-key", None, 403, "403000"),
        ("x-api-key", "nobody", 403, "403003"),
        ("x-gw-ims-org-id", None, 400, "400003"),
        ("x-gw-ims-org-id", "OTHER@AdobeOrg", 403, "403025"),
        ("x-gw-ims-org-id", "NOBODY@AdobeOrg", 403, "403027"),
    ],
)
def test_the_gateway_refuses_first(header: str, value: str | None, status: int, code: str) -> None:
    with staged() as stage:
        stage.emulator.enrol("OTHER@AdobeOrg", "other-client", "other-secret")
        reply = stage.call("GET", "/nowhere", headers={header: value})

        assert [reply.status, reply.body["error_code"]] == [status, code]
        assert reply.body["message"]


def test_an_expired_token_is_refused_and_a_new_one_is_not() -> None:
    with staged() as stage:
        stage.token()
        stage.emulator.world.expire_tokens()

        assert stage.get("/flows").status == 401
        token = stage.login().body["access_token"]
        assert stage.call("GET", "/flows", headers={"Authorization": f"Bearer {token}"}).status == 200


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"x-sandbox-name": "nowhere"}, 404, "FLOW-2100-404"),
        ({"x-sandbox-name": "half-made"}, 404, "FLOW-2100-404"),
        ({"x-sandbox-id": "0"}, 400, "FLOW-2110-400"),
    ],
)
def test_a_sandbox_must_be_named_and_there(headers: dict[str, str | None], status: int, code: str) -> None:
    with staged() as stage:
        stage.emulator.add_sandbox("half-made", state="creating")
        reply = stage.call("GET", "/flows", headers=headers)

        assert [reply.status, reply.code] == [status, code]


def test_sandboxes_and_organizations_do_not_see_each_other() -> None:
    with staged() as stage:
        id = stage.connection()
        stage.emulator.enrol("OTHER@AdobeOrg", "other-client", "other-secret")
        token = stage.login(client_id="other-client", client_secret="other-secret").body["access_token"]
        other: dict[str, str | None] = {
            "Authorization": f"Bearer {token}",
            "x-api-key": "other-client",
            "x-gw-ims-org-id": "OTHER@AdobeOrg",
        }
        for headers in ({"x-sandbox-name": "dev"}, other):
            assert stage.call("GET", "/connections", headers=headers).body["items"] == []
            assert stage.call("GET", f"/connections/{id}", headers=headers).status == 404
            assert stage.call("DELETE", f"/connections/{id}", headers=headers).status == 404
            body = stage.target_body(id)
            assert stage.call("POST", "/targetConnections", body, headers=headers).status == 400

        assert stage.get(f"/connections/{id}").status == 200


def test_a_sandbox_says_what_it_is() -> None:
    with staged() as stage:
        prod, dev = (stage.get(f"{SANDBOXES}/{name}").body for name in ("prod", "dev"))

        assert prod == {
            "name": "prod",
            "title": "Prod",
            "state": "active",
            "type": "production",
            "isDefault": True,
            "etag": 1,
        }
        assert [dev["type"], dev["isDefault"]] == ["development", False]
        assert stage.get(f"{SANDBOXES}/nowhere").status == 404


def test_a_sandbox_can_be_looked_at_before_it_is_ready() -> None:
    with staged() as stage:
        stage.emulator.add_sandbox("half-made", state="creating")
        reply = stage.call("GET", f"{SANDBOXES}/half-made", headers={"x-sandbox-name": "half-made"})

        assert [reply.status, reply.body["state"]] == [200, "creating"]


def test_the_landing_zone_tells_its_type_only() -> None:
    with staged() as stage:
        assert stage.get(LANDING, type="dlz_destination").body["containerName"] == "dlz-destination"
        assert stage.get(LANDING).status == 400


def test_an_unknown_route_and_a_wrong_method_are_told_apart() -> None:
    with staged() as stage:
        assert stage.get("/nowhere").status == 404
        assert stage.call("PUT", "/connections").status == 405
        assert stage.post("/runs", {}).status == 405
        assert stage.post("/connectionSpecs", {}).status == 405
        assert stage.call("PATCH", f"{CATALOG}/dataSets/{stage.dataset()}", []).status == 405


def test_a_slash_at_the_end_changes_nothing() -> None:
    with staged() as stage:
        assert stage.get(f"/connections/{stage.connection()}/").status == 200


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_must_say_that_it_is_json(kind: str | None) -> None:
    with staged() as stage:
        reply = stage.call("POST", "/connections", stage.connection_body(), headers={"Content-Type": kind})

        assert reply.status == 400
        assert reply.body["title"] == "BadRequestError"
        assert reply.body["detail"]


def test_the_log_keeps_no_secret() -> None:
    with staged() as stage:
        token = stage.login().body["access_token"]
        stage.connection()
        for kind, auth in (("s3", 1), ("blob", 0), ("adls", 0), ("gcs", 0), ("sftp", 0), ("sftp", 1)):
            assert stage.post("/connections", stage.connection_body(kind, auth)).status == 201
        hidden = [
            SECRET,
            token,
            stage.token(),
            S3_AUTH["params"]["s3SecretKey"],
            "arn:aws:iam",
            "AccountKey",
            "not-real",
            "Tk9ULVJFQUw=",
        ]
        kept = json.dumps([entry.document() for entry in stage.emulator.world.log.entries()])

        assert [secret for secret in hidden if secret in kept] == []
        assert "Bearer ***" in kept
        assert S3_AUTH["params"]["s3AccessKey"] in kept


def test_the_admin_route_shows_no_secret_either() -> None:
    with staged() as stage:
        stage.connection()
        reply = stage.call("GET", "/_emulator/objects/connections")

        assert reply.body["objects"][0]["auth"]["params"]["s3AccessKey"] == S3_AUTH["params"]["s3AccessKey"]
        assert S3_AUTH["params"]["s3SecretKey"].encode() not in reply.raw


def test_a_login_in_the_query_is_masked_too() -> None:
    with staged() as stage:
        query = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": "guessed", "scope": "x"}
        stage.call("POST", f"/ims/token/v3?{urlencode(query)}", headers=dict.fromkeys(stage.headers()))
        kept = json.dumps([entry.document() for entry in stage.emulator.world.log.entries()])

        assert "guessed" not in kept
        assert CLIENT in kept


def test_the_credentials_are_what_a_client_needs() -> None:
    with staged() as stage:
        given = dict(stage.emulator.credentials)

        assert given["organization"] == ORGANIZATION
        assert stage.login(scope=given["scopes"], client_id=given["client_id"]).status == 200
        assert sorted(given) == ["client_id", "client_secret", "organization", "sandbox", "scopes"]


def test_a_reset_empties_the_world_and_keeps_the_credentials() -> None:
    with staged() as stage:
        stage.flow()
        dataset = stage.dataset()
        stage.emulator.reset()
        again = Stage(stage.emulator, stage.server, "prod")

        assert again.get("/flows").body["items"] == []
        assert again.get("/connections").body["items"] == []
        assert again.dataset() == dataset
        again.close()


def test_the_same_seed_gives_the_same_ids() -> None:
    seen = []
    for _ in range(2):
        with staged() as stage:
            seen.append([stage.connection(), stage.source(), stage.get("/connections").body])

    assert seen[0] == seen[1]
