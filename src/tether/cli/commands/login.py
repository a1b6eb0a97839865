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
    sign_up: bool
    invitation: str | None


@click.command()
@click.argument("url")
@click.option("--token", help="A token of the hub. Others on this machine can see it; see --token-stdin.")
@click.option("--token-stdin", is_flag=True, help="Read the token from the input.")
@click.option("--user", metavar="NAME", help="Sign in with a name and a password.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from the input; else a terminal is asked."
)
@click.option(
    "--oidc", metavar="PROVIDER", help="Sign in at a provider, with a browser; --user names a new account."
)
@click.option("--link", is_flag=True, help="With --oidc: be the user who is signed in already.")
@click.option("--sign-up", is_flag=True, help="With --user: make the account first, where the hub allows it.")
@click.option("--invitation", metavar="CODE", help="For a new account, where one is needed.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Sign in to the hub at URL, so that later commands need no token.

    The token is kept in credentials.toml beside your settings, which only you can read. With --user the
    hub makes a new token for this machine. The variable TETHER_TOKEN is used instead where it is set.
    With --oidc an address is printed to open in a browser anywhere; it shows a code to give here. With
    --sign-up the hub makes the account NAME first, if it lets anybody in or --invitation is good.
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
    from tether.cli.asking import read_new_password, read_secret

    _require_one_way(ctx, options)
    if options.oidc is not None:
        return _by_provider(ctx, address, options)
    if options.user is not None:
        password = read_new_password() if options.sign_up else read_secret("password")
        return _by_password(ctx, address, options, password)
    return options.token or read_secret("token")


def _require_one_way(ctx: Context, options: Options) -> None:
    """Raise InvalidInput unless the options say one way to sign in, and nothing that belongs to another."""
    from tether.errors import InvalidInput

    if options.oidc is not None:
        if options.token is not None or options.token_stdin or options.password_stdin or options.sign_up:
            raise InvalidInput("--oidc goes with no token, password or --sign-up", hint="leave one out")
        return
    if options.link:
        raise InvalidInput("--link is for --oidc", hint="add --oidc PROVIDER")
    if options.invitation is not None and not options.sign_up:
        raise InvalidInput("--invitation is for a new account", hint="add --sign-up, or --oidc PROVIDER")
    ways = [options.token is not None, options.token_stdin, options.user is not None]
    named = options.user is not None
    asked = options.password_stdin or (named and ctx.interactive)
    if sum(ways) != 1 or asked != named or (options.sign_up and not named):
        raise InvalidInput(
            "no token and no password",
            hint="give --token-stdin, --user with --password-stdin, or --oidc PROVIDER",
        )


def _by_password(ctx: Context, address: "HubAddress", options: Options, password: str) -> str:
    """Return a new token for a name and a password, whose account is made first if that was asked for."""
    from tether.cli.hubs import API
    from tether.cli.network import http_options
    from tether.sync.http import HttpClient

    # Once: a second try would count as a second wrong password, and make a second token.
    client = HttpClient(address.base, None, http_options(ctx, address, once=True))
    try:
        if options.sign_up:
            wanted = {"name": options.user, "password": password, "invitation": options.invitation}
            client.json("POST", f"{API}/signup", wanted)
        body = {"user": options.user, "password": password, "label": _label()}
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
