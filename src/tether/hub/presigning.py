"""Sending clients to the bucket, for packs that they may read whole and with packs that they push.

An address tells nothing of the keys of the hub, names one pack, and ends soon. Who has it can read that pack
and nothing else, so it is given only after rights were asked for, and only for what the repository has a name
for: what lies in its own part of the bucket, or what a fork has in common with others. `tether.hub.places`
has the addresses at which a pack can be put.
"""

import ipaddress
from urllib.parse import urlsplit

from tether.core.digest import Digest
from tether.errors import NotFound, Unsupported
from tether.hub.database.models import RepositoryRow
from tether.hub.hub import Hub
from tether.hub.repositories import placed
from tether.hub.settings import HubSettings, is_loopback
from tether.repo.packs import pack_key

LEAST = 1 << 20
"""Smaller packs come from the hub: one request instead of two."""


def address_of(hub: Hub, row: RepositoryRow, pack: Digest, size: int) -> str | None:
    """Return where a live pack of a repository can be read without the hub; None where only the hub has it.

    Args:
        hub: Has the repository.
        row: Of the repository; whoever asks may read it.
        pack: One that a root lists.
        size: Its bytes.
    """
    settings = hub.settings
    if hub.bucket is None or settings.presign == "off" or size < LEAST:
        return None
    place = placed(hub, hub.bucket, row.id).place(pack_key(pack))
    if place is None:
        return None
    try:
        address = hub.bucket.address(place, settings.presign_s, settings.presign_endpoint)
        return address if may_send(settings, address) and hub.bucket.size(place) == size else None
    except (NotFound, Unsupported):  # older than the bucket, or somewhere else; keys that cannot sign
        return None


def may_send(settings: HubSettings, address: str) -> bool:
    """Say whether clients are to be sent to an address in the bucket."""
    if settings.presign == "auto":
        return bool(settings.presign_endpoint) or is_public(address)
    return settings.presign == "on"


def require_addresses(hub: Hub) -> None:
    """Try whether addresses can be made, where they are wanted by all means.

    Raises:
        Unsupported: The keys of the hub cannot sign.
    """
    if hub.bucket is not None and hub.settings.presign == "on":
        hub.bucket.address("presign", hub.settings.presign_s, hub.settings.presign_endpoint)


def is_public(address: str) -> bool:
    """Say whether others can reach an address, and nobody on the way can read what comes from there."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme != "https" or is_loopback(host):
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host
