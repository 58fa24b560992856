"""
A customer of Didomi: half are destinations, and half export configurations that point at two of them.

They have comments, labels, lifecycles, flow mappings, references and secret references.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from exported import BEGINNING, PER_FILE, PROJECT, Exported, Row, marked

ORGANIZATION = "example-org"


def exported(size: int) -> Iterator[Exported]:
    """`size` resources, destinations before the configurations of the same file."""
    for number in range(size):
        group, place = divmod(number, PER_FILE)
        if place < PER_FILE // 2:
            yield _s3(number) if place % 2 == 0 else _gcp(number)
        else:
            first = group * PER_FILE + place - PER_FILE // 2
            second = group * PER_FILE + (place + 1) % (PER_FILE // 2)
            yield _config(number, first, second)


def identifier(kind: str, name: str) -> str:
    """The vendor's id of the object of this kind and name."""
    return _id(kind, int(name.rpartition("-")[2]))


def settings(url: str) -> str:
    """The project file."""
    return f"""\
project: {PROJECT}
vendors:
  didomi:
    baseUrl: {url}
    organizationId: {ORGANIZATION}
    credentials:
      key: {{env: BENCHMARK_KEY}}
      secret: {{env: BENCHMARK_SECRET}}
"""


def _s3(number: int) -> Exported:
    name = _destination_name(number)
    account = f"{210_000_000_000 + number}"
    shown, description = f"Consent lake {number:05d}", f"Consents of brand {number:05d} for the warehouse"
    manifest = f"""\
# The lake of brand {number:05d}: a bucket that the vendor owns and our account may read.
apiVersion: didomi.reconciler/v1
kind: Destination
metadata:
  name: {name}
  labels: {{team: data, brand: b{number:05d}, region: eu-west}}
lifecycle:
  preventDestroy: true    # readers know the bucket by its name
  onRemoval: report
spec:
  typeId: aws-s3-didomi
  name: {shown}
  description: {description}
  config:
    # The production account of the team; twelve digits, so it is quoted.
    accountId: "{account}"
"""
    bucket = f"vendor-exports-{number:05d}"
    config: Row = {
        "account_id": account,
        "bucket_name": bucket,
        "bucket_access_role_arn": f"arn:aws:iam::555500001111:role/{bucket}-role",
    }
    row = _row("Destination", number, name, shown, description)
    return Exported(manifest=manifest, rows=(("destinations", {**row, "type_id": "aws-s3-didomi", "config": config}),))


def _gcp(number: int) -> Exported:
    name = _destination_name(number)
    shown, description = f"Consent archive {number:05d}", f"Consents of brand {number:05d}: kept for the auditors"
    manifest = f"""\
# The archive of brand {number:05d}: our own bucket, written with a service account's key.
apiVersion: didomi.reconciler/v1
kind: Destination
metadata:
  name: {name}
  labels: {{team: audit, brand: b{number:05d}, region: eu-west}}
spec:
  typeId: gcp-storage
  name: {shown}
  # Quoted, for its colon.
  description: "{description}"
  config:
    projectId: example-archive-{number % 7}
    bucketName: example-consents-{number:05d}
    key:
      env: RECONCILER_SECRET_ARCHIVE_{number % 7}
      version: "{number % 3 + 1}"
"""
    config: Row = {
        "project_id": f"example-archive-{number % 7}",
        "bucket_name": f"example-consents-{number:05d}",
        "key": "not given back",
    }
    row = _row("Destination", number, name, shown, description)
    return Exported(manifest=manifest, rows=(("destinations", {**row, "type_id": "gcp-storage", "config": config}),))


def _config(number: int, first: int, second: int) -> Exported:
    name = f"daily-{number:05d}"
    shown, description = f"Daily consents {number:05d}", f"What changed yesterday at brand {number:05d}"
    proofs, ignored = number % 3 == 0, "\n  ignoreChanges: [spec.description]" if number % 10 == 9 else ""
    manifest = f"""\
# Every night, to the lake and to the archive.
apiVersion: didomi.reconciler/v1
kind: ExportConfig
metadata:
  name: {name}
  labels: {{team: crm, brand: b{number:05d}, region: eu-west}}
lifecycle:
  onRemoval: disable{ignored}
spec:
  name: {shown}
  description: {description}
  data:
    users: {{enabled: true}}
    proofs: {{enabled: {str(proofs).lower()}}}    # on request of the legal team
  destinations:
    - {_destination_name(first)}
    - {_destination_name(second)}
  enabled: false    # the season is over
"""
    row = _row("ExportConfig", number, name, shown, description)
    data = {"users": {"enabled": True}, "proofs": {"enabled": proofs}}
    ids = [_id("Destination", each) for each in (first, second)]
    content: Row = {"data": data, "destinations_id": ids, "enabled": False, "frequency": "1 day"}
    return Exported(manifest=manifest, rows=(("configs", {**row, **content}),))


def _destination_name(number: int) -> str:
    return f"{'lake' if number % PER_FILE % 2 == 0 else 'archive'}-{number:05d}"


def _id(kind: str, number: int) -> str:
    return f"{'dst' if kind == 'Destination' else 'cfg'}{number:07d}"


def _row(kind: str, number: int, name: str, shown: str, description: str) -> Row:
    created = (BEGINNING + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {
        "id": _id(kind, number),
        "organization_id": ORGANIZATION,
        "name": shown,
        "description": marked(description, kind, name, number),
        "created_at": created,
        "updated_at": created,
        "version": 0,
    }
