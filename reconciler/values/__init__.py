"""
What things are: frozen values that every floor shares, made of the standard library alone.

Nothing here decides, reads or writes; what a value means to a vendor or a file lives where that vendor or file lives.
"""

from reconciler.values.address import Address
from reconciler.values.documents import HIDDEN, MISSING, UNKNOWN, Blank, Document, Path, Ref, Secret, Value, dotted
from reconciler.values.objects import Hold, HoldKind, Observed, Ownership, Snapshot, Taint
from reconciler.values.plans import (
    Action,
    Change,
    FieldChange,
    Options,
    Outcome,
    OutcomeStatus,
    Plan,
    Reason,
    ReasonCode,
    Report,
    Step,
    Verb,
)
from reconciler.values.problems import Mark, Problem, Severity
from reconciler.values.resources import Desired, Lifecycle, OnRemoval, ReplaceOrder, Resource
from reconciler.values.states import Deposed, Intent, Record, Settlement, SettlementStatus, State
from reconciler.values.traits import Identity, Traits

__all__ = [
    "HIDDEN",
    "MISSING",
    "UNKNOWN",
    "Action",
    "Address",
    "Blank",
    "Change",
    "Deposed",
    "Desired",
    "Document",
    "FieldChange",
    "Hold",
    "HoldKind",
    "Identity",
    "Intent",
    "Lifecycle",
    "Mark",
    "Observed",
    "OnRemoval",
    "Options",
    "Outcome",
    "OutcomeStatus",
    "Ownership",
    "Path",
    "Plan",
    "Problem",
    "Reason",
    "ReasonCode",
    "Record",
    "Ref",
    "ReplaceOrder",
    "Report",
    "Resource",
    "Secret",
    "Settlement",
    "SettlementStatus",
    "Severity",
    "Snapshot",
    "State",
    "Step",
    "Taint",
    "Traits",
    "Value",
    "Verb",
    "dotted",
]
