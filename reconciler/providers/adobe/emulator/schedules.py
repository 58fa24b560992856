"""What a schedule may say, and when it strikes (§6.3)."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.emulator import JsonObject, Switches
from reconciler.providers.adobe.emulator.errors import bad

MODES = ("DAILY_FULL_EXPORT", "FIRST_FULL_THEN_INCREMENTAL")
TEMPLATE_KEYS = ("foldernameTemplate", "folderNameTemplate")
_NUMBERS = ("interval", "startTime", "endTime")
# The last second that a date can hold.
_LATEST = 253_402_300_799
_MACRO = re.compile(r"%([^%]*)%")
_DATETIME = re.compile(r"DATETIME\(([YyMdHhms_.\-]+)\)")
_MACROS = frozenset(
    {
        "DATASET_ID",
        "DATASET_NAME",
        "DESTINATION",
        "DESTINATION_NAME",
        "EXPORT_TIME",
        "DESTINATION_INSTANCE_ID",
        "DESTINATION_INSTANCE_NAME",
        "SANDBOX_NAME",
        "ORGANIZATION_NAME",
    }
)
_LETTERS = {"YYYY": "%Y", "yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "hh": "%I", "mm": "%M", "ss": "%S"}


def checked(value: object, switches: Switches, code: int) -> JsonObject:
    """
    A schedule as the service keeps it: numbers as integers, one spelling of the folder template.

    Numbers may come as text (Adobe's client sends them so). `code` is that of the refusal.
    """
    if not isinstance(value, dict):
        raise bad("scheduleParams is required", code)
    kept: JsonObject = {name: item for name, item in value.items() if name not in TEMPLATE_KEYS}
    for name in _NUMBERS:
        if kept.get(name) is not None:
            kept[name] = _whole(kept[name], name, code)
        elif name in kept or name != "endTime":
            raise bad(f"scheduleParams.{name} is required", code)
    mode = kept.setdefault("exportMode", "FIRST_FULL_THEN_INCREMENTAL")
    if mode not in MODES:
        raise bad(f"scheduleParams.exportMode must be one of {', '.join(MODES)}", code)
    hours = (3, 6, int(switches["hourly"]), 12)
    once = mode == "DAILY_FULL_EXPORT"
    allowed = {"day": (0,)} if once else {"day": (1,), "hour": hours}
    if not isinstance(kept.get("timeUnit"), str) or kept["interval"] not in allowed.get(kept["timeUnit"], ()):
        raise bad(f"scheduleParams: {mode} does not go with this timeUnit and interval", code)
    end = kept.get("endTime")
    if end is not None and end <= kept["startTime"]:
        raise bad("scheduleParams.endTime must be after startTime", code)
    template = _template(value, switches, code)
    return kept if template is None else {**kept, "foldernameTemplate": template}


def shown(schedule: JsonObject, switches: Switches) -> JsonObject:
    """A schedule as the API shows it."""
    result = dict(schedule)
    if switches["folder_template_key"] != "foldernameTemplate" and "foldernameTemplate" in result:
        result["folderNameTemplate"] = result.pop("foldernameTemplate")
    if switches["numbers"] == "strings":
        result |= {name: str(result[name]) for name in _NUMBERS if name in result}
    return result


def half_a_year_after(when: datetime) -> int:
    """Six months later in seconds since 1970; the end of the month when it has no such day (§6.3)."""
    month = when.month + 6
    year, month = when.year + (month - 1) // 12, (month - 1) % 12 + 1
    for day in range(when.day, 27, -1):
        try:
            return int(when.replace(year=year, month=month, day=day).timestamp())
        except ValueError:
            continue
    return int(when.replace(year=year, month=month).timestamp())


def step_of(schedule: JsonObject) -> timedelta | None:
    """The time from one tick to the next, None for an export that happens once."""
    if schedule["interval"] == 0:
        return None
    return timedelta(**{f"{schedule['timeUnit']}s": schedule["interval"]})


def start_of(schedule: JsonObject) -> datetime:
    """The first tick."""
    return datetime.fromtimestamp(schedule["startTime"], UTC)


def is_over(schedule: JsonObject, when: datetime) -> bool:
    """Whether the end date has passed: nothing is exported any more."""
    end = schedule.get("endTime")
    return end is not None and when.timestamp() > end


def next_tick(schedule: JsonObject, after: datetime) -> datetime | None:
    """The first tick later than `after`; None when there is none."""
    start, step = start_of(schedule), step_of(schedule)
    if start > after:
        return start
    if step is None:
        return None
    return start + step * ((after - start) // step + 1)


def rendered(template: str, values: dict[str, str], when: datetime) -> str:
    """A folder template with its macros filled in; an unknown macro stays as it is."""

    def fill(found: re.Match[str]) -> str:
        if made := _DATETIME.fullmatch(found[1]):
            return when.strftime(_format(made[1]))
        return values.get(found[1], found[0])

    return _MACRO.sub(fill, template)


def export_time(when: datetime) -> str:
    """`exportTime=YYYYMMDDHHMM` (§11)."""
    return when.strftime("exportTime=%Y%m%d%H%M")


def _template(value: JsonObject, switches: Switches, code: int) -> str | None:
    understood: tuple[str, ...] = TEMPLATE_KEYS
    if switches["folder_template_key"] == "only_folderNameTemplate":
        understood = ("folderNameTemplate",)
    template: Any = next((value[name] for name in understood if value.get(name) is not None), None)
    if template is None:
        return None
    if not isinstance(template, str) or not template:
        raise bad("scheduleParams.foldernameTemplate must be a non-empty string", code)
    if switches["unknown_macro"] == "400":
        for name in _MACRO.findall(template):
            if name not in _MACROS and not _DATETIME.fullmatch(name):
                raise bad(f"scheduleParams.foldernameTemplate: unknown macro {name}", code)
    return template


def _whole(value: object, name: str, code: int) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LATEST:
        raise bad(f"scheduleParams.{name} must be a whole number", code)
    return value


def _format(pattern: str) -> str:
    """A pattern of Java's as one of Python's."""
    return re.sub(r"YYYY|yyyy|MM|dd|HH|hh|mm|ss", lambda found: _LETTERS[found[0]], pattern)
