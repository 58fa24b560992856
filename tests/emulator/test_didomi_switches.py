"""Every switch of the Didomi emulator, in every position, really changes what a caller sees."""

import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from emulator_stage import DAY, GCP, INTEGRATION, ORGANIZATION, S3, Stage, event, staged

from reconciler.emulator import JsonObject, Server, UnknownSwitch
from reconciler.providers.didomi.emulator import SWITCHES, create

Probe = Callable[[Stage], object]


@dataclass(frozen=True)
class Expectation:
    probe: Probe
    seen: dict[str, object]
    others: dict[str, str]


EXPECTED: dict[str, Expectation] = {}


def switch(name: str, seen: dict[str, object], **others: str) -> Callable[[Probe], Probe]:
    """Register what a probe sees under each position; `others` are switches that must stand elsewhere for it."""

    def register(probe: Probe) -> Probe:
        EXPECTED[name] = Expectation(probe, seen, others)
        return probe

    return register


CASES = [(name, position) for name, switch in SWITCHES.items() for position in switch.positions]


@pytest.mark.parametrize(("name", "position"), CASES)
def test_a_switch_shows_in_each_of_its_positions(name: str, position: str, tmp_path: Path) -> None:
    expectation = EXPECTED[name]

    with staged({**expectation.others, name: position}, folder=tmp_path) as stage:
        seen = expectation.probe(stage)

    assert seen == expectation.seen[position]


def test_every_switch_has_a_probe() -> None:
    assert set(EXPECTED) == set(SWITCHES)


@pytest.mark.parametrize("name", SWITCHES)
def test_every_position_has_an_expectation_of_its_own(name: str) -> None:
    seen = EXPECTED[name].seen

    assert set(seen) == set(SWITCHES[name].positions)
    assert len({json.dumps(value, default=str) for value in seen.values()}) == len(seen)


@pytest.mark.parametrize("name", SWITCHES)
def test_every_switch_says_what_it_means(name: str) -> None:
    assert SWITCHES[name].name == name
    assert len(SWITCHES[name].meaning) > 20


def test_an_unknown_switch_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(UnknownSwitch, match="`patch_merge`"):
        create(switches={"patch": "deep"})


def test_an_unknown_position_is_refused_with_the_positions_that_exist() -> None:
    with pytest.raises(UnknownSwitch, match="use `shallow`, `deep`"):
        create(switches={"patch_merge": "sideways"})


def test_a_switch_for_numbers_takes_other_numbers() -> None:
    assert create(switches={"quota_exports_configs": "17"}).world.switches.number("quota_exports_configs") == 17


# Sessions.


def claims(token: str) -> JsonObject:
    found: JsonObject = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return found


@switch("token_ttl", {"3600": 3600, "86400": 86400, "60": 60})
def _(stage: Stage) -> object:
    token = stage.login().body["access_token"]
    found = claims(token)
    lives = found["exp"] - found["iat"]
    headers = {"Authorization": f"Bearer {token}"}
    stage.emulator.advance(lives - 1)
    assert stage.call("GET", "/quotas", headers=headers).status == 200
    stage.emulator.advance(1)
    assert stage.call("GET", "/quotas", headers=headers).status == 401
    return lives


@switch("token_format", {"jwt": 3, "opaque": 1})
def _(stage: Stage) -> object:
    token = stage.login().body["access_token"]
    assert stage.call("GET", "/quotas", headers={"Authorization": f"Bearer {token}"}).status == 200
    return len(token.split("."))


@switch("session_reply", {"full": ["access_token", "key", "type"], "token_only": ["access_token"]})
def _(stage: Stage) -> object:
    return sorted(stage.login().body)


@switch("sessions_limited", {"false": [201, 201], "true": [201, 429]}, rate_limit="1/15")
def _(stage: Stage) -> object:
    return [stage.login().status, stage.login().status]


# Lists.


def many(stage: Stage, count: int) -> None:
    for number in range(count):
        stage.emulator.insert("destinations", {**S3, "name": f"destination {number}"})


@switch("default_limit", {"10": [10, 10], "100": [100, 100]})
def _(stage: Stage) -> object:
    many(stage, 120)
    body = stage.call("GET", "/exports/destinations").body
    return [body["limit"], len(body["data"])]


@switch("over_limit", {"clamp": [200, 100], "400": [400, None]})
def _(stage: Stage) -> object:
    reply = stage.call("GET", "/exports/destinations", query={"$limit": "500"})
    return [reply.status, reply.body.get("limit")]


@switch("bare_array", {"false": ["dict"] * 5, "true": ["list"] * 5})
def _(stage: Stage) -> object:
    paths = ("exports/destinations", "marketplace/integrations", "quotas", "premium-features", "exports/logs")
    return [type(stage.call("GET", f"/{path}").body).__name__ for path in paths]


@switch("default_order", {"oldest": ["destination 0", "destination 1"], "newest": ["destination 1", "destination 0"]})
def _(stage: Stage) -> object:
    many(stage, 2)
    return [row["name"] for row in stage.listed()]


@switch("list_filters", {"honoured": 1, "ignored": 2})
def _(stage: Stage) -> object:
    many(stage, 2)
    return len(stage.listed(name="destination 1"))


@switch("list_lag", {"0": [1, 1, 1], "2": [0, 0, 1]})
def _(stage: Stage) -> object:
    stage.destination()
    return [len(stage.listed()), len(stage.listed()), len(stage.listed())]


@switch("foreign_read", {"empty": [[200, 0]] * 4, "403": [[403, None]] * 4})
def _(stage: Stage) -> object:
    many(stage, 1)
    paths = ("exports/destinations", "quotas", "exports/logs", "consents/users")
    replies = [stage.call("GET", f"/{path}", query={"organization_id": "another-example"}) for path in paths]
    return [[reply.status, None if reply.status == 403 else len(reply.body["data"])] for reply in replies]


# Routes that are only inferred.

PLACES = ("exports/destinations", "exports/configs", "marketplace/integrations")


def statuses(stage: Stage, method: str, body: object = None, *, of_list: bool = False) -> object:
    config = stage.config()
    integration = stage.call("POST", "/marketplace/integrations", INTEGRATION, query={"organization_id": ORGANIZATION})
    ids = (config["destinations_id"][0], config["id"], integration.body["id"])
    ends = ["" if of_list else f"/{id}" for id in ids]
    found = [stage.call(method, f"/{place}{end}", body) for place, end in zip(PLACES, ends, strict=True)]
    return [reply.status for reply in found]


@switch("list", {"ok": [200] * 3, "404": [404] * 3, "405": [405] * 3})
def _(stage: Stage) -> object:
    return statuses(stage, "GET", of_list=True)


@switch("read", {"ok": [200] * 3, "404": [404] * 3, "405": [405] * 3})
def _(stage: Stage) -> object:
    return statuses(stage, "GET")


@switch("update", {"ok": [200] * 3, "404": [404] * 3, "405": [405] * 3})
def _(stage: Stage) -> object:
    return statuses(stage, "PATCH", {})


@switch("replace", {"ok": [400] * 3, "404": [404] * 3, "405": [405] * 3})
def _(stage: Stage) -> object:
    return statuses(stage, "PUT", {})


@switch("delete", {"ok": [200] * 3, "404": [404] * 3, "405": [405] * 3}, delete_referenced="allow")
def _(stage: Stage) -> object:
    return statuses(stage, "DELETE")


@switch("hidden", {"ok": [200, 1, 200], "404": [404, 1, 200]})
def _(stage: Stage) -> object:
    path = f"/exports/destinations/{stage.destination()['id']}"
    return [stage.call("GET", path).status, len(stage.listed()), stage.call("PATCH", path, {"name": "new"}).status]


# Writes.


@switch("create_status", {"mixed": [201, 201, 200], "200": [200] * 3, "201": [201] * 3})
def _(stage: Stage) -> object:
    exported = stage.call("POST", "/exports/destinations", S3)
    return [stage.login().status, exported.status, stage.events(event()).status]


@switch("unique_names", {"false": [201, 200], "true": [409, 409]})
def _(stage: Stage) -> object:
    stage.destination()
    other = stage.destination(name="other")
    again = stage.call("POST", "/exports/destinations", S3)
    renamed = stage.call("PATCH", f"/exports/destinations/{other['id']}", {"name": S3["name"]})
    return [again.status, renamed.status]


@switch(
    "patch_merge",
    {"shallow": {"users": {"enabled": False}}, "deep": {"users": {"enabled": False}, "proofs": {"enabled": False}}},
)
def _(stage: Stage) -> object:
    path = f"/exports/configs/{stage.config()['id']}"
    return stage.call("PATCH", path, {"data": {"users": {"enabled": False}}}).body["data"]


@switch("strict", {"false": [201, 200, 200], "true": [400, 400, 400]})
def _(stage: Stage) -> object:
    stage.emulator.insert("destinations", {**S3, "id": "known"})
    posted = stage.call("POST", "/exports/destinations", {**S3, "colour": "red"})
    patched = stage.call("PATCH", "/exports/destinations/known", {"version": 0})
    return [posted.status, patched.status, stage.events(event(colour="red")).status]


@switch("unknown_stored", {"false": [None, None], "true": ["red", "blue"]})
def _(stage: Stage) -> object:
    made = stage.destination(colour="red")
    changed = stage.call("PATCH", f"/exports/destinations/{made['id']}", {"colour": "blue"}).body
    return [made.get("colour"), changed.get("colour")]


@switch("account_id_mutable", {"true": [200, 200], "false": [400, 200]})
def _(stage: Stage) -> object:
    path = f"/exports/destinations/{stage.destination()['id']}"
    changed = stage.call("PATCH", path, {"config": {"account_id": "000000000001"}})
    other = stage.call("PATCH", path, {"description": "new"})
    return [changed.status, other.status]


@switch("bucket_mutable", {"true": [200, 200], "false": [400, 200]})
def _(stage: Stage) -> object:
    path = f"/exports/destinations/{stage.destination(**GCP)['id']}"
    config = {"project_id": "example-data", "bucket_name": "example-drop", "key": "new"}
    moved = stage.call("PATCH", path, {"config": {**config, "bucket_name": "other"}})
    back = stage.call("PATCH", path, {"config": config})
    return [moved.status, back.status]


@switch("delete_referenced", {"409": [409, 2], "allow": [200, 1]})
def _(stage: Stage) -> object:
    config = stage.config()
    stage.destination()
    reply = stage.call("DELETE", f"/exports/destinations/{config['destinations_id'][0]}")
    return [reply.status, len(stage.emulator.objects("destinations"))]


@switch("errors_shape", {"object": {}, "array": [], "absent": "absent"})
def _(stage: Stage) -> object:
    return stage.call("GET", "/exports/destinations/nobody").body.get("errors", "absent")


# Answers.


@switch("secret_echo", {"omit": None, "mask": "********", "plain": '{"type":"service_account"}'})
def _(stage: Stage) -> object:
    made = stage.destination(**GCP)
    seen = [made, stage.listed()[0], stage.call("GET", f"/exports/destinations/{made['id']}").body]
    keys = {row["config"].get("key") for row in seen}
    assert len(keys) == 1
    return keys.pop()


@switch("bookkeeping", {"true": ["created_at", "updated_at", "version"], "false": []})
def _(stage: Stage) -> object:
    return sorted({"created_at", "updated_at", "version"} & set(stage.destination()))


@switch("extra_fields", {"false": [False] * 7, "true": [True] * 7})
def _(stage: Stage) -> object:
    config = stage.config()
    stage.emulator.advance(2 * DAY)
    seen = [
        config,
        stage.listed()[0],
        stage.logs(config["id"])[0],
        stage.events(event(), single=True).body,
        stage.user(),
        stage.call("GET", "/quotas").body["data"][0],
    ]
    return [*("new_property" in row for row in seen), "new_nested_property" in config["data"]]


@switch("reference_order", {"kept": ["zz", "aa"], "sorted": ["aa", "zz"]})
def _(stage: Stage) -> object:
    for id in ("aa", "zz"):
        stage.emulator.insert("destinations", {**S3, "id": id})
    return stage.call("POST", "/exports/configs", stage.config_body("zz", "aa")).body["destinations_id"]


@switch("provision_delay", {"0": [True, True, True], "2": [False, False, True]})
def _(stage: Stage) -> object:
    made = stage.destination()
    path = f"/exports/destinations/{made['id']}"
    seen = [made, stage.call("GET", path).body, stage.call("GET", path).body]
    return ["bucket_name" in row["config"] and "bucket_access_role_arn" in row["config"] for row in seen]


# The current generation.


@switch("organization_in", {"query": [201, 400, 201], "body": [400, 201, 201], "both": [400, 400, 201]})
def _(stage: Stage) -> object:
    named = {**INTEGRATION, "organization_id": ORGANIZATION}
    query = {"organization_id": ORGANIZATION}
    path = "/marketplace/integrations"
    replies = (
        stage.call("POST", path, INTEGRATION, query=query),
        stage.call("POST", path, named),
        stage.call("POST", path, named, query=query),
    )
    return [reply.status for reply in replies]


@switch("gcp_fields_in", {"authentication": [201, 400], "properties": [400, 201]})
def _(stage: Stage) -> object:
    daily = {"frequency": 1, "data": ["users"]}
    bodies = (
        {"type_id": "batch-exports-gcp", "authentication": GCP["config"], "properties": daily, "mappings": []},
        {"type_id": "batch-exports-gcp", "properties": {**daily, **GCP["config"]}},  # type: ignore[dict-item]
    )
    query = {"organization_id": ORGANIZATION}
    return [stage.call("POST", "/marketplace/integrations", body, query=query).status for body in bodies]


# Limits.


@switch(
    "rate_limit",
    {
        "100/15": ["limit=100, remaining=94, reset=15", 200],
        "5/15": ["limit=5, remaining=0, reset=15", 429],
        "off": [None, 200],
    },
)
def _(stage: Stage) -> object:
    for _ in range(5):
        stage.call("GET", "/quotas")
    last = stage.call("GET", "/quotas")
    return [last.headers.get("ratelimit"), last.status]


@switch("quota_exports_configs", {"3": [3, 3], "1": [1, 1]})
def _(stage: Stage) -> object:
    body = stage.config_body(stage.destination()["id"])
    made = [stage.call("POST", "/exports/configs", body).status for _ in range(5)]
    return [stage.call("GET", "/quotas").body["data"][0]["exports_configs"], made.count(201)]


@switch("quota_exports_destinations", {"2": [2, 201, 403], "1": [1, 403, 403]})
def _(stage: Stage) -> object:
    ids = [stage.destination()["id"] for _ in range(3)]
    made = [stage.call("POST", "/exports/configs", stage.config_body(*ids[:count])).status for count in (2, 3)]
    return [stage.call("GET", "/quotas").body["data"][0]["exports_destinations"], *made]


@switch("quota_status", {"403": 403, "400": 400, "409": 409}, quota_exports_configs="0")
def _(stage: Stage) -> object:
    return stage.call("POST", "/exports/configs", stage.config_body(stage.destination()["id"])).status


@switch("premium_batch_exports", {"true": [True, 200, 200, 200], "false": [False, 403, 403, 200]})
def _(stage: Stage) -> object:
    flag = stage.call("GET", "/premium-features").body["data"][0]["batch_exports"]
    paths = ("exports/destinations", "marketplace/integrations", f"consents/users?organization_id={ORGANIZATION}")
    return [flag, *(stage.call("GET", f"/{path}").status for path in paths)]


@switch("premium_consents_api", {"true": [True, 200, 200], "false": [False, 200, 403]})
def _(stage: Stage) -> object:
    flag = stage.call("GET", "/premium-features").body["data"][0]["consents_api"]
    return [flag, stage.call("GET", "/exports/configs").status, stage.consents("GET", "users").status]


@switch("premium_manual_run", {"false": [False, 403, 0], "true": [True, 200, 1]})
def _(stage: Stage) -> object:
    config = stage.config()
    flag = stage.call("GET", "/premium-features").body["data"][0]["batch_exports_manual_run"]
    reply = stage.call("POST", "/exports/execute", {"export_id": config["id"]})
    return [flag, reply.status, len(stage.logs(config["id"]))]


@switch("premium_status", {"403": [403, 403], "404": [404, 404]}, premium_batch_exports="false")
def _(stage: Stage) -> object:
    created = stage.call("POST", "/exports/destinations", S3)
    return [created.status, stage.call("GET", "/exports/destinations").status]


# Consents.


@switch("import_failure", {"atomic": [400, []], "prefix": [400, ["e-1"]], "best_effort": [400, ["e-1", "e-3"]]})
def _(stage: Stage) -> object:
    reply = stage.events(event("e-1"), event("e-2", consents=7), event("e-3"))
    return [reply.status, [row["id"] for row in stage.emulator.objects("events")]]


@switch(
    "dup",
    {"ack": [200, ["e-1", "e-2"]], "conflict_item": [409, ["e-1", "e-2"]], "conflict_batch": [409, ["e-1"]]},
    import_failure="best_effort",
)
def _(stage: Stage) -> object:
    stage.events(event("e-1"))
    reply = stage.events(event("e-1"), event("e-2"))
    return [reply.status, [row["id"] for row in stage.emulator.objects("events")]]


@switch("batch_order", {"input": ["e-1", "e-2"], "reversed": ["e-2", "e-1"]})
def _(stage: Stage) -> object:
    return [row["id"] for row in stage.events(event("e-1"), event("e-2")).body]


@switch("validate_purposes", {"true": [400, 400, 200], "false": [200, 200, 200]})
def _(stage: Stage) -> object:
    def chosen(**purpose: object) -> int:
        return stage.events(event(None, consents={"purposes": [{"enabled": True, **purpose}]})).status

    return [
        chosen(id="unheard-of"),
        chosen(id="newsletter", values={"pref-topics": {"value": "val-sport,val-unheard-of"}}),
        chosen(id="newsletter", values={"pref-topics": {"value": "val-sport,val-food"}}),
    ]


@switch("events_cursor", {"false": [["data"], 120], "true": [["cursor", "data", "limit"], 100]})
def _(stage: Stage) -> object:
    stage.events(*(event(f"e-{number}") for number in range(60)))
    stage.events(*(event(f"f-{number}") for number in range(60)))
    body = stage.consents("GET", "events", organization_user_id="user-1").body
    if body.get("cursor"):
        following = stage.call(
            "GET",
            "/consents/events",
            query={"organization_id": ORGANIZATION, "organization_user_id": "user-1", "$cursor": body["cursor"]},
        ).body
        assert len(following["data"]) == 20
        assert following["cursor"] is None
    return [sorted(body), len(body["data"])]


@switch("back_dating", {"by_date": True, "by_arrival": False})
def _(stage: Stage) -> object:
    stage.events(event("new", "2026-01-03T00:00:00Z"))
    refused = {"purposes": [{"id": "newsletter", "enabled": False}]}
    stage.events(event("old", "2025-01-03T00:00:00Z", consents=refused))
    return stage.user()["consents"]["purposes"][0]["enabled"]


@switch("one_record", {"false": 2, "true": 1})
def _(stage: Stage) -> object:
    for device in ("device-1", "device-2"):
        stage.events(event(None, user={"id": device, "organization_user_id": "user-1"}))
    return len(stage.emulator.objects("users"))


# Deliveries.


def after_a_day(stage: Stage, seconds: int = DAY + 600) -> tuple[list[JsonObject], list[str]]:
    """Log rows and delivered keys, partition left out, a day and a run after a configuration was made."""
    config = stage.config()
    stage.emulator.advance(seconds)
    return stage.logs(config["id"]), delivered(stage)


def delivered(stage: Stage) -> list[str]:
    root = stage.emulator.deliveries.drop.root  # type: ignore[union-attr]
    return sorted(
        path.relative_to(root).as_posix().partition("/date=")[2].partition("/")[2]
        for path in root.rglob("*")
        if path.is_file()
    )


def lines(stage: Stage) -> list[JsonObject]:
    root = stage.emulator.deliveries.drop.root  # type: ignore[union-attr]
    return [
        json.loads(line)
        for path in sorted(root.rglob("*.json.gz"))
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]


@switch(
    "runs",
    {
        "completed": ["completed", {"users": 5}, None, True],
        "failed": ["failed", {}, "the destination refused the files", False],
        "stuck": ["pending", {}, None, False],
    },
)
def _(stage: Stage) -> object:
    logs, keys = after_a_day(stage)
    return [logs[0]["status"], logs[0]["metrics"], logs[0]["result"], "users/_SUCCESS" in keys]


@switch(
    "run_result",
    {"the destination refused the files": "the destination refused the files", "access denied": "access denied"},
    runs="failed",
)
def _(stage: Stage) -> object:
    return after_a_day(stage)[0][0]["result"]


@switch("run_seconds", {"600": ["pending", False, "completed", True], "0": ["completed", True, "completed", True]})
def _(stage: Stage) -> object:
    logs, keys = after_a_day(stage, DAY + 599)
    before = [logs[0]["status"], "users/_SUCCESS" in keys]
    stage.emulator.advance(1)
    return [*before, stage.logs(logs[0]["export_id"])[0]["status"], "users/_SUCCESS" in delivered(stage)]


@switch("log_order", {"newest": True, "oldest": False})
def _(stage: Stage) -> object:
    logs, _ = after_a_day(stage, 3 * DAY)
    return logs[0]["created_at"] > logs[-1]["created_at"]


@switch("log_times", {"true": True, "false": False})
def _(stage: Stage) -> object:
    return "created_at" in after_a_day(stage)[0][0]


@switch("users_per_run", {"5": [5, 5], "0": [0, 0]})
def _(stage: Stage) -> object:
    logs, _ = after_a_day(stage)
    return [logs[0]["metrics"]["users"], len(lines(stage))]


@switch("parts", {"1": [1, 5], "3": [3, 5]})
def _(stage: Stage) -> object:
    _, keys = after_a_day(stage)
    return [len([key for key in keys if key.endswith(".json.gz")]), len(lines(stage))]


@switch("guests", {"false": 0, "true": 2})
def _(stage: Stage) -> object:
    stage.events(event(None, user={}))
    after_a_day(stage)
    return len([line for line in lines(stage) if line["user"]["organization_user_id"] is None])


@switch("shape", {"v1": ["preferences"], "v2": ["values"]})
def _(stage: Stage) -> object:
    after_a_day(stage)
    purposes = [purpose for line in lines(stage) for purpose in line["user"]["consents"]["purposes"]]
    return sorted({name for purpose in purposes for name in purpose} & {"preferences", "values"})


@switch("source_shape", {"string": "str", "object": "dict", "null": "NoneType"})
def _(stage: Stage) -> object:
    after_a_day(stage)
    kinds = {type(found["source"]).__name__ for line in lines(stage) for found in line["events"]}
    kinds.add(type(stage.events(event(), single=True).body["source"]).__name__)
    assert len(kinds) == 1
    return kinds.pop()


@switch("empty_day", {"success": ["users/_SUCCESS"], "nothing": []}, users_per_run="0")
def _(stage: Stage) -> object:
    return after_a_day(stage)[1]


@switch("success_folder", {"users": ["users/_SUCCESS"], "date": ["_SUCCESS"]}, users_per_run="0")
def _(stage: Stage) -> object:
    return after_a_day(stage)[1]


@switch("first_run", {"delta": 0, "full": 1}, users_per_run="0")
def _(stage: Stage) -> object:
    stage.events(event())
    stage.emulator.advance(2 * DAY)
    after_a_day(stage)
    return len(lines(stage))


@switch("events", {"period": ["new"], "history": ["old", "new"]}, users_per_run="0")
def _(stage: Stage) -> object:
    stage.events(event("old"))
    stage.emulator.advance(2 * DAY)
    stage.config()
    stage.events(event("new", "2026-01-07T09:00:00Z"))
    stage.emulator.advance(DAY)
    return [found["id"] for line in lines(stage) for found in line["events"]]


@switch("expiry", {"7d": [2, 0], "off": [2, 2]})
def _(stage: Stage) -> object:
    config = stage.config()
    stage.emulator.advance(DAY + 600)
    stage.emulator.edit("configs", config["id"], {"enabled": False})
    before = len(delivered(stage))
    stage.emulator.advance(7 * DAY)
    return [before, len(delivered(stage))]


def test_a_switch_can_be_moved_while_the_emulator_runs() -> None:
    emulator = create(switches={"rate_limit": "off"})
    with Server(emulator.app) as server:
        stage = Stage(emulator, server)
        before = stage.call("GET", "/exports/destinations").body
        emulator.world.switches.set({"bare_array": "true"})
        after = stage.call("GET", "/exports/destinations").body
        stage.close()

    assert (type(before), type(after)) == (dict, list)
