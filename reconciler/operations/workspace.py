"""The composition root: one project and environment with everything that its commands touch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

from reconciler import providers
from reconciler.backend import Backend, Head, Holder, Journal, request_deadline
from reconciler.engine.safety import Limits
from reconciler.engine.shape import secrets
from reconciler.operations.clock import Clock, Stopped, SystemClock
from reconciler.operations.commit import commit_of
from reconciler.operations.failures import Denied, Invalid, NotSafe, Stale
from reconciler.operations.outputs import OutputsOf
from reconciler.operations.progress import Progress, Silent
from reconciler.operations.secret_places import fingerprints_of, places_of
from reconciler.operations.signing import Signing
from reconciler.sdk import Catalog, Connection, Pace, SafeRequest, Session
from reconciler.secrets import Policy, Resolver, SecretUnavailable
from reconciler.specs import Loaded, Project, load, load_project
from reconciler.specs.variables import Outputs
from reconciler.stores import StoreOptions
from reconciler.transport import Exchange, Gate, Timeouts, Transport
from reconciler.values import Mark, Problem, Secret, Severity, Step
from reconciler.values.ledger import Ending

Hearing = Callable[[Exchange], None]
"""Somebody who is told of every sending, in the thread that made it."""


def installed() -> Catalog:
    """The vendors that come with the product."""
    return Catalog(providers.names(), providers.load)


def open_workspace(
    root: Path,
    *,
    environ: Mapping[str, str],
    environment: str | None = None,
    catalog: Catalog | None = None,
    clock: Clock | None = None,
    progress: Progress | None = None,
    on_request: Hearing = lambda _exchange: None,
    timeouts: Timeouts | None = None,
) -> Workspace:
    """
    The project at `root` (a folder with a project file).

    `timeouts` bound the calls to vendors, where the usual ones are not wanted. `on_request` is told of every sending,
    in the thread that made it, before anybody sees the answer. Opens no connection. Raises `Invalid` when the project
    file is wrong.
    """
    catalog = catalog or installed()
    project, problems = load_project(root, environment, environ, catalog)
    if project is None:
        raise Invalid("the project file cannot be used", problems)
    for vendor, settings in project.vendors.items():
        if settings.settle_seconds is not None:
            catalog.settles_within(vendor, settings.settle_seconds)
    return Workspace(
        project,
        catalog,
        environ,
        clock or SystemClock(),
        progress or Silent(),
        on_request=on_request,
        timeouts=timeouts or Timeouts(),
    )


class _Noted(threading.local):
    """Which requests this thread has sent, while somebody wants to know."""

    names: list[str] | None = None


class Workspace:
    """Each part is made when it is first asked for, and then kept."""

    def __init__(
        self,
        project: Project,
        catalog: Catalog,
        environ: Mapping[str, str],
        clock: Clock,
        progress: Progress,
        *,
        on_request: Hearing,
        timeouts: Timeouts,
    ) -> None:
        self.project = project
        self.catalog = catalog
        self.environ = environ
        self.clock = clock
        self.progress = progress
        self.gate = Gate()
        self.stopping = False
        self.within: Callable[[Step, Callable[[], object]], Callable[[], object]] = lambda _step, call: call
        """Wraps the calls of a step, for whoever counts what it asks of vendors."""
        self.policies: Path | None = None
        """Rules that count instead of the project's own."""
        self.head: Head | None = None
        """The ledger's record of what was done here last."""
        self._on_request = on_request
        self._usual_timeouts = timeouts
        self._noted = _Noted()
        self.outputs = OutputsOf(project)
        """Outputs of other projects."""
        self._loaded: Loaded | None = None
        self._sessions: dict[str, Session] = {}
        self._transports: list[Transport] = []
        self._revealed: set[str] = set()
        self._making = threading.Lock()

    # --- manifests ---

    def read(self, paths: Sequence[Path] | None = None, *, outputs: Outputs | None = None) -> Loaded:
        """
        The manifests under the paths (by default the project's) with all that is wrong with them.

        They are read once; `outputs` gives those of other projects, by default as their states have them.
        """
        if self._loaded is None:
            self._loaded = load(
                self.project, self.catalog, paths, now=self.clock.now(), outputs=outputs or self.outputs
            )
        return self._loaded

    def load(self) -> Loaded:
        """The project's manifests. Raises `Invalid` with every problem when one is an error."""
        loaded = self.read()
        if any(each.severity is Severity.ERROR for each in loaded.problems):
            raise Invalid("the manifests have problems", loaded.problems)
        return loaded

    def line(self, mark: Mark) -> str | None:
        """The marked line of a manifest, secrets masked, once the manifests have been read."""
        return self._loaded.sources.line(mark) if self._loaded is not None else None

    def place(self, problem: Problem) -> Problem:
        """The problem with its place in the manifests, when it has one."""
        return self._loaded.fill(problem) if self._loaded is not None else problem

    @property
    def limits(self) -> Limits:
        """The project's safety limits."""
        asked = self.project.limits
        return Limits(
            max_deletes=asked.max_deletes,
            max_delete_percent=asked.max_delete_percent,
            accept_short=asked.accept_short,
        )

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What the manifests' loading only warned of."""
        return self._loaded.problems if self._loaded is not None else ()

    # --- state ---

    @cached_property
    def backend(self) -> Backend:
        """State, journal and lock of this project and environment."""
        place = self.project.state
        return Backend.open(
            place.url,
            root=self.project.root,
            project=self.project.name,
            environment=self.project.environment,
            options=StoreOptions(
                endpoint=place.endpoint, region=place.region, encryption=place.encryption, kms_key=place.kms_key
            ),
            keep=place.keep,
            lease=place.lease_seconds,
        )

    @cached_property
    def signing(self) -> Signing:
        """How the ledger is signed."""
        return Signing.of(self.project, self.environ)

    def holder(self, operation: str) -> Holder:
        """How this process names itself in the lock."""
        return Holder.here(operation, self.environ, now=self.clock.now())

    @contextmanager
    def locked(self, operation: str, *, timeout: float = 0.0) -> Iterator[Journal]:
        """
        The lock, held for an operation; whoever has to wait is told for whom.

        What the operation raises tells the ledger how it ended; `head` is then its record, if it wrote anything. Where
        the project has a key for that the record is signed; raises `Failure` at once when it could not be.
        """
        self.signing.check()
        lock = self.backend.lock(
            self.holder(operation),
            timeout=timeout,
            clock=self.clock.monotonic,
            sleep=self.clock.sleep,
            waiting=self.waiting,
            now=self.clock.now,
            commit=lambda: commit_of(self.project.root, self.environ),
        )
        journal: Journal | None = None
        try:
            with lock as journal:
                try:
                    yield journal
                except (Denied, NotSafe, Stale):
                    journal.conclude(Ending.REFUSED)
                    raise
                except Stopped:
                    journal.conclude(Ending.INTERRUPTED)
                    raise
        finally:
            if journal is not None and journal.head is not None:
                self.signing.sign(journal.head, self.backend)
        self.head = journal.head or self.head

    def waiting(self, other: Holder | None) -> None:
        """Tell for whom we wait."""
        self.progress.phase(f"waiting for {other or 'another command'} to end")

    # --- secrets ---

    @cached_property
    def _resolver(self) -> Resolver:
        rules = self.project.secrets
        return Resolver(
            self.environ,
            self.project.root,
            Policy(
                env_prefixes=rules.env_prefixes,
                env_names=rules.env_names,
                file_roots=rules.file_roots,
                aws=rules.aws,
                gcp=rules.gcp,
                vault=rules.vault,
                named=rules.named,
            ),
            places_of(self.project.secret_places),
            fingerprints=fingerprints_of(self.project.secret_places),
            reach=self._reach,
            hide=self._hide,
        )

    def reveal(self, secret: Secret) -> str:
        """The value of a secret that a manifest names, hidden from now on in every log line and error."""
        return self._resolver.reveal(secret)

    def stamped(self, secret: Secret, recorded: Secret | None, *, with_fingerprint: bool) -> Secret:
        """The reference with what can be told of its present value. Raises `SecretUnavailable`."""
        return self._resolver.stamped(secret, recorded, with_fingerprint=with_fingerprint)

    def check_secret(self, secret: Secret, *, trusted: bool) -> str | None:
        """
        What the secret's store calls the value, once that has been read.

        `trusted` references stand in the project file. Raises `SecretUnavailable`.
        """
        return self._resolver.check(secret, trusted=trusted)

    def check_fingerprints(self) -> None:
        """Return if fingerprints of secrets can be made, or none are asked for. Raises `SecretUnavailable`."""
        self._resolver.check_fingerprints()

    def _reveal_credential(self, secret: Secret) -> str:
        """The value of a secret that the project file itself names: it may name any place."""
        return self._resolver.reveal_for(secret)

    def credential(self, secret: Secret) -> str:
        """The value of a secret by which the project file reads deliveries, hidden like any other."""
        return self._reveal_credential(secret)

    def _hide(self, value: str) -> None:
        self._revealed.add(value)
        for transport in tuple(self._transports):
            transport.hide(value)

    def learn(self, sources: Collection[str] = ()) -> None:
        """
        Know the manifests' secrets that are at hand, so that a vendor's own words can be shown without them.

        `sources` restricts that to some kinds of places, such as those on this machine. What cannot be loaded or read
        is passed over: a vendor that was never told a secret cannot repeat it.
        """
        with suppress(Invalid):
            for resource in self.load().desired.resources.values():
                for _, secret in secrets(resource.attributes):
                    if not sources or secret.source in sources:
                        self.missing(secret)

    def redact(self, text: str) -> str:
        """The text without any secret that was revealed, or that a vendor gave us."""
        for transport in self._transports:
            text = transport.redact(text)
        return text

    def missing(self, secret: Secret) -> str | None:
        """Why the secret cannot be read, as a sentence, or `None` when it can."""
        try:
            self.reveal(secret)
        except SecretUnavailable as error:
            return str(error)
        return None

    # --- vendors ---

    def session(self, vendor: str) -> Session:
        """The vendor, connected with the project's settings. Raises `Invalid` when the project says nothing of it."""
        with self._making:
            if vendor not in self._sessions:
                self._sessions[vendor] = self._connect(vendor)
            return self._sessions[vendor]

    def _connect(self, vendor: str) -> Session:
        settings = self.project.vendors.get(vendor)
        if settings is None:
            problem = Problem(
                code="vendor-not-configured",
                message=f"`{vendor}` is used, and the project file says nothing of it",
                help=f"add `vendors: {{{vendor}: {{…}}}}` to the project file",
            )
            raise Invalid("a vendor is not configured", (problem,))
        provider = self.catalog.provider(vendor)

        def reach(base_url: str, safe: Sequence[SafeRequest]) -> Transport:
            return self._reach(base_url, safe, provider.pace, provider.at_once, provider.request_ids, vendor=vendor)

        return provider.connect(
            Connection(
                settings=settings,
                http=reach(settings.base_url, provider.safe),
                elsewhere=lambda base_url: reach(base_url, provider.safe_elsewhere),
                reveal=self._reveal_credential,
                now=self.clock.now,
                sleep=self.clock.sleep,
                root=self.project.root,
                at_once=min(self.project.parallelism, provider.at_once),
            )
        )

    def _reach(
        self,
        base_url: str,
        safe: Sequence[SafeRequest],
        pace: Callable[[Mapping[str, str]], Pace | None] = lambda _headers: None,
        at_once: int = 4,
        request_ids: Sequence[str] = (),
        *,
        vendor: str | None = None,
    ) -> Transport:
        transport = Transport(
            base_url,
            safe=safe,
            gate=self.gate,
            vendor=vendor,
            pace=pace,
            clock=self.clock.monotonic,
            now=self.clock.now,
            sleep=self.clock.sleep,
            deadline=self.project.deadline_minutes * 60,
            timeouts=self._timeouts(),
            at_once=min(self.project.parallelism, at_once),
            request_ids=request_ids,
            on_request=self._tell,
        )
        return self._hiding(transport)

    def courier(self, base_url: str, *, deadline: float, timeouts: Timeouts, attempts: int) -> Transport:
        """
        The way to somebody who is told what was done and is no vendor: no gate is in it, and it hides all secrets.

        Raises `ValueError` for an address that is neither https nor on this machine.
        """
        gate = Gate()
        gate.open()
        return self._hiding(
            Transport(
                base_url,
                safe=(),
                gate=gate,
                clock=self.clock.monotonic,
                now=self.clock.now,
                sleep=self.clock.sleep,
                deadline=deadline,
                timeouts=timeouts,
                attempts=attempts,
            )
        )

    def _hiding(self, transport: Transport) -> Transport:
        """The transport, which hides from now on what any other does."""
        self._transports.append(transport)
        for value in tuple(self._revealed):
            transport.hide(value)
        return transport

    def close(self) -> None:
        """Let go of idle connections, for whoever opens one project after the other."""
        for transport in self._transports:
            transport.close()

    def _tell(self, exchange: Exchange) -> None:
        if exchange.request_id is not None and self._noted.names is not None:
            self._noted.names.append(exchange.request_id)
        self._on_request(exchange)

    @contextmanager
    def requests(self) -> Iterator[list[str]]:
        """The vendors' names of the requests that this thread sends meanwhile and that may change something."""
        names: list[str] = []
        self._noted.names = names
        try:
            yield names
        finally:
            self._noted.names = None

    def _timeouts(self) -> Timeouts:
        """A call that begins while the heartbeat is fresh is over before the lease; a folder's lock has no lease."""
        usual = self._usual_timeouts
        if self.project.state.url.startswith("file:"):
            return usual
        longest = request_deadline(self.project.state.lease_seconds)
        connect = min(usual.connect, longest / 4)
        return Timeouts(connect=connect, read=min(usual.read, longest - connect), total=longest - connect)

    @contextmanager
    def writing(self, check: Callable[[], None] = lambda: None) -> Iterator[None]:
        """While this lasts, requests that change something pass the gate, unless `check` raises just before."""
        self.gate.open(check)
        try:
            yield
        finally:
            self.gate.close()

    def stop(self) -> None:
        """Begin nothing more and wake everybody who rests."""
        self.stopping = True
        if isinstance(self.clock, SystemClock):
            self.clock.stop()
