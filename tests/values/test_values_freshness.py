from __future__ import annotations

import pytest

from reconciler.values import Action, Address, Change, Reason, ReasonCode

JOB = Address("quarry", "Extract", "granite")


@pytest.mark.parametrize(
    ("codes", "is_freshness"),
    [
        ((), False),
        ((ReasonCode.STALE,), True),
        ((ReasonCode.CHANGED, ReasonCode.NOT_UPDATABLE), False),
        ((ReasonCode.STALE, ReasonCode.REQUESTED), False),
        ((ReasonCode.HELD, ReasonCode.STALE), False),
    ],
)
def test_a_change_is_for_freshness_when_there_is_no_other_reason(
    codes: tuple[ReasonCode, ...], is_freshness: bool
) -> None:
    reasons = tuple(Reason(code=each, text="because") for each in codes)

    assert Change(address=JOB, action=Action.RUN, reasons=reasons).is_freshness is is_freshness
