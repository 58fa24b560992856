"""What should be done, what was done, and how it ended."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.values.address import Address
from reconciler.values.documents import Document, Path, Value
from reconciler.values.objects import Hold
from reconciler.values.problems import Problem
from reconciler.values.resources import Resource
from reconciler.values.states import Record


class Action(enum.Enum):
    """What a plan does about one address."""

    NOOP = "no-op"
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    RUN = "run"
    DELETE = "delete"
    DISABLE = "disable"
    RETIRE = "retire"
    FORGET = "forget"
    RECORD = "record"
    RECOVER = "recover"
    IMPORT = "import"
    WAIT = "wait"
    BLOCKED = "blocked"


class ReasonCode(enum.Enum):
    """Why an action was chosen."""

    NEW = "new"
    GONE = "gone"
    CHANGED = "changed"
    IMMUTABLE = "immutable"
    NOT_UPDATABLE = "not-updatable"
    TAINTED = "tainted"
    STALE = "stale"
    REQUESTED = "requested"
    REMOVED = "removed"
    DEPOSED = "deposed"
    UNSURE = "unsure"
    RESEND = "resend"
    RECOVERED = "recovered"
    RETURNED = "returned"
    STATE_ONLY = "state-only"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason of a change, for programs (`code`) and for people (`text`)."""

    code: ReasonCode
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """
    One field that differs.

    `before` is what the vendor reports (or, for a field it hides, what was sent last), `after` what is wanted.
    `hidden` says that the two cannot be compared with reality.
    """

    path: Path
    before: Value
    after: Value
    forces_replacement: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    What will happen to one address.

    `id` is the object that exists, `resource` what is wanted (absent when it is to go), `record` what is
    remembered. `digest` covers the compared fields as observed: a saved plan is stale when it moved.
    `discard` are ids of objects to delete once everybody has let go of them, `delete_first` says that the old
    object goes before the new one comes.
    """

    address: Address
    action: Action
    fields: tuple[FieldChange, ...] = ()
    reasons: tuple[Reason, ...] = ()
    id: str | None = None
    resource: Resource | None = None
    record: Record | None = None
    revision: str | None = None
    digest: str | None = None
    discard: tuple[str, ...] = ()
    delete_first: bool = False
    hold: Hold | None = None
    points_at: tuple[Address, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_freshness(self) -> bool:
        """Whether time or data moved on and nobody changed a definition: what was done is only done again."""
        return bool(self.reasons) and all(reason.code is ReasonCode.STALE for reason in self.reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    What the caller asked of a plan.

    `targets` and `excludes` are addresses as written, `labels` the selector `-l`, `replace` addresses to be made
    anew, `resend` addresses whose secrets are to be sent again. `rebuild` takes objects back by their marks although
    there is no state.
    """

    targets: frozenset[Address] = frozenset()
    excludes: frozenset[Address] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    replace: frozenset[Address] = frozenset()
    resend: frozenset[Address] = frozenset()
    destroy: bool = False
    rebuild: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    One decision about a whole project: a document that can be printed, saved, reviewed and compared.

    `changes` is sorted by address and holds the no-ops too; `problems` refuse the plan when any is an error;
    `partial` says that a selection left something out; `retired` counts records kept without a manifest. `digest` names
    what it would do: two plans that do the same to the same objects have the same one.
    """

    project: str
    environment: str
    lineage: str
    serial: int
    taken: datetime
    changes: tuple[Change, ...]
    problems: tuple[Problem, ...] = ()
    partial: bool = False
    retired: int = 0
    notes: tuple[str, ...] = ()
    digest: str | None = None


class Verb(enum.Enum):
    """One thing to do, the unit of scheduling and journaling."""

    CREATE = "create"
    UPDATE = "update"
    RUN = "run"
    DELETE = "delete"
    DISABLE = "disable"
    RECORD = "record"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One verb on one object, and the steps that must have succeeded before it."""

    name: str
    address: Address
    verb: Verb
    id: str | None = None
    after: tuple[str, ...] = ()


class OutcomeStatus(enum.Enum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    WAIT = "wait"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one step; `message` says why it did not succeed, `outputs` what the vendor computed."""

    step: Step
    status: OutcomeStatus
    message: str | None = None
    id: str | None = None
    seconds: float = 0.0
    outputs: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All outcomes of one apply in the order in which they ended, and what the proof afterwards still found."""

    outcomes: tuple[Outcome, ...]
    remaining: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()
