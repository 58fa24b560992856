"""One function over many items: here, in processes of this machine, or on the workers of a dask scheduler."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from urllib.parse import urlsplit

from reconciler.deliveries.access import holds_secrets
from reconciler.deliveries.checking import Item, check_object, close_sources
from reconciler.deliveries.contracts import Contract, Unique
from reconciler.deliveries.findings import Checked, Finding, Level, Summary, Tally, merged
from reconciler.deliveries.source import SourceError, Unreachable, library_missing
from reconciler.deliveries.unique import Repeated

_In = TypeVar("_In")
_Out = TypeVar("_Out")
_AHEAD = 4
"""Items per worker that are under way or done and not yet taken: results are taken in order, and memory is bounded."""

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def run(
    function: Callable[[_In], _Out], items: Iterable[_In], *, jobs: int = 1, scheduler: str | None = None
) -> Iterator[_Out]:
    """
    `function` of every item, in the order of the items.

    The function lives in a module that every worker can import, and it, the items and the results can be pickled. One
    job runs here; several in as many processes of this machine; with `scheduler` (`tcp://host:port`, `tls://…`) on the
    workers of dask, which have the same version of this program. An exception of the function ends the run. Raises
    `SourceError` when the scheduler cannot be reached or a worker dies again and again.
    """
    if scheduler is not None:
        yield from _distributed(function, items, scheduler)
    elif jobs <= 1:
        yield from map(function, items)
    else:
        # Started anew rather than forked: this process may have threads and open connections.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(jobs, mp_context=context) as pool, _cancelling(pool):
            yield from _in_order(lambda item: pool.submit(function, item), items, jobs * _AHEAD)


def check_objects(
    items: Iterable[Item],
    contract: Contract,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    done: Callable[[Checked], None] | None = None,
    keep: bool = False,
) -> Summary:
    """
    Every item against the contract, and what must be unique over all of them; the same result wherever it ran.

    `done` is called with each result, in the order of the items. With `keep` the connections of a check in this thread
    stay for its next one, until `close_sources`. Raises `PermissionError` rather than send credentials
    to workers in the clear: over `tcp://` to another machine let workers find their own, or use `tls://`.
    """
    checked = (_allowed(each, scheduler) for each in items)
    asked = chain(list(islice(checked, 1)), checked)  # the first before anybody is connected to
    names: list[str] = []
    spread = [each for each in contract.unique if each.over == "delivery"]
    with ExitStack() as stack:
        if not keep:
            stack.callback(close_sources)
        sets = {each.name: stack.enter_context(Repeated()) for each in spread}
        spill = None
        if spread and scheduler is None:  # the workers of a scheduler need not see this machine's disk
            spill = Path(stack.enter_context(TemporaryDirectory(prefix="reconciler-unique-")))
        check = partial(check_object, contract=contract, spill=spill)

        def taken() -> Iterator[Checked]:
            for number, result in enumerate(run(check, asked, jobs=jobs, scheduler=scheduler)):
                names.append(result.object)
                for name, entries in result.fingerprints.items():
                    for print_, line in entries:
                        sets[name].add(print_, number, line)
                    if entries.file is not None:
                        entries.file.unlink()
                if done is not None:
                    done(result)
                yield result

        summary = merged(taken(), contract.examples)
        tally = Tally(contract.examples)
        for count in summary.counts:
            tally.count(count.rule, count.level, count.total)
        tally.keep(summary.findings)
        for unique in spread:
            level = contract.level_of(unique.name, unique.level)
            total, examples = sets[unique.name].found(contract.examples)
            if total and level is not None:
                tally.count(unique.name, level, total)
                tally.keep(_repeat(unique, level, names, *each) for each in examples)
    return Summary(objects=summary.objects, counts=tally.counts, findings=tally.findings)


def _repeat(unique: Unique, level: Level, names: list[str], place: tuple[int, int], first: tuple[int, int]) -> Finding:
    number, line = place
    elsewhere = "" if first[0] == number else f" of `{names[first[0]]}`"
    message = f"has the same value as line {first[1]}{elsewhere}"
    return Finding(rule=unique.name, level=level, object=names[number], line=line, path=unique.path, message=message)


def _allowed(item: Item, scheduler: str | None) -> Item:
    if scheduler is not None and holds_secrets(item.place.access):
        parts = urlsplit(scheduler)
        if parts.scheme != "tls" and parts.hostname not in _LOOPBACK:
            raise PermissionError(
                "credentials are not sent to another machine in the clear: "
                "let the workers find their own, or use a scheduler at `tls://`"
            )
    return item


def _in_order(submit: Callable[[_In], Any], items: Iterable[_In], ahead: int) -> Iterator[Any]:
    """Results in the order of the items, with at most `ahead` of them under way."""
    waiting = iter(items)
    under_way = deque(map(submit, islice(waiting, ahead)))
    while under_way:
        result = under_way.popleft().result()
        under_way.extend(map(submit, islice(waiting, 1)))
        yield result


@contextmanager
def _cancelling(pool: ProcessPoolExecutor) -> Iterator[None]:
    """Whoever stops taking results, or is interrupted, does not wait for what nobody will take."""
    try:
        yield
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _distributed(function: Callable[[_In], _Out], items: Iterable[_In], scheduler: str) -> Iterator[_Out]:
    try:
        from distributed import Client  # noqa: PLC0415 - only who spreads the work pays
        from distributed.scheduler import KilledWorker  # noqa: PLC0415
    except ImportError:
        raise library_missing(scheduler, "distributed", "distributed") from None
    help = "check the address, and that a scheduler of the same version runs there"
    client: Any
    try:
        client = Client(scheduler, timeout="5s", set_as_default=False)  # type: ignore[no-untyped-call]  # the library is half typed
    except TypeError:
        help = "configure `distributed.comm.tls` of dask on this machine"
        raise Unreachable(scheduler, "there are no certificates for `tls://`", help) from None
    except (OSError, TimeoutError, ValueError):
        raise Unreachable(scheduler, "the scheduler cannot be reached", help) from None
    try:
        workers = len(client.scheduler_info()["workers"])
        if not workers:
            raise Unreachable(scheduler, "the scheduler has no workers", "start workers and run again")
        threads = sum(client.nthreads().values())
        # `pure=False`: objects change, so an equal question has no remembered answer. A worker that dies is replaced.
        submit = partial(client.submit, function, pure=False, retries=2)
        yield from _in_order(submit, items, max(threads, 1) * _AHEAD)
    except KilledWorker:
        help = "give the workers more memory, or check their logs"
        raise SourceError(scheduler, "workers die over one object again and again", help) from None
    finally:
        client.close()
