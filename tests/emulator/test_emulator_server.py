"""Real sockets, the admin routes, the log over them, and several vendors on one port."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from emulator_stage import GCP, ORGANIZATION, S3, Stage, staged

from reconciler.emulator import Clock, Server, joined
from reconciler.providers.didomi.emulator import SWITCHES, create


def fetch(url: str, body: bytes | None = None) -> Any:  # noqa: ANN401 - any JSON
    port, _, path = url.removeprefix("http://127.0.0.1:").partition("/")
    client = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
    try:
        client.request("GET" if body is None else "POST", f"/{path}", body)
        return json.loads(client.getresponse().read())
    finally:
        client.close()


def admin(stage: Stage, method: str, path: str, body: object = None) -> tuple[int, Any]:
    reply = stage.call(method, f"/_emulator{path}", body, headers={})
    return reply.status, reply.body


def test_a_server_listens_on_the_loopback_interface_only() -> None:
    with pytest.raises(ValueError, match="loopback"):
        Server(create().app, host="0.0.0.0")  # noqa: S104 - the mistake under test


def test_a_url_is_known_before_the_start() -> None:
    server = Server(create().app)
    url = server.url
    server.stop()

    assert url == f"http://127.0.0.1:{server.port}"


def test_a_stopped_server_answers_nobody() -> None:
    with Server(create().app) as server:
        pass

    with pytest.raises(ConnectionRefusedError):
        fetch(f"{server.url}/_emulator/log")


def test_a_server_stops_at_once_although_a_client_holds_on() -> None:
    server = Server(create().app).start()
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    client.request("GET", "/_emulator/clock")
    client.getresponse().read()
    start = time.monotonic()
    server.stop()
    client.close()

    assert time.monotonic() - start < 1


def test_a_server_stops_at_once_although_a_request_waits() -> None:
    emulator = create()
    emulator.world.faults.delay("GET /quotas", 30)
    server = Server(emulator.app).start()
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    client.request("GET", "/quotas")
    while not emulator.world.log.entries():
        time.sleep(0.01)
    start = time.monotonic()
    server.stop()
    client.close()

    assert time.monotonic() - start < 2


def test_many_clients_are_served_at_once_and_nothing_is_lost() -> None:
    with staged() as stage:

        def create_some() -> None:
            client = Stage(stage.emulator, stage.server)
            for _ in range(10):
                client.destination()
            client.close()

        threads = [threading.Thread(target=create_some) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ids = {row["id"] for row in stage.emulator.objects("destinations")}

        assert len(ids) == 80
        assert len(stage.emulator.world.log.writes()) == 80


def test_the_date_of_an_answer_is_the_worlds() -> None:
    with staged() as stage:
        assert stage.call("GET", "/quotas").headers["date"] == "Mon, 05 Jan 2026 08:00:00 GMT"


def test_the_log_tells_what_was_asked_and_answered() -> None:
    with staged() as stage:
        stage.call("GET", "/v1/exports/destinations", query={"$limit": "5", "organization_id": ORGANIZATION})
        entry = stage.emulator.world.log.entries()[0]

        assert (entry.number, entry.method, entry.path) == (1, "GET", "/v1/exports/destinations")
        assert entry.query == (("$limit", "5"), ("organization_id", ORGANIZATION))
        assert (entry.status, entry.wrote, entry.body) == (200, False, None)


def test_the_log_tells_which_requests_wrote() -> None:
    with staged() as stage:
        made = stage.destination()
        stage.call("GET", f"/exports/destinations/{made['id']}")
        stage.call("PATCH", f"/exports/destinations/{made['id']}", {"name": ""})
        stage.call("DELETE", f"/exports/destinations/{made['id']}")

        assert [entry.method for entry in stage.emulator.world.log.writes()] == ["POST", "DELETE"]


def test_the_log_keeps_no_secret() -> None:
    with staged() as stage:
        token = stage.login().body["access_token"]
        config = {**GCP["config"], "key": "a-service-account-key"}  # type: ignore[dict-item]
        headers = {"Authorization": f"Bearer {token}"}
        stage.call("POST", "/v1/exports/destinations", {**GCP, "config": config}, headers=headers)
        stage.call("GET", f"/v1/exports/configs/{token}", query={"name": token}, headers={"X-Note": token, **headers})
        _, log = admin(stage, "GET", "/log")
        text = json.dumps(log) + repr(stage.emulator.world.log.entries())

        for secret in (token, "s_demo_not_real", "k_demo_7731", "a-service-account-key"):
            assert secret not in text


def test_admin_reads_and_clears_the_log() -> None:
    with staged() as stage:
        stage.destination()
        stage.call("GET", "/quotas")
        _, writes = admin(stage, "GET", "/log?writes=true")
        _, gets = admin(stage, "GET", "/log?method=GET&path=/quo*")
        admin(stage, "DELETE", "/log")

        assert [entry["path"] for entry in writes["entries"]] == ["/v1/exports/destinations"]
        assert [entry["number"] for entry in gets["entries"]] == [2]
        assert len(stage.emulator.world.log) == 0


def test_admin_requests_are_not_logged() -> None:
    with staged() as stage:
        admin(stage, "GET", "/log")

        assert len(stage.emulator.world.log) == 0


def test_admin_moves_the_clock() -> None:
    with staged() as stage:
        status, clock = admin(stage, "POST", "/clock", {"advance": 3600})

        assert (status, clock) == (200, {"now": "2026-01-05T09:00:00.000Z", "frozen": True})


def test_admin_sets_the_clock_and_lets_it_go() -> None:
    with staged() as stage:
        admin(stage, "POST", "/clock", {"advance_to": "2026-02-01T00:00:00Z", "frozen": False})
        _, clock = admin(stage, "GET", "/clock")

        assert clock["now"].startswith("2026-02-01T00:00:")
        assert clock["frozen"] is False


def test_admin_lists_and_moves_switches() -> None:
    with staged() as stage:
        _, before = admin(stage, "GET", "/switches")
        status, _ = admin(stage, "POST", "/switches", {"delete": 405, "strict": True})

        assert {row["name"] for row in before["switches"]} == set(SWITCHES)
        assert status == 200
        assert stage.emulator.world.switches["delete"] == "405"
        assert stage.emulator.world.switches.on("strict")


def test_admin_refuses_an_unknown_switch() -> None:
    with staged() as stage:
        status, body = admin(stage, "POST", "/switches", {"delte": "405"})

        assert status == 400
        assert "`delete`" in body["error"]


def test_admin_scripts_and_clears_faults() -> None:
    with staged() as stage:
        fault = {"route": "GET /quotas", "effect": "answer", "status": 429, "retry_after": 3, "times": None}
        admin(stage, "POST", "/faults", [fault])
        reply = stage.call("GET", "/quotas")
        _, scripted = admin(stage, "GET", "/faults")
        admin(stage, "DELETE", "/faults")

        assert (reply.status, reply.headers["retry-after"]) == (429, "3")
        assert scripted["faults"][0]["route"] == "GET /quotas"
        assert stage.call("GET", "/quotas").status == 200


def test_admin_expires_tokens() -> None:
    with staged() as stage:
        stage.token()
        admin(stage, "POST", "/expire-tokens")

        assert stage.call("GET", "/quotas").status == 401


def test_admin_shows_objects_with_secrets_as_fingerprints() -> None:
    with staged() as stage:
        stage.destination(**GCP)
        _, counts = admin(stage, "GET", "/objects")
        _, rows = admin(stage, "GET", "/objects/destinations")

        assert counts["collections"]["destinations"] == 1
        assert rows["objects"][0]["config"]["bucket_name"] == "example-drop"
        assert rows["objects"][0]["config"]["key"].startswith("***")
        assert len(rows["objects"][0]["config"]["key"]) == 15


def test_admin_is_the_vendors_console() -> None:
    with staged() as stage:
        _, made = admin(stage, "POST", "/objects/destinations", {**S3, "id": "by-hand"})
        admin(stage, "PATCH", "/objects/destinations/by-hand", {"name": "moved"})
        name = stage.listed()[0]["name"]
        admin(stage, "DELETE", "/objects/destinations/by-hand")

        assert made["id"] == "by-hand"
        assert name == "moved"
        assert stage.listed() == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("PUT", "/log", None, 405),
        ("GET", "/objects/nothing", None, 404),
        ("DELETE", "/objects/destinations/nobody", None, 404),
        ("POST", "/objects/events", {}, 400),
        ("POST", "/clock", {"advance": -1}, 400),
        ("POST", "/clock", {"rewind": 1}, 400),
        ("POST", "/switches", ["delete"], 400),
        ("POST", "/faults", {"effect": "call", "route": "* *"}, 400),
    ],
)
def test_admin_refuses_what_makes_no_sense(method: str, path: str, body: object, status: int) -> None:
    with staged() as stage:
        answered, document = admin(stage, method, path, body)

        assert answered == status
        assert document["error"]


def test_a_reset_throws_everything_away_but_the_credentials() -> None:
    with staged(strict="true") as stage:
        stage.destination()
        stage.emulator.world.switches.set({"delete": "405", "strict": "false"})
        stage.emulator.world.faults.answer("* *", 500)
        admin(stage, "POST", "/reset")

        assert stage.emulator.objects("destinations") == []
        assert stage.emulator.world.switches["delete"] == "ok"
        assert stage.emulator.world.switches["strict"] == "true"
        assert stage.call("GET", "/quotas").status == 401
        assert stage.login().status == 201


def test_several_vendors_live_on_one_port() -> None:
    one, two = create(), create(switches={"token_format": "opaque"})
    session = json.dumps({"type": "api-key", "key": "k_demo_7731", "secret": "s_demo_not_real"}).encode()
    with Server(joined({"one": one.app, "two": two.app})) as server:
        tokens = [fetch(f"{server.url}/{name}/v1/sessions", session)["access_token"] for name in ("one", "two")]
        names = fetch(server.url)

    assert [token.startswith("opaque") for token in tokens] == [False, True]
    assert names == {"vendors": ["one", "two"]}
    assert one.world.log.entries()[0].path == "/v1/sessions"


def test_connections_are_cut_on_a_shared_port_too() -> None:
    emulator = create()
    emulator.world.faults.cut_before_write("GET /quotas")
    with Server(joined({"didomi": emulator.app})) as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        client.request("GET", "/didomi/quotas")
        with pytest.raises(http.client.RemoteDisconnected):
            client.getresponse()
        client.close()


FOREVER = """
from reconciler.emulator import Server, serve_forever
from reconciler.providers.didomi.emulator import create
emulator = create()
server = Server(emulator.app)
print(server.url, flush=True)
print(serve_forever([server], [emulator.world.clock]), flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serving_for_ever_ends_with_a_signal(number: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-c", FOREVER], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    url = process.stdout.readline().decode().strip()
    assert fetch(f"{url}/_emulator/clock")["frozen"] is False
    os.kill(process.pid, number)
    printed, complaints = process.communicate(timeout=10)

    assert (process.returncode, printed.decode().strip(), complaints) == (0, str(int(number)), b"")


def test_a_clock_can_be_shared_by_vendors() -> None:
    clock = Clock.frozen()
    one, two = create(clock=clock), create(clock=clock)
    one.advance(60)

    assert two.world.clock.now() == one.world.clock.now()
