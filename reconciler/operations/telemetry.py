"""
Whether traces and figures are wanted, by OpenTelemetry's own variables; nothing of it is loaded otherwise.

Whoever collects them and does not answer costs a few seconds at the end of a command, and is a warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reconciler.values import Problem, Severity

if TYPE_CHECKING:
    from reconciler.operations.recording import Recorder

_SIGNALS = ("TRACES", "METRICS")
_PROTOCOL = "http/protobuf"


def wanted(environ: Mapping[str, str]) -> frozenset[str]:
    """
    Which of `TRACES` and `METRICS` the environment asks for, by OpenTelemetry's own variables.

    An endpoint is enough; `OTEL_<SIGNAL>_EXPORTER` says `otlp` or `none`, and `OTEL_SDK_DISABLED=true` overrules all.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return frozenset()
    return frozenset(each for each in _SIGNALS if "otlp" in _exporters(each, environ))


def _exporters(signal: str, environ: Mapping[str, str]) -> list[str]:
    """Who is to have the signal. An empty variable counts as none (the specification's word on all of them)."""
    named = environ.get(f"OTEL_{signal}_EXPORTER")
    if named:
        return [each.strip() for each in named.split(",")]
    everywhere, here = "OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"
    return ["otlp"] if environ.get(everywhere) or environ.get(here) else []


def begin(environ: Mapping[str, str]) -> Recorder | Problem | None:
    """What records from now on; None when nothing is asked for, and a warning when it cannot be had."""
    signals = wanted(environ)
    if not signals:
        return None
    for signal in sorted(signals):
        protocol = environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        if protocol and protocol != _PROTOCOL:
            return failed(
                f"`{protocol}` is not spoken here, so neither traces nor figures are sent",
                f"set `OTEL_EXPORTER_OTLP_PROTOCOL={_PROTOCOL}`; collectors take that at port 4318",
            )
    try:
        from reconciler.operations.recording import Recorder  # noqa: PLC0415 - a third of a second for those who ask

        return Recorder(environ, signals)
    except ModuleNotFoundError as missing:
        return failed(
            f"traces and figures need `{missing.name}`, which is not installed", "pip install 'reconciler[otel]'"
        )
    except Exception as error:  # noqa: BLE001 - a word in a variable that the library cannot use fails no command
        return failed(
            f"the library cannot use a variable `OTEL_…` ({type(error).__name__}), so nothing is sent",
            "correct it, or set `OTEL_SDK_DISABLED=true`",
        )


def failed(message: str, help: str) -> Problem:
    """The warning that something of it is lost."""
    return Problem(code="telemetry-failed", message=message, severity=Severity.WARNING, help=help)
