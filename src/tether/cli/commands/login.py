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
    oidc: str | None
    link: bool
    invitation: str | None


@click.command()
@click.argument("url")
@click.option("--token", help="A token of the hub. Others on this machine can see it; see --token-stdin.")
@click.option("--token-stdin", is_flag=True, help="Read the token from the input.")
@click.option("--user", metavar="NAME", help="Sign in with a name and a password.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the input.")
@click.option(
    "--oidc", metavar="PROVIDER", help="Sign in at a provider, with a browser; --user names a new account."
)
@click.option("--link", is_flag=True, help="With --oidc: be the user who is signed in already.")
@click.option("--invitation", metavar="CODE", help="With --oidc: for a new account, where one is needed.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Sign in to the hub at URL, so that later commands need no token.

    The token is kept in credentials.toml beside your settings, which only you can read. With --user the
    hub makes a new token for this machine. The variable TETHER_TOKEN is used instead where it is set.
    With --oidc an address is printed to open in a browser anywhere; it shows a code to give here.
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
    """Return the token that was given, or the one that a name and a password or a provider are good for."""
    from tether.cli.asking import read_secret
    from tether.errors import InvalidInput

    if options.oidc is not None:
        if options.token is not None or options.token_stdin or options.password_stdin:
            raise InvalidInput("--oidc goes with no token and no password", hint="leave one out")
        return _by_provider(ctx, address, options)
    if options.link or options.invitation is not None:
        raise InvalidInput("--link and --invitation are for --oidc", hint="add --oidc PROVIDER")
    ways = [options.token is not None, options.token_stdin, options.user is not None]
    if sum(ways) != 1 or options.password_stdin != (options.user is not None):
        raise InvalidInput(
            "no token and no password",
            hint="give --token-stdin, --user with --password-stdin, or --oidc PROVIDER",
        )
    if options.user is not None:
        return _by_password(ctx, address, options.user, read_secret("password"))
    return options.token or read_secret("token")


def _by_password(ctx: Context, address: "HubAddress", user: str, password: str) -> str:
    from tether.cli.hubs import API
    from tether.cli.network import http_options
    from tether.sync.http import HttpClient

    # Once: a second try would count as a second wrong password, and make a second token.
    client = HttpClient(address.base, None, http_options(ctx, address, once=True))
    try:
        body = {"user": user, "password": password, "label": _label()}
        return str(client.json("POST", f"{API}/login", body)["token"])
    finally:
        client.close()


def _by_provider(ctx: Context, address: "HubAddress", options: Options) -> str:
    """Tell which address to open, read the code that the browser shows, and return the token for it."""
    import secrets
    from urllib.parse import quote

    from tether.cli.asking import read_secret
    from tether.cli.hubs import API, connected
    from tether.cli.network import http_options
    from tether.core.digest import hash_bytes
    from tether.errors import InvalidInput
    from tether.sync.http import HttpClient

    client = HttpClient(address.base, None, http_options(ctx, address, once=True))
    if options.link:
        client.close()
        client = connected(ctx, address, once=True)
    try:
        known = [str(each["name"]) for each in client.json("GET", f"{API}/oidc")]
        if options.oidc not in known:
            told = f"it has {', '.join(known)}" if known else "it has none"
            raise InvalidInput(f"no provider {options.oidc} on {address.base}", hint=told)
        verifier = secrets.token_urlsafe(32)
        challenge = hash_bytes(verifier.encode()).hex()
        page = f"{address.base}{API}/oidc/{quote(str(options.oidc), safe='')}/start?challenge={challenge}"
        ctx.err.write(f"open this address in a browser, sign in, and give the code here:\n{page}\n")
        ctx.err.flush()
        body = {"code": read_secret("code").strip(), "verifier": verifier, "label": _label()}
        more = {"name": options.user, "invitation": options.invitation, "link": options.link}
        return str(client.json("POST", f"{API}/oidc/token", body | more)["token"])
    finally:
        client.close()


def _label() -> str:
    import socket

    return f"tether login on {socket.gethostname()}"[:100]


def _warn_of_plain_http(ctx: Context, address: "HubAddress") -> None:
    """Say that others can read the token on its way, unless it stays on this machine."""
    from urllib.parse import urlsplit

    host = urlsplit(address.base).hostname or ""
    if address.base.startswith("http://") and host != "localhost" and not host.startswith(("127.", "::1")):
        ctx.warn(f"{address.base} is not encrypted: others on the way can read your token")
