"""`tether repo access`: who has which role in a repository on a hub."""

from dataclasses import dataclass
from urllib.parse import quote

import click

from tether.cli.context import Context
from tether.cli.hubs import API, client_of
from tether.cli.options import with_options
from tether.errors import InvalidInput

_ROLES = ("read", "triage", "write", "maintain", "admin")


@dataclass(frozen=True, slots=True)
class AccessOptions:
    """What the user asked for."""

    url: str
    user: str | None
    role: str | None
    remove: bool


@click.command("access")
@click.argument("url")
@click.argument("user", required=False)
@click.argument("role", required=False, type=click.Choice(_ROLES))
@click.option("--remove", is_flag=True, help="Take the role of USER away.")
@with_options(AccessOptions)
def access(ctx: Context, options: AccessOptions) -> None:
    """List who has a role in the repository at URL, or give USER a ROLE there in place of the one before."""
    from tether.sync.address import parse_repository_address

    if options.user is not None and (options.role is None) != options.remove:
        raise InvalidInput("what shall become of the role?", hint="give a ROLE, or --remove")
    if options.user is None and options.remove:
        raise InvalidInput("whose role?", hint="tether repo access URL USER --remove")
    address = parse_repository_address(options.url)
    owner, name = quote(address.owner, safe=""), quote(address.name, safe="")
    path = f"{API}/repos/{owner}/{name}/collaborators"
    with client_of(ctx, address, once=options.remove) as client:
        if options.user is None:
            found = client.json("GET", path)
            ctx.emit(found, lambda: [f"{each['user']}\t{each['role']}" for each in found], page=True)
            return
        place = f"{path}/{quote(options.user, safe='')}"
        if options.remove:
            client.json("DELETE", place)
        else:
            client.json("PUT", place, {"role": options.role})
    document = {"user": options.user, "role": options.role}
    said = (
        f"{options.user} has no role now" if options.remove else f"{options.user} has the role {options.role}"
    )
    ctx.emit(document, lambda: [said], essential=False)
