"""Sessions, lists and errors, over a real socket."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from didomi_stage import GCP, KEY, ORGANIZATION, S3, Stage, connected, stage

from reconciler.emulator import Clock
from reconciler.providers.didomi import PROVIDER
from reconciler.sdk import (
    CredentialsRefused,
    Gone,
    NotDeclaredSafe,
    Pace,
    PermissionRefused,
    Refused,
    Uncertain,
    Unreadable,
    VendorError,
)
from reconciler.transport import Gate

SESSION = "POST /sessions"
LIST = "GET /exports/destinations"


# Sessions


def test_nothing_is_sent_before_it_is_asked_for() -> None:
    with stage() as it:
        assert it.session.scope == "organization example-org"
        assert it.requests() == []


def test_one_session_serves_many_requests() -> None:
    with stage() as it:
        for _ in range(3):
            it.handler("Destination").list()

        assert it.requests() == [SESSION, LIST, LIST, LIST]
        assert it.bodies("POST", "/sessions")[0]["type"] == "api-key"


@pytest.mark.parametrize("switches", [{}, {"token_format": "opaque"}, {"session_reply": "token_only"}])
def test_a_session_is_renewed_five_minutes_before_its_hour_is_over(switches: dict[str, str]) -> None:
    with stage(switches) as it:
        it.handler("Destination").list()
        it.clock.advance(54 * 60)
        it.handler("Destination").list()
        assert it.requests().count(SESSION) == 1

        it.clock.advance(61)
        it.handler("Destination").list()

        assert it.requests().count(SESSION) == 2
        assert 401 not in [entry.status for entry in it.emulator.world.log.entries()]


def test_a_short_session_is_not_renewed_for_every_request() -> None:
    with stage({"token_ttl": "60"}) as it:
        for _ in range(3):
            it.handler("Destination").list()
        assert it.requests().count(SESSION) == 1

        it.clock.advance(56)
        it.handler("Destination").list()

        assert it.requests().count(SESSION) == 2


def test_threads_share_one_session() -> None:
    with stage() as it, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: it.handler("Destination").list(), range(16)))
        it.emulator.world.expire_tokens()
        list(threads.map(lambda _: it.handler("Destination").list(), range(16)))

        assert it.requests().count(SESSION) == 2


def test_a_session_that_has_ended_early_is_replaced_once() -> None:
    with stage() as it:
        it.handler("Destination").list()
        it.emulator.world.expire_tokens()
        it.create("Destination", S3)

        assert it.requests() == [SESSION, LIST, "POST /exports/destinations", SESSION, "POST /exports/destinations"]
        assert len(it.emulator.objects("destinations")) == 1


def test_tokens_that_are_never_accepted_are_an_error_of_the_credentials() -> None:
    with stage() as it:
        it.emulator.world.faults.answer(LIST, 401, times=None)
        with pytest.raises(CredentialsRefused, match="accepts the key but not its tokens"):
            it.handler("Destination").list()

        assert it.requests() == [SESSION, LIST, SESSION, LIST]


def test_a_wrong_key_is_an_error_of_the_credentials() -> None:
    with stage() as it:
        it.emulator.world.faults.answer(SESSION, 400, body={"code": 400, "message": "Invalid s_demo_not_real."})
        with pytest.raises(CredentialsRefused) as caught:
            it.handler("Destination").list()

        assert str(caught.value) == "Didomi does not accept the API key: Invalid ***"


@pytest.mark.parametrize("body", [{}, {"access_token": ""}, {"access_token": 5}, {"access_token": "a\nb"}, ["token"]])
def test_a_session_without_a_token_cannot_be_read(body: object) -> None:
    with stage() as it:
        it.emulator.world.faults.answer(SESSION, 200, body=body)
        with pytest.raises(Unreadable):
            it.handler("Destination").list()


def test_a_web_page_in_place_of_a_session_cannot_be_read() -> None:
    with stage() as it:
        it.emulator.world.faults.html(SESSION)
        with pytest.raises(Unreadable, match="not JSON"):
            it.handler("Destination").list()


def test_reading_passes_a_closed_gate_and_writing_does_not() -> None:
    with stage(opened=False) as it:
        it.handler("Destination").list()
        it.handler("ExportConfig").list()
        it.handler("Integration").list()
        assert list(it.session.doctor())
        for attempt in (
            lambda: it.create("Destination", S3),
            lambda: it.handler("ExportConfig").disable("x"),
            lambda: it.handler("Destination").delete("x"),
        ):
            with pytest.raises(NotDeclaredSafe):
                attempt()

        assert it.emulator.world.log.writes() == ()


# Lists


@pytest.mark.parametrize("switches", [{}, {"bare_array": "true"}, {"default_limit": "3"}, {"default_order": "newest"}])
def test_a_list_is_read_to_its_end(switches: dict[str, str]) -> None:
    with stage(switches) as it:
        made = []
        for number in range(120):
            row = it.emulator.insert("destinations", {"name": f"d{number}", "type_id": "aws-s3-didomi", "config": {}})
            made.append(row["id"])
            it.clock.advance(1)
        listed = it.handler("Destination").list()

        assert [each.id for each in listed] == made
        queries = [dict(entry.query) for entry in it.emulator.world.log.entries("GET", "*destinations")]
        assert [query["$skip"] for query in queries][:3] == ["0", "50", "100"]
        assert {(query["$limit"], query["$sort[created_at]"], query["organization_id"]) for query in queries} == {
            ("50", "1", ORGANIZATION)
        }


def test_an_empty_list_is_empty() -> None:
    with stage() as it:
        assert it.handler("Destination").list() == []


def test_objects_of_another_organization_are_not_ours() -> None:
    with stage() as it:
        mine = {"id": "mine", "organization_id": ORGANIZATION}
        theirs = {"id": "theirs", "organization_id": "other-org"}
        it.emulator.world.faults.answer(LIST, 200, body={"total": 2, "limit": 50, "skip": 0, "data": [mine, theirs]})

        assert [each.id for each in it.handler("Destination").list()] == ["mine"]


def listed(*ids: object, total: object = None) -> dict[str, object]:
    return {"total": len(ids) if total is None else total, "limit": 50, "skip": 0, "data": [{"id": id} for id in ids]}


def script(it: Stage, *pages: object) -> None:
    for nth, body in enumerate(pages, start=1):
        it.emulator.world.faults.answer(LIST, 200, body=body, nth=nth)


def test_a_list_that_changes_while_it_is_read_is_read_again() -> None:
    with stage() as it:
        script(it, listed("a", total=2), listed("b", total=3), listed("a", "b", "c"))

        assert [each.id for each in it.handler("Destination").list()] == ["a", "b", "c"]


def test_a_list_that_keeps_changing_cannot_be_read() -> None:
    with stage() as it:
        script(it, *(listed("a", total=2), listed("b", total=3)) * 2)
        with pytest.raises(Unreadable, match="kept changing"):
            it.handler("Destination").list()


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ([listed("a", "a")], "lists `a` twice"),
        ([listed("a", total=2), listed("a", total=2)], "lists `a` twice"),
        ([listed("a", "b", total=1)], "says 1 objects and gives 2"),
        ([listed("a", total=9), listed(total=9)], "says 9 objects and gives only 1"),
        ([listed(None)], "without an id"),
        ([listed(7)], "without an id"),
        ([listed("a", total="1")], "strange `total`"),
        ([listed("a", total=True)], "strange `total`"),
        ([listed("a", total=-1)], "strange `total`"),
        ([{"total": 1}], "is no list"),
        ([{"total": 1, "data": ["a"]}], "is no list"),
        ([{"message": "hello"}], "is no list"),
    ],
)
def test_a_list_that_lies_cannot_be_read(pages: list[object], words: str) -> None:
    with stage() as it:
        script(it, *pages)
        with pytest.raises(Unreadable, match=words):
            it.handler("Destination").list()


def test_a_short_page_cannot_be_read() -> None:
    with stage() as it:
        for _ in range(3):
            it.create("Destination", S3)
        it.emulator.world.faults.short_page(LIST, times=None)
        with pytest.raises(Unreadable):
            it.handler("Destination").list()


@pytest.mark.parametrize("status", [404, 405])
def test_a_missing_list_route_is_not_an_empty_list(status: int) -> None:
    with stage({"list": str(status)}) as it, pytest.raises(Unreadable, match="no route") as caught:
        it.handler("Destination").list()

    assert caught.value.status == status


def test_a_web_page_is_not_an_empty_list() -> None:
    with stage() as it:
        it.emulator.world.faults.html(LIST)
        with pytest.raises(Unreadable, match="not JSON"):
            it.handler("Destination").list()


def test_a_redirect_is_not_followed_when_reading_nor_when_writing() -> None:
    with stage() as it:
        it.emulator.world.faults.redirect(LIST, "http://127.0.0.1:1")
        with pytest.raises(Unreadable, match="is `baseUrl` right"):
            it.handler("Destination").list()
        it.emulator.world.faults.redirect("POST /exports/destinations", "http://127.0.0.1:1")
        with pytest.raises(Refused, match="is `baseUrl` right"):
            it.create("Destination", S3)


# Errors


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (403, PermissionRefused),
        (404, Refused),
        (405, Refused),
        (409, Refused),
        (413, Refused),
        (422, Refused),
    ],
)
def test_a_refusal_is_named_by_its_status_and_says_what_didomi_says(status: int, kind: type[VendorError]) -> None:
    body = {"code": 999, "name": "Whatever", "message": "This is not right.", "errors": {"name": "too long"}}
    with stage() as it:
        it.emulator.world.faults.answer("POST /exports/destinations", status, body=body)
        with pytest.raises(kind, match=r"This is not right \(name: too long\)") as caught:
            it.create("Destination", S3)

    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.request) == (status, "POST /exports/destinations")


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ({}, "no"),
        ([], "no"),
        (None, "no"),
        (["a", "b."], "no (a; b)"),
        ([{"message": "a."}, {"path": "b"}], 'no (a; {"path": "b"})'),
        ({"x": {"message": "a"}}, "no (x: a)"),
    ],
)
def test_details_of_every_shape_are_shown(errors: object, words: str) -> None:
    with stage() as it:
        it.emulator.world.faults.answer("POST /exports/destinations", 400, body={"message": "no", "errors": errors})
        with pytest.raises(Refused) as caught:
            it.create("Destination", S3)

    assert str(caught.value) == f"Didomi refuses `POST /exports/destinations` (400): {words}"


def test_a_refusal_without_a_reason_is_a_refusal() -> None:
    with stage() as it:
        it.emulator.world.faults.html("POST /exports/destinations", status=400)
        with pytest.raises(Refused, match="no reason given"):
            it.create("Destination", S3)


def test_a_secret_that_comes_back_in_an_error_is_hidden() -> None:
    with stage() as it:
        it.emulator.world.faults.answer(
            "POST /exports/destinations", 400, body={"message": f"bad key {KEY}", "errors": ["s3cret-s3cret-s3cret"]}
        )
        with pytest.raises(Refused) as caught:
            it.create("Destination", GCP)

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("fault", ["cut_after_write", "cut_in_reply", "answer_after_write", "html", "broken_json"])
def test_a_creation_without_a_usable_answer_is_uncertain_and_sent_once(fault: str) -> None:
    with stage() as it:
        getattr(it.emulator.world.faults, fault)("POST /exports/destinations")
        with pytest.raises(Uncertain):
            it.create("Destination", S3)

        assert len(it.emulator.objects("destinations")) == 1
        (left,) = it.handler("Destination").list()
        assert left.owner is not None
        assert left.owner.name == "lake"


def test_a_creation_answered_without_an_id_is_uncertain() -> None:
    with stage() as it:
        it.emulator.world.faults.answer("POST /exports/destinations", 201, body={"name": "x"}, after_write=True)
        with pytest.raises(Uncertain, match="without an id"):
            it.create("Destination", S3)


def test_a_rate_limit_is_kept_without_a_single_429() -> None:
    with stage({"rate_limit": "5/15"}) as it:
        for _ in range(14):
            it.handler("Destination").list()

        statuses = [entry.status for entry in it.emulator.world.log.entries()]
        assert 429 not in statuses
        assert sum(it.naps) == 30


def test_a_429_is_waited_out() -> None:
    with stage() as it:
        it.emulator.world.faults.answer("POST /exports/destinations", 429, retry_after=4)
        it.create("Destination", S3)

        assert it.naps == [4]
        assert len(it.emulator.objects("destinations")) == 1


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"ratelimit": "limit=100, remaining=61, reset=9"}, Pace(remaining=61, reset_seconds=9)),
        ({"ratelimit": "limit=100,remaining=0,reset=15"}, Pace(remaining=0, reset_seconds=15)),
        ({"ratelimit-remaining": "3", "ratelimit-reset": "2"}, Pace(remaining=3, reset_seconds=2)),
        ({"ratelimit": "remaining=many, reset=9"}, None),
        ({"ratelimit": "remaining=-1, reset=9"}, None),
        ({"ratelimit": "limit=100"}, None),
        ({}, None),
    ],
)
def test_rate_headers_are_understood(headers: dict[str, str], expected: Pace | None) -> None:
    assert PROVIDER.pace(headers) == expected


def test_an_unreachable_host_is_said_so() -> None:
    session, http = connected("http://127.0.0.1:1", Clock.frozen(), Gate(), [])
    with http.transport, pytest.raises(VendorError, match=r"no connection to `127\.0\.0\.1:1`"):
        session.handler("Destination").list()


def test_what_is_no_id_is_gone() -> None:
    with stage() as it:
        assert it.handler("Destination").read("..") is None
        with pytest.raises(Gone):
            it.update("Destination", "..", S3, ("name",))

        assert it.emulator.world.log.writes() == ()
