"""What a vendor does: one session per run, one handler per kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from pydantic import field_validator

from reconciler.sdk.errors import VendorError
from reconciler.sdk.fields import Spec, travels_in_private
from reconciler.sdk.http import Http, Pace, SafeRequest
from reconciler.sdk.kinds import Kind
from reconciler.values import (
    Address,
    DeliveryRules,
    Document,
    Expectation,
    FieldChange,
    Hold,
    Observed,
    Ownership,
    Plan,
    Problem,
    Record,
    Resource,
    Secret,
    Snapshot,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    One mutating call to make.

    `attributes` is the whole wanted document with references as ids and secrets as `Secret`; `reveal` gives a
    secret's value and is called only to build the request. `owner` is the mark to write (kinds with
    `Identity.MARK`). `fields` are the differences that caused an update, `observed` the object as last read,
    `memo` what `prepare` returned.
    """

    address: Address
    attributes: Document
    reveal: Callable[[Secret], str]
    owner: Ownership
    now: datetime
    id: str | None = None
    fields: tuple[FieldChange, ...] = ()
    observed: Observed | None = None
    record: Record | None = None
    memo: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """
    What extra readings at plan time say about one wanted resource.

    `observed` replaces the object as listed (with a taint, an output, …); `hold` keeps the engine from acting;
    `problems` refuse the plan. `invalid` are those of the manifest itself, found by looking at what it names: with one
    of them there is no plan. `attributes` replace what the owner wrote: the same with what only the vendor knows
    filled in (a name as the id that bears it, `all` as a list), references and secrets left as they are.
    """

    observed: Observed | None = None
    attributes: Document | None = None
    hold: Hold | None = None
    problems: tuple[Problem, ...] = ()
    invalid: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of an export as the vendor reports it; `status` is pending, completed or failed."""

    id: str
    status: str
    started: datetime | None = None
    finished: datetime | None = None
    figures: Mapping[str, int] = field(default_factory=dict)
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of `doctor`: what was looked at, whether it is well, and what to do when not."""

    subject: str
    well: bool
    detail: str
    help: str | None = None


class Handler(ABC):
    """
    The verbs of one kind.

    Every method may raise a `VendorError`. `list` and `read` send safe requests only. A creation sends exactly
    one mutating request; an update may send several if repeating them does no harm.
    """

    def concern(self, documents: Iterable[Document]) -> None:  # noqa: B027 - an optional verb
        """What the next readings are about, for vendors that list by something that only documents name."""

    @abstractmethod
    def list(self) -> Sequence[Observed]:
        """
        Every object of the kind that the credentials can see, from a list read to its end.

        Raises `Unreadable` when the list cannot be believed: never returns a part.
        """

    @abstractmethod
    def read(self, id: str) -> Observed | None:
        """The object, or `None` when the vendor says that there is none. Raises `Unreadable` when it cannot say."""

    def assess(self, resource: Resource, record: Record | None, observed: Observed | None, now: datetime) -> Assessment:
        """Extra readings at plan time about one wanted resource. By default none."""
        return Assessment(observed=observed)

    def prepare(self, order: Order) -> Document:
        """What must be read and remembered before a creation: becomes the intent's memo. By default nothing."""
        return {}

    @abstractmethod
    def create(self, order: Order) -> Observed:
        """
        Make the object with one request; its `settling` may say that it is not ready yet.

        Raises `Uncertain` when the request may have taken effect.
        """

    def update(self, order: Order) -> Observed:
        """Bring the object to `order.attributes`. Only for kinds whose `updates` is true."""
        raise AssertionError(f"{order.address.type} is declared without update")

    def delete(self, id: str) -> None:
        """Delete the object and return once it is gone, or was already. Only for kinds whose `deletes` is true."""
        raise AssertionError(f"deletion of {id} was asked of a kind that is declared without delete")

    def disable(self, id: str) -> Observed:
        """Stop the object's exports and keep it. Only for kinds whose `disables` is true."""
        raise AssertionError(f"disabling of {id} was asked of a kind that is declared without it")

    def test(self, id: str) -> None:  # noqa: B027 - an optional verb
        """Whatever the vendor can test on a new object before an old one goes. Raises `Refused`. By default nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """
    One part of a job, read and not yet sent.

    `memo` is what is written down before it is sent: enough to tell afterwards which part it was, and nothing of what
    it holds. `content` is the handler's own.
    """

    memo: Document
    content: object = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """
    How the sending of one part ended.

    `memo` is what is remembered of the whole job from now on, `done` how much of it is behind us. `error` says why the
    job cannot go on; one that is `Uncertain`, or `interrupted`, leaves open whether some of the part took effect.
    """

    memo: Document
    done: int
    error: VendorError | None = None
    interrupted: bool = False


class Batches(ABC):
    """
    One job under way, part by part. `id` is what the record calls it, `memo` what is remembered of it so far.

    `next` reads the next part, `None` at the end; parts that earlier runs have finished are not given again. `send`
    sends a part, which may be repeated without harm; it looks at `stopping` between two requests. `finish` is called
    after the last part and gives what the record keeps; it raises when the job did not reach its end after all.
    """

    id: str
    memo: Document
    done: int
    total: int

    @abstractmethod
    def next(self) -> Batch | None:
        """The next part."""

    @abstractmethod
    def send(self, batch: Batch, stopping: Callable[[], bool]) -> Sent:
        """Send it. Raises nothing of the vendor's: what went wrong is in the result."""

    @abstractmethod
    def finish(self) -> Observed:
        """The finished job."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and threads, finished or not."""


class BatchHandler(Handler):
    """
    The verbs of a job that is too large for one request: it is sent in parts, each of which may be repeated.

    The intent of a part is durable before the part is sent, and the record says which parts are behind us, so that a
    killed run is taken up where it ended. The vendor keeps no object of such a job.
    """

    @abstractmethod
    def begin(self, order: Order) -> Batches:
        """The job, from where the record in `order` says that it ended. Sends safe requests only."""

    def create(self, order: Order) -> Observed:
        """Never asked: a job of this kind is sent in parts."""
        raise AssertionError(f"{order.address.type} is sent in parts")


class Session(ABC):
    """One vendor, connected with one set of settings; sends nothing before the first verb."""

    @property
    @abstractmethod
    def scope(self) -> str:
        """Whose objects these are, such as `organization example-org`: what a record must share with the project."""

    @abstractmethod
    def handler(self, kind: str) -> Handler:
        """The handler of a kind that is no composite."""

    def preflight(self, plan: Plan, snapshot: Snapshot) -> Iterable[Problem]:
        """Extra readings about the whole plan: quotas, products not enabled, missing permissions. By default none."""
        return ()

    def runs(self, record: Record) -> Iterable[Run]:
        """Recent runs of the recorded object, newest first. By default the vendor reports none."""
        return ()

    def expectations(self, record: Record, since: datetime, now: datetime) -> Iterable[Expectation]:
        """
        The deliveries of the recorded object that should exist, or are being made, from `since` until now.

        Sends safe requests only, and gives the same names in every run. What the vendor leaves open is `None` or a
        sentence in `unknown`, never a guess. By default nothing is delivered.
        """
        return ()

    def access(self, expectation: Expectation) -> object | None:
        """
        How the vendor says that the place of an expectation is read: an `Access` of `deliveries`.

        Its fields yield to what the project file says of the place. By default nothing, which leaves it to the
        project and to the credentials of this machine.
        """
        return None

    def manifested(self, expectation: Expectation, key: str, body: bytes) -> Expectation:
        """
        The expectation with what its manifest says; `key` is relative to the prefix.

        Raises `ValueError` with a sentence when the manifest cannot be understood. By default a manifest says nothing.
        """
        return expectation

    def contract(self, expectation: Expectation, rules: DeliveryRules) -> object | None:
        """
        What the vendor says of the content of every file: a `Contract` of `deliveries`.

        `rules.options` may choose between its variants; raises `ValueError` with a sentence for a word that it does
        not know. By default there is none, and only format, columns and counts of the expectation are checked.
        """
        if rules.options:
            raise ValueError(f"`{next(iter(rules.options))}` means nothing to deliveries of this vendor")
        return None

    def doctor(self) -> Iterable[Check]:
        """Whether credentials, clock and permissions are well. By default nothing is looked at."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """
    What a provider is given to connect: validated settings, its HTTP client, secrets, and the clock.

    `http` speaks to the base URL of the settings; `elsewhere` gives the same client for another host of the vendor (one
    that issues tokens, say), where the provider's `safe_elsewhere` counts. `root` is the project's folder; `at_once` is
    how many requests of ours may be on their way at the same time.
    """

    settings: VendorSettings
    http: Http
    elsewhere: Callable[[str], Http]
    reveal: Callable[[Secret], str]
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    root: Path = Path()
    at_once: int = 4


class VendorSettings(Spec):
    """
    What the project file says of any vendor, under `vendors.<name>`.

    `settle_seconds` is how long after a write the vendor's lists may lack it; without it each kind's own figure holds.
    """

    base_url: str
    settle_seconds: float | None = None

    # Not by its type alone, which a vendor that has a default writes anew.
    _travels_in_private = field_validator("base_url")(travels_in_private)


class Provider(ABC):
    """
    One vendor.

    `settings` is the model of `vendors.<name>` in the project file; `safe` are all requests that change nothing,
    relative to the base URL, and `safe_elsewhere` those at the vendor's other hosts; `at_once` is how many requests may
    be on their way to it at the same time, at most; `request_ids` are the headers (lower-case) of its replies that
    name the request in its own logs, the best first.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    settings: ClassVar[type[VendorSettings]]
    kinds: ClassVar[tuple[Kind, ...]]
    safe: ClassVar[tuple[SafeRequest, ...]]
    safe_elsewhere: ClassVar[tuple[SafeRequest, ...]] = ()
    at_once: ClassVar[int] = 64
    request_ids: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def connect(self, connection: Connection) -> Session:
        """A session; sends nothing yet."""

    def pace(self, headers: Mapping[str, str]) -> Pace | None:
        """What a reply's headers (lower-case names) say about the rate limit. By default nothing."""
        return None
