"""Projects of which only the recorded outputs are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.specs.project_file import OtherProjectFile, OtherStateFile


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherProject:
    """Another project in one environment, and where its state lies; `endpoint` and `region` are of a bucket."""

    name: str
    environment: str
    url: str
    endpoint: str | None = None
    region: str | None = None


def others_of(written: Mapping[str, OtherProjectFile], environment: str) -> dict[str, OtherProject]:
    """By the names that manifests give them, for one environment of the project that names them."""
    found = {}
    for name, each in written.items():
        state = each.state if isinstance(each.state, OtherStateFile) else OtherStateFile(url=each.state)
        found[name] = OtherProject(
            name=each.project or name,
            environment=each.environment or environment,
            url=state.url,
            endpoint=state.endpoint,
            region=state.region,
        )
    return found
