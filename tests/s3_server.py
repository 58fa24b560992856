"""An object store that checks credentials, with buckets in two regions, for tests of whoever delivers or reads."""

import contextlib
from collections.abc import Iterator

from reconciler.emulator import ObjectStore

LAKE = "example-lake"
LAKE_REGION = "eu-west-3"
FAR = "example-lake-us"
FAR_REGION = "us-east-1"
PUBLIC = "example-public"


@contextlib.contextmanager
def object_store() -> Iterator[ObjectStore]:
    """
    A store with two private buckets in two regions and one that everybody may read.

    It starts in half a second and shares nothing with another; `keys`, `assume_role`, `make_user`, `expire`,
    `make_public` and `objects` are on the store itself.
    """
    with ObjectStore.start() as store:
        furnish(store)
        yield store


def furnish(store: ObjectStore) -> None:
    """Make the buckets; after `store.empty()` too."""
    store.make_bucket(LAKE, LAKE_REGION)
    store.make_bucket(FAR, FAR_REGION)
    store.make_bucket(PUBLIC, LAKE_REGION)
    store.make_public(PUBLIC)
