"""What the tutorial's manifests send is what Didomi's tutorial prints."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from example_stage import ROOT, TUTORIAL, Sent, example, recording

FACTS = ROOT / "tests" / "facts" / "didomi"
_MARK = re.compile(r" \[reconciler:didomi-tutorial/default/[A-Za-z]+/[a-z0-9]+#[0-9a-f]+\]$")


def printed(name: str) -> dict[str, Any]:
    """The body of a request as the tutorial has it."""
    found: dict[str, Any] = json.loads((FACTS / f"tutorial-{name}.json").read_text(encoding="utf-8"))["request"]["body"]
    return found


def body(sent: Sent) -> dict[str, Any]:
    """The body of a request less the mark, which must be there."""
    found: dict[str, Any] = json.loads(sent.body)
    assert _MARK.search(found["description"]), found["description"]
    return {**found, "description": _MARK.sub("", found["description"])}


def test_the_requests_less_the_mark_equal_those_of_the_tutorial(tmp_path: Path) -> None:
    with (
        example("examples/didomi-tutorial", tmp_path, organization=TUTORIAL) as world,
        recording(world.environ["DIDOMI_URL"].removesuffix("/v1")) as (url, sent),
    ):
        world.environ["DIDOMI_URL"] = f"{url}/v1"
        world.run("apply", "-y")
        ids = {each["type_id"]: each["id"] for each in world.emulator.objects("destinations")}
    posts = [each for each in sent if each.method == "POST" and each.path != "/v1/sessions"]
    destinations = [body(each) for each in posts if each.path == "/v1/exports/destinations"]
    configs = [body(each) for each in posts if each.path == "/v1/exports/configs"]
    # The vendor chooses the id; the tutorial's is an example.
    (id,) = printed("config")["destinations_id"]
    configs = [
        {**each, "destinations_id": [id if one == ids["aws-s3-didomi"] else one for one in each["destinations_id"]]}
        for each in configs
    ]

    assert sorted(destinations, key=lambda each: str(each["type_id"])) == [
        printed("s3-destination"),
        printed("gcp-destination"),
    ]
    assert configs == [printed("config")]
    assert {each.method for each in sent} == {"GET", "POST"}
    assert len(posts) == 3


def test_the_key_that_was_sent_is_nowhere_on_the_disk(tmp_path: Path) -> None:
    with example("examples/didomi-tutorial", tmp_path, organization=TUTORIAL) as world:
        world.run("plan", "-o", "plan.json")
        world.run("apply", "plan.json", "-y")
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]

    assert any(".reconciler" in path.parts for path in kept)
    assert [path for path in kept if b"service_account" in path.read_bytes()] == []
