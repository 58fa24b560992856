"""What deliveries hold: the contract of each, and every file, or a sample of them, read against it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from reconciler.deliveries import (
    BadSchema,
    Checked,
    Column,
    Contract,
    Format,
    Item,
    LibraryMissing,
    SourceError,
    Summary,
    check_objects,
)
from reconciler.operations.failures import Failure
from reconciler.operations.verify_places import Stock
from reconciler.values import Broken, Content, Example, Expectation

_UNREAD = frozenset(
    {"unreadable", "not-allowed", "unreachable", "place-missing", "untrusted-host", "changed", "not-there"}
)
_CUT = frozenset({"truncated", "empty-file"})
_WORTH_PROCESSES = 64 * 1024 * 1024
"""Bytes from which on starting processes is paid back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """
    How closely content is looked at.

    `sample` is how many files of each delivery are read, `None` all. At most `examples` of each broken rule are kept.
    """

    sample: int | None = None
    examples: int = 5
    show_values: bool = False
    jobs: int | None = None
    scheduler: str | None = None


def contracts_of(
    given: object | None, expectation: Expectation, own: str | None, title: str, depth: Depth
) -> tuple[Contract, ...]:
    """
    The vendor's contract with the owner's schema `own`, as one where that is possible.

    `title` names the owner's schema. Without either the files must be of the format and have the columns that the
    vendor reports.
    """
    return tuple(
        replace(each, examples=depth.examples, show_values=depth.show_values)
        for each in _contracts(given, expectation, own, title)
    )


def _contracts(given: object | None, expectation: Expectation, own: str | None, title: str) -> Iterator[Contract]:
    if isinstance(given, Contract):
        if own is not None and given.schema is None:
            yield replace(given, schema=own, name=f"{given.name} and {title}")
            return
        yield given
        if own is not None:
            yield Contract(name=title, format=given.format, schema=own)
        return
    yield Contract(
        name=title if own is not None else "what the vendor reports",
        format=Format(expectation.format) if expectation.format is not None else None,
        columns=tuple(Column(name=each.name, type=each.type, nullable=each.nullable) for each in expectation.columns),
        schema=own,
    )


def read_content(stock: Stock, contracts: Sequence[Contract], depth: Depth) -> Content:
    """
    What the files of one delivery hold. Damaged files are a part of the answer.

    Raises `Failure` for a contract or a scheduler that cannot be used.
    """
    assert stock.lying is not None, "there is something to read"
    assert stock.place is not None, "what lies somewhere has a place"
    prefix = stock.expectation.recognition.prefix
    keys = [each.key for each in stock.lying.files]
    chosen = _sample(keys, depth.sample)
    place = stock.place
    jobs = depth.jobs or (os.cpu_count() or 1 if stock.lying.size >= _WORTH_PROCESSES and len(chosen) > 1 else 1)
    summaries: list[Summary] = []
    for contract in contracts:
        items = (Item(place=place, key=prefix + key) for key in chosen)
        try:
            summaries.append(check_objects(items, contract, jobs=jobs, scheduler=depth.scheduler, keep=True))
        except BadSchema as error:
            raise Failure(f"the contract `{contract.name}` cannot be used: {error}") from None
        except PermissionError as error:
            raise Failure(str(error)) from None
        except LibraryMissing as error:
            raise Failure(f"content cannot be checked: {error.reason}", help=error.help) from None
        except SourceError as error:
            raise Failure(f"`{error.where}`: {error.reason}", help=error.help) from None
    return _content(contracts, summaries, chosen, sampled=len(chosen) < len(keys))


def _sample(keys: Sequence[str], most: int | None) -> list[str]:
    """So many of them, spread evenly, the first and the last among them; the same ones every time."""
    if most is None or most >= len(keys):
        return list(keys)
    if most == 1:
        return [keys[0]]
    return [keys[round(each * (len(keys) - 1) / (most - 1))] for each in range(most)]


def _content(
    contracts: Sequence[Contract], summaries: Sequence[Summary], keys: Sequence[str], *, sampled: bool
) -> Content:
    first = summaries[0].objects
    unread = [key for key, each in zip(keys, first, strict=True) if _has(each, _UNREAD)]
    cut = [key for key, each in zip(keys, first, strict=True) if _has(each, _CUT)]
    return Content(
        contract=" and ".join(each.name for each in contracts),
        files={
            key: each.records
            for key, each in zip(keys, first, strict=True)
            if each.readable and key not in unread and key not in cut
        },
        unread=tuple(unread),
        cut=tuple(cut),
        sampled=sampled,
        broken=tuple(_broken(summaries)),
        examples=tuple(_examples(summaries)),
    )


def _has(checked: Checked, rules: frozenset[str]) -> bool:
    return any(each.rule in rules for each in checked.counts)


def _broken(summaries: Sequence[Summary]) -> Iterator[Broken]:
    """Every rule once: two contracts find the same damage in the same file."""
    seen: set[str] = set()
    for count in (each for summary in summaries for each in summary.counts):
        if count.rule not in seen and count.rule not in _UNREAD and count.rule not in _CUT:
            seen.add(count.rule)
            yield Broken(rule=count.rule, level=count.level.value, total=count.total)


def _examples(summaries: Sequence[Summary]) -> Iterator[Example]:
    seen: set[str] = set()
    for summary in summaries:
        names = {each.rule for each in summary.counts} - seen
        for each in summary.findings:
            if each.rule in names:
                yield Example(
                    rule=each.rule,
                    level=each.level.value,
                    object=each.object,
                    line=each.line,
                    path=each.path,
                    message=each.message,
                    value=each.value,
                )
        seen |= names
