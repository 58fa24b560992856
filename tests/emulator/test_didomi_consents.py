"""What the Didomi emulator does with events, users and proofs by default."""

import pytest
from emulator_stage import ORGANIZATION, event, staged

PDF = "data:application/pdf;base64,JVBERi0xLjQK"


def test_an_event_is_answered_as_it_was_stored() -> None:
    with staged() as stage:
        reply = stage.events(event(metadata={"import_batch": "b-1"}), single=True)
        body = reply.body

        assert reply.status == 200
        assert {name: body[name] for name in ("id", "created_at", "status", "regulation", "metadata")} == {
            "id": "e-1",
            "created_at": "2026-01-02T10:00:00Z",
            "status": "confirmed",
            "regulation": "gdpr",
            "metadata": {"import_batch": "b-1"},
        }
        assert body["user"]["organization_user_id"] == "user-1"
        assert len(body["user"]["id"]) == 36


def test_an_event_without_id_and_date_gets_both() -> None:
    with staged() as stage:
        body = stage.events({"user": {"id": "u"}, "consents": {}}, single=True).body

        assert len(body["id"]) == 36
        assert body["created_at"] == "2026-01-05T08:00:00.000Z"


@pytest.mark.parametrize(("count", "status"), [(0, 400), (1, 200), (100, 200), (101, 400)])
def test_an_array_holds_up_to_a_hundred_events(count: int, status: int) -> None:
    with staged() as stage:
        reply = stage.events(*(event(f"e-{number}") for number in range(count)))

        assert reply.status == status
        assert len(stage.emulator.objects("events")) == (count if status == 200 else 0)


def test_the_organization_must_be_named_in_the_query() -> None:
    with staged() as stage:
        assert stage.call("POST", "/v1/consents/events", event()).status == 400


def test_a_foreign_organization_is_forbidden() -> None:
    with staged() as stage:
        reply = stage.call("POST", "/consents/events", event(), query={"organization_id": "another-example"})

        assert reply.status == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"consents": None},
        {"consents": {"purposes": [{"enabled": True}]}},
        {"consents": {"purposes": [{"id": "newsletter", "enabled": "yes"}]}},
        {"consents": {"purposes": 7}},
        {"consents": {"purposes": [{"id": "newsletter", "channels": [{"enabled": True}]}]}},
        {"consents": {"purposes": [{"id": "newsletter", "values": {"pref-topics": "val-sport"}}]}},
        {"consents": {"vendors": []}},
        {"consents": {"vendors": {"enabled": [7]}}},
        {"created_at": "yesterday"},
        {"status": "maybe"},
        {"user": "user-1"},
        {"user": {"id": 7}},
        {"organization_id": "another-example"},
        {"proofs": ["nonsense"]},
        {"id": 7},
    ],
)
def test_an_event_that_makes_no_sense_gets_400(changes: dict[str, object]) -> None:
    with staged() as stage:
        reply = stage.events({**event(), **changes})

        assert reply.status == 400
        assert stage.emulator.objects("events") == []


def test_too_large_a_body_gets_413() -> None:
    with staged() as stage:
        huge = event(metadata={"padding": "x" * (21 * 1024 * 1024)})

        assert stage.events(huge).status == 413


def test_an_event_is_never_imported_twice_and_the_first_one_wins() -> None:
    with staged() as stage:
        stage.events(event(metadata={"row": 1}))
        reply = stage.events(event(metadata={"row": 2}), event(metadata={"row": 3}))

        assert [row["metadata"] for row in reply.body] == [{"row": 1}, {"row": 1}]
        assert len(stage.emulator.objects("events")) == 1


def test_choices_are_merged_into_the_users_status() -> None:
    with staged() as stage:
        stage.events(
            event("1", "2026-01-01T00:00:00Z", consents={"vendors": {"enabled": ["v-1", "v-2"]}, "tcfcs": "CQ1"}),
            event("2", "2026-01-02T00:00:00Z", consents={"purposes": [{"id": "newsletter", "enabled": True}]}),
            event("3", "2026-01-03T00:00:00Z", consents={"vendors": {"disabled": ["v-1"]}}),
        )
        consents = stage.user()["consents"]

        assert consents["vendors"]["enabled"] == ["v-2"]
        assert consents["vendors"]["disabled"] == ["v-1"]
        assert consents["purposes"] == [{"id": "newsletter", "enabled": True}]
        assert consents["tcfcs"] == "CQ1"


def test_nested_choices_are_merged_by_id() -> None:
    with staged() as stage:
        email = {"id": "email", "enabled": True}
        sms = {"id": "sms", "enabled": False}
        for number, channel in enumerate((email, sms)):
            chosen = {"id": "newsletter", "enabled": True, "channels": [channel]}
            stage.events(event(str(number), consents={"purposes": [chosen]}))

        assert stage.user()["consents"]["purposes"][0]["channels"] == [email, sms]


def test_a_pending_event_changes_nothing_until_it_is_confirmed() -> None:
    with staged() as stage:
        stage.events(event(status="pending_approval"))
        before = stage.user()["consents"]["purposes"]
        stage.consents("PATCH", "events/e-1", {"status": "confirmed"})

        assert before == []
        assert stage.user()["consents"]["purposes"] == [{"id": "newsletter", "enabled": True}]


def test_an_organization_user_id_is_given_to_a_user_that_has_none() -> None:
    with staged() as stage:
        stage.events(event("1", user={"id": "device-1"}))
        stage.events(event("2", user={"id": "device-1", "organization_user_id": "user-1"}))
        stage.events(event("3", user={"id": "device-1", "organization_user_id": "user-2"}))

        assert [row["organization_user_id"] for row in stage.emulator.objects("users")] == ["user-1"]


def test_an_event_without_any_user_invents_one() -> None:
    with staged() as stage:
        stage.events(event("1", user={}), event("2", user={}))

        assert len({row["id"] for row in stage.emulator.objects("users")}) == 2


def test_metadata_of_a_user_is_merged() -> None:
    with staged() as stage:
        stage.events(event("1", user={"id": "u", "organization_user_id": "user-1", "metadata": {"a": 1}}))
        stage.events(event("2", user={"id": "u", "country": "FR", "metadata": {"b": 2}}))

        assert (stage.user()["metadata"], stage.user()["country"]) == ({"a": 1, "b": 2}, "FR")


def test_a_users_version_counts_its_modifications() -> None:
    with staged() as stage:
        stage.events(event("1"), event("2"))

        assert stage.user()["version"] == 2


def test_events_are_read_only_with_their_user() -> None:
    with staged() as stage:
        stage.events(event())
        user = stage.user()["id"]
        replies = [
            stage.consents("GET", "events"),
            stage.consents("GET", "events/e-1"),
            stage.consents("GET", "events/e-1", organization_user_id="user-1"),
            stage.consents("GET", "events/e-1", user_id=user),
            stage.consents("GET", "events/e-1", user_id="somebody-else"),
        ]

        assert [reply.status for reply in replies] == [400, 400, 200, 200, 404]


def test_a_list_of_events_shows_confirmed_gdpr_events_unless_asked() -> None:
    with staged() as stage:
        stage.events(event("1"), event("2", status="pending_approval"), event("3", regulation="cpra"))
        who = {"organization_user_id": "user-1"}
        plain = stage.consents("GET", "events", **who).body["data"]
        pending = stage.consents("GET", "events", **who, status="pending_approval").body["data"]
        query = [*who.items(), ("organization_id", ORGANIZATION), ("regulation[$in]", "gdpr")]
        both = stage.call("GET", "/consents/events", query=[*query, ("regulation[$in]", "cpra")]).body["data"]

        assert [[row["id"] for row in rows] for rows in (plain, pending, both)] == [["1"], ["2"], ["1", "3"]]


def test_deleting_an_event_is_as_if_it_had_never_happened() -> None:
    with staged() as stage:
        refused = {"purposes": [{"id": "newsletter", "enabled": False}]}
        stage.events(event("1", "2026-01-01T00:00:00Z"), event("2", consents=refused))
        reply = stage.consents("DELETE", "events/2")

        assert (reply.status, reply.raw) == (204, b"")
        assert stage.user()["consents"]["purposes"] == [{"id": "newsletter", "enabled": True}]


def test_an_import_is_undone_by_its_batch() -> None:
    with staged() as stage:
        stage.events(event("1"), event("2", metadata={"import_batch": "b-1"}))
        filters = {"user.organization_user_id": "user-1", "metadata.import_batch": "b-1"}
        reply = stage.consents("DELETE", "events", **filters)

        assert reply.status == 204
        assert [row["id"] for row in stage.emulator.objects("events")] == ["1"]


def test_deleting_by_filters_needs_a_user() -> None:
    with staged() as stage:
        stage.events(event())

        assert stage.consents("DELETE", "events", id="e-1").status == 400


def test_a_deleted_event_can_be_imported_again() -> None:
    with staged() as stage:
        stage.events(event(metadata={"row": 1}))
        stage.consents("DELETE", "events/e-1")

        assert stage.events(event(metadata={"row": 2}), single=True).body["metadata"] == {"row": 2}


def test_a_purpose_that_was_deleted_stays_valid() -> None:
    with staged() as stage:
        stage.call("DELETE", "/metadata/purposes/newsletter")

        assert stage.events(event()).status == 200


def test_users_are_listed_with_a_cursor() -> None:
    with staged() as stage:
        for start in (0, 100):
            stage.events(*(event(None, user={"id": f"u-{start + number}"}) for number in range(75)))
        first = stage.consents("GET", "users").body
        second = stage.consents("GET", "users", **{"$cursor": first["cursor"]}).body

        assert (len(first["data"]), first["limit"]) == (100, 100)
        assert (len(second["data"]), second["cursor"]) == (50, None)
        assert stage.consents("GET", "users", **{"$cursor": "nonsense"}).status == 400


def test_a_user_is_made_changed_and_deleted() -> None:
    with staged() as stage:
        made = stage.consents("POST", "users", {"organization_user_id": "user-9", "country": "ES"}).body
        changed = stage.consents("PATCH", f"users/{made['id']}", {"country": "IT"}).body
        stale = stage.consents("PATCH", f"users/{made['id']}", {"country": "FR", "version": 0})
        deleted = stage.consents("DELETE", "users/user-9", **{"$by_organization_user_id": "true"})

        assert (made["country"], changed["country"], stale.status) == ("ES", "IT", 409)
        assert (deleted.status, stage.emulator.objects("users")) == (200, [])


def test_the_full_tree_names_purposes_without_a_choice() -> None:
    with staged() as stage:
        stage.events(event())
        options = {"$by_organization_user_id": "true", "$include_full_tree": "true"}
        purposes = stage.consents("GET", "users/user-1", **options).body["consents"]["purposes"]

        assert {row["id"]: row["enabled"] for row in purposes} == {"newsletter": True, "analytics": None}


def test_a_proof_is_stored_and_read() -> None:
    with staged() as stage:
        made = stage.consents("POST", "proofs", {"proof": PDF})
        read = stage.consents("GET", f"proofs/{made.body['id']}")

        assert made.status == 200
        assert made.body["id"].endswith(".pdf")
        assert read.body["content"] == PDF


def test_a_proof_of_15_mb_gets_413() -> None:
    with staged() as stage:
        huge = "data:application/pdf;base64," + "A" * (15 * 1024 * 1024)

        assert stage.consents("POST", "proofs", {"proof": huge}).status == 413


def test_proofs_of_an_event_are_stored_with_it() -> None:
    with staged() as stage:
        body = stage.events(event(proofs=[PDF], proofs_id=["earlier.pdf"]), single=True).body

        assert body["proofs_id"][0] == "earlier.pdf"
        assert body["proofs_id"][1] == stage.emulator.objects("proofs")[0]["id"]


def test_a_tcf_string_is_made_on_demand() -> None:
    with staged() as stage:
        plain = stage.events(event("1"), single=True).body["consents"]
        made = stage.events(event("2"), single=True, **{"$generate_tcfcs": "true"}).body["consents"]

        assert "tcfcs" not in plain
        assert made["tcfcs"]


def test_a_token_for_an_end_user_opens_nothing() -> None:
    with staged() as stage:
        token = stage.consents("POST", "tokens", {"organization_user_id": "user-1"}).body["access_token"]

        assert stage.call("GET", "/quotas", headers={"Authorization": f"Bearer {token}"}).status == 401


def test_regulations_need_no_token() -> None:
    with staged() as stage:
        query = {"$search[releaseStatus]": "stable"}
        rows = stage.call("GET", "/compliance/v1/regulations", query=query, headers={}).body["data"]

        assert "gdpr" in [row["id"] for row in rows]


def test_an_event_that_arrives_late_is_sorted_in_by_its_date() -> None:
    with staged() as stage:
        refused = {"purposes": [{"id": "newsletter", "enabled": False}]}
        stage.events(event("2", "2026-01-02T00:00:00+02:00"))
        stage.events(event("1", "2026-01-01T21:00:00Z", consents=refused))
        rows = stage.consents("GET", "events", organization_user_id="user-1").body["data"]

        assert [row["id"] for row in rows] == ["1", "2"]
        assert stage.user()["consents"]["purposes"][0]["enabled"] is True
