"""`tether login`: sign in to a hub."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from tether.cli.context import Context
from tether.cli.options import with_options

if TYPE_CHECKING:
    from tether.sync.address import HubAddress


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    url: str
    token: str | None
    token_stdin: bool
    user: str | None
    password_stdin: bool


@click.command()
@click.argument("url")
@click.option("--token", help="A token of the hub. Others on this machine can see it; see --token-stdin.")
@click.option("--token-stdin", is_flag=True, help="Read the token from the input.")
@click.option("--user", metavar="NAME", help="Sign in with a name and a password.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the input.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Sign in to the hub at URL, so that later commands need no token.

    The token is kept in credentials.toml beside your settings, which only you can read. With --user the
    hub makes a new token for this machine. The variable TETHER_TOKEN is used instead where it is set.
    """
    from tether.cli.hubs import API, client_of, credentials
    from tether.sync.address import parse_hub_address

    address = parse_hub_address(options.url)
    _warn_of_plain_http(ctx, address)
    token = _token(ctx, address, options)
    with client_of(ctx, address, token) as client:
        me = client.json("GET", f"{API}/me")
    credentials(ctx).store(address.base, token)
    ctx.emit(
        {"url": address.base, "user": me["name"], "scope": me["scope"]},
        lambda: [f"signed in to {address.base} as {me['name']}"],
        essential=False,
    )


def _token(ctx: Context, address: "HubAddress", options: Options) -> str:
    """Return the token that was given, or the one that a name and a password are good for."""
    from tether.cli.asking import read_secret
    from tether.errors import InvalidInput

    ways = [options.token is not None, options.token_stdin, options.user is not None]
    if sum(ways) != 1 or options.password_stdin != (options.user is not None):
        raise InvalidInput(
            "no token and no password", hint="give --token-stdin, or --user with --password-stdin"
        )
    if options.user is not None:
        return _by_password(ctx, address, options.user, read_secret("password"))
    return options.token or read_secret("token")


def _by_password(ctx: Context, address: "HubAddress", user: str, password: str) -> str:
    import socket

    from tether.cli.hubs import API
    from tether.cli.network import http_options
    from tether.sync.http import HttpClient

    # Once: a second try would count as a second wrong password, and make a second token.
    client = HttpClient(address.base, None, http_options(ctx, address, once=True))
    try:
        body = {"user": user, "password": password, "label": f"tether login on {socket.gethostname()}"[:100]}
        return str(client.json("POST", f"{API}/login", body)["token"])
    finally:
        client.close()


def _warn_of_plain_http(ctx: Context, address: "HubAddress") -> None:
    """Say that others can read the token on its way, unless it stays on this machine."""
    from urllib.parse import urlsplit

    host = urlsplit(address.base).hostname or ""
    if address.base.startswith("http://") and host != "localhost" and not host.startswith(("127.", "::1")):
        ctx.warn(f"{address.base} is not encrypted: others on the way can read your token")
