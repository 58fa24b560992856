"""
A customer of Adobe: dataset exports to all six destinations, each an account, a source, a target and a dataflow.

Every other export names its dataset and every other has its id, so that a plan also reads the datasets. Schedules lie
far ahead: nothing is exported while we measure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exported import PROJECT, Exported, Row, marked

from reconciler.values import Value

ORGANIZATION = "EXAMPLE@AdobeOrg"
SANDBOX = "prod"
CLIENT = "example-client-7731"
"""Organization, sandbox and client are those that the emulated vendor knows from the start."""

_LAKE = "23598e46-f560-407b-88d5-ea6207e49db0"
_DATASETS = 200
"""How many datasets of its own the company has; several exports share one."""
_START, _END = 3786912000, 3944678400
"""2090 and 2095."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """
    One destination: its connection and flow spec, and what a manifest and the vendor say of account and place.

    `auth` is written in a manifest, and `params` is what the vendor has; `{n}` is the number of the export.
    """

    destination: str
    spec: str
    flow: str
    auth: str = ""
    named: str = ""
    params: Mapping[str, str]
    location: Mapping[str, str]


_WAYS = (
    _Way(
        destination="amazonS3",
        spec="4fce964d-3f37-408f-9778-e597338a21ee",
        flow="269ba276-16fc-47db-92b0-c1049a3c131f",
        auth="""\
    s3AccessKey: EXAMPLEKEY234567ABCD
    s3SecretKey: {env: RECONCILER_SECRET_LAKE, version: "2"}
""",
        named="Access Key",
        params={"s3AccessKey": "EXAMPLEKEY234567ABCD", "s3SecretKey": "not given back"},
        location={"bucketName": "example-exports", "path": "aep/brand-{n}"},
    ),
    _Way(
        destination="azureBlob",
        spec="6d6b59bf-fb58-4107-9064-4d246c0e5bb2",
        flow="95bd8965-fc8a-4119-b9c3-944c2c2df6d2",
        auth="""\
    connectionString: {env: RECONCILER_SECRET_BLOB, version: "1"}
""",
        named="ConnectionString",
        params={"connectionString": "not given back"},
        location={"container": "exports", "path": "aep/brand-{n}"},
    ),
    _Way(
        destination="adlsGen2",
        spec="be2c3209-53bc-47e7-ab25-145db8b873e1",
        flow="17be2013-2549-41ce-96e7-a70363bec293",
        auth="""\
    url: "abfss://exports@example.dfs.core.windows.net"
    tenant: example-tenant
    servicePrincipalId: example-principal
    servicePrincipalKey: {env: RECONCILER_SECRET_PRINCIPAL, version: "1"}
""",
        named="Azure Service Principal Auth",
        params={
            "url": "abfss://exports@example.dfs.core.windows.net",
            "tenant": "example-tenant",
            "servicePrincipalId": "example-principal",
            "servicePrincipalKey": "not given back",
        },
        location={"path": "aep/brand-{n}"},
    ),
    _Way(
        destination="dataLandingZone",
        spec="10440537-2a7b-4583-ac39-ed38d4b848e8",
        flow="cd2fc47e-e838-4f38-a581-8fff2f99b63a",
        params={},
        location={"path": "aep/brand-{n}"},
    ),
    _Way(
        destination="googleCloudStorage",
        spec="c5d93acb-ea8b-4b14-8f53-02138444ae99",
        flow="585c15c4-6cbf-4126-8f87-e26bff78b657",
        auth=f"""\
    accessKeyId: GOOG1E{"A" * 55}
    secretAccessKey: {{env: RECONCILER_SECRET_HMAC, version: "1"}}
""",
        named="Google Cloud Storage authentication credentials",
        params={"accessKeyId": "GOOG1E" + "A" * 55, "secretAccessKey": "not given back"},
        location={"bucketName": "example_exports", "path": "aep/brand-{n}"},
    ),
    _Way(
        destination="sftp",
        spec="36965a81-b1c6-401b-99f8-22508f1e6a26",
        flow="354d6aad-4754-46e4-a576-1b384561c440",
        auth="""\
    domain: sftp.example.com
    username: aep
    sshKey: {env: RECONCILER_SECRET_SSH, version: "3"}
""",
        named="SFTP with SSH Key",
        params={"domain": "sftp.example.com", "username": "aep", "sshKey": "not given back"},
        location={"remotePath": "upload/brand-{n}"},
    ),
)


def exported(size: int) -> Iterator[Exported]:
    """`size` exports, each with its four objects."""
    for number in range(size):
        yield _export(number)


def identifier(kind: str, name: str) -> str:
    """The vendor's id of the object of this kind and name."""
    place = ("BaseConnection", "SourceConnection", "TargetConnection", "Dataflow").index(kind)
    return f"{place:08d}-0000-4000-8000-{int(name.rpartition('-')[2]):012d}"


def applied(kind: str, name: str) -> Mapping[str, Value]:
    """A dataset that is named in a manifest is remembered by its id."""
    if kind != "SourceConnection":
        return {}
    return {"datasets": ({"id": _dataset_id(int(name.rpartition("-")[2]) % _DATASETS)},)}


def settings(url: str) -> str:
    """The project file, of a sandbox whose guardrail Adobe has raised."""
    return f"""\
project: {PROJECT}
vendors:
  adobe:
    baseUrl: {url}
    organization: {ORGANIZATION}
    sandbox: {SANDBOX}
    destinationsLimit: 1000
    credentials:
      clientId: {CLIENT}
      clientSecret: {{env: BENCHMARK_SECRET}}
"""


def _export(number: int) -> Exported:
    way, dataset = _WAYS[number % len(_WAYS)], number % _DATASETS
    name, shown = f"orders-{number:05d}", f"Orders {number:05d}"
    description = f"Orders of brand {number:05d} for the warehouse"
    location = {key: text.format(n=f"{number:05d}") for key, text in way.location.items()}
    file_type, every = ("PARQUET", "6h") if number % 3 else ("JSON", "12h")
    meant = f"name: Orders of region {dataset:03d}" if number % 2 else f"id: {_dataset_id(dataset)}"
    account = f"  auth:\n    specName: {way.named}\n{way.auth}" if way.named else ""
    where = "".join(f"  {key}: {text}\n" for key, text in location.items())
    manifest = f"""\
# The orders of brand {number:05d}, for the warehouse of the data team.
apiVersion: adobe.reconciler/v1
kind: DatasetExport
metadata:
  name: {name}
  labels: {{team: data, brand: b{number:05d}, region: eu-west}}
lifecycle:
  onRemoval: disable    # a new dataflow would begin with a full export
spec:
  name: {shown}
  description: {description}
  destination: {way.destination}
{account}{where}\
  # One of the sets that are exported to several brands.
  datasets: [{{{meant}}}]
  datasetFileType: {file_type}
  compression: GZIP
  schedule: {{every: {every}, start: 2090-01-01T00:00:00Z, end: 2095-01-01T00:00:00Z}}
"""

    def row(kind: str, **more: object) -> Row:
        text = marked(description, kind, name, number)
        return {"id": identifier(kind, name), "name": shown, "description": text, **more}

    spec = {"id": way.spec, "version": "1.0"}
    auth = {"auth": {"specName": way.named, "params": dict(way.params)}} if way.named else {}
    base = row("BaseConnection", connectionSpec=spec, **auth)
    listed = [{"dataSetId": _dataset_id(dataset), "name": f"Orders of region {dataset:03d}"}]
    source = row("SourceConnection", connectionSpec={"id": _LAKE, "version": "1.0"}, params={"datasets": listed})
    params = {"mode": "Server-to-server", **location, "datasetFileType": file_type, "compression": "GZIP"}
    target = row("TargetConnection", connectionSpec=spec, baseConnectionId=base["id"], params=params)
    flow = row(
        "Dataflow",
        flowSpec={"id": way.flow, "version": "1.0"},
        sourceConnectionIds=[source["id"]],
        targetConnectionIds=[target["id"]],
        transformations=[],
        scheduleParams={
            "exportMode": "FIRST_FULL_THEN_INCREMENTAL",
            "timeUnit": "hour",
            "interval": int(every[:-1]),
            "startTime": _START,
            "endTime": _END,
        },
    )
    first: tuple[tuple[str, Row], ...] = (("datasets", _dataset(dataset)),) if number < _DATASETS else ()
    return Exported(
        manifest=manifest,
        rows=(
            *first,
            ("connections", base),
            ("sourceConnections", source),
            ("targetConnections", target),
            ("flows", flow),
        ),
    )


def _dataset(number: int) -> Row:
    return {"id": _dataset_id(number), "name": f"Orders of region {number:03d}"}


def _dataset_id(number: int) -> str:
    return f"64b0c1d2e3f4a5b6c7d8{number:04x}"
