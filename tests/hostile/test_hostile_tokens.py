"""A token endpoint may answer anything: what is no token is never sent, and what tells no sensible life is renewed."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hostile_server import Turn
from hostile_stage import besieged, harm_of, leaks_of
from world import Status, Theatre, listening

_ROUTES = {"adobe": "POST /ims/token/v3", "didomi": "POST /v1/sessions"}


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("a" * 10_000_000, id="10 MB"),
        pytest.param("a" * 20_000, id="20 kB"),
        pytest.param("a\r\nX-Evil: 1", id="another header"),
        pytest.param("a b", id="a space"),
        pytest.param("ä", id="another alphabet"),
        pytest.param("", id="empty"),
        pytest.param(["a"], id="a list"),
        pytest.param(7, id="a number"),
    ],
)
@pytest.mark.parametrize("vendor", _ROUTES)
def test_what_is_no_token_is_not_sent(vendor: str, token: object, project_folder: Path, theatre: Theatre) -> None:
    with besieged(project_folder, theatre, vendor) as siege:
        siege.server.spoil(lambda turn: turn.answer({"access_token": token, "expires_in": 3600}), _ROUTES[vendor])
        with listening() as ear:
            run = siege.apply(siege.target.manifests, expect=None)

        assert run.status is not Status.DONE
        assert "holds no `access_token`" in run.messages
        assert {each.method for each in siege.server.seen} == {"POST"}
        assert [*harm_of(siege, run), *leaks_of(siege, run, ear.heard)] == []


def _jwt(text: str) -> str:
    claims = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    return f"{base64.urlsafe_b64encode(b'{}').decode()}.{claims}.x"


@pytest.mark.parametrize("lifetime", [-3600, 0, 1e308, 2**63, "soon", None, [], 1e-9], ids=str)
def test_a_token_of_absurd_life_serves_until_it_is_refused(
    lifetime: object, project_folder: Path, theatre: Theatre
) -> None:
    def act(turn: Turn) -> bool:
        return turn.pass_on(body=json.dumps({**turn.honest().document, "expires_in": lifetime}).encode())

    with besieged(project_folder, theatre, "adobe") as siege:
        siege.server.spoil(act, _ROUTES["adobe"])
        siege.apply(siege.target.manifests)
        siege.server.heal()
        siege.converges()


@pytest.mark.parametrize(
    "claims",
    ['{"exp": ' + "9" * 400 + "}", '{"exp": 1e999}', '{"exp": -1, "iat": 5}', '{"exp": "x"}', "[]", "[" * 5000],
    ids=["400 digits", "infinite", "before its begin", "a text", "a list", "deep"],
)
def test_a_session_whose_token_makes_no_sense_inside_is_refused_or_used(
    claims: str, project_folder: Path, theatre: Theatre
) -> None:
    with besieged(project_folder, theatre, "didomi") as siege:
        siege.server.spoil(lambda turn: turn.answer({"access_token": _jwt(claims)}, status=201), _ROUTES["didomi"])
        run = siege.apply(siege.target.manifests, expect=None)

        assert run.status is Status.DENIED, "the vendor does not know the token"
        assert harm_of(siege, run) == []
        siege.server.heal()
        siege.converges()
