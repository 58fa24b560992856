"""The Data Landing Zone as its reader sees it: the credentials of its container (§11)."""

from datetime import timedelta

from reconciler.emulator import Answer, World
from reconciler.emulator.clock import iso
from reconciler.providers.adobe.emulator.calls import Call
from reconciler.providers.adobe.emulator.errors import malformed

# One container per sandbox, each with this name in a storage account of its own (§5.2, §11).
CONTAINER = "dlz-destination"


class Landing:
    """Says where the files of a sandbox's Data Landing Zone lie."""

    def __init__(self, world: World, default: tuple[str, str]) -> None:
        self._world = world
        self._default = default

    def bucket(self, organization: str, sandbox: str) -> str:
        """The bucket of the drop; sandboxes that are not the default one get a suffix, so that they stay apart."""
        return CONTAINER if (organization, sandbox) == self._default else f"{CONTAINER}-{sandbox}"

    def get_credentials(self, call: Call) -> Answer:
        """A shared access signature, or AWS keys where the organization is hosted there (§11)."""
        if call.request.parameter("type") != "dlz_destination":
            raise malformed("type must be dlz_destination")
        bucket = self.bucket(call.organization, call.sandbox)
        if self._world.switches["dlz_provider"] == "aws":
            keys = {
                "awsAccessKeyId": "EXAMPLEACCESSKEY2345",
                "awsSecretAccessKey": "not-real-secret-access-key-of-the-example",
                "awsSessionToken": "not-real-session-token-of-the-example",
            }
            until = iso(self._world.clock.now() + timedelta(hours=1))
            path = {"bucketName": bucket, "dlzFolder": CONTAINER}
            return Answer(body={"credentials": keys, "dlzPath": path, "dlzProvider": "Amazon S3", "expiryTime": until})
        account = "examplelanding"
        token = "sv=2020-10-02&si=dlz-example&sr=c&sp=rl&sig=not-real"  # noqa: S105 - invented
        body = {
            "containerName": bucket,
            "SASToken": token,
            "storageAccountName": account,
            "SASUri": f"https://{account}.blob.core.example/{bucket}?{token}",
        }
        return Answer(body=body)
