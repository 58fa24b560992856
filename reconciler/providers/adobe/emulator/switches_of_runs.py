"""The open points of runs and of the files they leave (§9 and §11 of the Adobe reference of this project)."""

from collections.abc import Iterator

from reconciler.emulator import Switch

_NUMBER = r"\d{1,9}"


def run_switches() -> Iterator[Switch]:
    """How runs look, when they come and what they write."""
    yield from _records()
    yield from _exports()


def _records() -> Iterator[Switch]:
    yield Switch(
        name="runs",
        positions=("success", "failed", "stuck"),
        meaning="How runs end; the states are documented (§9.2)",
    )
    yield Switch(
        name="run_seconds",
        positions=("300", "0"),
        other=_NUMBER,
        meaning="Seconds from the start of a run to its end; inferred from samples (§9.1)",
    )
    yield Switch(
        name="run_stop_key",
        positions=("completedAtUTC", "stoppedAtUTC"),
        meaning="Name of the end of a run; the samples and the schema differ (§9.2)",
    )
    yield Switch(
        name="run_etag_key",
        positions=("etag", "eTag"),
        meaning="Name of a run's etag; the samples and the schema differ (§9.2)",
    )
    yield Switch(
        name="run_status_case",
        positions=("lower", "capitalized"),
        meaning="Spelling of a run's status; the samples and the schema differ (§9.2)",
    )
    yield Switch(
        name="run_state",
        positions=("absent", "present"),
        meaning="Whether a run has a `state` of its own; filterable, absent from samples (§9.2)",
    )
    yield Switch(
        name="run_dataset_prefix",
        positions=("dataset:", "none"),
        meaning="What stands before a dataset's id in `entitySummaries`; undocumented (§9.2)",
    )
    yield Switch(
        name="run_flow_spec",
        positions=("same", "other"),
        meaning="Whether a run names its flow's spec; the tutorial's sample does not (§9.2)",
    )
    yield Switch(
        name="run_counts",
        positions=("exact", "mixed"),
        meaning="Whether counts hold other exports' records too; documented as a known limitation (§9.2)",
    )
    yield Switch(
        name="run_retention",
        positions=("off", "30"),
        other=r"[1-9]\d{0,4}",
        meaning="Days a run can be read; undocumented (§9.2)",
    )
    yield Switch(
        name="run_bumps_etag",
        positions=("false", "true"),
        meaning="Whether a run moves the etag of its flow; undocumented: any update on the service's side does (§8)",
    )


def _exports() -> Iterator[Switch]:
    yield Switch(
        name="activation_delay",
        positions=("0", "600"),
        other=_NUMBER,
        meaning="Seconds until a new flow can run; seen by Adobe's client to be 5 to 10 minutes (§9.3)",
    )
    yield Switch(
        name="swap_restart",
        positions=("incremental", "full"),
        meaning="What kept datasets export after a source swap; undocumented (§6.5, §14.4)",
    )
    yield Switch(
        name="rows_per_hour",
        positions=("2", "0"),
        other=r"\d{1,5}",
        meaning="Invented rows that every dataset grows by in an hour; 0 makes empty increments",
    )
    yield Switch(
        name="empty_increment",
        positions=("file", "nothing"),
        meaning="What an incremental run without new rows leaves: one empty file, or none; undocumented (§11)",
    )
    yield Switch(
        name="parts",
        positions=("2", "1"),
        other=r"[1-9]\d?",
        meaning="Files per dataset and run; documented as several even for few rows (§11)",
    )
    yield Switch(
        name="manifest",
        positions=("asked", "always", "never"),
        meaning="Whether a run leaves a manifest: as `includeFileManifest` says, always, never; undocumented for "
        "datasets (§5.2, §14.11)",
    )
    yield Switch(
        name="expiry",
        positions=("7d", "off"),
        meaning="Files in the Data Landing Zone vanish after seven days; documented (§11)",
    )
    yield from _files()


def _files() -> Iterator[Switch]:
    yield Switch(
        name="run_lag",
        positions=("0", "90"),
        other=_NUMBER,
        meaning="Seconds from the time a run is due to its start; two in a sample, undocumented (§9.1)",
    )
    yield Switch(
        name="folder_time",
        positions=("scheduled", "begun", "ended"),
        meaning="Which time folders are named after: when the run was due, began or ended; undocumented (§6.3, §11)",
    )
    yield Switch(
        name="files_seen",
        positions=("whole", "growing"),
        meaning="Whether files can be seen before their run has ended; undocumented (§11)",
    )
    yield Switch(
        name="failed_files",
        positions=("none", "some"),
        meaning="What a failed run leaves: nothing, or the files it got to; undocumented (§11)",
    )
    yield Switch(
        name="success_marker",
        positions=("absent", "present"),
        meaning="Whether each folder gets an empty `_SUCCESS`, as Spark leaves it; undocumented (§11)",
    )
    yield Switch(
        name="manifest_place",
        positions=("path", "folder"),
        meaning="Where a manifest lies: at the target's path, or with the files; undocumented (§11)",
    )
    yield Switch(
        name="manifest_name",
        positions=("flow", "target"),
        meaning="What the destination id in a manifest's name is: of the flow, or of the target; undocumented (§11)",
    )
