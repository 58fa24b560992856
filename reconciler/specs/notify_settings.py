"""The section `notify` of the project file: who is told what a command did."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from reconciler.sdk.fields import SecretReference


class NotifyFile(BaseModel):
    """One of `notify`: a webhook, and what it wants to know."""

    # Not strict: `${VAR}` gives text, also where a number is wanted.
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True)

    url: Annotated[SecretReference, Field(description="the address of the webhook, which is a secret to many")]
    format: Annotated[Literal["json", "slack"], Field(description="`json`, or a message as Slack takes it")] = "json"
    events: Annotated[
        list[Literal["apply", "drift", "verify"]],
        Field(min_length=1, description="what is told: how `apply`, `drift` or `verify` ended"),
    ] = ["apply", "drift", "verify"]
    when: Annotated[
        Literal["changes", "failures", "always"],
        Field(description="`changes` tells what happened or failed, `failures` only the latter, `always` all"),
    ] = "changes"
    signature: Annotated[
        SecretReference | None, Field(description="the key that signs the body, so that the receiver knows the sender")
    ] = None
