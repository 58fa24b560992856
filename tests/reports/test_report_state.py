from __future__ import annotations

from dataclasses import replace

from report_samples import SECRET, address, expect, record, traits

from reconciler.reports.state_text import render_state
from reconciler.values import Deposed, Record, State

LAKE = record(
    "didomi/Destination/lake",
    "7h2kq9x4pd",
    {"name": "Lake", "config": {"bucketName": "example-lake", "secretAccessKey": SECRET}},
)
CONSENTS = replace(
    record("didomi/ExportConfig/consents", "c1", {"destination": "7h2kq9x4pd", "purposes": ("a", "b")}),
    needs=(LAKE.address,),
    labels={"team": "crm"},
    source="specs/consents.yaml",
    deposed=(Deposed(id="c0", reason="it was replaced"),),
    outputs={"path": "exports/consents"},
)
OLD = replace(record("adobe/Dataflow/old", "f0", {"name": "Old"}), retired="report", unsure=("token",))


def state(*records: Record) -> State:
    held = {each.address: each for each in sorted(records, key=lambda each: each.address)}
    return State(project="example", environment="prod", lineage="0d9c", serial=42, records=held)


def test_a_state_reads_like_this() -> None:
    expect("state.txt", render_state(state(CONSENTS, LAKE, OLD), traits=traits))


def test_what_is_only_still_to_be_deleted_reads_like_this() -> None:
    expect("state-gone.txt", render_state(state(replace(CONSENTS, id=None, applied={}, outputs={})), traits=traits))


def test_an_empty_state_has_no_records() -> None:
    assert render_state(state(), traits=traits).endswith("\n0 records")


def test_a_text_in_a_field_for_secrets_is_never_shown() -> None:
    leaked = replace(LAKE, applied={"config": {"secretAccessKey": "CANARY"}})
    held = State(project="p", environment="e", lineage="l", serial=1, records={address(str(leaked.address)): leaked})

    assert "CANARY" not in render_state(held, traits=traits, verbose=True)
