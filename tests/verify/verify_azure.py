"""A drop into Azurite, Microsoft's stand-in for Azure Blob Storage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas


class AzureDrop:
    """Containers of one account; one that is missing is made."""

    def __init__(self, connection: str, account: str) -> None:
        self._service = BlobServiceClient.from_connection_string(connection)
        self._account = account
        self._key = dict(each.partition("=")[::2] for each in connection.split(";"))["AccountKey"]
        self.endpoint = str(self._service.url).rstrip("/")

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Write one blob whole."""
        self._make(bucket)
        self._service.get_blob_client(bucket, key).upload_blob(content, overwrite=True)

    def expire(self, bucket: str, prefix: str) -> None:
        """Remove one blob."""
        self._service.get_blob_client(bucket, prefix).delete_blob()

    def token(self, container: str) -> str:
        """A signature that lets its holder list and read the container for an hour of this machine's time."""
        self._make(container)
        return generate_container_sas(
            self._account,
            container,
            account_key=self._key,
            permission=ContainerSasPermissions(read=True, list=True),
            expiry=datetime.now(UTC) + timedelta(hours=1),
        )

    def _make(self, container: str) -> None:
        try:
            self._service.create_container(container)
        except ResourceExistsError:
            return
