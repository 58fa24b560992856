"""Mistakes at known lines of what was delivered: `verify --content` finds each of them, and nothing else."""

from __future__ import annotations

import gzip
import json
import sys
from datetime import timedelta
from pathlib import Path

from test_verify_didomi import bucket, day, delivered, judged
from verify_stage import VerifyStage

from reconciler.operations.verify_content import Depth
from reconciler.values import Verdict

sys.path.append(str(Path(__file__).parents[1] / "deliveries"))

from didomi_exports import MISTAKES, good_records, line, spoiled  # isort: skip


def test_every_mistake_in_a_delivery_is_found_at_its_line_and_nothing_else(didomi: VerifyStage) -> None:
    delivered(didomi, days=2)
    name = bucket(didomi)
    keys = didomi.keys(name, f"date={day(didomi, 0)}/users/part-")
    records = list(good_records(20 + 3 * len(MISTAKES)))
    wanted = []
    for number, (rule, path, spoil) in enumerate(MISTAKES):
        records[11 + 3 * number] = spoiled(records[11 + 3 * number], spoil)
        wanted.append((rule, 12 + 3 * number, path))
        if path == "user.organization_id":  # the project says which organization's it must be
            wanted.append(("other-organization", 12 + 3 * number, path))
    didomi.put(name, keys[0], gzip.compress(b"".join(map(line, records))))

    found = judged(didomi, 0, Depth(examples=len(MISTAKES)))
    before = judged(didomi, 1, Depth())

    assert (found.verdict, before.verdict) == (Verdict.INVALID, Verdict.DELIVERED)
    assert found.lying is not None
    assert found.lying.content is not None
    errors = [each for each in found.lying.content.examples if each.object.endswith(keys[0])]
    assert sorted((each.rule, each.line or 0, each.path) for each in errors) == sorted(wanted)
    assert sum(each.total for each in found.lying.content.broken) == len(wanted)


def test_a_schema_of_ones_own_is_asked_besides(didomi: VerifyStage) -> None:
    (didomi.world.folder / "own.json").write_text(
        json.dumps({"properties": {"user": {"properties": {"country": {"enum": ["FR"]}}}}}), encoding="utf-8"
    )
    delivered(didomi, contract="own.json")
    name = bucket(didomi)
    (key, *_) = didomi.keys(name, f"date={day(didomi, 0)}/users/part-")
    records = [spoiled(each, lambda record: record["user"].update(country="FR")) for each in good_records(9)]
    records[4] = spoiled(records[4], lambda record: record["user"].update(country="DE"))
    didomi.put(name, key, gzip.compress(b"".join(map(line, records))))

    found = didomi.verify(since=timedelta(days=7), depth=Depth()).findings[-1]

    assert found.verdict is Verdict.INVALID
    assert found.lying is not None
    assert found.lying.content is not None
    assert [(each.line, each.path) for each in found.lying.content.examples] == [(5, "user.country")]
