"""
YAML files to `Desired`: the project file, the manifests with their values and overlays, every problem with its place.

Nothing here opens a connection or knows a vendor: kinds come from a catalog, and no other room reads YAML.
"""

from reconciler.specs.delivery import DeliveryBlock
from reconciler.specs.delivery_settings import SETTINGS_OF, DeliveryPlaceFile
from reconciler.specs.durations import duration
from reconciler.specs.kinds import secret_of
from reconciler.specs.loader import Loaded, load
from reconciler.specs.notify_settings import NotifyFile
from reconciler.specs.project import (
    DEFAULT_ENVIRONMENT,
    PROJECT_FILE,
    Limits,
    Project,
    SecretPolicy,
    environments,
    find_project,
    load_project,
)
from reconciler.specs.schema import json_schema
from reconciler.specs.secret_settings import SecretsFile
from reconciler.specs.sources import Sources, excerpt

__all__ = [
    "DEFAULT_ENVIRONMENT",
    "PROJECT_FILE",
    "SETTINGS_OF",
    "DeliveryBlock",
    "DeliveryPlaceFile",
    "Limits",
    "Loaded",
    "NotifyFile",
    "Project",
    "SecretPolicy",
    "SecretsFile",
    "Sources",
    "duration",
    "environments",
    "excerpt",
    "find_project",
    "json_schema",
    "load",
    "load_project",
    "secret_of",
]
