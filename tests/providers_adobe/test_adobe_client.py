"""Tokens, headers, lists and errors, over a real socket."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from adobe_client_stage import ORDERS, S3, SECRETS, SOURCE, ZONE, Stage, stage

from reconciler.sdk import (
    CredentialsRefused,
    Gone,
    NotDeclaredSafe,
    PermissionRefused,
    Refused,
    Uncertain,
    Unreadable,
    VendorError,
)

TOKEN = "POST /ims/token/v3"
LIST = "GET /connections"


def current(code: str, status: int, words: str) -> dict[str, Any]:
    return {
        "type": f"https://ns.adobe.com/aep/errors/FLOW-{code}-{status}",
        "title": "Something",
        "status": status,
        "report": {"detailed-message": words},
        "errorMessage": "less of it",
    }


# Tokens


def test_nothing_is_sent_before_it_is_asked_for() -> None:
    with stage() as it:
        assert it.session.scope == "organization EXAMPLE@AdobeOrg, sandbox prod"
        assert it.requests() == []


def test_one_token_serves_many_requests_and_is_asked_for_as_a_form() -> None:
    with stage() as it:
        for _ in range(3):
            it.handler("BaseConnection").list()

        assert it.requests() == [TOKEN, LIST, LIST, LIST]
        assert it.sent[0].form == {
            "grant_type": "client_credentials",
            "client_id": "example-client-7731",
            "client_secret": SECRETS["ADOBE_SECRET"],
            "scope": "openid,session,AdobeID,read_organizations,additional_info.projectedProductContext",
        }


def test_a_token_is_renewed_before_its_day_is_over() -> None:
    with stage() as it:
        it.handler("BaseConnection").list()
        it.clock.advance(86399 - 501)
        it.handler("BaseConnection").list()
        assert it.requests().count(TOKEN) == 1

        it.clock.advance(2)
        it.handler("BaseConnection").list()

        assert it.requests().count(TOKEN) == 2
        assert 401 not in [entry.status for entry in it.emulator.world.log.entries()]


def test_a_short_token_is_not_renewed_for_every_request() -> None:
    with stage({"token_ttl": "60"}) as it:
        for _ in range(3):
            it.handler("BaseConnection").list()
        assert it.requests().count(TOKEN) == 1

        it.clock.advance(56)
        it.handler("BaseConnection").list()

        assert it.requests().count(TOKEN) == 2


def test_threads_share_one_token() -> None:
    with stage() as it, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: it.handler("BaseConnection").list(), range(16)))
        it.emulator.world.expire_tokens()
        list(threads.map(lambda _: it.handler("BaseConnection").list(), range(16)))

        assert it.requests().count(TOKEN) == 2


def test_a_token_that_has_ended_early_is_replaced_once_and_nothing_is_made_twice() -> None:
    with stage() as it:
        it.handler("BaseConnection").list()
        it.emulator.world.expire_tokens()
        it.handler("BaseConnection").create(it.order("BaseConnection", ZONE))

        assert it.requests() == [TOKEN, LIST, "POST /connections", TOKEN, "POST /connections"]
        assert len(it.emulator.objects("connections")) == 1


def test_tokens_that_are_never_accepted_are_an_error_of_the_credentials() -> None:
    with stage() as it:
        it.emulator.world.faults.answer(LIST, 401, times=None)
        with pytest.raises(CredentialsRefused, match="does not accept the credentials"):
            it.handler("BaseConnection").list()

        assert it.requests() == [TOKEN, LIST, TOKEN, LIST]


@pytest.mark.parametrize("status", ["401", "400"])
def test_a_wrong_secret_is_an_error_of_the_credentials(status: str) -> None:
    with (
        stage(
            {"token_errors": status}, credentials={"clientId": "stranger", "clientSecret": {"env": "ADOBE_SECRET"}}
        ) as it,
        pytest.raises(CredentialsRefused, match=rf"gives no token for `credentials` \({status}\)"),
    ):
        it.handler("BaseConnection").list()


@pytest.mark.parametrize(
    "body", [{"expires_in": 60}, {"access_token": ""}, {"access_token": 7}, {"access_token": "a\nb"}]
)
def test_an_answer_without_a_token_is_not_taken_for_one(body: dict[str, Any]) -> None:
    with stage() as it:
        it.emulator.world.faults.answer(TOKEN, 200, body=body)
        with pytest.raises(Unreadable, match="holds no `access_token`"):
            it.handler("BaseConnection").list()


def test_a_token_without_a_lifetime_is_used_until_it_is_refused() -> None:
    with stage() as it:
        it.emulator.world.faults.answer(TOKEN, 200, body={"access_token": "opaque", "expires_in": "soon"})
        it.handler("BaseConnection").list()

        assert it.requests() == [TOKEN, LIST, TOKEN, LIST]


@pytest.mark.parametrize("position", ["string", "number"])
def test_an_organization_that_is_not_ours_is_an_error_of_the_credentials(position: str) -> None:
    words = "`organization` is wrong"
    with (
        stage({"gateway_code": position}, organization="STRANGER@AdobeOrg") as it,
        pytest.raises(CredentialsRefused, match=words),
    ):
        it.handler("BaseConnection").list()


def test_a_sandbox_that_does_not_exist_is_said() -> None:
    with stage(sandbox="nowhere") as it, pytest.raises(PermissionRefused, match="check `sandbox`"):
        it.handler("BaseConnection").list()


# Headers


def test_every_request_names_key_organization_and_sandbox() -> None:
    with stage() as it:
        it.create("BaseConnection", ZONE)

        for sent in it.sent[1:]:
            assert sent.headers["Authorization"].startswith("Bearer ")
            assert sent.headers["x-api-key"] == "example-client-7731"
            assert sent.headers["x-gw-ims-org-id"] == "EXAMPLE@AdobeOrg"
            assert sent.headers["x-sandbox-name"] == "prod"


def test_a_reading_command_cannot_write() -> None:
    with stage(opened=False) as it:
        assert it.handler("BaseConnection").list() == []
        with pytest.raises(NotDeclaredSafe):
            it.handler("BaseConnection").create(it.order("BaseConnection", ZONE))


# Lists


def strangers(it: Stage, count: int) -> None:
    for number in range(count):
        body = {
            "name": f"S{number}",
            "connectionSpec": {"id": "10440537-2a7b-4583-ac39-ed38d4b848e8", "version": "1.0"},
        }
        it.emulator.insert("connections", body)
    it.clock.advance(60)


@pytest.mark.parametrize(
    "switches", [{}, {"next_link": "query"}, {"last_links": "absent"}, {"default_order": "updated"}]
)
def test_a_list_is_read_to_its_end_with_its_filter_on_every_page(switches: dict[str, str]) -> None:
    with stage(switches) as it:
        strangers(it, 250)
        found = it.handler("BaseConnection").list()

        queries = [dict(each.query) for each in it.sent[1:]]
        assert len({each.id for each in found}) == len(found) == 250
        assert it.requests() == [TOKEN, LIST, LIST, LIST]
        assert all(each["limit"] == "100" and each["property"].startswith("connectionSpec.id==") for each in queries)
        assert len({each.get("continuationToken") for each in queries}) == 3


def test_a_filter_that_is_refused_is_made_up_for() -> None:
    with stage({"general_filters": "400"}) as it:
        source = it.create("SourceConnection", SOURCE)
        it.create("BaseConnection", ZONE)

        assert [each.id for each in it.handler("SourceConnection").list()] == [source.id]
        assert len(it.handler("BaseConnection").list()) == 1


def page(ids: list[str], token: str | None = None) -> dict[str, Any]:
    links = {"next": {"href": f"/connections?continuationToken={token}"}} if token is not None else {}
    spec = {"id": "10440537-2a7b-4583-ac39-ed38d4b848e8", "version": "1.0"}
    return {"items": [{"id": id, "name": id, "connectionSpec": spec} for id in ids], "_links": links}


def answered(it: Stage, *pages: Mapping[str, Any]) -> None:
    for number, body in enumerate(pages, 1):
        it.emulator.world.faults.answer(LIST, 200, body=body, nth=number)


def test_what_a_list_gives_twice_counts_once() -> None:
    with stage() as it:
        answered(it, page(["a", "b"], "1"), page(["b", "c"], "2"), page([], "3"), page(["d"]))

        assert [each.id for each in it.handler("BaseConnection").list()] == ["a", "b", "c", "d"]


def test_a_token_is_sent_back_as_it_came() -> None:
    with stage() as it:
        answered(it, page(["a"], "a+b%2Fc%3D%3D"), page(["b"]))
        it.handler("BaseConnection").list()

        assert dict(it.sent[-1].query)["continuationToken"] == "a+b/c=="


def test_a_list_that_repeats_a_token_is_not_believed() -> None:
    with stage() as it:
        answered(it, page(["a"], "1"), page(["b"], "1"))
        with pytest.raises(Unreadable, match="does not come to an end"):
            it.handler("BaseConnection").list()


def test_a_list_that_never_ends_is_not_believed() -> None:
    with stage() as it:
        answered(it, *(page(["a"], str(number)) for number in range(20)))
        with pytest.raises(Unreadable, match="does not come to an end"):
            it.handler("BaseConnection").list()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"data": []}, "is no list"),
        ([], "is no JSON object"),
        ({"items": [{"name": "nameless"}]}, "without an id"),
        ({"items": [{"id": ""}]}, "without an id"),
        ({"items": ["a"]}, "without an id"),
        ({"items": [], "_links": {"next": {"href": "/connections"}}}, "without a token"),
        ({"items": [], "_links": {"next": "more"}}, "without a token"),
    ],
)
def test_a_list_of_another_shape_is_not_believed(body: object, words: str) -> None:
    with stage() as it:
        it.emulator.world.faults.answer(LIST, 200, body=body)
        with pytest.raises(Unreadable, match=words):
            it.handler("BaseConnection").list()


def test_a_web_page_is_no_list() -> None:
    with stage() as it:
        it.emulator.world.faults.html(LIST)
        with pytest.raises(Unreadable, match="is no JSON object"):
            it.handler("BaseConnection").list()


@pytest.mark.parametrize("status", [404, 405])
def test_a_missing_route_is_not_an_empty_list(status: int) -> None:
    with stage({"list": str(status)}) as it, pytest.raises(Unreadable, match="has no route") as caught:
        it.handler("BaseConnection").list()
    assert caught.value.status == status


def test_objects_of_another_sandbox_are_not_ours() -> None:
    with stage() as it:
        ours, theirs = page(["a"]), page(["b"])
        theirs["items"][0]["sandboxName"] = "dev"
        answered(it, {**ours, "items": [*ours["items"], *theirs["items"]]})

        assert [each.id for each in it.handler("BaseConnection").list()] == ["a"]


def test_objects_that_do_not_say_where_they_lie_are_ours() -> None:
    with stage() as it:
        body = page(["a", "b"])
        body["items"][0] |= {"sandboxName": None}
        body["items"][1] |= {"imsOrgId": None}
        answered(it, body)

        assert [each.id for each in it.handler("BaseConnection").list()] == ["a", "b"]


# One object


@pytest.mark.parametrize("switches", [{}, {"hidden": "404"}, {"read": "404"}, {"read": "405"}])
def test_an_object_is_found_by_its_route_or_in_the_list(switches: dict[str, str]) -> None:
    with stage() as it:
        made = it.create("BaseConnection", ZONE)
        it.switch(**switches)
        found = it.handler("BaseConnection").read(made.id)

        assert found is not None
        assert (found.id, found.attributes["name"]) == (made.id, "Zone")


def test_an_object_that_neither_shows_is_gone() -> None:
    with stage() as it:
        handler = it.handler("BaseConnection")
        assert handler.read("11111111-2222-4333-8444-555555555555") is None
        assert handler.read("a/../b") is None
        assert handler.read("") is None

        it.switch(read="405")
        with pytest.raises(Unreadable, match="has no route"):
            handler.read("11111111-2222-4333-8444-555555555555")


def test_another_object_than_was_asked_for_is_not_believed() -> None:
    with stage() as it:
        it.emulator.world.faults.answer("GET /connections/*", 200, body=page(["b"]))
        with pytest.raises(Unreadable, match="is not the object `a`"):
            it.handler("BaseConnection").read("a")


# Errors


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (
            400,
            current("1413", 400, "bad spec."),
            Refused,
            r"Adobe refuses `POST /connections` \(400, 1413\): bad spec$",
        ),
        (400, {"errorMessage": "older", "errorDetails": "x"}, Refused, r"\(400\): older"),
        (400, {"message": "Please provide a valid spec id"}, Refused, r"\(400\): Please provide a valid spec id"),
        (400, {"type": "/placeholder/type/uri", "detail": "no JSON"}, Refused, r"\(400\): no JSON"),
        (400, {"errorMessage": "x" * 900}, Refused, "x{500}…$"),
        (400, "text", Refused, "no reason given"),
        (422, {"errorMessage": "version"}, Refused, r"\(422\): version"),
        (404, current("1439", 404, "not found"), Gone, r"\(404, 1439\): not found"),
        (403, current("2118", 403, "forbidden"), PermissionRefused, "takes the permissions `View Destinations`, `View"),
        (403, {"error_code": "403003", "message": "key"}, CredentialsRefused, "`credentials.clientId` is not known"),
        (403, {"error_code": 403025, "message": "org"}, CredentialsRefused, "not of the organization"),
        (400, {"error_code": "400003", "message": "org"}, CredentialsRefused, "`organization` is missing"),
        (404, current("2100", 404, "no sandbox"), PermissionRefused, "check `sandbox`"),
        (302, {}, Refused, "is `baseUrl` right"),
    ],
)
def test_every_envelope_says_what_it_means(status: int, body: object, kind: type[VendorError], words: str) -> None:
    with stage() as it:
        it.emulator.world.faults.answer("POST /connections", status, body=body)
        with pytest.raises(kind, match=words) as caught:
            it.handler("BaseConnection").create(it.order("BaseConnection", ZONE))

        assert type(caught.value) is kind
        assert caught.value.status == status
        assert it.emulator.objects("connections") == []


@pytest.mark.parametrize("route", ["POST /connections"])
def test_no_error_repeats_a_secret(route: str) -> None:
    with stage() as it:
        secret = SECRETS["RECONCILER_SECRET_S3"]
        it.emulator.world.faults.answer(route, 400, body={"errorMessage": f"not {secret}"})
        with pytest.raises(Refused) as caught:
            it.handler("BaseConnection").create(it.order("BaseConnection", S3))

        assert secret not in str(caught.value)
        assert "not ***" in str(caught.value)


@pytest.mark.parametrize("body", [{}, {"id": ""}, {"id": 7}, {"etag": '"1"'}])
def test_a_creation_that_is_answered_without_an_id_may_have_happened(body: object) -> None:
    with stage() as it:
        it.emulator.world.faults.answer("POST /connections", 201, body=body)
        with pytest.raises(Uncertain, match="without an id"):
            it.handler("BaseConnection").create(it.order("BaseConnection", ZONE))


def test_a_creation_is_sent_once_whatever_comes_back() -> None:
    with stage() as it:
        it.emulator.world.faults.answer("POST /connections", 503, times=None)
        with pytest.raises(Uncertain):
            it.handler("BaseConnection").create(it.order("BaseConnection", ZONE))

        assert it.requests().count("POST /connections") == 1


def test_a_dataset_is_named_in_the_source_that_is_made() -> None:
    with stage() as it:
        it.create("SourceConnection", SOURCE)

        (post,) = [each for each in it.sent if each.path.endswith("/sourceConnections") and each.method == "POST"]
        assert post.json["params"] == {"datasets": [{"dataSetId": ORDERS, "name": "Orders"}]}
