"""
Export destinations, configurations (legacy generation) and integrations (current generation).

Sources: "Configure a batch export", legacy edition for `/exports/…`, current edition for `/marketplace/…`.
"""

import re
from collections.abc import Mapping

from reconciler.emulator import JsonObject, World
from reconciler.providers.didomi.emulator.errors import Refused
from reconciler.providers.didomi.emulator.resources import Call, Resources, described, nested, text

# Real AWS account ids have 12 digits; the sample of the tutorial has 10.
_ACCOUNT = re.compile(r"\d{10,12}")
_COMPUTED = ("bucket_name", "bucket_access_role_arn")
_MASKED = "********"
# Didomi's own account in every role (AWS S3 Bucket); invented.
_DIDOMI_ACCOUNT = "555500001111"

S3_DESTINATION = "aws-s3-didomi"
GCP_DESTINATION = "gcp-storage"
INTEGRATION_TYPES = frozenset(
    {"batch-exports-s3", "batch-exports-gcp", "analytics-exports-s3", "analytics-exports-gcp", "webhook-http"}
)


class Destinations(Resources):
    """Where an export goes: a bucket owned by Didomi, or the customer's own at Google."""

    noun = "destination"
    fields = frozenset({"name", "description", "type_id", "config"})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.configs: Configs | None = None

    def organization_for(self, call: Call, body: JsonObject) -> object:
        """The body names the organization (documented)."""
        return body.get("organization_id")

    def check(self, row: JsonObject, old: JsonObject | None) -> None:
        """A known type with the keys it needs."""
        described(row)
        config = nested(row, "config")
        match row.get("type_id"):
            case "aws-s3-didomi":
                check_account(config, "config.")
            case "gcp-storage":
                check_gcp(config, "config.")
            case _:
                raise Refused(400, f"type_id must be one of {S3_DESTINATION}, {GCP_DESTINATION}")
        if old is not None:
            check_mutable(self.world, config, nested(old, "config"), s3=row["type_id"] == S3_DESTINATION)

    def complete(self, row: JsonObject) -> None:
        """Didomi makes a bucket and a role for an S3 destination."""
        if row.get("type_id") == S3_DESTINATION:
            row["config"] = {**row.get("config", {}), **_bucket(self.world, row, row.get("config", {}))}

    def keep(self, row: JsonObject, old: JsonObject) -> None:
        """Bucket and role stay whatever is sent."""
        if row.get("type_id") == S3_DESTINATION and isinstance(row.get("config"), dict):
            row["config"] = {**row["config"], **_computed(old.get("config", {}))}

    def show(self, row: JsonObject) -> None:
        """The GCP key as the switch says; bucket and role once they exist."""
        if not isinstance(row.get("config"), dict):
            return
        show_secrets(self.world, row["config"])
        if row.get("type_id") == S3_DESTINATION and not self.provisioned(row):
            for name in _COMPUTED:
                row["config"].pop(name, None)

    def check_deletion(self, row: JsonObject) -> None:
        """Whether a destination in use may go is undocumented."""
        if self.configs is None or self.world.switches["delete_referenced"] == "allow":
            return
        users = [config["id"] for config in self.configs.table if row["id"] in config.get("destinations_id", ())]
        if users:
            raise Refused(409, f"The destination is used by the export configuration '{users[0]}'")


class Configs(Resources):
    """What is exported, and to which destinations."""

    noun = "export configuration"
    fields = frozenset({"name", "description", "data", "destinations_id", "enabled"})
    id_length = 8

    def __init__(self, world: World, destinations: Destinations) -> None:
        super().__init__(world)
        self._destinations = destinations
        destinations.configs = self

    def organization_for(self, call: Call, body: JsonObject) -> object:
        """The body names the organization (documented)."""
        return body.get("organization_id")

    def check(self, row: JsonObject, old: JsonObject | None) -> None:
        """Known destinations, boolean switches, and both quotas."""
        described(row)
        for name, part in nested(row, "data").items():
            if not isinstance(part, dict) or not isinstance(part.get("enabled"), bool):
                raise Refused(400, f"data.{name}.enabled must be a boolean")
        row.setdefault("enabled", True)
        if not isinstance(row["enabled"], bool):
            raise Refused(400, "enabled must be a boolean")
        self._check_destinations(row)
        self._check_enabled(row, old)

    def complete(self, row: JsonObject) -> None:
        """Server defaults; the shape of `frequency` is undocumented, a run log shows this one."""
        row.setdefault("enabled", True)
        row.setdefault("frequency", "1 day")

    def keep(self, row: JsonObject, old: JsonObject) -> None:
        """The frequency is the server's."""
        row.setdefault("frequency", old.get("frequency", "1 day"))

    def show(self, row: JsonObject) -> None:
        """Nested objects as copies; references in the order the switch says."""
        if self.world.switches["reference_order"] == "sorted" and isinstance(row.get("destinations_id"), list):
            row["destinations_id"] = sorted(row["destinations_id"])

    def _check_destinations(self, row: JsonObject) -> None:
        ids = row.get("destinations_id")
        if not isinstance(ids, list) or not ids or not all(isinstance(id, str) for id in ids):
            raise Refused(400, "destinations_id must be a non-empty array of ids")
        for id in ids:
            found = self._destinations.table.get(id)
            if found is None or found["organization_id"] != row["organization_id"]:
                raise Refused(400, f"destinations_id: no destination found for id '{id}'")
        self._check_quota("exports_destinations", len(set(ids)))

    def _check_enabled(self, row: JsonObject, old: JsonObject | None) -> None:
        if not row["enabled"] or (old is not None and old.get("enabled", True)):
            return
        own = (("organization_id", (row["organization_id"],)), ("enabled", ("true",)))
        self._check_quota("exports_configs", len(self.table.select(own)) + 1)

    def _check_quota(self, name: str, wanted: int) -> None:
        quota = self.world.switches.number(f"quota_{name}")
        if wanted > quota:
            status = int(self.world.switches["quota_status"])
            raise Refused(status, f"The quota {name} of {quota} is exceeded")


class Integrations(Resources):
    """The current generation: destination and configuration in one, without a name."""

    noun = "integration"
    fields = frozenset({"type_id", "authentication", "properties", "mappings"})
    id_length = 8

    def organization_for(self, call: Call, body: JsonObject) -> object:
        """The query names the organization in the current tutorial, the body did in an earlier edition."""
        in_query = call.request.parameter("organization_id")
        in_body = body.get("organization_id")
        match self.world.switches["organization_in"]:
            case "body":
                return in_body
            case "both":
                return in_query if in_query == in_body else None
            case _:
                return in_query

    def check(self, row: JsonObject, old: JsonObject | None) -> None:
        """A known type with the keys it needs."""
        type_id = row.get("type_id")
        if type_id not in INTEGRATION_TYPES:
            raise Refused(400, f"type_id must be one of {', '.join(sorted(INTEGRATION_TYPES))}")
        row.setdefault("authentication", {})
        row.setdefault("mappings", [])
        if not isinstance(row["mappings"], list):
            raise Refused(400, "mappings must be an array")
        authentication, properties = nested(row, "authentication"), nested(row, "properties")
        if type_id == "webhook-http":
            text(properties, "url", within="properties.")
            return
        _check_properties(properties)
        place = self.world.switches["gcp_fields_in"]
        s3 = is_s3(row)
        if s3:
            check_account(authentication, "authentication.")
        else:
            check_gcp(row[place], f"{place}.")
        if old is not None:
            name = "authentication" if s3 else place
            check_mutable(self.world, row[name], old.get(name, {}), s3=s3)

    def complete(self, row: JsonObject) -> None:
        """Didomi makes a bucket and a role for S3; their names stand under `properties` (documented)."""
        row.setdefault("authentication", {})
        row.setdefault("mappings", [])
        if is_s3(row):
            properties = row.get("properties", {})
            row["properties"] = {**properties, **_bucket(self.world, row, properties)}

    def keep(self, row: JsonObject, old: JsonObject) -> None:
        """Bucket and role stay whatever is sent."""
        if is_s3(row) and isinstance(row.get("properties"), dict):
            row["properties"] = {**row["properties"], **_computed(old.get("properties", {}))}

    def show(self, row: JsonObject) -> None:
        """Secrets as the switch says; bucket and role once they exist."""
        for name in ("authentication", "properties"):
            if isinstance(row.get(name), dict):
                show_secrets(self.world, row[name])
        if is_s3(row) and not self.provisioned(row):
            for name in _COMPUTED:
                row["properties"].pop(name, None)


class Purposes(Resources):
    """
    Purposes with their preferences and values (Metadata API); the shape of a row is invented.

    Ids that existed once stay valid for events (documented, Events schema).
    """

    noun = "purpose"
    fields = frozenset({"name", "description", "preferences"})
    switched = False

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.existed: set[str] = set()

    def check(self, row: JsonObject, old: JsonObject | None) -> None:
        """A name."""
        described(row)

    def complete(self, row: JsonObject) -> None:
        """Remember its ids for ever."""
        row.setdefault("preferences", [])
        self.existed.add(row["id"])
        self._remember(row)

    def keep(self, row: JsonObject, old: JsonObject) -> None:
        """Remember the new ids too."""
        self._remember(row)

    def forget(self) -> None:
        """Throw everything away, the memory included."""
        super().forget()
        self.existed.clear()

    def _remember(self, row: JsonObject) -> None:
        for preference in row.get("preferences", []):
            self.existed.add(preference["id"])
            self.existed.update(value["id"] for value in preference.get("values", []))


def check_account(holder: Mapping[str, object], within: str) -> None:
    """An AWS account id: digits in a string."""
    account = holder.get("account_id")
    if not isinstance(account, str) or not _ACCOUNT.fullmatch(account):
        raise Refused(400, f"{within}account_id must be a string of 12 digits")


def check_gcp(holder: JsonObject, within: str) -> None:
    """Project, bucket, and the service account's JSON as one string (documented)."""
    for name in ("project_id", "bucket_name", "key"):
        text(holder, name, within=within)


def check_mutable(world: World, new: JsonObject, old: JsonObject, *, s3: bool) -> None:
    """What may change in place is undocumented."""
    switch, names = ("account_id_mutable", ("account_id",)) if s3 else ("bucket_mutable", ("project_id", "bucket_name"))
    if world.switches.on(switch):
        return
    for name in names:
        if new.get(name) != old.get(name):
            raise Refused(400, f"{name} cannot be changed")


def show_secrets(world: World, holder: JsonObject) -> None:
    """Whether a secret can be read back is undocumented, and differs between Didomi's other resources."""
    for name in ("key", "client_secret"):
        if name not in holder:
            continue
        match world.switches["secret_echo"]:
            case "omit":
                del holder[name]
            case "mask":
                holder[name] = _MASKED
            case _:
                pass


def is_s3(row: JsonObject) -> bool:
    """Whether an integration delivers to a bucket owned by Didomi."""
    return str(row.get("type_id", "")).endswith("-exports-s3")


def _check_properties(properties: JsonObject) -> None:
    if properties.get("frequency") != 1 or isinstance(properties.get("frequency"), bool):
        raise Refused(400, "properties.frequency must be 1: only daily exports are supported")
    kinds = properties.get("data")
    if not isinstance(kinds, list) or not kinds or not all(isinstance(kind, str) for kind in kinds):
        raise Refused(400, "properties.data must be a non-empty array of strings")


def _bucket(world: World, row: JsonObject, given: JsonObject) -> JsonObject:
    # The pattern of both names is documented (AWS S3 Bucket).
    bucket = given.get("bucket_name") or f"didomi-exports-{row['organization_id']}-{world.ids.hexadecimal(6)}"
    role = f"arn:aws:iam::{_DIDOMI_ACCOUNT}:role/{bucket}-role"
    return {"bucket_name": bucket, "bucket_access_role_arn": given.get("bucket_access_role_arn") or role}


def _computed(holder: JsonObject) -> JsonObject:
    return {name: holder[name] for name in _COMPUTED if name in holder}
