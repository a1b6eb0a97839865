"""Packs that a hub keeps elsewhere: which addresses a client follows, and for how long it tries.

An address counts only as the body of a reply of its own type: a redirect is never followed. What comes from
there is verified as if the hub had sent it, and whenever it is not to be had, the hub is asked instead.
"""

import ipaddress
from urllib.parse import urlsplit

_FAILURES = 3
_PLAIN = {"http": frozenset({"http", "https"}), "https": frozenset({"https"})}


class Elsewhere:
    """Decides for one hub.

    Args:
        base: The address of the hub.
    """

    def __init__(self, base: str) -> None:
        parts = urlsplit(base)
        self._schemes = _PLAIN.get(parts.scheme, frozenset[str]())
        self._near = _is_near(parts.hostname or "")
        self._failures = 0

    @property
    def is_wanted(self) -> bool:
        """Whether the hub is still asked for addresses; not after a few in a row that gave nothing."""
        return self._failures < _FAILURES

    def failed(self) -> None:
        """Count an address that gave nothing, or nothing sound."""
        self._failures += 1

    def worked(self) -> None:
        """Take note of a pack that came: what failed before counts no more."""
        self._failures = 0

    def follows(self, url: str) -> bool:
        """Say whether a hub may send us there.

        Never without TLS where the hub has it, nor to this machine or its link unless the hub is there.
        """
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            return False
        if parts.scheme not in self._schemes or not host or "@" in parts.netloc or not url.isascii():
            return False
        return url.isprintable() and (self._near or not _is_near(host))


def _is_near(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_loopback or mapped.is_link_local or mapped.is_unspecified
