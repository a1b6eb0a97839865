"""Addresses of hubs and of the repositories on them: `http(s)://HOST[:PORT][/OWNER/NAME]`."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from tether.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class HubAddress:
    """A hub, or a repository on it.

    Attributes:
        base: The address of the hub, `http(s)://HOST[:PORT]`, in one spelling.
        owner: Whose repository; empty where a hub or nothing more is named.
        name: The name of the repository; empty where only a hub or an owner is named.
    """

    base: str
    owner: str = ""
    name: str = ""


def parse_hub_address(text: str) -> HubAddress:
    """Return what an address names; a user and a password in it are left out.

    Raises:
        InvalidInput: It is no address of a hub.
    """
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        port = -1
    steps = [unquote(step) for step in parts.path.split("/") if step]
    wrong = port == -1 or parts.query or parts.fragment or len(steps) > 2
    if parts.scheme not in ("http", "https") or not parts.hostname or wrong:
        raise InvalidInput(f"not an address of a hub: {text}", hint="write https://HOST/OWNER/NAME")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    base = f"{parts.scheme}://{host}" + ("" if port in (None, default) else f":{port}")
    return HubAddress(base, *steps)


def parse_repository_address(text: str) -> HubAddress:
    """Return the repository that an address names.

    Raises:
        InvalidInput: It is no address of a repository on a hub.
    """
    address = parse_hub_address(text)
    if not address.name:
        raise InvalidInput(f"no repository in the address {text}", hint="write https://HOST/OWNER/NAME")
    return address
