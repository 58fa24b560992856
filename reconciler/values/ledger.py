"""What the ledger holds: which command changed which record, when, and how it ended."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.values.address import Address
from reconciler.values.documents import Document
from reconciler.values.resources import Lifecycle


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """
    One command that holds the lock, and why it runs.

    `id` is that of its lock; `ci_run` is the address of its CI run, `commit` that of the manifests and `plan` the
    digest of what it was to do, as far as each is known.
    """

    id: str
    operation: str
    who: str
    host: str
    pid: int
    since: datetime
    ci_run: str | None = None
    commit: str | None = None
    plan: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """
    The entry with which a command begins to write the journal, so that it is known even if it is killed.

    `record` is the number of its record in the ledger. A later one of the same command knows more of it.
    """

    command: Command
    record: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """
    What the state holds of one address, as far as people ask for it later; `digest` is that of the whole record.

    `document` has secrets as references. A `lifecycle` of None is the usual one; `deposed` are the ids of objects that
    still have to be deleted.
    """

    digest: str
    id: str | None
    document: Document
    labels: Mapping[str, str] = field(default_factory=dict)
    lifecycle: Lifecycle | None = None
    deposed: tuple[str, ...] = ()
    retired: str | None = None


class DeedStatus(enum.Enum):
    """How one deed ended."""

    DONE = "done"
    REFUSED = "refused"
    """The vendor said no, or nothing was sent: nothing happened."""
    VOID = "void"
    """A later look found no trace of it."""
    UNKNOWN = "unknown"
    """Nobody knew when the record was written; the command that found out has a deed with the same intent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """
    What was done to one address.

    `verb` is the step's, or for a change of the state alone `record` or `forget`, or `found` for what was there when
    a chain of records began. `at` is when it was intended. With DONE, `after` is what the state holds from then on;
    else it is what was tried. `target` is the object that the call named, `requests` what the vendor calls what was
    sent.
    """

    address: Address
    verb: str
    status: DeedStatus
    at: datetime
    ended: datetime | None = None
    intent: str | None = None
    target: str | None = None
    before: Standing | None = None
    after: Standing | None = None
    requests: tuple[str, ...] = ()


class Ending(enum.Enum):
    """How a command ended."""

    DONE = "done"
    PARTLY = "partly"
    FAILED = "failed"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRecord:
    """
    All that one command has written.

    `previous` is the digest of the bytes of the record before, None for the first. `first_page` to `last_page` are the
    journal's pages that it covers, none when the last is smaller. With `sealed` the chain begins anew, for the reasons
    it names, and all that the state held then is among the deeds, as in the first record. `tool` is the version that
    wrote it.
    """

    number: int
    previous: str | None
    lineage: str
    serial_before: int
    serial: int
    first_page: int
    last_page: int
    command: Command
    ended: datetime
    how: Ending
    tool: str
    deeds: tuple[Deed, ...] = ()
    sealed: tuple[str, ...] = ()

    @property
    def begins(self) -> bool:
        """Whether what the state held before is among the deeds."""
        return self.number == 1 or bool(self.sealed)
