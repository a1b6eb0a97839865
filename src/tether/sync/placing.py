"""Packs that go past a hub, to places in its bucket that it gives away: one pack, one place, one try.

Whether a pack has arrived is what the hub says, who looks at it. So it is asked also when the connection to
the bucket broke: the pack may be there all the same, and if not, the hub takes the place back, and the pack
goes to the hub itself.
"""

import hashlib
from collections.abc import Mapping

from tether.core.digest import Buffer, Digest
from tether.errors import (
    AlreadyExists,
    Conflict,
    Corrupt,
    Forbidden,
    InvalidInput,
    NotFound,
    QuotaExceeded,
    Unavailable,
)
from tether.sync.elsewhere import Elsewhere
from tether.sync.http import HttpClient, Request
from tether.sync.placewire import PLACES_HEADER, GivenPlace, WantedPlace, least_size

_NOT_TAKEN = (NotFound, InvalidInput, Conflict, AlreadyExists, Corrupt, Unavailable)


class Places:
    """Sends packs to places of one repository on a hub.

    Args:
        client: Speaks to the hub.
        path: Where the packs of the repository are on the hub, without a slash at the end.
        elsewhere: Decides which addresses are followed.
    """

    def __init__(self, client: HttpClient, path: str, elsewhere: Elsewhere) -> None:
        self._client, self._path, self._elsewhere = client, path, elsewhere
        self._least: int | None = None

    def note(self, headers: Mapping[str, str]) -> None:
        """Take from the headers of a reply whether the hub gives places."""
        self._least = least_size(headers.get(PLACES_HEADER))

    def send(self, name: Digest, data: Buffer) -> bool:
        """Send a pack past the hub; False where it is to be sent to the hub.

        Raises:
            QuotaExceeded: There is no room for it.
            Forbidden: Whoever asks may not push.
        """
        size = memoryview(data).nbytes
        if self._least is None or size < self._least or not self._elsewhere.is_wanted:
            return False
        wanted = WantedPlace(size, hashlib.sha256(data).digest())
        places = f"{self._path}/{name.hex()}/places"
        reply = self._client.call(Request("POST", places, wanted.encode()))
        if not reply:
            return False
        place = GivenPlace.decode(reply)
        sent = place.url is None or self._put(place.url, wanted, data)
        taken = self._is_taken(f"{places}/{place.id.hex()}")
        if not (sent and taken):
            self._elsewhere.failed()
        return taken

    def _put(self, url: str, wanted: WantedPlace, data: Buffer) -> bool:
        if not self._elsewhere.follows(url):
            return False
        try:
            self._client.put_elsewhere(url, data, wanted.headers())
        except (Forbidden, Unavailable):
            return False
        return True

    def _is_taken(self, path: str) -> bool:
        """Tell the hub to look at what is at a place; say whether the pack has arrived."""
        try:
            self._client.call(Request("POST", path, b""))
        except QuotaExceeded:
            raise
        except _NOT_TAKEN:
            return False
        return True
