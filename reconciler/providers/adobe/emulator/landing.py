"""The Data Landing Zone as its reader sees it: the credentials of its container (§11)."""

from datetime import timedelta

from reconciler.emulator import Access, Answer, World
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
        # Invented; whoever lets a real store stand behind the zone puts what opens it here.
        self.account = "examplelanding"
        self.token = "sv=2020-10-02&si=dlz-example&sr=c&sp=rl&sig=not-real"  # noqa: S105 - invented
        self.keys = Access(
            key="EXAMPLEACCESSKEY2345",
            secret="not-real-secret-access-key-of-the-example",  # noqa: S106 - invented
            session_token="not-real-session-token-of-the-example",  # noqa: S106 - invented
        )

    def place(self, organization: str, sandbox: str) -> tuple[str, str]:
        """
        The bucket of the drop and what comes before every key.

        That files at AWS lie below `dlzFolder` is inferred from its name.
        """
        below = f"{CONTAINER}/" if self._world.switches["dlz_provider"] == "aws" else ""
        return self.bucket(organization, sandbox), below

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
                "awsAccessKeyId": self.keys.key,
                "awsSecretAccessKey": self.keys.secret,
                "awsSessionToken": self.keys.session_token,
            }
            until = iso(self._world.clock.now() + timedelta(hours=1))
            path = {"bucketName": bucket, "dlzFolder": CONTAINER}
            return Answer(body={"credentials": keys, "dlzPath": path, "dlzProvider": "Amazon S3", "expiryTime": until})
        body = {
            "containerName": bucket,
            "SASToken": self.token,
            "storageAccountName": self.account,
            "SASUri": f"https://{self.account}.blob.core.windows.net/{bucket}?{self.token}",
        }
        return Answer(body=body)
