"""`verify`: whether what was configured has arrived: fresh, complete, private and valid."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from reconciler.deliveries import Place, close_sources
from reconciler.engine.delivery import judge
from reconciler.operations.contracts import contract_problems, schemas_of
from reconciler.operations.failures import Denied, Failure, Invalid
from reconciler.operations.plan import HERE
from reconciler.operations.state import read_state
from reconciler.operations.vendors import failure_of
from reconciler.operations.verify_content import Depth, contracts_of, read_content
from reconciler.operations.verify_places import Stock, look, place_of
from reconciler.operations.workspace import Workspace
from reconciler.sdk import VendorError
from reconciler.specs import Loaded
from reconciler.values import Address, DeliveryRules, Expectation, Finding, Problem, Record, Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class _Owed:
    """An expectation with the place where it lies, if that is known."""

    expectation: Expectation
    place: Place | None


def verify(
    workspace: Workspace,
    addresses: Collection[Address] = (),
    *,
    since: datetime | timedelta = timedelta(days=7),
    now: datetime | None = None,
    depth: Depth | None = None,
) -> Verification:
    """
    Every delivery of the managed objects, or of those at `addresses`, since then; sends no write to anybody.

    With `depth` the content of the files is read too. Raises `Failure` when an address has no record, `Invalid` when a
    contract cannot be used, and `SecretUnavailable` for credentials of a place that cannot be had.
    """
    now = (now or workspace.clock.now()).astimezone(UTC)
    start = now - since if isinstance(since, timedelta) else since.astimezone(UTC)
    loaded = workspace.read()
    wrong = contract_problems(workspace.project.root, loaded) if depth is not None else ()
    if wrong:
        raise Invalid("a contract cannot be used", wrong)
    records = _records(workspace, addresses)
    workspace.learn(HERE)
    owed: list[_Owed] = []
    silent: list[Address] = []
    problems: list[Problem] = []
    denied = False
    for record in records:
        workspace.progress.phase(f"asking about {record.address}")
        try:
            found = list(_owed(workspace, record, loaded, start, now))
        except VendorError as error:
            failure = failure_of(error)
            denied = denied or isinstance(failure, Denied)
            problems.append(
                Problem(
                    code="deliveries-not-read",
                    message=workspace.redact(failure.message),
                    address=record.address,
                    help=failure.help,
                )
            )
            continue
        owed += found
        if not found:
            silent.append(record.address)
    stocks = _stocks(workspace, owed)
    if depth is not None:
        try:
            stocks = _with_content(workspace, stocks, loaded, depth)
        finally:
            close_sources()
    findings = [judge(each.expectation, each.lying, now) for each in stocks]
    refused = any(
        each.lying is not None and each.lying.trouble is not None and each.lying.trouble.code == "not-allowed"
        for each in findings
    )
    return Verification(
        project=workspace.project.name,
        environment=workspace.project.environment,
        findings=tuple(sorted(findings, key=_order)),
        since=start,
        now=now,
        content=depth is not None,
        silent=tuple(silent),
        problems=tuple(problems),
        denied=denied or refused,
    )


def _records(workspace: Workspace, addresses: Collection[Address]) -> Sequence[Record]:
    """Those with an object that leaves files; a composite's address stands for its parts."""
    recorded = read_state(workspace).records
    chosen = [
        each
        for each in recorded.values()
        if not addresses or each.address in addresses or (each.origin is not None and each.origin in addresses)
    ]
    for address in sorted(addresses):
        if not any(address in (each.address, each.origin) for each in chosen):
            raise Failure(f"the state has no record of `{address}`", help="`reconciler state list` shows what it has")
        if address in recorded and not _delivers(workspace, address):
            raise Failure(f"`{address}` delivers no files by itself", help="name the export that delivers them")
    return sorted(
        (each for each in chosen if each.id is not None and _delivers(workspace, each.address)),
        key=lambda each: each.address,
    )


def _delivers(workspace: Workspace, address: Address) -> bool:
    kinds = workspace.catalog.kinds(address.vendor) if address.vendor in workspace.catalog.names else {}
    return address.kind in kinds and kinds[address.kind].delivers


def _owed(workspace: Workspace, record: Record, loaded: Loaded, since: datetime, now: datetime) -> Iterator[_Owed]:
    session = workspace.session(record.address.vendor)
    rules = _rules(loaded, record.address)
    for expectation in session.expectations(record, since, now):
        each = _ruled(workspace, expectation, rules)
        given = session.access(each) if each.place is not None else None
        place = place_of(each, given, workspace.project.deliveries, workspace.credential)
        yield _Owed(expectation=each, place=place)


def _rules(loaded: Loaded, address: Address) -> DeliveryRules:
    block = loaded.deliveries.get(address)
    return block.rules if block is not None else DeliveryRules()


def _ruled(workspace: Workspace, expectation: Expectation, rules: DeliveryRules) -> Expectation:
    """The expectation as its owner wants it, and the vendor's words without secrets."""
    told = expectation.told
    if told is not None and told.reason is not None:
        told = replace(told, reason=workspace.redact(told.reason))
    late = expectation.late
    missing = expectation.missing
    if rules.late_after is not None and expectation.due is not None:
        late = expectation.due + rules.late_after
        missing = max(missing, late) if missing is not None else None
    return replace(expectation, told=told, late=late, missing=missing, private=expectation.private and rules.private)


def _stocks(workspace: Workspace, owed: Iterable[_Owed]) -> list[Stock]:
    """What lies at the places, several of them at a time."""
    by_place: dict[Place, list[Expectation]] = {}
    stocks: list[Stock] = []
    for each in owed:
        if each.place is None:
            stocks.append(Stock(expectation=each.expectation, lying=None))
        else:
            by_place.setdefault(each.place, []).append(each.expectation)

    def looked(item: tuple[Place, list[Expectation]]) -> list[Stock]:
        place, expectations = item
        session = workspace.session(expectations[0].address.vendor)
        return list(look(place, expectations, session.manifested))

    workspace.progress.phase(f"looking at {len(by_place)} place{'s' * (len(by_place) != 1)}")
    with ThreadPoolExecutor(max(1, workspace.project.parallelism), thread_name_prefix="places") as pool:
        for found in pool.map(looked, by_place.items()):
            stocks += found
    return stocks


def _with_content(workspace: Workspace, stocks: Iterable[Stock], loaded: Loaded, depth: Depth) -> list[Stock]:
    """The same after their files were read, one delivery after the other: what is large spreads by itself."""
    schemas = schemas_of(workspace.project.root, loaded)
    read: list[Stock] = []
    for stock in stocks:
        lying, expectation = stock.lying, stock.expectation
        if lying is None or lying.trouble is not None or not lying.files:
            read.append(stock)
            continue
        workspace.progress.phase(f"reading {expectation.address} {expectation.name}")
        title, own = schemas.get(expectation.address, ("", None))
        session = workspace.session(expectation.address.vendor)
        try:
            given = session.contract(expectation, _rules(loaded, expectation.address))
        except ValueError as error:
            raise Failure(str(error), help="see `delivery.options` in the manifest") from None
        contracts = contracts_of(given, expectation, own, title, depth)
        read.append(replace(stock, lying=replace(lying, content=read_content(stock, contracts, depth))))
    return read


def _order(finding: Finding) -> tuple[Address, bool, datetime, str, str]:
    each = finding.expectation
    moment = each.moment
    return each.address, moment is None, moment or datetime.min.replace(tzinfo=UTC), each.name, each.place or ""
