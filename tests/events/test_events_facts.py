"""What Didomi's page about batch import shows is imported as it stands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from event_stage import Event, importing, write
from world import World

FACTS = Path(__file__).parents[1] / "facts" / "didomi"
EXAMPLE: list[Event] = [
    json.loads(line) for line in (FACTS / "import-example.jsonl").read_text(encoding="utf-8").splitlines()
]
REQUEST: list[Event] = json.loads((FACTS / "import-request.json").read_text(encoding="utf-8"))["request"]["body"]


@pytest.mark.parametrize("shown", [EXAMPLE, REQUEST], ids=["file", "request"])
def test_what_the_page_shows_is_imported_unchanged(world_of: Callable[..., World], shown: list[Event]) -> None:
    didomi = world_of("didomi")
    didomi.vendor.emulator.insert("purposes", {"id": "purpose_id", "name": "Of the page"})
    run = didomi.apply(importing(write(didomi.folder, shown), batch="b"))

    assert run.problems == ()
    assert [_as_sent(each) for each in didomi.vendor.objects("events")] == shown
    assert {each["metadata"]["import_batch"] for each in didomi.vendor.objects("events")} == {"b"}


def _as_sent(there: dict[str, Any]) -> Event:
    """The stored event without what Didomi adds, and without our mark."""
    user = {key: each for key, each in there["user"].items() if key != "id"}
    return {"id": there["id"], "created_at": there["created_at"], "user": user, "consents": there["consents"]}
