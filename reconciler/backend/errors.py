"""What stops a command from reading or writing state, in sentences for people."""

from __future__ import annotations

from reconciler.backend.holder import Holder


class BackendError(Exception):
    """The state cannot be used; the message names the object and says what to do."""


class Damaged(BackendError):
    """What is stored cannot be used as it is; a copy can be put in its place."""


class LedgerBroken(BackendError):
    """The ledger cannot be gone on with: a record would say that it follows what nobody can read; `what` is wrong."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(
            f"{what}; nothing was changed. Restore it from a backup, or see `reconciler history verify` and go on with "
            "`reconciler history seal`, which leaves what is there and says in the ledger what was wrong"
        )


class Locked(BackendError):
    """Somebody else holds the lock; `holder` is None when they have only just taken it."""

    def __init__(self, holder: Holder | None) -> None:
        super().__init__(
            f"the state is locked by {holder or 'a command that has just begun'}; wait for it to end, or end it"
        )
        self.holder = holder


class LockLost(BackendError):
    """The lock is no longer ours, or cannot be kept: `reason` says why, None when another command has taken it over."""

    def __init__(self, where: str, reason: str | None) -> None:
        what = f"cannot be kept ({reason})" if reason else "was taken over by another command"
        super().__init__(
            f"the lock {where} {what}; nothing more is sent from here. Run `reconciler plan` to see what is left to do"
        )
        self.reason = reason


class Fenced(BackendError):
    """Another command has taken over: what was to be written was not, so nothing may be sent for it."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"{where} was written by another command that has taken over the state; nothing more is sent from here. "
            "Run `reconciler plan` to see what is left to do"
        )
