"""What is said about places in a bucket to which a pack is sent. Page: docs/format/transfer.md."""

from base64 import b64encode
from typing import NamedTuple

from tether.core.codec import decode, encode
from tether.errors import Corrupt, InvalidInput
from tether.sync.wire import MAX_ADDRESS, VERSION

PLACES_HEADER = "Tether-Places"
"""Header of the list of refs of a hub that gives places: the least bytes of a pack that gets one."""
PLACE_ID = 16
_SHA256 = 32
_LONGEST_NUMBER = 12


class WantedPlace(NamedTuple):
    """A pack for which a place is asked.

    Attributes:
        size: Its bytes.
        sha256: Of its bytes; what the store verifies.
    """

    size: int
    sha256: bytes

    def encode(self) -> bytes:
        """Return the message."""
        return encode([VERSION, self.size, self.sha256])

    @classmethod
    def decode(cls, data: bytes) -> "WantedPlace":
        """Read the message.

        Raises:
            InvalidInput: It is none.
        """
        try:
            match decode(data, "place"):
                case [1, int(size), bytes(sha256)] if size > 0 and len(sha256) == _SHA256:
                    return cls(size, sha256)
        except Corrupt:
            pass
        raise InvalidInput("a request for a place has an unknown form", hint="use a newer Tether")

    def headers(self) -> dict[str, str]:
        """Return the headers that are signed along with the address, and so have to be sent there."""
        return {
            "Content-Length": str(self.size),
            "If-None-Match": "*",
            "X-Amz-Checksum-Sha256": b64encode(self.sha256).decode(),
        }


class GivenPlace(NamedTuple):
    """A place for a pack.

    Attributes:
        id: By which the hub knows it.
        url: Where the pack is sent; None where it is there already.
    """

    id: bytes
    url: str | None

    def encode(self) -> bytes:
        """Return the message."""
        return encode([VERSION, self.id, self.url])

    @classmethod
    def decode(cls, data: bytes) -> "GivenPlace":
        """Read the message; Corrupt where it is none."""
        match decode(data, "place"):
            case [1, bytes(name), url] if len(name) == PLACE_ID and (url is None or _is_address(url)):
                return cls(name, url)
        raise Corrupt("a place for a pack has an unknown form", hint="use a newer Tether")


def least_size(header: str | None) -> int | None:
    """Return the least size of a pack that gets a place, by the header of a hub; None where it gives none."""
    if header is None or not header.isascii() or not header.isdigit() or len(header) > _LONGEST_NUMBER:
        return None
    return int(header)


def _is_address(url: object) -> bool:
    return isinstance(url, str) and len(url) <= MAX_ADDRESS
