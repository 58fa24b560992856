"""
The connection specs and flow specs of dataset export, as the vendor's own JSON describes them (§5).

Ids, names of authentications and parameters, enums and most patterns are documented; the pattern of GCS bucket
names is rebuilt from the prose, a minimal length stands where "required" is all that is known.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from reconciler.emulator import JsonObject

AMAZON_S3 = "4fce964d-3f37-408f-9778-e597338a21ee"
DATA_LAKE = "23598e46-f560-407b-88d5-ea6207e49db0"
DATA_LANDING_ZONE = "10440537-2a7b-4583-ac39-ed38d4b848e8"
ADLS_GEN2 = "be2c3209-53bc-47e7-ab25-145db8b873e1"
AZURE_BLOB = "6d6b59bf-fb58-4107-9064-4d246c0e5bb2"
SFTP = "36965a81-b1c6-401b-99f8-22508f1e6a26"

_DESTINATIONS = ("amazon-s3", "azure-blob", "adls-gen2", "data-landing-zone", "google-cloud-storage", "sftp")


@cache
def connection_specs() -> Mapping[str, JsonObject]:
    """Every connection spec by id: the six destinations and the data lake."""
    specs: list[JsonObject] = [_read(f"{name}.json") for name in (*_DESTINATIONS, "data-lake")]
    return MappingProxyType({spec["id"]: spec for spec in specs})


@cache
def flow_specs() -> Mapping[str, JsonObject]:
    """The six flow specs of dataset export by id."""
    return MappingProxyType({spec["id"]: spec for spec in _read("flow-specs.json")})


def auth_spec(connection_spec: str, name: object) -> JsonObject | None:
    """The authentication of a connection spec with this name."""
    specs: list[JsonObject] = connection_specs()[connection_spec]["authSpec"]
    return next((one for one in specs if one["name"] == name), None)


def _read(name: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))
