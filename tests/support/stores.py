"""The servers of all kinds of buckets that can run beside the tests, in one form."""

from collections.abc import Callable
from typing import Protocol

from tests.support.azurite import azure_server
from tests.support.gcs import gcs_server
from tests.support.s3 import s3_server


class StoreServer(Protocol):
    """A server with one bucket, and two people who have keys: `ada`, and `reader` who may only read."""

    scheme: str
    bucket: str
    url: str

    def new_prefix(self) -> str:
        """Return a part of the bucket that no other test has."""
        ...

    def environment(self, user: str = "ada", *, url: str | None = None) -> dict[str, str]:
        """Return what a user of the server has in the environment; `url` is another way to it."""
        ...

    def keys(self, user: str = "ada", *, url: str | None = None) -> dict[str, str]:
        """Return the same as settings of the client."""
        ...


SERVERS: dict[str, Callable[[], StoreServer]] = {"s3": s3_server, "gs": gcs_server, "az": azure_server}
"""Return the server of this test session, started when first asked for; a test skips where there is none."""
