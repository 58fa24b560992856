"""
When a dataflow exports, as people say it and as Adobe stores it.

Three meanings exist: one full export, a daily increment, an increment every 3, 6, 9 or 12 hours (Export datasets;
documented). Despite its name `DAILY_FULL_EXPORT` is the one full export and never repeats.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, model_validator
from pydantic_core import PydanticCustomError

from reconciler.sdk import Spec
from reconciler.values import Value

_MOMENT = re.compile(r"2\d{3}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)")


def _plain_moment(written: object) -> object:
    if isinstance(written, datetime):
        return written
    # Adobe counts whole seconds (Export datasets; documented).
    moment = instant(written) if isinstance(written, str) and _MOMENT.fullmatch(written) else None
    if moment is None:
        raise PydanticCustomError(
            "schedule-time", "a moment is written like `2026-12-01T06:00:00Z`, in whole seconds and with its time zone"
        )
    return moment


Moment = Annotated[AwareDatetime, BeforeValidator(_plain_moment)]


class Schedule(Spec):
    """How often, from when and until when. Without an end Adobe would set one six months ahead, so it is required."""

    every: Literal["3h", "6h", "8h", "9h", "12h", "1d"] | None = None
    """The rhythm; or `once`."""
    once: Literal[True] | None = None
    """One export and no more; or `every`."""
    start: Moment
    """When it begins. A start that has passed cannot be changed."""
    end: Moment
    """When it ends: from then on it exports nothing."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.every is None) == (self.once is None):
            raise PydanticCustomError("schedule-rhythm", "a schedule has either `every: 6h` or `once: true`")
        if self.end <= self.start:
            raise PydanticCustomError("schedule-time", "`end` is not after `start`")
        return self


# In the order of the documents; `ORGANIZATION_NAME` is reconstructed from translated pages.
MACROS = (
    "DATASET_ID",
    "DATASET_NAME",
    "DESTINATION",
    "DATETIME(…)",
    "EXPORT_TIME",
    "DESTINATION_INSTANCE_ID",
    "DESTINATION_INSTANCE_NAME",
    "SANDBOX_NAME",
    "ORGANIZATION_NAME",
)
_MACRO = re.compile(r"%([^%]*)%")
_DATETIME = re.compile(r"DATETIME\([A-Za-z0-9_\-:. ]+\)")


def wrong_with_template(template: str) -> str | None:
    """Why a folder template would not do what it seems to say."""
    if template.count("%") % 2:
        return "a macro stands between two `%`, and one is missing"
    for macro in _MACRO.findall(template):
        if macro not in MACROS and not _DATETIME.fullmatch(macro):
            return f"`%{macro}%` is no macro of a folder; there are {', '.join(f'`%{each}%`' for each in MACROS)}"
    return None


def _known_macros(template: str) -> str:
    why = wrong_with_template(template)
    if why is not None:
        raise PydanticCustomError("folder-template", "{why}", {"why": why})
    return template


# Unknown macros are not documented; they would end up in the names of folders.
FolderTemplate = Annotated[str, AfterValidator(_known_macros)]

# Files lie in such folders where no template is set (Export datasets; documented). That it may be written as a template
# is inferred. It is sent where a manifest has a template no more: whether one that is left out goes is not documented.
DEFAULT_TEMPLATE = "%DATASET_ID%/%EXPORT_TIME%"

# The tutorial and Adobe's client spell it the first way, the API's document the second (contradictory): sent the first
# way unless it is there the second way, read either way.
TEMPLATES = ("foldernameTemplate", "folderNameTemplate")
_OURS = frozenset({"exportMode", "timeUnit", "interval", "startTime", "endTime", *TEMPLATES})


def sent(schedule: Mapping[str, Value], template: Value, spelling: str = TEMPLATES[0]) -> dict[str, object]:
    """`scheduleParams` for a wanted schedule. Times are seconds since 1970."""
    every = schedule.get("every")
    rhythm: dict[str, object] = {"exportMode": "DAILY_FULL_EXPORT", "timeUnit": "day", "interval": 0}
    if isinstance(every, str):
        unit = {"h": "hour", "d": "day"}[every[-1]]
        rhythm = {"exportMode": "FIRST_FULL_THEN_INCREMENTAL", "timeUnit": unit, "interval": int(every[:-1])}
    times = {f"{key}Time": int(found.timestamp()) for key in ("start", "end") if (found := instant(schedule.get(key)))}
    folders = {spelling: template} if isinstance(template, str) else {}
    return {**rhythm, **times, **folders}


def replaced(there: object, wanted: Mapping[str, object]) -> dict[str, object]:
    """
    `scheduleParams` to put in place of those that are there, complete: whether they are merged is not documented.

    What others set there is sent back, a folder template included.
    """
    old = there if isinstance(there, Mapping) else {}
    has_template = any(key in wanted for key in TEMPLATES)
    kept = {key: each for key, each in old.items() if key not in _OURS or (key in TEMPLATES and not has_template)}
    return {**kept, **wanted}


def template_key(params: object) -> str | None:
    """Under which of its spellings a folder template is there."""
    return next((key for key in TEMPLATES if isinstance(params, Mapping) and params.get(key) is not None), None)


def read(params: object) -> tuple[dict[str, Value], str | None]:
    """
    The schedule and the folder template that `scheduleParams` mean.

    Numbers may be text (samples of sources; Adobe's own client). What has no word here is shown as Adobe has it.
    """
    found: Mapping[str, object] = params if isinstance(params, Mapping) else {}
    unit, interval = str(found.get("timeUnit") or "").lower(), _number(found.get("interval"))
    schedule: dict[str, Value] = {}
    # Older requests leave the mode out, which is assumed to mean increments.
    if found.get("exportMode") == "DAILY_FULL_EXPORT" or (unit, interval) == ("day", 0):
        schedule["once"] = True
    elif unit in ("hour", "day") and interval is not None:
        schedule["every"] = f"{interval}{unit[0]}"
    elif unit or interval is not None:
        schedule["every"] = f"{found.get('interval')} {found.get('timeUnit')}"
    for key in ("start", "end"):
        seconds = _number(found.get(f"{key}Time"))
        if seconds is not None:
            schedule[key] = text(datetime.fromtimestamp(seconds, UTC))
    template = found.get(template_key(found) or "")
    return schedule, template if isinstance(template, str) else None


def text(when: datetime) -> str:
    """The one way in which an instant is written."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant(written: object) -> datetime | None:
    """The instant that a text writes, or `None` when it is none."""
    if not isinstance(written, str):
        return None
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _number(json: object) -> int | None:
    if isinstance(json, bool):
        return None
    if isinstance(json, str) and re.fullmatch(r"[0-9]{1,12}", json):
        json = int(json)
    # What lies far behind any schedule is none of ours to read.
    if isinstance(json, int | float) and 0 <= json < 1e11:
        return int(json)
    return None
