"""The register of what a caller sees of every switch of the Flow Service emulator."""

from collections.abc import Callable
from dataclasses import dataclass

from adobe_stage import Stage

Probe = Callable[[Stage], object]


@dataclass(frozen=True)
class Expectation:
    probe: Probe
    seen: dict[str, object]
    others: dict[str, str]


EXPECTED: dict[str, Expectation] = {}


def switch(name: str, seen: dict[str, object], **others: str) -> Callable[[Probe], Probe]:
    """Register what a probe sees under each position; `others` are switches that must stand elsewhere for it."""

    def register(probe: Probe) -> Probe:
        assert name not in EXPECTED, name
        EXPECTED[name] = Expectation(probe, seen, others)
        return probe

    return register
