"""Secrets that sing when they are seen appear in nothing that the program says or keeps, whatever goes wrong."""

from __future__ import annotations

import base64
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from canary_stage import API_KEY, API_SECRET, ENV_KEY, FILE_KEY, SECRETS, Aviary
from program import Held, RealTime, until
from secret_search import files_below, forms, hits
from world import Theatre

DESTINATION = "POST /exports/destinations"


@pytest.fixture(scope="module")
def real_time() -> Iterator[Theatre]:
    theatre = RealTime()
    yield theatre
    theatre.close()


@pytest.fixture
def aviary(tmp_path: Path, real_time: Theatre) -> Aviary:
    return Aviary(tmp_path, real_time)


def echo(*secrets: str) -> dict[str, object]:
    """An error of a vendor that repeats what it was sent in every way that comes to mind."""
    return {
        "message": "; ".join(
            text
            for each in secrets
            for text in (
                f"bad key {each}",
                json.dumps({"key": each}),
                json.dumps(json.dumps({"key": each})),
                quote(each, safe=""),
                base64.b64encode(each.encode()).decode(),
                base64.urlsafe_b64encode(b"x" + each.encode()).decode(),
            )
        )[:4000],
        "errors": {each: each.splitlines() for each in secrets},
    }


# --- when all goes well ---


@pytest.mark.parametrize(
    "position", ["plain", pytest.param("omit", marks=pytest.mark.slow), pytest.param("mask", marks=pytest.mark.slow)]
)
def test_no_command_says_or_keeps_a_secret(aviary: Aviary, position: str) -> None:
    aviary.vendor.switch(secret_echo=position)
    aviary.say("validate")
    aviary.say("validate", "--format", "json")
    aviary.say("plan", "-v", expect=0)
    aviary.say("plan", "--format", "json", "-o", "plan.json")
    aviary.say("plan", "--format", "markdown")
    aviary.say("show", "plan.json", "-v")
    aviary.say("show", "plan.json", "--format", "json")
    aviary.say("apply", "plan.json", "-y")
    aviary.say("show")
    aviary.say("show", "--format", "json")
    aviary.say("state", "list")
    aviary.say("state", "show", "didomi/Destination/env")
    aviary.say("state", "show", "didomi/Integration/market")
    for address in ("didomi/Destination/env", "didomi/Destination/file", "didomi/Integration/market"):
        aviary.say("explain", address, "-v")
    aviary.say("graph", "--plan")
    aviary.say("doctor")
    aviary.want(bucket="example-other", version="2")
    aviary.say("plan", "-v", "--detailed-exitcode", expect=2)
    aviary.say("apply", "-y")
    aviary.say("apply", "-y", "--resend-secrets", "didomi/Destination/file")
    aviary.say("runs")
    aviary.say("destroy", "-y")

    assert aviary.leaks() == []
    sent = {each["config"]["key"] for each in aviary.vendor.objects("destinations")}
    assert sent == set(), "all is gone"


def test_the_secrets_do_arrive_at_the_vendor(aviary: Aviary) -> None:
    aviary.say("apply", "-y")

    arrived = [each["config"]["key"] for each in aviary.vendor.objects("destinations")]
    assert sorted(arrived) == sorted([ENV_KEY, FILE_KEY])
    assert aviary.vendor.objects("integrations")[0]["authentication"]["key"] == ENV_KEY


# --- when a vendor gives them away ---


@pytest.mark.parametrize(
    "status", [400, 500, *(pytest.param(each, marks=pytest.mark.slow) for each in (403, 409, 422))]
)
def test_a_vendor_that_repeats_secrets_in_an_error_is_not_quoted(aviary: Aviary, status: int) -> None:
    secrets = (ENV_KEY, FILE_KEY, API_KEY, API_SECRET)
    aviary.vendor.faults.answer("POST /exports/*", status, body=echo(*secrets), times=None)
    aviary.vendor.faults.answer("POST /marketplace/*", status, body=echo(*secrets), times=None)

    said = aviary.say("apply", "-y", expect=None)

    assert "Apply incomplete: 0 added" in said
    assert aviary.leaks() == []


@pytest.mark.parametrize("route", ["POST /sessions", "GET /exports/configs", "GET /quotas", "GET /premium-features"])
@pytest.mark.parametrize("command", [("plan",), pytest.param(("doctor",), marks=pytest.mark.slow)], ids=str)
def test_a_vendor_that_repeats_credentials_while_reading_is_not_quoted(
    aviary: Aviary, route: str, command: tuple[str, ...]
) -> None:
    aviary.vendor.faults.answer(route, 400, body=echo(API_KEY, API_SECRET), times=None)

    aviary.say(*command, expect=None)

    assert aviary.leaks() == []


def test_a_good_answer_that_is_nothing_but_the_secret_is_not_quoted(aviary: Aviary) -> None:
    aviary.vendor.faults.answer(DESTINATION, 200, body=ENV_KEY, after_write=True, times=None)
    aviary.vendor.faults.answer("GET /exports/configs", 200, body=[API_SECRET, ENV_KEY], nth=2, times=None)

    aviary.say("apply", "-y", expect=None)

    assert aviary.leaks() == []


def test_a_web_page_and_half_an_answer_are_not_quoted(aviary: Aviary) -> None:
    aviary.vendor.switch(secret_echo="plain")
    aviary.vendor.faults.broken_json(DESTINATION, nth=1)
    aviary.vendor.faults.html(DESTINATION, nth=2)
    aviary.vendor.faults.cut_in_reply("POST /marketplace/integrations")

    aviary.say("apply", "-y", expect=None)
    aviary.say("apply", "-y")

    assert aviary.leaks() == []


def test_credentials_that_are_refused_are_not_shown(aviary: Aviary) -> None:
    (aviary.secrets / "api").write_text(ENV_KEY, encoding="utf-8")

    for words in (("plan",), ("apply", "-y")):
        said = aviary.say(*words, expect=7)
        assert "does not accept the API key" in said
    aviary.say("doctor", expect=1)

    assert aviary.leaks() == []


def test_a_cut_connection_shows_nothing(aviary: Aviary) -> None:
    aviary.vendor.faults.cut_before_write("POST /sessions")
    aviary.vendor.faults.cut_after_write(DESTINATION)
    aviary.vendor.faults.cut_before_write("POST /marketplace/integrations")

    aviary.say("apply", "-y")

    assert aviary.leaks() == []


def test_nobody_at_the_address_shows_nothing(aviary: Aviary) -> None:
    aviary.vendor.words["baseUrl"] = "http://127.0.0.1:9"
    aviary.settings["deadline"] = 0.02
    aviary.want()

    aviary.say("plan", expect=1)

    assert aviary.leaks() == []


def test_a_redirect_takes_no_secret_along(aviary: Aviary) -> None:
    aviary.vendor.faults.redirect("POST *", f"http://127.0.0.1:9/?key={quote(API_KEY)}", times=None)

    aviary.say("plan", expect=None)

    assert aviary.leaks() == []


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_result_of_a_run_that_quotes_secrets_is_not_repeated(aviary: Aviary, form: str) -> None:
    aviary.say("apply", "-y")
    told = f"access denied for {API_KEY}, {json.dumps(ENV_KEY)} and {FILE_KEY}"
    aviary.vendor.switch(runs="failed", run_result=told[:500], run_seconds="0")
    aviary.vendor.emulator.run_now(aviary.vendor.objects("configs")[0]["id"])  # type: ignore[attr-defined]  # Didomi's
    aviary.vendor.emulator.catch_up()

    said = aviary.say("runs", "--format", form)

    assert "access denied for ***" in said
    assert aviary.leaks() == []


# --- when the program itself goes wrong ---


def _rogue(aviary: Aviary) -> None:
    aviary.settings["vendors"] = {"rogue": {"place": "create"}}
    key = {"env": "RECONCILER_SECRET_GCS"}
    manifest = {"apiVersion": "rogue.reconciler/v1", "kind": "Thing", "metadata": {"name": "thing"}}
    aviary.begin([{**manifest, "spec": {"title": "A", "key": key}}])


def test_the_traceback_of_a_crash_shows_no_secret(aviary: Aviary) -> None:
    _rogue(aviary)

    said = aviary.composed("apply", "-y", expect=1)

    assert "Traceback (most recent call last)" in said
    assert "RuntimeError: ('cannot send " in said
    assert "The above exception was the direct cause" in said
    assert "about to send" in said, "the log is at its most talkative"
    assert aviary.leaks() == []


def test_after_a_kill_and_the_recovery_nothing_is_left_of_a_secret(aviary: Aviary) -> None:
    aviary.vendor.switch(secret_echo="plain")
    held = Held(aviary.vendor, DESTINATION, after_write=True)
    running = aviary.start("apply", "-y")
    held.arrives()
    running.send(signal.SIGKILL)
    aviary.keep(running, "killed", expect=-signal.SIGKILL)
    held.let_go()
    until(lambda: len(aviary.vendor.objects("destinations")) >= 1, "the vendor had made it")
    between = aviary.leaks()
    aviary.say("plan", "-v")
    aviary.say("doctor", expect=1)
    aviary.say("apply", "-y")

    assert between == []
    assert aviary.leaks() == []


# --- when people make mistakes ---


def test_a_secret_written_into_a_manifest_is_refused_and_not_repeated(aviary: Aviary) -> None:
    text = (aviary.folder / "specs" / "all.yaml").read_text(encoding="utf-8")
    wrong = text.replace('{"env": "RECONCILER_SECRET_GCS", "version": "1"}', json.dumps("canary-inline-55aa77"))
    assert wrong != text
    path = aviary.folder / "specs" / "all.yaml"
    path.write_text(wrong, encoding="utf-8")

    for words in (("validate",), ("validate", "--format", "json"), ("plan",), ("apply", "-y")):
        aviary.say(*words, expect=8)

    assert hits({"inline": "canary-inline-55aa77"}, aviary.said | files_below(aviary.folder, besides=[path])) == []


def test_a_secret_written_into_the_project_file_is_refused_and_not_repeated(aviary: Aviary) -> None:
    path = aviary.folder / "reconciler.yaml"
    path.write_text(path.read_text("utf-8").replace('{"env": "DIDOMI_KEY"}', f'"{API_KEY}"'), encoding="utf-8")

    for words in (("validate",), ("plan",), ("doctor",)):
        aviary.say(*words, expect=8)

    assert hits({"API key": API_KEY}, aviary.said) == []


def test_a_secret_that_is_missing_is_named_by_its_place(aviary: Aviary) -> None:
    del aviary.environ["RECONCILER_SECRET_GCS"]

    said = aviary.say("apply", "-y", expect=7)

    assert "`RECONCILER_SECRET_GCS` is not set" in said
    assert aviary.vendor.writes() == ()
    assert aviary.leaks() == []


# --- the search itself ---


@pytest.mark.parametrize("name", SECRETS)
def test_the_search_finds_a_secret_in_every_form(tmp_path: Path, name: str) -> None:
    secret = SECRETS[name]
    for number, form in enumerate(sorted(forms(secret))):
        place = tmp_path / f".hidden-{number}"
        place.write_bytes(b"before " + form + b" after")

        found = hits(SECRETS, files_below(tmp_path))

        assert any(str(place) in each and name in each for each in found)
        place.unlink()
    assert hits(SECRETS, files_below(tmp_path)) == []


def test_the_search_finds_a_secret_in_the_middle_of_base64_and_in_a_file_name(tmp_path: Path) -> None:
    whole = base64.b64encode(b'{"a": 1, "key": "' + API_KEY.encode() + b'"}')
    (tmp_path / API_KEY).touch()

    assert hits({"API key": API_KEY}, {"sent": whole}) != []
    assert hits({"API key": API_KEY}, files_below(tmp_path)) != []


def test_the_search_hears_a_secret_that_is_said(aviary: Aviary) -> None:
    aviary.said["loud"] = f"error: {FILE_KEY}".encode()

    assert [each for each in aviary.leaks() if each.startswith("loud: key in file")]


def test_the_search_knows_the_tokens_that_the_vendor_gave_out(aviary: Aviary) -> None:
    aviary.say("plan")

    assert len(aviary.tokens()) >= 1
