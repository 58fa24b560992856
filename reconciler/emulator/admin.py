"""The admin routes of a served emulator, below `/_emulator`: what tests in other processes and the CLI use."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reconciler.emulator.clock import iso
from reconciler.emulator.faults import Fault
from reconciler.emulator.messages import Answer, JsonObject, NotJson, Request
from reconciler.emulator.routes import Router, WrongMethod

if TYPE_CHECKING:
    from reconciler.emulator.base import Emulator

PREFIX = "/_emulator"

_Handler = Callable[["Emulator", Request, dict[str, str]], Answer]
_routes: Router[_Handler] = Router()


def administer(emulator: "Emulator", request: Request) -> Answer:
    """Answer one admin request. They are not logged, no fault strikes them, and they need no token."""
    try:
        found = _routes.find(request.method, request.path)
        if found is None:
            return _wrong(404, f"there is no `{request.path}`")
        return found.handler(emulator, request, dict(found.values))
    except WrongMethod as problem:
        return _wrong(405, f"`{request.path}` answers {problem}")
    except NotJson:
        return _wrong(400, "the body is not JSON")
    except KeyError as problem:
        return _wrong(404, f"{problem.args[0]}")
    except (ValueError, TypeError) as problem:
        return _wrong(400, str(problem))


def _route(method: str, path: str) -> Callable[[_Handler], _Handler]:
    def register(handler: _Handler) -> _Handler:
        _routes.add(method, PREFIX + path, handler)
        return handler

    return register


@_route("GET", "/log")
def _log(emulator: "Emulator", request: Request, _: dict[str, str]) -> Answer:
    """The request log; `?method=`, `?path=` and `?writes=true` narrow it."""
    entries = emulator.world.log.entries(request.parameter("method") or "*", request.parameter("path") or "*")
    if request.parameter("writes") == "true":
        entries = tuple(entry for entry in entries if entry.wrote)
    return Answer(body={"entries": [entry.document() for entry in entries]})


@_route("DELETE", "/log")
def _clear_log(emulator: "Emulator", _: Request, __: dict[str, str]) -> Answer:
    emulator.world.log.clear()
    return Answer(body={"entries": []})


@_route("GET", "/clock")
def _clock(emulator: "Emulator", _: Request, __: dict[str, str]) -> Answer:
    clock = emulator.world.clock
    return Answer(body={"now": iso(clock.now()), "frozen": clock.stands_still()})


@_route("POST", "/clock")
def _move_clock(emulator: "Emulator", request: Request, _: dict[str, str]) -> Answer:
    """`{"advance": seconds}`, `{"advance_to": instant}` or `{"frozen": true}`."""
    asked = _object(request)
    clock = emulator.world.clock
    for name, value in asked.items():
        match name:
            case "advance":
                clock.advance(float(value))
            case "advance_to":
                clock.advance_to(datetime.fromisoformat(value))
            case "frozen":
                (clock.freeze if value else clock.follow)()
            case _:
                raise ValueError(f"the clock knows no `{name}`: use `advance`, `advance_to` or `frozen`")
    return _clock(emulator, request, {})


@_route("GET", "/switches")
def _switches(emulator: "Emulator", _: Request, __: dict[str, str]) -> Answer:
    world = emulator.world
    rows = [asdict(switch) | {"position": world.switches[name]} for name, switch in world.switches.known.items()]
    return Answer(body={"switches": rows})


@_route("POST", "/switches")
def _set_switches(emulator: "Emulator", request: Request, _: dict[str, str]) -> Answer:
    """`{"delete": "405"}`; all or none."""
    with emulator.world.lock:
        emulator.world.switches.set({name: _position(value) for name, value in _object(request).items()})
    return _switches(emulator, request, {})


@_route("GET", "/faults")
def _faults(emulator: "Emulator", _: Request, __: dict[str, str]) -> Answer:
    return Answer(body={"faults": [fault.document() for fault in emulator.world.faults.scripted()]})


@_route("POST", "/faults")
def _script_faults(emulator: "Emulator", request: Request, _: dict[str, str]) -> Answer:
    """One fault or a list: `{"route": "POST /connections", "effect": "cut_after_write", "nth": 2}`."""
    asked = request.json()
    scripted = [Fault.of(_mapping(one)) for one in (asked if isinstance(asked, list) else [asked])]
    for fault in scripted:
        emulator.world.faults.add(fault)
    return _faults(emulator, request, {})


@_route("DELETE", "/faults")
def _clear_faults(emulator: "Emulator", request: Request, _: dict[str, str]) -> Answer:
    emulator.world.faults.clear()
    return _faults(emulator, request, {})


@_route("POST", "/expire-tokens")
def _expire(emulator: "Emulator", _: Request, __: dict[str, str]) -> Answer:
    emulator.world.expire_tokens()
    return Answer(body={})


@_route("POST", "/reset")
def _reset(emulator: "Emulator", _: Request, __: dict[str, str]) -> Answer:
    emulator.reset()
    return Answer(body={})


@_route("GET", "/objects")
def _collections(emulator: "Emulator", _: Request, __: dict[str, str]) -> Answer:
    names = sorted(emulator.collections())
    return Answer(body={"collections": {name: len(emulator.objects(name)) for name in names}})


@_route("GET", "/objects/{collection}")
def _objects(emulator: "Emulator", _: Request, values: dict[str, str]) -> Answer:
    """What the vendor really holds; secrets as fingerprints, so that two can be told apart."""
    rows = emulator.objects(values["collection"])
    return Answer(body={"objects": emulator.world.mask.fingerprints(rows)})


@_route("POST", "/objects/{collection}")
def _insert(emulator: "Emulator", request: Request, values: dict[str, str]) -> Answer:
    row = emulator.insert(values["collection"], _object(request))
    return Answer(status=201, body=emulator.world.mask.fingerprints(row))


@_route("PATCH", "/objects/{collection}/{id}")
def _edit(emulator: "Emulator", request: Request, values: dict[str, str]) -> Answer:
    row = emulator.edit(values["collection"], values["id"], _object(request))
    return Answer(body=emulator.world.mask.fingerprints(row))


@_route("DELETE", "/objects/{collection}/{id}")
def _remove(emulator: "Emulator", _: Request, values: dict[str, str]) -> Answer:
    emulator.remove(values["collection"], values["id"])
    return Answer(body={})


def _object(request: Request) -> JsonObject:
    return _mapping(request.json())


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - the caller turns it into a 400
    return value


def _position(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _wrong(status: int, message: str) -> Answer:
    return Answer(status=status, body={"error": message})
