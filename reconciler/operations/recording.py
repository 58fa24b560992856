"""
Recording traces and figures with OpenTelemetry's library, for those who ask for them.

Holds addresses, verbs, counts and words of ours: no value of a field, no vendor's sentence, no name of a person.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from time import monotonic

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Meter, NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NoOpTracerProvider, Span, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from requests import Session

from reconciler import __version__
from reconciler.operations.progress import Progress
from reconciler.operations.telemetry import failed
from reconciler.operations.workspace import Hearing
from reconciler.transport import Exchange
from reconciler.values import Outcome, OutcomeStatus, Problem, Step

LONGEST = 5.0
"""Seconds that the end of a command may be held up."""

_HELP = "nothing else is wrong for that reason; look at the collector and at `OTEL_EXPORTER_OTLP_ENDPOINT`"
_step: ContextVar[str | None] = ContextVar("step", default=None)


class Recorder:
    """
    Records commands, or the rounds of one, and delivers what was recorded in the background.

    `request` and what `within` wraps may be called from any thread, everything else from the main thread alone.
    """

    def __init__(self, environ: Mapping[str, str], signals: frozenset[str]) -> None:
        self._trouble = _Trouble()
        words = {"service.version": __version__, "service.instance.id": uuid.uuid4().hex}
        if not environ.get("OTEL_SERVICE_NAME") and "service.name=" not in environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
            words["service.name"] = "reconciler"
        resource = Resource.create(words)
        parent = {"traceparent": environ["TRACEPARENT"]} if environ.get("TRACEPARENT") else {}
        self._parent = TraceContextTextMapPropagator().extract(parent)
        self._traces = _tracer_provider(resource) if "TRACES" in signals else None
        self._metrics = _meter_provider(resource) if "METRICS" in signals else None
        self._tracer = (self._traces or NoOpTracerProvider()).get_tracer("reconciler", __version__)
        self._figures = _Figures((self._metrics or NoOpMeterProvider()).get_meter("reconciler", __version__))
        self._lock = threading.Lock()
        self._requests: Counter[str | None] = Counter()
        self._run: _Run | None = None

    @property
    def is_recording(self) -> bool:
        """Whether a command or a round is under way."""
        return self._run is not None

    def start(self, command: str) -> None:
        """A command, or a round of one, begins."""
        span = self._tracer.start_span(
            f"reconciler {command}", context=self._parent, attributes={"reconciler.command": command}
        )
        self._run = _Run(command, span, self._tracer)
        with self._lock:
            self._requests.clear()

    def about(self, project: str, environment: str) -> None:
        """What it is about, as soon as that is known."""
        if self._run is not None:
            self._run.span.set_attributes({"reconciler.project": project, "reconciler.environment": environment})

    def end(self, *, code: int) -> None:
        """It has ended with this exit code."""
        run, self._run = self._run, None
        if run is None:
            return
        run.close(self._asked(None))
        run.span.set_attribute("reconciler.exit_code", code)
        run.span.set_attribute("reconciler.requests", self._asked())
        _mark(run.span, failed=code not in (0, 2))
        run.span.end()
        self._figures.command(run.command, code, run.seconds())

    def deliver(self, longest: float = LONGEST) -> Problem | None:
        """Send what was recorded and is not sent yet; gives a warning when that takes too long or fails."""

        def send() -> None:
            for provider in (self._traces, self._metrics):
                if provider is not None:
                    provider.force_flush(int(longest * 1000))
            for provider in (self._traces, self._metrics):
                if provider is not None:
                    provider.shutdown()

        # The library keeps to no time of its own at the end of a program (opentelemetry-python issue 4043).
        sending = threading.Thread(target=send, name="telemetry", daemon=True)
        sending.start()
        sending.join(longest)
        if sending.is_alive():
            return failed(
                f"traces and figures were not taken within {longest:g} s, and what was left of them is lost", _HELP
            )
        return failed("traces and figures were not taken, and are lost", _HELP) if self._trouble.heard else None

    # --- what is recorded ---

    def watching(self, progress: Progress) -> Progress:
        """The progress, with everything that it is told also recorded."""
        return _Watching(progress, self)

    def hearing(self, other: Hearing | None) -> Hearing:
        """Counts every request, and tells somebody else of it too."""

        def hear(exchange: Exchange) -> None:
            self.request(exchange)
            if other is not None:
                other(exchange)

        return hear

    def request(self, exchange: Exchange) -> None:
        """A vendor was asked."""
        with self._lock:
            self._requests[_step.get()] += 1
        self._figures.request(exchange)

    def within(self, step: Step, call: Callable[[], object]) -> Callable[[], object]:
        """The call, which counts for the step wherever it runs."""

        def counted() -> object:
            token = _step.set(step.name)
            try:
                return call()
            finally:
                _step.reset(token)

        return counted

    def phase(self, text: str) -> None:
        """A part of the work begins."""
        if self._run is not None:
            self._run.begin(text.partition(" ")[0], self._asked(None))

    def planned(self, total: int) -> None:
        """The steps begin."""
        if self._run is not None:
            self._run.begin("steps", self._asked(None)).set_attribute("reconciler.steps", total)

    def started(self, step: Step) -> None:
        """A step begins."""
        if self._run is not None:
            self._run.step(step)

    def ended(self, outcome: Outcome) -> None:
        """A step has ended."""
        if self._run is not None:
            span = self._run.steps.pop(outcome.step.name, None) or self._run.step(outcome.step)
            self._run.steps.pop(outcome.step.name, None)
            span.set_attribute("reconciler.outcome", outcome.status.value)
            span.set_attribute("reconciler.requests", self._asked(outcome.step.name))
            _mark(span, failed=outcome.status in (OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN))
            span.end()
        self._figures.step(outcome)

    def _asked(self, *of: str | None) -> int:
        """How many requests a step has made, or what belongs to no step, or all."""
        with self._lock:
            return self._requests[of[0]] if of else self._requests.total()


class _Run:
    """The spans of one command: its own, one for the part that is under way, one for each step under way."""

    def __init__(self, command: str, span: Span, tracer: Tracer) -> None:

        self.command = command
        self.span = span
        self.steps: dict[str, Span] = {}
        self._tracer = tracer
        self._part: Span | None = None
        self._before = 0
        self._began = monotonic()

    def seconds(self) -> float:
        """How long it has taken so far."""
        return monotonic() - self._began

    def begin(self, name: str, requests: int) -> Span:
        """The part before ends, this one begins; `requests` counts those that belong to no step, so far."""
        self._end_part(requests)
        self._part = self._tracer.start_span(f"reconciler {name}", context=_under(self.span))
        return self._part

    def step(self, step: Step) -> Span:
        """A step begins."""
        self.steps[step.name] = span = self._tracer.start_span(
            f"reconciler {step.verb.value} {step.address.type}",
            context=_under(self._part or self.span),
            attributes={"reconciler.address": str(step.address), "reconciler.verb": step.verb.value},
        )
        return span

    def close(self, requests: int) -> None:
        """Nothing more comes; what a crash left open ends here."""
        for span in self.steps.values():
            span.end()
        self._end_part(requests)

    def _end_part(self, requests: int) -> None:
        if self._part is not None:
            self._part.set_attribute("reconciler.requests", requests - self._before)
            self._part.end()
            self._part = None
        self._before = requests


class _Watching:
    """Tells somebody else, and records."""

    def __init__(self, progress: Progress, recorder: Recorder) -> None:
        self._progress = progress
        self._recorder = recorder

    def phase(self, text: str) -> None:
        self._recorder.phase(text)
        self._progress.phase(text)

    def planned(self, total: int) -> None:
        self._recorder.planned(total)
        self._progress.planned(total)

    def started(self, step: Step) -> None:
        self._recorder.started(step)
        self._progress.started(step)

    def moved(self, step: Step, done: int, total: int) -> None:
        self._progress.moved(step, done, total)

    def ended(self, outcome: Outcome) -> None:
        self._recorder.ended(outcome)
        self._progress.ended(outcome)


class _Figures:
    def __init__(self, meter: Meter) -> None:
        self._steps = meter.create_counter("reconciler.steps", "{step}", "Steps of applies by how they ended")
        self._step_seconds = meter.create_histogram("reconciler.step.duration", "s", "How long steps take")
        self._requests = meter.create_counter("reconciler.requests", "{request}", "Requests to vendors by status")
        self._request_seconds = meter.create_histogram("reconciler.request.duration", "s", "How long vendors take")
        self._seconds = meter.create_histogram("reconciler.command.duration", "s", "How long commands take")

    def step(self, outcome: Outcome) -> None:
        words = {
            "reconciler.type": outcome.step.address.type,
            "reconciler.verb": outcome.step.verb.value,
            "reconciler.outcome": outcome.status.value,
        }
        self._steps.add(1, words)
        self._step_seconds.record(outcome.seconds, words)

    def request(self, exchange: Exchange) -> None:
        vendor = exchange.vendor or "other"
        status = str(exchange.status) if exchange.status is not None else "none"
        self._requests.add(1, {"reconciler.vendor": vendor, "http.response.status_code": status})
        self._request_seconds.record(exchange.seconds, {"reconciler.vendor": vendor})

    def command(self, command: str, code: int, seconds: float) -> None:
        self._seconds.record(seconds, {"reconciler.command": command, "reconciler.exit_code": code})


class _Trouble(logging.Handler):
    """Hears what the library complains of, so that nobody has to read it: a warning of ours says it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard = False
        logger = logging.getLogger("opentelemetry")
        logger.handlers, logger.propagate = [self], False

    def emit(self, _record: logging.LogRecord) -> None:
        self.heard = True


def _under(span: Span) -> Context:

    return set_span_in_context(span)


def _mark(span: Span, *, failed: bool) -> None:

    span.set_status(StatusCode.ERROR if failed else StatusCode.OK)


def _tracer_provider(resource: Resource) -> TracerProvider:

    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(session=_session())))
    return provider


def _meter_provider(resource: Resource) -> MeterProvider:

    reader = PeriodicExportingMetricReader(OTLPMetricExporter(session=_session()))
    return MeterProvider([reader], resource=resource, shutdown_on_exit=False)


def _session() -> Session:
    """What sends for the library; the headers may hold a key, so nothing is sent on to another address."""
    session = Session()
    session.max_redirects = 0
    return session
