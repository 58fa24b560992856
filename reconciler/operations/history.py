"""`history`: which command changed which export when, and whether the record of that is whole."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reconciler.backend import BackendError, LedgerBroken, Locked, Sealed
from reconciler.engine.ledger import Chain, Leaf, against
from reconciler.history.trail import renamed_in
from reconciler.operations.failures import Failure
from reconciler.operations.signing import Signed, signed
from reconciler.operations.workspace import Workspace
from reconciler.values import Address
from reconciler.values.ledger import LedgerRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which records are asked for: those for which everything that is not None or empty holds."""

    address: Address | None = None
    who: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    commit: str | None = None

    def holds(self, record: LedgerRecord, names: Collection[Address] = ()) -> bool:
        """Whether the record is one of them; `names` are what the address was called then."""
        command = record.command
        wanted: Collection[Address | None] = names or (self.address,)
        return (
            (self.address is None or any(deed.address in wanted for deed in record.deeds))
            and (self.who is None or command.who == self.who)
            and (self.since is None or record.ended >= self.since)
            and (self.until is None or command.since <= self.until)
            and (self.commit is None or (command.commit or "").startswith(self.commit))
        )


def listed(workspace: Workspace, question: Question | None = None) -> Iterator[Leaf]:
    """
    The records that fit, newest first, read as they are asked for.

    An address is followed to the names that its resource had before. What cannot be read might be any of them, so it
    is listed whatever is asked.
    """
    asked = question or Question()
    names = {asked.address} if asked.address is not None else set()
    for leaf in workspace.backend.ledger(newest_first=True):
        if leaf.record is None or asked.holds(leaf.record, names):
            yield leaf
        if leaf.record is not None and names:
            names |= {
                dropped.address
                for deed in leaf.record.deeds
                if deed.address in names and (dropped := renamed_in(leaf.record, deed)) is not None
            }


def record(workspace: Workspace, number: int) -> tuple[LedgerRecord, str]:
    """One record and the digest of its bytes. Raises `Failure` when there is none, or it cannot be read."""
    leaf = workspace.backend.leaf(number)
    if leaf is None:
        raise Failure(f"the ledger has no record {number}", help="`reconciler history` lists those that it has")
    if leaf.record is None or leaf.digest is None:
        raise Failure(f"{leaf.name} {leaf.trouble}", help="restore it from a backup; see `reconciler history verify`")
    return leaf.record, leaf.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """
    What reading the whole ledger has shown.

    `troubles` are what is wrong, `notes` what people should know. `proven` is the number of the record up to which
    nothing was altered since somebody noted its digest; None when no digest was given, or that cannot be said.
    `signed` is the same of the newest record that one of the allowed signers, `signer`, has signed.
    """

    count: int
    newest: LedgerRecord | None
    head: str | None
    troubles: tuple[str, ...]
    notes: tuple[str, ...]
    proven: int | None = None
    signed: int | None = None
    signer: str | None = None


def verify(workspace: Workspace, head: str | None = None, signers: Path | None = None) -> Verified:
    """
    Read the whole ledger, hold each record against the one before and the last against the state.

    `head` is the digest of any record as somebody has noted it, `signers` a file of those whose signatures count.
    Writes nothing. Raises `Failure` when signatures cannot be checked.
    """
    chain = Chain()
    troubles: list[str] = []
    digests: dict[int, str | None] = {}
    first_wrong: int | None = None
    for leaf in workspace.backend.ledger():
        found = list(chain.add(leaf))
        troubles += found
        digests[leaf.number] = leaf.digest
        if found and first_wrong is None:
            first_wrong = leaf.number
    known = next((number for number, digest in digests.items() if head is not None and digest == head), None)
    if head is not None and known is None:
        troubles.append(f"no record has the digest {head}: the record that had it was altered or taken away")
    by = _signatures(workspace, digests, signers, troubles) if signers is not None and digests else Signed()
    notes = [f"the ledger begins anew at record {each.number}: {'; '.join(each.sealed)}" for each in chain.sealed]
    if chain.last is not None and chain.head is not None:
        notes += _first_words(workspace)
    if by.number is not None and by.number < max(digests) and not by.foreign:
        notes.append(f"what came after record {by.number} is not signed")
    _hold_against_state(workspace, chain, troubles, notes)

    def sound(number: int | None) -> int | None:
        return number if number is not None and (first_wrong is None or number < first_wrong) else None

    return Verified(
        count=chain.count,
        newest=chain.last,
        head=chain.head,
        troubles=tuple(dict.fromkeys(troubles)),
        notes=tuple(notes),
        proven=sound(known),
        signed=sound(by.number),
        signer=by.by,
    )


def _signatures(workspace: Workspace, digests: Mapping[int, str | None], signers: Path, troubles: list[str]) -> Signed:
    """The newest good signature, and what is wrong with newer ones."""
    by = signed(workspace.backend, workspace.signing, digests, signers)
    if by.number is None:
        troubles.append(f"no record is signed by anybody in `{signers}`")
    troubles.extend(
        f"the signature under record {number} is of nobody in `{signers}`, or not of that record"
        for number in by.foreign
    )
    return by


def _first_words(workspace: Workspace) -> Iterator[str]:
    first = workspace.backend.leaf(1)
    if first is not None and first.record is not None and first.record.serial_before:
        yield (
            f"record 1 begins with what the state held at serial {first.record.serial_before}; what led there is not "
            "in this ledger"
        )


def _hold_against_state(workspace: Workspace, chain: Chain, troubles: list[str], notes: list[str]) -> None:
    """The state must be what the records lead to, but for a command that is under way."""
    backend = workspace.backend
    try:
        owed = backend.owed()
    except LedgerBroken as broken:
        if chain.last is not None or not chain.count:  # else it was said already
            troubles.append(broken.what)
        return
    except BackendError as error:
        troubles.append(f"the state cannot be used, so the records are not held against it: {error}")
        return
    if owed:
        _tell_of(owed[0], workspace, troubles, notes)
    if chain.last is None:
        return
    if not chain.is_complete:
        notes.append("records are missing or cannot be read, so the state is not held against them")
        return
    state = backend.state_at(chain.last.last_page)
    if state is None:
        notes.append("the state as of the newest record is not kept any more, so it was not held against it")
    else:
        troubles.extend(against(chain, state))


def _tell_of(owed: LedgerRecord, workspace: Workspace, troubles: list[str], notes: list[str]) -> None:
    command = owed.command
    who = f"`{command.operation}` of {command.who} since {command.since:%Y-%m-%d %H:%M:%S} UTC"
    try:
        holder = workspace.backend.holder()
        is_held = holder is not None and holder.id == command.id
    except Locked:
        is_held = True
    if is_held:
        notes.append(f"{who} holds the lock; its record {owed.number} is written when it ends")
    else:
        troubles.append(
            f"the state is further than the newest record: {who} has no record {owed.number}. It was killed, and the "
            "next command that takes the lock writes it; or a record was taken away"
        )


def seal(workspace: Workspace) -> Sealed:
    """Go on after a ledger that cannot be gone on with, leaving it as it is."""
    workspace.signing.check()
    sealed = workspace.backend.seal(
        workspace.holder("history seal"),
        clock=workspace.clock.monotonic,
        sleep=workspace.clock.sleep,
        waiting=workspace.waiting,
        now=workspace.clock.now,
    )
    workspace.signing.sign(sealed.head, workspace.backend)
    return sealed
