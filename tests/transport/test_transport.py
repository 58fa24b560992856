"""The HTTP client against a scripted server on a real socket."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from scripted import Scripted, Step, answer, cut, dripping, half, silence

from reconciler.sdk import Http, NotDeclaredSafe, Pace, SafeRequest, Uncertain, Unreachable, Unreadable, VendorError
from reconciler.transport import Exchange, Gate, Timeouts, Transport

SAFE = (SafeRequest("GET", "/things"), SafeRequest("GET", "/things/{}"), SafeRequest("POST", "/sessions"))
START = datetime(2026, 1, 5, 8, tzinfo=UTC)


@dataclass
class FakeTime:
    """Time that passes only when somebody sleeps."""

    passed: float = 0.0
    naps: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.passed

    def now(self) -> datetime:
        return START + timedelta(seconds=self.passed)

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.passed += seconds


@dataclass
class Bench:
    server: Scripted
    transport: Transport
    time: FakeTime
    gate: Gate
    exchanges: list[Exchange]


@contextmanager
def bench(*steps: Step, opened: bool = True, prefix: str = "", **options: Any) -> Iterator[Bench]:  # noqa: ANN401
    fake, gate, exchanges = FakeTime(), Gate(), list[Exchange]()
    if opened:
        gate.open()
    with (
        Scripted(list(steps)) as server,
        Transport(
            server.url + prefix,
            safe=SAFE,
            gate=gate,
            clock=fake.clock,
            now=fake.now,
            sleep=fake.sleep,
            jitter=lambda: 0.0,
            on_request=exchanges.append,
            **options,
        ) as transport,
    ):
        yield Bench(server, transport, fake, gate, exchanges)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def narrow(transport: Transport) -> Http:
    """Checked by the type checker: the client is what a provider is promised."""
    return transport


# What is sent and what comes back


def test_a_request_is_sent_below_the_prefix_with_its_query_and_body() -> None:
    with bench(answer(201, {"id": "t-1"}, {"X-Note": "a"}), prefix="/v1/") as it:
        reply = it.transport.request(
            "POST", "/things", query=[("$limit", "50"), ("name", "ä&b")], json={"name": "ü"}, headers={"X-Key": "k"}
        )

        assert (reply.status, reply.body, reply.is_json, reply.headers["x-note"]) == (201, {"id": "t-1"}, True, "a")
        assert it.server.lines == ["POST /v1/things?$limit=50&name=%C3%A4%26b"]
        assert it.server.seen[0].json == {"name": "ü"}
        assert it.server.seen[0].headers["x-key"] == "k"
        assert it.server.seen[0].headers["content-type"] == "application/json"
        assert it.server.seen[0].headers["user-agent"].startswith("reconciler/")


def test_a_form_is_sent_as_one() -> None:
    with bench(answer(200, {})) as it:
        it.transport.request("POST", "/sessions", form={"grant_type": "client", "scope": "a,b c"})

    [seen] = it.server.seen
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
    assert seen.body == b"grant_type=client&scope=a%2Cb+c"


def test_html_is_an_answer_that_is_no_json() -> None:
    with bench(answer(raw=b"<html>maintenance</html>")) as it:
        reply = it.transport.request("GET", "/things")

        assert (reply.status, reply.is_json, reply.body, reply.text) == (200, False, None, "<html>maintenance</html>")


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"[NaN]", b"[" * 100_000])
def test_what_is_no_json_never_raises(raw: bytes) -> None:
    with bench(answer(raw=raw)) as it:
        assert it.transport.request("GET", "/things").is_json is False


def test_connections_are_used_again() -> None:
    with bench(answer()) as it:
        for _ in range(3):
            it.transport.request("GET", "/things")

        assert (len(it.server.seen), it.server.connections) == (3, 1)


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with (
        Scripted([answer()]) as elsewhere,
        bench(answer(302, headers={"Location": f"{elsewhere.url}/things"})) as it,
    ):
        reply = it.transport.request("GET", "/things", headers={"Authorization": "Bearer t"})

        assert reply.status == 302
        assert elsewhere.connections == 0


@pytest.mark.parametrize(
    "path", ["things", "/things/../keys", "/things/..", "/things?x=1", "/things#a", "/a b", "/a\\b"]
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with bench(answer()) as it:
        with pytest.raises(ValueError, match="is not a path"):
            it.transport.request("GET", path)

        assert it.server.connections == 0


def test_a_header_that_cannot_be_sent_is_refused_without_showing_it() -> None:
    with bench(answer()) as it:
        with pytest.raises(ValueError, match="`Authorization`") as caught:
            it.transport.request("GET", "/things", headers={"Authorization": "Bearer s3cret\nX: y"})

        assert "s3cret" not in str(caught.value)
        assert it.server.connections == 0


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://api.example", "in the clear"),
        ("ftp://api.example", "begins with `https://`"),
        ("api.example", "begins with `https://`"),
        ("https://user:pass@api.example", "no credentials"),
        ("https://api.example/?a=b", "no credentials, query"),
    ],
)
def test_a_base_url_that_is_not_https_is_refused(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        Transport(url, safe=SAFE, gate=Gate())

    assert "pass@" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://api.example/v1", "http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1"]
)
def test_https_and_this_machine_are_good_base_urls(url: str) -> None:
    Transport(url, safe=SAFE, gate=Gate()).close()


# The gate


@pytest.mark.parametrize(("method", "path"), [("POST", "/things"), ("DELETE", "/things/1"), ("GET", "/secrets")])
def test_a_closed_gate_lets_nothing_undeclared_reach_the_server(method: str, path: str) -> None:
    with bench(answer(), opened=False) as it:
        with pytest.raises(NotDeclaredSafe) as caught:
            it.transport.request(method, path)

        assert (caught.value.method, caught.value.path) == (method, path)
        assert it.server.connections == 0
        assert it.exchanges == []


def test_a_closed_gate_lets_declared_requests_pass() -> None:
    with bench(answer(), opened=False) as it:
        it.transport.request("POST", "/sessions", json={})
        it.transport.request("GET", "/things/1")

        assert it.server.lines == ["POST /sessions", "GET /things/1"]


def test_a_gate_can_be_closed_again() -> None:
    with bench(answer()) as it:
        assert it.gate.is_open
        it.gate.close()
        with pytest.raises(NotDeclaredSafe):
            it.transport.request("POST", "/things")


class LockLost(Exception):
    pass


def test_the_check_of_an_open_gate_is_asked_before_every_sending() -> None:
    answers = [None, None, LockLost()]

    def check() -> None:
        if (trouble := answers.pop(0)) is not None:
            raise trouble

    with bench(answer(429, headers={"Retry-After": "9"}), answer()) as it:
        it.gate.open(check)
        with pytest.raises(LockLost):
            it.transport.request("POST", "/things")

        assert len(it.server.seen) == 1


# Failures


def test_a_request_that_was_never_sent_is_repeated_whatever_its_method_and_then_unreachable() -> None:
    fake, gate = FakeTime(), Gate()
    gate.open()
    url = f"http://127.0.0.1:{free_port()}"
    with (
        Transport(url, safe=SAFE, gate=gate, clock=fake.clock, sleep=fake.sleep, jitter=lambda: 0.0) as transport,
        pytest.raises(Unreachable, match="Connection refused, 5 times") as caught,
    ):
        transport.request("POST", "/things", json={})

    assert caught.value.request == "POST /things"
    assert fake.naps == [0.5, 1.0, 2.0, 4.0]


def test_a_name_that_nobody_knows_is_unreachable() -> None:
    fake = FakeTime()
    with (
        Transport("https://api.invalid", safe=SAFE, gate=Gate(), clock=fake.clock, sleep=fake.sleep) as transport,
        pytest.raises(Unreachable, match=r"the name `api\.invalid` is not known"),
    ):
        transport.request("GET", "/things")


@pytest.mark.parametrize("trouble", [cut, answer(407)])
def test_a_proxy_that_makes_no_connection_has_sent_nothing(trouble: Step) -> None:
    fake, gate = FakeTime(), Gate()
    gate.open()
    with (
        Scripted([trouble]) as proxy,
        Transport(
            "https://api.example", safe=SAFE, gate=gate, clock=fake.clock, sleep=fake.sleep, proxy=proxy.url
        ) as transport,
        pytest.raises(Unreachable, match=r"no connection to `api\.example`, 5 times"),
    ):
        transport.request("POST", "/things", json={})

    assert {each.method for each in proxy.seen} == {"CONNECT"}


@pytest.mark.parametrize("trouble", [cut, half, answer(500), answer(503, raw=b"<html>")])
def test_a_post_that_may_have_arrived_is_uncertain_and_sent_once(trouble: Step) -> None:
    with bench(trouble) as it:
        with pytest.raises(Uncertain, match="may or may not have taken effect"):
            it.transport.request("POST", "/things", json={})

        assert len(it.server.seen) == 1


def test_a_post_that_is_not_answered_in_time_is_uncertain() -> None:
    with bench(silence(2), timeouts=Timeouts(read=0.1)) as it:
        with pytest.raises(Uncertain, match=r"silence for 0\.1 s"):
            it.transport.request("POST", "/things", json={})

        assert len(it.server.seen) == 1


@pytest.mark.parametrize("trouble", [cut, half, answer(500), answer(502), answer(503), answer(504)])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_what_is_repeatable_is_repeated(trouble: Step, method: str) -> None:
    with bench(trouble, trouble, answer(200, {"id": "1"})) as it:
        reply = it.transport.request(method, "/things/1")

        assert reply.body == {"id": "1"}
        assert len(it.server.seen) == 3
        assert it.time.naps == [0.5, 1.0]


def test_a_post_that_is_called_repeatable_is_repeated() -> None:
    with bench(cut, answer(200, {})) as it:
        it.transport.request("POST", "/things", repeatable=True)

        assert len(it.server.seen) == 2


def test_a_post_that_is_declared_safe_is_repeated() -> None:
    with bench(cut, answer(200, {}), opened=False) as it:
        it.transport.request("POST", "/sessions")

        assert len(it.server.seen) == 2


def test_a_reading_that_fails_to_the_last_is_unreachable() -> None:
    with bench(cut, answer(503)) as it:
        with pytest.raises(Unreachable, match="the answer was 503, 5 times") as caught:
            it.transport.request("GET", "/things")

        assert caught.value.status == 503
        assert len(it.server.seen) == 5


def test_a_change_that_fails_to_the_last_may_have_taken_effect() -> None:
    with bench(cut) as it:
        with pytest.raises(Uncertain, match="cut before the answer was complete, 5 times"):
            it.transport.request("PATCH", "/things/1", json={})

        assert len(it.server.seen) == 5


def test_a_503_that_names_a_time_is_asked_again_then() -> None:
    with bench(answer(503, headers={"Retry-After": "20"}), answer()) as it:
        it.transport.request("GET", "/things")

        assert it.time.naps == [20.0]


def test_failures_are_not_repeated_beyond_the_deadline() -> None:
    with bench(answer(503), deadline=2.0) as it:
        with pytest.raises(Unreachable, match="the time for this run is used up"):
            it.transport.request("GET", "/things")

        assert it.time.naps == [0.5, 1.0]


def test_errors_hang_on_nothing_that_the_library_said() -> None:
    with bench(cut) as it, pytest.raises(Uncertain) as caught:
        it.transport.request("POST", "/things", query=[("token", "s3cret-s3cret")])

    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    assert "s3cret" not in repr(caught.value.args)


# Rate limits


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_429_is_waited_out_whatever_the_method(method: str) -> None:
    with bench(answer(429, headers={"Retry-After": "7"}), answer()) as it:
        it.transport.request(method, "/things")

        assert it.time.naps == [7.0]
        assert len(it.server.seen) == 2


def test_a_429_may_name_a_date() -> None:
    headers = {"Date": "Mon, 05 Jan 2026 10:00:00 GMT", "Retry-After": "Mon, 05 Jan 2026 10:00:30 GMT"}
    with bench(answer(429, headers=headers), answer()) as it:
        it.transport.request("GET", "/things")

        assert it.time.naps == [30.0]


def test_a_date_without_the_servers_own_is_taken_against_our_clock() -> None:
    with bench(answer(429, headers={"Retry-After": "Mon, 05 Jan 2026 08:01:00 GMT"}), answer()) as it:
        it.transport.request("GET", "/things")

        assert it.time.naps == [60.0]


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "soon"}, {"Retry-After": "-5"}])
def test_a_429_that_names_no_time_is_asked_ever_more_slowly(headers: dict[str, str]) -> None:
    with bench(*[answer(429, headers=headers)] * 8, answer()) as it:
        it.transport.request("GET", "/things")

        assert it.time.naps == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_a_server_that_always_says_now_is_not_asked_without_rest() -> None:
    with bench(*[answer(429, headers={"Retry-After": "0"})] * 4, answer()) as it:
        it.transport.request("GET", "/things")

        assert it.time.passed == 0.5 + 1.0 + 2.0


@pytest.mark.parametrize("text", ["86400", "9" * 400, "Mon, 05 Jan 2099 08:00:00 GMT"])
def test_an_absurd_wait_is_not_waited(text: str) -> None:
    with bench(answer(429, headers={"Retry-After": text})) as it:
        with pytest.raises(Unreachable, match=r"asks to wait .* beyond the 30 minutes") as caught:
            it.transport.request("POST", "/things")

        assert caught.value.status == 429
        assert it.time.naps == []


def said(headers: Any) -> Pace | None:  # noqa: ANN401
    if "left" not in headers:
        return None
    return Pace(remaining=int(headers["left"]), reset_seconds=float(headers["reset"]))


def test_nobody_asks_when_the_limit_is_used_up() -> None:
    spent = answer(headers={"Left": "0", "Reset": "9"})
    with bench(spent, answer(headers={"Left": "99", "Reset": "15"}), pace=said) as it:
        for _ in range(3):
            it.transport.request("GET", "/things")

        assert it.time.naps == [9.0]
        assert len(it.server.seen) == 3


def test_a_window_that_has_passed_is_not_waited_for() -> None:
    with bench(answer(headers={"Left": "0", "Reset": "9"}), answer(), pace=said) as it:
        it.transport.request("GET", "/things")
        it.time.passed += 10
        it.transport.request("GET", "/things")

        assert it.time.naps == []


def test_a_wait_for_the_limit_ends_within_the_deadline() -> None:
    with bench(answer(headers={"Left": "0", "Reset": "9000"}), pace=said) as it:
        it.transport.request("GET", "/things")
        with pytest.raises(Unreachable, match="used up for 9000 s, which is beyond the 30 minutes"):
            it.transport.request("GET", "/things")


def test_requests_on_their_way_count_as_used() -> None:
    limit, window = 10, 0.4
    used: list[float] = []
    lock = threading.Lock()
    opened = time.monotonic()

    def limited(connection: socket.socket) -> bool:
        nonlocal opened
        with lock:
            now = time.monotonic()
            if now - opened > window:
                opened, used[:] = now, []
            used.append(now)
            left, reset = limit - len(used), opened + window - now
        status = 200 if left >= 0 else 429
        headers = {"Left": str(max(left, 0)), "Reset": f"{reset + 0.02:.3f}", "Retry-After": f"{reset + 0.02:.3f}"}
        return answer(status, headers=headers, after=0.02)(connection)

    statuses: list[int | None] = []
    with (
        Scripted([limited]) as server,
        Transport(
            server.url,
            safe=SAFE,
            gate=Gate(),
            pace=said,
            at_once=4,
            on_request=lambda exchange: statuses.append(exchange.status),
        ) as transport,
    ):
        transport.request("GET", "/things")
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: transport.request("GET", "/things"), range(29)))

    assert 429 not in statuses
    assert len(statuses) == 30


def test_no_more_requests_than_allowed_are_on_their_way() -> None:
    with bench(answer(after=0.03), at_once=3) as it:
        with ThreadPoolExecutor(9) as threads:
            list(threads.map(lambda _: it.transport.request("GET", "/things"), range(18)))

        assert it.server.most_at_once == 3


# Answers that will not end


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"0" * 5_000_000)
    with bench(answer(raw=bomb, headers={"Content-Encoding": "gzip"}), max_body=1_000_000) as it:
        with pytest.raises(Unreadable, match="larger than 1,000,000 bytes"):
            it.transport.request("GET", "/things")

        assert len(it.server.seen) == 1
        assert it.exchanges[0].received < 1_200_000


def test_packed_answers_are_unpacked() -> None:
    packed = gzip.compress(json.dumps({"id": "1"}).encode())
    with bench(answer(raw=packed, headers={"Content-Encoding": "gzip"})) as it:
        assert it.transport.request("GET", "/things").body == {"id": "1"}


def test_a_damaged_packing_is_a_failure() -> None:
    damaged = answer(raw=b"not gzip", headers={"Content-Encoding": "gzip"})
    with bench(damaged) as it, pytest.raises(Unreachable, match="compression is damaged"):
        it.transport.request("GET", "/things")


def test_an_answer_too_large_leaves_a_change_uncertain() -> None:
    with bench(answer(raw=b"0" * 2000), max_body=1000) as it, pytest.raises(Uncertain, match="larger than"):
        it.transport.request("POST", "/things")


SLOW_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b"0" * 900
SLOW_HEADERS = b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 100


@pytest.mark.parametrize("content", [SLOW_BODY, SLOW_HEADERS])
def test_a_server_that_sends_a_byte_at_a_time_does_not_hold_us(content: bytes) -> None:
    began = time.monotonic()
    timeouts = Timeouts(read=5, total=0.4)
    with (
        bench(dripping(content, every=0.02), timeouts=timeouts, attempts=1) as it,
        pytest.raises(Unreachable, match=r"not complete after 0\.4 s"),
    ):
        it.transport.request("GET", "/things")

    assert time.monotonic() - began < 2


# What nobody may see

SECRET = 'p@ss "wörd"/+~1234'


@pytest.mark.parametrize(
    "form",
    [
        lambda secret: secret,
        json.dumps,
        lambda secret: json.dumps(json.dumps({"key": secret})),
        lambda secret: json.dumps(secret, ensure_ascii=False),
        quote,
        lambda secret: quote(secret, safe=""),
        lambda secret: base64.b64encode(f"user:{secret}".encode()).decode(),
        lambda secret: base64.b64encode(f"user1:{secret}".encode()).decode(),
        lambda secret: base64.urlsafe_b64encode(f"user12:{secret}!".encode()).decode(),
    ],
)
def test_a_hidden_text_is_hidden_however_it_is_written(form: Callable[[str], str]) -> None:
    with bench(answer()) as it:
        it.transport.hide(SECRET)
        shown = it.transport.redact(f"before {form(SECRET)} after")

    assert "***" in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert not any(len(piece) > 16 for piece in shown.removeprefix("before ").removesuffix(" after").split("***"))


def test_the_parts_of_a_service_account_key_are_hidden_too() -> None:
    private = (
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7\n-----END PRIVATE KEY-----"
    )
    with bench(answer()) as it:
        it.transport.hide(json.dumps({"type": "service_account", "private_key": private}))
        shown = it.transport.redact(f"invalid key {private!r} and MIIEvQIBADANBgkqhkiG9w0BAQEFAASC of service_account")

    assert "MIIE" not in shown
    assert "BKcw" not in shown
    assert "service_account" in shown


def test_no_secret_comes_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="reconciler")
    echo = answer(400, {"message": f"bad key {SECRET}", "errors": {SECRET: [SECRET]}})
    with bench(answer(503), echo) as it:
        it.transport.hide(SECRET)
        reply = it.transport.request(
            "GET",
            f"/things/{quote(SECRET, safe='')}",
            query=[("user_id", "jane@example.com")],
            headers={"Authorization": "Bearer abcdefgh12345"},
        )

        assert reply.body == {"message": "bad key ***", "errors": {"***": ["***"]}}
        assert "1234" not in reply.text
        for line in (*caplog.messages, *map(repr, it.exchanges)):
            assert "1234" not in line
            assert "jane" not in line
            assert "Bearer" not in line


def test_errors_are_redacted() -> None:
    with bench(cut) as it:
        it.transport.hide("t0ken-t0ken")
        with pytest.raises(VendorError) as caught:
            it.transport.request("POST", "/things/t0ken-t0ken")

    assert str(caught.value) == (
        "`POST /things/***` may or may not have taken effect: the connection was cut before the answer was complete"
    )
    assert caught.value.request == "POST /things/***"


def test_good_answers_are_left_as_they_are() -> None:
    with bench(answer(200, {"name": "lake"})) as it:
        it.transport.hide("lake")

        assert it.transport.request("GET", "/things").body == {"name": "lake"}


def test_a_request_is_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="reconciler.transport")
    with bench(answer()) as it:
        it.transport.request("GET", "/things", query=[("$limit", "50"), ("organization_id", "example-org")])

    (line,) = caplog.messages
    assert line.startswith("GET /things?$limit=…&organization_id=… -> 200 in ")


def test_exchanges_are_reported() -> None:
    with bench(cut, answer(200, {"a": 1})) as it:
        it.transport.request("GET", "/things")

        assert [(each.status, each.failure, each.received) for each in it.exchanges] == [
            (None, "the connection was cut before the answer was complete", 0),
            (200, None, 8),
        ]


def test_a_text_too_short_to_be_a_secret_is_not_told_by_the_gaps_it_would_leave() -> None:
    with bench(answer(200, {})) as it:
        it.transport.hide("y")

        assert it.transport.redact("the API key is refused") == "the API key is refused"
