from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import Field, TypeAdapter, ValidationError

from reconciler.sdk import (
    Assessment,
    Batches,
    BatchHandler,
    Catalog,
    Connection,
    Handler,
    Immutable,
    Keyed,
    Kind,
    NameOrId,
    NotDeclaredSafe,
    Order,
    Provider,
    RefersTo,
    Refused,
    SafeRequest,
    SecretReference,
    Sensitive,
    ServerDefault,
    Session,
    Spec,
    Unordered,
    VendorSettings,
    WriteOnly,
    owned,
    split_mark,
    write_mark,
)
from reconciler.sdk.fields import marked_fields
from reconciler.values import (
    Address,
    DeliveryRules,
    Expectation,
    Identity,
    Observed,
    OnRemoval,
    Ownership,
    Plan,
    Record,
    Resource,
    Secret,
    Snapshot,
    Traits,
)

TypeForm: TypeAlias = Any
"""What an annotation is to the type checker: nothing it has a word for."""
LAKE = Address("harbor", "Lake", "a")
NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Rule(Spec):
    name: str
    secret_key: SecretReference = None


class Small(Spec):
    type: Literal["small"]
    size: Annotated[int, Immutable()]


class Large(Spec):
    type: Literal["large"]
    role_arn: Annotated[str, WriteOnly()]


class Lake(Spec):
    display_name: str
    region: Annotated[str, Immutable(), ServerDefault("eu")] = "eu"
    well: Annotated[NameOrId, RefersTo("Well")]
    wells: Annotated[list[Annotated[NameOrId, RefersTo("Well")]], Unordered()] = Field(default=[])
    rules: Annotated[list[Rule], Keyed("name")] = Field(default=[])
    options: dict[str, Annotated[int, Immutable()]] = Field(default={})
    pair: tuple[Annotated[int, WriteOnly()], str] | None = None
    tags: set[str] | None = None
    config: Annotated[Small | Large, Field(discriminator="type")] | None = None
    token: SecretReference


EVERYTHING = Traits(
    type="harbor/Lake",
    identity=Identity.MARK,
    immutable=frozenset({("region",), ("config", "size"), ("options", "*")}),
    references={("well",): "harbor/Well", ("wells", "*"): "harbor/Well"},
    secrets=frozenset({("token",), ("rules", "*", "secretKey")}),
    write_only=frozenset({("config", "roleArn"), ("pair", "*")}),
    unordered=frozenset({("wells",)}),
    keyed={("rules",): "name"},
    defaults={("region",): "eu"},
)


# --- fields and traits ---


def test_the_traits_follow_from_the_markers() -> None:
    assert Kind(name="Lake", summary="a lake", spec=Lake).traits("harbor") == EVERYTHING


def test_the_nature_of_a_kind_is_part_of_its_traits() -> None:
    kind = Kind(
        name="Job",
        summary="a job",
        spec=Small,
        identity=Identity.DIFFERENCE,
        natural_key=(("type",),),
        updates=False,
        deletes=False,
        disables=True,
        job=True,
        coexists=False,
        on_removal=OnRemoval.FORGET,
        settle_seconds=5.0,
        replacement_cost="hours",
    )

    assert kind.traits("harbor") == Traits(
        type="harbor/Job",
        identity=Identity.DIFFERENCE,
        immutable=frozenset({("size",)}),
        natural_key=(("type",),),
        updates=False,
        deletes=False,
        disables=True,
        job=True,
        coexists=False,
        on_removal=OnRemoval.FORGET,
        settle_seconds=5.0,
        replacement_cost="hours",
    )


def test_a_kind_may_be_a_union_of_models() -> None:
    union = Annotated[Small | Large, Field(discriminator="type")]

    assert list(marked_fields(union)) == [(("size",), Immutable()), (("roleArn",), WriteOnly())]


def test_a_marker_of_another_library_is_no_marker() -> None:
    assert list(marked_fields(Annotated[str, "a note", Sensitive()])) == [((), Sensitive())]


@pytest.mark.parametrize("value", ["lake", "lake-1", {"id": "x"}])
def test_a_reference_is_a_name_or_an_id(value: object) -> None:
    assert TypeAdapter(NameOrId).validate_python(value) == value


def problems(kind: TypeForm, value: object) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    return [(error["type"], error["msg"]) for error in refused.value.errors()]


REFERENCE = "a reference is the name of a manifest, or `{id: …}` for an object that is not managed here"


@pytest.mark.parametrize(
    "value", ["Lake", "", "a/b", {}, {"id": ""}, {"id": 1}, {"id": "x", "y": 1}, {"name": "x"}, 1, None, ["lake"]]
)
def test_what_is_no_reference_is_refused(value: object) -> None:
    assert problems(NameOrId, value) == [("reference", REFERENCE)]


@pytest.mark.parametrize("value", [{"env": "T"}, {"env": "T", "version": "1"}, {"file": "/run/secrets/x"}])
def test_a_secret_is_a_reference(value: object) -> None:
    assert TypeAdapter(SecretReference).validate_python(value) == value


@pytest.mark.parametrize(
    ("value", "code", "message"),
    [
        ("hunter2", "inline-secret", "a secret is written here; a manifest holds a reference to it instead"),
        (None, "inline-secret", "a secret is written here; a manifest holds a reference to it instead"),
        ({}, "secret-reference", "a secret reference names one place: "),
        ({"env": "T", "file": "/x"}, "secret-reference", "a secret reference names one place: "),
        ({"nowhere": "T"}, "secret-reference", "a secret reference names one place: "),
        ({"env": "T", "zeal": "x", "key": "x"}, "secret-reference", "unknown key `key` in a secret reference"),
        ({"env": ""}, "secret-reference", "the parts of a secret reference are text"),
        ({"env": "T", "version": 1}, "secret-reference", "the parts of a secret reference are text"),
        (
            {"env": "T", "version": "2 hmac:k1:0a"},
            "secret-reference",
            "a version ends neither like `store:…` nor like `hmac:…`, which is added in the state",
        ),
    ],
)
def test_what_is_no_secret_reference_is_refused(value: object, code: str, message: str) -> None:
    ((found, text),) = problems(SecretReference, value)

    assert found == code
    assert text.startswith(message)
    assert "`{env: …}`" in text or text == message


@pytest.mark.parametrize("value", ["hunter2", 1, None, [], {"value": "hunter2"}, {"env": "T", "value": "hunter2"}])
def test_no_message_about_a_secret_shows_what_was_written(value: object) -> None:
    assert "hunter2" not in repr(problems(SecretReference, value))


@pytest.mark.parametrize("kind", [NameOrId, SecretReference])
@pytest.mark.parametrize(
    "value",
    [
        "lake",
        "Lake",
        {"id": "x"},
        {"id": ""},
        {"env": "T"},
        {"file": "x", "version": "1"},
        {"env": "T", "x": "1"},
        {},
        1,
    ],
)
def test_the_published_schema_and_the_model_agree(kind: TypeForm, value: object) -> None:
    schema = Draft202012Validator(TypeAdapter(kind).json_schema())
    try:
        TypeAdapter(kind).validate_python(value)
        accepted = True
    except ValidationError:
        accepted = False

    assert schema.is_valid(value) == accepted


def test_a_spec_takes_camel_case_and_nothing_unknown() -> None:
    document: dict[str, Any] = {"displayName": "A", "well": "w", "token": {"env": "T"}}

    assert Lake.model_validate(document).display_name == "A"
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Lake.model_validate({**document, "depth": 1})
    with pytest.raises(ValidationError, match="valid string"):
        Lake.model_validate({**document, "displayName": 1})


# --- ownership ---


OWNER = Ownership(project="shop", environment="prod", kind="Lake", name="a", intent="i1")


def test_a_mark_names_the_attempt() -> None:
    assert owned(LAKE, project="shop", environment="prod", intent="i1") == OWNER


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("", "[reconciler:shop/prod/Lake/a#i1]"),
        ("words", "words [reconciler:shop/prod/Lake/a#i1]"),
        ("words [reconciler:shop/prod/Lake/a#i0]", "words [reconciler:shop/prod/Lake/a#i1]"),
    ],
)
def test_a_mark_stands_behind_the_text_in_place_of_an_older_one(text: str, marked: str) -> None:
    assert write_mark(text, OWNER) == marked


def test_of_several_marks_the_last_counts_and_none_is_left() -> None:
    text = "[reconciler:x/y/Z/b#i0] words [reconciler:shop/prod/Lake/a#i1]"

    assert split_mark(text) == (" words", OWNER)


@pytest.mark.parametrize("text", ["", "words", "[reconciler]", "[reconciler:a/b/c#d]", "[reconciler:a/b/c/d]"])
def test_a_text_without_a_mark_is_the_users(text: str) -> None:
    assert split_mark(text) == (text, None)


@given(text=st.text())
def test_the_users_text_comes_back_as_it_was(text: str) -> None:
    plain, _ = split_mark(text)

    assert split_mark(write_mark(text, OWNER)) == (plain, OWNER)


# --- errors and requests ---


def test_an_error_carries_what_is_known_of_the_request() -> None:
    error = Refused("no", status=409, request="POST /lakes")

    assert (str(error), error.message, error.status, error.request) == ("no", "no", 409, "POST /lakes")
    assert (Refused("no").status, Refused("no").request) == (None, None)


def test_an_undeclared_request_is_named() -> None:
    error = NotDeclaredSafe("POST", "/lakes")

    assert (error.method, error.path) == ("POST", "/lakes")
    assert str(error) == "`POST /lakes` is not declared safe and this command may only read; it was not sent"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/lakes/1/wells", True),
        ("POST", "/lakes/1/wells", False),
        ("GET", "/lakes//wells", False),
        ("GET", "/lakes/1/2/wells", False),
        ("GET", "/lakes/1/wells/", False),
        ("GET", "/lakes/1/wells\n", False),
        ("GET", "x/lakes/1/wells", False),
    ],
)
def test_a_safe_request_is_exactly_what_was_declared(method: str, path: str, allowed: bool) -> None:
    assert SafeRequest("GET", "/lakes/{}/wells").allows(method, path) == allowed


def test_the_signs_of_a_pattern_are_plain_text() -> None:
    assert SafeRequest("GET", "/a.b").allows("GET", "/a.b")
    assert not SafeRequest("GET", "/a.b").allows("GET", "/axb")


# --- what a vendor supplies ---


class Lakes(Handler):
    def list(self) -> Sequence[Observed]:
        return ()

    def read(self, id: str) -> Observed | None:
        return None

    def create(self, order: Order) -> Observed:
        return Observed(id="1", attributes=order.attributes)


class Shore(Session):
    @property
    def scope(self) -> str:
        return "harbor"

    def handler(self, kind: str) -> Handler:
        return Lakes()


class Harbor(Provider):
    name = "harbor"
    title = "Harbor"
    settings = VendorSettings
    kinds = (Kind(name="Lake", summary="a lake", spec=Lake), Kind(name="Well", summary="a well", spec=Small))
    safe = ()

    def connect(self, connection: Connection) -> Session:
        return Shore()


def no_secret(secret: Secret) -> str:
    raise AssertionError(secret)


ORDER = Order(address=LAKE, attributes={}, reveal=no_secret, owner=OWNER, now=NOW)


@pytest.mark.parametrize(
    ("verb", "message"),
    [
        ("update", "harbor/Lake is declared without update"),
        ("delete", "deletion of 1 was asked of a kind that is declared without delete"),
        ("disable", "disabling of 1 was asked of a kind that is declared without it"),
    ],
)
def test_a_verb_that_a_kind_lacks_is_never_asked_for(verb: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        getattr(Lakes(), verb)(ORDER if verb == "update" else "1")


class Ferries(BatchHandler):
    """A job in parts that is never begun."""

    def list(self) -> list[Observed]:
        return []

    def read(self, id: str) -> Observed | None:
        return None

    def begin(self, order: Order) -> Batches:
        raise NotImplementedError


def test_a_job_in_parts_is_never_asked_to_be_created_at_once() -> None:
    with pytest.raises(AssertionError, match="harbor/Lake is sent in parts"):
        Ferries().create(ORDER)


def test_a_handler_reads_nothing_more_unless_it_says_so() -> None:
    observed = Observed(id="1", attributes={})
    resource = Resource(address=LAKE, attributes={})

    assert Lakes().assess(resource, None, observed, NOW) == Assessment(observed=observed)
    assert Lakes().prepare(ORDER) == {}
    Lakes().test("1")


def test_a_session_knows_no_more_unless_it_says_so() -> None:
    session = Shore()
    record = Record(address=LAKE, id="1", scope="harbor", applied={})
    snapshot = Snapshot(taken=NOW, objects={}, scopes={})
    plan = Plan(project="p", environment="e", lineage="l", serial=0, taken=NOW, changes=())

    assert (session.preflight(plan, snapshot), session.runs(record), session.doctor()) == ((), (), ())


def test_a_vendor_delivers_nothing_unless_it_says_so() -> None:
    session = Shore()
    record = Record(address=Address("harbor", "Lake", "a"), id="1", scope="harbor", applied={})
    expectation = Expectation(address=record.address, name="today")
    now = datetime(2026, 11, 22, tzinfo=UTC)

    assert tuple(session.expectations(record, now, now)) == ()
    assert session.access(expectation) is None
    assert session.manifested(expectation, "manifest", b"{}") is expectation
    assert session.contract(expectation, DeliveryRules()) is None
    with pytest.raises(ValueError, match="`guests` means nothing to deliveries of this vendor"):
        session.contract(expectation, DeliveryRules(options={"guests": True}))


def test_a_vendor_says_nothing_of_its_rate_limit_unless_it_does() -> None:
    assert Harbor().pace({"x-rate-limit": "1"}) is None


# --- the catalog ---


def catalog() -> tuple[Catalog, list[str]]:
    loaded: list[str] = []

    def load(name: str) -> Provider:
        loaded.append(name)
        return Harbor()

    return Catalog(["quarry", "harbor"], load), loaded


def test_a_vendor_is_loaded_when_it_is_first_asked_for_and_once() -> None:
    found, loaded = catalog()
    names = found.names
    before = list(loaded)
    first, second = found.provider("harbor"), found.provider("harbor")

    assert (names, before, loaded) == (("harbor", "quarry"), [], ["harbor"])
    assert first is second


def test_a_vendor_that_is_not_at_hand_is_unknown() -> None:
    found, loaded = catalog()

    with pytest.raises(KeyError, match="elsewhere"):
        found.provider("elsewhere")
    assert loaded == []


def test_kinds_are_found_by_name_and_type() -> None:
    found, _ = catalog()

    assert list(found.kinds("harbor")) == ["Lake", "Well"]
    assert found.kind("harbor/Well").summary == "a well"
    with pytest.raises(KeyError, match="Sea"):
        found.kind("harbor/Sea")


def test_traits_are_derived_once() -> None:
    found, _ = catalog()

    assert found.traits("harbor/Lake") == EVERYTHING
    assert found.traits("harbor/Lake") is found.traits("harbor/Lake")


def test_the_settle_time_of_a_vendor_may_be_set_from_outside() -> None:
    found, _ = catalog()
    before = found.traits("harbor/Lake").settle_seconds
    found.settles_within("harbor", 2.5)
    found.settles_within("quarry", 9.0)

    assert (before, found.traits("harbor/Lake").settle_seconds) == (30.0, 2.5)


@pytest.mark.parametrize(
    "url", ["https://x.example", "http://localhost:1", "http://a.localhost", "http://127.0.0.1:8", "http://[::1]:8"]
)
def test_credentials_travel_encrypted_or_within_this_machine(url: str) -> None:
    assert VendorSettings.model_validate({"baseUrl": url}).base_url == url


@pytest.mark.parametrize(
    "url", ["http://x.example", "ftp://localhost", "x.example", "", "https://", "http://localhost.x"]
)
def test_credentials_travel_nowhere_in_the_clear(url: str) -> None:
    assert problems(VendorSettings, {"baseUrl": url}) == [
        ("insecure-url", "the URL would send credentials in the clear; it begins with `https://`")
    ]


def test_settings_name_at_least_where_the_vendor_is() -> None:
    assert VendorSettings.model_validate({"baseUrl": "https://x"}).settle_seconds is None
    with pytest.raises(ValidationError, match="baseUrl"):
        VendorSettings.model_validate({})
