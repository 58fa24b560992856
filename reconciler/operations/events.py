"""`events`: files of consent events looked at, digested and cut for Didomi's support; needs no project."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from reconciler import __version__
from reconciler.deliveries import Checked, Item, SourceError, Summary, check_objects
from reconciler.operations.failures import Failure, Misused
from reconciler.providers.didomi.imports.events import Judge, import_contract, users_of
from reconciler.providers.didomi.imports.files import Input, Measured, Outside, measured, named, whole_digest
from reconciler.providers.didomi.imports.parts import Damaged, Position, Reading

__all__ = ["Checked", "Piece", "Summary", "check", "digests", "files_of", "split"]

_SLOTS = 65_536
_START = Position(0, 0)
_MOST_FILES = 900


def files_of(words: Sequence[str]) -> tuple[Input, ...]:
    """The files that words of the command line name. Raises `Misused`."""
    try:
        return tuple(named(each) for each in words)
    except Outside as error:
        raise Misused(str(error)) from None


def digests(words: Sequence[str]) -> Iterator[tuple[str, Measured]]:
    """Each file with the digest and the number of its bytes. Raises `Failure` for one that cannot be read."""
    for file in files_of(words):
        try:
            yield file.name, measured(file)
        except SourceError as error:
            raise Failure(f"`{file.name}` cannot be read: {error.reason}", help=error.help) from None


def check(
    words: Sequence[str],
    *,
    derive: bool = False,
    organization: str | None = None,
    examples: int = 5,
    jobs: int | None = None,
    scheduler: str | None = None,
    done: Callable[[Checked], None] | None = None,
) -> Summary:
    """
    Every line of every file against what an import takes, here or on the workers of a scheduler, with one result.

    `derive` allows events without an id. Raises `Failure` where the program lacks a part or the scheduler is not there.
    """
    contract = import_contract(ids=not derive, organization=organization, examples=examples)
    items = [Item(place=each.place, key=each.key) for each in files_of(words)]
    processes = 1 if len(items) == 1 else min(len(items), jobs or os.cpu_count() or 1)
    try:
        return check_objects(items, contract, jobs=processes, scheduler=scheduler, done=done)
    except SourceError as error:
        raise Failure(f"the check cannot be made: {error.reason}", help=error.help) from None
    except PermissionError as error:
        raise Misused(str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One file that was written."""

    name: str
    events: int
    size: int
    sha256: str


def split(
    words: Sequence[str],
    folder: Path,
    *,
    most: int,
    packed: bool = True,
    derive: str | None = None,
    batch: str | None = None,
) -> tuple[Piece, ...]:
    """
    The events of all files in files of at most `most` bytes before compression, with a `manifest.json` beside them.

    All events of one user stand in one file, in their order, so that files may be imported in any order. `derive` is
    the source from which missing ids are derived, `batch` marks every event. Files hold personal data: they are made
    anew, for their owner alone. Raises `Failure` when an event cannot be imported; then nothing is written.
    """
    files = files_of(words)
    reading = Reading(judge=Judge(import_contract(batch=batch)), batch=batch, source=derive)
    try:
        measures: list[Measured] = []
        targets = _targets(_sizes(reading, files, measures), most)
        # The second reading is of the same bytes, or ends.
        files = tuple(replace(file, sha256=each.sha256) for file, each in zip(files, measures, strict=True))
        return _written(reading, files, folder, targets, packed=packed)
    except SourceError as error:
        raise Failure(f"a file cannot be read: {error}", help="correct that and run again") from None
    except Damaged as error:
        raise Failure(f"a file cannot be read to its end: {error}", help="fetch or write it again") from None


def _line(body: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"


def _slot(body: Any) -> int:  # noqa: ANN401 - JSON
    """One of many small groups of users: their number does not grow with the files."""
    name = users_of(body)[0].encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest()) % _SLOTS


def _sizes(reading: Reading, files: Sequence[Input], measures: list[Measured]) -> Counter[int]:
    """How many bytes each group of users has. Raises `Failure` for a file with an event that cannot be imported."""
    sizes: Counter[int] = Counter()
    bad: list[str] = []
    count = 0
    for item in reading.items(files, _START, measures):
        if item.body is None:
            count += 1
            bad += [f"`{files[item.at.file].name}` line {item.at.line}: {item.reasons[0]}"] if count <= 3 else []
        else:
            sizes[_slot(item.body)] += len(_line(item.body))
    if bad:
        raise Failure(
            f"{count:,} events cannot be imported ({'; '.join(bad)}); nothing was written",
            help="`reconciler events validate` lists them all",
        )
    if not sizes:
        raise Failure("there are no events", help="name files with one event a line")
    return sizes


def _targets(sizes: Counter[int], most: int) -> list[int]:
    """The file of each group of users, filled one after the other."""
    target = [0] * _SLOTS
    number = held = 0
    for slot, size in sorted(sizes.items()):
        if size > most:
            raise Failure(
                f"users whose events must stay together have {size:,} bytes, more than {most:,}",
                help="raise `--size`",
            )
        if held + size > most:
            number, held = number + 1, 0
        target[slot] = number
        held += size
    if number >= _MOST_FILES:
        raise Failure(f"that would be {number + 1:,} files", help=f"raise `--size`: at most {_MOST_FILES} are written")
    return target


def _written(
    reading: Reading, files: Sequence[Input], folder: Path, targets: Sequence[int], *, packed: bool
) -> tuple[Piece, ...]:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Failure(f"`{folder}` is not empty", help="name a new folder with `--out-dir`")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    events: Counter[int] = Counter()
    names = {number: f"events-{number + 1:04}.jsonl{'.gz' if packed else ''}" for number in sorted(set(targets))}
    measures: list[Measured] = []
    with ExitStack() as stack:
        opened: dict[int, IO[bytes]] = {}
        for item in reading.items(files, _START, measures):
            assert item.body is not None, "the first reading found nothing wrong"
            number = targets[_slot(item.body)]
            if number not in opened:
                opened[number] = _opened(folder / names[number], stack, packed=packed)
            opened[number].write(_line(item.body))
            events[number] += 1
    pieces = []
    for number in sorted(events):
        path = folder / names[number]
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(1024 * 1024):
                digest.update(block)
        pieces.append(Piece(name=path.name, events=events[number], size=path.stat().st_size, sha256=digest.hexdigest()))
    document = {
        "tool": f"reconciler {__version__}",
        "events": sum(each.events for each in pieces),
        "files": [
            {"name": each.name, "events": each.events, "bytes": each.size, "sha256": each.sha256} for each in pieces
        ],
        "made from": [
            {"name": file.name, "bytes": each.size, "sha256": each.sha256}
            for file, each in zip(files, measures, strict=True)
        ],
        "digest": whole_digest([each.sha256 for each in pieces]),
    }
    with _opened_alone(folder / "manifest.json") as listed:
        listed.write(json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n")
    return tuple(pieces)


def _opened(path: Path, stack: ExitStack, *, packed: bool) -> IO[bytes]:
    file = stack.enter_context(_opened_alone(path))
    if not packed:
        return file
    # No time and no name within, so that the same events make the same bytes.
    pack: Any = stack.enter_context(gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0))
    return pack  # type: ignore[no-any-return]  # half of an `IO[bytes]`, and more than is used of it


def _opened_alone(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
