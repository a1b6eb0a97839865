"""Which addresses webhooks may reach: public ones, and private ones that the operator names."""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import TypeAlias

from tether.errors import Forbidden, InvalidInput

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""Gives the addresses of a host as text; raises OSError where there are none."""

_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        ("169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"),
    )
)
"""Where machines in clouds ask for their keys; some are private, some look public. Never allowed."""
_WITH_V4 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
"""Networks whose addresses end in one of version 4."""
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")


def parse_networks(text: str) -> tuple[Network, ...]:
    """Return the networks of a list with commas.

    Raises:
        InvalidInput: One of them is none.
    """
    found = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        try:
            found.append(ipaddress.ip_network(part))
        except ValueError:
            hint = "write it as 10.1.0.0/16 or fd12::/64, without bits behind the prefix"
            raise InvalidInput(f"the setting webhook_networks has {part!r}, no network", hint=hint) from None
    return tuple(found)


def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def checked_addresses(
    host: str, port: int, allowed: Sequence[Network], ask: Resolve = resolve
) -> list[Address]:
    """Return the addresses of a host, all of which may be reached; connect to one of these and to no other.

    A host that does not exist and one that is not allowed are told with the same words, so that nobody learns
    names of private networks.

    Args:
        host: A name, or an address in any spelling.
        port: Of the host.
        allowed: Private networks that may be reached.
        ask: Resolves names.

    Raises:
        Forbidden: It has no address, or one that may not be reached.
    """
    try:
        found = [ipaddress.ip_address(text) for text in ask(host, port)]
    except (OSError, ValueError):  # UnicodeError too
        found = []
    if not found or not all(may_reach(address, allowed) for address in found):
        raise Forbidden(f"{host} has no address that this hub sends to")
    return found


def may_reach(address: Address, allowed: Sequence[Network] = ()) -> bool:
    """Say whether webhooks may be sent to an address."""
    address = _innermost(address)
    never = address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA
    if never:
        return False
    if any(address in network for network in allowed):
        return True
    if isinstance(address, ipaddress.IPv6Address) and address not in _PUBLIC_V6:
        return False
    return address.is_global and not address.is_reserved


def _innermost(address: Address) -> Address:
    """Return the address of version 4 that one of version 6 leads to, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address.teredo is not None:
        inner = address.teredo[1]
    if inner is None and any(address in network for network in _WITH_V4) and int(address) > 1:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address if inner is None else inner
