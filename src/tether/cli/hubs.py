"""Speaking to a hub for the commands: who signs in where, and the client for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tether.cli.context import Context

if TYPE_CHECKING:
    from tether.sync.address import HubAddress
    from tether.sync.credentials import Credentials
    from tether.sync.http import HttpClient

API = "/api/v1"


def credentials(ctx: Context) -> "Credentials":
    """Return the tokens of this user; `TETHER_TOKEN` stands for all of them."""
    from tether.sync.credentials import Credentials

    path = ctx.user_config_path.with_name("credentials.toml")
    return Credentials(path, ctx.environ.get("TETHER_TOKEN"))


def connected(
    ctx: Context, address: "HubAddress", token: str | None = None, *, once: bool = False
) -> "HttpClient":
    """Return a client for a hub, with the token given or else the one of this user; close it after use.

    Args:
        ctx: Of the command.
        address: The hub, or a repository on it.
        token: Instead of the one that is known for the hub.
        once: Send no request again, since a second one would find what the first one did.
    """
    from tether.cli.network import http_options
    from tether.sync.http import HttpClient

    options = http_options(ctx, address, once=once)
    return HttpClient(address.base, token or credentials(ctx).token(address.base), options)


@contextmanager
def client_of(
    ctx: Context, address: "HubAddress", token: str | None = None, *, once: bool = False
) -> Iterator["HttpClient"]:
    """Yield a client for a hub; see `connected`."""
    client = connected(ctx, address, token, once=once)
    try:
        yield client
    finally:
        client.close()


def default_hub(ctx: Context) -> "HubAddress":
    """Return the hub that a command without an address means: of the repository here, or the only one known.

    Raises:
        InvalidInput: There is none, or more than one.
    """
    from tether.api.remotes import remotes
    from tether.errors import InvalidInput, NotFound
    from tether.sync.address import parse_hub_address

    found: dict[str, None] = {}
    try:
        urls = list(remotes(ctx.repo()).values())
    except NotFound:
        urls = []
    for url in urls:
        if url.startswith(("http://", "https://")):
            found[parse_hub_address(url).base] = None
    known = list(found) or credentials(ctx).hubs()
    if len(known) != 1:
        told = f": {', '.join(known)}" if known else ""
        raise InvalidInput(f"{len(known)} hubs could be meant{told}", hint="give the address of the hub")
    return parse_hub_address(known[0])
