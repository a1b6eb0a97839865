"""`tether logout`: forget the token of a hub."""

import click

from tether.cli.context import Context, pass_context


@click.command()
@click.argument("url", required=False)
@pass_context
def command(ctx: Context, url: str | None) -> None:
    """Forget the token of the hub at URL, and end it there if the hub can be reached."""
    from tether.cli.hubs import API, client_of, credentials, default_hub
    from tether.errors import NotFound, TetherError
    from tether.sync.address import parse_hub_address

    address = parse_hub_address(url) if url else default_hub(ctx)
    kept = credentials(ctx)
    token = kept.stored(address.base)
    if token is None:
        raise NotFound(f"not signed in to {address.base}")
    kept.forget(address.base)
    revoked = True
    try:
        with client_of(ctx, address, token, once=True) as client:
            client.json("DELETE", f"{API}/tokens/current")
    except TetherError as error:
        revoked = False
        ctx.warn(f"the hub did not end the token: {error}")
    ctx.emit(
        {"url": address.base, "revoked": revoked}, lambda: [f"signed out of {address.base}"], essential=False
    )
