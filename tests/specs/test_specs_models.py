"""What a model finds wrong, in words for people."""

from __future__ import annotations

import json
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Literal

import pytest
from pydantic import AwareDatetime, Field, HttpUrl, RootModel, TypeAdapter, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from reconciler.sdk import NameOrId, SecretReference, Spec
from reconciler.specs.translate import findings
from reconciler.values import dotted


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Csv(Spec):
    format: Literal["csv"]
    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","


class Parquet(Spec):
    format: Literal["parquet", "parquet2"]
    compression: Literal["gzip", "snappy"] | None = None


class Point(Spec):
    x: int
    y: int


class Line(Spec):
    start: Point
    end: Point


class Names(RootModel[dict[str, Point]]):
    pass


class Everything(Spec):
    files: list[Annotated[Csv | Parquet, Field(discriminator="format")]] = Field(default=[])
    shape: Point | Line | None = None
    size: int | Literal["all"] | None = None
    pair: tuple[int, str] | None = None
    colour: Colour | None = None
    day: date | None = None
    moment: AwareDatetime | None = None
    naive: datetime | None = None
    url: HttpUrl | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    step: Annotated[int, Field(multiple_of=5)] | None = None
    names: Names | None = None
    named: dict[Annotated[str, Field(pattern="^[a-z]+$")], int] | None = None
    other: NameOrId | None = None
    secrets: list[SecretReference] = Field(default=[])
    sure: bool = True
    code: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None

    @model_validator(mode="after")
    def _together(self) -> Everything:
        if self.step == 5 and self.day is None:
            raise PydanticCustomError("five-needs-day", "`step` of {step} needs a `day`", {"step": 5})
        if self.step == 10:
            raise ValueError("ten is too much.")
        return self


def said(written: object) -> list[str]:
    data = json.loads(json.dumps(written))
    try:
        TypeAdapter(Everything).validate_json(json.dumps(data))
    except ValidationError as error:
        return [
            f"{dotted(each.path)} {each.code} {each.message} | {each.help}"
            for each in findings(error, Everything, data)
        ]
    return []


def test_what_json_can_say_is_understood() -> None:
    good = {
        "files": [{"format": "csv"}, {"format": "parquet2", "compression": "gzip"}],
        "shape": {"start": {"x": 1, "y": 2}, "end": {"x": 1, "y": 2}},
        "size": "all",
        "pair": [1, "a"],
        "colour": "red",
        "day": "2026-12-01",
        "moment": "2026-12-01T06:00:00Z",
        "url": "https://example.com/x",
        "share": 1,
        "names": {"a": {"x": 1, "y": 2}},
    }

    assert said(good) == []


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            {"files": [{"format": "csw"}]},
            [
                "files[0].format invalid-value `format` cannot be `csw` | did you mean `csv`?",
            ],
        ),
        (
            {"files": [{"format": "csv"}, {"format": "parquet", "separator": ";"}, {}]},
            [
                "files[1].separator unknown-key `files[1]` has no key `separator` | further keys: `compression`",
                (
                    "files[2].format missing-key `files[2]` lacks the key `format` "
                    "| known values: `csv`, `parquet`, `parquet2`"
                ),
            ],
        ),
        (
            {"files": [{"format": "csv", "separator": ""}, {"format": "csv", "separator": ";;"}]},
            [
                "files[0].separator invalid-value `separator` must have at least 1 character | None",
                "files[1].separator invalid-value `separator` must have at most 1 character | None",
            ],
        ),
        (
            {"shape": {"x": 1}},
            [
                "shape.y missing-key `shape` lacks the key `y` | None",
            ],
        ),
        (
            {"shape": {"start": {"x": 1, "y": 2}, "ende": {"x": 1, "y": 2}}},
            [
                "shape.ende unknown-key `shape` has no key `ende` | did you mean `end`?",
            ],
        ),
        (
            {"shape": 3},
            [
                "shape wrong-type `shape` must be a mapping, not a number | None",
            ],
        ),
        (
            {"size": "many"},
            [
                "size wrong-type `size` must be a whole number or `all`, not text | None",
            ],
        ),
        (
            {"size": [1]},
            [
                "size wrong-type `size` must be a whole number or `all`, not a list | None",
            ],
        ),
        (
            {"pair": [1]},
            [
                "pair[1] invalid-value `pair` has too few items | None",
            ],
        ),
        (
            {"pair": [1, 2]},
            [
                "pair[1] wrong-type `pair[1]` must be text, not a number | quote it to mean the text",
            ],
        ),
        (
            {"pair": "x"},
            [
                "pair wrong-type `pair` must be a list, not text | write it as a list of one: `[…]`",
            ],
        ),
        (
            {"colour": "rad", "day": "tomorrow", "moment": "2026-12-01T06:00:00", "naive": "noon"},
            [
                "colour invalid-value `colour` cannot be `rad` | did you mean `red`?",
                "day invalid-value `day` is no date | write it like `2026-12-01`",
                "moment invalid-value `moment` needs a time zone | write it like `2026-12-01T06:00:00Z`",
                "naive invalid-value `naive` is no date and time | write it like `2026-12-01T06:00:00Z`",
            ],
        ),
        (
            {"url": "example", "share": 0, "step": 7},
            [
                "url invalid-value `url` is no web address | None",
                "share invalid-value `share` must be greater than 0 | None",
                "step invalid-value `step` must be a multiple of 5 | None",
            ],
        ),
        (
            {"names": {"a": {"x": "1"}}, "named": {"A": 1, "b": "x"}},
            [
                "names.a.x wrong-type `x` must be a whole number, not text | remove the quotes",
                "names.a.y missing-key `a` lacks the key `y` | None",
                "named.A invalid-value `A` does not have the form it must have | the form is `^[a-z]+$`",
                "named.b wrong-type `b` must be a whole number, not text | None",
            ],
        ),
        (
            {"other": {"name": "x"}, "secrets": ["hunter2", {"env": "A"}, {"keychain": "x"}]},
            [
                (
                    "other reference `other` must be the name of a manifest "
                    "| to use an object that is not managed here, write `{id: …}`"
                ),
                (
                    "secrets[0] inline-secret `secrets[0]` must be a reference to a secret, never the secret itself "
                    "| keep the secret elsewhere and write where, such as `{env: RECONCILER_SECRET_…}`"
                ),
                (
                    "secrets[2] secret-reference `secrets[2]` must name one place where the secret is kept "
                    "| write one of `{env: …}`, `{file: …}`, `{awsSecretsManager: …}`, `{gcpSecretManager: …}`, "
                    "`{vault: …}`, `{named: …}`"
                ),
            ],
        ),
        (
            {"sure": "yes", "code": "abc"},
            [
                "sure wrong-type `sure` must be `true` or `false`, not text | None",
                "code invalid-value `code` does not have the form it must have | the form is `^[A-Z]{3}$`",
            ],
        ),
        (
            {"step": 5},
            [
                " five-needs-day `step` of 5 needs a `day` | None",
            ],
        ),
        (
            {"step": 10},
            [
                " invalid-value `spec`: ten is too much | None",
            ],
        ),
        (
            {"Step": 5, "collor": 1},
            [
                "Step unknown-key `spec` has no key `Step` | did you mean `step`?",
                "collor unknown-key `spec` has no key `collor` | did you mean `colour`?",
            ],
        ),
        (
            [],
            [
                " wrong-type `spec` must be a mapping, not a list | None",
            ],
        ),
    ],
)
def test_every_mistake_has_a_sentence(written: object, expected: list[str]) -> None:
    assert said(written) == expected
