"""The verdict on one delivery: a function of what should be there, what lies there, and the time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from reconciler.values import Content, Expectation, Finding, Lying, Remark, RunStatus, Trouble, Verdict

GRAVITY = (
    Verdict.EXPOSED,
    Verdict.UNREADABLE,
    Verdict.FAILED,
    Verdict.INVALID,
    Verdict.INCOMPLETE,
    Verdict.MISSING,
    Verdict.LATE,
    Verdict.EXPIRED,
    Verdict.UNKNOWN,
    Verdict.IN_PROGRESS,
    Verdict.AWAITED,
    Verdict.DELIVERED,
)
"""All verdicts, the gravest first: of several remarks, that decides."""

_TO_COME = frozenset({Verdict.AWAITED, Verdict.IN_PROGRESS, Verdict.LATE})


def judge(expectation: Expectation, lying: Lying | None, now: datetime) -> Finding:
    """
    What became of one delivery; `lying` is `None` when its place is not known, so that nobody looked.

    Never says that something arrived unless the vendor, a marker, a manifest or the list of promised files says so,
    and never that it is lost while its run may still deliver it.
    """
    remarks = list(_arrival(expectation, lying, now))
    if lying is not None:
        remarks += _exposure(expectation, lying, remarks)
    remarks.sort(key=lambda each: GRAVITY.index(each.verdict))
    return Finding(
        expectation=expectation,
        verdict=remarks[0].verdict,
        remarks=tuple(remarks),
        lying=lying,
        unknown=tuple(dict.fromkeys(_unknown(expectation, lying))),
    )


def _unknown(expectation: Expectation, lying: Lying | None) -> Iterator[str]:
    yield from expectation.unknown
    if lying is None or lying.trouble is not None:
        return
    if expectation.private and lying.exposed is None:
        yield from lying.unsure or ("whether others may read the place",)
    if lying.files and lying.completed is None and not _says_complete(expectation):
        yield "whether these are all files: nothing at the place says so"


def _says_complete(expectation: Expectation) -> bool:
    """Whether something at the place, or a list of the vendor, would tell that all files are there."""
    recognition = expectation.recognition
    return _is_marked(expectation) or bool(recognition.promised)


def _is_marked(expectation: Expectation) -> bool:
    """Whether a whole delivery always has a marker or a manifest beside its files."""
    recognition = expectation.recognition
    return bool(recognition.markers) or (recognition.manifest is not None and not recognition.manifest_optional)


def _exposure(expectation: Expectation, lying: Lying, remarks: list[Remark]) -> list[Remark]:
    """That others may read what lies there, or what is still to come."""
    if not expectation.private or not lying.exposed:
        return []
    to_come = any(each.verdict in _TO_COME for each in remarks)
    if not lying.files and not to_come:
        return []
    help = "take public access away, or write `delivery: {private: false}` in the manifest if that is meant"
    return [Remark(verdict=Verdict.EXPOSED, text=f"others may read it: {each}", help=help) for each in lying.exposed]


# --- whether it is there ---


def _arrival(expectation: Expectation, lying: Lying | None, now: datetime) -> Iterator[Remark]:
    told = expectation.told
    if told is not None and told.status is RunStatus.FAILED:
        reason = f": {told.reason}" if told.reason else ", and not why"
        yield Remark(verdict=Verdict.FAILED, text=f"the vendor says that the run failed{reason}")
    trouble = None if lying is None else lying.trouble
    if trouble is not None and trouble.code != "place-missing":
        yield Remark(
            verdict=Verdict.UNREADABLE, text=f"`{trouble.where}` cannot be read: {trouble.reason}", help=trouble.help
        )
    elif told is not None and told.status is RunStatus.FAILED:
        return
    elif lying is None:
        yield _unseen(expectation, now)
    elif not lying.files and lying.completed is None:
        yield _absent(expectation, trouble, now)
    else:
        faults = list(_faults(expectation, lying, now))
        yield from faults or [_delivered(expectation, lying, now)]


def _unseen(expectation: Expectation, now: datetime) -> Remark:
    if expectation.told is not None and expectation.told.status is RunStatus.COMPLETED:
        return Remark(verdict=Verdict.UNKNOWN, text="the vendor says that it was delivered, and not where")
    if expectation.due is not None and now < expectation.due:
        return Remark(verdict=Verdict.AWAITED, text=f"due {_at(expectation.due)}")
    return Remark(verdict=Verdict.UNKNOWN, text="where it should lie is not known")


def _absent(expectation: Expectation, trouble: Trouble | None, now: datetime) -> Remark:
    """Nothing of it lies there."""
    told = expectation.told
    nothing = f"nothing lies there: {trouble.reason}" if trouble is not None else "nothing lies there"
    help = trouble.help if trouble is not None else None
    if told is not None and told.status is RunStatus.RUNNING:
        return _running(expectation, now)
    if _is_expired(expectation, now):
        assert expectation.kept_until is not None
        return Remark(
            verdict=Verdict.EXPIRED, text=f"the place kept it until {_at(expectation.kept_until)}, so nobody can tell"
        )
    if told is not None:
        count = _count(expectation)
        if expectation.may_be_empty and count == 0:
            return Remark(verdict=Verdict.DELIVERED, text="the vendor says that there was nothing to deliver")
        if expectation.may_be_empty and count is None:
            text = f"{nothing}; the vendor says that it was delivered, and not how much"
            return Remark(verdict=Verdict.UNKNOWN, text=text, help=help)
        return Remark(verdict=Verdict.MISSING, text=f"{nothing}, and the vendor says that it was delivered", help=help)
    late = _has_passed(expectation.late, now) or _has_passed(expectation.missing, now)
    if expectation.may_be_empty and late:
        text = f"{nothing}; the vendor says nothing of this run, which may have had nothing to deliver"
        return Remark(verdict=Verdict.UNKNOWN, text=text, help=help)
    return _by_clock(expectation, nothing, help, now)


def _by_clock(expectation: Expectation, nothing: str, help: str | None, now: datetime) -> Remark:
    """Nothing lies there, and the vendor says nothing: only the schedule is left."""
    due = expectation.due
    if _has_passed(expectation.missing, now):
        since = f", due {_at(due)}" if due is not None else ""
        return Remark(verdict=Verdict.MISSING, text=f"{nothing}{since}, and the vendor tells of no run", help=help)
    if _has_passed(expectation.late, now):
        return Remark(verdict=Verdict.LATE, text=f"{nothing}, due {_at(due or expectation.late)}", help=help)
    if due is None and expectation.late is None and expectation.missing is None:
        return Remark(verdict=Verdict.UNKNOWN, text=f"{nothing}, and when it is due is not known", help=help)
    until = f", late from {_at(expectation.late)}" if expectation.late is not None else ""
    word = f"due {_at(due)}" if due is not None else "not due yet"
    return Remark(verdict=Verdict.AWAITED, text=f"{word}{until}", help=help)


def _running(expectation: Expectation, now: datetime) -> Remark:
    if _has_passed(expectation.late, now):
        text = f"its run has not ended, due {_at(expectation.due or expectation.late)}"
        return Remark(verdict=Verdict.LATE, text=text)
    return Remark(verdict=Verdict.IN_PROGRESS, text="its run has not ended")


# --- whether it is whole ---


def _faults(expectation: Expectation, lying: Lying, now: datetime) -> Iterator[Remark]:
    """What is wrong with what lies there; nothing is a delivery that arrived."""
    told = expectation.told
    running = told is not None and told.status is RunStatus.RUNNING
    if running:
        yield _running(expectation, now)
    elif _is_marked(expectation) and lying.completed is None:
        yield _unmarked(expectation, now)
    elif told is None and lying.completed is None and not _says_complete(expectation):
        yield Remark(verdict=Verdict.UNKNOWN, text=f"{_amount(lying)}; nothing says whether that is all")
    elif not lying.files:
        yield from _no_files(expectation, now)
    if not running:
        yield from _promises(expectation, lying, now)
    yield from _empty_files(expectation, lying)
    if lying.content is not None:
        yield from _content(expectation, lying, lying.content)


def _unmarked(expectation: Expectation, now: datetime) -> Remark:
    recognition = expectation.recognition
    what = f"`{recognition.markers[0].rpartition('/')[2]}`" if recognition.markers else "the manifest"
    if expectation.told is not None:
        text = f"{what} is not there, and the vendor says that it was delivered"
        return Remark(verdict=Verdict.INCOMPLETE, text=text)
    if _has_passed(expectation.missing, now):
        return Remark(verdict=Verdict.INCOMPLETE, text=f"files lie there, and {what} never came")
    if _has_passed(expectation.late, now):
        text = f"files lie there, and {what} not yet; due {_at(expectation.due or expectation.late)}"
        return Remark(verdict=Verdict.LATE, text=text)
    return Remark(verdict=Verdict.IN_PROGRESS, text=f"files lie there, and {what} not yet")


def _no_files(expectation: Expectation, now: datetime) -> Iterator[Remark]:
    """Only the word that it is complete lies there."""
    count = _count(expectation)
    if count == 0 or (count is None and expectation.may_be_empty):
        return
    if _is_expired(expectation, now):
        yield Remark(verdict=Verdict.EXPIRED, text="its files are gone, as the place keeps none for so long")
    elif count is None:
        yield Remark(verdict=Verdict.INCOMPLETE, text="it is said to be complete, and no file lies there")
    else:
        yield Remark(
            verdict=Verdict.INCOMPLETE, text=f"no file lies there, and the vendor says that it is {_records(count)}"
        )


def _promises(expectation: Expectation, lying: Lying, now: datetime) -> Iterator[Remark]:
    """The files that the vendor names, one by one."""
    there = {each.key: each for each in lying.files}
    promised = expectation.recognition.promised
    absent = [each for each in promised if each.key not in there]
    if absent:
        if _is_expired(expectation, now):
            yield Remark(verdict=Verdict.EXPIRED, text=f"{len(absent)} of {_files(len(promised))} are no longer kept")
        else:
            text = f"{len(absent)} of {_files(len(promised))} that the vendor names are not there: `{absent[0].key}`"
            yield Remark(verdict=Verdict.INCOMPLETE, text=text + (", …" if len(absent) > 1 else ""))
    for each in promised:
        found = there.get(each.key)
        if found is None:
            continue
        if each.size is not None and found.size != each.size:
            text = f"`{each.key}` has {found.size} bytes instead of {each.size}"
            yield Remark(verdict=Verdict.INCOMPLETE, text=text)
        elif each.etag is not None and found.etag is not None and found.etag != each.etag:
            yield Remark(verdict=Verdict.INVALID, text=f"`{each.key}` was written anew after it was delivered")


def _empty_files(expectation: Expectation, lying: Lying) -> Iterator[Remark]:
    """Files without a byte, where that is not what was promised."""
    meant = {each.key for each in expectation.recognition.promised if each.size == 0 or each.records == 0}
    empty = [each for each in lying.files if each.size == 0 and each.key not in meant]
    if empty and expectation.records != 0:
        text = f"{_files(len(empty))} without a byte: `{empty[0].key}`"
        yield Remark(verdict=Verdict.INCOMPLETE, text=text + (", …" if len(empty) > 1 else ""))


def _content(expectation: Expectation, lying: Lying, content: Content) -> Iterator[Remark]:
    if content.unread:
        yield Remark(verdict=Verdict.UNREADABLE, text=f"{_files(len(content.unread))} could not be read")
    empty = {each.key for each in lying.files if each.size == 0}
    cut = [each for each in content.cut if each not in empty]
    if cut:
        text = f"{_files(len(cut))} {'ends' if len(cut) == 1 else 'end'} too early: `{cut[0]}`"
        yield Remark(verdict=Verdict.INCOMPLETE, text=text + (", …" if len(cut) > 1 else ""))
    broken = [each for each in content.broken if each.level == "error"]
    if broken:
        times = sum(each.total for each in broken)
        words = ", ".join(f"`{each.rule}`" for each in broken[:3]) + (", …" if len(broken) > 3 else "")
        yield Remark(verdict=Verdict.INVALID, text=f"{times} {'breach' if times == 1 else 'breaches'} of {words}")
    if content.sampled or content.unread or content.cut:
        return
    for each in expectation.recognition.promised:
        if each.records is not None and each.key in content.files:
            yield from _counted(content.files[each.key], each.records, f"`{each.key}` holds")
    if expectation.records is not None:
        yield from _counted(content.records, expectation.records, "it holds")
    elif expectation.records_at_least is not None and content.records < expectation.records_at_least:
        yield from _counted(content.records, expectation.records_at_least, "it holds")


def _counted(found: int, wanted: int, subject: str) -> Iterator[Remark]:
    if found != wanted:
        verdict = Verdict.INCOMPLETE if found < wanted else Verdict.INVALID
        text = f"{subject} {_records(found)} instead of the {wanted} that the vendor reports"
        yield Remark(verdict=verdict, text=text)


def _delivered(expectation: Expectation, lying: Lying, now: datetime) -> Remark:
    arrived = lying.arrived
    assert arrived is not None, "something lies there"
    # A copy that was made after the moment that is judged says nothing about when it came.
    late = expectation.late is not None and expectation.late < arrived <= now
    amount = f"{_amount(lying)}, written {_at(arrived)}"
    return Remark(verdict=Verdict.DELIVERED, text=f"{amount}, which was late" if late else amount)


# --- words ---


def _count(expectation: Expectation) -> int | None:
    return expectation.records if expectation.records is not None else expectation.records_at_least


def _is_expired(expectation: Expectation, now: datetime) -> bool:
    return _has_passed(expectation.kept_until, now)


def _has_passed(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and now >= moment


def _amount(lying: Lying) -> str:
    return f"{_files(len(lying.files))}, {size(lying.size)}" if lying.files else "no file"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"


def size(count: int) -> str:
    """So many bytes for people, in decimal units."""
    if count < 1000:
        return f"{count} B"
    amount = float(count)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 999.5:
            return f"{amount:.1f} {unit}" if amount < 99.95 else f"{amount:.0f} {unit}"
    return f"{amount / 1000:.1f} TB"


def _at(moment: datetime | None) -> str:
    assert moment is not None, "the caller has looked"
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
