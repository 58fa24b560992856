"""The open points of flows and their schedules (§6 of the Adobe reference of this project)."""

from collections.abc import Iterator

from reconciler.emulator import Switch

_NUMBER = r"\d{1,9}"


def flow_switches() -> Iterator[Switch]:
    """What a flow may hold, what may change in it, and what its schedule means."""
    yield from _flows()
    yield from _schedules()


def _flows() -> Iterator[Switch]:
    yield Switch(
        name="destinations_most",
        positions=("100", "2"),
        other=_NUMBER,
        meaning="Destination flows per sandbox; documented as a hard limit, the error is not (§11)",
    )
    yield Switch(
        name="spec_mismatch",
        positions=("400", "accepted"),
        meaning="A flow spec of another destination than the target connection's; undocumented (§6.1)",
    )
    yield Switch(
        name="flow_per_target",
        positions=("many", "one"),
        meaning="Whether a second flow may use the same source or target connection; undocumented, advice only (§6.1)",
    )
    yield Switch(
        name="relink_target",
        positions=("400", "ok"),
        meaning="PATCH of a flow's `/targetConnectionIds`; undocumented (§6.4, §14.2)",
    )
    yield Switch(
        name="action_again",
        positions=("400", "ok"),
        meaning="Enabling what is enabled, disabling what is disabled; inferred to be an error (§6.2)",
    )
    yield Switch(
        name="operation_status",
        positions=("completed", "SUCCESS"),
        meaning="Word of a finished `lastOperation`; the sample and the schema differ (§6.2)",
    )


def _schedules() -> Iterator[Switch]:
    yield Switch(
        name="hourly",
        positions=("9", "8"),
        meaning="Whether every 9 or every 8 hours is allowed besides 3, 6 and 12; contradictory (§6.3, §14.7)",
    )
    yield Switch(
        name="schedule_merge",
        positions=("replace", "merge"),
        meaning="Whether `replace /scheduleParams` with a part of it keeps the rest; undocumented (§6.4)",
    )
    yield Switch(
        name="schedule_fields",
        positions=("ok", "400"),
        meaning="PATCH of one field below `/scheduleParams`; sources only (§6.4)",
    )
    yield Switch(
        name="past_start",
        positions=("accepted", "400"),
        meaning="A new flow whose `startTime` is over; undocumented (§6.3)",
    )
    yield Switch(
        name="start_frozen",
        positions=("400", "ok"),
        meaning="A new `startTime` once the old one is over; sources only (§6.3)",
    )
    yield Switch(
        name="unknown_macro",
        positions=("kept", "400"),
        meaning="A folder template with a macro nobody knows; undocumented (§6.3)",
    )
    yield Switch(
        name="expired_state",
        positions=("enabled", "disabled"),
        meaning="The state a flow shows after its `endTime`; undocumented (§6.3, §14.8)",
    )
    yield Switch(
        name="extend_expired",
        positions=("resumes", "400"),
        meaning="A later `endTime` once the old one is over; undocumented (§14.8)",
    )
