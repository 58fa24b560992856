"""Commands that only look: `validate` reaches nobody, `plan` and its like send only what is declared safe."""

from __future__ import annotations

import json
import select
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from program import CONTENT, Project, RealTime, Running, lake, manifest
from world import CANARY, Theatre, catalog

from reconciler.emulator import Entry

_COMPOSED = Path(__file__).parent / "composed.py"
_SAMPLES = Path(__file__).parent.parent / "conformance" / "samples"

OFFLINE = (
    ("validate",),
    ("validate", "--format", "json"),
    ("graph",),
    ("graph", "--format", "svg"),
    ("show",),
    ("state", "list"),
    ("schema",),
    ("version",),
)


def composed(folder: Path, *words: str, environ: dict[str, str] | None = None) -> Running:
    """The program with every vendor that tests know."""
    return Running([sys.executable, str(_COMPOSED), *words], folder=folder, environ=environ or {})


@pytest.fixture(scope="module")
def real_time() -> Iterator[Theatre]:
    theatre = RealTime()
    yield theatre
    theatre.close()


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """Somebody who listens and can tell whether anybody came."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening


def address_of(trap: socket.socket) -> str:
    return f"http://127.0.0.1:{trap.getsockname()[1]}"


def came(trap: socket.socket) -> bool:
    return bool(select.select([trap], [], [], 0.2)[0])


def write(folder: Path, vendors: dict[str, object], *manifests: dict[str, object]) -> None:
    (folder / "specs").mkdir()
    (folder / "reconciler.yaml").write_text(json.dumps({"project": "shop", "vendors": vendors}), encoding="utf-8")
    (folder / "specs" / "all.yaml").write_text("\n---\n".join(map(json.dumps, manifests)), encoding="utf-8")


# --- validate and its like ---


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A project at the real Didomi, whose credentials are not even there."""
    daily = manifest("ExportConfig", "daily", {"data": CONTENT, "destinations": ["lake"]})
    credentials = {"key": {"env": "DIDOMI_KEY"}, "secret": {"env": "DIDOMI_SECRET"}}
    write(tmp_path, {"didomi": {"organizationId": "example-org", "credentials": credentials}}, lake(), daily)
    return tmp_path


@pytest.mark.parametrize("words", OFFLINE, ids=" ".join)
def test_an_offline_command_never_touches_a_socket(real: Path, words: tuple[str, ...]) -> None:
    ended = composed(real, "--guarded", *words).end()

    assert ended.returncode == 0, ended.stderr
    assert "guard:" not in ended.stderr


def test_validate_of_wrong_manifests_never_touches_a_socket(real: Path) -> None:
    (real / "specs" / "more.yaml").write_text(json.dumps(lake(account="no account")), encoding="utf-8")

    ended = composed(real, "--guarded", "validate").end()

    assert ended.returncode == 8, ended.stderr
    assert "guard:" not in ended.stderr


def test_the_guard_sees_a_plan_look_for_the_vendor(real: Path) -> None:
    ended = composed(
        real, "--guarded", "plan", environ={"DIDOMI_KEY": "key-of-nobody", "DIDOMI_SECRET": "secret-of-nobody"}
    ).end()

    assert ended.returncode == 99
    assert "guard: socket.getaddrinfo" in ended.stderr
    assert "api.didomi.io" in ended.stderr


@pytest.mark.parametrize("words", [("validate",), ("graph",), ("show",)], ids=" ".join)
def test_nobody_comes_to_the_address_of_a_vendor(tmp_path: Path, trap: socket.socket, words: tuple[str, ...]) -> None:
    credentials = {"key": {"env": "DIDOMI_KEY"}, "secret": {"env": "DIDOMI_SECRET"}}
    settings = {"baseUrl": address_of(trap), "organizationId": "example-org", "credentials": credentials}
    write(tmp_path, {"didomi": settings}, lake())

    composed(tmp_path, *words, environ={"DIDOMI_KEY": "key", "DIDOMI_SECRET": "secret"}).end(expect=0)

    assert not came(trap)


# --- plan and its like ---

LOOKING = (
    ("plan",),
    ("plan", "--format", "json"),
    ("plan", "-o", "plan.json"),
    ("plan", "--destroy"),
    ("plan", "--replace", "ADDRESS"),
    ("plan", "--resend-secrets", "ADDRESS"),
    ("show",),
    ("show", "plan.json"),
    ("explain", "ADDRESS"),
    ("graph", "--plan"),
    ("drift",),
    ("drift", "--format", "json"),
    ("runs",),
    ("runs", "ADDRESS"),
    ("doctor",),
    ("verify",),
    ("verify", "--format", "json"),
    ("history",),
    ("history", "verify"),
    ("state", "show", "ADDRESS"),
)


def _sample(vendor: str, label: str) -> list[dict[str, object]]:
    """The manifests of a sample of the conformance suite, what it needs included."""
    written = yaml.safe_load((_SAMPLES / vendor / f"{label}.yaml").read_text("utf-8"))
    parts = [*written.get("needs", ()), {"kind": label, "name": written["name"], "spec": written["spec"]}]
    return [manifest(each["kind"], each["name"], each["spec"], vendor=vendor) for each in parts]


def _undeclared(vendor: str, entries: tuple[Entry, ...], prefix: str) -> list[str]:
    provider = catalog().provider(vendor)
    safe = (*provider.safe, *provider.safe_elsewhere)
    return [
        f"{each.method} {each.path}"
        for each in entries
        if not any(known.allows(each.method, each.path.removeprefix(prefix)) for known in safe)
    ]


@pytest.mark.parametrize(
    ("vendor", "label", "drift"),
    [
        ("didomi", "ExportConfig", ("configs", {"name": "Somebody was here"})),
        ("adobe", "Dataflow", ("flows", {"name": "Somebody was here"})),
        pytest.param("harbor", "Route", ("routes", {"enabled": False}), marks=pytest.mark.slow),
        pytest.param("quarry", "Extract", ("extracts", {"status": "failed"}), marks=pytest.mark.slow),
    ],
)
def test_a_looking_command_sends_only_what_is_declared_safe_and_changes_nothing(
    tmp_path: Path, real_time: Theatre, vendor: str, label: str, drift: tuple[str, dict[str, object]]
) -> None:
    project = Project(tmp_path, real_time, vendor)
    manifests = _sample(vendor, label)
    project.begin(manifests)
    composed(tmp_path, "apply", "-y", environ=project.environ).end(expect=0)
    collection, changes = drift
    emulator, prefix = project.vendor.emulator, project.vendor.description.path
    emulator.edit(collection, emulator.objects(collection)[-1]["id"], changes)
    address = f"{vendor}/{label}/{manifests[-1]['metadata']['name']}"  # type: ignore[index]  # it is a manifest
    before = emulator.world.revision, {each: emulator.objects(each) for each in emulator.collections()}
    kept = project.stored
    asked = 0

    for words in LOOKING:
        if words == ("show", "plan.json") and vendor != "didomi":
            continue  # shows a plan of vendors that are installed
        project.vendor.forget_requests()
        ended = composed(
            tmp_path, *(address if word == "ADDRESS" else word for word in words), environ=project.environ
        ).end()

        assert ended.returncode == 0, f"{words}\n{ended.stdout}\n{ended.stderr}"
        assert _undeclared(vendor, project.vendor.requests(), prefix) == [], words
        assert project.vendor.writes() == (), words
        asked += len(project.vendor.requests())
    assert asked > 0
    assert before == (emulator.world.revision, {each: emulator.objects(each) for each in emulator.collections()})
    assert project.stored == kept


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("list", ("plan",)),
        ("assess", ("plan",)),
        ("preflight", ("plan",)),
        ("list", ("explain", "rogue/Thing/thing")),
        ("list", ("graph", "--plan")),
        ("list", ("apply", "-y")),
        ("preflight", ("apply", "-y")),
        ("doctor", ("doctor",)),
    ],
    ids=str,
)
def test_a_request_that_is_not_declared_safe_is_refused_before_anything_is_sent(
    tmp_path: Path, trap: socket.socket, place: str, words: tuple[str, ...]
) -> None:
    thing = manifest("Thing", "thing", {"title": "A", "key": {"env": "RECONCILER_SECRET_CANARY"}}, vendor="rogue")
    write(tmp_path, {"rogue": {"baseUrl": address_of(trap), "place": place}}, thing)

    ended = composed(tmp_path, *words, environ={"RECONCILER_SECRET_CANARY": CANARY}).end()

    assert ended.returncode == 1
    assert "`POST /things` is not declared safe and this command may only read; it was not sent" in ended.stderr
    assert not came(trap)


def test_runs_refuses_a_request_that_is_not_declared_safe(tmp_path: Path, trap: socket.socket) -> None:
    thing = manifest("Thing", "thing", {"title": "A", "key": {"env": "RECONCILER_SECRET_CANARY"}}, vendor="rogue")
    environ = {"RECONCILER_SECRET_CANARY": CANARY}
    write(tmp_path, {"rogue": {"baseUrl": address_of(trap)}}, thing)
    composed(tmp_path, "apply", "-y", environ=environ).end()
    project = {"project": "shop", "vendors": {"rogue": {"baseUrl": address_of(trap), "place": "runs"}}}
    (tmp_path / "reconciler.yaml").write_text(json.dumps(project), encoding="utf-8")

    ended = composed(tmp_path, "runs", environ=environ).end()

    assert ended.returncode == 1
    assert "is not declared safe" in ended.stderr
    assert not came(trap)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/things"),
        ("PUT", "/things"),
        ("PATCH", "/things/1"),
        ("POST", "/things/query/"),
        ("POST", "/things/query/more"),
        ("GET", "/things/1"),
        ("get", "/things"),
    ],
)
def test_only_the_declared_method_and_path_are_safe(
    tmp_path: Path, trap: socket.socket, method: str, path: str
) -> None:
    thing = manifest("Thing", "thing", {"title": "A", "key": {"env": "RECONCILER_SECRET_CANARY"}}, vendor="rogue")
    settings = {"baseUrl": address_of(trap), "place": "list", "method": method, "path": path}
    write(tmp_path, {"rogue": settings}, thing)

    ended = composed(tmp_path, "plan").end()

    assert ended.returncode == 1
    assert f"`{method} {path}` is not declared safe" in ended.stderr
    assert not came(trap)


def test_the_trap_notices_a_request_that_is_declared_safe(tmp_path: Path, trap: socket.socket) -> None:
    thing = manifest("Thing", "thing", {"title": "A", "key": {"env": "RECONCILER_SECRET_CANARY"}}, vendor="rogue")
    settings = {"baseUrl": address_of(trap), "place": "list", "path": "/things/query"}
    write(tmp_path, {"rogue": settings}, thing)
    running = composed(tmp_path, "plan")

    try:
        assert select.select([trap], [], [], 30)[0], "nobody came"
    finally:
        running.process.kill()
        running.end()
