"""Traces and figures reach a collector that decodes them, and a collector that fails costs nothing but a warning."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from around_stage import Answer, Receiver
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from program import CONTENT, INHERITED, Project, RealTime, lake, manifest
from world import CANARY, Theatre

from reconciler.operations.recording import Recorder
from reconciler.operations.telemetry import begin, wanted
from reconciler.values import Problem

DAILY = manifest("ExportConfig", "daily", {"data": CONTENT, "destinations": ["lake"]})
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


@pytest.fixture
def collector() -> Iterator[Receiver]:
    with Receiver() as collector:
        yield collector


@pytest.fixture(scope="module")
def real_time() -> Iterator[Theatre]:
    theatre = RealTime()
    yield theatre
    theatre.close()


@pytest.fixture
def project(project_folder: Path, real_time: Theatre) -> Project:
    project = Project(project_folder, real_time, "didomi")
    project.begin([lake(), DAILY])
    return project


def words(attributes: Iterable[Any]) -> dict[str, object]:
    """Attributes as people write them."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


def spans(collector: Receiver) -> list[Any]:
    """Every span that has come."""
    found = [ExportTraceServiceRequest.FromString(each.unpacked) for each in collector.posts if "traces" in each.path]
    return [span for each in found for one in each.resource_spans for scope in one.scope_spans for span in scope.spans]


def figures(collector: Receiver) -> dict[str, list[Any]]:
    """The points of every figure by its name."""
    found = [ExportMetricsServiceRequest.FromString(each.unpacked) for each in collector.posts if "metr" in each.path]
    all_of_them = [m for each in found for one in each.resource_metrics for s in one.scope_metrics for m in s.metrics]
    return {each.name: list(getattr(each, each.WhichOneof("data")).data_points) for each in all_of_them}


# --- the command line ---


def test_an_apply_is_one_trace_with_a_span_for_each_step(project: Project, collector: Receiver) -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-example-key=k7",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "TRACEPARENT": f"00-{TRACE}-{PARENT}-01",
    }
    ended = project.run("apply", "-y", environ=environ)
    found = spans(collector)
    (root,) = (each for each in found if each.name == "reconciler apply")
    (steps,) = (each for each in found if each.name == "reconciler steps")
    made = {
        words(each.attributes)["reconciler.address"]: each for each in found if each.parent_span_id == steps.span_id
    }

    assert {each.trace_id.hex() for each in found} == {TRACE}
    assert root.parent_span_id.hex() == PARENT
    assert words(root.attributes) | {"reconciler.requests": 0} == {
        "reconciler.command": "apply",
        "reconciler.project": "shop",
        "reconciler.environment": "default",
        "reconciler.exit_code": 0,
        "reconciler.requests": 0,
    }
    assert words(root.attributes)["reconciler.requests"] == len(project.vendor.requests())
    assert {address: each.name for address, each in made.items()} == {
        "didomi/Destination/lake": "reconciler create didomi/Destination",
        "didomi/ExportConfig/daily": "reconciler create didomi/ExportConfig",
    }
    assert all(words(each.attributes)["reconciler.outcome"] == "done" for each in made.values())
    assert all(words(each.attributes)["reconciler.requests"] >= 1 for each in made.values())  # type: ignore[operator]
    assert {"reconciler reading", "reconciler proving"} <= {each.name for each in found}
    assert {each.headers["x-example-key"] for each in collector.posts} == {"k7"}
    assert "warning" not in ended.stderr


@pytest.mark.slow
def test_the_figures_of_an_apply_are_what_the_vendor_saw(project: Project, collector: Receiver) -> None:
    project.run("apply", "-y", environ={"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{collector.url}/v1/metrics"})
    found = figures(collector)
    steps = [(words(each.attributes), each.as_int) for each in found["reconciler.steps"]]
    seen: dict[str, int] = {}
    for each in project.vendor.requests():
        seen[str(each.status)] = seen.get(str(each.status), 0) + 1

    assert spans(collector) == []
    assert sorted(each["reconciler.type"] for each, _ in steps) == [  # type: ignore[type-var]
        "didomi/Destination",
        "didomi/ExportConfig",
    ]
    assert [(each["reconciler.outcome"], count) for each, count in steps] == [("done", 1), ("done", 1)]
    assert {words(each.attributes)["reconciler.vendor"] for each in found["reconciler.requests"]} == {"didomi"}
    assert {
        words(each.attributes)["http.response.status_code"]: each.as_int for each in found["reconciler.requests"]
    } == seen
    assert sum(each.count for each in found["reconciler.request.duration"]) == sum(seen.values())


def test_a_step_that_fails_is_an_error_and_no_word_of_the_vendor_leaves(project: Project, collector: Receiver) -> None:
    project.vendor.faults.answer("POST /exports/destinations", 400, body={"message": f"no {CANARY}"})
    project.run("apply", "-y", environ={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}, expect=1)
    found = spans(collector)
    outcomes = {words(each.attributes).get("reconciler.outcome"): each.status.code for each in found}
    (root,) = (each for each in found if each.name == "reconciler apply")

    assert {each: outcomes[each] for each in ("failed", "skipped")} == {"failed": 2, "skipped": 1}
    assert root.status.code == 2
    assert [each.path for each in collector.posts if CANARY.encode() in each.unpacked] == []


@pytest.mark.slow
@pytest.mark.parametrize("command", ["plan", "drift", "verify", "destroy"])
def test_commands_that_only_look_are_traced_too(project: Project, collector: Receiver, command: str) -> None:
    words_of = (command, "-y") if command == "destroy" else (command,)
    project.run(*words_of, environ={"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces"})
    roots = [each for each in spans(collector) if not each.parent_span_id]

    assert [each.name for each in roots] == [f"reconciler {command}"]
    assert figures(collector) == {}


@pytest.mark.slow
def test_every_round_of_a_watch_is_a_span_of_its_own(project: Project, collector: Receiver) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    project.run("watch", "--apply", "--interval", "1s", "--rounds", "2", environ=environ)
    found = spans(collector)
    rounds = [each for each in found if each.name == "reconciler watch"]
    steps = [each for each in found if "reconciler.outcome" in words(each.attributes)]

    assert len({each.trace_id for each in rounds}) == len(rounds) == 2
    assert len({each.trace_id for each in steps}) == 1
    assert len(steps) == 2


def test_a_collector_that_is_not_there_is_a_warning(project: Project) -> None:
    ended = project.run("plan", environ={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})

    assert "Plan: 2 to add" in ended.stdout
    assert ended.stderr.count("telemetry-failed") == 1
    assert "Traceback" not in ended.stderr
    assert "Max retries" not in ended.stderr


def test_nothing_of_it_is_loaded_unless_it_is_asked_for(project: Project) -> None:
    script = (
        "import sys\nfrom reconciler.cli.main import run\nassert run(['plan']) == 0\n"
        "print([each for each in sys.modules if each.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project.folder,
        env={**INHERITED, **project.environ},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout.splitlines()[-1] == "[]"


# --- collectors that fail ---


@pytest.fixture
def recorder(collector: Receiver, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    return recorder_for(collector.url, monkeypatch)


def recorder_for(url: str, monkeypatch: pytest.MonkeyPatch, **more: str) -> Recorder:
    """One that sends there; the library reads the process's own variables."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_METRICS_EXPORTER": "none", **more}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    found = begin(environ)
    assert isinstance(found, Recorder)
    found.start("plan")
    found.end(code=0)
    return found


def test_what_was_recorded_is_delivered_without_a_word(recorder: Recorder, collector: Receiver) -> None:
    assert recorder.deliver() is None
    assert [each.name for each in spans(collector)] == ["reconciler plan"]


def test_a_collector_that_never_answers_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver([Answer(None)]) as hanging:
        lost = recorder_for(hanging.url, monkeypatch).deliver(longest=0.3)

        assert lost is not None
        assert lost.message == "traces and figures were not taken within 0.3 s, and what was left of them is lost"


def test_a_collector_that_refuses_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver([Answer(403)]) as refusing:
        lost = recorder_for(refusing.url, monkeypatch).deliver()

        assert lost is not None
        assert lost.message == "traces and figures were not taken, and are lost"


def test_no_header_is_sent_on_to_another_address(collector: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver([Answer(307, {"Location": f"{collector.url}/v1/traces"})]) as first:
        lost = recorder_for(first.url, monkeypatch, OTEL_EXPORTER_OTLP_HEADERS="x-example-key=k7").deliver()

        assert lost is not None
        assert collector.posts == []


def test_another_protocol_is_said_and_nothing_is_sent(collector: Receiver) -> None:
    found = begin({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})

    assert isinstance(found, Problem)
    assert found.message == "`grpc` is not spoken here, so neither traces nor figures are sent"


# --- who asks for what ---


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, set()),
        ({"OTEL_SERVICE_NAME": "exports"}, set()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, set()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, {"TRACES", "METRICS"}),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "TRUE"}, set()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}, {"METRICS"}),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, {"TRACES"}),
        ({"OTEL_METRICS_EXPORTER": "console, otlp"}, {"METRICS"}),
    ],
)
def test_only_what_the_variables_ask_for_is_wanted(environ: Mapping[str, str], expected: set[str]) -> None:
    assert wanted(environ) == expected


@given(environ=st.dictionaries(st.text(), st.text(), max_size=5))
def test_without_such_a_variable_nothing_is_wanted(environ: Mapping[str, str]) -> None:
    assert wanted({name: each for name, each in environ.items() if not name.startswith("OTEL_")}) == frozenset()
