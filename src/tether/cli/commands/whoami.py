"""`tether whoami`: who is signed in to a hub."""

import click

from tether.cli.context import Context, pass_context


@click.command()
@click.argument("url", required=False)
@pass_context
def command(ctx: Context, url: str | None) -> None:
    """Tell who you are for the hub at URL, or for the only hub that you use."""
    from tether.cli.hubs import API, client_of, default_hub
    from tether.sync.address import parse_hub_address

    address = parse_hub_address(url) if url else default_hub(ctx)
    with client_of(ctx, address) as client:
        me = client.json("GET", f"{API}/me")
    ctx.emit(
        {"url": address.base, "user": me["name"], "admin": me["admin"], "scope": me["scope"]},
        lambda: [
            f"{me['name']} at {address.base}" + (", with a token to read" if me["scope"] == "read" else "")
        ],
    )
