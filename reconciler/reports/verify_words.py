"""What every report of `verify` says in the same words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby

from reconciler.reports.escape import plural
from reconciler.values import Address, Content, Expectation, Finding, Verdict, Verification

ORDER = (
    Verdict.EXPOSED,
    Verdict.FAILED,
    Verdict.MISSING,
    Verdict.LATE,
    Verdict.INCOMPLETE,
    Verdict.INVALID,
    Verdict.UNREADABLE,
    Verdict.UNKNOWN,
    Verdict.IN_PROGRESS,
    Verdict.AWAITED,
    Verdict.EXPIRED,
    Verdict.DELIVERED,
)
"""Verdicts as people want to read them: what needs somebody first."""

MEANINGS: Mapping[Verdict, str] = {
    Verdict.DELIVERED: "complete, and nothing is wrong with it",
    Verdict.AWAITED: "not due yet, or not yet late",
    Verdict.IN_PROGRESS: "being written; nothing says yet that it is complete",
    Verdict.LATE: "due, and not complete",
    Verdict.FAILED: "the vendor says that its run failed",
    Verdict.EXPIRED: "older than what its place keeps, so nobody can tell any more",
    Verdict.MISSING: "nothing lies there, although it should",
    Verdict.INCOMPLETE: "something lies there, and not all of it",
    Verdict.UNREADABLE: "its place or its files could not be read",
    Verdict.EXPOSED: "people without a right to it can read it",
    Verdict.INVALID: "its files break a rule of their contract",
    Verdict.UNKNOWN: "neither the vendor nor the place can say",
}


def moment(at: datetime | None) -> str:
    """A time in UTC, to the minute."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if at is not None else ""


def instant(at: datetime | None) -> str | None:
    """A time for programs."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else None


def span(verification: Verification) -> str:
    """The time that was looked at."""
    return f"{moment(verification.since)} to {moment(verification.now)}"


def summary(verification: Verification) -> str:
    """The one line that people grep for."""
    counts = verification.counts
    words = [f"{counts[each]} {each.value}" for each in ORDER if each in counts]
    return f"Deliveries: {', '.join(words) or 'none expected'}."


def by_address(findings: Sequence[Finding]) -> Iterator[tuple[Address, list[Finding]]]:
    """The findings of each address, in their order."""
    for address, group in groupby(findings, key=lambda each: each.expectation.address):
        yield address, list(group)


def day_of(expectation: Expectation) -> str:
    """The column that a delivery stands in: its day in UTC, or its name where it has no time."""
    found = expectation.moment
    return found.astimezone(UTC).date().isoformat() if found is not None else expectation.name


def texts(finding: Finding) -> Iterator[tuple[str, str | None]]:
    """What was found out, the gravest first: a sentence and what to do about it."""
    for remark in finding.remarks:
        begins = f"{remark.verdict.value}: " if remark.verdict is not finding.verdict else ""
        yield f"{begins}{remark.text}", remark.help


def checked(content: Content) -> str:
    """How much was read, and against what."""
    amount = f"{plural(len(content.files), 'file')} read, {plural(content.records, 'record')}"
    part = ", a sample" if content.sampled else ""
    return f"{amount}{part} ({content.contract})"


def plain_problem(address: Address | None, message: str) -> str:
    """A problem of an address in one line."""
    return f"{address}: {message}" if address is not None else message
