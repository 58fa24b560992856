"""One export and the words its answers use (reference 2.3, 2.5)."""

import re
from dataclasses import dataclass, field

from reconciler.emulator import Access, JsonObject
from reconciler.providers.domo.emulator.queries import Result

_WORDS = {
    "internal": {"none": "none", "exporting": "exporting", "success": "success", "error": "error"},
    "hub": {"none": "none", "exporting": "running", "success": "success", "error": "failed"},
    "odd": {"none": "ACCEPTED", "exporting": "UPLOADING", "success": "DELIVERED", "error": "REJECTED"},
}
# What S3 says to a request signed for another region (7.4), and what is said here before it is asked.
_WRONG_REGION = (
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "PermanentRedirect",
    "RegionMismatch",
)
_ACTIVE = ("none", "exporting")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One export. `request` is what was asked without the credentials; `access` is gone when the job has ended."""

    id: str
    dataset: str
    user: JsonObject
    request: JsonObject
    fingerprint: str
    version: int | None
    compression: str
    created: int
    access: Access | None = field(default=None, repr=False)
    status: str = "none"
    started: int | None = None
    finished: int | None = None
    code: str | None = None
    message: str | None = None
    files: tuple[tuple[str, int], ...] = ()
    result: Result | None = field(default=None, repr=False)
    failure: tuple[str, str] | None = None
    hidden: int = 0

    @property
    def active(self) -> bool:
        """Whether the job occupies the dataset's one slot."""
        return self.status in _ACTIVE


def word_of(status: str, vocabulary: str) -> str:
    """A status in one of the vocabularies; a status nobody knows stays as it is."""
    return _WORDS[vocabulary].get(status, status)


def code_of(code: str) -> str:
    """An invented error code: Domo's are not published, and the prefix keeps anyone from believing these."""
    if code in _WRONG_REGION:
        return "EMU_S3_REGION_MISMATCH"
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", code)
    return f"EMU_S3_{re.sub(r'[^A-Za-z0-9]+', '_', words).upper()}"
