"""Every documented exchange, replayed against the Didomi emulator."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from emulator_stage import ORGANIZATION, Reply, Stage, staged

FOLDER = Path(__file__).parents[1] / "facts/didomi"
FACTS = {
    path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json")) if ".schema" not in path.name
}
CERTAINTIES = ("documented", "inferred", "undocumented", "contradictory")


@pytest.mark.parametrize("name", FACTS)
def test_the_emulator_answers_as_documented(name: str) -> None:
    fact = FACTS[name]
    with staged(fact.get("switches", {})) as stage:
        headers = authorize(stage, fact["organization"])
        for step in fact.get("given", []):
            prepare(stage, step, headers, fact["organization"])
        reply = send(stage, fact["request"], headers)

    assert differences(fact["answer"]["body"], reply.body) == []
    assert fits(fact["answer"]["status"], reply.status)
    for header, value in fact["answer"].get("headers", {}).items():
        assert reply.headers[header.lower()] == value


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_names_its_source_and_its_certainty(name: str) -> None:
    fact = FACTS[name]

    assert fact["title"]
    assert fact["source"].startswith("Didomi, ")
    assert fact["certainty"].startswith(CERTAINTIES)


@pytest.mark.parametrize("name", [name for name, fact in FACTS.items() if isinstance(fact.get("sample"), dict)])
def test_a_printed_sample_fits_the_expected_answer(name: str) -> None:
    fact = FACTS[name]
    expected = fact["answer"]["body"]

    assert expected == "<any>" or differences(expected, fact["sample"]) == []


def test_a_difference_is_found() -> None:
    assert differences({"a": [1, {"b": "<any-integer>"}]}, {"a": [1, {"b": "x"}], "c": 2}) == ["a.1.b"]
    assert differences({"a": 1}, {}) == ["a"]
    assert differences([1], [1, 2]) == ["length"]
    assert differences("<any-timestamp>", "yesterday") == ["value"]


def authorize(stage: Stage, organization: str) -> str:
    """A token of the fact's organization."""
    if organization != ORGANIZATION:
        stage.emulator.enrol(organization, "k_fact", "s_fact")
        return stage.emulator.sessions.issue("k_fact", organization)
    return stage.token()


def prepare(stage: Stage, step: dict[str, Any], token: str, organization: str) -> None:
    if "insert" in step:
        stage.emulator.insert(step["insert"], {"organization_id": organization, **step["body"]})
    elif "advance" in step:
        stage.emulator.advance(step["advance"])
    else:
        assert 200 <= send(stage, step["request"], token).status < 300


def send(stage: Stage, request: dict[str, Any], token: str) -> Reply:
    headers = {name: value.replace("<any-string>", token) for name, value in request["headers"].items()}
    return stage.call(request["method"], request["path"], request["body"], query=request["query"], headers=headers)


def differences(expected: object, found: object, place: str = "") -> list[str]:
    """The places where an answer is not what it must be."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            difference
            for name, value in expected.items()
            for difference in differences(value, found.get(name, ...), f"{place}{name}.")
        ]
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return [f"{place}length"]
        pairs = enumerate(zip(expected, found, strict=True))
        return [wrong for index, (one, other) in pairs for wrong in differences(one, other, f"{place}{index}.")]
    return [] if fits(expected, found) else [place.rstrip(".") or "value"]


def fits(expected: object, found: object) -> bool:
    match expected:
        case "<any>":
            return found is not ...
        case "<any-string>":
            return isinstance(found, str) and found != ""
        case "<any-integer>":
            return isinstance(found, int) and not isinstance(found, bool)
        case "<any-2xx>":
            return isinstance(found, int) and 200 <= found < 300
        case "<any-timestamp>":
            return isinstance(found, str) and is_instant(found)
        case _:
            return expected == found


def is_instant(text: str) -> bool:
    if not re.match(r"\d{4}-\d{2}-\d{2}T", text):
        return False
    datetime.fromisoformat(text)
    return True
