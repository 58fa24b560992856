"""Every exchange that is known of Domo, replayed against the emulator."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from domo_stage import Reply, Stage, rows_of, staged

from reconciler.emulator import JsonObject
from reconciler.providers.domo.emulator.example import TOKEN
from reconciler.providers.domo.emulator.people import DATASET_ADMIN

FOLDER = Path(__file__).parents[1] / "facts/domo"
FACTS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
CERTAINTIES = ("documented", "observed", "inferred", "undocumented", "contradictory")


@pytest.mark.parametrize("name", FACTS)
def test_the_emulator_answers_as_is_known(name: str) -> None:
    fact = FACTS[name]
    with staged(fact.get("switches", {})) as stage:
        for step in fact.get("given", []):
            prepare(stage, step)
        reply = send(stage, fact["request"], token_of(stage, fact["caller"]))

    assert differences(fact["answer"]["body"], reply.body) == []
    assert fits(fact["answer"]["status"], reply.status)
    for header, value in fact["answer"].get("headers", {}).items():
        assert reply.headers[header.lower()] == value


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_names_its_source_and_its_certainty(name: str) -> None:
    fact = FACTS[name]

    assert fact["title"]
    assert fact["source"].startswith("Domo, ")
    assert fact["certainty"].startswith(CERTAINTIES)


@pytest.mark.parametrize("name", [name for name, fact in FACTS.items() if "sample" in fact])
def test_a_printed_sample_fits_the_expected_answer(name: str) -> None:
    fact = FACTS[name]

    assert differences(fact["answer"]["body"], fact["sample"]) == []


@pytest.mark.parametrize(
    ("name", "header", "rows"),
    [
        ("seed-export-all-rows", "Customer ID", 2),
        ("seed-export-region-west", "Product Container", 2),
    ],
)
def test_the_requests_of_the_article_deliver_what_they_say(name: str, header: str, rows: int) -> None:
    fact = FACTS[name]
    with staged() as stage:
        for step in fact["given"]:
            prepare(stage, step)
        stage.emulator.insert("buckets", {"id": "<BUCKET>", "region": "<REGION>"})
        send(stage, fact["request"], TOKEN)
        stage.emulator.advance(10)
        (job,) = stage.listed(fact["request"]["path"].rsplit("/", 1)[1])
        ((key, content),) = stage.files().items()

    written = rows_of(content)
    assert key == f"<PATH>/{job['exportId']}/export/data.csv.gz"
    assert (written[0][0], len(written) - 1, job["exportStatus"]) == (header, rows, "success")
    if "Region" in written[0]:
        assert {row[written[0].index("Region")] for row in written[1:]} == {"West"}


def test_a_difference_is_found() -> None:
    assert differences({"a": [1, {"b": "<any-integer>"}]}, {"a": [1, {"b": "x"}], "c": 2}) == ["a.1.b"]
    assert differences({"a": 1}, {}) == ["a"]
    assert differences([1], [1, 2]) == ["length"]
    assert differences("<any-timestamp>", "yesterday") == ["value"]


def token_of(stage: Stage, caller: str) -> str:
    """The token of the fact's caller."""
    if caller == "owner":
        return TOKEN
    authorities = [DATASET_ADMIN] if caller == DATASET_ADMIN else []
    return stage.emulator.add_token(stage.emulator.add_user(authorities=authorities)["id"])


def prepare(stage: Stage, step: JsonObject) -> None:
    if "insert" in step:
        stage.emulator.insert(step["insert"], step["body"])
    elif "edit" in step:
        stage.emulator.edit(step["edit"], step["id"], step["body"])
    elif "advance" in step:
        stage.emulator.advance(step["advance"])
    else:
        assert 200 <= send(stage, step["request"], TOKEN).status < 300


def send(stage: Stage, request: JsonObject, token: str) -> Reply:
    headers = {name: token if value == "<any-string>" else value for name, value in request["headers"].items()}
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


def fits(expected: object, found: Any) -> bool:  # noqa: ANN401 - any JSON
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
            return bool(expected == found)


def is_instant(text: str) -> bool:
    if not re.match(r"\d{4}-\d{2}-\d{2}T", text):
        return False
    datetime.fromisoformat(text)
    return True
