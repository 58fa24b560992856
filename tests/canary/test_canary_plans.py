"""A vendor that repeats a secret in an answer that is good: neither a plan nor a saved one shows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from world import CANARY, World, catalog

from reconciler.operations.plan import make_plan
from reconciler.operations.saved import save
from reconciler.providers.domo.emulator import Emulator
from reconciler.reports.plan_json import plan_json
from reconciler.reports.plan_text import render_plan

SECRET = {"env": "RECONCILER_SECRET_CANARY"}
EXPORT = {
    "apiVersion": "domo.reconciler/v1",
    "kind": "DatasetExport",
    "metadata": {"name": "orders"},
    "spec": {
        "dataset": {"id": "c5a2e9c0-55f3-4c53-8a5d-6d2f0b9e7a10"},
        "destination": {"bucket": "example-lake", "path": "domo/orders", "region": "eu-west-3"},
        "credentials": {"static": {"accessKeyId": SECRET, "secretAccessKey": SECRET}},
        "query": {"columns": ["order_id"]},
    },
}


def test_why_a_job_failed_is_told_without_the_secret_in_it(world_of: Callable[..., World], tmp_path: Path) -> None:
    world = world_of("domo")
    domo = world.vendor.emulator
    assert isinstance(domo, Emulator)
    domo.fail_next_export(f"SignatureDoesNotMatch for {CANARY}")
    applied = world.apply([EXPORT], expect=None)
    world.later()
    with world.workspace() as workspace:
        planned = make_plan(workspace)
        save(planned, tmp_path / "plan.json")
        traits = catalog().traits
        said = [render_plan(planned.plan, colour=False, traits=traits), plan_json(planned.plan, traits=traits)]

    assert "SignatureDoesNotMatch for" in said[0]
    saved = (tmp_path / "plan.json").read_text(encoding="utf-8")
    assert [text for text in (*said, saved, applied.messages) if CANARY in text] == []
